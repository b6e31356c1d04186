"""What the standby has, tier by tier: the tables of the seed's section 4.2, and warm standby (its 10.3) after them.

A part is there from its tier on, so that each tier is a superset of the one before. stacks/standby.py wires the parts;
docs/tiers.md is made from this table and the program (`make docs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks.settings import Settings, Tier


@dataclass(frozen=True)
class Part:
    """`key` is the part's name in `stacks.standby.Standby`."""

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
            Part("storage", "Storage account, private", "takes AWS's backups, keeps Pulumi's state"),
            Part("page", "Storage account, static website", "the maintenance page, shown at once"),
            Part("roles", "Roles of our own", "Entra needs minutes to spread a new role"),
            Part("owner_grants", "Rights of the owners", "where a group is set"),
            Part("reader_grants", "Rights of those who read backups", "where a group is set"),
            Part(
                "backup_writer",
                "Identity of AWS's backup host",
                "adds backups without a key, deletes nothing",
            ),
            Part("job_identity", "Identity of the restore", "reads backups, writes its progress"),
            Part("watch", "Logs and an alarm", "nothing new from AWS for ten minutes"),
        ),
    ),
    Tier.EMERGENCY: Stage(
        "AWS has failed: the data first",
        (
            Part("database", "MySQL Flexible Server", "the database, private in the VNet"),
            Part("restore_job", "Container group", "restores the chosen backup, while a run asks for it"),
            Part("mysql_grants", "Rights of the database's administrators", "where a group is set"),
        ),
    ),
    Tier.FULL: Stage(
        "AWS has failed: the whole service",
        (
            Part("gateway", "Application Gateway v2, public IP", "takes the customers' traffic"),
            Part("cluster", "AKS, pools web and was", "runs the application"),
            Part("workload", "PetClinic", "the service itself"),
            Part("aks_grants", "Rights of the cluster's operators", "where a group is set"),
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
