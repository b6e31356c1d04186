"""Every write that the service acknowledged, and the question whether it is still there."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pymysql


@dataclass(frozen=True)
class Write:
    """One acknowledged POST: `marker` is in the row, `site` says who answered, times are epoch seconds."""

    marker: str
    site: str
    sent_at: float
    acknowledged_at: float


@dataclass(frozen=True)
class Audit:
    """What a database has of the acknowledged writes.

    `lost` are those that are absent; `unexplained` those of them that were acknowledged before `restored_to`,
    the instant of which the backup is a picture: there must be none, or data was lost that nobody announced.
    """

    acknowledged: int
    present: int
    lost: tuple[Write, ...]
    unexplained: tuple[Write, ...]


class Ledger:
    """Thread-safe list of acknowledged writes of one drill run."""

    def __init__(self, run: str) -> None:
        self.prefix = f"drill-{run}-"
        self._lock = threading.Lock()
        self._writes: list[Write] = []
        self._sequence = 0

    def next_marker(self) -> str:
        """A text that stands in exactly one row."""
        with self._lock:
            self._sequence += 1
            return f"{self.prefix}{self._sequence:07d}"

    def acknowledge(self, write: Write) -> None:
        """Call this only once the service has answered 2xx."""
        with self._lock:
            self._writes.append(write)

    def writes(self, *, site: str | None = None) -> list[Write]:
        """Acknowledged writes, oldest first; of one site if given."""
        with self._lock:
            return [write for write in self._writes if site is None or write.site == site]

    def last_acknowledged_at(self, site: str) -> float | None:
        """When `site` acknowledged its newest write."""
        return max((write.acknowledged_at for write in self.writes(site=site)), default=None)


def markers_in(connection: pymysql.Connection[Any], prefix: str) -> set[str]:
    """The markers of this run that stand in the database's `visits`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT description FROM visits WHERE description LIKE %s", (prefix + "%",))
        return {row[0] for row in cursor.fetchall()}


def audit(writes: Iterable[Write], present: set[str], *, restored_to: float | None = None) -> Audit:
    """Compares acknowledged writes with what is there; `restored_to` None explains no loss at all."""
    all_writes = list(writes)
    lost = tuple(write for write in all_writes if write.marker not in present)
    unexplained = tuple(w for w in lost if restored_to is None or w.acknowledged_at <= restored_to)
    return Audit(len(all_writes), len(all_writes) - len(lost), lost, unexplained)
