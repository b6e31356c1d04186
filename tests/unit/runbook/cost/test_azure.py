"""What the standby costs: backups as deployed, the rest while it serves."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import bill, lines, made, month, usd

HOURS, KOREA = 730, "koreacentral"
CONTAINER, SERVER = "azure-native:storage:BlobContainer", "azure-native:dbformysql:Server"
POOL, CLUSTER = "azure-native:containerservice:AgentPool", "azure-native:containerservice:ManagedCluster"
DAILY = {"backup_mb": 1000, "backup_interval_s": 86_400, "retention_days": 10, "backup_block_mb": 1000}


def policy(days: int = 30, *prefixes: str) -> dict[str, Any]:
    actions = {
        "baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}},
        "version": {"delete": {"daysAfterCreationGreaterThan": days}},
    }
    rule = {"definition": {"actions": actions, "filters": {"prefixMatch": list(prefixes)}}}
    return made("azure-native:storage:ManagementPolicy", "policy", policy={"rules": [rule]})


def test_backups_are_paid_by_what_is_kept_and_written() -> None:
    kept, written = 10 * usd("azure.blob.hot.lrs", KOREA), 30 * 6 * usd("azure.blob.write", KOREA)
    assert month(made(CONTAINER), **DAILY) == pytest.approx(kept + written)
    assert month(made(CONTAINER, publicAccess="Blob"), **DAILY) == 0, "the page, not the backups"


def test_the_interval_is_productions_and_the_retention_the_policys() -> None:
    plain = lines(made(CONTAINER), facts={"backupInterval": 600}, backup_mb=1)
    kept = next(line for line in plain if line.label.startswith("Blob"))
    assert kept.quantity == pytest.approx(30 * 144 / 1000)
    deployed = lines(made(CONTAINER), policy(60), facts={"backupInterval": 600}, backup_mb=1)
    assert deployed[0].quantity == pytest.approx(2 * kept.quantity)
    undelete = made(
        "azure-native:storage:BlobServiceProperties", "u", deleteRetentionPolicy={"enabled": True, "days": 30}
    )
    longer = lines(made(CONTAINER), policy(60), undelete, facts={"backupInterval": 600}, backup_mb=1)
    assert longer[0].quantity == pytest.approx(3 * kept.quantity), (
        "deleted blobs are paid until they are gone"
    )


def test_only_the_container_that_the_policy_cleans_holds_backups() -> None:
    rules = policy(30, "mysql-backups/backups/")
    assert month(made(CONTAINER, "b", containerName="mysql-backups"), rules) > 0
    assert month(made(CONTAINER, "s", containerName="state"), rules) == 0
    cleaned = policy(30, "mysql-backups/", "state/")
    del cleaned["outputs"]["policy"]["rules"][0]["definition"]["actions"]["baseBlob"]
    assert month(made(CONTAINER, "s", containerName="state"), rules, cleaned) == 0, "old versions only"


def test_watching_storage() -> None:
    log, rule = "azure-native:operationalinsights:Workspace", "azure-native:monitor:ScheduledQueryRule"
    assert month(made(log), **DAILY) == 0, "five GB are free"
    assert month(made(log), backup_interval_s=60, binlog_interval_s=1, binlog_writes=3) == pytest.approx(
        ((43_200 * 6 + 2_592_000 * 3) * 1.2e-6 - 5) * usd("azure.logs.ingest", KOREA)
    )
    assert month(made(rule, evaluationFrequency="PT5M")) == usd("azure.alarm.log.PT5M", KOREA)


def test_the_binlog_counts_its_writes() -> None:
    off = month(made(CONTAINER), **DAILY)
    every_minute = month(made(CONTAINER), **DAILY, binlog_interval_s=60, binlog_mb_hour=0)
    assert every_minute - off == pytest.approx(43_200 * usd("azure.blob.write", KOREA))
    shipped = month(made(CONTAINER), **DAILY, facts={"binlogInterval": 60}, binlog_mb_hour=0)
    assert shipped == pytest.approx(every_minute), "as production's output says"


def test_storage_of_another_kind_has_no_price() -> None:
    account = "azure-native:storage:StorageAccount"
    local = made(account, sku={"name": "Standard_LRS"}, accessTier="Hot")
    assert month(local, blob_reads=10_000) == pytest.approx(0.004)
    assert "Standard_GRS" in bill(made(account, sku={"name": "Standard_GRS"})).unpriced[0].why


def test_high_availability_is_paid_twice() -> None:
    given: dict[str, Any] = {"sku": {"name": "Standard_D2ds_v4"}, "storage": {"storageSizeGB": 20}}
    one = month(made(SERVER, **given))
    assert one == pytest.approx(0.236 * HOURS + 20 * usd("azure.mysql.storage", KOREA))
    assert month(made(SERVER, **given, highAvailability={"mode": "ZoneRedundant"})) == pytest.approx(2 * one)


def test_extended_support_of_azure_is_told_though_its_price_is_not_known() -> None:
    old = bill(made(SERVER, sku={"name": "Standard_B2s"}, version="8.0.21"))
    assert "its price was not found" in old.notes[0] and "2026-05-31" in old.notes[0]
    assert bill(made(SERVER, sku={"name": "Standard_B2s"}, version="8.4")).notes == []


def test_a_server_of_another_api_version_is_the_same_server() -> None:
    typed = month(made(SERVER, sku={"name": "Standard_B2s"}))
    assert month(made("azure-native:dbformysql/v20241230:Server", sku={"name": "Standard_B2s"})) == typed
    generic = made(
        "azure-native:resources:Resource", sku={"name": "Standard_B2s"}, properties={"version": "8.4"}
    )
    generic["inputs"] = {
        "resourceProviderNamespace": "Microsoft.DBforMySQL",
        "resourceType": "flexibleServers",
    }
    assert month(generic) == typed
    generic["inputs"]["resourceType"] = "servers"
    assert bill(generic).unpriced


def test_nodes_are_counted_from_their_minimum_with_their_disks() -> None:
    pool: dict[str, Any] = {"vmSize": "Standard_B2s", "minCount": 2, "count": 5, "maxCount": 5}
    node, disk = usd("azure.vm.Standard_B2s", KOREA) * HOURS, usd("azure.disk.P10", KOREA)
    assert month(made(POOL, **pool)) == pytest.approx(2 * (node + disk))
    assert month(made(POOL, **pool, osDiskType="Ephemeral")) == pytest.approx(2 * node)
    small = month(made(POOL, **pool, osDiskSizeGB=30))
    assert small == pytest.approx(2 * (node + usd("azure.disk.P4", KOREA)))
    cluster = month(made(CLUSTER, sku={"tier": "Free"}, agentPoolProfiles=[pool]))
    assert cluster == pytest.approx(2 * (node + disk) + (0.025 + 0.005) * HOURS)
    assert month(made(CLUSTER, sku={"tier": "Standard"})) == pytest.approx((0.10 + 0.025 + 0.005) * HOURS)
    assert month(made(CLUSTER, networkProfile={"outboundType": "userDefinedRouting"})) == pytest.approx(18.25)
    for odd in ({"osDiskSizeGB": 4096}, {"scaleSetPriority": "Spot"}):
        assert bill(made(POOL, **{**pool, **odd})).unpriced
    assert bill(made(CLUSTER, sku={"tier": "Premium"})).unpriced


def test_the_gateway_by_its_capacity() -> None:
    kind = "azure-native:network:ApplicationGateway"
    v2 = made(kind, sku={"name": "Standard_v2"}, autoscaleConfiguration={"minCapacity": 0})
    assert month(v2, azure_gb=0) == pytest.approx((0.27 + 0.008) * HOURS)
    busy = made(kind, sku={"name": "Standard_v2"}, autoscaleConfiguration={"minCapacity": 2})
    assert month(busy, azure_gb=0) == pytest.approx((0.27 + 20 * 0.008) * HOURS)
    assert month(v2, azure_gb=10) - month(v2, azure_gb=0) == pytest.approx(1.2)
    assert month(made(kind, sku={"name": "Basic"}), azure_gb=0) == pytest.approx(0.0225 * HOURS)
    assert month(made(kind, sku={"name": "WAF_v2"}), azure_gb=0) == pytest.approx((0.486 + 0.0144) * HOURS)


def test_what_stands_around() -> None:
    zone = made("azure-native:privatedns:PrivateZone")
    zone["outputs"]["location"] = "global"
    assert month(zone) == 0.5
    assert month(made("azure-native:network:PublicIPAddress")) == pytest.approx(3.65)
    assert month(made("azure-native:network:NatGateway")) == pytest.approx(0.045 * HOURS)
    assert month(made("azure-native:network:PrivateEndpoint")) == pytest.approx(7.3)
    wants = {"resources": {"requests": {"cpu": 2, "memoryInGB": 4}}}
    group = "azure-native:containerinstance:ContainerGroup"
    job = made(group, containers=[wants], restartPolicy="Never")
    assert month(job, restore_hours=0.5) == pytest.approx(0.0486 + 2 * 0.0054), "one restore, not a month"
    feeder = made(group, containers=[wants], restartPolicy="Always")
    assert month(feeder) == pytest.approx((2 * 0.0486 + 4 * 0.0054) * HOURS)


def test_a_resource_without_a_location_stands_where_its_neighbours_do() -> None:
    pool = made(POOL, vmSize="Standard_B2s", count=1)
    del pool["outputs"]["location"]
    group = made("azure-native:resources:ResourceGroup", "g", location="Korea Central")
    assert month(group, pool) > 0
