"""Faults that tests and the drill ask for, and the clock that scales modelled time."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass
from typing import Any

from simcloud.kinds import CloudError
from simcloud.latency import Profile, modelled_s

KINDS = {
    "region_dark": {"region"},
    "quota": {"type", "message"},
    "throttle": {"type", "count"},
    "create_fails_halfway": {"type", "count"},
    "credentials_expired": {"cloud"},
}
EXPIRED = {
    "aws": CloudError("ExpiredToken", "The security token included in the request is expired"),
    "azure-native": CloudError(
        "invalid_grant",
        "AADSTS700082: The refresh token has expired due to inactivity. Sign in again: az login",
    ),
}


class BadFault(Exception):
    """A fault that does not exist or lacks what it needs."""


@dataclass
class Fault:
    """One active fault; `left` counts down where the fault has a count."""

    id: str
    kind: str
    details: dict[str, Any]
    left: int | None = None


class Faults:
    """The active faults; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[str, Fault] = {}
        self._numbers = itertools.count(1)

    def add(self, kind: str, details: dict[str, Any]) -> Fault:
        """Raises BadFault with what is allowed."""
        if kind not in KINDS:
            raise BadFault(f"unknown fault {kind!r}; allowed: {', '.join(sorted(KINDS))}")
        if set(details) != KINDS[kind]:
            raise BadFault(
                f"fault {kind!r} takes {', '.join(sorted(KINDS[kind]))}; got {', '.join(sorted(details))}"
            )
        count = int(details["count"]) if "count" in details else None
        if count is not None and count < 1:
            raise BadFault(f"count is {count}; it takes at least 1")
        with self._lock:
            fault = Fault(f"f{next(self._numbers)}", kind, details, count)
            self._active[fault.id] = fault
            return fault

    def remove(self, fault_id: str) -> Fault | None:
        with self._lock:
            return self._active.pop(fault_id, None)

    def active(self) -> list[Fault]:
        with self._lock:
            return list(self._active.values())

    def _take(self, kind: str, name: str, value: str) -> Fault | None:
        """The fault that applies, counted down; used-up faults go."""
        with self._lock:
            for fault in list(self._active.values()):
                if fault.kind == kind and fault.details.get(name) == value:
                    if fault.left is not None:
                        fault.left -= 1
                        if fault.left <= 0:
                            del self._active[fault.id]
                    return fault
        return None

    def before_call(self, cloud: str, type_: str, op: str) -> None:
        """Raises what the cloud would answer before it looks at the request."""
        if self._take("credentials_expired", "cloud", cloud):
            raise EXPIRED.get(cloud, CloudError("Unauthorized", "credentials have expired"))
        if self._take("throttle", "type", type_):
            text = (
                "Rate exceeded"
                if cloud == "aws"
                else "The request is being throttled. Retry after 1 seconds."
            )
            raise CloudError("Throttling" if cloud == "aws" else "TooManyRequests", text, retryable=True)
        if op == "create" and (fault := self._take("quota", "type", type_)):
            raise CloudError("QuotaExceeded", str(fault.details["message"]))

    def fails_halfway(self, type_: str) -> bool:
        return self._take("create_fails_halfway", "type", type_) is not None


class Clock:
    """Modelled seconds to real ones. `speed` may change while things run."""

    def __init__(self, speed: float, profile: Profile) -> None:
        self.speed = speed
        self.profile: Profile = profile

    def modelled(self, row: str | None) -> float:
        return modelled_s(row, self.profile)

    def sleep(self, seconds: float) -> None:
        """Sleeps modelled seconds."""
        time.sleep(seconds / self.speed)
