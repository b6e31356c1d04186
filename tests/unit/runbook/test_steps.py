"""The graph of steps: order, parallelism, failure, stopping, resuming."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook import graph
from runbook.errors import ExitCode, PlanBError, Stopped
from runbook.events import Bus
from runbook.graph import Step


class Memory:
    """A journal in memory."""

    def __init__(self, **known: dict[str, Any]) -> None:
        self.known, self.entries = known, []  # type: ignore[var-annotated]

    def begin(self, step: str) -> None:
        self.entries.append(("begin", step))

    def verified(self, step: str, result: dict[str, Any]) -> None:
        self.entries.append(("verified", step))

    def failed(self, step: str, error: str) -> None:
        self.entries.append(("failed", step))

    def result_of(self, step: str) -> dict[str, Any] | None:
        return self.known.get(step)


def run(
    steps: list[Step], journal: Memory | None = None, stop: threading.Event | None = None
) -> graph.Outcome:
    return graph.run(steps, Bus(), journal or Memory(), stop or threading.Event())


@given(st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=8))
def test_each_step_once_and_after_what_it_depends_on(wishes: list[set[int]]) -> None:
    done: list[str] = []
    steps = [
        Step(
            f"s{n}", "", lambda n=n: done.append(f"s{n}") or {}, tuple(f"s{d}" for d in sorted(wish) if d < n)
        )
        for n, wish in enumerate(wishes)
    ]
    run(steps)
    assert sorted(done) == sorted(step.name for step in steps)
    for step in steps:
        assert all(done.index(before) < done.index(step.name) for before in step.depends_on)


def test_independent_steps_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    run([Step("a", "", lambda: {"n": meeting.wait()}), Step("b", "", lambda: {"n": meeting.wait()})])


def test_a_failure_stops_what_depends_on_it_only() -> None:
    def fail() -> dict[str, Any]:
        raise PlanBError("no quota")

    journal, done = Memory(), []  # type: ignore[var-annotated]
    steps = [
        Step("bad", "", fail),
        Step("after", "", lambda: done.append("after") or {}, ("bad",)),
        Step("other", "", lambda: done.append("other") or {}),
    ]
    with pytest.raises(PlanBError, match="no quota"):
        run(steps, journal)
    assert done == ["other"]
    assert ("failed", "bad") in journal.entries and ("begin", "after") not in journal.entries


def test_every_act_has_its_entry_ahead() -> None:
    journal = Memory()
    seen: list[Any] = []
    run([Step("a", "", lambda: seen.extend(journal.entries) or {})], journal)
    assert seen == [("begin", "a")] and journal.entries[-1] == ("verified", "a")


def test_a_resumed_run_repeats_nothing_that_was_verified() -> None:
    got: list[str] = []
    outcome = run(
        [Step("a", "", lambda: got.append("a") or {}), Step("b", "", lambda: got.append("b") or {}, ("a",))],
        Memory(a={"backup": "x"}),
    )
    assert got == ["b"] and outcome.results["a"] == {"backup": "x"}


def test_stopping_ends_what_runs_and_starts_nothing_more() -> None:
    stop, done = threading.Event(), []  # type: ignore[var-annotated]

    def first() -> dict[str, Any]:
        stop.set()
        done.append("a")
        return {}

    with pytest.raises(Stopped) as stopped:
        run([Step("a", "", first), Step("b", "", lambda: done.append("b") or {}, ("a",))], stop=stop)
    assert (
        done == ["a"]
        and stopped.value.exit_code == ExitCode.STOPPED
        and "same command" in stopped.value.next_step
    )


def test_a_plan_that_cannot_run_is_refused_before_anything_starts() -> None:
    done: list[str] = []
    with pytest.raises(PlanBError):
        run([Step("a", "", lambda: done.append("a") or {}), Step("b", "", dict, ("c",))])
    assert done == []
