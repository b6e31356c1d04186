"""graph.py: order, overlap, failure and resumption of steps."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook import graph
from runbook.errors import Consequence, ExitCode, PlanBError, Stopped
from runbook.events import Bus, Recorder
from runbook.graph import Step


class Log:
    """A journal that only remembers."""

    usual: ClassVar[dict[str, float]] = {}

    def __init__(self, known: dict[str, dict[str, Any]] | None = None) -> None:
        self.known, self.lines = known or {}, list[tuple[str, str]]()

    def begin(self, step: str) -> None:
        self.lines.append(("begin", step))

    def verified(self, step: str, result: dict[str, Any]) -> None:
        self.lines.append(("verified", step))

    def failed(self, step: str, error: str) -> None:
        self.lines.append(("failed", step))

    def result_of(self, step: str) -> dict[str, Any] | None:
        return self.known.get(step)


def go(steps: list[Step], log: Log | None = None, stop: threading.Event | None = None) -> graph.Outcome:
    return graph.run(steps, Bus(), log or Log(), stop or threading.Event())


def noting(done: list[str], name: str) -> Callable[[], dict[str, Any]]:
    def act() -> dict[str, Any]:
        done.append(name)
        return {"by": name}

    return act


def failing(error: BaseException) -> Callable[[], dict[str, Any]]:
    def act() -> dict[str, Any]:
        raise error

    return act


def test_order_results_and_times() -> None:
    done: list[str] = []
    steps = [
        Step("a", "A", noting(done, "a")),
        Step("b", "B", noting(done, "b"), ("a",)),
        Step("c", "C", noting(done, "c"), ("b",)),
    ]
    outcome = go(steps)
    assert done == ["a", "b", "c"]
    assert outcome.results == {name: {"by": name} for name in done}
    assert outcome.times["a"][0] <= outcome.times["a"][1] <= outcome.times["b"][0]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_plan_runs_each_step_once_after_its_dependencies(data: st.DataObject) -> None:
    names = [f"s{n}" for n in range(data.draw(st.integers(0, 8)))]
    done: list[str] = []
    steps = [
        Step(name, name, noting(done, name), tuple(data.draw(st.sets(st.sampled_from(names[:i])))))
        if i
        else Step(name, name, noting(done, name))
        for i, name in enumerate(names)
    ]
    log = Log()
    go(steps, log)
    assert sorted(done) == sorted(names)
    for step in steps:
        assert all(done.index(before) < done.index(step.name) for before in step.depends_on)
        assert log.lines.index(("begin", step.name)) < log.lines.index(("verified", step.name))


def test_independent_steps_overlap() -> None:
    meet = threading.Barrier(3, timeout=5)

    def act() -> dict[str, Any]:
        meet.wait()  # nobody passes alone
        return {}

    assert len(go([Step(n, n, act) for n in "abc"]).results) == 3


def test_a_failure_stops_its_dependents_only() -> None:
    done: list[str] = []
    slow = threading.Event()

    def late() -> dict[str, Any]:
        slow.wait(5)
        done.append("late")
        return {}

    def first() -> dict[str, Any]:
        slow.set()
        raise PlanBError("first")

    log = Log()
    with pytest.raises(PlanBError, match=r"^first$"):
        go(
            [
                Step("broken", "", first),
                Step("late", "", late),
                Step("after-late", "", noting(done, "after-late"), ("late",)),
                Step("after-broken", "", noting(done, "after-broken"), ("broken",)),
                Step("of-both", "", noting(done, "of-both"), ("late", "broken")),
            ],
            log,
        )
    assert done == ["late", "after-late"]
    assert ("failed", "broken") in log.lines and ("begin", "after-broken") not in log.lines


def test_every_act_has_its_entry_ahead() -> None:
    log = Log()
    seen: list[tuple[str, str]] = []

    def act() -> dict[str, Any]:
        seen.extend(log.lines)
        return {}

    go([Step("a", "", act)], log)
    assert seen == [("begin", "a")] and log.lines[-1] == ("verified", "a")


def test_the_first_error_is_raised() -> None:
    gate = threading.Event()

    def second() -> dict[str, Any]:
        gate.wait(5)
        raise PlanBError("second")

    bus = Bus(recorder := Recorder())
    steps = [Step("b", "", second), Step("a", "", failing(PlanBError("first")))]
    threading.Timer(0.3, gate.set).start()
    with pytest.raises(PlanBError, match="first"):
        graph.run(steps, bus, Log(), threading.Event())
    assert [event.text for event in recorder.events if event.kind == "failed"] == ["first", "second"]


def test_a_cause_is_told_before_its_consequence() -> None:
    with pytest.raises(PlanBError, match="the cause"):
        go(
            [
                Step("a", "", failing(Consequence("what follows"))),
                Step("b", "", lambda: time.sleep(0.1) or failing(PlanBError("the cause"))()),
            ]
        )


def test_a_journal_that_cannot_note_the_failure_does_not_hide_it() -> None:
    class Full(Log):
        def failed(self, step: str, error: str) -> None:
            raise PlanBError("storage is away")

    with pytest.raises(PlanBError, match="the reason"):
        go([Step("a", "", failing(PlanBError("the reason")))], Full())


def test_a_stop_lets_running_steps_end() -> None:
    stop, done = threading.Event(), list[str]()

    def act() -> dict[str, Any]:
        stop.set()
        return noting(done, "a")()

    with pytest.raises(Stopped, match="stopped before b, c") as caught:
        go([Step("a", "", act), Step("b", "", act, ("a",)), Step("c", "", act, ("b",))], stop=stop)
    assert done == ["a"]
    assert caught.value.exit_code == ExitCode.STOPPED
    assert "run the same command again" in caught.value.next_step


def test_a_second_interruption_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    def act() -> dict[str, Any]:
        release.wait(20)
        return {}

    monkeypatch.setattr(graph, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go([Step("a", "", act)])
    assert not release.is_set()
    release.set()


def test_what_was_verified_is_skipped_unless_it_must_be_asked_again() -> None:
    done: list[str] = []
    log = Log({"a": {"by": "then"}, "b": {"by": "then"}})
    steps = [
        Step("a", "", noting(done, "a")),
        Step("b", "", noting(done, "b"), ("a",), again=True),
        Step("c", "", noting(done, "c"), ("b",)),
    ]
    outcome = go(steps, log)
    assert done == ["b", "c"]
    assert outcome.results == {"a": {"by": "then"}, "b": {"by": "b"}, "c": {"by": "c"}}
    assert "a" not in outcome.times


@pytest.mark.parametrize(
    "steps",
    [
        [Step("a", "", dict, ("nowhere",))],
        [Step("a", "", dict), Step("a", "", dict)],
        [Step("a", "", dict, ("b",)), Step("b", "", dict, ("a",))],
        [Step("a", "", dict, ("a",))],
    ],
)
def test_bad_plans_start_nothing(steps: list[Step]) -> None:
    log = Log()
    with pytest.raises(PlanBError, match="step a"):
        go(steps, log)
    assert log.lines == []


def test_a_bad_plan_runs_none_of_its_good_steps() -> None:
    done: list[str] = []
    with pytest.raises(PlanBError):
        go([Step("a", "", noting(done, "a")), Step("b", "", dict, ("c",))])
    assert done == []


def test_no_steps_at_all() -> None:
    assert go([]).results == {}
