"""What a drill does, in order, and what it remembers for the report."""

from __future__ import annotations

import random
import time
from typing import Any

from restore import catalog
from restore.models import Manifest
from runbook import failback, failover, probes, sim
from runbook.drill import assemble, data
from runbook.drill.clients import Clients, Observation
from runbook.drill.ledger import Audit, Ledger, audit, present
from runbook.drill.model import Event, Report
from runbook.drill.report import edge_view
from runbook.engine import Engine
from runbook.errors import PlanBError, Refused
from runbook.events import Bus, Sink
from runbook.sites import Sites

SCENARIOS = ("region-dark", "corrupt-newest", "corrupt-all")
REGION = "ap-northeast-2"
PRODUCTION_INTERVAL_S = 300
RETENTION_DAYS = 30
SHORTEST_INTERVAL_S = 10
WORKERS, RATE = 6, 4.0  # clients, and requests a second of each
ON_AZURE_S = 8.0
SLACK_S = 2.0  # scheduling of the agent's interval


class Drill:
    """One drill; `play` may raise at any point and `report` needs it to have got to the end."""

    def __init__(
        self,
        *,
        engine: Engine,
        found: sim.Sim,
        bus: Bus,
        sinks: list[Sink],
        run: str,
        rows: int,
        scenario: str,
        dice: random.Random,
        seed: int,
    ) -> None:
        self._engine, self._sim, self._bus, self._sinks = engine, found, bus, sinks
        self._run, self._rows, self._scenario, self._dice, self._seed = run, rows, scenario, dice, seed
        self._interval = max(SHORTEST_INTERVAL_S, round(PRODUCTION_INTERVAL_S / found.speed))
        self._ledger = Ledger(run)
        self._clients: Clients | None = None
        self._started_at, self._finished_at, self._outage_at = time.time(), 0.0, 0.0
        self._events: list[Event] = []
        self._observations: list[Observation] = []
        self._failover: failover.Result | None = None
        self._failback: failback.Result | None = None
        self._manifest: Manifest | None = None
        self._lost_on_azure: Audit | None = None
        self._lost_on_aws: Audit | None = None
        self._operations: list[dict[str, Any]] = []
        self._standby: list[dict[str, Any]] = []
        self._active: list[dict[str, Any]] = []
        self._refused: str | None = None
        self._page_after_s = 0.0
        self._page_kept = True

    # -- the drill --

    def play(self) -> None:
        self._deploy()
        self._load()
        self._start_clients()
        self._wait_for_backups(3 if self._scenario == "region-dark" else 4)
        pause = self._dice.uniform(0, self._interval)
        self._say(f"the region goes dark in {pause:.1f} s")
        time.sleep(pause)
        fault = self._go_dark()
        if self._scenario != "region-dark":
            self._corrupt(everything=self._scenario == "corrupt-all")
        try:
            self._fail_over()
        except Refused as refusal:
            if self._scenario != "corrupt-all":
                raise
            self._refused = str(refusal)
            self._say(f"refused, as it must be: {refusal.what}")
            time.sleep(3)
            self._page_kept = probes.get(self._url).status == 503
            self._sim.call("DELETE", f"/faults/{fault}")
            return
        self._on_azure()
        self._sim.call("DELETE", f"/faults/{fault}")
        self._mark("AWS back")
        self._say("AWS is back")
        self._fail_back()

    def _deploy(self) -> None:
        self._say("deploying the pilot light (pulumi up -s dr)")
        self._engine.init("dr")
        self._engine.set_config("dr", protectData="false", backupRetentionDays=str(RETENTION_DAYS))
        self._engine.up("dr")
        self._standby = self._engine.resources("dr")
        self._say("deploying production (pulumi up -s prod)")
        self._engine.init("prod")
        self._engine.set_config("prod", protectData="false", backupInterval=str(self._interval))
        self._engine.up("prod")

    def _load(self) -> None:
        self._say(f"loading {self._rows:,} rows")
        outputs = self._engine.outputs("prod")
        data.fill(outputs, self._rows, self._seed)
        self._url = str(outputs["edgeUrl"])

    def _start_clients(self) -> None:
        if not probes.wait_until(lambda: probes.serving(self._url), timeout_s=60):
            raise PlanBError(
                f"AWS does not serve after its deployment (last status {probes.health(self._url).status})",
                resource=self._url,
            )
        pets = data.shares(self._rows)["pets"]
        self._clients = Clients(
            self._url, self._ledger, workers=WORKERS, rate=RATE, pets=pets, seed=self._seed
        )
        self._clients.start()
        self._say(f"{WORKERS} clients read and write through {self._url}")

    def _wait_for_backups(self, count: int) -> None:
        store = Sites(self._engine).store
        self._say(f"waiting for {count} backups, one every {self._interval} s")

        def enough() -> bool:
            return sum(b.state == "valid" for b in catalog.list_backups(store)) >= count

        if not probes.wait_until(enough, timeout_s=(count + 4) * self._interval + 60):
            listed = "; ".join(f"{b.name}: {b.state} {b.reason}" for b in catalog.list_backups(store)[:4])
            raise PlanBError(
                f"the agent did not take {count} good backups ({listed})", resource="backup host"
            )

    def _go_dark(self) -> str:
        self._outage_at = time.time()
        fault = str(self._sim.call("POST", "/faults", {"kind": "region_dark", "region": REGION})["id"])
        self._mark("AWS dark", self._outage_at)
        assert self._clients is not None
        page = self._clients.wait_for("maintenance", since=self._outage_at, timeout_s=60)
        self._page_after_s = page.finished_at - self._outage_at
        self._say(f"{REGION} is dark; customers see the maintenance page after {self._page_after_s:.1f} s")
        # Somebody has to notice: three pages in a row, not one bad request.
        self._clients.wait_for("maintenance", since=page.finished_at, timeout_s=60, count=3)
        return fault

    def _corrupt(self, *, everything: bool) -> None:
        store = Sites(self._engine).store
        good = [b for b in catalog.list_backups(store) if b.state == "valid" and b.manifest]
        for backup in good if everything else good[:1]:
            assert backup.manifest is not None
            blob = backup.manifest.data.blob
            content = bytearray(store.read(blob) or b"")
            content[self._dice.randrange(len(content))] ^= 1 << self._dice.randrange(8)
            store.write(blob, bytes(content), overwrite=True)
            self._say(f"one bit flipped in {backup.name}")

    def _fail_over(self) -> None:
        self._say("planb failover")
        options = failover.Options()
        self._failover = result = failover.run(self._engine, options, self._sinks)
        self._mark("cutover", result.cutover_at)
        self._operations = self._sim.call("GET", f"/operations?since={self._outage_at}")
        self._active = self._engine.resources("dr")
        site = Sites(self._engine)
        self._manifest = catalog.find(site.store, result.backup).manifest

    def _on_azure(self) -> None:
        assert self._clients is not None and self._manifest is not None
        self._clients.wait_for("ok", since=time.time() - 1, timeout_s=30, site="azure")
        self._say("comparing every write that AWS had acknowledged with what Azure shows")
        writes = self._ledger.writes(site="aws")
        restored = self._manifest.server_utc.timestamp()
        self._lost_on_azure = audit(writes, present(self._url, writes), restored_to=restored)
        self._say(f"clients write on Azure for {ON_AZURE_S:.0f} s more")
        time.sleep(ON_AZURE_S)

    def _fail_back(self) -> None:
        assert self._clients is not None
        site = Sites(self._engine)
        if not probes.wait_until(site.aws_serves, timeout_s=120):
            raise PlanBError("AWS does not serve after its return", resource=REGION)
        self._say("planb failback")
        self._failback = failback.run(self._engine, self._sinks)
        self._mark("back on AWS", self._failback.cutover_at)
        self._clients.wait_for("ok", since=self._failback.cutover_at, timeout_s=30, site="aws", count=20)
        self._say("comparing every write that Azure had acknowledged with what AWS shows")
        writes = self._ledger.writes(site="azure")
        self._lost_on_aws = audit(writes, present(self._url, writes))

    # -- the end --

    def clients_stop(self) -> None:
        if self._clients is not None:
            self._clients.stop()
            self._observations = self._clients.observations()
            self._clients = None

    def destroy(self) -> None:
        for stack in ("prod", "dr"):
            self._say(f"pulumi destroy -s {stack}")
            self._engine.destroy(stack)
        left = self._sim.call("GET", "/status")["resources"]
        if left:
            raise PlanBError(
                f"{left} resources are left after destroying both stacks", resource="embedded clouds"
            )
        self._finished_at = time.time()

    @property
    def first_request_at(self) -> float:
        return min((seen.started_at for seen in self._observations), default=self._started_at)

    def report(self, leftovers: list[str]) -> Report:
        """The report of a drill that got to its end."""
        steps, rto = [], None
        rpo = tables = back = None
        switched = 0.0
        if self._failover and self._manifest and self._lost_on_azure:
            steps, rto = assemble.schedule(self._failover, self._operations, self._outage_at)
            rto = rto.model_copy(update={"maintenance_page_s": self._page_after_s}) if rto else None
            last = (
                self._ledger.last_acknowledged_at("aws") if not self._failback else self._last_before_outage()
            )
            rpo = assemble.rpo(
                self._lost_on_azure, self._manifest, last, self._interval, PRODUCTION_INTERVAL_S
            )
            tables = assemble.data(self._manifest, self._failover.tables)
            settled = self._failover.times["confirm"][1] + 5.0
            switched = assemble.cutover_s(self._observations, self._failover.cutover_at, settled, "azure")
        if self._failback and self._lost_on_aws:
            back = assemble.returned(self._failback, self._lost_on_aws)
        cost = assemble.money(
            self._standby, self._active, self._manifest, PRODUCTION_INTERVAL_S, RETENTION_DAYS
        )
        draft = Report(
            passed=False,
            verdict="",
            findings=[],
            scenario=self._scenario,
            refused=self._refused,
            run=self._run,
            seed=self._seed,
            rows=self._rows,
            speed=self._sim.speed,
            latency=self._sim.latency,
            started_at=self._started_at,
            finished_at=self._finished_at or time.time(),
            outage_at=self._outage_at,
            steps=steps,
            events=self._events,
            rto=rto,
            rpo=rpo,
            data=tables,
            edge=edge_view(self._observations, switched),
            failback=back,
            cost=cost,
            versions=assemble.versions(),
        )
        findings = self._findings(draft, leftovers)
        return draft.model_copy(
            update={"findings": findings, "passed": not findings, "verdict": _verdict(draft, findings)}
        )

    def _last_before_outage(self) -> float | None:
        """The last write that AWS acknowledged before it went dark (after the failback it acknowledges new ones)."""
        done = [w.acknowledged_at for w in self._ledger.writes(site="aws") if w.sent_at <= self._outage_at]
        return max(done, default=None)

    def _findings(self, report: Report, leftovers: list[str]) -> list[str]:
        """Everything that is not as it must be."""
        found = [f"a process was left: {line}" for line in leftovers]
        found += [f"not priced: {item}" for item in report.cost.unpriced]
        if report.cost.standby_month_usd > report.cost.budget_month_usd:
            found.append(f"the standby costs ${report.cost.standby_month_usd:.2f} a month")
        if self._scenario == "corrupt-all":
            if not report.refused:
                found.append("every backup was corrupt, and it restored one all the same")
            if not self._page_kept:
                found.append("the maintenance page was not kept up after the refusal")
            return found
        if not (report.rto and report.rpo and report.data and report.failback):
            return [*found, "the drill did not get to its end"]
        if report.rto.service_s > report.rto.budget_s:
            found.append(f"RTO {report.rto.service_s:.0f} s is over its budget")
        if report.rpo.unexplained:
            found.append(f"{report.rpo.unexplained} acknowledged writes are missing and nobody announced it")
        assert self._manifest is not None
        dump_s = (self._manifest.finished_at - self._manifest.started_at).total_seconds()
        backups = 2 if self._scenario == "corrupt-newest" else 1
        allowed = backups * (self._interval + dump_s) + SLACK_S
        if report.rpo.seconds > allowed:
            found.append(f"RPO {report.rpo.seconds:.1f} s is more than {allowed:.1f} s (interval and dump)")
        if not report.data.match:
            found.append("the restored data differs from the backup's picture of its source")
        if report.failback.standby_writes == 0:
            found.append("no write was acknowledged on Azure, so the failback proves nothing")
        if report.failback.standby_writes_lost or not report.failback.match:
            found.append(f"{report.failback.standby_writes_lost} writes made on Azure were lost at failback")
        if self._scenario == "corrupt-newest" and self._failover and not self._failover.skipped:
            found.append("the corrupt backup was not noticed")
        return found

    def _say(self, text: str) -> None:
        self._bus.emit("note", text)

    def _mark(self, text: str, at: float | None = None) -> None:
        self._events.append(Event(at=at or time.time(), text=text))


def _verdict(report: Report, findings: list[str]) -> str:
    if findings:
        return f"Failed: {findings[0]}"
    if report.refused:
        return "Passed: nothing safe to restore was left, and nothing was restored; the maintenance page stayed up"
    assert report.rto is not None and report.rpo is not None
    minutes = f"{int(report.rto.service_s) // 60}:{int(report.rto.service_s) % 60:02d}"
    return (
        f"Passed: service on Azure after {minutes}, {report.rpo.seconds:.1f} s of writes lost as announced, "
        "all back on AWS"
    )
