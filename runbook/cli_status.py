"""`planb status`: the screen, once or again and again."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, Group
from rich.text import Text

if TYPE_CHECKING:
    from runbook.engine import Engine

EVERY_S = 5.0
WIDTH = 120


def show(program: Engine, *, as_json: bool, watch: bool, drift: bool) -> None:
    """Prints what can be known; with `watch`, until Ctrl-C, the screen in place and JSON one line a look."""
    from runbook import status

    console = Console(width=max(WIDTH, Console().width))
    if not watch:
        _print(console, status.gather(program, drift=drift), as_json)
        return
    if as_json or not console.is_terminal:
        while True:
            _print(console, status.gather(program, drift=drift), as_json)
            time.sleep(EVERY_S)
    from rich.live import Live

    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(_screen(status.gather(program, drift=drift)), refresh=True)
            time.sleep(EVERY_S)


def _screen(facts: dict[str, Any]) -> Group:
    from runbook import status

    at = datetime.fromtimestamp(facts["at"], UTC)
    foot = f"{at:%Y-%m-%d %H:%M:%S} UTC · every {EVERY_S:.0f} s · Ctrl-C ends"
    return Group(status.table(facts), Text(""), Text(foot, style="dim"))


def _print(console: Console, facts: dict[str, Any], as_json: bool) -> None:
    from runbook import status

    if as_json:
        typer.echo(json.dumps(facts, default=str))
    else:
        console.print(status.table(facts))
