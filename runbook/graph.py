"""Steps that run in parallel as their dependencies allow; a failure stops what depends on it, not the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from runbook.errors import Consequence, PlanBError, Stopped
from runbook.events import Bus


class Log(Protocol):
    """The journal as the graph uses it: one entry ahead of each act, one after its verification."""

    @property
    def usual(self) -> Mapping[str, float]: ...
    def begin(self, step: str) -> None: ...
    def verified(self, step: str, result: dict[str, Any]) -> None: ...
    def failed(self, step: str, error: str) -> None: ...
    def result_of(self, step: str) -> dict[str, Any] | None: ...


@dataclass(frozen=True)
class Step:
    """One step: `act` does it and proves it, and returns what later steps and a resumed run need (JSON).

    `act` must be safe to repeat: it looks first and does only what is missing. `again` says that a resumed run has
    to do it once more although it was verified (a check of something that changes by itself).
    """

    name: str
    text: str
    act: Callable[[], dict[str, Any]]
    depends_on: tuple[str, ...] = ()
    again: bool = False


@dataclass
class Outcome:
    """What became of a run."""

    results: dict[str, dict[str, Any]] = field(default_factory=dict[str, Any])
    times: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    errors: dict[str, Exception] = field(default_factory=dict[str, Exception])


def run(steps: Sequence[Step], bus: Bus, journal: Log, stop: threading.Event) -> Outcome:
    """Runs all steps. Raises the first error of a step once everything that did not depend on it has ended."""
    _check(steps)
    planned = [{"name": s.name, "text": s.text, "depends_on": list(s.depends_on)} for s in steps]
    bus.emit("plan", f"{len(steps)} steps", steps=planned, usual=dict(journal.usual))
    outcome = Outcome()
    waiting = {step.name: step for step in steps}
    running: dict[Future[dict[str, Any]], Step] = {}
    order: list[Exception] = []
    pool = ThreadPoolExecutor(max_workers=max(1, len(steps)), thread_name_prefix="step")
    at_once = False
    try:
        while waiting or running:
            for step in list(waiting.values()):
                if stop.is_set():
                    break
                if all(name in outcome.results for name in step.depends_on):
                    del waiting[step.name]
                    known = None if step.again else journal.result_of(step.name)
                    if known is not None:
                        outcome.results[step.name] = known
                        bus.emit("skipped", "done before the interruption", step=step.name)
                        continue
                    bus.emit("started", step.text, step=step.name, depends_on=list(step.depends_on))
                    outcome.times[step.name] = (time.time(), 0.0)
                    running[pool.submit(_one, step, journal, order)] = step
            if not running:
                if (
                    not any(all(n in outcome.results for n in step.depends_on) for step in waiting.values())
                    or stop.is_set()
                ):
                    break
                continue
            done, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                step = running.pop(future)
                outcome.times[step.name] = (outcome.times[step.name][0], time.time())
                error = future.exception()
                if error is None:
                    outcome.results[step.name] = future.result()
                    bus.emit("finished", step.text, step=step.name, result=future.result())
                elif isinstance(error, Exception):
                    outcome.errors[step.name] = error
                    bus.emit("failed", str(error), step=step.name)
                else:
                    raise error
    except KeyboardInterrupt:  # the second Ctrl-C: running steps are left behind
        at_once = True
        raise
    finally:
        pool.shutdown(wait=not at_once, cancel_futures=True)
    if order:
        raise next((error for error in order if not isinstance(error, Consequence)), order[0])
    if waiting:
        raise Stopped(
            f"stopped before {', '.join(waiting)}",
            meaning="what was begun has ended; nothing else was started",
            next_step="run the same command again to resume",
        )
    return outcome


def _one(step: Step, journal: Log, order: list[Exception]) -> dict[str, Any]:
    try:
        journal.begin(step.name)
        try:
            result = step.act()
        except Exception as error:
            with suppress(PlanBError):  # the reason matters more than that the journal could not take it
                journal.failed(step.name, str(error))
            raise
        journal.verified(step.name, result)
    except Exception as error:
        order.append(error)  # here, where it happened: futures that are done together have no order
        raise
    return result


def _check(steps: Sequence[Step]) -> None:
    """A plan that cannot run is a programming error, found before anything starts."""
    known: set[str] = set()
    for step in steps:
        missing = set(step.depends_on) - known
        if missing or step.name in known:
            raise PlanBError(f"step {step.name} is listed twice or before {', '.join(sorted(missing))}")
        known.add(step.name)
