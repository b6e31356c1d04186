"""The journal of a failover or failback: append-only JSON lines in the backup container, under a lease.

It lives in Azure, so a run that dies with its machine is resumed from another one. The lease keeps two runbooks
apart; the second learns who holds it and since when.
"""

from __future__ import annotations

import json
import threading
import time
from types import TracebackType
from typing import Any

from restore.blobs import Container
from restore.errors import DataPlaneError
from restore.lease import Lease
from runbook.errors import Stopped
from runbook.failures import translating

LOCK = "journal/lock"


class Journal:
    """One run's entries. `kind` is failover or failback; `epoch` is the epoch that the run establishes."""

    def __init__(self, container: Container, kind: str, epoch: int, lease: Lease) -> None:
        self._container, self._lease, self._lock = container, lease, threading.Lock()
        self.blob = f"journal/{kind}-{epoch:06d}.jsonl"
        self.kind, self.epoch = kind, epoch
        self._verified = {
            str(entry["step"]): dict(entry.get("result") or {})
            for entry in current(read(container, self.blob))
            if entry["event"] == "verified"
        }
        self.usual = usual(container, kind)
        self._append({"event": "opened"})

    def begin(self, step: str) -> None:
        """Written ahead of the act; refuses when the lease is no longer ours."""
        try:
            self._lease.check()
        except DataPlaneError as error:
            raise Stopped(
                error.what,
                resource=error.where,
                meaning="another process may have taken over; this one does nothing more",
                next_step="planb status; if nobody has: run the same command again to resume",
            ) from None
        self._append({"event": "begin", "step": step})

    def verified(self, step: str, result: dict[str, Any]) -> None:
        self._append({"event": "verified", "step": step, "result": result})

    def failed(self, step: str, error: str) -> None:
        self._append({"event": "failed", "step": step, "error": error})

    def result_of(self, step: str) -> dict[str, Any] | None:
        """What the step returned in an earlier, interrupted run; None if it was not verified."""
        return self._verified.get(step)

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """What every verified step of the interrupted run returned."""
        return dict(self._verified)

    def note(self, event: str, **facts: Any) -> None:
        self._append({"event": event, **facts})

    def close(self, **facts: Any) -> None:
        """The run is over: nothing of it will be resumed."""
        self._append({"event": "closed", **facts})

    def _append(self, entry: dict[str, Any]) -> None:
        with self._lock:
            line = json.dumps({"at": time.time(), **entry}, ensure_ascii=False) + "\n"
            with translating():
                self._container.append(self.blob, line.encode())


class JournalLock:
    """The lease that makes this process the only runbook."""

    def __init__(self, container: Container, what: str) -> None:
        self._container, self._what = container, what

    def __enter__(self) -> Lease:
        with translating():
            self._lease = self._container.lease(LOCK, what=self._what)
        return self._lease

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lease.release()


def read(container: Container, blob: str) -> list[dict[str, Any]]:
    """The entries; a torn last line (a process died while writing) is left out."""
    with translating():
        raw = container.read(blob) or b""
    entries: list[dict[str, Any]] = []
    for line in raw.decode(errors="replace").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def runs(container: Container) -> list[tuple[str, int, list[dict[str, Any]]]]:
    """(kind, epoch, entries) of every run, oldest first."""
    found: list[tuple[str, int, list[dict[str, Any]]]] = []
    with translating():
        listed = container.list("journal/")
    for blob in listed:
        stem = blob.name.removeprefix("journal/").removesuffix(".jsonl")
        kind, _, epoch = stem.rpartition("-")
        if kind and epoch.isdigit():
            found.append((kind, int(epoch), read(container, blob.name)))
    return sorted(found, key=lambda run: run[1])


def usual(container: Container, kind: str) -> dict[str, float]:
    """How long each step took in the newest run of this kind in which it was done, in seconds."""
    found: dict[str, float] = {}
    for name, _, entries in runs(container):  # oldest first: newer ones win
        begun: dict[str, float] = {}
        for entry in entries if name == kind else []:
            if entry["event"] == "begin":
                begun[str(entry["step"])] = float(entry["at"])
            elif entry["event"] == "verified" and entry.get("step") in begun:
                found[str(entry["step"])] = float(entry["at"]) - begun[str(entry["step"])]
    return found


def unfinished(container: Container, kind: str) -> int | None:
    """The epoch of an interrupted run of this kind, to be resumed."""
    for name, epoch, entries in reversed(runs(container)):
        if name == kind:
            return epoch if current(entries) else None
    return None


def current(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries of the run that is not closed: those after the last `closed` (a refused run leaves its epoch unused)."""
    closed = [number for number, entry in enumerate(entries) if entry["event"] == "closed"]
    return entries[closed[-1] + 1 :] if closed else entries
