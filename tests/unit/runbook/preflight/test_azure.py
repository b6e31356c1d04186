"""What Azure says to the questions, judged; the answers are those of the embedded clouds or of one that refuses."""

from __future__ import annotations

from typing import Any

import pytest

from runbook.errors import PlanBError
from runbook.preflight import azure
from runbook.preflight.asking import Refusal
from runbook.preflight.look import Planned
from tests.unit.runbook.preflight.looks import CLUSTER, POOL, SERVER, FakeLook, found, planned, severities


def versions(*minors: str, preview: str = "", lts: str = "") -> dict[str, Any]:
    return {
        "values": [
            {
                "version": m,
                "isPreview": m == preview,
                "capabilities": {
                    "supportPlan": ["AKSLongTermSupport"] if m == lts else ["KubernetesOfficial"]
                },
                "patchVersions": {f"{m}.1": {}},
            }
            for m in minors
        ]
    }


@pytest.mark.parametrize(
    ("wanted", "offered", "severity", "says"),
    [
        ("1.35", versions("1.34", "1.35", "1.36"), "ok", "AKS makes clusters of 1.35"),
        ("1.35", versions("1.35", "1.36"), "warning", "oldest"),
        ("1.29", versions("1.34", "1.35"), "blocker", "it offers 1.34, 1.35"),
        ("1.33", versions("1.33", "1.34", lts="1.33"), "blocker", "no longer makes clusters of 1.33"),
        ("1.35.9", versions("1.34", "1.35"), "blocker", "1.35.9"),
        ("1.35.1", versions("1.34", "1.35"), "ok", "1.35.1"),
        ("1.38", versions("1.37", "1.38", preview="1.38"), "warning", "preview"),
    ],
)
def test_kubernetes(wanted: str, offered: dict[str, Any], severity: str, says: str) -> None:
    look = FakeLook(
        {"kubernetesVersions": offered}, [Planned(CLUSTER, "aks", {"kubernetesVersion": wanted}, True)]
    )
    ((said, what),) = found(azure.kubernetes, look)
    assert said == severity and says in what


def capabilities(**change: Any) -> dict[str, Any]:
    given = {"tier": "Burstable", "version": "8.0.21", "sku": "Standard_B2s", "ha": ["SameZone"], **change}
    servers = [{"name": given["version"], "supportedSkus": [{"name": given["sku"]}]}]
    editions = [{"name": given["tier"], "supportedServerVersions": servers}]
    return {"value": [{"supportedHAMode": given["ha"], "supportedFlexibleServerEditions": editions}]}


@pytest.mark.parametrize("change", [{"tier": "GeneralPurpose"}, {"version": "8.4"}, {"sku": "Standard_B1ms"}])
def test_mysql_is_offered_as_a_whole(change: dict[str, str]) -> None:
    assert severities(azure.mysql, FakeLook({"capabilities": capabilities()})) == ["ok"]
    ((severity, what),) = found(azure.mysql, FakeLook({"capabilities": capabilities(**change)}))
    assert severity == "blocker" and "8.0.21 on Standard_B2s (Burstable)" in what


def test_mysql_with_high_availability() -> None:
    inputs = {**planned()[1].inputs, "highAvailability": {"mode": "ZoneRedundant"}}
    server = [Planned(SERVER, "db", inputs, True)]
    assert severities(azure.mysql, FakeLook({"capabilities": capabilities()}, server)) == ["blocker"]
    more = capabilities(ha=["SameZone", "ZoneRedundant"])
    assert severities(azure.mysql, FakeLook({"capabilities": more}, server)) == ["ok"]


def usage(**limits: tuple[int, int]) -> dict[str, Any]:
    return {"value": [{"currentValue": u, "limit": m, "name": {"value": n}} for n, (u, m) in limits.items()]}


def skus(**change: Any) -> dict[str, Any]:
    sku = {
        "resourceType": "virtualMachines",
        "name": "Standard_B2s",
        "family": "standardBSFamily",
        "capabilities": [{"name": "vCPUs", "value": "2"}],
        "restrictions": [],
    }
    return {"value": [{**sku, **change}]}


def test_cores_are_counted_for_every_pool_that_has_to_be_made() -> None:
    answers = {"skus": skus(), "usages": usage(cores=(2, 10), standardBSFamily=(2, 10))}
    assert severities(azure.sizes, FakeLook(answers)) == ["ok", "ok"]
    answers["usages"] = usage(cores=(3, 10), standardBSFamily=(2, 10))
    assert found(azure.sizes, FakeLook(answers))[0] == (
        "blocker",
        "quota cores in koreacentral: 10 vCPUs, 3 in use, a failover needs 8 more",
    )


def test_a_family_without_a_quota_is_not_fine() -> None:
    answers = {"skus": skus(), "usages": usage(cores=(0, 10))}
    assert severities(azure.sizes, FakeLook(answers)) == ["ok", "unasked"]


def test_nodes_that_are_there_need_no_cores() -> None:
    there = [Planned(p.type, p.name, p.inputs, False) for p in planned()]
    assert found(azure.sizes, FakeLook({}, there)) == [("ok", "no node has to be made")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Standard_B4ms"}, "not offered there"),
        (
            {"restrictions": [{"type": "Location", "reasonCode": "NotAvailableForSubscription"}]},
            "NotAvailableForSubscription",
        ),
    ],
)
def test_a_size_that_cannot_be_had(change: dict[str, Any], says: str) -> None:
    answers = {"skus": skus(**change), "usages": usage(cores=(0, 99))}
    severity, what = found(azure.sizes, FakeLook(answers))[0]
    assert severity == "blocker" and says in what


def test_a_restriction_of_one_zone_is_none_of_the_region() -> None:
    barred = [{"type": "Zone", "reasonCode": "NotAvailableForSubscription"}]
    answers = {"skus": skus(restrictions=barred), "usages": usage(cores=(0, 99), standardBSFamily=(0, 99))}
    assert severities(azure.sizes, FakeLook(answers)) == ["ok", "ok"]


def test_addresses_count_the_one_that_the_cluster_takes() -> None:
    assert severities(azure.addresses, FakeLook({"usages": usage(PublicIPAddresses=(8, 10))})) == ["ok"]
    assert severities(azure.addresses, FakeLook({"usages": usage(PublicIPAddresses=(9, 10))})) == ["blocker"]


def test_names() -> None:
    free = {"nameAvailable": True, "message": "", "reason": ""}
    taken = {
        "nameAvailable": False,
        "reason": "AlreadyExists",
        "message": "Specified server name is already used.",
    }
    assert severities(azure.names, FakeLook({"checkNameAvailability": free})) == ["ok"]
    ((severity, what),) = found(azure.names, FakeLook({"checkNameAvailability": taken}))
    assert severity == "blocker" and what.startswith("mysql-dr-blue is taken (AlreadyExists: Specified")


def test_a_provider_that_nobody_registered() -> None:
    registered = {"registrationState": "Registered"}
    answers = {
        "Microsoft.ContainerService": registered,
        "Microsoft.Network": registered,
        "Microsoft.DBforMySQL": {"registrationState": "NotRegistered"},
    }
    assert found(azure.providers, FakeLook(answers)) == [
        ("blocker", "Microsoft.DBforMySQL is not registered in the subscription")
    ]


@pytest.mark.parametrize(
    ("answer", "severity"),
    [
        ({"displayName": "Bank", "state": "Enabled"}, "ok"),
        ({"displayName": "Bank", "state": "Warned"}, "blocker"),
        (Refusal("AuthorizationFailed", "no", 403), "blocker"),
    ],
)
def test_identity(answer: Any, severity: str) -> None:
    assert severities(azure.identity, FakeLook({"": answer})) == [severity]


def test_without_an_answer_nothing_is_said_to_be_fine() -> None:
    for check in (azure.kubernetes, azure.mysql, azure.sizes, azure.addresses, azure.names, azure.providers):
        with pytest.raises(PlanBError):
            check(FakeLook())  # type: ignore[arg-type]


def test_pools_are_counted_by_their_first_size() -> None:
    look: Any = FakeLook(resources=[Planned(POOL, "was", {"vmSize": "X", "minCount": 3}, True)])
    assert [(size, count) for _, size, count in azure.nodes_of(look)] == [("X", 3)]
