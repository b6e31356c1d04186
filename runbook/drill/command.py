"""`planb drill`: the whole loop on the embedded clouds, with everything taken down at the end whatever happens."""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runbook import sim, workspace
from runbook.drill import report as writer
from runbook.drill.model import Report
from runbook.drill.scenario import SCENARIOS, Drill
from runbook.engine import Engine, project_dir
from runbook.errors import ExitCode, PlanBError, UsageError
from runbook.events import Bus, JsonLines, Sink
from runbook.screen import PlainLines, clock


@dataclass(frozen=True)
class DrillOptions:
    """What the command line says."""

    speed: float
    rows: int
    seed: int
    report: Path
    latency: str
    scenario: str
    keep: bool
    as_json: bool


def run(options: DrillOptions) -> ExitCode:
    """0 passed, 1 failed, 3 when the scenario left nothing safe to restore (which is then what should happen)."""
    _check(options)
    project = project_dir().resolve()
    began = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    directory = project / ".planb" / f"drill-{began}"
    sinks: list[Sink] = [JsonLines()] if options.as_json else [PlainLines()]
    bus = Bus(*sinks)
    bus.emit("note", f"drill {began}: {options.rows:,} rows, seed {options.seed}, {options.speed:g} × speed")
    try:
        found = sim.start(directory, speed=options.speed, latency=options.latency)
        os.environ.update(sim.environment(found))
        engine = Engine(workspace.farm(project, directory / "work"))
        drill = Drill(
            engine=engine,
            found=found,
            bus=bus,
            sinks=sinks,
            run=began,
            rows=options.rows,
            scenario=options.scenario,
            dice=random.Random(options.seed),
            seed=options.seed,
        )
        try:
            drill.play()
        finally:
            drill.clients_stop()
        if not options.keep:
            drill.destroy()
    finally:
        if not options.keep:
            bus.emit("note", "stopping the embedded clouds")
            sim.stop(directory)
    leftovers = [] if options.keep else _processes_of(directory)
    report = drill.report(leftovers)
    page = writer.write(report, options.report, drill.first_request_at)
    if options.keep:
        bus.emit("note", f"kept running: planb sim env --dir {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    _verdict(report, page, options.as_json)
    if not report.passed:
        return ExitCode.FAILED
    return ExitCode.REFUSED if report.refused else ExitCode.DONE


def _check(options: DrillOptions) -> None:
    from runbook.drill.data import MINIMUM_ROWS

    if options.rows < MINIMUM_ROWS:
        raise UsageError(f"--rows is {options.rows}: allowed is {MINIMUM_ROWS} and more")
    if options.scenario not in SCENARIOS:
        raise UsageError(f"--scenario is {options.scenario!r}: allowed are {', '.join(SCENARIOS)}")
    if options.latency not in ("typical", "slow"):
        raise UsageError(f"--latency is {options.latency!r}: allowed are typical and slow")
    if options.report.exists() and not options.report.is_dir():
        raise UsageError(f"--report is {options.report}: it is a file; give a directory")


def _processes_of(directory: Path) -> list[str]:
    """Command lines of processes that still mention the drill's directory."""
    found: list[str] = []
    for _ in range(20):
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(directory) in line and int(entry.parent.name) != os.getpid():
                found.append(line.strip()[:120])
        if not found:
            return []
        time.sleep(0.25)
    return found


def _verdict(report: Report, page: Path, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(report.model_dump_json() + "\n")
        return
    lines = ["", report.verdict, *(f"  ✗ {finding}" for finding in report.findings)]
    if report.rto:
        lines.append(
            f"  RTO   {clock(report.rto.service_s)} of {clock(report.rto.budget_s)}"
            f" (maintenance page after {report.rto.maintenance_page_s:.1f} s,"
            f" database after {clock(report.rto.database_s)})"
        )
    if report.rpo:
        lines.append(
            f"  RPO   {report.rpo.seconds:.1f} s of data ({report.rpo.transactions_lost} acknowledged writes),"
            f" none unannounced: {'yes' if not report.rpo.unexplained else 'NO'}"
        )
    if report.failback:
        lines.append(
            f"  back  {report.failback.standby_writes_lost} of {report.failback.standby_writes} writes on Azure lost,"
            f" writes stopped for {report.failback.writes_stopped_s:.1f} s"
        )
    if report.refused:
        lines.append(f"  refused: {report.refused}")
    lines.append(
        f"  cost  ${report.cost.standby_month_usd:.2f} a month in standby, "
        f"${report.cost.activated_hour_usd:.2f} an hour active"
    )
    lines.append(f"  report: {page} and {page.with_name('report.json')}")
    sys.stdout.write("\n".join(lines) + "\n")


__all__ = ["DrillOptions", "PlanBError", "run"]
