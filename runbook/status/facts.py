"""What can be known now, each question by itself and bounded: a dark cloud takes only its own answers with it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from runbook import backups, journal, probes
from runbook.bounded import ask_all
from runbook.engine import Engine
from runbook.errors import PlanBError
from runbook.failures import translating
from runbook.preflight.asking import Arm
from runbook.preflight.look import SUBSCRIPTION
from runbook.sites import DR, PROD, Sites
from runbook.status import aws

PATIENCE_S = 8.0
"""A question to a dark storage account ends after so long."""
LIMIT_S = 15.0
ALARM, INSTANCE, TARGETS = (
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:rds/instance:Instance",
    "aws:lb/targetGroup:TargetGroup",
)
AZURE_PARTS = {"database": "flexibleServers", "cluster": "managedClusters"}
MYSQL_API, AKS_API = "2023-12-30", "2024-02-01"
HISTORY = Path("build") / "drill" / "history.jsonl"
State = list[dict[str, Any]]


def gather(engine: Engine, *, drift: bool = False) -> dict[str, Any]:
    """Everything that can be known now; a part that does not answer is `{"unknown": why}` and fails nothing else."""
    site = Sites(engine, patience_s=PATIENCE_S)
    prod, dr = engine.resources(PROD), engine.resources(DR)
    questions: dict[str, Callable[[], Any]] = {
        "edge": lambda: _edge(site),
        "customers": lambda: _customers(site),
        "aws": lambda: {"serves": site.aws_serves(), "region": site.prod.get("region")},
        "azure": lambda: _azure(site),
        "alarms": lambda: aws.alarms(site.prod, _names(prod, ALARM, "name")),
        "database": lambda: _database(site, prod),
        "pods": lambda: _pods(site, prod),
        "standby": lambda: _standby(dr),
        "storage": lambda: _storage(site),
        "cost": lambda: _cost(prod, dr),
        "drill": lambda: _last_drill(engine.directory),
    }
    facts: dict[str, Any] = {
        "at": time.time(),
        "edge_url": site.edge_url,
        "interval_s": int(site.prod.get("backupInterval") or 300),
        "stacks": {DR: len(dr), PROD: len(prod)},
    }
    for name, answer in ask_all({name: (ask, LIMIT_S) for name, ask in questions.items()}):
        facts[name] = answer.value if answer.error is None else {"unknown": answer.error.what}
    # Storage that has just not answered is not asked again.
    stored = facts.pop("storage")
    blind = stored if "unknown" in stored else None
    facts |= {name: blind or stored[name] for name in ("backup", "last_run", "active", "watch")}
    facts["drift"] = _drift(engine) if drift else None
    return facts


def _edge(site: Sites) -> dict[str, Any]:
    edge = site.edge.read()
    return {"mode": edge.mode, "epoch": edge.epoch, "azure_host": edge.azure_host}


def _customers(site: Sites) -> str:
    through = probes.known_row(site.edge_url)
    return "service" if through.ok else ("maintenance page" if through.status == 503 else "nothing")


def _azure(site: Sites) -> dict[str, Any]:
    host = site.dr.get("gatewayHost")
    return {
        "tier": site.dr.get("tier"),
        "serves": probes.serving(probes.gateway_url(str(host))) if host else False,
        "location": site.dr.get("location"),
    }


def _names(state: State, type_: str, key: str) -> set[str]:
    return {str((r.get("inputs") or {}).get(key)) for r in state if r["type"] == type_}


def _database(site: Sites, prod: State) -> dict[str, Any]:
    names = sorted(_names(prod, INSTANCE, "identifier"))
    return aws.database(site.prod, names[0]) if names else {"unknown": "production has none in its state"}


def _pods(site: Sites, prod: State) -> dict[str, Any]:
    groups = sorted(str(r.get("id")) for r in prod if r["type"] == TARGETS)
    return (
        aws.pods(site.prod, groups[0])
        if groups
        else {"unknown": "production has no target group in its state"}
    )


def _standby(dr: State) -> dict[str, Any]:
    """What Azure's management API says of the standby's database and cluster, where the tier has them."""
    ids = [str(r.get("id") or "") for r in dr]
    found: dict[str, Any] = {}
    for part, kind in AZURE_PARTS.items():
        own = next((i for i in ids if re.search(rf"/{kind}/[^/]+$", i, re.IGNORECASE)), None)
        subscription = SUBSCRIPTION.search(own or "")
        if own is None or subscription is None:
            continue
        path = own.removeprefix(f"/subscriptions/{subscription[1]}")
        said = (
            Arm(subscription[1]).get(path, MYSQL_API if part == "database" else AKS_API).get("properties")
            or {}
        )
        found[part] = said.get("state") or (said.get("powerState") or {}).get("code") or "unknown"
    return found


def _storage(site: Sites) -> dict[str, Any]:
    """Everything that the container knows, asked in one go."""
    from restore.fencing import Active

    with translating():
        active = Active.read(site.store)
    return {
        "backup": _backup(site),
        "last_run": _last_run(site),
        "active": {"site": active.site if active else "aws", "epoch": active.epoch if active else None},
        "watch": _watch(site),
    }


def _backup(site: Sites) -> dict[str, Any]:
    from restore import catalog

    with translating():
        listed = catalog.list_backups(site.store)
    newest = next((b for b in listed if b.state == "valid" and b.manifest), None)
    if newest is None or newest.manifest is None:
        return {"newest": None, "count": len(listed)}
    return {
        "newest": newest.name,
        "age_s": backups.age_s(newest.manifest),
        "rows": newest.manifest.rows,
        "bytes": newest.manifest.data.bytes,
        "count": len(listed),
        "unusable": sum(1 for b in listed if b.state != "valid"),
    }


def _last_run(site: Sites) -> dict[str, Any] | None:
    found = journal.runs(site.store)
    if not found:
        return None
    kind, epoch, entries = max(found, key=lambda run: float(run[2][-1]["at"]) if run[2] else 0.0)
    last = entries[-1] if entries else {"event": "opened"}
    closed = last if last["event"] == "closed" else None
    return {
        "kind": kind,
        "epoch": epoch,
        "at": entries[-1]["at"] if entries else None,
        "outcome": closed["outcome"] if closed else "interrupted: run the same command again to resume",
    }


def _watch(site: Sites) -> dict[str, Any]:
    """Who watches, and the window in which nobody should."""
    from runbook.watch import windows
    from runbook.watch.looking import REPORTS

    window = windows.current(site.store)
    with translating():
        views = [blob for blob in site.store.list(REPORTS) if blob.name.endswith(".json")]
    newest = max((blob.modified for blob in views), default=None)
    age = (datetime.now(UTC) - newest).total_seconds() if newest else None
    return {"watchers": len(views), "last_look_s": age, "window": str(window) if window else None}


def _cost(prod: State, dr: State) -> dict[str, Any]:
    """What is deployed, at list price: a day of each site."""
    from runbook.cost import report, snapshot
    from runbook.cost import usage as assumptions
    from runbook.cost.model import HOURS

    made = report.make({PROD: prod, DR: dr}, snapshot.load(), assumptions.read(None, []), date.today())
    day = {site.stack: sum(table.usd for table in site.tables) * 24 / HOURS for site in made.sites}
    return {"day_usd": {stack: round(usd, 2) for stack, usd in day.items()}, "complete": made.complete}


def _last_drill(directory: Path) -> dict[str, Any] | None:
    """The newest line of this clone's drill history."""
    history = directory / HISTORY
    if not history.exists():
        return None
    for line in reversed(history.read_text(encoding="utf-8").splitlines()):
        try:
            entry = json.loads(line)
            return {
                "at": float(entry["finished_at"]),
                "passed": bool(entry["passed"]),
                "scenario": entry["scenario"],
            }
        except (ValueError, KeyError, TypeError):
            continue  # a torn line: the one before it counts
    return None


def _drift(engine: Engine) -> dict[str, Any]:
    """What `pulumi up` would change in each stack, after a refresh."""
    found: dict[str, Any] = {}
    for stack in (PROD, DR):
        try:
            found[stack] = engine.drift(stack)
        except PlanBError as error:
            found[stack] = {"unknown": error.what}
    return found
