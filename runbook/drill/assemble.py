"""From what happened to the report: re-timed schedule, RTO, RPO, comparison, cost, verdict."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from datetime import date
from importlib import metadata
from typing import Any

from restore.models import Manifest
from runbook import failback, failover
from runbook.cost import report, snapshot, walk
from runbook.cost.model import Line
from runbook.cost.usage import Usage
from runbook.drill.clients import Observation
from runbook.drill.ledger import Audit
from runbook.drill.model import Cost, Data, Failback, Rpo, Rto, Step, Table
from runbook.retime import Node, critical_path, retime

RPO_BUDGET_S = 300.0
SHOWN_FROM_S = 15.0  # resources that a cloud makes faster are left out of the picture
WORK = ("assess", "fence", "verify", "cutover", "confirm")


def schedule(
    result: failover.Result, operations: Sequence[dict[str, Any]], outage_at: float
) -> tuple[list[Step], Rto | None]:
    """Steps on the re-timed clock and the RTO. `operations` is the embedded clouds' own log of provisioning."""
    modelled = {op["urn"]: float(op["modelled_s"]) for op in operations if op["op"] == "create"}
    started = {name: times[0] for name, times in result.times.items()}
    ended = {name: times[1] for name, times in result.times.items()}
    begun = min(started.values())
    nodes = [
        Node("detect", (), outage_at, begun),
        Node("assess", ("detect",), started["assess"], ended["assess"]),
    ]
    nodes.append(Node("fence", ("assess",), started["fence"], ended["fence"]))
    made = {
        op.urn: op for op in result.operations if op.op in ("create", "create-replacement") and op.finished_at
    }
    label = {urn: f"provision.{op.name}" for urn, op in made.items()}
    for urn, op in made.items():
        needs = tuple(label[d] for d in result.dependencies.get(urn, []) if d in label)
        nodes.append(Node(label[urn], needs or ("fence",), op.started_at, op.finished_at, modelled.get(urn)))
    everything = tuple(label.values())
    group = tuple(label[u] for u, op in made.items() if op.type.endswith(":ContainerGroup"))
    group_done = max((made[u].finished_at for u in made if label[u] in group), default=started["restore"])
    nodes.append(Node("restore", group or ("fence",), min(group_done, ended["restore"]), ended["restore"]))
    nodes.append(Node("provision", everything or ("fence",), ended["provision"], ended["provision"]))
    nodes.append(Node("verify", ("provision", "restore"), started["verify"], ended["verify"]))
    nodes.append(Node("cutover", ("verify",), started["cutover"], ended["cutover"]))
    nodes.append(Node("confirm", ("cutover",), started["confirm"], ended["confirm"]))
    slots = retime(nodes, outage_at)
    path = critical_path(slots, "confirm")
    shown = [
        n for n in nodes if n.name in (*WORK, "detect", "restore") or (n.modelled_s or 0.0) >= SHOWN_FROM_S
    ]
    names = {n.name for n in shown}
    steps = [
        Step(
            name=n.name,
            depends_on=sorted(_nearest(n, {m.name: m for m in nodes}, names)),
            started_at=n.started,
            finished_at=n.finished,
            modelled_s=n.modelled_s,
            measured_s=n.finished - n.started,
            retimed_start_s=slots[n.name].start,
            retimed_finish_s=slots[n.name].finish,
            critical=n.name in path,
        )
        for n in shown
    ]
    rto = Rto(
        maintenance_page_s=0.0,
        database_s=slots["restore"].finish,
        service_s=slots["confirm"].finish,
        wall_s=ended["confirm"] - outage_at,
        budget_s=failover.RTO_BUDGET_S,
        critical_path=[name for name in path if name in names],
    )
    return steps, rto


def _nearest(node: Node, by_name: dict[str, Node], shown: set[str]) -> set[str]:
    """Dependencies that are shown, looking through those that are not."""
    found: set[str] = set()
    for name in node.depends_on:
        if name in shown:
            found.add(name)
        elif name in by_name:
            found |= _nearest(by_name[name], by_name, shown)
    return found


def rpo(
    audit: Audit, manifest: Manifest, last_committed_at: float | None, interval_s: float, production_s: float
) -> Rpo:
    """The loss window: from the restored instant to the last write that AWS acknowledged."""
    restored = manifest.server_utc.timestamp()
    dump_s = (manifest.finished_at - manifest.started_at).total_seconds()
    return Rpo(
        seconds=max(0.0, (last_committed_at or restored) - restored),
        transactions_lost=len(audit.lost),
        unexplained=len(audit.unexplained),
        last_committed_at=last_committed_at,
        last_restored_at=restored,
        backup=manifest.data.blob,
        interval_s=interval_s,
        production_worst_case_s=production_s + dump_s,
        budget_s=RPO_BUDGET_S,
    )


def data(manifest: Manifest, restored: dict[str, tuple[int, str]]) -> Data:
    """The backup's own picture of the source beside what the restore job found on the target."""
    tables = {
        name: Table(
            rows_source=digest.rows,
            rows_target=restored.get(name, (0, ""))[0],
            checksum_source=digest.checksum,
            checksum_target=restored.get(name, (0, ""))[1],
        )
        for name, digest in manifest.tables.items()
    }
    equal = all(
        t.rows_source == t.rows_target and t.checksum_source == t.checksum_target for t in tables.values()
    )
    return Data(tables=tables, match=equal and set(restored) == set(manifest.tables))


def returned(result: failback.Result, audit: Audit) -> Failback:
    return Failback(
        standby_writes=audit.acknowledged,
        standby_writes_lost=len(audit.lost),
        match=result.match,
        diverged_backup=result.diverged,
        writes_stopped_s=result.times["confirm"][1] - result.times["maintenance"][0],
    )


def cutover_s(observations: Sequence[Observation], switched_at: float, until: float, site: str) -> float:
    """Seconds from the key's write to the start of the last request, up to `until`, that did not reach the new site."""
    late = [o.started_at for o in observations if switched_at < o.started_at < until and o.site != site]
    return max(late, default=switched_at) - switched_at


def money(
    standby: list[dict[str, Any]],
    active: list[dict[str, Any]],
    manifest: Manifest | None,
    interval_s: float,
    days: float,
) -> Cost:
    """The standby by the month, the activated site by the hour, from the resources of both states."""
    usage = Usage(
        backup_mb=manifest.data.bytes / 1e6 if manifest else 0.0,
        backup_interval_s=interval_s,
        retention_days=days,
    )
    prices = snapshot.load()
    month, hour = (walk.sheet(state, prices, usage, date.today()) for state in (standby, active))
    fixed = {(line.resource, line.basis) for line in month.lines}
    more = [line for line in hour.lines if (line.resource, line.basis) not in fixed]
    rows = [_row(line, "a month", line.month_total_usd) for line in month.lines]
    rows += [_row(line, "an hour", line.hour_total_usd) for line in more]
    return Cost(
        standby_month_usd=round(month.month_usd(), 2),
        activated_hour_usd=round(sum(line.hour_total_usd for line in more), 3),
        budget_month_usd=report.STANDBY_BUDGET_USD,
        lines=rows,
        unpriced=sorted(
            {f"{item.kind} {item.resource}: {item.why}" for item in (*month.unpriced, *hour.unpriced)}
        ),
        prices_of=prices.date.isoformat(),
    )


def _row(line: Line, of: str, usd: float) -> tuple[str, str, float]:
    return line.resource, f"{line.basis}, {of}", round(usd, 4)


def versions() -> dict[str, str]:
    """What ran: programs by their own word, libraries from the environment."""
    found = {
        name: metadata.version(name) for name in ("pulumi", "pulumi-aws", "pulumi-azure-native", "planb")
    }
    for name, arguments in {
        "node": ["--version"],
        "mysqld": ["--version"],
        "azurite-blob": ["--version"],
    }.items():
        program = shutil.which(name)
        if program:
            said = subprocess.run(
                [program, *arguments], capture_output=True, text=True, check=False
            ).stdout.strip()
            found[name] = said.split(" Ver ")[-1]
    return found
