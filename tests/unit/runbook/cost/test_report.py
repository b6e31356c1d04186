"""The seed's tables beside ours: its figures as it wrote them, a reason for every difference, the verdicts."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from runbook.cost import report, screen
from runbook.cost.report import Report
from runbook.cost.snapshot import Snapshot
from runbook.cost.usage import Usage

from .conftest import ON, PRICES, SEOUL, made
from .test_walk import BACKUPS, DATABASE, TEMPLATE, ZOO

SEED = json.loads((Path(__file__).parents[3] / "data" / "seed_costs.json").read_text(encoding="utf-8"))
STACK = {**made("pulumi:pulumi:Stack", "planb-prod"), "custom": False, "outputs": {}}
PROD = [
    {**STACK, "outputs": {"backupInterval": 300}},
    TEMPLATE,
    *(one for one in ZOO if one["type"].startswith("aws:")),
]
STANDBY = [STACK, BACKUPS]
ACTIVE = [STACK, *(one for one in ZOO if one["type"].startswith("azure-native:"))]


def make(prices: Snapshot = PRICES, on: date = ON, **stacks: list[dict[str, Any]]) -> Report:
    return report.make(stacks, prices, Usage(), on)


def text(made_: Report, width: int = 120, *, details: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(screen.draw(made_, details=details))
    return out.getvalue()


@pytest.mark.parametrize("key", ["aws", "standby", "activated"])
def test_the_seeds_tables_are_the_seeds(key: str) -> None:
    ours = next(table for table in report.seed() if table["key"] == key)
    rows = {row["key"]: row["seed_usd"] for row in ours["row"] if "seed_usd" in row}
    assert rows == SEED[key]["rows"]
    assert ours["seed_total_usd"] == SEED[key]["total"] == sum(rows.values())
    assert ours.get("seed_hour_usd") == SEED[key].get("hour")
    hours = {row["key"]: row["seed_hour_usd"] for row in ours["row"] if "seed_hour_usd" in row}
    assert hours == SEED[key].get("hours", {})


def test_a_row_belongs_to_one_table() -> None:
    keys = [row["key"] for table in report.seed() for row in table["row"]]
    assert len(keys) == len(set(keys))


def test_every_charge_has_a_row() -> None:
    """A line whose row no table has would be missing from the sums."""
    found = make(prod=PROD, dr=ACTIVE)
    from runbook.cost import walk

    for name, entries in (("prod", PROD), ("dr", ACTIVE)):
        all_of_it = walk.sheet(entries, PRICES, Usage(), ON, {"backupInterval": 300}).month_usd()
        site = next(site for site in found.sites if site.stack == name)
        assert sum(table.usd for table in site.tables) == pytest.approx(all_of_it)


def test_rows_that_pricers_name_are_rows_of_the_tables() -> None:
    import ast

    from runbook.cost import walk

    known = {row["key"] for table in report.seed() for row in table["row"]}
    named = {
        call.args[1].value
        for path in walk.HERE.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "line"
        and isinstance(call.args[1], ast.Constant)
    }
    assert len(named) > 10 and named <= known


def test_every_difference_has_its_reason() -> None:
    for site in make(prod=PROD, dr=ACTIVE).sites:
        for table in site.tables:
            for row in table.rows:
                assert row.reason, row.key
                assert (row.reason == "as the seed") == (
                    row.seed_usd is not None and abs(row.difference_usd) < 0.5
                )


def test_a_row_that_is_not_deployed_says_so() -> None:
    table = make(prod=[TEMPLATE, DATABASE]).sites[0].tables[0]
    nat = next(row for row in table.rows if row.key == "nat")
    assert nat.usd == 0 and nat.reason.startswith("not deployed; the seed counts")


def test_extended_support_is_a_row_and_what_84_would_save() -> None:
    found = make(prod=PROD, dr=STANDBY)
    row = next(row for row in found.sites[0].tables[0].rows if row.key == "extended")
    assert row.usd == pytest.approx(350.4) and row.seed_usd is None
    assert "MySQL 8.4 instead of 8.0 would save $350.40 a month" in text(found)
    newer = {**DATABASE, "outputs": {**DATABASE["outputs"], "engineVersion": "8.4"}}
    assert "would save" not in text(make(prod=[newer]))
    clusters = make(prod=[made("aws:eks/cluster:Cluster", version="1.35")], on=date(2027, 6, 1))
    assert clusters.extended_usd == 0, "8.4 saves nothing of EKS"


def test_the_standbys_verdict() -> None:
    kept = make(prod=PROD, dr=STANDBY)
    assert kept.standby_month_usd is not None and kept.standby_month_usd < 10
    assert "within its $10 (R18)" in text(kept) and kept.json()["standby_within_budget"] is True
    often = [{**STACK, "outputs": {"backupInterval": 5}}]
    over = make(prod=[*often, TEMPLATE], dr=STANDBY)
    assert "OVER its $10" in text(over) and over.json()["standby_within_budget"] is False
    assert make(prod=PROD).standby_month_usd is None


def test_an_activated_hour_is_of_what_the_standby_does_not_have() -> None:
    assert make(dr=STANDBY).activated_hour_usd is None
    active = make(dr=ACTIVE)
    table = active.sites[0].table("activated")
    assert table is not None and table.hour_usd == pytest.approx(table.usd / 730) == active.activated_hour_usd
    assert active.standby_month_usd == make(dr=STANDBY).standby_month_usd
    assert f"${table.hour_usd:.2f} an hour (seed $0.28)" in text(active)


def test_a_warm_standby_is_paid_all_the_time() -> None:
    warm = [{**STACK, "outputs": {"tier": "warm-standby"}}, *ACTIVE[1:]]
    found = make(dr=warm)
    assert found.standby_month_usd == pytest.approx(sum(table.usd for table in found.sites[0].tables))
    assert found.json()["standby_within_budget"] is False and make(dr=ACTIVE).json()["standby_within_budget"]


def test_autoscaling_is_shown_as_a_range() -> None:
    table = make(prod=PROD).sites[0].tables[0]
    nodes = next(row for row in table.rows if row.key == "nodes")
    assert "2 × t3.medium node (2–4)" in nodes.basis
    low, high = table.range_usd
    assert high - low == pytest.approx(2 * 0.052 * 730 + 2 * 20 * PRICES.price("ebs.gp3", SEOUL).usd)


def test_what_is_not_priced_is_told_and_the_report_is_not_complete() -> None:
    found = make(prod=[*PROD, made("aws:kinesis/stream:Stream", "events")])
    assert not found.complete and found.json()["complete"] is False
    said = text(found)
    assert "NOT PRICED  aws:kinesis/stream:Stream events" in said and "1 resource(s) are not priced" in said


def test_a_stack_that_is_not_there() -> None:
    found = make(prod=PROD, dr=[])
    assert found.complete and "Stack dr is not deployed" in text(found)
    assert found.json()["sites"][1]["deployed"] is False


@pytest.mark.parametrize(("days", "warns"), [(90, False), (91, True)])
def test_an_old_snapshot_warns(days: int, warns: bool) -> None:
    found = make(on=PRICES.date + timedelta(days=days), prod=PROD)
    assert (f"{days} days old" in text(found)) is warns and found.json()["prices"]["stale"] is warns


@pytest.mark.parametrize("width", [100, 160])
def test_the_table_fits_and_loses_nothing(width: int) -> None:
    said = text(make(prod=PROD, dr=ACTIVE), width, details=True)
    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said and "350.40" in said and "+350.40" in said
    assert "\x1b" not in said, "plain where there is no terminal"


def test_json_adds_up() -> None:
    found = make(prod=PROD, dr=ACTIVE).json()
    json.dumps(found, default=str)
    for site in found["sites"]:
        for table in site["tables"]:
            total = sum(line["month_total_usd"] for row in table["rows"] for line in row["lines"])
            assert table["month_usd"] == pytest.approx(total, abs=0.01)
            for row in table["rows"]:
                expected = row["month_usd"] - (row["seed_usd"] or 0)
                assert row["difference_usd"] == pytest.approx(expected, abs=0.001)


def test_the_drills_cost_is_the_same_reckoning() -> None:
    """The standby by the month, what activation adds by the hour, and nothing left out silently."""
    from runbook.drill import assemble

    cost = assemble.money(STANDBY, ACTIVE, None, 300, 30)
    by_hand = report.make({"dr": ACTIVE}, PRICES, Usage(backup_mb=0, retention_days=30), date.today())
    assert cost.standby_month_usd == pytest.approx(by_hand.standby_month_usd, abs=0.01)
    assert cost.activated_hour_usd == pytest.approx(by_hand.activated_hour_usd, abs=0.001)
    assert cost.unpriced == [] and cost.prices_of == PRICES.date.isoformat()
    new = assemble.money(STANDBY, [*ACTIVE, made("azure-native:web:WebApp", "site")], None, 300, 30)
    assert new.unpriced == ["azure-native:web:WebApp site: neither priced nor known to be free"]
