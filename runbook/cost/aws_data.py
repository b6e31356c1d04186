"""The database, buckets, keys and secrets."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.cost import support
from runbook.cost.logs import days_of, logs
from runbook.cost.model import Line, UnknownPrice
from runbook.cost.state import Resource
from runbook.cost.walk import Bill, priced

DISABLED = "open-source-rds-extended-support-disabled"
INCLUDED_IOPS, INCLUDED_INSIGHTS_DAYS = 3000, 7
DATABASE = "aws:rds/instance:Instance"


@priced(DATABASE)
def database(bill: Bill, it: Resource) -> Iterator[Line]:
    engine, size = str(it.get("engine")), str(it.get("instanceClass"))
    twice = bool(it.get("multiAz"))
    zones = "multi-az" if twice else "single-az"
    where = "Multi-AZ" if twice else "one zone"
    kind = str(it.get("storageType") or "gp2")
    storage = it.number("allocatedStorage")
    most = max(storage, it.number("maxAllocatedStorage"))
    yield bill.line(it, "rds", f"{size}, {where}", 1, f"rds.{engine}.{zones}.{size}")
    yield bill.line(it, "rds", f"{kind}, {where}", storage, f"rds.{kind}.{zones}", span=(storage, most))
    if it.number("iops") > INCLUDED_IOPS and storage >= 400:
        raise UnknownPrice("provisioned IOPS are not in the snapshot")
    charged = bill.usage.rds_backup_gb - storage if it.number("backupRetentionPeriod") else 0
    if charged > 0:
        yield bill.line(it, "rds", "backups beyond the free size", charged, "rds.backup")
    yield from _watching(bill, it, size)
    if it.get("manageMasterUserPassword"):
        # RDS makes this secret by itself; it is billed like any other.
        yield from _secret(bill, it)
    version = str(it.get("engineVersionActual") or it.get("engineVersion") or "")
    yield from _extended(bill, it, engine, version, size, 2 if twice else 1)


def _extended(bill: Bill, it: Resource, engine: str, version: str, size: str, copies: int) -> Iterator[Line]:
    known = support.of(f"rds.{engine}", version)
    if known is None:
        bill.note(f"RDS {engine} {version}: its end of support is not in support.toml")
    elif known.charged(bill.on) and it.get("engineLifecycleSupport") != DISABLED:
        # The standby pays too: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support-charges.html
        item = f"rds.{engine}.extended.{'year3' if known.dear(bill.on) else 'year1'}"
        count = support.vcpus(size) * copies
        yield bill.line(
            it, "extended", f"vCPU of RDS {_name(engine)} {known.version} Extended Support", count, item
        )


def _name(engine: str) -> str:
    return {"mysql": "MySQL", "postgres": "PostgreSQL"}.get(engine, engine)


def _watching(bill: Bill, it: Resource, size: str) -> Iterator[Line]:
    kinds = it.items("enabledCloudwatchLogsExports")
    yield from logs(bill, it, "database logs", len(kinds) * bill.usage.rds_log_gb, days_of(bill, "/aws/rds/"))
    every = it.number("monitoringInterval")
    if every:
        yield from logs(bill, it, "Enhanced Monitoring", bill.usage.rds_monitoring_gb * 60 / every, 30)
    advanced = it.get("databaseInsightsMode") == "advanced"
    longer = it.number("performanceInsightsRetentionPeriod") > INCLUDED_INSIGHTS_DAYS
    if it.get("performanceInsightsEnabled") and (advanced or longer):
        yield bill.line(it, "watching", "Database Insights", support.vcpus(size), "rds.insights.vcpu")


@priced("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
def bucket(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "other", "S3", bill.usage.s3_gb, "s3.standard")
    yield bill.line(it, "other", "S3 writes", bill.usage.s3_writes, "s3.write")


@priced("aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey")
def key(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "secrets", "KMS key", 1, "kms.key")
    yield bill.line(it, "secrets", "KMS requests", bill.usage.kms_requests, "kms.request")


@priced("aws:secretsmanager/secret:Secret")
def secret(bill: Bill, it: Resource) -> Iterator[Line]:
    yield from _secret(bill, it)


def _secret(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "secrets", "secret", 1, "secret")
    yield bill.line(it, "secrets", "reads of secrets", bill.usage.secret_reads, "secret.request")


@priced("aws:ssm/parameter:Parameter")
def parameter(bill: Bill, it: Resource) -> Iterator[Line]:
    if it.get("tier") == "Advanced":
        yield bill.line(it, "secrets", "advanced parameter", 1, "ssm.parameter.advanced")
