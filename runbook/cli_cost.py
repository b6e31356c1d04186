"""`planb cost`: what both sites cost, beside the seed's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runbook.cli_common import AsJson, engine
from runbook.errors import ExitCode, Refused, UsageError

if TYPE_CHECKING:
    from datetime import date

STACKS = ("prod", "dr")


def cost(
    stack: Annotated[str | None, typer.Option(help="prod or dr; default: both.")] = None,
    usage: Annotated[Path | None, typer.Option(help="TOML file with assumptions about use.")] = None,
    assume: Annotated[
        list[str] | None, typer.Option(help="One assumption, KEY=VALUE; may be repeated.")
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="The day to reckon for (Extended Support); default: today.")
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Every charge of every resource.")] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the clouds' public price lists and write a new snapshot.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What the deployed resources cost a month, beside the seed's tables; 1 when one of them is not priced."""
    if refresh:
        _refresh(as_json)
        return
    if stack is not None and stack not in STACKS:
        raise UsageError(f"--stack is {stack!r}: allowed are {' and '.join(STACKS)}")
    from runbook.cost import report, screen, snapshot
    from runbook.cost import usage as assumptions

    assumed, day, prices = assumptions.read(usage, assume or []), _day(on), snapshot.load()
    program = engine()
    states: dict[str, list[dict[str, object]]] = {}
    missing: list[Refused] = []
    for name in (stack,) if stack else STACKS:
        try:
            states[name] = program.resources(name)
        except Refused as error:
            missing.append(error)
            states[name] = []
    if len(missing) == len(states):
        raise missing[0]
    made = report.make(states, prices, assumed, day)
    if as_json:
        typer.echo(json.dumps(made.json(), default=str))
    else:
        screen.console().print(screen.draw(made, details=details))
    if not made.complete:
        raise typer.Exit(int(ExitCode.FAILED))


def _day(text: str | None) -> date:
    from datetime import date

    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--on is {text!r}: allowed is a day such as 2027-03-28") from None


def _refresh(as_json: bool) -> None:
    from datetime import date

    from runbook.cost import refresh, snapshot

    old = snapshot.load()
    new = refresh.ask(old, date.today(), say=lambda text: typer.echo(text, err=True))
    path = refresh.write(new)
    changes = refresh.changes(old, new)
    if as_json:
        typer.echo(json.dumps({"written": str(path), "changes": changes}))
        return
    for change in changes:
        typer.echo(
            f"{change['item']} ({change['region']}): {change['before']:g} → {change['after']:g} a {change['unit']}"
        )
    typer.echo(f"{len(changes)} price(s) changed; written to {path}")
