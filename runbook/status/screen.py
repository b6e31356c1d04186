"""The screen: green is fine, yellow is worth a look today, red means customers or data, magenta that nobody knows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

STYLES = {"good": "green", "look": "yellow", "bad": "bold red", "unknown": "magenta", "plain": ""}
CPU_LIMIT = 70.0
DRILL_DAYS = 100
"""One a quarter, and some days' grace."""
Row = tuple[str, str, str, str]
"""(label, colour, text, detail)."""


def table(facts: dict[str, Any]) -> Table:
    """One line a fact."""
    grid = Table.grid(padding=(0, 3))
    for _ in range(3):
        grid.add_column(no_wrap=True)
    for label, colour, text, detail in rows(facts):
        grid.add_row(label, Text(text, style=STYLES[colour]), Text(detail, style="dim"))
    return grid


def rows(facts: dict[str, Any]) -> list[Row]:
    """What the screen shows, without its colours' names for a terminal."""
    made = [
        _customers(facts),
        _edge(facts),
        _aws(facts),
        *_unless_unknown(facts, "alarms", "Alarms", _alarms),
        *_unless_unknown(facts, "pods", "Pods", _pods),
        *_unless_unknown(facts, "database", "Database", _database),
        _azure(facts),
        *_standby(facts),
        *_backup(facts),
        *_run(facts),
        *_watch(facts),
        *_drift(facts),
        *_unless_unknown(facts, "cost", "Cost", _cost),
        _drill(facts),
    ]
    return [row for row in made if row]


def _unless_unknown(facts: dict[str, Any], name: str, label: str, made: Any) -> list[Row]:
    part = facts[name]
    if "unknown" in part:
        return [(label, "unknown", "unknown", str(part["unknown"])[:90])]
    return made(facts, label, part)


def _customers(facts: dict[str, Any]) -> Row:
    seen = facts["customers"]
    if isinstance(seen, dict):
        return ("Customers", "unknown", "unknown", facts["edge_url"])
    what = "nothing at all" if seen == "nothing" else f"the {seen}"
    return ("Customers", "good" if seen == "service" else "bad", f"see {what}", facts["edge_url"])


def _edge(facts: dict[str, Any]) -> Row:
    edge, active = facts["edge"], facts["active"]
    if "unknown" in edge:
        return ("Edge", "unknown", "unknown: it does not answer", str(edge["unknown"])[:90])
    detail = f"epoch {edge['epoch']}"
    if "unknown" in active:
        return ("Edge", "unknown", edge["mode"], f"{detail}; storage does not say who is active")
    agree = edge["mode"] == active["site"] and active["epoch"] in (None, edge["epoch"])
    if not agree:
        detail += f"; storage says {active['site']} is active (epoch {active['epoch']}): planb preflight"
    moving = edge["mode"] == "maintenance"
    return ("Edge", "good" if agree else "look" if moving else "bad", edge["mode"], detail)


def _active(facts: dict[str, Any]) -> str | None:
    return facts["edge"].get("mode")


def _aws(facts: dict[str, Any]) -> Row:
    aws = facts["aws"]
    if "unknown" in aws:
        return ("AWS", "unknown", "unknown", str(aws["unknown"])[:90])
    colour = "good" if aws["serves"] else "look" if _active(facts) == "azure" else "bad"
    return ("AWS", colour, "serves" if aws["serves"] else "does not answer", str(aws.get("region") or ""))


def _alarms(facts: dict[str, Any], label: str, alarms: dict[str, Any]) -> list[Row]:
    firing, missing = alarms["firing"], alarms["missing"]
    if firing:
        return [(label, "bad", f"{len(firing)} of {alarms['count']} firing", ", ".join(firing)[:90])]
    if missing:
        return [(label, "look", f"{len(missing)} of {alarms['count']} are gone", ", ".join(missing)[:90])]
    quiet = f"{alarms['no_data']} without data yet" if alarms["no_data"] else ""
    return [(label, "good", f"none of {alarms['count']} is firing", quiet)]


def _pods(facts: dict[str, Any], label: str, pods: dict[str, Any]) -> list[Row]:
    healthy, count = pods["healthy"], pods["count"]
    colour = "good" if count and healthy == count else "look" if healthy else "bad"
    if colour == "bad" and _active(facts) == "azure":
        colour = "look"
    return [(label, colour, f"{healthy} of {count} behind the balancer", "; ".join(pods["reasons"])[:90])]


def _database(facts: dict[str, Any], label: str, found: dict[str, Any]) -> list[Row]:
    cpu = found["cpu_percent"]
    colour = "good" if found["status"] == "available" else "bad"
    if colour == "good" and cpu is not None and cpu >= CPU_LIMIT:
        colour = "look"
    load = f"CPU {cpu:.0f} % (limit {CPU_LIMIT:.0f} %)" if cpu is not None else "CPU: CloudWatch has no data"
    return [(label, colour, f"RDS {found['status']}", f"MySQL {found['version']}, {load}")]


def _azure(facts: dict[str, Any]) -> Row:
    azure = facts["azure"]
    if "unknown" in azure:
        return ("Azure", "unknown", "unknown", str(azure["unknown"])[:90])
    quiet = azure["tier"] in ("pilot-light", "warm-standby") and _active(facts) != "azure"
    where = str(azure.get("location") or "")
    if quiet:
        return ("Azure", "good", str(azure["tier"]).replace("-", " "), where)
    text = f"tier {azure['tier']}, {'serves' if azure['serves'] else 'does not serve yet'}"
    return (
        "Azure",
        "good" if azure["serves"] else "bad" if _active(facts) == "azure" else "look",
        text,
        where,
    )


def _standby(facts: dict[str, Any]) -> list[Row]:
    standby = facts["standby"]
    if "unknown" in standby:
        return [("", "unknown", "its parts are unknown", str(standby["unknown"])[:90])]
    if not standby:
        return []
    good = {"Ready", "Running"}
    text = ", ".join(f"{part} {state}" for part, state in standby.items())
    return [("", "good" if set(standby.values()) <= good else "look", text, "")]


def _backup(facts: dict[str, Any]) -> list[Row]:
    backup, active = facts["backup"], _active(facts)
    if "unknown" in backup:
        return [("Newest backup", "unknown", "unknown", str(backup["unknown"])[:90])]
    if not backup.get("newest"):
        return [
            ("Newest backup", "bad", "there is none that can be used", "planb backup list; planb backup run")
        ]
    age, interval = backup["age_s"], facts["interval_s"]
    fresh = age <= 2 * interval or active == "azure"
    size = f"{backup['rows']:,} rows, {backup['bytes'] / 1e6:.1f} MB"
    made = [("Newest backup", "good" if fresh else "bad", f"{_age(age)} old", f"{backup['newest']} ({size})")]
    if backup["unusable"]:
        text = f"{backup['unusable']} of {backup['count']} cannot be used"
        made.append(("", "look", text, "planb backup list"))
    if active != "azure":
        made.append(
            (
                "RPO now",
                "good" if fresh else "bad",
                _age(age),
                "lost if AWS went dark now: what was written since",
            )
        )
    return made


def _run(facts: dict[str, Any]) -> list[Row]:
    run = facts["last_run"]
    if run is None:
        return []
    if "unknown" in run:
        return [("Last run", "unknown", "unknown: storage does not answer", "")]
    when = datetime.fromtimestamp(run["at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if run["at"] else ""
    return [
        (
            "Last run",
            "good" if run["outcome"] == "done" else "look",
            f"{run['kind']} {run['epoch']}: {run['outcome']}",
            when,
        )
    ]


def _watch(facts: dict[str, Any]) -> list[Row]:
    watch = facts["watch"]
    if "unknown" in watch:
        return [("Watch", "unknown", "unknown", "")]
    made: list[Row] = []
    if watch["window"]:
        made.append(("Maintenance", "look", "nobody watches", watch["window"]))
    last = watch["last_look_s"]
    if last is None or last > 300:
        return [
            *made,
            (
                "Watch",
                "look",
                "nobody watches",
                "planb watch" + (f"; last look {_age(last)} ago" if last else ""),
            ),
        ]
    return [
        *made,
        ("Watch", "good", f"looked {_age(max(0.0, last))} ago", f"{watch['watchers']} vantage point(s)"),
    ]


def _drift(facts: dict[str, Any]) -> list[Row]:
    drift = facts["drift"]
    if drift is None:
        return [("Drift", "plain", "not asked", "planb status --drift")]
    made: list[Row] = []
    for stack, changes in drift.items():
        label = "Drift" if not made else ""
        if "unknown" in changes:
            made.append((label, "unknown", f"{stack}: unknown", str(changes["unknown"])[:90]))
        elif changes:
            text = ", ".join(f"{count} to {op}" for op, count in sorted(changes.items()))
            made.append((label, "look", f"{stack}: {text}", f"pulumi preview -s {stack} --refresh --diff"))
        else:
            made.append((label, "good", f"{stack}: none", ""))
    return made


def _cost(facts: dict[str, Any], label: str, cost: dict[str, Any]) -> list[Row]:
    text = ", ".join(f"{stack} ${usd:,.2f}" for stack, usd in cost["day_usd"].items())
    return [(label, "plain" if cost["complete"] else "look", f"{text} a day", "at list price: planb cost")]


def _drill(facts: dict[str, Any]) -> Row:
    drill = facts["drill"]
    if drill is None:
        return ("Last drill", "look", "none that this clone knows of", "make drill")
    if "unknown" in drill:
        return ("Last drill", "unknown", "unknown", str(drill["unknown"])[:90])
    days = (facts["at"] - drill["at"]) / 86_400
    colour = "bad" if not drill["passed"] else "good" if days <= DRILL_DAYS else "look"
    return (
        "Last drill",
        colour,
        f"{'passed' if drill['passed'] else 'FAILED'}, {days:.0f} days ago",
        drill["scenario"],
    )


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
