"""`planb cost` on what the real engine has deployed."""

from __future__ import annotations

import json

import pytest

from tests.engine.conftest import Site

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


def test_both_stacks_are_priced_to_the_last_resource(deployed: Site) -> None:
    found = json.loads(deployed.must("planb", "cost", "--json"))
    assert found["complete"] and [site["unpriced"] for site in found["sites"]] == [[], []]
    prod, dr = found["sites"]
    rows = {row["key"]: row for row in prod["tables"][0]["rows"]}
    assert {key for key, row in rows.items() if row["seed_usd"] is not None and not row["lines"]} == set()
    assert rows["eks"]["month_usd"] == pytest.approx(73)
    assert rows["nodes"]["month_usd"] == pytest.approx(4 * 0.052 * 730)
    assert rows["extended"]["month_usd"] == pytest.approx(350.4), "MySQL 8.0 as the seed has it"
    assert [table["key"] for table in dr["tables"]] == ["standby"], "a pilot light"
    assert found["standby_within_budget"] is True and found["activated_hour_usd"] is None
    # Production's own output says how often it backs up; the standby's policy says how long they are kept.
    standby = {row["key"]: row for row in dr["tables"][0]["rows"]}
    assert standby["watch"]["month_usd"] == pytest.approx(1.5)
    kept = next(line for line in standby["storage"]["lines"] if line["label"].startswith("Blob for"))
    assert kept["label"] == f"Blob for {(30 + 7) * 288:,} backups"


def test_the_tables_in_a_pipe(deployed: Site) -> None:
    said = deployed.must("planb", "cost", "--details")
    assert "stack prod" in said and "stack dr" in said and "\x1b" not in said
    assert "would save $350.40 a month" in said
