"""Azure's components: the security rules flow by flow, the gateway, the cluster, the storage account."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azure_native as azure
import pytest

from components.azure.cluster import Cluster, ClusterArgs
from components.azure.database import Database, DatabaseArgs
from components.azure.gateway import Gateway, GatewayArgs
from components.azure.network import Network, NetworkArgs
from components.azure.storage import Storage, StorageArgs

from .conftest import KUBECONFIG, Made, Recorded, Run

ROOT = Path(__file__).parents[3]
SUBNETS = {
    "appgw": "172.16.1.0/24",
    "web": "172.16.11.0/24",
    "was": "172.16.21.0/24",
    "db": "172.16.31.0/24",
    "restore": "172.16.41.0/24",
}
PLATFORM = "platform"  # GatewayManager's own range
TAGS = ("Internet", "GatewayManager", "AzureLoadBalancer", "VirtualNetwork")
PORTS = (22, 53, 80, 443, 3306, 3389, 8080, 10250, 65200, 65400, 65535)
# The seed's section 3 as (from, to, port), then what the platform and the clusters' nodes demand.
SEED = {
    ("Internet", "appgw", 80),
    ("Internet", "appgw", 443),
    ("appgw", "web", 8080),
    ("web", "was", 8080),
    ("was", "db", 3306),
    ("restore", "db", 3306),
}
DEMANDED = {("GatewayManager", "appgw", port) for port in (65200, 65400, 65535)}
DEMANDED |= {("AzureLoadBalancer", tier, port) for tier in ("appgw", "web") for port in PORTS}
DEMANDED |= {(a, b, port) for a, b in (("web", "was"), ("was", "web")) for port in (53, 10250)}
BASE: dict[str, Any] = {"project": "blue", "resource_group": "rg-blue", "location": "koreacentral"}
SUBSCRIPTION = "00000000-0000-4000-8000-0000000b1a4b"


def in_stack(make: Callable[[pulumi.ResourceOptions], object]) -> Callable[[], None]:
    def program() -> None:
        make(pulumi.ResourceOptions(provider=azure.Provider("azure", location="koreacentral")))

    return program


@pytest.fixture
def network(run: Run, preview: bool) -> Recorded:
    return run(in_stack(lambda opts: Network("network", NetworkArgs(**BASE), opts)), preview=preview)


def groups(recorded: Recorded) -> dict[str, Made]:
    found = recorded.all("NetworkSecurityGroup")
    return {item["networkSecurityGroupName"].split("-")[1]: item for item in found}


def ports_of(rule: dict[str, Any]) -> list[tuple[int, int]]:
    texts = rule.get("destinationPortRanges") or [rule["destinationPortRange"]]
    pairs = [("0", "65535") if text == "*" else (text, text) for text in texts if "-" not in text]
    pairs += [tuple(text.split("-")) for text in texts if "-" in text]  # type: ignore[misc]
    return [(int(low), int(high)) for low, high in pairs]


def passes(group: Made, source: str, target: str, port: int) -> bool:
    """What Azure does: the first rule by priority that fits decides."""
    origin = SUBNETS.get(source, source)
    for rule in sorted(group["securityRules"], key=lambda rule: rule["priority"]):
        if rule["direction"] != "Inbound" or rule["protocol"] not in ("*", "Tcp"):
            continue
        if rule["sourceAddressPrefix"] not in ("*", origin):
            continue
        if rule["destinationAddressPrefix"] not in ("*", SUBNETS[target]):
            continue
        if any(low <= port <= high for low, high in ports_of(rule)):
            return rule["access"] == "Allow"
    return source == "VirtualNetwork" or source in SUBNETS  # Azure's own default, AllowVnetInBound


class TestNetwork:
    def test_reachability(self, network: Recorded) -> None:
        found = groups(network)
        assert found.keys() == SUBNETS.keys()
        passing = {
            (source, target, port)
            for source in (*SUBNETS, *TAGS)
            for target in SUBNETS
            for port in PORTS
            if source != target and passes(found[target], source, target, port)
        }
        assert passing == SEED | DEMANDED

    @pytest.mark.parametrize("tier", SUBNETS)
    def test_a_tier_is_closed_within_itself_too(self, network: Recorded, tier: str) -> None:
        assert not any(passes(groups(network)[tier], tier, tier, port) for port in (22, 8080, 3306))

    @pytest.mark.parametrize("tier", SUBNETS)
    def test_the_refusal_is_last(self, network: Recorded, tier: str) -> None:
        rules = sorted(groups(network)[tier]["securityRules"], key=lambda rule: rule["priority"])
        last = rules[-1]
        assert (last["name"], last["access"], last["priority"]) == ("deny-all", "Deny", 4096)
        wide = ("protocol", "sourceAddressPrefix", "destinationAddressPrefix", "destinationPortRange")
        assert {last[key] for key in wide} == {"*"}
        assert all(rule["access"] == "Allow" and 100 <= rule["priority"] < 4096 for rule in rules[:-1])
        assert (
            len({rule["priority"] for rule in rules}) == len({rule["name"] for rule in rules}) == len(rules)
        )

    def test_the_gateways_platform_rules(self, network: Recorded) -> None:
        rules = {rule["sourceAddressPrefix"]: rule for rule in groups(network)["appgw"]["securityRules"]}
        manager = rules["GatewayManager"]
        assert manager["destinationPortRange"] == "65200-65535" and manager["protocol"] == "Tcp"
        assert manager["destinationAddressPrefix"] == "*"  # Azure refuses a narrower one
        assert rules["AzureLoadBalancer"]["destinationPortRange"] == "*"

    def test_subnets(self, network: Recorded) -> None:
        (vnet,) = network.all("VirtualNetwork")
        assert vnet["addressSpace"]["addressPrefixes"] == ["172.16.0.0/16"]
        assert vnet.ignored == ("subnets",)
        assert not ip_network("172.16.0.0/16").overlaps(ip_network("10.0.0.0/16"))  # the VPC
        subnets = network.all("Subnet")
        assert {item["subnetName"]: item["addressPrefix"] for item in subnets} == {
            f"snet-{tier}": cidr for tier, cidr in SUBNETS.items()
        }
        delegated = {
            item["subnetName"]: item["delegations"][0]["serviceName"]
            for item in subnets
            if "delegations" in item.inputs
        }
        assert delegated == {
            "snet-db": "Microsoft.DBforMySQL/flexibleServers",
            "snet-restore": "Microsoft.ContainerInstance/containerGroups",
        }

    def test_subnets_are_made_one_after_the_other(self, network: Recorded) -> None:
        by_urn = {item.urn: item["subnetName"] for item in network.all("Subnet")}
        before = {
            item["subnetName"]: {by_urn[urn] for urn in item.after if urn in by_urn}
            for item in network.all("Subnet")
        }
        order = [f"snet-{tier}" for tier in SUBNETS]
        assert before == {name: set(order[max(0, at - 1) : at]) for at, name in enumerate(order)}


@pytest.mark.parametrize("preview", [False], indirect=True, ids=["up"])
def test_each_subnet_has_its_own_group(network: Recorded) -> None:
    for item in network.all("Subnet"):
        assert item["networkSecurityGroup"] == {"id": f"network-{item['subnetName']}-id"}


def test_gateway(run: Run, preview: bool) -> None:
    args = GatewayArgs(subnet_id="snet", backend_ip="172.16.11.200", subscription_id=SUBSCRIPTION, **BASE)
    recorded = run(in_stack(lambda opts: Gateway("gateway", args, opts)), preview=preview)
    gateway = recorded.one("ApplicationGateway")
    (probe,) = gateway["probes"]
    assert probe["path"] == "/actuator/health"
    assert probe["timeout"] < probe["interval"]
    assert gateway["sku"] == {"name": "Standard_v2", "tier": "Standard_v2"}
    assert gateway["sslPolicy"]["policyName"] == "AppGwSslPolicy20220101"
    (pool,) = gateway["backendAddressPools"]
    assert pool["backendAddresses"] == [{"ipAddress": "172.16.11.200"}]
    own = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-blue/providers/Microsoft.Network"
    own += "/applicationGateways/agw-blue"
    parts = {
        f"{own}/{kind}/{item['name']}"
        for kind in (
            "probes",
            "backendAddressPools",
            "backendHttpSettingsCollection",
            "httpListeners",
            "frontendPorts",
            "frontendIPConfigurations",
        )
        for item in gateway[kind]
    }
    (rule,), (listener,) = gateway["requestRoutingRules"], gateway["httpListeners"]
    (settings,) = gateway["backendHttpSettingsCollection"]
    pointed = [rule[key]["id"] for key in ("httpListener", "backendAddressPool", "backendHttpSettings")]
    pointed += [listener["frontendIPConfiguration"]["id"], listener["frontendPort"]["id"]]
    pointed += [settings["probe"]["id"]]
    assert set(pointed) == parts  # every part is used, and no reference is to nothing
    assert settings["port"] == 8080
    address = recorded.one("PublicIPAddress")
    assert address["sku"]["name"] == "Standard" and address["publicIPAllocationMethod"] == "Static"
    assert address["dnsSettings"]["domainNameLabelScope"] == "ResourceGroupReuse"


def test_cluster(run: Run, preview: bool) -> None:
    args = ClusterArgs(
        version="1.35",
        subscription_id=SUBSCRIPTION,
        web_subnet_id="snet-web-id",
        was_subnet_id="snet-was-id",
        vnet_id="vnet-id",
        node_min=2,
        node_max=4,
        **BASE,
    )
    made: list[Cluster] = []
    seen: list[str] = []

    def make(opts: pulumi.ResourceOptions) -> None:
        made.append(Cluster("cluster", args, opts))
        made[0].kubeconfig.apply(seen.append)

    recorded = run(in_stack(make), preview=preview)
    cluster, was = recorded.one("ManagedCluster"), recorded.one("AgentPool")
    (web,) = cluster["agentPoolProfiles"]
    for tier, pool in (("web", web), ("was", was.inputs)):
        assert pool["nodeLabels"] == {"tier": tier}
        assert (pool["minCount"], pool["maxCount"], pool["count"]) == (2, 4, 2)
        assert pool["enableAutoScaling"] is True
        assert pool["vnetSubnetID"] == f"snet-{tier}-id"
        # Azure CNI gives each pod an address: every node, and the one more of an upgrade, must fit.
        assert (pool["maxCount"] + 1) * (pool["maxPods"] + 1) <= ip_network(SUBNETS[tier]).num_addresses - 5
    assert (web["mode"], was["mode"]) == ("System", "User")
    assert cluster.ignored == ("agentPoolProfiles[0].count",) and was.ignored == ("count",)
    assert cluster["kubernetesVersion"] == "1.35"
    profile = cluster["networkProfile"]
    inside = ip_network(profile["serviceCidr"])
    assert ip_address(profile["dnsServiceIP"]) in inside
    assert not any(inside.overlaps(ip_network(cidr)) for cidr in ("172.16.0.0/16", "10.0.0.0/16"))
    assert recorded.one("RoleAssignment")["scope"] == "vnet-id"
    assert seen == ([] if preview else [KUBECONFIG])


@pytest.mark.parametrize(
    ("available", "sku", "mode"),
    [
        (False, {"name": "Standard_B2s", "tier": "Burstable"}, "Disabled"),
        (True, {"name": "Standard_D2ds_v4", "tier": "GeneralPurpose"}, "ZoneRedundant"),
    ],
)
def test_database(run: Run, preview: bool, available: bool, sku: dict[str, str], mode: str) -> None:
    args = DatabaseArgs(
        version="8.0",
        high_availability=available,
        subnet_id="snet-db-id",
        vnet_id="vnet-id",
        database="petclinic",
        **BASE,
    )
    recorded = run(in_stack(lambda opts: Database("database", args, opts)), preview=preview)
    server = recorded.one("Server")
    assert server["sku"] == sku and server["highAvailability"]["mode"] == mode
    assert server["network"]["delegatedSubnetResourceId"] == "snet-db-id"
    assert "database-link" in {urn.split("::")[-1] for urn in server.after}
    parameters = {item["configurationName"]: item["value"] for item in recorded.all("Configuration")}
    assert parameters["require_secure_transport"] == "ON"
    changes = {
        item.name: item for item in recorded.made if "serverName" in item.inputs and item is not server
    }
    assert recorded.all("Configuration")[0]["configurationName"] == "sql_generate_invisible_primary_key"
    order = [
        "database-mysql",
        "database-database",
        *(item for item in changes if item != "database-database"),
    ]
    for name, item in changes.items():  # one after the other: ServerIsBusy otherwise
        waited = {urn.split("::")[-1] for urn in item.after}
        assert order[order.index(name) - 1] in waited


def test_storage(run: Run, preview: bool) -> None:
    args = StorageArgs(
        account="bloberry01",
        resource_group="rg-blue",
        location="koreacentral",
        retention_days=30,
        site=ROOT / "site",
        protect=True,
    )
    recorded = run(in_stack(lambda opts: Storage("storage", args, opts)), preview=preview)
    account = recorded.one("StorageAccount")
    assert account["allowBlobPublicAccess"] is False and account["allowSharedKeyAccess"] is False
    assert account["enableHttpsTrafficOnly"] is True and account["minimumTlsVersion"] == "TLS1_2"
    assert recorded.one("BlobContainer")["publicAccess"] == "None"
    (rule,) = recorded.one("ManagementPolicy")["policy"]["rules"]
    assert rule["definition"]["filters"]["prefixMatch"] == [
        "mysql-backups/backups/",
        "mysql-backups/binlog/",
    ]
    days = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
    assert days == 30
    pages = {item["blobName"]: item for item in recorded.all("Blob")}
    website = recorded.one("StorageAccountStaticWebsite")
    assert {website["indexDocument"], website["error404Document"], "maintenance/index.html"} == pages.keys()
    for name, item in pages.items():
        assert item["source"].text == (ROOT / "site" / name).read_text(encoding="utf-8")
        assert item["contentType"] == "text/html; charset=utf-8"
