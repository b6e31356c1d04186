"""A lease on a blob: at most one process does a thing, and everybody can see who and since when.

The lease lasts 60 s and is renewed every 20 s by a thread, so a killed holder frees it within a minute. A holder must
call `check()` before a side effect: a process that was frozen for longer than the lease learns that it lost it.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from restore.errors import Changed, DataPlaneError, LeaseHeld, Refused

if TYPE_CHECKING:
    from restore.blobs import Container

DURATION_S = 60
RENEW_S = 20.0


class Lease:
    """Held from construction by `Lease.acquire` until `release` or the end of the `with` block."""

    def __init__(self, container: Container, name: str, lease_id: str, duration_s: int) -> None:
        self.id = lease_id
        self.name = name
        self._container = container
        self._duration = duration_s
        self._good_until = time.monotonic() + duration_s
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)

    @classmethod
    def acquire(cls, container: Container, name: str, *, what: str, duration_s: int = DURATION_S) -> Self:
        """Take the lease on blob `name` (made if missing) and write into it who we are.

        Args:
            what: what we do under it, for whoever finds it taken.
            duration_s: 15–60, as storage allows.

        Raises:
            LeaseHeld: somebody else has it; the message says who and since when.
        """
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"what": what, "host": socket.gethostname(), "pid": os.getpid(), "since": since}
        container.ensure(name)
        try:
            lease_id = container.lease_acquire(name, duration_s)
        except LeaseHeld:
            raise LeaseHeld(
                f"locked by {_holder(container.read(name))}",
                where=f"{container}/{name}",
                next_step=f"Wait for it, or up to {duration_s} s if that process has died.",
            ) from None
        lease = cls(container, name, lease_id, duration_s)
        try:
            container.write(name, json.dumps(holder).encode(), overwrite=True, lease=lease)
        except BaseException:
            with suppress(DataPlaneError):
                container.lease_release(name, lease_id)
            raise
        lease._thread.start()
        return lease

    def check(self) -> None:
        """Raise unless the lease is surely still ours."""
        if self._released.is_set() or time.monotonic() >= self._good_until:
            raise Refused(
                "the lease was lost",
                where=self.name,
                meaning="Another process may have taken over; stopping here.",
            )

    def release(self) -> None:
        """Give it back; safe to call twice."""
        if self._released.is_set():
            return
        self._released.set()
        with suppress(DataPlaneError):  # it runs out by itself
            self._container.lease_release(self.name, self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _renew(self) -> None:
        period = min(RENEW_S, self._duration / 3)
        while not self._released.wait(period):
            asked = time.monotonic()
            try:
                self._container.lease_renew(self.name, self.id)
            except (LeaseHeld, Changed):
                self._good_until = 0.0
                return
            except DataPlaneError:
                continue  # the next try may do; `check` tells when it is too late
            self._good_until = asked + self._duration


def _holder(raw: bytes | None) -> str:
    try:
        parsed: object = json.loads(raw or b"")
    except ValueError:
        return "an unknown process"
    if not isinstance(parsed, dict):
        return "an unknown process"
    record = cast("dict[str, Any]", parsed)
    return (
        f"{record.get('what')} on {record.get('host')} (pid {record.get('pid')}) since {record.get('since')}"
    )
