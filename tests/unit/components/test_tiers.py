"""stacks/dr.py by tier: each has all of the one before, and the pilot light has nothing that costs by the hour."""

from __future__ import annotations

from functools import cached_property
from itertools import permutations
from typing import Any

import pytest
from pulumi import StringAsset

from components.azure.roles import AKS_USER, AKS_WRITER, BLOB_CONTRIBUTOR, BLOB_READER, OWNER
from stacks import dr, tiers
from stacks.settings import Settings, Tier
from stacks.standby import Standby

from .conftest import Recorded, Run

PILOT_LIGHT = {
    "azure-native:resources:ResourceGroup",
    "azure-native:network:VirtualNetwork",
    "azure-native:network:NetworkSecurityGroup",
    "azure-native:network:Subnet",
    "azure-native:storage:StorageAccount",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:BlobContainerImmutabilityPolicy",
    "azure-native:storage:ManagementPolicy",
    "azure-native:storage:StorageAccountStaticWebsite",
    "azure-native:storage:Blob",
    "azure-native:managedidentity:UserAssignedIdentity",
    "azure-native:authorization:RoleAssignment",
    "azure-native:authorization:RoleDefinition",
    "azure-native:operationalinsights:Workspace",
    "azure-native:monitor:DiagnosticSetting",
    "azure-native:monitor:ScheduledQueryRule",
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
FEEDER = {"azure-native:containerinstance:ContainerGroup"}
GROUP = "azure-native:resources:ResourceGroup"
JOB: dict[str, Any] = {"restoreJob": "restore", "restoreBackup": "backup-1", "restoreRun": "run-7"}


RUNS: dict[tuple[Settings, bool], Recorded] = {}


def deploy(run: Run, tier: Tier, *, preview: bool = False, **more: object) -> Recorded:
    settings = Settings.model_validate({"site": "dr", "tier": tier, **more})
    if (settings, preview) not in RUNS:
        RUNS[settings, preview] = run(lambda: dr.deploy(settings), preview=preview)
    return RUNS[settings, preview]


def kinds(recorded: Recorded) -> set[str]:
    return {item.type for item in recorded.made if item.package not in ("planb", "pulumi")}


def test_each_tier_has_all_of_the_one_before(run: Run, preview: bool) -> None:
    light, emergency, full, warm = (deploy(run, tier, preview=preview).keys() for tier in Tier)
    assert light < emergency < full < warm


def test_what_each_tier_has(run: Run, preview: bool) -> None:
    light, emergency, full, warm = (kinds(deploy(run, tier, preview=preview)) for tier in Tier)
    assert light == PILOT_LIGHT
    assert emergency == PILOT_LIGHT | DATABASE
    assert full == PILOT_LIGHT | DATABASE | SERVICE
    assert warm == PILOT_LIGHT | DATABASE | SERVICE | FEEDER


def test_the_table_names_every_part_once_and_each_is_wired() -> None:
    keys = [part.key for part in tiers.parts(Tier.WARM_STANDBY)]
    assert len(set(keys)) == len(keys)
    wired = {name for name, value in vars(Standby).items() if isinstance(value, cached_property)}
    assert set(keys) == wired - {"_common", "app_password"}
    assert list(tiers.STAGES) == list(Tier)


@pytest.mark.parametrize("tier", list(Tier))
def test_a_tier_makes_the_components_of_its_rows_and_no_other(run: Run, tier: Tier) -> None:
    """A part that a lower one asked for would come with it, whatever the table says."""
    made = [item for item in deploy(run, tier).made if item.package == "planb" or item.type == GROUP]
    # There is a job while a run asks for it, and rights where a group is set.
    empty = {"restore_job", "owner_grants", "reader_grants", "mysql_grants", "aks_grants"}
    assert len(made) == len({part.key for part in tiers.parts(tier)} - empty)


def same(before: object, now: object) -> bool:
    if isinstance(before, StringAsset) and isinstance(now, StringAsset):
        return before.text == now.text
    return before == now


@pytest.mark.parametrize(("old", "new"), list(permutations(Tier, 2)), ids=lambda tier: tier.value)
def test_stage_one_is_left_alone_from_any_tier_to_any_other(run: Run, old: Tier, new: Tier) -> None:
    first, then = (deploy(run, tier) for tier in (old, new))
    before, after = ({(item.type, item.name): item for item in r.made} for r in (first, then))
    for key in deploy(run, Tier.PILOT_LIGHT).keys():  # noqa: SIM118 - not a mapping
        was, now = before[key], after[key]
        assert now.inputs.keys() == was.inputs.keys()
        for name, value in was.inputs.items():
            assert same(value, now[name]), f"{key}: {name}"
        assert (now.protect, now.parent, now.ignored) == (was.protect, was.parent, was.ignored)


def test_going_on_from_the_emergency_leaves_the_database_alone(run: Run) -> None:
    emergency, full = (deploy(run, tier) for tier in (Tier.EMERGENCY, Tier.FULL))
    after = {(item.type, item.name): item.inputs for item in full.made}
    for item in emergency.made:
        assert all(same(value, after[item.type, item.name][key]) for key, value in item.inputs.items())


@pytest.mark.parametrize("tier", list(Tier))
def test_a_job_comes_with_a_database_only(run: Run, tier: Tier, preview: bool) -> None:
    recorded = deploy(run, tier, preview=preview, **JOB)
    expected = 0 if tier is Tier.PILOT_LIGHT else 1
    assert len(recorded.all("ContainerGroup")) == len(recorded.all("planb:azure:RestoreJob")) == expected
    assert recorded.exports["restoreRun"] == ("run-7" if expected else None)


def test_outputs_by_tier(run: Run) -> None:
    light, emergency, full, warm = (deploy(run, tier).exports for tier in Tier)
    assert light.keys() == emergency.keys() == full.keys()
    always = {
        "location": "koreacentral",
        "resourceGroup": "rg-blue",
        "storageAccount": "bloberry01",
        "backupContainerUrl": "https://bloberry01.blob.core.windows.net/mysql-backups",
        "staticSiteUrl": "https://bloberry01web.z12.web.core.windows.net/",
        "staticSiteHost": "bloberry01web.z12.web.core.windows.net",
    }
    nothing = dict.fromkeys(dr.OUTPUTS) | {
        "tenantId": "tenant",
        "backupWriterClientId": "backup-writer-identity-client",
    }
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
    assert warm == full | {"tier": "warm-standby"}


def environment(recorded: Recorded) -> dict[str, dict[str, str]]:
    (container,) = recorded.one("ContainerGroup")["containers"]
    return {item["name"]: item for item in container["environmentVariables"]}


def test_warm_standby_is_small_and_fed(run: Run) -> None:
    warm = deploy(run, Tier.WARM_STANDBY)
    (web,) = warm.one("ManagedCluster")["agentPoolProfiles"]
    for pool in (web, warm.one("AgentPool").inputs):
        assert (pool["minCount"], pool["count"], pool["maxCount"]) == (1, 1, 4)
    assert warm.one("Server")["sku"]["tier"] == "Burstable"
    feeder = warm.one("ContainerGroup")
    assert feeder["restartPolicy"] == "Always"
    variables = environment(warm)
    assert variables["PLANB_JOB"]["value"] == "follow" and variables["PLANB_REPLACE"]["value"] == "true"
    assert "PLANB_BACKUP" not in variables


def test_a_job_takes_the_feeders_place(run: Run) -> None:
    """Two would load the same database; under one Pulumi name the old one is deleted before the new one starts."""
    fed, restoring = (deploy(run, Tier.WARM_STANDBY, **more).one("ContainerGroup") for more in ({}, JOB))
    assert restoring.urn == fed.urn
    assert restoring["containerGroupName"] != fed["containerGroupName"]  # else Azure would refuse the change
    assert restoring["restartPolicy"] == "Never"
    assert deploy(run, Tier.FULL, **JOB).one("ContainerGroup").urn == fed.urn


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
    variables = environment(deploy(run, Tier.FULL, **JOB))
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
    assert not environment(recorded).keys() & {"PLANB_BACKUP", "PLANB_REPLACE"}


@pytest.mark.parametrize("protect", [True, False])
def test_data_is_protected_as_asked(run: Run, protect: bool) -> None:
    recorded = deploy(run, Tier.FULL, protectData=protect)
    kept = {item.name for item in recorded.made if item.protect}
    assert kept == (
        {"storage-account", "storage-backups", "storage-state", "page-account"} if protect else set()
    )
    assert {item.name for item in recorded.made if item.retain} == kept | (
        {"storage-worm"} if protect else set()
    )


@pytest.mark.parametrize(("protect", "asked"), [(True, True), (True, False), (False, True)])
def test_backups_are_immutable_where_they_are_protected(run: Run, protect: bool, asked: bool) -> None:
    recorded = deploy(run, Tier.PILOT_LIGHT, protectData=protect, immutableBackups=asked)
    container = recorded.one("BlobContainer", "storage-backups")
    immutable = protect and asked
    assert container.inputs.get("immutableStorageWithVersioning") == (
        {"enabled": True} if immutable else None
    )
    assert len(recorded.all("BlobContainerImmutabilityPolicy")) == immutable


AWS = {"awsIssuer": "https://0a1b2c3d-0000-4000-8000-000000000000.tokens.sts.global.api.aws"}
AWS |= {"awsAccountId": "123456789012"}


def test_whom_the_backup_writer_trusts(run: Run) -> None:
    nobody, trusting = (deploy(run, Tier.PILOT_LIGHT, **more) for more in ({}, AWS))
    assert not nobody.all("FederatedIdentityCredential") and nobody.exports["backupWriterTrusts"] is None
    found = trusting.all("FederatedIdentityCredential")
    subjects = [f"arn:aws:iam::123456789012:role/blue-{role}" for role in ("backup", "db-admin")]
    assert [item["subject"] for item in found] == subjects
    assert trusting.exports["backupWriterTrusts"] == ", ".join(subjects)
    for item in found:
        assert (item["issuer"], item["audiences"]) == (AWS["awsIssuer"], ["api://AzureADTokenExchange"])
        assert item["resourceName"] == "id-backup-blue"
    assert found[0].urn in found[1].after  # two writes at once are refused


def test_with_tokens_there_is_no_identity_and_the_account_takes_them(run: Run) -> None:
    federated, tokens = (deploy(run, Tier.PILOT_LIGHT, azureAuth=way, **AWS) for way in ("federated", "sas"))
    assert not tokens.all("planb:azure:BackupWriter")
    assert [tokens.exports[key] for key in ("tenantId", "backupWriterClientId", "backupWriterTrusts")] == [
        None
    ] * 3
    account, closed = (r.one("StorageAccount", "storage-account") for r in (tokens, federated))
    assert account["allowSharedKeyAccess"] is True and closed["allowSharedKeyAccess"] is False
    assert account["sasPolicy"] == {"expirationAction": "Block", "sasExpirationPeriod": "01.00:00:00"}
    assert "sasPolicy" not in closed.inputs
    assert tokens.one("StorageAccount", "page-account")["allowSharedKeyAccess"] is False


GROUPS = {
    f"{who}Group": f"00000000-0000-4000-8000-0000000d000{number}"
    for number, who in enumerate(("owner", "aksOperator", "mysqlAdmin", "backupReader"), 1)
}


@pytest.mark.parametrize("tier", list(Tier))
def test_each_group_gets_its_rights_on_its_own_things(run: Run, tier: Tier) -> None:
    """(group, scope, role) of every assignment to people; nothing at the subscription."""
    recorded = deploy(run, tier, **GROUPS)
    definitions = "/providers/Microsoft.Authorization/roleDefinitions/"
    found = {
        (item["principalId"][-1], item["scope"], item["roleDefinitionId"].rpartition(definitions)[2])
        for item in recorded.all("RoleAssignment")
        if item["principalType"] == "Group"
    }
    state = "storage-account-id/blobServices/default/containers/pulumi-state"
    expected = {("1", "group-id", OWNER)}
    expected |= {("1", scope, BLOB_CONTRIBUTOR) for scope in ("storage-backups-id", state, "page-account-id")}
    expected |= {("4", "storage-backups-id", BLOB_READER)}
    if tier.has(Tier.EMERGENCY):
        expected |= {("3", "database-mysql-id", "roles-mysql-admin-id")}
    if tier.has(Tier.FULL):
        expected |= {("2", "cluster-aks-id", role) for role in (AKS_USER, AKS_WRITER)}
    assert found == expected
    scopes = {item["scope"] for item in recorded.all("RoleAssignment")}
    assert not any(
        scope.startswith("/subscriptions/") and "/resourceGroups/" not in scope for scope in scopes
    )
