"""The parts of the standby in Azure Korea Central, each wired to those that it needs. Which there are, tiers.py says.

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

from components.azure.backup_writer import BackupWriter, BackupWriterArgs
from components.azure.cluster import Cluster, ClusterArgs
from components.azure.database import Database, DatabaseArgs
from components.azure.gateway import Gateway, GatewayArgs
from components.azure.network import Network, NetworkArgs
from components.azure.page import MaintenancePage, MaintenancePageArgs
from components.azure.restore_job import JobIdentity, JobIdentityArgs, RestoreJob, RestoreJobArgs
from components.azure.roles import (
    AKS_USER,
    AKS_WRITER,
    BLOB_CONTRIBUTOR,
    BLOB_READER,
    OWNER,
    Grant,
    Grants,
    Roles,
    RolesArgs,
    built_in,
)
from components.azure.storage import BACKUPS, Storage, StorageArgs
from components.azure.watch import BackupWatch, BackupWatchArgs
from components.workload import Workload, WorkloadArgs
from stacks import tiers
from stacks.settings import NONE, Settings

ROOT = Path(__file__).parent.parent
DATABASE = "petclinic"
APP_USER = "planb_app"
WEB_ADDRESS = "172.16.11.200"  # workload/overlays/azure asks for the same
FOLLOW = "follow"
"""What the feeder does, and its run's name."""
SILENCE_S = 600
"""How long nothing new may arrive from AWS."""


def given(value: str) -> str | None:
    """A setting's value; None where it is none."""
    return None if value == NONE else value


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
        args = StorageArgs(
            account=self.settings.storageAccount,
            resource_group=self.group.name,
            location=self.location,
            retention_days=self.settings.backupRetentionDays,
            shared_key=self.settings.azureAuth == "sas",
            # A site that may be thrown away has to be deletable.
            immutable=self.settings.immutableBackups and self.settings.protectData,
            protect=self.settings.protectData,
            tags=self.tags,
        )
        return Storage("storage", args, self.opts)

    @cached_property
    def page(self) -> MaintenancePage:
        args = MaintenancePageArgs(
            account=self.settings.siteAccount,
            resource_group=self.group.name,
            location=self.location,
            site=ROOT / "site",
            protect=self.settings.protectData,
            tags=self.tags,
        )
        return MaintenancePage("page", args, self.opts)

    @cached_property
    def roles(self) -> Roles:
        args = RolesArgs(project=self.settings.project, group_id=self.group.id)
        return Roles("roles", args, self.opts)

    def _grants(self, name: str, group: str, *grants: tuple[str, pulumi.Input[str], str]) -> Grants | None:
        """What a group may do, if there is one: (what, where, built-in role)."""
        if group == NONE:
            return None
        given = [
            Grant(what=what, scope=scope, role_id=built_in(self.client.subscription_id, role))
            for what, scope, role in grants
        ]
        return Grants(name, self.settings.project, group, given, self.opts)

    @cached_property
    def owner_grants(self) -> Grants | None:
        """An owner of resources has no part in their data: that of the containers is granted besides."""
        return self._grants(
            "owners",
            self.settings.ownerGroup,
            ("group", self.group.id, OWNER),
            ("backups", self.storage.container_id, BLOB_CONTRIBUTOR),
            ("state", self.storage.state_id, BLOB_CONTRIBUTOR),
            ("page", self.page.account_id, BLOB_CONTRIBUTOR),
        )

    @cached_property
    def reader_grants(self) -> Grants | None:
        return self._grants(
            "readers", self.settings.backupReaderGroup, ("backups", self.storage.container_id, BLOB_READER)
        )

    @cached_property
    def backup_writer(self) -> BackupWriter | None:
        """Not with tokens (SAS): then there is nobody to trust."""
        if self.settings.azureAuth != "federated":
            return None
        args = BackupWriterArgs(
            container_id=self.storage.container_id,
            role_id=self.roles.backup_writer,
            issuer=given(self.settings.awsIssuer),
            account=given(self.settings.awsAccountId),
            **self._common,
        )
        return BackupWriter("backup-writer", args, self.opts)

    @cached_property
    def job_identity(self) -> JobIdentity:
        args = JobIdentityArgs(
            container_id=self.storage.container_id, role_id=self.roles.backup_writer, **self._common
        )
        return JobIdentity("restore", args, self.opts)

    @cached_property
    def watch(self) -> BackupWatch:
        interval = self.settings.backupInterval
        webhook = given(self.settings.alarmWebhook)
        args = BackupWatchArgs(
            account_id=self.storage.account_id,
            account=self.settings.storageAccount,
            container=BACKUPS,
            silence_s=max(SILENCE_S, min(2 * interval, interval + 3600)),
            email=given(self.settings.alarmEmail),
            webhook=pulumi.Output.secret(webhook) if webhook else None,
            **self._common,
        )
        return BackupWatch("watch", args, self.opts)

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

    @cached_property
    def mysql_grants(self) -> Grants | None:
        if self.settings.mysqlAdminGroup == NONE:
            return None
        grant = Grant(what="server", scope=self.database.id, role_id=self.roles.mysql_admin)
        return Grants(
            "mysql-admins", self.settings.project, self.settings.mysqlAdminGroup, [grant], self.opts
        )

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

    @cached_property
    def aks_grants(self) -> Grants | None:
        return self._grants(
            "aks-operators",
            self.settings.aksOperatorGroup,
            ("credentials", self.cluster.id, AKS_USER),
            ("objects", self.cluster.id, AKS_WRITER),
        )
