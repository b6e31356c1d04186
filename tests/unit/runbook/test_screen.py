"""screen.py and events.py: the same events as plain lines, as a table and as JSON."""

from __future__ import annotations

import io
import json
import sys
import threading
import time

import pytest
from rich.console import Console

from runbook.events import Bus, Event, JsonLines, Recorder
from runbook.screen import LiveScreen, PlainLines, clock, sinks_for


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


def test_the_table_shows_clock_steps_and_what_customers_see() -> None:
    console = Console(file=io.StringIO(), width=100)
    screen = LiveScreen("failover", budget_s=900, console=console)
    for event in (
        Event("note", "restoring x, 30 s old"),
        Event("started", "fencing", "fence"),
        Event("finished", "fencing", "fence"),
        Event("started", "building", "provision"),
        Event("customers", "the maintenance page"),
    ):
        screen.emit(event)
    with console.capture() as capture:
        console.print(screen._draw())  # pyright: ignore[reportPrivateUsage]
    text = capture.get()
    assert text.startswith("failover  0:00 of 15:00")
    assert "✓  fence" in text and "●  provision" in text
    assert "Customers see: the maintenance page" in text and "30 s old" in text


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


def test_the_sink_suits_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert isinstance(sinks_for("x", budget_s=None, as_json=False)[0][0], PlainLines)
    assert isinstance(sinks_for("x", budget_s=None, as_json=True)[0][0], JsonLines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(sinks_for("x", budget_s=None, as_json=False)[0][0], LiveScreen)
