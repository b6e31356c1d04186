"""The management API of the embedded Azure: what it knows, what it refuses, and that it agrees with creations."""

from __future__ import annotations

import datetime
import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from simcloud import azureapi
from simcloud.azure import aksrules
from simcloud.faults import Faults
from simcloud.kinds import Resource
from simcloud.state import State
from tests.unit.simcloud.azure.conftest import Azure

SUB = f"/subscriptions/{azureapi.SUBSCRIPTION}"
AKS = "/providers/Microsoft.ContainerService/locations/koreacentral/kubernetesVersions"
CORES = "/providers/Microsoft.Compute/locations/koreacentral/usages"
MYSQL = "/providers/Microsoft.DBforMySQL/locations/koreacentral"


def bearer(audience: str = "https://management.azure.com") -> str:
    claims = {"aud": audience, "exp": int(time.time()) + 60}
    return "Bearer " + jwt.encode(claims, "k" * 32, algorithm="HS256")


class Api:
    def __init__(self, state: State) -> None:
        self.faults = Faults()
        network: Any = SimpleNamespace(is_dark=lambda region: False)
        self.management = azureapi.ManagementApi(state, network, self.faults)

    def __call__(
        self, path: str, method: str = "GET", body: dict[str, Any] | None = None, **query: str
    ) -> tuple[int, Any]:
        token = query.pop("token", bearer())
        asked = {"api-version": "x", **query}
        return self.management.answer(
            method, SUB + path, {k: v for k, v in asked.items() if v}, body or {}, token
        )


@pytest.fixture
def api(azure: Azure) -> Api:
    return Api(azure.state)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Bearer x", "InvalidAuthenticationToken"),
        (bearer("https://storage.azure.com"), "InvalidAuthenticationTokenAudience"),
    ],
)
def test_who_is_not_let_in(api: Api, token: str, code: str) -> None:
    status, body = api("", token=token)
    assert (status, body["error"]["code"]) == (401, code)


def test_credentials_that_expired(api: Api) -> None:
    api.faults.add("credentials_expired", {"cloud": "azure-native"})
    assert api("")[1]["error"]["code"] == "ExpiredAuthenticationToken"


def test_what_is_not_modelled_is_refused(api: Api) -> None:
    assert api("/providers/Microsoft.Web/sites")[1]["error"]["code"] == "InvalidResourceType"
    assert api(AKS, "DELETE")[1]["error"]["code"] == "InvalidResourceType"
    assert api("", **{"api-version": ""})[1]["error"]["code"] == "MissingApiVersionParameter"
    status, body = api.management.answer("GET", "/subscriptions/other", {"api-version": "x"}, {}, bearer())
    assert (status, body["error"]["code"]) == (404, "SubscriptionNotFound")


def test_kubernetes_versions_are_those_that_can_be_made(api: Api) -> None:
    values = {v["version"]: v for v in api(AKS)[1]["values"]}
    usual = [v for v, e in values.items() if "KubernetesOfficial" in e["capabilities"]["supportPlan"]]
    assert usual == aksrules.supported(datetime.date.today())
    for version in usual:
        for patch in values[version]["patchVersions"]:
            aksrules.check_version("aks", patch, "KubernetesOfficial")


def test_mysql_sizes_are_those_that_can_be_made(api: Api) -> None:
    zone = api(f"{MYSQL}/capabilities")[1]["value"][0]
    for edition in zone["supportedFlexibleServerEditions"]:
        assert {v["name"] for v in edition["supportedServerVersions"]} == azureapi.VERSIONS
        names = {s["name"] for s in edition["supportedServerVersions"][0]["supportedSkus"]}
        assert names, edition["name"]
        assert ("Standard_B2s" in names) == (edition["name"] == "Burstable")
        assert ("Standard_D2ds_v4" in names) == (edition["name"] == "GeneralPurpose")


def test_sizes(api: Api) -> None:
    skus = api("/providers/Microsoft.Compute/skus", **{"$filter": "location eq 'koreacentral'"})[1]["value"]
    found = {s["name"]: (s["family"], s["capabilities"][0]["value"]) for s in skus}
    assert found["Standard_B2s"] == ("standardBSFamily", "2")
    assert found["Standard_D4s_v5"] == ("standardDSv5Family", "4")
    assert found["Standard_DS2_v2"] == ("standardDSv2Family", "2")
    assert all(aksrules.VM_SIZES.fullmatch(name) for name in found)
    assert api("/providers/Microsoft.Compute/skus")[0] == 400


def used(api: Api, path: str = CORES) -> dict[str, tuple[int, int]]:
    return {u["name"]["value"]: (u["currentValue"], u["limit"]) for u in api(path)[1]["value"]}


def test_a_reached_quota_shows(api: Api) -> None:
    assert used(api)["cores"] == (0, azureapi.CORES)
    api.faults.add("quota", {"type": azureapi.POOL, "message": "no cores"})
    assert used(api)["cores"] == (0, 0) and used(api)["standardBSFamily"] == (0, 0)
    network = "/providers/Microsoft.Network/locations/koreacentral/usages"
    assert used(api, network)["PublicIPAddresses"] == (0, azureapi.ADDRESSES)
    api.faults.add("quota", {"type": azureapi.ADDRESS, "message": "no addresses"})
    assert used(api, network)["PublicIPAddresses"] == (0, 0)


def test_names(api: Api) -> None:
    status, body = api(f"{MYSQL}/checkNameAvailability", "POST", {"name": "mysql-dr-blue"})
    assert (status, body["nameAvailable"]) == (200, True)


def test_providers(api: Api) -> None:
    assert api("/providers/Microsoft.DBforMySQL")[1]["registrationState"] == "Registered"
    assert api("/providers/Microsoft.Quantum")[1]["registrationState"] == "NotRegistered"


def test_one_server_and_its_absence(api: Api, azure: Azure) -> None:
    path = "/resourceGroups/rg-blue/providers/Microsoft.DBforMySQL/flexibleServers/mysql-dr-blue"
    assert api(path)[1]["error"]["code"] == "ResourceNotFound"
    azure.state.put(
        Resource("urn:x::y::z", azureapi.MYSQL, SUB + path, "azure-native", "k", {}, {}, "ready", 0.0)
    )
    assert api(path)[1]["properties"]["state"] == "Ready"
    assert (
        api(f"{MYSQL}/checkNameAvailability", "POST", {"name": "MySQL-dr-blue"})[1]["nameAvailable"] is False
    )
