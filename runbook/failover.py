"""`planb failover`: from a dark AWS to the service on Azure, in steps that can be killed and repeated.

assess ∥ preflight → fence → provision ∥ restore → verify → cutover → confirm. The restore starts as soon as the
database exists, while cluster and gateway are still being built. Nothing on this path needs AWS's region to answer.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from runbook import backups, graph, journal, probes, sites
from runbook.engine import Engine, Operation, Update
from runbook.errors import PlanBError, Refused
from runbook.events import Bus, Recorder, Sink
from runbook.failures import translating
from runbook.graph import Step
from runbook.run import Run
from runbook.sites import DR, Sites

RTO_BUDGET_S = 900.0
RESTORE_TIMEOUT_S = 1800.0
VERIFY_TIMEOUT_S = 600.0
CONFIRM_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Options:
    """`accept_loss` goes on although AWS still serves, whose newest writes would be left behind."""

    to: str = "full"
    at: datetime | None = None
    accept_loss: bool = False
    switch: bool = True
    """False restores into the standby's database and leaves the edge and who is active as they are."""


@dataclass
class Result:
    """What happened. Times of steps are epoch seconds (start, end)."""

    epoch: int
    resumed: bool
    backup: str
    restored_to: datetime
    skipped: list[tuple[str, str]]
    cost_s: float
    tables: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    times: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    operations: list[Operation] = field(default_factory=list[Operation])
    dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    cutover_at: float = 0.0


class Failover(Run):
    """One run; the plan is `steps()`."""

    def __init__(self, site: Sites, options: Options, bus: Bus, epoch: int) -> None:
        super().__init__(site, bus, kind_of(options), epoch)
        self._options = options
        self.update = Update()

    def steps(self) -> list[Step]:
        """The plan; results of an interrupted run must be remembered before."""
        plan = [
            Step("assess", "choosing the newest whole backup", self._keep("assess", self.assess)),
            Step("preflight", "looking for what would stop it", self._keep("preflight", self.preflight)),
        ]
        before = ("assess", "preflight")
        if self._options.switch:
            text = "maintenance at the edge, AWS fenced off"
            plan.append(Step("fence", text, self._keep("fence", self.fence), before))
            before = ("fence",)
        built = self._memory.get("provision")
        # Built for another tier, or for a job that has failed since: not what this run needs.
        again = built is not None and (built.get("tier"), built.get("job")) != (self._options.to, self.run_id)
        plan += [
            Step(
                "provision",
                f"building the standby ({self._options.to})",
                self._keep("provision", self.provision),
                before,
                again=again,
            ),
            Step(
                "restore",
                "restoring inside the standby's network",
                self._keep("restore", self.restore),
                before,
            ),
        ]
        if self._options.to != "full":
            return plan
        return [
            *plan,
            Step(
                "verify",
                "asking the application on Azure",
                self._keep("verify", self.verify),
                ("provision", "restore"),
            ),
            Step("cutover", "switching the edge to Azure", self._keep("cutover", self.cutover), ("verify",)),
            Step("confirm", "asking through the edge", self._keep("confirm", self.confirm), ("cutover",)),
        ]

    # -- steps --

    def assess(self) -> dict[str, Any]:
        mode = self._sites.edge.read().mode
        if mode == "azure":
            raise Refused(
                "Azure serves already",
                resource="edge",
                meaning="nothing was changed",
                next_step="planb status; to return to AWS: planb failback",
            )
        serves = self._sites.aws_serves()
        if serves and not self._options.accept_loss:
            raise Refused(
                "AWS still serves",
                resource="load balancer",
                meaning="what was written since the newest backup would be left behind; nothing was changed",
                next_step="planb status; to go on all the same: planb failover --accept-loss",
            )
        choice = backups.choose(self._sites.store, at=self._options.at)
        for name, why in choice.skipped:
            self._bus.emit("note", f"{name} cannot be used: {why}")
        if choice.skipped:
            self._bus.emit(
                "note",
                f"falling back to {choice.name}: {choice.cost_s:.0f} s more are lost than with the newest one",
            )
        age = backups.age_s(choice.manifest)
        self._bus.emit("note", f"restoring {choice.name}, {age:.0f} s old; writes since then will be missing")
        tier = self._sites.dr.get("tier")
        return {
            "backup": choice.name,
            # Where a failback returns to; none if an earlier run has raised the tier already.
            "standing": tier if tier in sites.STANDING else None,
            "restored_to": choice.manifest.server_utc.isoformat(),
            "skipped": choice.skipped,
            "cost_s": choice.cost_s,
        }

    def preflight(self) -> dict[str, Any]:
        """The first look: only what makes a failover impossible stops it; what gives no answer does not."""
        from runbook.preflight import checks

        report = checks.first_look(self._sites)
        found = [(one, f) for one in report.asked for f in one.findings if f.severity != "ok"]
        blockers = [(one, f) for one, f in found if f.severity == "blocker"]
        for one, finding in found:
            if finding.severity == "warning":
                self._bus.emit("note", f"{one.check.name}: {finding.what}")
        if blockers:
            raise Refused(
                "; ".join(finding.what for _, finding in blockers),
                resource=", ".join(one.check.name for one, _ in blockers),
                meaning=f"{blockers[0][1].meaning}; nothing was changed",
                next_step=f"{blockers[0][1].next_step}; then the same command again (planb preflight shows all)",
            )
        unasked = [one.check.name for one, f in found if f.severity == "unasked"]
        if unasked:
            self._bus.emit("note", f"could not be asked: {', '.join(unasked)}")
        return {"unasked": unasked}

    def fence(self) -> dict[str, Any]:
        from restore.fencing import Active

        state = self._sites.edge.read()
        if not (state.mode == "maintenance" and state.epoch == self.epoch):
            self._sites.edge.write(state, mode="maintenance", epoch=self.epoch)
        with translating():
            Active(epoch=self.epoch, site="azure").write(self._sites.store)
        self._bus.emit("customers", "the maintenance page")
        return {"epoch": self.epoch}

    def provision(self) -> dict[str, Any]:
        self._sites.engine.set_config(
            DR,
            tier=self._options.to,
            restoreJob="restore",
            restoreBackup=str(self._memory["assess"]["backup"]),
            restoreRun=self.run_id,
        )
        self.update = sites.provision(self._sites, self._bus, "provision", self._failed)
        dr = self._sites.dr
        built = {"tier": self._options.to, "job": self.run_id}
        return {**built, "gatewayHost": dr.get("gatewayHost"), "databaseHost": dr.get("databaseHost")}

    def restore(self) -> dict[str, Any]:
        done = sites.follow(
            self._sites,
            self._bus,
            "restore",
            self.run_id,
            self._failed,
            timeout_s=RESTORE_TIMEOUT_S,
        )
        return {
            "backup": done.backup,
            "tables": {name: [t.rows, t.checksum] for name, t in done.tables.items()},
        }

    def verify(self) -> dict[str, Any]:
        base = probes.gateway_url(str(self._memory["provision"]["gatewayHost"]))
        if not probes.wait_until(lambda: probes.serving(base), timeout_s=VERIFY_TIMEOUT_S):
            last = probes.health(base)
            raise PlanBError(
                f"the application does not answer (last status {last.status})",
                resource=base,
                meaning="customers keep seeing the maintenance page; the data is restored",
                next_step="kubectl get pods -A on the standby's cluster, then run the same command again",
            )
        return {"url": base}

    def cutover(self) -> dict[str, Any]:
        host = str(self._memory["provision"]["gatewayHost"])
        state = self._sites.edge.read()
        if not (state.mode == "azure" and state.azure_host == host and state.epoch == self.epoch):
            self._sites.edge.write(state, mode="azure", epoch=self.epoch, azure_host=host)
        return {"at": time.time()}

    def confirm(self) -> dict[str, Any]:
        if not probes.wait_until(self._sites.edge_serves, timeout_s=CONFIRM_TIMEOUT_S, every_s=0.2):
            raise PlanBError(
                "the switch was written but requests through the edge are not served",
                resource=self._sites.edge_url,
                meaning="customers see the maintenance page",
                next_step="planb edge show, then run the same command again",
            )
        self._bus.emit("customers", "the service, on Azure")
        return {"at": time.time()}


def kind_of(options: Options) -> str:
    """What the journal calls a run with these options."""
    return "failover" if options.switch else "restore"


def next_epoch(site: Sites, kind: str) -> int:
    """The edge's next one. Restores leave the edge's epoch alone, so they count past their own earlier runs too."""
    taken = [site.edge.read().epoch]
    if kind == "restore":
        taken += [epoch for name, epoch, _ in journal.runs(site.store) if name == kind]
    return max(taken) + 1


def run(engine: Engine, options: Options, sinks: list[Sink], stop: threading.Event | None = None) -> Result:
    """Runs or resumes the failover. Errors are `PlanBError`s; a resumed run repeats only what was not verified."""
    recorder = Recorder()
    bus = Bus(*sinks, recorder)
    site = Sites(engine)
    kind = kind_of(options)
    with journal.JournalLock(site.store, f"planb {kind}") as lease:
        open_epoch = journal.unfinished(site.store, kind)
        epoch = open_epoch or next_epoch(site, kind)
        log = journal.Journal(site.store, kind, epoch, lease)
        failover = Failover(site, options, bus, epoch)
        bus.emit(
            "run", f"{kind} {epoch}{' (resumed)' if open_epoch else ''}, journal {log.blob}", epoch=epoch
        )
        failover.remember(log.results)
        if options.at and failover.did("assess"):
            bus.emit(
                "note",
                f"--at is not asked again: the interrupted run chose {log.results['assess']['backup']}",
            )
        plan = failover.steps()
        try:
            outcome = graph.run(plan, bus, log, stop or threading.Event())
        except Refused:
            # Refused before anything was done: there is nothing to resume.
            if not failover.did("provision") and not failover.did("fence"):
                log.close(outcome="refused")
            raise
        log.close(outcome="done")
    assess, restored = outcome.results["assess"], outcome.results["restore"]
    result = Result(
        epoch=epoch,
        resumed=open_epoch is not None,
        backup=str(assess["backup"]),
        restored_to=datetime.fromisoformat(str(assess["restored_to"])),
        skipped=[(name, why) for name, why in assess["skipped"]],
        cost_s=float(assess["cost_s"]),
        tables={name: (int(rows), str(check)) for name, (rows, check) in restored["tables"].items()},
        times=outcome.times,
        operations=failover.update.operations,
        dependencies=failover.update.dependencies,
        cutover_at=float(outcome.results.get("cutover", {}).get("at", 0.0)),
    )
    what = (
        "the service runs on Azure"
        if options.switch and options.to == "full"
        else "the standby's database is there"
    )
    bus.emit("done", f"{what}, restored to {result.restored_to:%H:%M:%S} UTC", epoch=epoch)
    return result
