"""Azure Korea Central: how the parts of the standby are wired. Which of them a tier has, stacks/tiers.py says.

Depends on nothing in AWS.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azure_native as azure
from pulumi_azure_native import authorization, resources
from pulumi_random import RandomPassword

from components.azure.cluster import Cluster, ClusterArgs
from components.azure.database import Database, DatabaseArgs
from components.azure.gateway import Gateway, GatewayArgs
from components.azure.network import Network, NetworkArgs
from components.azure.restore_job import JobIdentity, JobIdentityArgs, RestoreJob, RestoreJobArgs
from components.azure.storage import Storage, StorageArgs
from components.workload import Workload, WorkloadArgs
from stacks import tiers
from stacks.settings import NONE, Settings, Tier

ROOT = Path(__file__).parent.parent
DATABASE = "petclinic"
APP_USER = "planb_app"
WEB_ADDRESS = "172.16.11.200"  # workload/overlays/azure asks for the same
OUTPUTS = ("databaseHost", "databaseName", "restoreGroup", "restoreRun", "gatewayHost", "clusterName")
FOLLOW = "follow"
"""What the feeder does, and its run's name."""


def deploy(settings: Settings) -> None:
    """Creates what the tier has and exports what the runbook needs; outputs that a tier lacks are null."""
    standby = Standby(settings)
    for part in tiers.parts(settings.tier):
        getattr(standby, part.key)
    for name, value in standby.outputs().items():
        pulumi.export(name, value)


class Standby:
    """The parts; each is made when it is first asked for, and asks for those that it needs."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.location = pulumi.Config("azure-native").get("location") or "koreacentral"
        self.tags = {"project": settings.project, "stack": pulumi.get_stack(), "managed-by": "pulumi"}
        provider = azure.Provider("azure", location=self.location)
        self.opts = pulumi.ResourceOptions(provider=provider)
        self.client = authorization.get_client_config_output(
            opts=pulumi.InvokeOutputOptions(provider=provider)
        )

    # -- always --

    @cached_property
    def group(self) -> resources.ResourceGroup:
        return resources.ResourceGroup(
            "group",
            resource_group_name=f"rg-{self.settings.project}",
            location=self.location,
            tags=self.tags,
            opts=self.opts,
        )

    @cached_property
    def _common(self) -> dict[str, Any]:
        """What every component of ours takes."""
        return {
            "project": self.settings.project,
            "resource_group": self.group.name,
            "location": self.location,
            "tags": self.tags,
        }

    @cached_property
    def network(self) -> Network:
        return Network("network", NetworkArgs(**self._common), self.opts)

    @cached_property
    def storage(self) -> Storage:
        return Storage(
            "storage",
            StorageArgs(
                account=self.settings.storageAccount,
                resource_group=self.group.name,
                location=self.location,
                retention_days=self.settings.backupRetentionDays,
                site=ROOT / "site",
                protect=self.settings.protectData,
                tags=self.tags,
            ),
            self.opts,
        )

    @cached_property
    def job_identity(self) -> JobIdentity:
        args = JobIdentityArgs(
            subscription_id=self.client.subscription_id,
            container_id=self.storage.container_id,
            **self._common,
        )
        return JobIdentity("restore", args, self.opts)

    # -- the database and what fills it --

    @cached_property
    def app_password(self) -> pulumi.Output[str]:
        return RandomPassword("app", length=32, override_special="_-+=.").result

    @cached_property
    def database(self) -> Database:
        args = DatabaseArgs(
            version=self.settings.mysqlVersion,
            high_availability=self.settings.databaseHa,
            subnet_id=self.network.subnet_ids["snet-db"],
            vnet_id=self.network.vnet_id,
            database=DATABASE,
            **self._common,
        )
        return Database("database", args, self.opts)

    @cached_property
    def restore_job(self) -> RestoreJob | None:
        """The job that the runbook asks for, if it does."""
        job = self.settings.restoreJob
        return None if job == NONE else self._job(job, self.settings.restoreRun, self.settings.restoreBackup)

    @cached_property
    def feeder(self) -> RestoreJob:
        """Follows AWS until the runbook asks for a job, which takes its place: one writer at any time."""
        return self.restore_job or self._job(FOLLOW, FOLLOW, NONE)

    def _job(self, kind: str, run: str, backup: str) -> RestoreJob:
        args = RestoreJobArgs(
            image=self.settings.agentImage,
            kind=kind,
            run=run,
            backup=backup,
            subnet_id=self.network.subnet_ids["snet-restore"],
            identity=self.job_identity,
            container_url=self.storage.container_url,
            database_host=self.database.host,
            database_name=DATABASE,
            admin_user=Database.ADMIN,
            admin_password=self.database.password,
            app_user=APP_USER,
            app_password=self.app_password,
            after=self.database.ready,
            **self._common,
        )
        return RestoreJob("restore-job", args, self.opts)

    # -- the service --

    @cached_property
    def gateway(self) -> Gateway:
        args = GatewayArgs(
            subscription_id=self.client.subscription_id,
            subnet_id=self.network.subnet_ids["snet-appgw"],
            backend_ip=WEB_ADDRESS,
            **self._common,
        )
        return Gateway("gateway", args, self.opts)

    @cached_property
    def cluster(self) -> Cluster:
        args = ClusterArgs(
            version=self.settings.kubernetesVersion,
            subscription_id=self.client.subscription_id,
            web_subnet_id=self.network.subnet_ids["snet-web"],
            was_subnet_id=self.network.subnet_ids["snet-was"],
            vnet_id=self.network.vnet_id,
            node_min=tiers.node_min(self.settings),
            node_max=self.settings.nodeMax,
            **self._common,
        )
        return Cluster("cluster", args, self.opts)

    @cached_property
    def workload(self) -> Workload:
        return Workload(
            "workload",
            WorkloadArgs(
                kubeconfig=self.cluster.kubeconfig,
                overlay=str(ROOT / "workload" / "overlays" / "azure"),
                database_host=self.database.host,
                database_name=DATABASE,
                database_user=APP_USER,
                database_password=self.app_password,
                # The runbook waits for the service itself; pods start while the restore still runs.
                await_ready=False,
                after=self.cluster.nodes,
            ),
        )

    # -- what others read --

    def outputs(self) -> dict[str, pulumi.Input[str] | None]:
        tier = self.settings.tier
        found: dict[str, pulumi.Input[str] | None] = {
            "tier": tier.value,
            "location": self.location,
            "resourceGroup": self.group.name,
            "storageAccount": self.storage.account_name,
            "backupContainerUrl": self.storage.container_url,
            "staticSiteUrl": self.storage.site_url,
            "staticSiteHost": self.storage.site_host,
            **dict.fromkeys(OUTPUTS),
        }
        if tier.has(Tier.EMERGENCY):
            found |= {"databaseHost": self.database.host, "databaseName": DATABASE}
            if self.restore_job:
                run = self.settings.restoreRun
                found |= {"restoreGroup": self.restore_job.group_name, "restoreRun": run}
        if tier.has(Tier.FULL):
            found |= {"gatewayHost": self.gateway.host, "clusterName": self.cluster.name}
        return found
