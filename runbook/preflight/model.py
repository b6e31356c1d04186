"""A check and what it finds; running many of them at once, each bounded in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from runbook import failures
from runbook.bounded import ask_all
from runbook.errors import PlanBError

Severity = Literal["ok", "warning", "blocker", "unasked"]
"""blocker: a failover cannot succeed · warning: it can, but not as it should · unasked: nobody answered."""
Side = Literal["here", "azure", "aws", "edge"]
WORST: dict[Severity, int] = {"ok": 0, "warning": 1, "unasked": 2, "blocker": 3}
T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """What was seen, what it means for a failover, and the command that mends it."""

    severity: Severity
    what: str
    meaning: str = ""
    next_step: str = ""


@dataclass(frozen=True)
class Check:
    """`ask` returns findings, at least one. `vital` says that without an answer nobody can call us ready."""

    name: str
    side: Side
    about: str
    ask: Callable[[], Sequence[Finding]]
    limit_s: float = 10.0
    vital: bool = False


@dataclass(frozen=True)
class Asked:
    """One check and what became of it."""

    check: Check
    findings: tuple[Finding, ...]
    took_s: float

    @property
    def severity(self) -> Severity:
        return max((finding.severity for finding in self.findings), key=WORST.__getitem__)


@dataclass(frozen=True)
class Report:
    """All checks of one look, in the order in which they were given."""

    asked: tuple[Asked, ...]
    at: float = field(default_factory=time.time)

    def having(self, severity: Severity) -> list[Asked]:
        return [one for one in self.asked if one.severity == severity]

    @property
    def ready(self) -> bool:
        """No blocker, and every vital question was answered."""
        return not self.having("blocker") and not [a for a in self.having("unasked") if a.check.vital]

    @property
    def verdict(self) -> str:
        counted = {severity: len(self.having(severity)) for severity in WORST}
        more = [
            f"{counted[severity]} {text}"
            for severity, text in (
                ("blocker", "in the way"),
                ("warning", "to mend"),
                ("unasked", "could not be asked"),
            )
            if counted[severity]
        ]
        tail = f"{counted['ok']} of {len(self.asked)} checks are fine" + "".join(f", {part}" for part in more)
        return f"{'a failover can go ahead' if self.ready else 'NOT READY for a failover'}: {tail}"

    def json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "ready": self.ready,
            "verdict": self.verdict,
            "checks": [
                {
                    "name": one.check.name,
                    "side": one.check.side,
                    "about": one.check.about,
                    "severity": one.severity,
                    "vital": one.check.vital,
                    "took_s": round(one.took_s, 3),
                    "findings": [vars(finding) for finding in one.findings],
                }
                for one in self.asked
            ],
        }


class NotAsked(PlanBError):
    """The other side gave no answer that could be judged."""


def ok(what: str) -> Finding:
    return Finding("ok", what)


def unasked(what: str, next_step: str = "") -> Finding:
    return Finding("unasked", what, "nobody knows whether this is fine", next_step)


class Once(Generic[T]):
    """A value made by the first who asks; the others wait for it, and share its failure."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made: list[T] = []
        self._error: PlanBError | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._error is not None:
                raise NotAsked(self._error.what, next_step=self._error.next_step)
            if not self._made:
                try:
                    self._made.append(self._make())
                except Exception as error:
                    self._error = failures.told(error)
                    if self._error is None:
                        raise
                    raise self._error from None
            return self._made[0]


def run(checks: Sequence[Check], on_done: Callable[[Asked], None] | None = None) -> Report:
    """Asks everything at once. A check that takes longer than its limit could not be asked."""
    known = {check.name: check for check in checks}
    ordered: list[Asked] = []
    for name, answer in ask_all({check.name: (check.ask, check.limit_s) for check in checks}):
        found = tuple(answer.value or ())
        if answer.error is not None:
            found = (unasked(answer.error.what, answer.error.next_step),)
        ordered.append(Asked(known[name], found, answer.took_s))
        if on_done:
            on_done(ordered[-1])
    return Report(tuple(ordered))
