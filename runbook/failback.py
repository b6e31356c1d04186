"""`planb failback`: the service returns to AWS with everything that was written on Azure.

ready → fence-aws → diverged → maintenance → ship → restore → compare → cutover → confirm → stand-down. Writes stop
between maintenance and confirm only; what AWS had accepted before the outage and never shipped is exported first.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from runbook import adminhost, graph, journal, probes, sites, ssm
from runbook.engine import Engine
from runbook.errors import PlanBError, Refused
from runbook.events import Bus, Sink
from runbook.failures import translating
from runbook.graph import Step
from runbook.run import Run
from runbook.sites import DR, Sites

JOB_TIMEOUT_S = 1800.0
CONFIRM_TIMEOUT_S = 120.0


@dataclass
class Result:
    """What happened; `tables` are (rows on Azure, rows on AWS, checksums) by name."""

    epoch: int
    diverged: str
    backup: str
    match: bool
    tables: dict[str, tuple[int, int, str, str]] = field(default_factory=dict[str, tuple[int, int, str, str]])
    times: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    cutover_at: float = 0.0


class Failback(Run):
    """One run; the plan is `steps()`."""

    def __init__(self, site: Sites, bus: Bus, epoch: int) -> None:
        super().__init__(site, bus, "failback", epoch)

    def steps(self) -> list[Step]:
        chain = [
            ("ready", "AWS answers: load balancer, nodes, database", self.ready),
            ("fence-aws", "locking the application out of AWS's database", self.fence_aws),
            ("diverged", "exporting what AWS has and Azure never got", self.diverged),
            ("maintenance", "maintenance at the edge", self.maintenance),
            ("ship", "taking Azure's data, writers locked out", self.ship),
            ("restore", "restoring it into AWS", self.restore),
            ("compare", "comparing both, table by table", self.compare),
            ("cutover", "switching the edge to AWS", self.cutover),
            ("confirm", "asking through the edge", self.confirm),
            ("stand-down", "back to what stood by before", self.stand_down),
        ]
        plan: list[Step] = []
        for name, text, act in chain:
            plan.append(Step(name, text, self._keep(name, act), (plan[-1].name,) if plan else ()))
        return plan

    def _agent(self, *arguments: str, timeout_s: float = JOB_TIMEOUT_S) -> dict[str, Any]:
        """On the backup host, which reads the database and no more."""
        prod = self._sites.prod
        return ssm.run(prod["backupHostTag"], str(prod["region"]), list(arguments), timeout_s=timeout_s)

    def _administrator(self, *arguments: str, timeout_s: float = JOB_TIMEOUT_S) -> dict[str, Any]:
        """On the administration host, which is started for it."""
        tag, region = adminhost.started(self._sites.prod)
        return ssm.run(tag, region, list(arguments), timeout_s=timeout_s)

    # -- steps --

    def ready(self) -> dict[str, Any]:
        if self._sites.edge.read().mode == "aws":
            raise Refused(
                "AWS serves already", resource="edge", meaning="nothing was changed", next_step="planb status"
            )
        if not probes.wait_until(self._sites.aws_serves, timeout_s=30):
            raise Refused(
                "AWS does not serve yet",
                resource=self._sites.origin_url,
                meaning="Azure goes on serving; nothing was changed",
                next_step="wait for AWS (planb status), then run the same command again",
            )
        adminhost.started(self._sites.prod)
        found = self._agent("digests", timeout_s=300)
        return {"tables": len(found.get("tables", found))}

    def fence_aws(self) -> dict[str, Any]:
        self._administrator("fence", timeout_s=120)
        return {}

    def diverged(self) -> dict[str, Any]:
        done = self._agent("backup", "--once", "--prefix", f"diverged/{self.epoch}/", "--accept-shrink")
        name = str(done.get("backup") or done.get("name") or f"diverged/{self.epoch}/")
        self._bus.emit("note", f"what AWS had before the outage is kept as {name}; nothing of it is merged")
        return {"backup": name}

    def maintenance(self) -> dict[str, Any]:
        state = self._sites.edge.read()
        if not (state.mode == "maintenance" and state.epoch == self.epoch):
            self._sites.edge.write(state, mode="maintenance", epoch=self.epoch)
        self._bus.emit("customers", "the maintenance page")
        return {"at": time.time()}

    def ship(self) -> dict[str, Any]:
        self._sites.engine.set_config(DR, restoreJob="backup", restoreRun=self.run_id)
        sites.provision(self._sites, self._bus, "ship", self._failed)
        done = sites.follow(
            self._sites, self._bus, "ship", self.run_id, self._failed, timeout_s=JOB_TIMEOUT_S
        )
        return {"backup": done.backup, "tables": {n: [t.rows, t.checksum] for n, t in done.tables.items()}}

    def restore(self) -> dict[str, Any]:
        self._administrator("restore", "--backup", str(self._memory["ship"]["backup"]), "--replace")
        return {}

    def compare(self) -> dict[str, Any]:
        """AWS's own digests against those that Azure's backup took in the same instant as its data."""
        there = self._memory["ship"]["tables"]
        answer = self._agent("digests", timeout_s=600)
        here = {n: [t["rows"], t["checksum"]] for n, t in answer.get("tables", answer).items()}
        differing = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
        if differing:
            raise PlanBError(
                f"these tables differ from Azure's: {', '.join(differing)}",
                resource="AWS's database",
                meaning="nothing was switched; customers see the maintenance page",
                next_step="planb failback again; or back to Azure: planb edge set azure",
            )
        return {"tables": {n: [there[n][0], here[n][0], there[n][1], here[n][1]] for n in there}}

    def cutover(self) -> dict[str, Any]:
        from restore.fencing import Active

        with translating():
            Active(epoch=self.epoch, site="aws").write(self._sites.store)
        state = self._sites.edge.read()
        if not (state.mode == "aws" and state.epoch == self.epoch):
            self._sites.edge.write(state, mode="aws", epoch=self.epoch, azure_host="none")
        return {"at": time.time()}

    def confirm(self) -> dict[str, Any]:
        if not probes.wait_until(self._sites.edge_serves, timeout_s=CONFIRM_TIMEOUT_S, every_s=0.2):
            raise PlanBError(
                "the switch was written but requests through the edge are not served",
                resource=self._sites.edge_url,
                meaning="customers see the maintenance page; the data is complete on AWS",
                next_step="planb status, then run the same command again",
            )
        self._bus.emit("customers", "the service, on AWS")
        return {"at": time.time()}

    def stand_down(self) -> dict[str, Any]:
        adminhost.dismissed(self._sites.prod)
        none = {"restoreJob": "none", "restoreBackup": "none", "restoreRun": "none"}
        self._sites.engine.set_config(DR, tier=standing(self._sites), **none)
        sites.provision(self._sites, self._bus, "stand-down", self._failed)
        return {"tier": self._sites.dr.get("tier")}


def standing(site: Sites) -> str:
    """The tier that stood by before the newest failover."""
    for kind, _, entries in reversed(journal.runs(site.store)):
        for entry in entries if kind == "failover" else ():
            if entry["event"] == "verified" and entry["step"] == "assess" and entry["result"].get("standing"):
                return str(entry["result"]["standing"])
    return sites.STANDING[0]


def run(engine: Engine, sinks: list[Sink], stop: threading.Event | None = None) -> Result:
    """Runs or resumes the failback."""
    bus = Bus(*sinks)
    site = Sites(engine)
    with journal.JournalLock(site.store, "planb failback") as lease:
        open_epoch = journal.unfinished(site.store, "failback")
        epoch = open_epoch or site.edge.read().epoch + 1
        log = journal.Journal(site.store, "failback", epoch, lease)
        failback = Failback(site, bus, epoch)
        bus.emit(
            "run", f"failback {epoch}{' (resumed)' if open_epoch else ''}, journal {log.blob}", epoch=epoch
        )
        failback.remember(log.results)
        plan = failback.steps()
        try:
            outcome = graph.run(plan, bus, log, stop or threading.Event())
        except Refused:
            if log.result_of("fence-aws") is None and not failback.did("fence-aws"):
                log.close(outcome="refused")
            raise
        log.close(outcome="done")
    compared = outcome.results["compare"]["tables"]
    result = Result(
        epoch=epoch,
        diverged=str(outcome.results["diverged"]["backup"]),
        backup=str(outcome.results["ship"]["backup"]),
        match=all(a == b and c == d for a, b, c, d in compared.values()),
        tables={name: (int(a), int(b), str(c), str(d)) for name, (a, b, c, d) in compared.items()},
        times=outcome.times,
        cutover_at=float(outcome.results["cutover"]["at"]),
    )
    bus.emit("done", f"the service runs on AWS; the standby is a {site.dr.get('tier')} again", epoch=epoch)
    return result
