"""A subscription in memory, and the pilot light in it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from simcloud.kinds import Resource
from simcloud.state import State
from tests.unit.simcloud.harness import Cloud

LOCATION = "koreacentral"
RG = "rg-blue"
TOP = f"/subscriptions/00000000-0000-4000-8000-0000000b1a4b/resourceGroups/{RG}"
NET = f"{TOP}/providers/Microsoft.Network"


class Azure(Cloud):
    """One subscription."""

    cloud, region, stack, prefix = "azure-native", LOCATION, "dr", "azure-native:"

    def __init__(self, state: State) -> None:
        self.status: dict[str, Any] = {"state": "Running"}
        server = SimpleNamespace(host="127.77.3.11", port=3306)
        super().__init__(
            state,
            network={},
            storage={},
            mysql={"create": lambda *_, **__: server, "exists": True},
            compute={"status": lambda _: self.status},
            clusters={"kubeconfig": "apiVersion: v1\nkind: Config\n"},
        )

    # -- the pilot light and what stands in it --

    def group(self) -> Resource:
        return self.make(
            "resources:ResourceGroup", {"resourceGroupName": RG, "location": "Korea Central"}, "rg"
        )

    def vnet(self, *, name: str = "vnet", space: str = "172.16.0.0/16", location: str = LOCATION) -> Resource:
        given = {
            "resourceGroupName": RG,
            "virtualNetworkName": name,
            "location": location,
            "addressSpace": {"addressPrefixes": [space]},
        }
        return self.make("network:VirtualNetwork", given, name)

    def subnet(
        self, name: str, prefix: str, *, delegation: str | None = None, vnet: str = "vnet", **more: Any
    ) -> Resource:
        given: dict[str, Any] = {
            "resourceGroupName": RG,
            "virtualNetworkName": vnet,
            "subnetName": name,
            "addressPrefix": prefix,
            **more,
        }
        if delegation:
            given["delegations"] = [{"name": "d", "serviceName": delegation}]
        return self.make("network:Subnet", given, name)

    def identity(self, name: str = "id-restore") -> Resource:
        given = {"resourceGroupName": RG, "resourceName": name}
        return self.make("managedidentity:UserAssignedIdentity", given, name)


@pytest.fixture
def azure() -> Iterator[Azure]:
    """An empty subscription."""
    state = State(":memory:")
    yield Azure(state)
    state.close()


@pytest.fixture
def site(azure: Azure) -> Azure:
    """A subscription with the resource group and the virtual network of the standby."""
    azure.group()
    azure.vnet()
    return azure
