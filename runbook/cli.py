"""The `planb` command. Heavy imports happen inside the verbs: `planb --help` must not wait for cloud SDKs."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from runbook import (
    cli_backup,
    cli_cost,
    cli_edge,
    cli_preflight,
    cli_reachability,
    cli_sim,
    cli_watch,
    failures,
)
from runbook.cli_common import AsJson, DryRun, Latency, Speed, Yes, confirm, engine, interruptible, moment
from runbook.errors import ExitCode, PlanBError, Stopped, UsageError

app = typer.Typer(
    name="planb",
    help="Disaster recovery across clouds: failover, failback, drill, status.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cli_sim.app, name="sim")
app.add_typer(cli_edge.app, name="edge")
app.add_typer(cli_backup.app, name="backup")
app.add_typer(cli_watch.app, name="maintenance")
app.command()(cli_preflight.preflight)
app.command()(cli_watch.watch)
app.command()(cli_cost.cost)
app.command()(cli_reachability.reachability)

INTERRUPTED = 130
"""What Typer returns for Ctrl-C."""


def main() -> None:
    """Entry point: expected failures become one message and their exit code."""
    code = _run()
    if code == ExitCode.STOPPED and any(t.name.startswith("step") for t in threading.enumerate()):
        sys.stdout.flush()
        os._exit(code)  # the second Ctrl-C: Python would wait for the steps that were left behind
    sys.exit(code)


def _run() -> int:
    try:
        # Not standalone, Typer returns the code of `typer.Exit` instead of raising it.
        code: Any = app(prog_name="planb", standalone_mode=False)
    except typer.Abort:
        return _say(Stopped("stopped", meaning="nothing was changed"))
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        usage = getattr(error, "format_message", None)
        if usage is not None:
            return _usage(str(usage()))
        if isinstance(error, BrokenPipeError):  # whoever read us has gone: `planb backup list | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return int(ExitCode.FAILED)
        known = failures.told(error)
        if known is None:
            raise
        return _say(known)
    if code == INTERRUPTED:
        return _say(
            Stopped(
                "stopped by Ctrl-C",
                meaning="what a cloud has begun goes on there",
                next_step="run the same command again to resume",
            )
        )
    return code if isinstance(code, int) else int(ExitCode.DONE)


def _usage(text: str) -> int:
    if text.startswith("Usage:"):  # a group without a verb shows its help
        sys.stderr.write(text + "\n")
        return int(ExitCode.USAGE)
    return _say(UsageError(text, next_step="planb --help"))


def _say(error: PlanBError) -> int:
    sys.stderr.write(f"planb: {error.resource + ': ' if error.resource else ''}{error.what}\n")
    for label, text in (("what it means", error.meaning), ("next", error.next_step)):
        if text:
            sys.stderr.write(f"  {label}: {text}\n")
    return int(error.exit_code)


@app.command()
def failover(
    to: Annotated[str, typer.Option(help="full, or emergency: database and data only.")] = "full",
    at: Annotated[str | None, typer.Option(help="Restore the newest backup not after this UTC time.")] = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on although AWS still serves.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring the service up on Azure from the newest backup. Run it again to resume."""
    from runbook import failover as runbook
    from runbook.screen import view

    if to not in ("full", "emergency"):
        raise UsageError(f"--to is {to!r}: allowed are full and emergency")
    options = runbook.Options(to=to, at=moment(at), accept_loss=accept_loss)
    if dry_run:
        _dry(options)
        return
    confirm("Fail over to Azure?", yes)
    with view("failover", budget_s=runbook.RTO_BUDGET_S, as_json=as_json) as seen:
        interruptible(lambda stop: runbook.run(engine(), options, seen.sinks, stop), seen.explain)


def _dry(options: Any) -> None:
    from runbook import backups, journal
    from runbook import failover as runbook
    from runbook.events import Bus
    from runbook.sites import Sites

    site = Sites(engine())
    choice = backups.choose(site.store, at=options.at)
    kind = runbook.kind_of(options)
    epoch = journal.unfinished(site.store, kind) or runbook.next_epoch(site, kind)
    plan = runbook.Failover(site, options, Bus(), epoch)
    typer.echo(f"would restore {choice.name}, {backups.age_s(choice.manifest):.0f} s old")
    for step in plan.steps():
        after = f" (after {', '.join(step.depends_on)})" if step.depends_on else ""
        typer.echo(f"would run {step.name}: {step.text}{after}")


@app.command()
def failback(yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Return the service to AWS with everything written on Azure. Run it again to resume."""
    from runbook import failback as runbook
    from runbook.screen import view

    if dry_run:
        from runbook.events import Bus
        from runbook.sites import Sites

        site = Sites(engine())
        for step in runbook.Failback(site, Bus(), site.edge.read().epoch + 1).steps():
            typer.echo(f"would run {step.name}: {step.text}")
        return
    confirm("Return the service to AWS?", yes)
    with view("failback", budget_s=None, as_json=as_json) as seen:
        interruptible(lambda stop: runbook.run(engine(), seen.sinks, stop), seen.explain)


@app.command()
def status(
    as_json: AsJson = False,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every five seconds.")] = False,
    drift: Annotated[bool, typer.Option("--drift", help="Also ask what pulumi up would change.")] = False,
) -> None:
    """Both sites, the edge, the data, alarms, cost and what runs, on one screen."""
    from runbook import cli_status

    cli_status.show(engine(), as_json=as_json, watch=watch, drift=drift)


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
    keep: Annotated[bool, typer.Option("--keep", help="Leave the embedded clouds running.")] = False,
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
    as_json: AsJson = False,
) -> None:
    """Restore a backup into the standby's database (tier emergency), without switching the edge."""
    from runbook import failover as runbook
    from runbook.screen import view

    options = runbook.Options(to="emergency", at=moment(at), accept_loss=True, switch=False)
    if dry_run:
        _dry(options)
        return
    confirm("Build the standby's database and restore into it?", yes)
    with view("restore", budget_s=None, as_json=as_json) as seen:
        interruptible(lambda stop: runbook.run(engine(), options, seen.sinks, stop), seen.explain)


if __name__ == "__main__":
    main()


__all__ = ["ExitCode", "app", "main"]
