"""What the standby has, tier by tier: the tables of the seed's section 4.2, and warm standby (its 10.3) after them.

A part is there from its tier on, so that each tier is a superset of the one before. `stacks/dr.py` wires the parts;
docs/tiers.md is made from this table and the program (`make docs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.settings import Settings, Tier


@dataclass(frozen=True)
class Part:
    """`key` is the part's name in `stacks.dr.Standby`."""

    key: str
    what: str
    role: str


@dataclass(frozen=True)
class Stage:
    """What a tier adds to the one before, and when it is deployed."""

    when: str
    parts: tuple[Part, ...]


STAGES: dict[Tier, Stage] = {
    Tier.PILOT_LIGHT: Stage(
        "always",
        (
            Part("group", "Resource group", "holds all of the standby"),
            Part("network", "VNet, subnets, security groups", "addresses reserved, ready to build into"),
            Part("storage", "Storage account", "takes AWS's backups, serves the maintenance page"),
            Part("job_identity", "Identity of the restore", "Entra needs minutes to spread a new role"),
        ),
    ),
    Tier.EMERGENCY: Stage(
        "AWS has failed: the data first",
        (
            Part("database", "MySQL Flexible Server", "the database, private in the VNet"),
            Part(
                "restore_job", "Container group", "restores the chosen backup; only while a run asks for it"
            ),
        ),
    ),
    Tier.FULL: Stage(
        "AWS has failed: the whole service",
        (
            Part("gateway", "Application Gateway v2, public IP", "takes the customers' traffic"),
            Part("cluster", "AKS, pools web and was", "runs the application"),
            Part("workload", "PetClinic", "the service itself"),
        ),
    ),
    Tier.WARM_STANDBY: Stage(
        "always, where minutes are too long",
        (Part("feeder", "Container group", "keeps the database at the newest backup"),),
    ),
}
WARM_NODES = 1
"""Nodes of a pool that nobody asks anything yet; the autoscaler, or a failover to `full`, makes more of them."""


def parts(tier: Tier) -> Iterator[Part]:
    """Everything that a tier has, in the table's order."""
    for stage, added in STAGES.items():
        if tier.has(stage):
            yield from added.parts


def node_min(settings: Settings) -> int:
    """Fewest nodes of a pool."""
    return WARM_NODES if settings.tier is Tier.WARM_STANDBY else settings.nodeMin
