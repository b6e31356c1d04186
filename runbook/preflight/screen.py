"""The screen of `planb preflight`: what is wrong first told in full, then what is fine in one line each."""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from runbook.preflight.model import Asked, Report, Severity

MARKS: dict[Severity, tuple[str, str]] = {
    "blocker": ("✗", "bold red"),
    "warning": ("!", "yellow"),
    "unasked": ("?", "magenta"),
    "ok": ("✓", "green"),
}
SIDES = {"here": "here", "azure": "Azure", "aws": "AWS", "edge": "edge"}


def draw(report: Report) -> Group:
    """Everything, worst last: that is what stays on the screen."""
    table = Table.grid(padding=(0, 2))
    for no_wrap in (True, True, True, False):
        table.add_column(no_wrap=no_wrap)
    order: tuple[Severity, ...] = ("ok", "unasked", "warning", "blocker")
    for severity in order:
        for one in report.having(severity):
            _rows(table, one)
    style = "bold green" if report.ready else "bold red"
    return Group(table, Text(""), Text(report.verdict, style=style))


def _rows(table: Table, one: Asked) -> None:
    for number, finding in enumerate(one.findings):
        mark, style = MARKS[finding.severity]
        name, side = (one.check.name, SIDES[one.check.side]) if number == 0 else ("", "")
        table.add_row(Text(mark, style=style), name, Text(side, style="dim"), Text(finding.what))
        if finding.severity == "ok":
            continue
        if finding.meaning:
            table.add_row("", "", "", Text(f"what it means: {finding.meaning}", style="dim"))
        if finding.next_step:
            table.add_row("", "", "", Text(f"mend it: {finding.next_step}", style="bold"))


def console() -> Console:
    """Wide enough for a command, also where nobody says how wide it is."""
    return Console(width=max(120, Console().width))
