"""Azure's components: the security rules flow by flow, the gateway, the cluster, the storage account."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azure_native as azure
import pytest

from components.azure.backup_writer import BackupWriter, BackupWriterArgs
from components.azure.cluster import Cluster, ClusterArgs
from components.azure.database import Database, DatabaseArgs
from components.azure.gateway import Gateway, GatewayArgs
from components.azure.network import Network, NetworkArgs
from components.azure.page import MaintenancePage, MaintenancePageArgs
from components.azure.roles import Roles, RolesArgs
from components.azure.storage import Storage, StorageArgs
from components.azure.watch import BackupWatch, BackupWatchArgs

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

    def test_nothing_calls_out_and_blobs_are_reached_all_the_same(self, network: Recorded) -> None:
        subnets = network.all("Subnet")
        assert {item["defaultOutboundAccess"] for item in subnets} == {False}
        assert {item.ignored for item in subnets} == {("defaultOutboundAccess",)}  # Azure sets it once
        reaching = {item["subnetName"] for item in subnets if "serviceEndpoints" in item.inputs}
        assert reaching == {"snet-restore", "snet-web", "snet-was"}
        assert not network.all("NatGateway") and not network.all("PublicIPAddress")

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


def storage(run: Run, *, preview: bool = False, **more: Any) -> Recorded:
    given: dict[str, Any] = {"shared_key": False, "immutable": True, "protect": True, "retention_days": 30}
    place = {key: BASE[key] for key in ("resource_group", "location")}
    args = StorageArgs(account="bloberry01", **place, **{**given, **more})
    return run(in_stack(lambda opts: Storage("storage", args, opts)), preview=preview)


def test_the_account_of_backups_is_closed(run: Run, preview: bool) -> None:
    recorded = storage(run, preview=preview)
    account = recorded.one("StorageAccount")
    assert account["allowBlobPublicAccess"] is False and account["allowSharedKeyAccess"] is False
    assert account["enableHttpsTrafficOnly"] is True and account["minimumTlsVersion"] == "TLS1_2"
    assert {item["publicAccess"] for item in recorded.all("BlobContainer")} == {"None"}
    assert not recorded.all("StorageAccountStaticWebsite") and not recorded.all("Blob")


def test_what_was_stored_stays(run: Run, preview: bool) -> None:
    recorded = storage(run, preview=preview, retention_days=45)
    kept = recorded.one("BlobServiceProperties")
    assert kept["isVersioningEnabled"] is True
    for policy in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
        assert kept[policy] == {"enabled": True, "days": 7}
    worm = recorded.one("BlobContainerImmutabilityPolicy")
    assert worm["immutabilityPeriodSinceCreationInDays"] == 45
    assert worm["allowProtectedAppendWrites"] is True  # the journal grows
    container = recorded.one("BlobContainer", "storage-backups")
    assert kept.urn in container.after, "Azure wants versions before their immutability"
    expiry, versions = recorded.one("ManagementPolicy")["policy"]["rules"]
    assert expiry["definition"]["filters"]["prefixMatch"] == [
        "mysql-backups/backups/",
        "mysql-backups/binlog/",
    ]
    actions = expiry["definition"]["actions"]
    assert actions["baseBlob"]["delete"]["daysAfterModificationGreaterThan"] == 45
    assert actions["version"]["delete"]["daysAfterCreationGreaterThan"] == 45
    # Of the journal and of the state only what was written over goes.
    assert versions["definition"]["filters"]["prefixMatch"] == ["mysql-backups/", "pulumi-state/"]
    assert versions["definition"]["actions"] == {"version": {"delete": {"daysAfterCreationGreaterThan": 45}}}


def test_the_page_has_an_account_of_its_own(run: Run, preview: bool) -> None:
    place = {key: BASE[key] for key in ("resource_group", "location")}
    args = MaintenancePageArgs(account="bloberry01web", site=ROOT / "site", protect=True, **place)
    recorded = run(in_stack(lambda opts: MaintenancePage("page", args, opts)), preview=preview)
    account = recorded.one("StorageAccount")
    assert account["accountName"] == "bloberry01web" and account["allowBlobPublicAccess"] is False
    assert account["allowSharedKeyAccess"] is False and account["minimumTlsVersion"] == "TLS1_2"
    pages = {item["blobName"]: item for item in recorded.all("Blob")}
    website = recorded.one("StorageAccountStaticWebsite")
    assert {website["indexDocument"], website["error404Document"], "maintenance/index.html"} == pages.keys()
    for name, item in pages.items():
        assert item["source"].text == (ROOT / "site" / name).read_text(encoding="utf-8")
        assert item["contentType"] == "text/html; charset=utf-8"


def test_the_writers_role_deletes_nothing(run: Run, preview: bool) -> None:
    args = RolesArgs(project="blue", group_id="/subscriptions/s/resourceGroups/rg-blue")
    recorded = run(in_stack(lambda opts: Roles("roles", args, opts)), preview=preview)
    for role in recorded.all("RoleDefinition"):
        assert role["assignableScopes"] == ["/subscriptions/s/resourceGroups/rg-blue"] == [role["scope"]]
        (allowed,) = role["permissions"]
        given = [*allowed.get("actions", []), *allowed.get("dataActions", [])]
        assert given and not any("delete" in action.lower() or action == "*" for action in given)
        assert not any("SuperUser" in action or action.endswith("/*") for action in given)
    writer = recorded.one("RoleDefinition", "roles-backup-writer")["permissions"][0]
    assert {action.rpartition("/blobs/")[2] for action in writer["dataActions"]} == {
        "read",
        "add/action",
        "write",
    }


@pytest.mark.parametrize(
    ("action", "path", "allowed"),
    [
        ("write", "backups/backup-1.sql.zst", True),
        ("add/action", "binlog/7/bin.000001.0-9.zst", True),
        ("write", "locks/backups.json", True),
        ("write", "diverged/3/backup-1.sql.zst", True),
        ("write", "control/active.json", False),
        ("add/action", "journal/failover-000009.jsonl", False),
        ("write", "jobs/7/progress.json", False),
        ("write", "backups.sql", False),
        ("read", "control/active.json", True),
    ],
)
def test_where_aws_writes(run: Run, action: str, path: str, allowed: bool) -> None:
    args = BackupWriterArgs(container_id="c", role_id="r", issuer=None, account=None, **BASE)
    recorded = run(in_stack(lambda opts: BackupWriter("w", args, opts)))
    assignment = recorded.one("RoleAssignment")
    assert (assignment["scope"], assignment["conditionVersion"]) == ("c", "2.0")
    assert holds(assignment["condition"], action, path) is allowed


def holds(condition: str, action: str, path: str) -> bool:
    """The condition as Azure reads it, with ActionMatches and StringStartsWith only."""
    blobs = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
    text = re.sub(r"ActionMatches\{'([^']+)'\}", lambda m: str(m[1] == f"{blobs}/{action}"), condition)
    text = re.sub(
        r"@Resource\[([^\]]+)\] StringStartsWith '([^']+)'",
        lambda m: str(m[1] == f"{blobs}:path" and path.startswith(m[2])),
        text,
    )
    assert re.fullmatch(r"(True|False|AND|OR|[!() ])+", text), text
    words = text.replace("!", " not ").replace("AND", "and").replace("OR", "or")
    return bool(eval(words))


WATCH: dict[str, Any] = {"account_id": "a", "account": "bloberry01", "container": "mysql-backups"}


def watch(run: Run, **more: Any) -> Recorded:
    args = BackupWatchArgs(**{**WATCH, **BASE, "silence_s": 600, "email": None, "webhook": None, **more})
    return run(in_stack(lambda opts: BackupWatch("watch", args, opts)))


def test_the_alarm_asks_for_what_is_not_there(run: Run) -> None:
    recorded = watch(run)
    setting = recorded.one("DiagnosticSetting")
    assert setting["resourceUri"] == "a/blobServices/default"
    assert {log["category"] for log in setting["logs"]} == {"StorageWrite", "StorageDelete"}
    rule = recorded.one("ScheduledQueryRule")
    (condition,) = rule["criteria"]["allOf"]
    # One row when nothing new came, none otherwise: absence cannot be asked of a metric that is silent too.
    assert (condition["timeAggregation"], condition["operator"], condition["threshold"]) == (
        "Count",
        "GreaterThan",
        0,
    )
    lines = condition["query"].splitlines()
    assert lines[0] == "StorageBlobLogs" and lines[-1] == "| where isnull(newest) or newest < ago(600s)"
    assert "'/bloberry01/mysql-backups/backups/'" in lines[2] and "/binlog/'" in lines[2]
    assert "journal" not in condition["query"] and "jobs" not in condition["query"]
    assert rule["enabled"] is True and rule["evaluationFrequency"] == "PT5M"
    assert "actions" not in rule.inputs and not recorded.all("ActionGroup")


@pytest.mark.parametrize(
    ("silence", "window"), [(600, "PT1H"), (3600, "PT6H"), (21_600, "P1D"), (90_000, "P2D")]
)
def test_the_question_looks_back_far_enough(run: Run, silence: int, window: str) -> None:
    assert watch(run, silence_s=silence).one("ScheduledQueryRule")["windowSize"] == window


def test_who_is_told(run: Run) -> None:
    recorded = watch(run, email="oncall@example.com", webhook="https://hooks.example.com/x")
    told = recorded.one("ActionGroup")
    assert told["emailReceivers"][0]["emailAddress"] == "oncall@example.com"
    assert told["webhookReceivers"][0]["serviceUri"] == "https://hooks.example.com/x"
    assert len(told["groupShortName"]) <= 12
    assert recorded.one("ScheduledQueryRule")["actions"]["actionGroups"] == ["watch-told-id"]
