"""`planb status`: both sites, the edge, the newest backup and the last run, on one screen; half-blind if it must be."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from runbook import backups, journal, probes
from runbook.engine import Engine
from runbook.errors import PlanBError
from runbook.failures import translating
from runbook.sites import DR, STANDING, Sites

PATIENCE_S = 8.0
"""A question to a dark storage account ends after so long."""


def gather(engine: Engine) -> dict[str, Any]:
    """Everything that can be known now; a part that does not answer says so instead of failing the whole."""
    site = Sites(engine, patience_s=PATIENCE_S)
    facts: dict[str, Any] = {"at": time.time(), "edge_url": site.edge_url}
    try:
        edge = site.edge.read()
        facts["edge"] = {"mode": edge.mode, "epoch": edge.epoch, "azure_host": edge.azure_host}
    except PlanBError as error:
        facts["edge"] = {"unknown": error.what}
    through = probes.known_row(site.edge_url)
    facts["customers"] = (
        "service" if through.ok else ("maintenance page" if through.status == 503 else "nothing")
    )
    facts["aws"] = {"serves": site.aws_serves(), "region": site.prod.get("region")}
    tier = site.dr.get("tier")
    host = site.dr.get("gatewayHost")
    facts["azure"] = {
        "tier": tier,
        "serves": probes.serving(probes.gateway_url(str(host))) if host else False,
        "location": site.dr.get("location"),
    }
    facts["backup"] = _backup(site)
    # Storage that has just not answered is not asked again.
    blind = "unknown" in facts["backup"]
    facts["last_run"] = {"unknown": facts["backup"]["unknown"]} if blind else _last_run(site)
    facts["interval_s"] = int(site.prod.get("backupInterval") or 300)
    facts["stacks"] = {DR: len(engine.resources(DR)), "prod": len(engine.resources("prod"))}
    return facts


def _backup(site: Sites) -> dict[str, Any]:
    from restore import catalog

    try:
        with translating():
            listed = catalog.list_backups(site.store)
    except PlanBError as error:
        return {"unknown": error.what}
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
    try:
        found = journal.runs(site.store)
    except PlanBError as error:
        return {"unknown": error.what}
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


def table(facts: dict[str, Any]) -> Any:
    """The screen."""
    from rich.table import Table
    from rich.text import Text

    def light(good: bool | None, text: str) -> Text:
        return Text(text, style={True: "green", False: "red", None: "yellow"}[good])

    rows = Table.grid(padding=(0, 3))
    rows.add_column(no_wrap=True)
    rows.add_column(no_wrap=True)
    rows.add_column(no_wrap=True)
    edge, backup, run = facts["edge"], facts["backup"], facts["last_run"]
    served = facts["customers"] == "service"
    seen = "nothing at all" if facts["customers"] == "nothing" else f"the {facts['customers']}"
    rows.add_row("Customers", light(served, f"see {seen}"), facts["edge_url"])
    rows.add_row(
        "Edge",
        edge.get("mode") or light(None, "unknown: it does not answer"),
        f"epoch {edge.get('epoch', '?')}",
    )
    active = edge.get("mode")
    aws, azure = facts["aws"], facts["azure"]
    rows.add_row(
        "AWS",
        light(
            aws["serves"] or (None if active == "azure" else False),
            "serves" if aws["serves"] else "does not answer",
        ),
        "",
    )
    quiet = azure["tier"] in STANDING and active != "azure"
    text = (
        str(azure["tier"]).replace("-", " ")
        if quiet
        else f"tier {azure['tier']}, {'serves' if azure['serves'] else 'does not serve yet'}"
    )
    rows.add_row("Azure", light(True if quiet else azure["serves"], text), "")
    if backup.get("newest"):
        fresh = backup["age_s"] <= 2 * facts["interval_s"] or active == "azure"
        size = f"{backup['rows']:,} rows, {backup['bytes'] / 1e6:.1f} MB"
        rows.add_row(
            "Newest backup", light(fresh, f"{backup['age_s']:.0f} s old"), f"{backup['newest']} ({size})"
        )
        if backup["unusable"]:
            rows.add_row(
                "",
                light(None, f"{backup['unusable']} of {backup['count']} cannot be used"),
                "planb backup list",
            )
    else:
        rows.add_row(
            "Newest backup", light(False, backup.get("unknown") or "there is none that can be used"), ""
        )
    if run and "unknown" in run:
        rows.add_row("Last run", light(None, "unknown: storage does not answer"), "")
    elif run:
        when = datetime.fromtimestamp(run["at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if run["at"] else ""
        rows.add_row(
            "Last run",
            light(run["outcome"] == "done", f"{run['kind']} {run['epoch']}: {run['outcome']}"),
            when,
        )
    return rows
