"""The `planb` command. Heavy imports happen inside the verbs: `planb --help` must not wait for cloud SDKs."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from runbook.errors import ExitCode, PlanBError, Stopped, UsageError

app = typer.Typer(
    name="planb",
    help="Disaster recovery across clouds: failover, failback, drill, status.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
sim_app = typer.Typer(help="The embedded clouds on this machine.", no_args_is_help=True)
edge_app = typer.Typer(help="The switch at the edge.", no_args_is_help=True)
backup_app = typer.Typer(help="Backups in the container.", no_args_is_help=True)
app.add_typer(sim_app, name="sim")
app.add_typer(edge_app, name="edge")
app.add_typer(backup_app, name="backup")

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the steps, change nothing.")]
Dir = Annotated[Path | None, typer.Option("--dir", help="State directory of the embedded clouds.")]
Speed = Annotated[float, typer.Option(help="How many times faster than the clouds.")]
Latency = Annotated[str, typer.Option(help="typical or slow provisioning times.")]


def main() -> None:
    """Entry point: expected failures become one message and their exit code."""
    try:
        app(standalone_mode=False)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except typer.Abort:
        sys.exit(_say(Stopped("stopped", meaning="nothing was changed")))
    except KeyboardInterrupt:
        sys.exit(
            _say(
                Stopped(
                    "stopped by Ctrl-C",
                    meaning="what a cloud has begun goes on there",
                    next_step="run the same command again to resume",
                )
            )
        )
    except PlanBError as error:
        sys.exit(_say(error))
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is None:
            raise
        sys.exit(_say(UsageError(str(usage()), next_step="planb --help")))


def _say(error: PlanBError) -> int:
    sys.stderr.write(f"planb: {error.resource + ': ' if error.resource else ''}{error.what}\n")
    for label, text in (("what it means", error.meaning), ("next", error.next_step)):
        if text:
            sys.stderr.write(f"  {label}: {text}\n")
    return int(error.exit_code)


def _engine() -> Any:
    from runbook.engine import Engine, project_dir

    return Engine(project_dir())


def _confirm(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this changes what customers see and nobody is here to ask", next_step="add --yes")
    typer.confirm(question, abort=True, err=True)


def _interruptible(work: Callable[[threading.Event], Any]) -> Any:
    """The first Ctrl-C lets running steps end and starts no more; the second one ends the process."""
    stop = threading.Event()

    def on_signal(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        sys.stderr.write("\nStopping: running steps end, no new ones start. Ctrl-C again leaves at once.\n")

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        return work(stop)
    finally:
        signal.signal(signal.SIGINT, before)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--at is {text!r}: allowed is a time such as 2026-11-24T03:15:00") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


@app.command()
def failover(
    to: Annotated[str, typer.Option(help="full, or emergency: database and data only.")] = "full",
    at: Annotated[str | None, typer.Option(help="Restore the newest backup not after this UTC time.")] = None,
    accept_loss: Annotated[bool, typer.Option(help="Go on although AWS still serves.")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring the service up on Azure from the newest backup. Run it again to resume."""
    from runbook import failover as runbook
    from runbook.screen import sinks_for

    if to not in ("full", "emergency"):
        raise UsageError(f"--to is {to!r}: allowed are full and emergency")
    options = runbook.Options(to=to, at=_time(at), accept_loss=accept_loss)
    if dry_run:
        _dry(options)
        return
    _confirm("Fail over to Azure?", yes)
    sinks, around = sinks_for("failover", budget_s=runbook.RTO_BUDGET_S, as_json=as_json)
    with around:
        _interruptible(lambda stop: runbook.run(_engine(), options, sinks, stop))


def _dry(options: Any) -> None:
    from runbook import backups, journal
    from runbook import failover as runbook
    from runbook.events import Bus
    from runbook.sites import Sites

    site = Sites(_engine())
    choice = backups.choose(site.store, at=options.at)
    resumed = journal.unfinished(site.store, "failover")
    plan = runbook.Failover(site, options, Bus(), resumed or site.edge.read().epoch + 1)
    typer.echo(f"would restore {choice.name}, {backups.age_s(choice.manifest):.0f} s old")
    for step in plan.steps():
        after = f" (after {', '.join(step.depends_on)})" if step.depends_on else ""
        typer.echo(f"would run {step.name}: {step.text}{after}")


@app.command()
def failback(yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Return the service to AWS with everything written on Azure. Run it again to resume."""
    from runbook import failback as runbook
    from runbook.screen import sinks_for

    if dry_run:
        from runbook.events import Bus
        from runbook.sites import Sites

        site = Sites(_engine())
        for step in runbook.Failback(site, Bus(), site.edge.read().epoch + 1).steps():
            typer.echo(f"would run {step.name}: {step.text}")
        return
    _confirm("Return the service to AWS?", yes)
    sinks, around = sinks_for("failback", budget_s=None, as_json=as_json)
    with around:
        _interruptible(lambda stop: runbook.run(_engine(), sinks, stop))


@app.command()
def status(
    as_json: AsJson = False, watch: Annotated[bool, typer.Option(help="Refresh every five seconds.")] = False
) -> None:
    """Both sites, the edge, the newest backup, the last run."""
    import time

    from rich.console import Console

    from runbook import status as screen

    engine = _engine()
    while True:
        facts = screen.gather(engine)
        if as_json:
            typer.echo(json.dumps(facts, default=str))
        else:
            console = Console(width=max(110, Console().width))
            if watch:
                console.clear()
            console.print(screen.table(facts))
        if not watch:
            return
        time.sleep(5)


@app.command()
def drill(
    speed: Speed = 60.0,
    rows: Annotated[int, typer.Option(help="Rows over the PetClinic tables.")] = 200_000,
    seed: Annotated[int, typer.Option(help="Decides data and the moment of the outage.")] = 1,
    report: Annotated[Path, typer.Option(help="Directory of report.json and report.html.")] = Path(
        "build/drill"
    ),
    latency: Latency = "typical",
    scenario: Annotated[
        str, typer.Option(help="region-dark, corrupt-newest (newest backup damaged) or corrupt-all.")
    ] = "region-dark",
    keep: Annotated[bool, typer.Option(help="Leave the embedded clouds running.")] = False,
    as_json: AsJson = False,
) -> None:
    """The whole loop on the embedded clouds: deploy, outage, failover, failback, report."""
    from runbook.drill.command import DrillOptions, run

    options = DrillOptions(speed, rows, seed, report, latency, scenario, keep, as_json)
    raise typer.Exit(int(run(options)))


@app.command()
def restore(
    at: Annotated[
        str | None, typer.Option(help="The newest backup not after this UTC time; default: the newest.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Restore a backup into the standby's database (tier emergency), without switching the edge."""
    from runbook import failover as runbook
    from runbook.screen import sinks_for

    options = runbook.Options(to="emergency", at=_time(at), accept_loss=True, switch=False)
    if dry_run:
        _dry(options)
        return
    _confirm("Build the standby's database and restore into it?", yes)
    sinks, around = sinks_for("restore", budget_s=None, as_json=False)
    with around:
        _interruptible(lambda stop: runbook.run(_engine(), options, sinks, stop))


@edge_app.command("show")
def edge_show(as_json: AsJson = False) -> None:
    """Mode, epoch and the gateway's name."""
    from dataclasses import asdict

    from runbook.edge_switch import EdgeSwitch

    state = EdgeSwitch(str(_engine().outputs("prod")["keyValueStoreArn"])).read()
    typer.echo(
        json.dumps(asdict(state))
        if as_json
        else f"{state.mode} (epoch {state.epoch}, gateway {state.azure_host})"
    )


@edge_app.command("set")
def edge_set(mode: str, yes: Yes = False, dry_run: DryRun = False) -> None:
    """Switch the edge by hand to aws, azure or maintenance. Data is not moved: use failover and failback for that."""
    from runbook.edge_switch import MODES, EdgeSwitch

    if mode not in MODES:
        raise UsageError(f"unknown mode {mode!r}", next_step=f"use one of {', '.join(MODES)}")
    switch = EdgeSwitch(str(_engine().outputs("prod")["keyValueStoreArn"]))
    before = switch.read()
    if dry_run:
        typer.echo(f"would switch {before.mode} → {mode} (epoch {before.epoch} → {before.epoch + 1})")
        return
    _confirm(f"Switch the edge from {before.mode} to {mode}?", yes)
    after = switch.write(before, mode=mode, epoch=before.epoch + 1)
    typer.echo(f"{after.mode} (epoch {after.epoch})")


def _store() -> Any:
    from runbook import backups

    return backups.container(str(_engine().outputs("dr")["backupContainerUrl"]))


@backup_app.command("list")
def backup_list(as_json: AsJson = False) -> None:
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


@backup_app.command("verify")
def backup_verify(name: Annotated[str, typer.Argument(help="Default: the newest.")] = "") -> None:
    """Read a whole backup and check every byte against its manifest."""
    from runbook import backups

    if not name:
        choice = backups.choose(_store())
        typer.echo(f"{choice.name}: whole ({choice.manifest.rows:,} rows)")
        return
    from restore import verify
    from restore.errors import DataPlaneError

    try:
        verify.verify_backup(_store(), name)
    except DataPlaneError as error:
        raise backups.translated(error) from None
    typer.echo(f"{name}: whole")


@backup_app.command("run")
def backup_run(yes: Yes = False, dry_run: DryRun = False) -> None:
    """Take a backup now, on the backup host."""
    from runbook import ssm

    outputs = _engine().outputs("prod")
    if dry_run:
        typer.echo(f"would run planb-agent backup --once on {outputs['backupHostTag']['value']}")
        return
    _confirm("Take a backup now?", yes)
    done = ssm.run(outputs["backupHostTag"], str(outputs["region"]), ["backup", "--once"], timeout_s=1800)
    typer.echo(json.dumps(done))


def _sim_dir(given: Path | None) -> Path:
    from runbook import sim
    from runbook.engine import project_dir

    return (given or sim.default_directory(project_dir())).resolve()


@sim_app.command("start")
def sim_start(directory: Dir = None, speed: Speed = 60.0, latency: Latency = "typical") -> None:
    """Start the embedded clouds and create the stacks dr and prod."""
    import os

    from runbook import sim

    if latency not in ("typical", "slow"):
        raise UsageError(f"--latency is {latency!r}: allowed are typical and slow")
    found = sim.start(_sim_dir(directory), speed=speed, latency=latency)
    os.environ.update(sim.environment(found))
    engine = _engine()
    for stack in ("dr", "prod"):
        engine.init(stack)
    typer.echo(f"embedded clouds: process {found.pid}, {found.speed:g} × speed, state in {found.directory}")
    typer.echo('next: eval "$(planb sim env)" && pulumi up -s dr && pulumi up -s prod')


@sim_app.command("stop")
def sim_stop(
    directory: Dir = None, purge: Annotated[bool, typer.Option(help="Also delete its state.")] = False
) -> None:
    """Stop the embedded clouds and every process they started."""
    import shutil

    from runbook import sim

    where = _sim_dir(directory)
    typer.echo("stopped" if sim.stop(where) else "none was running")
    if purge:
        shutil.rmtree(where, ignore_errors=True)


@sim_app.command("status")
def sim_status(directory: Dir = None, as_json: AsJson = False) -> None:
    """Whether they run, how fast, how many resources, what is dark."""
    from runbook import sim

    found = sim.must(_sim_dir(directory))
    facts = found.call("GET", "/status")
    if as_json:
        typer.echo(json.dumps({**facts, "pid": found.pid, "directory": str(found.directory)}))
        return
    dark = f", dark: {', '.join(facts['dark'])}" if facts["dark"] else ""
    typer.echo(
        f"process {found.pid}, {facts['speed']:g} × speed, {facts['latency']}, {facts['resources']} resources{dark}"
    )


@sim_app.command("env")
def sim_env(directory: Dir = None) -> None:
    """Print the variables by which every tool reaches the embedded clouds: eval "$(planb sim env)"."""
    from runbook import sim

    typer.echo(sim.exports(sim.must(_sim_dir(directory))))


if __name__ == "__main__":
    main()


__all__ = ["ExitCode", "app", "main"]
