"""`planb backup`: the backups in the container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from runbook.cli_common import AsJson, DryRun, Yes, confirm, engine, group

if TYPE_CHECKING:
    from restore.blobs import Container

app = group("Backups in the container.")


@app.command("list")
def show(as_json: AsJson = False) -> None:
    """Every backup, newest first, usable or not."""
    from restore import catalog

    found = catalog.list_backups(_store())
    if as_json:
        rows = [
            {
                "name": b.name,
                "state": b.state,
                "reason": b.reason,
                "server_utc": b.server_utc,
                "rows": b.manifest and b.manifest.rows,
            }
            for b in found
        ]
        typer.echo(json.dumps(rows, default=str))
        return
    for b in found:
        facts = f"{b.manifest.rows:,} rows, {b.manifest.data.bytes / 1e6:.1f} MB" if b.manifest else ""
        typer.echo("  ".join(part for part in (b.name, b.state, facts, b.reason) if part))
    if not found:
        typer.echo("there is none")


@app.command("verify")
def verify(
    name: Annotated[str, typer.Argument(help="Default: the newest.")] = "", as_json: AsJson = False
) -> None:
    """Read a whole backup and check every byte against its manifest."""
    from restore import verify as checks
    from runbook import backups

    if name:
        store = _store()
        manifest, _ = checks.sound(store, name)
        checks.verify_backup(store, name)
    else:
        choice = backups.choose(_store())
        name, manifest = choice.name, choice.manifest
    if as_json:
        typer.echo(json.dumps({"name": name, "whole": True, "rows": manifest.rows}))
        return
    typer.echo(f"{name}: whole ({manifest.rows:,} rows)")


@app.command("run")
def take(yes: Yes = False, dry_run: DryRun = False) -> None:
    """Take a backup now, on the backup host; prints the agent's result as JSON."""
    from runbook import ssm
    from runbook.engine import required

    outputs = engine().outputs("prod")
    tag, region = required(outputs, "prod", "backupHostTag"), str(required(outputs, "prod", "region"))
    if dry_run:
        typer.echo(f"would run planb-agent backup --once on {tag['value']}")
        return
    confirm("Take a backup now?", yes)
    typer.echo(json.dumps(ssm.run(tag, region, ["backup", "--once"], timeout_s=1800)))


def _store() -> Container:
    from runbook import backups
    from runbook.engine import required

    return backups.container(str(required(engine().outputs("dr"), "dr", "backupContainerUrl")))
