"""`planb preflight`: would a failover work today."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from runbook.cli_common import AsJson, engine
from runbook.errors import ExitCode


def preflight(
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not read the newest backup to its last byte.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whether a failover would work today, and what to mend; 3 when something stands in its way."""
    from runbook.preflight import checks, screen

    report = checks.preflight(engine(), read_all=not quick)
    if as_json:
        typer.echo(json.dumps(report.json(), ensure_ascii=False))
    else:
        screen.console().print(screen.draw(report))
    if not report.ready:
        raise typer.Exit(int(ExitCode.REFUSED))
