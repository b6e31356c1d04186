"""`planb edge`: the switch at the edge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from runbook.cli_common import AsJson, DryRun, Yes, confirm, engine, group
from runbook.errors import UsageError

if TYPE_CHECKING:
    from runbook.edge_switch import EdgeSwitch

app = group("The switch at the edge.")


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Mode, epoch and the gateway's name."""
    from dataclasses import asdict

    state = _switch().read()
    typer.echo(
        json.dumps(asdict(state))
        if as_json
        else f"{state.mode} (epoch {state.epoch}, gateway {state.azure_host})"
    )


@app.command("set")
def set_mode(mode: str, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Switch the edge by hand to aws, azure or maintenance. Data is not moved: use failover and failback for that."""
    from runbook.edge_switch import MODES

    if mode not in MODES:
        raise UsageError(f"unknown mode {mode!r}", next_step=f"use one of {', '.join(MODES)}")
    switch = _switch()
    before = switch.read()
    if dry_run:
        typer.echo(f"would switch {before.mode} → {mode} (epoch {before.epoch} → {before.epoch + 1})")
        return
    confirm(f"Switch the edge from {before.mode} to {mode}?", yes)
    after = switch.write(before, mode=mode, epoch=before.epoch + 1)
    typer.echo(f"{after.mode} (epoch {after.epoch})")


def _switch() -> EdgeSwitch:
    from runbook.edge_switch import EdgeSwitch
    from runbook.engine import required

    return EdgeSwitch(str(required(engine().outputs("prod"), "prod", "keyValueStoreArn")))
