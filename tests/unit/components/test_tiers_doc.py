"""docs/tiers.md says what the program does now."""

from __future__ import annotations

from tests import tiers_doc


def test_the_page_is_current() -> None:
    assert tiers_doc.PAGE.read_text(encoding="utf-8") == tiers_doc.page(), "run `make docs`"


def test_the_longest_chain_decides() -> None:
    """The full tier waits for the cluster and its pool; the gateway, though slow, is built beside them."""
    light, full = (tiers_doc.program(tier) for tier in (tiers_doc.Tier.PILOT_LIGHT, tiers_doc.Tier.FULL))
    took = tiers_doc.takes(full, light, "typical")
    single = {item.name: tiers_doc.duration(item, "typical") for item in full.made}
    assert took >= single["cluster-aks"] + single["cluster-was"] > single["gateway-gateway"] > 300
    assert took < sum(single.values()) / 2
