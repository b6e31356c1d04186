"""Our costs beside the seed's: its tables, the difference row by row, Extended Support, the standby's verdict."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from runbook.cost import walk
from runbook.cost.model import HOURS, Line, Sheet, Unpriced, amount, counted
from runbook.cost.snapshot import STALE_DAYS, Snapshot
from runbook.cost.state import STACK
from runbook.cost.usage import Usage

STANDBY_BUDGET_USD = 10.0
SAME_USD = 0.5
"""The seed rounds to whole dollars."""
SHOWN_PARTS = 4
SITES = {"prod": ("aws",), "dr": ("standby", "activated")}
"""The seed's tables that a stack answers."""


@dataclass(frozen=True)
class Row:
    """One row of a table: ours beside the seed's. `least_usd` and `most_usd` are what autoscaling may make of it."""

    key: str
    name: str
    basis: str
    usd: float
    least_usd: float
    most_usd: float
    seed_usd: float | None
    reason: str
    lines: list[Line]

    @property
    def difference_usd(self) -> float:
        return self.usd - (self.seed_usd or 0.0)


@dataclass(frozen=True)
class Table:
    key: str
    title: str
    rows: list[Row]
    seed_usd: float
    seed_hour_usd: float | None

    @property
    def usd(self) -> float:
        return sum(row.usd for row in self.rows)

    @property
    def range_usd(self) -> tuple[float, float]:
        return sum(row.least_usd for row in self.rows), sum(row.most_usd for row in self.rows)

    @property
    def hour_usd(self) -> float:
        return self.usd / HOURS


@dataclass(frozen=True)
class Site:
    """One stack. `tables` are empty when it is not deployed."""

    stack: str
    tables: list[Table] = field(default_factory=list[Table])
    unpriced: list[Unpriced] = field(default_factory=list[Unpriced])
    notes: list[str] = field(default_factory=list[str])
    always_on: bool = False
    """A warm standby: what the seed calls activated runs all the time."""

    def table(self, key: str) -> Table | None:
        return next((table for table in self.tables if table.key == key), None)


@dataclass(frozen=True)
class Report:
    sites: list[Site]
    prices: Snapshot
    usage: Usage
    on: date

    @property
    def complete(self) -> bool:
        """Whether everything that is deployed has been priced."""
        return not any(site.unpriced for site in self.sites)

    @property
    def standby_month_usd(self) -> float | None:
        """What waits for a disaster: of a warm standby that is all of it."""
        for site in self.sites:
            standby, active = site.table("standby"), site.table("activated")
            if standby is not None:
                return standby.usd + (active.usd if active and site.always_on else 0.0)
        return None

    @property
    def activated_hour_usd(self) -> float | None:
        found = (site.table("activated") for site in self.sites)
        return next((table.hour_usd for table in found if table is not None), None)

    @property
    def extended_usd(self) -> float:
        """A month of RDS Extended Support: what MySQL 8.4 would save."""
        rows = [
            row for site in self.sites for table in site.tables for row in table.rows if row.key == "extended"
        ]
        return sum(line.month_total_usd for row in rows for line in row.lines if "MySQL" in line.label)

    @property
    def age_days(self) -> int:
        return self.prices.age_days(self.on)

    @property
    def stale(self) -> bool:
        return self.age_days > STALE_DAYS

    def json(self) -> dict[str, Any]:
        """Everything, for machines."""
        standby = self.standby_month_usd
        return {
            "on": self.on.isoformat(),
            "prices": {"date": self.prices.date.isoformat(), "age_days": self.age_days, "stale": self.stale},
            "usage": self.usage.model_dump(),
            "sites": [_site_json(site) for site in self.sites],
            "complete": self.complete,
            "standby_month_usd": standby,
            "standby_budget_usd": STANDBY_BUDGET_USD,
            "standby_within_budget": None if standby is None else standby <= STANDBY_BUDGET_USD,
            "activated_hour_usd": self.activated_hour_usd,
            "mysql_84_saves_month_usd": round(self.extended_usd, 2),
        }


def _site_json(site: Site) -> dict[str, Any]:
    return {
        "stack": site.stack,
        "deployed": bool(site.tables),
        "tables": [
            {
                "key": table.key,
                "title": table.title,
                "month_usd": round(table.usd, 2),
                "month_range_usd": [round(usd, 2) for usd in table.range_usd],
                "hour_usd": round(table.hour_usd, 4),
                "seed_month_usd": table.seed_usd,
                "seed_hour_usd": table.seed_hour_usd,
                "rows": [
                    {
                        "key": row.key,
                        "name": row.name,
                        "basis": row.basis,
                        "month_usd": round(row.usd, 4),
                        "seed_usd": row.seed_usd,
                        "difference_usd": round(row.difference_usd, 4),
                        "reason": row.reason,
                        "lines": [
                            {**asdict(line), "month_total_usd": line.month_total_usd} for line in row.lines
                        ],
                    }
                    for row in table.rows
                ],
            }
            for table in site.tables
        ],
        "unpriced": [asdict(item) for item in site.unpriced],
        "notes": site.notes,
    }


@cache
def seed() -> list[dict[str, Any]]:
    """The seed's tables (tables.toml)."""
    return tomllib.loads((Path(__file__).parent / "tables.toml").read_text(encoding="utf-8"))["table"]


def make(
    stacks: Mapping[str, Iterable[Mapping[str, Any]]], prices: Snapshot, usage: Usage, on: date
) -> Report:
    """The report on exported resources by stack; production's outputs say how often it backs up."""
    given = {name: list(entries) for name, entries in stacks.items()}
    facts: dict[str, Any] = {}
    for entries in given.values():
        for entry in entries:
            if entry.get("type") == STACK:
                facts |= entry.get("outputs") or {}
    return Report(
        sites=[site(name, entries, prices, usage, on, facts) for name, entries in given.items()],
        prices=prices,
        usage=usage,
        on=on,
    )


def site(
    name: str,
    entries: list[Mapping[str, Any]],
    prices: Snapshot,
    usage: Usage,
    on: date,
    facts: Mapping[str, Any] | None = None,
) -> Site:
    found = walk.sheet(entries, prices, usage, on, facts)
    if not any(str(entry.get("type")) != STACK for entry in entries):
        return Site(name)
    tables = [
        table(wanted, found)
        for wanted in seed()
        if wanted["key"] in SITES.get(name, ()) or any(line.row in _keys(wanted) for line in found.lines)
    ]
    # A standby that does not serve has nothing to compare with the seed's activated table.
    tables = [one for one in tables if one.key != "activated" or any(row.lines for row in one.rows)]
    outputs = next((entry.get("outputs") or {} for entry in entries if entry.get("type") == STACK), {})
    always_on = outputs.get("tier") == "warm-standby"
    return Site(name, tables, found.unpriced, found.notes, always_on)


def _keys(wanted: Mapping[str, Any]) -> set[str]:
    return {row["key"] for row in wanted["row"]}


def table(wanted: Mapping[str, Any], found: Sheet) -> Table:
    """One of the seed's tables with our lines in it; rows that neither has are left out."""
    rows = [_row(row, [line for line in found.lines if line.row == row["key"]]) for row in wanted["row"]]
    return Table(
        wanted["key"],
        wanted["title"],
        [row for row in rows if row.lines or row.seed_usd is not None],
        wanted["seed_total_usd"],
        wanted.get("seed_hour_usd"),
    )


def _row(wanted: Mapping[str, Any], lines: list[Line]) -> Row:
    usd = sum(line.month_total_usd for line in lines)
    planned = wanted.get("seed_usd")
    ranges = [line.range_usd for line in lines]
    return Row(
        key=wanted["key"],
        name=wanted["name"],
        basis=basis(lines),
        usd=usd,
        least_usd=sum(low for low, _ in ranges),
        most_usd=sum(high for _, high in ranges),
        seed_usd=planned,
        reason=_reason(planned, usd, wanted["counts"], lines),
        lines=lines,
    )


def _reason(planned: float | None, usd: float, counts: str, lines: list[Line]) -> str:
    if planned is None:
        return counts
    if abs(usd - planned) < SAME_USD:
        return "as the seed"
    return f"the seed counts {counts}" if lines else f"not deployed; the seed counts {counts}"


def basis(lines: list[Line]) -> str:
    """What is paid for, the dearest first: "4 × t3.medium node (4–8) $151.84; …"."""
    parts: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        parts.setdefault((line.label, line.unit), []).append(line)
    texts = sorted(
        (
            (sum(one.month_total_usd for one in group), _part(label, unit, group))
            for (label, unit), group in parts.items()
        ),
        key=lambda pair: -pair[0],
    )
    shown = [f"{text} ${usd:,.2f}" for usd, text in texts[:SHOWN_PARTS]]
    rest = texts[SHOWN_PARTS:]
    if rest:
        shown.append(f"{len(rest)} more ${sum(usd for usd, _ in rest):,.2f}")
    return "; ".join(shown)


def _part(label: str, unit: str, group: list[Line]) -> str:
    quantity = sum(line.quantity for line in group)
    least = sum(line.quantity if line.least is None else line.least for line in group)
    most = sum(line.quantity if line.most is None else line.most for line in group)
    span = f" ({amount(least)}–{amount(most)})" if (least, most) != (quantity, quantity) else ""
    return counted(quantity, unit, label) + span
