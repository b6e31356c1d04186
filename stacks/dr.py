"""The stack `dr`: what its tier has (stacks/tiers.py), wired in stacks/standby.py, and what others read of it."""

from __future__ import annotations

import pulumi

from stacks import tiers
from stacks.settings import Settings, Tier
from stacks.standby import DATABASE, Standby

OUTPUTS = (
    "tenantId",
    "backupWriterClientId",
    "backupWriterTrusts",
    "databaseHost",
    "databaseName",
    "restoreGroup",
    "restoreRun",
    "gatewayHost",
    "clusterName",
)


def deploy(settings: Settings) -> None:
    """Creates what the tier has and exports what the runbook needs; outputs that a tier lacks are null."""
    standby = Standby(settings)
    for part in tiers.parts(settings.tier):
        getattr(standby, part.key)
    for name, value in outputs(standby).items():
        pulumi.export(name, value)


def outputs(standby: Standby) -> dict[str, pulumi.Input[str] | None]:
    """What runbook and production read."""
    tier = standby.settings.tier
    found: dict[str, pulumi.Input[str] | None] = {
        "tier": tier.value,
        "location": standby.location,
        "resourceGroup": standby.group.name,
        "storageAccount": standby.storage.account_name,
        "backupContainerUrl": standby.storage.container_url,
        "staticSiteUrl": standby.page.url,
        "staticSiteHost": standby.page.host,
        **dict.fromkeys(OUTPUTS),
    }
    if standby.backup_writer:
        found |= {
            "tenantId": standby.backup_writer.tenant_id,
            "backupWriterClientId": standby.backup_writer.client_id,
            "backupWriterTrusts": ", ".join(standby.backup_writer.subjects) or None,
        }
    if tier.has(Tier.EMERGENCY):
        found |= {"databaseHost": standby.database.host, "databaseName": DATABASE}
        if standby.restore_job:
            run = standby.settings.restoreRun
            found |= {"restoreGroup": standby.restore_job.group_name, "restoreRun": run}
    if tier.has(Tier.FULL):
        found |= {"gatewayHost": standby.gateway.host, "clusterName": standby.cluster.name}
    return found
