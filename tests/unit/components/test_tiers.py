"""stacks/dr.py by tier: each has all of the one before, and the pilot light has nothing that costs by the hour."""

from __future__ import annotations

import pytest
from pulumi import StringAsset

from stacks import dr
from stacks.settings import Settings, Tier

from .conftest import Recorded, Run

PILOT_LIGHT = {
    "azure-native:resources:ResourceGroup",
    "azure-native:network:VirtualNetwork",
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:Subnet",
    "azure-native:storage:StorageAccount",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:ManagementPolicy",
    "azure-native:storage:StorageAccountStaticWebsite",
    "azure-native:storage:Blob",
    "azure-native:managedidentity:UserAssignedIdentity",
    "azure-native:authorization:RoleAssignment",
}
DATABASE = {
    "azure-native:dbformysql:Server",
    "azure-native:dbformysql:Configuration",
    "azure-native:dbformysql:Database",
    "azure-native:privatedns:PrivateZone",
    "azure-native:privatedns:VirtualNetworkLink",
    "random:index/randomPassword:RandomPassword",
}
SERVICE = {
    "azure-native:network:PublicIPAddress",
    "azure-native:network:ApplicationGateway",
    "azure-native:containerservice:ManagedCluster",
    "azure-native:containerservice:AgentPool",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:Secret",
    "kubernetes:kustomize/v2:Directory",
}
JOB = {"restoreJob": "restore", "restoreBackup": "backup-1", "restoreRun": "run-7"}


RUNS: dict[tuple[Settings, bool], Recorded] = {}


def deploy(run: Run, tier: Tier, *, preview: bool = False, **more: object) -> Recorded:
    settings = Settings.model_validate({"site": "dr", "tier": tier, **more})
    if (settings, preview) not in RUNS:
        RUNS[settings, preview] = run(lambda: dr.deploy(settings), preview=preview)
    return RUNS[settings, preview]


def kinds(recorded: Recorded) -> set[str]:
    return {item.type for item in recorded.made if item.package not in ("planb", "pulumi")}


def test_each_tier_has_all_of_the_one_before(run: Run, preview: bool) -> None:
    light, emergency, full = (deploy(run, tier, preview=preview).keys() for tier in Tier)
    assert light < emergency < full


def test_what_each_tier_has(run: Run, preview: bool) -> None:
    light, emergency, full = (kinds(deploy(run, tier, preview=preview)) for tier in Tier)
    assert light == PILOT_LIGHT
    assert emergency == PILOT_LIGHT | DATABASE
    assert full == PILOT_LIGHT | DATABASE | SERVICE


def test_a_higher_tier_changes_nothing_of_a_lower_one(run: Run) -> None:
    light, full = (deploy(run, tier) for tier in (Tier.PILOT_LIGHT, Tier.FULL))
    after = {(item.type, item.name): item for item in full.made}
    for before in light.made:
        now = after[before.type, before.name]
        assert now.inputs.keys() == before.inputs.keys()
        for key, value in before.inputs.items():
            same = (now[key].text, value.text) if isinstance(value, StringAsset) else (now[key], value)
            assert same[0] == same[1], f"{before.name}: {key}"
        assert (now.protect, now.parent) == (before.protect, before.parent)


@pytest.mark.parametrize("tier", list(Tier))
def test_a_job_comes_with_a_database_only(run: Run, tier: Tier, preview: bool) -> None:
    recorded = deploy(run, tier, preview=preview, **JOB)
    expected = 0 if tier is Tier.PILOT_LIGHT else 1
    assert len(recorded.all("ContainerGroup")) == len(recorded.all("planb:azure:RestoreJob")) == expected
    assert recorded.exports["restoreRun"] == ("run-7" if expected else None)


def test_outputs_by_tier(run: Run) -> None:
    light, emergency, full = (deploy(run, tier).exports for tier in Tier)
    assert light.keys() == emergency.keys() == full.keys()
    always = {
        "location": "koreacentral",
        "resourceGroup": "rg-blue",
        "storageAccount": "bloberry01",
        "backupContainerUrl": "https://bloberry01.blob.core.windows.net/mysql-backups",
        "staticSiteUrl": "https://bloberry01.z12.web.core.windows.net/",
        "staticSiteHost": "bloberry01.z12.web.core.windows.net",
    }
    nothing = dict.fromkeys(dr.OUTPUTS)
    database = {
        "databaseHost": "mysql-dr-blue.private.mysql.database.azure.com",
        "databaseName": "petclinic",
    }
    service = {
        "gatewayHost": "planb-blue.h4sh.koreacentral.cloudapp.azure.com",
        "clusterName": "aks-dr-blue",
    }
    assert light == always | nothing | {"tier": "pilot-light"}
    assert emergency == always | nothing | database | {"tier": "emergency"}
    assert full == always | nothing | database | service | {"tier": "full"}


def test_the_job_starts_when_the_database_is_ready(run: Run) -> None:
    recorded = deploy(run, Tier.FULL, **JOB)
    group = recorded.one("ContainerGroup")
    waited = {urn.split("::")[-1] for urn in group.after}
    assert {"database-database", "database-sql-generate-invisible-primary-key"} <= waited
    assert not waited & {"cluster-aks", "gateway-gateway"}  # they are built meanwhile
    cluster = recorded.one("ManagedCluster")
    assert not any("database" in urn for urn in cluster.after)


def test_the_job_hides_passwords_only(run: Run) -> None:
    group = deploy(run, Tier.FULL, **JOB).one("ContainerGroup")
    (container,) = group["containers"]
    variables = {item["name"]: item for item in container["environmentVariables"]}
    hidden = {name for name, item in variables.items() if "secureValue" in item}
    assert hidden == {"PLANB_DB_PASSWORD", "PLANB_APP_PASSWORD"}
    assert all("canary" not in item.get("value", "") for item in variables.values())
    assert variables["PLANB_DB_PASSWORD"]["secureValue"] == "canary-database-admin"
    assert variables["PLANB_APP_PASSWORD"]["secureValue"] == "canary-app"
    assert variables["PLANB_BACKUP"]["value"] == "backup-1"
    assert group["subnetIds"] == [{"id": "network-snet-restore-id"}]
    assert "ipAddress" not in group.inputs


def test_a_backup_job_names_no_backup_to_load(run: Run) -> None:
    recorded = deploy(run, Tier.EMERGENCY, restoreJob="backup", restoreRun="r")
    (container,) = recorded.one("ContainerGroup")["containers"]
    names = {item["name"] for item in container["environmentVariables"]}
    assert not names & {"PLANB_BACKUP", "PLANB_REPLACE"}


@pytest.mark.parametrize("protect", [True, False])
def test_data_is_protected_as_asked(run: Run, protect: bool) -> None:
    recorded = deploy(run, Tier.FULL, protectData=protect)
    kept = {item.name for item in recorded.made if item.protect}
    assert kept == ({"storage-account", "storage-backups"} if protect else set())
    assert {item.name for item in recorded.made if item.retain} == kept
