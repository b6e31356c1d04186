"""The tiers with the real engine: up and down on one site, and what is always there stays as it is throughout."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise, permutations
from typing import Any

import pytest

from runbook.cost import snapshot, walk
from runbook.cost.usage import Usage
from stacks.settings import Tier
from tests.engine.conftest import Site, resources

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]
GROUPS = {
    f"{who}Group": f"00000000-0000-4000-8000-0000000d000{number}"
    for number, who in enumerate(("owner", "aksOperator", "mysqlAdmin", "backupReader"), 1)
}
AWS = {
    "awsIssuer": "https://0a1b2c3d-0000-4000-8000-000000000000.tokens.sts.global.api.aws",
    "awsAccountId": "123456789012",
}
LIGHT, EMERGENCY, FULL, WARM = Tier
# From each to each other, once: a circuit over all pairs.
WALK = [LIGHT, EMERGENCY, FULL, WARM, FULL, EMERGENCY, WARM, EMERGENCY, LIGHT, FULL, LIGHT, WARM, LIGHT]


def test_the_walk_leaves_no_pair_out() -> None:
    assert sorted(pairwise(WALK)) == sorted(permutations(Tier, 2))


def up(site: Site, tier: Tier) -> list[dict[str, Any]]:
    """The steps of the update, as the engine tells them."""
    site.must("pulumi", "config", "set", "planb:tier", tier.value, "-s", "dr")
    said = site.must("pulumi", "up", "-s", "dr", "--yes", "--skip-preview", "--json")
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [e["resOutputsEvent"]["metadata"] for e in events if "resOutputsEvent" in e]


def keys(site: Site) -> set[tuple[str, str]]:
    return {(r["type"], r["urn"].rsplit("::", 1)[-1]) for r in resources(site, "dr")}


def test_a_walk_over_the_tiers(site: Site) -> None:
    for key, value in {**GROUPS, **AWS, "alarmEmail": "oncall@example.com"}.items():
        site.must("pulumi", "config", "set", f"planb:{key}", value, "-s", "dr")
    seen: dict[Tier, set[tuple[str, str]]] = {}
    light: dict[str, dict[str, Any]] = {}
    for tier in WALK:
        steps = up(site, tier)
        touched = {s["urn"]: s["op"] for s in steps if s["op"] not in ("same", "read")}
        if not light:
            light = {r["urn"]: r for r in resources(site, "dr") if not r["type"].startswith("pulumi:")}
            assert len(light) > 40
        else:
            assert touched and not touched.keys() & light.keys(), f"{tier} changed the pilot light"
            assert not any("replace" in op for op in touched.values())
        now = keys(site)
        assert seen.setdefault(tier, now) == now, f"{tier} is another than before"
        for other, there in seen.items():
            assert (there <= now) or (now <= there), f"{tier} against {other}"
        after = {
            r["urn"]: (r["id"], r["created"])
            for r in resources(site, "dr")
            if r["urn"] in light and r.get("id")
        }
        assert after == {urn: (r["id"], r["created"]) for urn, r in light.items() if r.get("id")}
    assert seen[LIGHT] < seen[EMERGENCY] < seen[FULL] < seen[WARM]


def test_everything_is_priced_and_the_pilot_light_is_cheap(site: Site) -> None:
    """Runs after the walk, on the pilot light that it left."""
    prices = snapshot.load([snapshot.PACKAGED])
    found = walk.sheet(resources(site, "dr"), prices, Usage(), date(2026, 11, 25))
    assert found.unpriced == []
    assert 1 < found.month_usd() <= 10


def test_it_goes_as_it_came(site: Site) -> None:
    site.must("pulumi", "destroy", "-s", "dr", "--yes", "--skip-preview")
    assert site.found.call("GET", "/status")["resources"] == 0
