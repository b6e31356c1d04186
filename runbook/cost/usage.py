"""What a bill depends on besides the resources: every assumption by name, each adjustable."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runbook.errors import UsageError

Amount = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]


class Usage(BaseModel):
    """A month of a small bank: what the seed's ~$10 of CloudFront and 10 GB of backups stand for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # At the edge and the load balancer.
    requests: Amount = 3_000_000
    edge_gb: Amount = 50
    """GB from the edge to customers."""
    edge_origin_gb: Amount = 1
    """GB from the edge to origins: what customers post."""
    alb_lcu: Amount = 1
    """Mean load balancer capacity units."""
    probe_places: Amount = 15
    """Places from which Route 53 asks by each health check (every 30 s: one request about every two seconds)."""
    dns_queries: Amount = 1_000_000

    # Inside the VPC.
    nat_gb: Amount = 30
    """GB through NAT besides the backups: images, APIs."""
    internet_gb: Amount = 5
    """GB from Seoul to the internet besides the backups."""
    zones_gb: Amount = 50
    """GB between zones, charged in both directions."""
    endpoint_gb: Amount = 5
    """GB through each interface endpoint."""

    # Watching.
    eks_log_gb: Amount = 5
    """GB of control plane logs, when any are on."""
    container_log_gb: Amount = 5
    """GB of pods' logs and performance events by the observability add-on."""
    rds_log_gb: Amount = 0.2
    """GB of each exported kind of database log."""
    rds_monitoring_gb: Amount = 0.3
    """GB of Enhanced Monitoring at 60 s; finer is more."""
    flow_log_gb: Amount = 5
    """GB of each flow log."""
    log_gb: Amount = 0.5
    """GB of every other log group."""
    log_kept_ratio: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Size of kept logs after compression."""
    node_observations: Amount = 22_000_000
    """Container Insights observations of one node: 500 series a minute."""
    notifications: Amount = 1_000
    """Alarms that each SNS subscription delivers."""

    # Data.
    rds_backup_gb: Amount = 30
    """GB of automatic backups and snapshots; as much as the database's storage is free."""
    s3_gb: Amount = 5
    """GB in each bucket."""
    s3_writes: Amount = 50_000
    """Writes into each bucket."""
    ecr_gb: Amount = 2
    kms_requests: Amount = 100_000
    """Requests to each key."""
    secret_reads: Amount = 10_000
    """Reads of each secret."""
    lambda_invocations: Amount = 10_000
    lambda_seconds: Amount = 2
    """Seconds of one invocation."""
    queue_requests: Amount = 100_000

    # Backups in Azure. None: as deployed (output backupInterval, lifecycle policy).
    backup_mb: Amount = 1.2
    """MB of one stored backup; the seed's 10 GB are 30 days of one every five minutes."""
    backup_interval_s: Annotated[float, Field(gt=0)] | None = None
    retention_days: Amount | None = None
    backup_block_mb: Annotated[float, Field(gt=0)] = 8.388608
    """MB of one staged block (restore/upload.py)."""
    backup_writes: Amount = 5
    """Write operations of a backup besides its blocks: block list, manifest, lease and its release, listing."""
    binlog_interval_s: Amount | None = None
    """Seconds between shipped pieces of binlog; 0: none is shipped."""
    binlog_writes: Amount = 1
    """Write operations of one shipped piece."""
    binlog_mb_hour: Amount = 10
    blob_reads: Amount = 100_000

    # The standby while it serves.
    gateway_units: Amount = 1
    azure_gb: Amount = 50
    """GB from Azure to the edge in a month of serving."""
    restore_hours: Amount = 0.5
    """Hours that a container group runs for one restore."""


def read(file: Path | None, assume: list[str]) -> Usage:
    """The defaults, changed by a TOML file, changed by KEY=VALUE."""
    given: dict[str, Any] = {}
    if file is not None:
        try:
            given |= tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"--usage {file}: {getattr(error, 'strerror', None) or error}") from None
    for item in assume:
        key, found, value = item.partition("=")
        if not found:
            raise UsageError(f"--assume is {item!r}: allowed is KEY=VALUE such as requests=5000000")
        given[key.strip()] = value.strip()
    try:
        return Usage.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"there is no assumption {key!r}", next_step=f"known: {', '.join(Usage.model_fields)}"
            ) from None
        raise UsageError(f"assumption {key} is {first['input']!r}: {first['msg']}") from None
