"""What a person sees while the runbook runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runbook.events import Event, Sink

MARKS = {"started": "●", "progress": "●", "finished": "✓", "failed": "✗", "skipped": "·"}
STYLES = {"started": "cyan", "progress": "cyan", "finished": "green", "failed": "bold red", "skipped": "dim"}


def clock(seconds: float) -> str:
    """ "7:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class PlainLines:
    """One line an event, with the time since the start: for logs and pipes."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._began = time.time()
        self._last: dict[str, float] = {}

    def emit(self, event: Event) -> None:
        if event.kind == "progress" and event.at - self._last.get(event.step, 0.0) < 5:
            return
        self._last[event.step] = event.at
        step = f"{event.step}: " if event.step else ""
        mark = MARKS.get(event.kind, " ")
        line = f"[{clock(event.at - self._began)}] {mark} {step}{event.text}"
        self._console.print(line, style=STYLES.get(event.kind), markup=False, highlight=False, soft_wrap=True)


class LiveScreen:
    """Steps with their state, the clock against the budget, and what customers see right now."""

    def __init__(self, title: str, *, budget_s: float | None = None, console: Console | None = None) -> None:
        self._title, self._budget, self._began = title, budget_s, time.time()
        self._rows: dict[str, dict[str, Any]] = {}
        self._customers, self._notes = "", []
        self._console = console or Console(stderr=True)
        self._live = Live(
            console=self._console, refresh_per_second=4, get_renderable=self._draw, transient=False
        )

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._live.__exit__(*exc)

    def emit(self, event: Event) -> None:
        if event.kind == "customers":
            self._customers = event.text
        elif event.step:
            row = self._rows.setdefault(event.step, {"began": event.at})
            row |= {"kind": event.kind, "text": event.text}
            if event.kind in ("finished", "failed", "skipped"):
                row["ended"] = event.at
        else:
            self._notes.append(event.text)

    def _draw(self) -> Group:
        elapsed = time.time() - self._began
        head = Text(f"{self._title}  ", style="bold")
        if self._budget:
            style = (
                "green"
                if elapsed < self._budget * 0.8
                else ("yellow" if elapsed < self._budget else "bold red")
            )
            head.append(f"{clock(elapsed)} of {clock(self._budget)}", style=style)
        else:
            head.append(clock(elapsed))
        table = Table.grid(padding=(0, 2))
        for name, row in self._rows.items():
            took = (row.get("ended") or time.time()) - row["began"]
            style = STYLES.get(row["kind"], "")
            table.add_row(
                Text(MARKS.get(row["kind"], " "), style=style),
                Text(name, style=style),
                clock(took),
                Text(row["text"]),
            )
        parts: list[Any] = [head, table]
        if self._customers:
            parts.append(Text(f"Customers see: {self._customers}", style="bold"))
        parts += [Text(note, style="dim") for note in self._notes[-4:]]
        return Group(*parts)


def sinks_for(title: str, *, budget_s: float | None, as_json: bool) -> tuple[list[Sink], Any]:
    """The sinks that suit the output, and a context manager that brackets the run."""
    import contextlib
    import sys

    from runbook.events import JsonLines

    if as_json:
        return [JsonLines()], contextlib.nullcontext()
    if sys.stderr.isatty():
        screen = LiveScreen(title, budget_s=budget_s)
        return [screen], screen
    return [PlainLines()], contextlib.nullcontext()
