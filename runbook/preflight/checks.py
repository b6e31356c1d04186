"""The list of checks: all of them for `planb preflight`, the quick and decisive ones as a failover's first look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from runbook.engine import Engine
from runbook.preflight import aws, azure, data, edge, images, state
from runbook.preflight.look import PREVIEW_S, Look
from runbook.preflight.model import Asked, Check, Report, run
from runbook.sites import Sites

STATE_S = 60.0
"""The engine's questions come one after the other."""
PLANNED_S = float(PREVIEW_S) + STATE_S
FIRST_LOOK_S = 10.0


def everything(look: Look, *, read_all: bool = True) -> list[Check]:
    """Every check there is."""
    p = partial
    return [
        Check("state", "here", "where the state is", p(state.backend, look), STATE_S, vital=True),
        Check("secrets", "here", "state and passphrase", p(state.secrets, look), STATE_S, vital=True),
        Check("program", "here", "what would be built", p(state.program, look), PLANNED_S, vital=True),
        Check("pending", "here", "interrupted updates", p(state.pending, look), STATE_S),
        Check("runs", "azure", "interrupted runs", p(state.unfinished, look), STATE_S),
        Check("azure-identity", "azure", "credentials", p(azure.identity, look), STATE_S, vital=True),
        Check("storage", "azure", "journal and backups", p(data.storage, look), STATE_S, vital=True),
        Check("providers", "azure", "resource providers", p(azure.providers, look), PLANNED_S),
        Check("kubernetes", "azure", "version creatable", p(azure.kubernetes, look), PLANNED_S),
        Check("mysql", "azure", "version and size creatable", p(azure.mysql, look), PLANNED_S),
        Check("cores", "azure", "node sizes and quota", p(azure.sizes, look), PLANNED_S),
        Check("addresses", "azure", "public address quota", p(azure.addresses, look), PLANNED_S),
        Check("names", "azure", "names free", p(azure.names, look), PLANNED_S),
        Check("images", "azure", "images pullable", p(images.images, look), PLANNED_S),
        Check(
            "backup",
            "azure",
            "newest backup",
            p(data.newest, look, read_all=read_all),
            PLANNED_S if read_all else STATE_S,
            vital=True,
        ),
        Check("schema", "azure", "backup fits the standby", p(data.portable, look), PLANNED_S),
        Check("edge", "edge", "the switch", p(edge.switch, look), STATE_S, vital=True),
        Check("agreement", "edge", "edge and active site", p(edge.agreement, look), STATE_S),
        Check("certificates", "edge", "expiry", p(edge.certificates, look), STATE_S),
        Check("clock", "here", "skew", p(edge.clock, look), STATE_S),
        Check("aws-identity", "aws", "credentials", p(aws.identity, look), STATE_S),
        Check("aws-kubernetes", "aws", "version supported", p(aws.kubernetes, look), STATE_S),
        Check("aws-mysql", "aws", "version supported", p(aws.mysql, look), STATE_S),
    ]


FIRST = (
    "azure-identity",
    "storage",
    "providers",
    "kubernetes",
    "mysql",
    "cores",
    "addresses",
    "names",
    "edge",
    "clock",
)
"""What makes a failover impossible and would show only after minutes of building."""


def preflight(
    engine: Engine, *, read_all: bool = True, on_done: Callable[[Asked], None] | None = None
) -> Report:
    """The whole look."""
    return run(everything(Look(engine), read_all=read_all), on_done)


def first_look(site: Sites) -> Report:
    """What a failover asks before it touches anything: nothing of AWS's region, and no longer than FIRST_LOOK_S."""
    checks = {check.name: check for check in everything(Look(site.engine, site), read_all=False)}
    chosen = (checks[name] for name in FIRST)
    return run([replace(check, limit_s=min(check.limit_s, FIRST_LOOK_S)) for check in chosen])
