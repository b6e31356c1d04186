"""Logs: taken in by the GB, kept by the GB and month."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.cost.model import Line
from runbook.cost.state import Resource
from runbook.cost.walk import Bill

GROUP = "aws:cloudwatch/logGroup:LogGroup"
FOREVER_DAYS = 365
"""What a group without a retention costs is reckoned after its first year."""


def logs(
    bill: Bill, it: Resource, label: str, gigabytes: float, days: float, item: str = "ingest"
) -> Iterator[Line]:
    """`gigabytes` a month, kept for `days` (0: nobody said)."""
    if gigabytes:
        kept = gigabytes * (days or FOREVER_DAYS) / 30 * bill.usage.log_kept_ratio
        yield bill.line(it, "other", f"{label} taken in", gigabytes, f"logs.{item}")
        yield bill.line(it, "other", f"{label} kept", kept, "logs.storage")


def days_of(bill: Bill, prefix: str) -> float:
    """How long the group whose name starts so keeps them; 0 when it is not ours or keeps them for ever."""
    named = [group for group in bill.stack.of(GROUP) if str(group.get("name") or "").startswith(prefix)]
    return max((group.number("retentionInDays") for group in named), default=0.0)
