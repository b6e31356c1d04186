"""What holds data stays: backups, deletion protection, nothing public in storage, logs that end (R6, R13, R14)."""

from __future__ import annotations

from collections.abc import Iterator

from policy.model import Finding, Resource, Severity, is_missing, is_off, is_on, known, on_resource, on_stack

INSTANCE = "aws:rds/instance:Instance"
ACCOUNT = "azure-native:storage:StorageAccount"
CONTAINER = "azure-native:storage:BlobContainer"
BACKUP_DAYS = 7


@on_resource(
    "no-public-blobs",
    says="No blob can be read without an identity, but for the maintenance page, which has an endpoint of "
    "its own.",
    remedy="allow_blob_public_access=False on the account and public_access=None on the container; the "
    "static website needs neither.",
    severity=Severity.CRITICAL,
)
def no_public_blobs(resource: Resource) -> Iterator[str]:
    if resource.type == ACCOUNT:
        allowed = resource.get("allowBlobPublicAccess")
        if known(allowed) and (allowed is None or is_on(allowed)):
            yield "allowBlobPublicAccess is not switched off"
    if resource.type == CONTAINER and resource.get("publicAccess") in ("Blob", "Container"):
        yield f"publicAccess is {resource.get('publicAccess')}"


@on_resource(
    "data-is-protected",
    says="What holds data cannot be deleted by mistake: deletion protection, a final snapshot, Pulumi's "
    "protect.",
    remedy="Set planb:protectData to true. To take a site down on purpose, run with --policy-pack-config "
    "policy/teardown.json, which turns this rule into advice.",
    severity=Severity.CRITICAL,
)
def data_is_protected(resource: Resource) -> Iterator[str]:
    if resource.type == INSTANCE:
        if is_off(resource.get("deletionProtection")):
            yield "deletionProtection is off"
        if is_on(resource.get("skipFinalSnapshot")):
            yield "its deletion would leave no snapshot (skipFinalSnapshot)"
    if resource.type in (INSTANCE, ACCOUNT, CONTAINER) and not resource.protect:
        yield "Pulumi would delete it without asking (protect)"
    if resource.type == "aws:kms/key:Key":
        days = resource.get("deletionWindowInDays")
        if known(days) and days is not None and int(days) < 30:
            yield f"a deletion could be undone for {int(days)} days only"
    if resource.type == "aws:secretsmanager/secret:Secret":
        days = resource.get("recoveryWindowInDays")
        if known(days) and days is not None and int(days) < BACKUP_DAYS:
            yield f"a deletion could be undone for {int(days)} days only"


@on_resource(
    "database-is-backed-up",
    says="The primary database stands in two zones and keeps seven days of backups.",
    remedy=f"multi_az=True and backup_retention_period={BACKUP_DAYS} or more; without backups RDS writes "
    "no binlog, and the standby gets nothing.",
    severity=Severity.HIGH,
)
def database_is_backed_up(resource: Resource) -> Iterator[str]:
    if resource.type != INSTANCE or not is_missing(resource.get("replicateSourceDb")):
        return
    days = resource.get("backupRetentionPeriod")
    if known(days) and int(days or 0) < BACKUP_DAYS:
        yield f"backupRetentionPeriod is {int(days or 0)}"
    if is_off(resource.get("multiAz")):
        yield "it stands in one zone only"


@on_stack(
    "backups-are-versioned",
    says="A backup that is overwritten or deleted can be had back.",
    remedy="Give the account BlobServiceProperties with is_versioning_enabled and both delete retention "
    "policies.",
    severity=Severity.HIGH,
)
def backups_are_versioned(resources: list[Resource]) -> Iterator[Finding]:
    services = [one for one in resources if one.type == "azure-native:storage:BlobServiceProperties"]
    for account in resources:
        if account.type != ACCOUNT:
            continue
        flags = (
            "isVersioningEnabled",
            "deleteRetentionPolicy.enabled",
            "containerDeleteRetentionPolicy.enabled",
        )
        if not services:
            yield Finding(text=f"{account.name}: versioning is off", urn=account.urn)
        for service in services:
            for flag in flags:
                if is_off(service.get(flag)):
                    yield Finding(text=f"{service.name}: {flag} is off", urn=service.urn)


@on_resource(
    "logs-end",
    says="Logs are kept for a stated time, not for ever.",
    remedy="Set retention_in_days; a log group without it keeps personal data and costs for ever.",
    severity=Severity.LOW,
)
def logs_end(resource: Resource) -> Iterator[str]:
    if resource.type == "aws:cloudwatch/logGroup:LogGroup":
        days = resource.get("retentionInDays")
        if known(days) and not days:
            yield "retentionInDays is not set"


@on_resource(
    "control-plane-is-audited",
    says="Who did what in the cluster, and what is slow in the database, is in the logs.",
    remedy="EKS: enabled_cluster_log_types with api, audit and authenticator. RDS: "
    "enabled_cloudwatch_logs_exports with error and slowquery.",
    severity=Severity.MEDIUM,
)
def control_plane_is_audited(resource: Resource) -> Iterator[str]:
    wanted = {
        "aws:eks/cluster:Cluster": ("enabledClusterLogTypes", {"api", "audit", "authenticator"}),
        INSTANCE: ("enabledCloudwatchLogsExports", {"error", "slowquery"}),
    }
    if resource.type in wanted:
        path, names = wanted[resource.type]
        value = resource.get(path)
        if known(value):
            missing = names - set(resource.each(path))
            if missing:
                yield f"{path} lacks {', '.join(sorted(missing))}"


DATA = [
    no_public_blobs,
    data_is_protected,
    database_is_backed_up,
    backups_are_versioned,
    logs_end,
    control_plane_is_audited,
]
