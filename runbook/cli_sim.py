"""`planb sim`: the embedded clouds on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from runbook.cli_common import AsJson, Dir, Latency, Speed, engine, group
from runbook.errors import UsageError

Region = Annotated[str, typer.Argument(help="ap-northeast-2 or koreacentral.")]

app = group("The embedded clouds on this machine.")


@app.command("start")
def start(directory: Dir = None, speed: Speed = 60.0, latency: Latency = "typical") -> None:
    """Start the embedded clouds and create the stacks dr and prod."""
    import os

    from runbook import sim

    if latency not in ("typical", "slow"):
        raise UsageError(f"--latency is {latency!r}: allowed are typical and slow")
    program = engine()  # a wrong directory is told before anything starts
    found = sim.start(_directory(directory), speed=speed, latency=latency)
    os.environ.update(sim.environment(found))
    for stack in ("dr", "prod"):
        program.init(stack)
    typer.echo(f"embedded clouds: process {found.pid}, {found.speed:g} × speed, state in {found.directory}")
    typer.echo('next: eval "$(planb sim env)" && pulumi up -s dr && pulumi up -s prod')


@app.command("stop")
def stop(
    directory: Dir = None,
    purge: Annotated[bool, typer.Option("--purge", help="Also delete its state.")] = False,
) -> None:
    """Stop the embedded clouds and every process they started."""
    import shutil

    from runbook import sim

    where = _directory(directory)
    typer.echo("stopped" if sim.stop(where) else "none was running")
    if purge:
        shutil.rmtree(where, ignore_errors=True)


@app.command("status")
def status(directory: Dir = None, as_json: AsJson = False) -> None:
    """Whether they run, how fast, how many resources, what is dark."""
    from runbook import sim

    found = sim.must(_directory(directory))
    facts = found.call("GET", "/status")
    if as_json:
        typer.echo(json.dumps({**facts, "pid": found.pid, "directory": str(found.directory)}))
        return
    dark = f", dark: {', '.join(facts['dark'])}" if facts["dark"] else ""
    typer.echo(
        f"process {found.pid}, {facts['speed']:g} × speed, {facts['latency']}, {facts['resources']} resources{dark}"
    )


@app.command("env")
def env(directory: Dir = None) -> None:
    """Print the variables by which every tool reaches the embedded clouds: eval "$(planb sim env)"."""
    from runbook import sim

    typer.echo(sim.exports(sim.must(_directory(directory))))


@app.command("load")
def load(
    directory: Dir = None,
    rows: Annotated[int, typer.Option("--rows", min=500, help="Rows in all tables together.")] = 5000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same rows.")] = 1,
) -> None:
    """Give production's database the application's tables and made-up rows, as a drill does."""
    import os

    from runbook import sim
    from runbook.drill import data

    program = engine()
    os.environ.update(sim.environment(sim.must(_directory(directory))))
    written = data.fill(program.outputs("prod"), rows, seed)
    typer.echo(f"{written:,} rows in the application's tables")


@app.command("fail")
def fail(region: Region = "ap-northeast-2", directory: Dir = None) -> None:
    """Let a region go dark: it answers nothing, until `planb sim heal`."""
    from runbook import sim

    sim.must(_directory(directory)).call("POST", "/faults", {"kind": "region_dark", "region": region})
    typer.echo(f"{region} is dark; planb sim heal brings it back")


@app.command("heal")
def heal(directory: Dir = None) -> None:
    """End every fault."""
    from runbook import sim

    found = sim.must(_directory(directory))
    ended = found.call("GET", "/faults")
    for fault in ended:
        found.call("DELETE", f"/faults/{fault['id']}")
    typer.echo(f"faults ended: {len(ended)}")


def _directory(given: Path | None) -> Path:
    from runbook import sim
    from runbook.engine import project_dir

    return (given or sim.default_directory(project_dir())).resolve()
