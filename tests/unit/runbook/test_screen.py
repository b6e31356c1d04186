"""screen.py and events.py: the same events as plain lines, as a table and as JSON."""

from __future__ import annotations

import io
import json
import sys
import threading
import time

import pytest
from rich.console import Console

from runbook import chat
from runbook.events import Bus, Event, JsonLines, Recorder
from runbook.progress import PUBLISHED, Progress
from runbook.screen import LiveScreen, PlainLines, clock, view


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (60, "1:00"), (425, "7:05"), (3661, "61:01")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def plain(*events: Event) -> list[str]:
    out = io.StringIO()
    sink = PlainLines(Console(file=out, width=40))
    for event in events:
        sink.emit(event)
    return out.getvalue().splitlines()


def test_one_plain_line_an_event_never_wrapped_never_markup() -> None:
    long = "[bold]long[/bold] text " * 5 + "."
    lines = plain(Event("started", long, "fence"), Event("customers", "the maintenance page"))
    assert lines == [f"[0:00] ● fence: {long}", "[0:00]   the maintenance page"]


def test_progress_is_thinned_out() -> None:
    now = time.time() + 0.5
    lines = plain(*(Event("progress", f"{n}", "restore", at=now + n) for n in range(11)))
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["0", "5", "10"]
    assert lines[-1].startswith("[0:10]")


def test_marks_tell_the_end() -> None:
    assert [line.split()[1] for line in plain(Event("finished", "x", "s"), Event("failed", "x", "s"))] == [
        "✓",
        "✗",
    ]


PLAN = Event(
    "plan",
    "4 steps",
    data={
        "steps": [
            {"name": "assess", "text": "choosing", "depends_on": []},
            {"name": "provision", "text": "building", "depends_on": ["assess"]},
            {"name": "restore", "text": "restoring", "depends_on": ["assess"]},
            {"name": "verify", "text": "asking", "depends_on": ["provision", "restore"]},
        ],
        "usual": {"assess": 10.0, "provision": 300.0, "restore": 400.0, "verify": 20.0},
    },
)


def progress(*events: Event) -> Progress:
    made = Progress("failover")
    for event in events:
        made.emit(event)
    return made


def drawn(made: Progress, budget_s: float | None = 900) -> str:
    console = Console(file=io.StringIO(), width=110)
    with console.capture() as capture:
        console.print(LiveScreen(made, budget_s=budget_s, console=console).draw())
    return capture.get()


def test_the_screen_shows_clock_steps_what_is_left_and_what_customers_see() -> None:
    now = time.time()
    text = drawn(
        progress(
            Event("run", "failover 2, journal journal/failover-000002.jsonl"),
            PLAN,
            Event("note", "restoring x, 30 s old"),
            Event("started", "choosing", "assess", now),
            Event("finished", "choosing", "assess", now + 1),
            Event("started", "building", "provision", now - 100),
            Event("started", "creating database-mysql", "provision.database", now - 90),
            Event("customers", "the maintenance page"),
        )
    )
    lines = text.splitlines()
    assert lines[0].startswith("failover  0:00 of 15:00   about 7:00 to go: restore → verify")
    assert lines[1].startswith("✓  assess") and "0:01" in lines[1]
    assert (
        lines[2].startswith("●  provision")
        and "1:40  of ~5:00" in lines[2]
        and "███░░░░░░░ building" in lines[2]
    )
    assert lines[3].startswith("●    database"), "a sub-step stands below its step"
    assert lines[4].startswith("○  restore") and "of ~6:40" in lines[4]
    assert "Customers see: the maintenance page" in text and "30 s old" in text
    assert lines[-1].startswith("failover 2, journal journal/failover-000002.jsonl"), (
        "where the log is, always"
    )


def test_the_clock_turns_red_when_what_is_left_does_not_fit() -> None:
    made = progress(PLAN)
    made.began -= 600
    head = LiveScreen(made, budget_s=900)._head(time.time())  # pyright: ignore[reportPrivateUsage]
    assert any("red" in str(span.style) for span in head.spans)
    early = LiveScreen(progress(PLAN), budget_s=900)._head(time.time())  # pyright: ignore[reportPrivateUsage]
    assert not any("red" in str(span.style) for span in early.spans)


def test_what_is_left_is_the_longest_way() -> None:
    now = time.time()
    made = progress(PLAN)
    assert made.remaining_s(now) == 10 + 400 + 20
    for event in (Event("started", "x", "restore", now - 390), Event("finished", "x", "assess", now)):
        made.emit(event)
    assert [name for name, _ in made.longest(now)] == ["provision", "verify"], "the restore is nearly done"
    made.emit(Event("started", "x", "provision", now - 999))
    assert made.remaining_s(now) == pytest.approx(30, abs=1), "late steps count nothing, not less"


def test_without_a_usual_time_nothing_is_promised() -> None:
    made = Progress("unheard-of")
    made.emit(Event("plan", "", data={"steps": [{"name": "a", "text": "", "depends_on": []}]}))
    assert made.remaining_s(time.time()) is None
    assert "to go" not in drawn(made)


def test_published_times_stand_in_until_there_is_a_run_of_our_own() -> None:
    made = Progress("failover")
    assert made.usual == PUBLISHED["failover"]
    made.emit(PLAN)
    assert made.usual["provision"] == 300.0 and made.usual["cutover"] == PUBLISHED["failover"]["cutover"]


def test_ctrl_c_says_what_ends_what_does_not_start_and_what_customers_see() -> None:
    text = progress(
        PLAN, Event("started", "x", "provision"), Event("customers", "the maintenance page")
    ).explain()
    assert "ends first: provision" in text and "does not start: assess, restore, verify" in text
    assert "customers go on seeing the maintenance page" in text and "the same command resumes" in text


def test_json_lines_are_one_object_each() -> None:
    out = io.StringIO()
    Bus(JsonLines(out)).emit("finished", "줄\n바꿈", step="a", rows=3)
    (line,) = out.getvalue().splitlines()
    parsed = json.loads(line)
    assert (parsed["kind"], parsed["text"], parsed["step"], parsed["data"]) == (
        "finished",
        "줄\n바꿈",
        "a",
        {"rows": 3},
    )


def test_events_of_many_threads_reach_every_sink_in_one_order() -> None:
    one, two = Recorder(), Recorder()
    bus = Bus(one, two)
    threads = [
        threading.Thread(target=lambda n=n: [bus.emit("note", f"{n}.{i}") for i in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(one.events) == 200 and one.events == two.events


def test_the_view_suits_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANB_WEBHOOK", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(view("x", budget_s=None, as_json=False).sinks[1], PlainLines)
    assert isinstance(view("x", budget_s=None, as_json=True).sinks[1], JsonLines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(view("x", budget_s=None, as_json=False).sinks[1], LiveScreen)


def test_the_chat_is_told_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANB_WEBHOOK", "http://127.0.0.1:9/hook")
    monkeypatch.setattr(chat, "TRIES", 1)
    with view("x", budget_s=None, as_json=True) as seen:
        assert isinstance(seen.sinks[-1], chat.Milestones)
        Bus(seen.sinks[-1]).emit("done", "over")
    assert seen.chat is not None and seen.chat.failed == 1, "and nobody was held up by it"
