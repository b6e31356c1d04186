"""cost.py: sums of dated list prices over resources that are really there; nothing is made up."""

from __future__ import annotations

from typing import Any

import pytest

from runbook import cost, prices
from runbook.cost import UnknownPrice, Usage

USAGE = Usage(backup_bytes=1e9, backup_interval_s=86_400, retention_days=10, writes_per_backup=100)


def resource(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"type": f"azure-native:{kind}", "urn": f"urn:pulumi:dr::planb::{kind}::it", "inputs": inputs}


def total(*resources: dict[str, Any]) -> tuple[float, float]:
    found = cost.lines(resources, USAGE)
    return sum(line.hour_usd for line in found), sum(line.month_usd for line in found)


def test_backups_are_paid_by_what_is_kept_and_written() -> None:
    hour, month = total(resource("storage:BlobContainer"))
    assert hour == 0
    assert month == pytest.approx(
        10 * prices.AZURE["blob_hot_lrs_gb_month"] + 0.3 * prices.AZURE["blob_write_10k"]
    )
    assert total(resource("storage:BlobContainer", publicAccess="Blob")) == (0, 0), (
        "the page, not the backups"
    )


def test_high_availability_is_paid_twice() -> None:
    sku = {"name": "Standard_D2ds_v4"}
    one = total(resource("dbformysql:Server", sku=sku, storage={"storageSizeGB": 20}))
    two = total(
        resource(
            "dbformysql:Server",
            sku=sku,
            storage={"storageSizeGB": 20},
            highAvailability={"mode": "ZoneRedundant"},
        )
    )
    assert one[0] == pytest.approx(0.236)
    assert two == pytest.approx((2 * one[0], 2 * one[1]))


def test_nodes_are_counted_from_their_minimum() -> None:
    size = prices.AZURE_VM_HOUR["Standard_B2s"]
    pool = {"vmSize": "Standard_B2s", "minCount": 2, "count": 5}
    assert total(resource("containerservice:AgentPool", **pool))[0] == pytest.approx(2 * size)
    cluster = resource("containerservice:ManagedCluster", agentPoolProfiles=[{"name": "p", **pool}])
    balancer = prices.AZURE["load_balancer_standard_hour"]
    assert total(cluster)[0] == pytest.approx(2 * size + balancer)


def test_outputs_win_over_inputs() -> None:
    server = resource("dbformysql:Server", sku={"name": "Standard_B1ms"})
    server["outputs"] = {"sku": {"name": "Standard_B2s"}}
    assert total(server)[0] == prices.AZURE_MYSQL_HOUR["Standard_B2s"]


def test_the_rest_of_the_table() -> None:
    gateway = resource("network:ApplicationGateway", sku={"name": "Standard_v2"})
    assert total(gateway)[0] == pytest.approx(0.27 + 0.008)
    assert total(resource("network:PublicIPAddress"), resource("network:NatGateway"))[0] == pytest.approx(
        0.05
    )
    assert total(resource("privatedns:PrivateZone"))[1] == 0.5
    wants = {"resources": {"requests": {"cpu": 2, "memoryInGB": 4}}}
    assert total(resource("containerinstance:ContainerGroup", containers=[wants]))[1] > 0


def test_what_is_free_or_elsewhere_costs_nothing() -> None:
    others = [
        resource("network:Subnet"),
        resource("insights:Component"),
        {"type": "aws:s3:Bucket", "urn": "u"},
    ]
    assert total(*others) == (0, 0)


def test_an_unknown_sku_is_an_error_not_a_guess() -> None:
    with pytest.raises(UnknownPrice, match=r"no price for Standard_Z9 .*runbook/prices\.py") as caught:
        total(resource("dbformysql:Server", sku={"name": "Standard_Z9"}))
    assert caught.value.resource == "it"


def test_a_month_is_730_hours() -> None:
    assert cost.Line("r", "b", hour_usd=1, month_usd=2).month_total_usd == 732
