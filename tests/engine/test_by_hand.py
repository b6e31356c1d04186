"""What the README lets a newcomer type: rows in the database, a region that goes dark and comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook import probes
from tests.engine.conftest import Site

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


def test_rows_and_an_outage_by_hand(deployed: Site) -> None:
    where = ("--dir", str(deployed.found.directory))
    assert serves(deployed) is False, "an application without its tables is not up"
    assert "5,000 rows" in deployed.must("planb", "sim", "load", *where)
    again = deployed.run("planb", "sim", "load", *where)
    assert again.returncode == 3 and "has tables already" in again.stderr
    assert probes.wait_until(lambda: serves(deployed), timeout_s=30)
    assert "ap-northeast-2 is dark" in deployed.must("planb", "sim", "fail", *where)
    assert "dark: ap-northeast-2" in deployed.must("planb", "sim", "status", *where)
    assert serves(deployed) is False
    assert "faults ended: 1" in deployed.must("planb", "sim", "heal", *where)
    assert "dark" not in deployed.must("planb", "sim", "status", *where)
    assert probes.wait_until(lambda: serves(deployed), timeout_s=30)


def serves(site: Site) -> bool:
    facts: dict[str, Any] = json.loads(site.must("planb", "status", "--json"))
    return bool(facts["aws"]["serves"])
