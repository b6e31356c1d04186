"""What a person sees while the runbook runs: a live table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runbook import chat
from runbook.events import Event, JsonLines, Sink
from runbook.progress import Progress, Row

MARKS = {"started": "●", "progress": "●", "finished": "✓", "failed": "✗", "skipped": "·", "waiting": "○"}
STYLES = {
    "started": "cyan",
    "progress": "cyan",
    "finished": "green",
    "failed": "bold red",
    "skipped": "dim",
    "waiting": "dim",
}
NOTES = 4
SHORTEST_BAR_S = 20.0


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
        if event.kind == "plan":
            return  # each step tells itself when it starts
        if event.kind == "progress" and event.at - self._last.get(event.step, 0.0) < 5:
            return
        self._last[event.step] = event.at
        step = f"{event.step}: " if event.step else ""
        mark = MARKS.get(event.kind, " ")
        line = f"[{clock(event.at - self._began)}] {mark} {step}{event.text}"
        self._console.print(line, style=STYLES.get(event.kind), markup=False, highlight=False, soft_wrap=True)


class LiveScreen:
    """Every step with its time and what it usually takes, the clock against the budget, what customers see now."""

    def __init__(self, progress: Progress, *, budget_s: float | None, console: Console | None = None) -> None:
        self._progress, self._budget = progress, budget_s
        self._console = console or Console(stderr=True)
        self._live = Live(
            console=self._console, refresh_per_second=4, get_renderable=self.draw, transient=False
        )

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._live.__exit__(*exc)

    def emit(self, event: Event) -> None:
        """Nothing of its own: it draws the progress, which gets the same events."""

    def draw(self) -> Group:
        now, seen = time.time(), self._progress
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        for row in _in_order(seen.rows):
            self._row(table, row, now)
        parts: list[Any] = [self._head(now), table]
        if seen.customers:
            parts.append(Text(f"Customers see: {seen.customers}", style="bold"))
        parts += [Text(note, style="dim") for note in (*seen.notes[-NOTES:], seen.run) if note]
        return Group(*parts)

    def _head(self, now: float) -> Text:
        elapsed = now - self._progress.began
        head = Text(f"{self._progress.title}  ", style="bold")
        left = self._progress.remaining_s(now)
        if self._budget:
            over = elapsed if left is None else elapsed + left
            style = "green" if over < self._budget * 0.8 else "yellow" if over < self._budget else "bold red"
            head.append(f"{clock(elapsed)} of {clock(self._budget)}", style=style)
        else:
            head.append(clock(elapsed))
        way = [name for name, _ in self._progress.longest(now)]
        if left and way:
            head.append(f"   about {clock(left)} to go: {' → '.join(way)}", style="dim")
        return head

    def _row(self, table: Table, row: Row, now: float) -> None:
        style, usual = STYLES.get(row.kind, ""), self._progress.usual.get(row.name)
        took = clock(row.took(now)) if row.began and row.kind != "skipped" else ""
        expected = f"of ~{clock(usual)}" if usual and row.kind in ("started", "progress", "waiting") else ""
        indent = "  " if "." in row.name else ""
        table.add_row(
            Text(MARKS.get(row.kind, " "), style=style),
            Text(indent + row.name.rsplit(".", 1)[-1], style=style),
            took,
            Text(expected, style="dim"),
            Text(_bar(row, usual, now) + row.text, style="dim" if row.kind == "waiting" else ""),
        )


def _bar(row: Row, usual: float | None, now: float) -> str:
    """How far a running step is by its usual time; it never says that it is done."""
    if not usual or usual < SHORTEST_BAR_S or row.kind not in ("started", "progress"):
        return ""
    filled = min(9, int(10 * row.took(now) / usual))
    return "█" * filled + "░" * (10 - filled) + " "


def _in_order(rows: dict[str, Row]) -> list[Row]:
    """Sub-steps below their step."""
    ordered: list[Row] = []
    for name, row in rows.items():
        if "." not in name:
            ordered.append(row)
            ordered += [sub for other, sub in rows.items() if other.startswith(name + ".")]
    known = {row.name for row in ordered}
    return ordered + [row for name, row in rows.items() if name not in known]


@dataclass
class View:
    """The sinks of a run, what brackets it, and what Ctrl-C says."""

    sinks: list[Sink]
    around: contextlib.AbstractContextManager[Any]
    explain: Callable[[], str]
    chat: chat.Chat | None = None

    def __enter__(self) -> View:
        self.around.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.around.__exit__(*exc)
        if self.chat and not self.chat.flush():
            sys.stderr.write("planb: the chat did not take every message\n")


def view(title: str, *, budget_s: float | None, as_json: bool) -> View:
    """What suits the output: live in a terminal, lines in a log, JSON for machines; and the chat if there is one."""
    progress = Progress(title)
    told, channel = chat.sinks(title)
    if as_json:
        return View([progress, JsonLines(), *told], contextlib.nullcontext(), progress.explain, channel)
    if sys.stderr.isatty():
        screen = LiveScreen(progress, budget_s=budget_s)
        return View([progress, screen, *told], screen, progress.explain, channel)
    return View([progress, PlainLines(), *told], contextlib.nullcontext(), progress.explain, channel)
