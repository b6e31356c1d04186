"""AKS clusters, pools, versions and networks."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import pytest

from simcloud.azure import aksrules
from simcloud.azure.errors import ArmError

from .conftest import NET, RG, TOP, Azure

CLUSTER, POOL = "containerservice:ManagedCluster", "containerservice:AgentPool"
VNET = f"{NET}/virtualNetworks/vnet"


def pool(name: str = "web", **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": name,
        "mode": "System" if name == "web" else "User",
        "vmSize": "Standard_B2s",
        "osType": "Linux",
        "type": "VirtualMachineScaleSets",
        "enableAutoScaling": True,
        "count": 2,
        "minCount": 2,
        "maxCount": 4,
        "nodeLabels": {"tier": name},
        "vnetSubnetID": f"{VNET}/subnets/snet-{name}",
    }
    return {k: v for k, v in (given | changes).items() if v is not None}


def cluster(*pools: dict[str, Any], **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "resourceGroupName": RG,
        "resourceName": "aks-blue",
        "dnsPrefix": "blue",
        "kubernetesVersion": "1.36",
        "identity": {"type": "SystemAssigned"},
        "networkProfile": {
            "networkPlugin": "azure",
            "serviceCidr": "10.100.0.0/16",
            "dnsServiceIP": "10.100.0.10",
        },
        "agentPoolProfiles": list(pools) or [pool("web"), pool("was")],
    }
    return {k: v for k, v in (given | changes).items() if v is not None}


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day on which 1.36 is supported, whenever the test runs."""

    class Day(datetime.date):
        @classmethod
        def today(cls) -> datetime.date:
            return datetime.date(2026, 11, 24)

    monkeypatch.setattr(aksrules.datetime, "date", Day)


@pytest.fixture
def ready(site: Azure) -> Azure:
    site.subnet("snet-web", "172.16.11.0/24")
    site.subnet("snet-was", "172.16.21.0/24")
    return site


def test_a_cluster_and_its_credentials(ready: Azure) -> None:
    made = ready.make(CLUSTER, cluster())
    (call,) = ready.called("clusters.create")
    assert call[0] == (made.id,)
    assert call[1] == {
        "region": "koreacentral",
        "version": "1.36.2",
        "server": f"https://{made.outputs['fqdn']}:443",
    }
    assert made.outputs["fqdn"].endswith(".hcp.koreacentral.azmk8s.io")
    assert made.outputs["nodeResourceGroup"] == "MC_rg-blue_aks-blue_koreacentral"
    assert made.outputs["agentPoolProfiles"][0]["currentOrchestratorVersion"] == "1.36.2"
    answer = ready.invoke(
        "containerservice:listManagedClusterUserCredentials", resourceGroupName=RG, resourceName="aks-blue"
    )
    assert base64.b64decode(answer["kubeconfigs"][0]["value"]).startswith(b"apiVersion: v1")
    ready.delete(made)
    assert ready.called("clusters.delete") == [((made.id,), {})]


def test_credentials_of_no_cluster(ready: Azure) -> None:
    with pytest.raises(ArmError) as caught:
        ready.invoke(
            "containerservice:listManagedClusterUserCredentials", resourceGroupName=RG, resourceName="x"
        )
    assert caught.value.code == "ResourceNotFound"


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ({"dnsPrefix": None}, "InvalidParameter", "Required parameter dnsPrefix is missing (null)."),
        ({"dnsPrefix": "blue_"}, "InvalidParameter", "The value of parameter dnsPrefix is invalid."),
        (
            {"identity": None},
            "InvalidParameter",
            "Required parameter servicePrincipalProfile is missing (null).",
        ),
        (
            {"kubernetesVersion": "1.29"},
            "K8sVersionNotSupported",
            "Managed cluster aks-blue is on version 1.29 which is",
        ),
        ({"kubernetesVersion": "1.99"}, "K8sVersionNotSupported", "1.99"),
        ({"kubernetesVersion": "latest"}, "K8sVersionNotSupported", "latest"),
        (
            {"agentPoolProfiles": []},
            "InvalidParameter",
            "Required parameter agentPoolProfiles is missing (null).",
        ),
        (
            {"agentPoolProfiles": [pool("web", mode="User")]},
            "MustDefineAtLeastOneSystemPool",
            "Must define at least one system pool.",
        ),
        ({"agentPoolProfiles": [pool("web"), pool("web")]}, "InvalidParameter", "agentPoolProfile.name"),
        (
            {
                "networkProfile": {
                    "networkPlugin": "azure",
                    "serviceCidr": "172.16.0.0/20",
                    "dnsServiceIP": "172.16.0.10",
                }
            },
            "ServiceCidrOverlapExistingSubnetsCidr",
            "The specified service CIDR 172.16.0.0/20 is conflicted with an existing subnet CIDR 172.16.11.0/24",
        ),
        (
            {"networkProfile": {"networkPlugin": "azure", "serviceCidr": "10.100.0.0/16"}},
            "InvalidParameter",
            "networkProfile.dnsServiceIP",
        ),
    ],
)
def test_a_cluster_that_azure_refuses(ready: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    ready.refuses(code, text, CLUSTER, cluster(**bad))
    ready.make(CLUSTER, cluster())


@pytest.mark.parametrize(
    ("bad", "code", "text"),
    [
        ({"name": "Web"}, "InvalidParameter", "The value of parameter agentPoolProfile.name is invalid."),
        ({"vmSize": "Standard_A1"}, "VMSizeNotSupported", "The VM size of Standard_A1 is not allowed"),
        ({"vmSize": None}, "InvalidParameter", "agentPoolProfile.vmSize is missing"),
        ({"minCount": None}, "InvalidParameter", "minCount and maxCount are required"),
        ({"minCount": 5}, "InvalidParameter", "minCount (5) <= maxCount (4)"),
        ({"count": 9}, "InvalidParameter", "count (9) is not between 2 and 4"),
        ({"enableAutoScaling": False}, "InvalidParameter", "need enableAutoScaling"),
        ({"nodeLabels": {"kubernetes.azure.com/x": "y"}}, "InvalidParameter", "reserved prefix"),
        (
            {"vnetSubnetID": "snet-web"},
            "InvalidParameter",
            "The value of parameter agentPoolProfile.vnetSubnetID",
        ),
        ({"vnetSubnetID": f"{VNET}/subnets/none"}, "ResourceNotFound", "vnet/subnets/none"),
        (
            {"vnetSubnetID": f"{NET}/virtualNetworks/v2/subnets/s2"},
            "InvalidParameter",
            "same virtual network",
        ),
        (
            {"vnetSubnetID": f"{VNET}/subnets/snet-restore"},
            "SubnetIsDelegated",
            "cannot be used as it's a delegated subnet.",
        ),
        ({"maxPods": 110}, "InsufficientSubnetSize", "Pre-allocated IPs 444 exceeds IPs available 251"),
    ],
)
def test_a_pool_that_azure_refuses(ready: Azure, bad: dict[str, Any], code: str, text: str) -> None:
    ready.vnet(name="v2", space="10.20.0.0/16")
    ready.subnet("s2", "10.20.1.0/24", vnet="v2")
    ready.subnet("snet-restore", "172.16.41.0/24", delegation="Microsoft.ContainerInstance/containerGroups")
    broken = {k: v for k, v in (pool("web") | bad).items() if v is not None}
    ready.refuses(code, text, CLUSTER, cluster(broken, pool("was")))
    ready.make(CLUSTER, cluster())


def test_overlay_needs_an_address_a_node(ready: Azure) -> None:
    network = {
        "networkPlugin": "azure",
        "networkPluginMode": "overlay",
        "serviceCidr": "10.100.0.0/16",
        "dnsServiceIP": "10.100.0.10",
    }
    made = ready.make(
        CLUSTER, cluster(pool("web", maxPods=110), pool("was", maxPods=110), networkProfile=network)
    )
    assert made.outputs["networkProfile"]["podCidr"] == "10.244.0.0/16"


def test_versions_by_date() -> None:
    assert aksrules.supported(datetime.date(2026, 11, 24)) == ["1.34", "1.35", "1.36", "1.37"]
    assert aksrules.supported(datetime.date(2027, 1, 1)) == ["1.35", "1.36", "1.37"]
    assert "1.33" in aksrules.supported(datetime.date(2026, 11, 24), lts=True)
    assert "1.29" not in aksrules.supported(datetime.date(2026, 11, 24), lts=True)
    aksrules.check_version("c", "1.35.4", "KubernetesOfficial", datetime.date(2026, 11, 24))
    for version in ("1.35.99", "1.35.", "1.34"):
        with pytest.raises(ArmError):
            aksrules.check_version("c", version, "KubernetesOfficial", datetime.date(2027, 1, 1))


def test_upgrades_go_one_minor_at_a_time(ready: Azure) -> None:
    made = ready.make(CLUSTER, cluster(kubernetesVersion="1.35"))
    ready.refuses_change("OperationNotAllowed", "Available upgrades: [1.36]", made, kubernetesVersion="1.37")
    ready.refuses_change("OperationNotAllowed", "Downgrading", made, kubernetesVersion="1.34")
    assert ready.change(made, kubernetesVersion="1.36").outputs["currentKubernetesVersion"] == "1.36.2"


def test_what_a_cluster_cannot_change(ready: Azure) -> None:
    made = ready.make(CLUSTER, cluster())
    moved = [pool("web", vnetSubnetID=f"{VNET}/subnets/snet-was"), pool("was")]
    text = "Changing property 'agentPoolProfile.vnetSubnetID' is not allowed."
    ready.refuses_change("PropertyChangeNotAllowed", text, made, agentPoolProfiles=moved)
    network = {"networkPlugin": "azure", "serviceCidr": "10.101.0.0/16", "dnsServiceIP": "10.101.0.10"}
    ready.refuses_change(
        "PropertyChangeNotAllowed", "networkProfile.serviceCidr", made, networkProfile=network
    )
    ready.change(made, agentPoolProfiles=[pool("web", maxCount=5), pool("was")])


def own_pool(name: str = "was", **changes: Any) -> dict[str, Any]:
    given = {k: v for k, v in pool(name, **changes).items() if k != "name"}
    return {"resourceGroupName": RG, "resourceName": "aks-blue", "agentPoolName": name, **given}


def test_a_pool_of_its_own(ready: Azure) -> None:
    ready.refuses("ParentResourceNotFound", "'aks-blue' not found", POOL, own_pool())
    ready.make(CLUSTER, cluster(pool("web")), "c")
    ready.refuses("NodePoolMcVersionIncompatible", "1.37", POOL, own_pool(orchestratorVersion="1.37"))
    ready.refuses("InvalidParameter", "agentPoolProfile.name", POOL, own_pool("wasToo", vnetSubnetID=None))
    made = ready.make(POOL, own_pool())
    assert made.id == f"{TOP}/providers/Microsoft.ContainerService/managedClusters/aks-blue/agentPools/was"
    assert made.outputs["provisioningState"] == "Succeeded"
    text = "Changing property 'properties.osType' is not allowed."
    ready.refuses_change("PropertyChangeNotAllowed", text, made, osType="Windows")
    subnet = ready.state.by_id("azure-native:network:Subnet", f"{VNET}/subnets/snet-was")
    assert subnet
    ready.refuses_delete("InUseSubnetCannotBeDeleted", "/virtualMachineScaleSets/aks-was-", subnet)
    ready.delete(made)
    ready.delete(subnet)


def test_the_last_system_pool_stays(ready: Azure) -> None:
    made = ready.make(CLUSTER, cluster(pool("web")), "c")
    second = ready.make(POOL, own_pool(mode="System"))
    # The cluster's own profile becomes a user pool; now the second one is the last.
    changed = ready.change(made, agentPoolProfiles=[pool("web", mode="User")])
    ready.refuses_delete("OperationNotAllowed", "at least one system agent pool", second)
    ready.change(changed, agentPoolProfiles=[pool("web")])
    ready.delete(second)


def test_a_pools_range_may_move_away_from_its_count(ready: Azure) -> None:
    """A warm standby's pool of one node gets a minimum of two at failover; its count is the autoscaler's."""
    small = pool("web", count=1, minCount=1)
    wider = small | {"minCount": 2}
    ready.refuses(
        "InvalidParameter", "count (1) is not between 2 and 4", CLUSTER, cluster(wider, pool("was"))
    )
    made = ready.make(CLUSTER, cluster(small, pool("was")))
    ready.change(made, agentPoolProfiles=[wider, pool("was")])
    ready.refuses_change(
        "InvalidParameter", "minCount (5)", made, agentPoolProfiles=[small | {"minCount": 5}]
    )
