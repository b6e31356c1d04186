"""How much the backups write and keep: what is deployed says how often and how long, the usage how big."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from runbook.cost.state import Resource
from runbook.cost.walk import Bill

MONTH_S = 30 * 86_400
DEFAULT_INTERVAL_S = 300.0
"""The seed's five minutes, when production's outputs are not at hand."""
DEFAULT_DAYS = 30.0


@dataclass(frozen=True)
class Backups:
    """A month of them, in the units that storage bills."""

    taken: float
    kept: float
    gigabytes_kept: float
    gigabytes_written: float
    writes: float
    binlog_writes: float


def interval_s(bill: Bill) -> float:
    return float(bill.usage.backup_interval_s or bill.facts.get("backupInterval") or DEFAULT_INTERVAL_S)


def binlog_interval_s(bill: Bill) -> float:
    """Seconds between shipped pieces; 0 when none is shipped."""
    given = bill.usage.binlog_interval_s
    return float(bill.facts.get("binlogInterval") or 0 if given is None else given)


def kept_days(bill: Bill) -> float:
    """Until the lifecycle policy deletes them, and then as long as a deleted blob can be brought back."""
    if bill.usage.retention_days is not None:
        days = bill.usage.retention_days
    else:
        rules = [_days(rule) for policy in bill.stack.of(POLICY) for rule in policy.items("policy.rules")]
        days = max((found for found in rules if found), default=DEFAULT_DAYS)
    undelete = [
        service.number("deleteRetentionPolicy.days")
        for service in bill.stack.of("azure-native:storage:BlobServiceProperties")
        if service.get("deleteRetentionPolicy.enabled")
    ]
    return days + max(undelete, default=0.0)


POLICY = "azure-native:storage:ManagementPolicy"


def _days(rule: dict[str, Any]) -> float:
    actions = rule.get("definition", {}).get("actions", {})
    ages = [*actions.get("baseBlob", {}).values(), *actions.get("version", {}).values()]
    return max((float(value) for age in ages if isinstance(age, dict) for value in age.values()), default=0.0)


def holds_backups(bill: Bill, container: Resource) -> bool:
    """A private container that the lifecycle policy empties; any private one where there is no policy."""
    if container.get("publicAccess") not in (None, "None"):
        return False
    prefixes = [
        prefix
        for policy in bill.stack.of(POLICY)
        for rule in policy.items("policy.rules")
        if "baseBlob" in rule.get("definition", {}).get("actions", {})
        for prefix in rule.get("definition", {}).get("filters", {}).get("prefixMatch") or []
    ]
    name = str(container.get("containerName") or container.get("name") or container.name)
    return not prefixes or any(prefix.split("/")[0] == name for prefix in prefixes)


def month(bill: Bill) -> Backups:
    usage, every, binlog = bill.usage, interval_s(bill), binlog_interval_s(bill)
    taken, pieces = MONTH_S / every, MONTH_S / binlog if binlog else 0.0
    days = kept_days(bill)
    kept = days * 86_400 / every
    one = usage.backup_mb / 1000
    log = usage.binlog_mb_hour * 720 / 1000 if binlog else 0.0
    return Backups(
        taken=taken,
        kept=kept,
        gigabytes_kept=kept * one + log * days / 30,
        gigabytes_written=taken * one + log,
        writes=taken * (math.ceil(usage.backup_mb / usage.backup_block_mb) + usage.backup_writes),
        binlog_writes=pieces * usage.binlog_writes,
    )


def written_gb(bill: Bill) -> float:
    return month(bill).gigabytes_written
