"""When is the active site down, and what follows: pure, no clock and no network of its own.

The timeline is the original design's (its 9.2): the first failure at T+0, unhealthy after three in a row at T+90 s, and
30 s more before anything is done. What is not evidence does not count: a watcher without network, a gap in which nobody
looked, a maintenance window, votes that nobody else confirms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Level = Literal["healthy", "suspect", "unhealthy"]
Kind = Literal["suspect", "page", "act", "recovered", "blind", "seeing", "stale-backup", "fresh-backup"]
Verdict = Literal["up", "down", "unknown"]


@dataclass(frozen=True)
class Rules:
    """Seconds and rounds; `quorum` is the fewest votes that may decide anything."""

    every_s: float = 30.0
    unhealthy_after_s: float = 90.0
    unhealthy_rounds: int = 3
    act_after_s: float = 120.0
    recover_rounds: int = 3
    quorum: int = 2
    page_again_s: float = 900.0
    auto: bool = False

    @property
    def stale_s(self) -> float:
        """After a gap this long (the machine slept, the network was away) what was seen before is no evidence."""
        return 2.5 * self.every_s


@dataclass(frozen=True)
class Sight:
    """What one vantage point saw of the active site; `up` is None when it could not look."""

    vantage: str
    up: bool | None
    detail: str = ""


@dataclass(frozen=True)
class Round:
    """One look from everywhere. `at` only grows (a monotonic clock)."""

    at: float
    sights: Sequence[Sight]
    network: bool = True
    """Whether this watcher reaches anything at all; without it, it knows nothing about others."""
    active: str | None = "aws"
    """The site that the edge sends customers to; "maintenance" while a run is under way; None when the edge is dark."""
    window: bool = False
    backup_late: bool | None = None

    def verdict(self, quorum: int) -> Verdict:
        """The majority of those that could look, if they are enough."""
        votes = [sight.up for sight in self.sights if sight.up is not None]
        down = votes.count(False)
        if not self.network or len(votes) < quorum:
            return "unknown"
        return "down" if down >= quorum and down * 2 > len(votes) else "up"


@dataclass(frozen=True)
class Decision:
    """Something to log, and for `page` and `act` to do."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class State:
    """What is remembered between two rounds."""

    level: Level = "healthy"
    failing_since: float | None = None
    bad: int = 0
    good: int = 0
    seen_at: float | None = None
    """The last round that was evidence."""
    paged_at: float | None = None
    acted: bool = False
    blind: bool = False
    backup_late: bool = False


def step(state: State, now: Round, rules: Rules) -> tuple[State, list[Decision]]:
    """The next state, and what is to be done about it."""
    state, decisions = _backup(state, now)
    verdict = now.verdict(rules.quorum)
    if now.window or now.active not in ("aws", "azure", None):
        # Whoever works on it knows, and what is seen meanwhile proves nothing afterwards.
        return _forget(replace(state, blind=False)), decisions
    if verdict == "unknown":
        if not state.blind:
            why = "this machine reaches nothing" if not now.network else "too few vantage points could look"
            decisions.append(Decision("blind", f"{why}: nothing is concluded from it"))
        return replace(state, blind=True), decisions
    if state.blind:
        decisions.append(Decision("seeing", "vantage points answer again"))
        state = replace(state, blind=False)
    if state.seen_at is not None and now.at - state.seen_at > rules.stale_s:
        state = replace(state, bad=0, good=0, failing_since=None)
    state = replace(state, seen_at=now.at)
    state, more = _up(state, rules) if verdict == "up" else _down(state, now, rules)
    return state, decisions + more


def _up(state: State, rules: Rules) -> tuple[State, list[Decision]]:
    good = state.good + 1
    state = replace(state, good=good, bad=0, failing_since=None)
    if state.level == "unhealthy" and good < rules.recover_rounds:
        return state, []  # one good answer among bad ones is no recovery
    recovered = [Decision("recovered", "the site serves again")] if state.level == "unhealthy" else []
    return replace(state, level="healthy", paged_at=None, acted=False), recovered


def _down(state: State, now: Round, rules: Rules) -> tuple[State, list[Decision]]:
    since = now.at if state.failing_since is None else state.failing_since
    state = replace(state, bad=state.bad + 1, good=0, failing_since=since)
    failing, decisions = now.at - since, list[Decision]()
    saw = ", ".join(f"{s.vantage}: {s.detail or 'down'}" for s in now.sights if s.up is False)
    if state.level == "healthy":
        state = replace(state, level="suspect")
        decisions.append(Decision("suspect", saw))
    proven = state.bad >= rules.unhealthy_rounds and failing >= rules.unhealthy_after_s
    if state.level == "suspect" and proven:
        state = replace(state, level="unhealthy")
    if state.level != "unhealthy" or not proven:
        return state, decisions
    ripe = state.bad > rules.unhealthy_rounds and failing >= rules.act_after_s
    if rules.auto and now.active == "aws" and not state.acted and ripe:
        decisions.append(Decision("act", f"down for {failing:.0f} s ({saw})"))
        return replace(state, acted=True, paged_at=now.at), decisions
    if state.paged_at is None or now.at - state.paged_at >= rules.page_again_s:
        decisions.append(Decision("page", f"down for {failing:.0f} s ({saw})"))
        state = replace(state, paged_at=now.at)
    return state, decisions


def _backup(state: State, now: Round) -> tuple[State, list[Decision]]:
    """Backups that stay away are told once, and once when they come again."""
    if now.backup_late is None or now.backup_late == state.backup_late:
        return state, []
    text = (
        "no new backup arrives: what is written now would be lost"
        if now.backup_late
        else "backups arrive again"
    )
    kind: Kind = "stale-backup" if now.backup_late else "fresh-backup"
    return replace(state, backup_late=now.backup_late), [Decision(kind, text)]


def _forget(state: State) -> State:
    return replace(
        state, level="healthy", failing_since=None, bad=0, good=0, seen_at=None, paged_at=None, acted=False
    )
