"""The loop: look, tell the others, and if this watcher leads, decide, log, page, act."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from runbook import failures
from runbook.chat import Chat
from runbook.errors import PlanBError, Refused
from runbook.failures import translating
from runbook.sites import Sites
from runbook.watch.core import Decision, Rules, Sight, State, step
from runbook.watch.looking import REPORTS, Looker, Seen

if TYPE_CHECKING:
    from restore.lease import Lease

LEADER = f"{REPORTS}leader"
LOG = f"{REPORTS}decisions.jsonl"
TYPE = {
    "aws": "planb failover",
    "azure": "planb status; then planb failback if AWS serves",
    None: "planb status",
}


class Tell(Protocol):
    """Takes what happened: one JSON object a line, or a line for people."""

    def __call__(self, kind: str, text: str, **facts: Any) -> None: ...


@dataclass
class Watcher:
    """One process; several may run, on different machines, and one of them leads."""

    site: Sites
    looker: Looker
    rules: Rules
    tell: Tell
    chat: Chat | None = None
    failover: Callable[[], None] | None = None
    """What `--auto` runs."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._state = State()
        self._lease: Lease | None = None
        self._windowed = self._following = False

    def run(self, stop: threading.Event, rounds: int | None = None) -> None:
        """Until `stop` or so many rounds; an expected failure costs a round, not the watch."""
        done = 0
        try:
            while not stop.is_set():
                began = self.clock()
                try:
                    self.once()
                except Exception as error:
                    known = failures.told(error)
                    if known is None:
                        raise
                    self.tell("problem", known.what, next=known.next_step)
                done += 1
                if rounds is not None and done >= rounds:
                    return
                stop.wait(max(0.0, self.rules.every_s - (self.clock() - began)))
        finally:
            if self._lease is not None:
                self._lease.release()

    def once(self) -> Seen:
        """One round."""
        seen = self.looker.look()
        for note in seen.notes:
            self.tell("problem", note)
        leads = self._lead()
        try:
            self.looker.publish(seen)
        except PlanBError as error:
            self.tell("problem", f"the other watchers cannot be told: {error.what}")
        self._windows(seen)
        self._state, decisions = step(self._state, seen.at(self.clock()), self.rules)
        votes = {s.vantage: s.up for s in seen.sights}
        self.tell(
            "look",
            f"{seen.active or 'edge unknown'} {self._state.level}, {_votes(seen)}{'' if leads else ' (following)'}",
            level=self._state.level,
            active=seen.active,
            votes=votes,
            network=seen.network,
            leads=leads,
            backup_age_s=seen.backup_age_s,
        )
        if leads:
            for decision in decisions:
                self._do(decision, seen)
        else:  # what a follower would have done is still to be done by whoever leads next
            self._state = replace(self._state, acted=False, paged_at=None)
        return seen

    # -- who decides --

    def _lead(self) -> bool:
        """Whether the lease is ours, now; the first who asks gets it, and its death frees it within a minute.

        A storage that does not answer makes nobody leader: without it there is nothing to restore either.
        """
        from restore.errors import DataPlaneError, LeaseHeld

        if self._lease is not None:
            try:
                self._lease.check()
                return True
            except DataPlaneError:
                self._lease.release()
                self._lease = None
                self.tell("problem", "the lease was lost: another watcher may decide now")
        try:
            with translating():
                try:
                    self._lease = self.site.store.lease(
                        LEADER, what=f"planb watch{' --auto' if self.rules.auto else ''}"
                    )
                except LeaseHeld as held:
                    if not self._following:
                        self.tell("follow", held.what)
                    self._following = True
                    return False
        except PlanBError as error:
            self.tell("problem", f"nobody can be made leader: {error.what}")
            return False
        self._following = False
        self.tell("lead", "this watcher decides from now on")
        return True

    # -- what follows --

    def _do(self, decision: Decision, seen: Seen) -> None:
        self._record(decision, seen)
        self.tell(decision.kind, decision.text)
        if decision.kind == "page":
            by_itself = self.rules.auto and seen.active == "aws" and not self._state.acted
            todo = (
                "The failover starts by itself"
                if by_itself
                else f"Type: {TYPE.get(seen.active, 'planb status')}"
            )
            self._page(f"{_site(seen)} is {decision.text}. {todo}")
        elif decision.kind == "stale-backup":
            self._page(f"backups are late: {decision.text}. Type: planb status")
        elif decision.kind in ("recovered", "fresh-backup"):
            self._page(decision.text, urgent=False)
        elif decision.kind == "act":
            self._act(decision)

    def _act(self, decision: Decision) -> None:
        """Fails over, if the lease is still ours in this moment; the failover looks for itself before it begins."""
        from restore.errors import DataPlaneError

        assert self.failover is not None, "rules with auto come with what to run"
        try:
            assert self._lease is not None
            self._lease.check()
        except DataPlaneError:
            self._page("the watch's lease was lost just before it would have failed over. Type: planb status")
            return
        self._page(f"AWS is {decision.text}. Failing over to Azure now; watch it with: planb status --watch")
        try:
            self.failover()
        except Refused as error:
            self.tell("refused", error.what, next=error.next_step)
            self._page(f"the failover was refused: {error.what}. Type: {error.next_step or 'planb status'}")
        except PlanBError as error:
            self.tell("failed", error.what, next=error.next_step)
            self._page(f"the failover stopped: {error.what}. Type: planb failover (it resumes)")
        else:
            self.site.refresh_dr()
            self._page("the service runs on Azure. Type: planb status", urgent=False)

    def _page(self, text: str, *, urgent: bool = True) -> None:
        self.tell("paging" if urgent else "telling", text)
        if self.chat:
            self.chat.say(f"{'🚨 ' if urgent else '✓ '}planb watch: {text}")

    def _windows(self, seen: Seen) -> None:
        if (seen.window is not None) != self._windowed:
            self._windowed = seen.window is not None
            self.tell(
                "window", f"maintenance {seen.window}" if seen.window else "the maintenance window is over"
            )

    def _record(self, decision: Decision, seen: Seen) -> None:
        """One line a decision, with what it was based on; several watchers write the same log."""
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "by": socket.gethostname(),
            "kind": decision.kind,
            "text": decision.text,
            "active": seen.active,
            "votes": {s.vantage: [s.up, s.detail] for s in seen.sights},
            "network": seen.network,
        }
        try:
            with translating():
                self.site.store.append(LOG, (json.dumps(entry, ensure_ascii=False) + "\n").encode())
        except PlanBError as error:
            self.tell("problem", f"the decision could not be logged: {error.what}")


def _site(seen: Seen) -> str:
    return {"aws": "AWS", "azure": "Azure"}.get(str(seen.active), "the bank")


def _votes(seen: Seen) -> str:
    def one(sight: Sight) -> str:
        if sight.up:
            return f"{sight.vantage} up"
        why = f" ({sight.detail})" if sight.detail else ""
        return f"{sight.vantage} {'?' if sight.up is None else 'DOWN'}{why}"

    return ", ".join(map(one, seen.sights))
