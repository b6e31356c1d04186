"""docs/tiers.md, made from stacks/tiers.py, the program and the modelled times: `make docs` writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simcloud import catalog, latency
from simcloud.kinds import KINDS
from stacks import dr, tiers
from stacks.settings import Settings, Tier
from tests.unit.components.conftest import Made, Recorded, record

assert catalog  # importing registers the kinds
PAGE = Path(__file__).parents[1] / "docs" / "tiers.md"
HEAD = """# Tiers

<!-- Made by `make docs` from stacks/tiers.py, the program and simcloud/latency.py: do not edit. -->

`planb:tier` of the stack `dr` says how much of the standby there is; each tier has all of the one before. Going up
creates in parallel, coming down deletes in the order of the dependencies; what is always there (backups, state,
maintenance page) is neither replaced nor changed on the way. The runbook sets the tier: `planb failover` to `full` (or
`--to emergency`), `planb failback` back to the pilot light.
"""
FOOT = """
Times are the clouds' modelled ones along the longest chain of dependencies, typical and slow, without the restore's
own work on data. A failover builds `emergency` and `full` in one go.

Warm standby has everything running but small, and its database holds the newest base backup: the feeder loads each new
one, so the data is as old as `planb:backupInterval` and a load. It does not yet replay the binlog between two bases.
The runbook's job takes the feeder's place in the same update that raises the pools' minimum.
"""


def program(tier: Tier) -> Recorded:
    """What the program makes at this tier, with its default settings."""
    settings = Settings(site="dr", tier=tier)
    return record(lambda: dr.deploy(settings))


def duration(made: Made, profile: latency.Profile) -> float:
    kind = KINDS.get(made.type)
    return latency.modelled_s(kind.latency_of(made.inputs), profile) if kind else 0.0


def takes(target: Recorded, there: Recorded | None, profile: latency.Profile) -> float:
    """Seconds along the longest chain of what is not there yet."""
    known = there.keys() if there else set[tuple[str, str]]()
    ends: dict[str, float] = {}
    for item in target.made:  # a dependency is registered before what depends on it
        begin = max((ends.get(urn, 0.0) for urn in item.after), default=0.0)
        ends[item.urn] = begin + (0.0 if (item.type, item.name) in known else duration(item, profile))
    return max(ends.values())


def minutes(seconds: float) -> str:
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


def page() -> str:
    recorded = {tier: program(tier) for tier in Tier}
    light = recorded[Tier.PILOT_LIGHT]

    def line(title: str, role: str, cell: Callable[[Tier], str]) -> str:
        return f"| {title} | {role} | " + " | ".join(cell(tier) for tier in Tier) + " |"

    def built(tier: Tier) -> str:
        there = None if tier is Tier.PILOT_LIGHT else light
        return " – ".join(minutes(takes(recorded[tier], there, way)) for way in ("typical", "slow"))

    def nodes(tier: Tier) -> str:
        (pool,) = recorded[tier].all("AgentPool") or [None]
        return f"{pool['minCount']:.0f}–{pool['maxCount']:.0f}" if pool else "–"

    def counted(tier: Tier) -> str:
        return str(sum(item.custom and item.package == "azure-native" for item in recorded[tier].made))

    rows = [line("", "", lambda tier: f"`{tier.value}`"), "|---|---|" + ":-:|" * len(Tier)]
    rows.append(line("When", "", lambda tier: tiers.STAGES[tier].when))
    for stage, added in tiers.STAGES.items():
        for part in added.parts:

            def has(tier: Tier, stage: Tier = stage) -> str:
                return "●" if tier.has(stage) else ""

            rows.append(line(part.what, part.role, has))
    rows.append(line("Nodes of a pool", "the autoscaler's range", nodes))
    rows.append(line("Azure resources", "", counted))
    rows.append(line("Takes (min:s)", "the pilot light from nothing, the others from it", built))
    return "\n".join((HEAD, *rows, FOOT))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
