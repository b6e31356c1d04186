"""Every write that the service acknowledged, and the question whether it is still there."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

ATTEMPTS = 5


@dataclass(frozen=True)
class Write:
    """One acknowledged POST: `marker` is in row `row_id`, `site` says who answered, times are epoch seconds."""

    marker: str
    row_id: int
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


def present(base_url: str, writes: Sequence[Write]) -> set[str]:
    """Markers that the service still shows in the rows it acknowledged them for, asked as a customer would.

    Raises RuntimeError when a row cannot be asked for; an answer is needed for every one.
    """

    def shown(write: Write) -> str | None:
        for _ in range(ATTEMPTS):
            try:
                answer = session().get(f"{base_url}/api/visits/{write.row_id}", timeout=(5, 15))
            except requests.RequestException:
                continue
            if answer.status_code == 404:
                return None
            if answer.ok:
                # After a loss the number may have been given to another row.
                return write.marker if answer.json().get("description") == write.marker else None
        raise RuntimeError(f"no answer for visit {write.row_id} at {base_url}")

    local = threading.local()

    def session() -> requests.Session:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        return local.session

    # Fewer than the application has connections: the customers of the drill must not wait for its audit.
    with ThreadPoolExecutor(max_workers=4) as pool:
        return {marker for marker in pool.map(shown, writes) if marker is not None}


def audit(writes: Iterable[Write], present: set[str], *, restored_to: float | None = None) -> Audit:
    """Compares acknowledged writes with what is there; `restored_to` None explains no loss at all."""
    all_writes = list(writes)
    lost = tuple(write for write in all_writes if write.marker not in present)
    unexplained = tuple(w for w in lost if restored_to is None or w.acknowledged_at <= restored_to)
    return Audit(len(all_writes), len(all_writes) - len(lost), lost, unexplained)
