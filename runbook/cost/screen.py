"""The tables of `planb cost` on a screen, or plain in a pipe."""

from __future__ import annotations

import os
import sys

from rich import box
from rich.console import Console, Group
from rich.table import Table as Grid
from rich.text import Text

from runbook.cost.report import STANDBY_BUDGET_USD, Report, Site, Table
from runbook.cost.snapshot import STALE_DAYS

PIPE_WIDTH = 120


def console() -> Console:
    """As wide as the terminal; a pipe has no width of its own."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(width=int(os.environ.get("COLUMNS") or PIPE_WIDTH), highlight=False)


def draw(report: Report, *, details: bool = False) -> Group:
    """One table a site, then what to know about the figures."""
    parts: list[Text | Grid] = []
    for site in report.sites:
        parts += _site(site, details)
    parts += [Text(line, style=style) for line, style in _closing(report)]
    return Group(*parts)


def _site(site: Site, details: bool) -> list[Text | Grid]:
    if not site.tables:
        return [Text(f"Stack {site.stack} is not deployed: nothing to price.\n", style="yellow")]
    drawn: list[Text | Grid] = []
    for table in site.tables:
        drawn.append(_table(table, site.stack))
        if details:
            drawn.append(_lines(table))
    for item in site.unpriced:
        drawn.append(Text(f"NOT PRICED  {item.kind} {item.resource}: {item.why}", style="bold red"))
    drawn += [Text(f"Note: {note}", style="yellow") for note in site.notes]
    drawn.append(Text(""))
    return drawn


def _money(usd: float) -> str:
    return f"{usd:,.2f}"


def _table(table: Table, stack: str) -> Grid:
    grid = Grid(
        title=f"{table.title} · stack {stack}",
        title_justify="left",
        title_style="bold",
        show_footer=True,
        show_lines=True,
        box=box.HORIZONTALS,
        expand=True,
        pad_edge=False,
    )
    seed = f"{table.seed_usd:,.0f}"
    difference = f"{table.usd - table.seed_usd:+,.2f}"
    grid.add_column("Row", "Total", ratio=18, overflow="fold")
    grid.add_column("What is paid for", _footer(table), ratio=40, overflow="fold")
    grid.add_column("Ours $", _money(table.usd), justify="right", no_wrap=True)
    grid.add_column("Seed $", seed, justify="right", no_wrap=True)
    grid.add_column("Diff $", difference, justify="right", no_wrap=True)
    grid.add_column("Why", ratio=34, overflow="fold")
    for row in table.rows:
        style = "yellow" if row.key == "extended" else ""
        grid.add_row(
            row.name,
            row.basis or "nothing",
            _money(row.usd),
            "–" if row.seed_usd is None else f"{row.seed_usd:,.0f}",
            f"{row.difference_usd:+,.2f}",
            row.reason,
            style=style,
        )
    return grid


def _footer(table: Table) -> str:
    low, high = table.range_usd
    parts: list[str] = []
    if table.key == "activated":
        parts.append(f"${table.hour_usd:.2f} an hour (seed ${table.seed_hour_usd:.2f})")
    if high - low > 0.005:
        parts.append(f"autoscaling: ${low:,.0f} to ${high:,.0f}")
    return "; ".join(parts)


def _lines(table: Table) -> Grid:
    grid = Grid(box=None, expand=True, pad_edge=False, header_style="dim")
    grid.add_column("Resource", ratio=30, overflow="fold", style="dim")
    grid.add_column("Charge", ratio=60, overflow="fold", style="dim")
    grid.add_column("A month $", justify="right", no_wrap=True, style="dim")
    for row in table.rows:
        for line in row.lines:
            grid.add_row(line.resource, line.basis, f"{line.month_total_usd:,.4f}")
    return grid


def _closing(report: Report) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    if report.extended_usd:
        text = f"MySQL 8.4 instead of 8.0 would save ${report.extended_usd:,.2f} a month of RDS Extended Support."
        said.append((text, "bold yellow"))
    standby = report.standby_month_usd
    if standby is not None:
        kept = standby <= STANDBY_BUDGET_USD
        verdict = "within" if kept else "OVER"
        said.append(
            (
                f"Standby: ${standby:.2f} a month, {verdict} its ${STANDBY_BUDGET_USD:.0f} (R18).",
                "green" if kept else "bold red",
            )
        )
        hour = report.activated_hour_usd
        said.append(
            (
                f"An activated hour: ${hour:.2f}."
                if hour is not None
                else "An activated hour: priced once tier emergency or full is deployed (planb drill prices one too).",
                "",
            )
        )
    prices = report.prices
    memory = sum(1 for price in prices.prices if price.from_memory)
    said.append(
        (
            f"Prices: list, USD, without tax, support plan and free tiers; snapshot of {prices.date}"
            f" ({len(prices.prices)} prices, {memory} of them from memory). Usage as assumed: docs/cost.md.",
            "dim",
        )
    )
    if report.stale:
        text = f"The snapshot is {report.age_days} days old (over {STALE_DAYS}): planb cost --refresh"
        said.append((text, "bold yellow"))
    if not report.complete:
        count = sum(len(site.unpriced) for site in report.sites)
        said.append((f"{count} resource(s) are not priced: the sums leave them out.", "bold red"))
    return said
