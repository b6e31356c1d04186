"""Azure Korea Central: wiring only, by tier. Depends on nothing in AWS."""

from __future__ import annotations

from pathlib import Path

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
from stacks.settings import Settings, Tier

ROOT = Path(__file__).parent.parent
DATABASE = "petclinic"
APP_USER = "planb_app"
WEB_ADDRESS = "172.16.11.200"  # workload/overlays/azure asks for the same
OUTPUTS = ("databaseHost", "databaseName", "restoreGroup", "restoreRun", "gatewayHost", "clusterName")


def deploy(settings: Settings) -> None:
    """Creates what the tier has and exports what the runbook needs; outputs that a tier lacks are null."""
    location = pulumi.Config("azure-native").get("location") or "koreacentral"
    tags = {"project": settings.project, "stack": pulumi.get_stack(), "managed-by": "pulumi"}
    provider = azure.Provider("azure", location=location)
    opts = pulumi.ResourceOptions(provider=provider)
    client = authorization.get_client_config_output(opts=pulumi.InvokeOutputOptions(provider=provider))
    group = resources.ResourceGroup(
        "group", resource_group_name=f"rg-{settings.project}", location=location, tags=tags, opts=opts
    )
    network = Network(
        "network",
        NetworkArgs(project=settings.project, resource_group=group.name, location=location, tags=tags),
        opts,
    )
    storage = Storage(
        "storage",
        StorageArgs(
            account=settings.storageAccount,
            resource_group=group.name,
            location=location,
            retention_days=settings.backupRetentionDays,
            site=ROOT / "site",
            protect=settings.protectData,
            tags=tags,
        ),
        opts,
    )
    identity = JobIdentity(
        "restore",
        JobIdentityArgs(
            project=settings.project,
            resource_group=group.name,
            location=location,
            subscription_id=client.subscription_id,
            container_id=storage.container_id,
            tags=tags,
        ),
        opts,
    )
    outputs: dict[str, pulumi.Input[str] | None] = dict.fromkeys(OUTPUTS)
    outputs |= {
        "tier": settings.tier.value,
        "location": location,
        "resourceGroup": group.name,
        "storageAccount": storage.account_name,
        "backupContainerUrl": storage.container_url,
        "staticSiteUrl": storage.site_url,
        "staticSiteHost": storage.site_host,
    }
    if settings.tier.has(Tier.EMERGENCY):
        password = RandomPassword("app", length=32, override_special="_-+=.").result
        database = Database(
            "database",
            DatabaseArgs(
                project=settings.project,
                resource_group=group.name,
                location=location,
                version=settings.mysqlVersion,
                high_availability=settings.databaseHa,
                subnet_id=network.subnet_ids["snet-db"],
                vnet_id=network.vnet_id,
                database=DATABASE,
                tags=tags,
            ),
            opts,
        )
        outputs |= {"databaseHost": database.host, "databaseName": DATABASE}
        if settings.restoreJob != "none":
            job = RestoreJob(
                "restore-job",
                RestoreJobArgs(
                    project=settings.project,
                    resource_group=group.name,
                    location=location,
                    image=settings.agentImage,
                    kind=settings.restoreJob,
                    run=settings.restoreRun,
                    backup=settings.restoreBackup,
                    subnet_id=network.subnet_ids["snet-restore"],
                    identity=identity,
                    container_url=storage.container_url,
                    database_host=database.host,
                    database_name=DATABASE,
                    admin_user=Database.ADMIN,
                    admin_password=database.password,
                    app_user=APP_USER,
                    app_password=password,
                    after=database.ready,
                    tags=tags,
                ),
                opts,
            )
            outputs |= {"restoreGroup": job.group_name, "restoreRun": settings.restoreRun}
        if settings.tier.has(Tier.FULL):
            gateway = Gateway(
                "gateway",
                GatewayArgs(
                    project=settings.project,
                    resource_group=group.name,
                    location=location,
                    subscription_id=client.subscription_id,
                    subnet_id=network.subnet_ids["snet-appgw"],
                    backend_ip=WEB_ADDRESS,
                    tags=tags,
                ),
                opts,
            )
            cluster = Cluster(
                "cluster",
                ClusterArgs(
                    project=settings.project,
                    resource_group=group.name,
                    location=location,
                    version=settings.kubernetesVersion,
                    subscription_id=client.subscription_id,
                    web_subnet_id=network.subnet_ids["snet-web"],
                    was_subnet_id=network.subnet_ids["snet-was"],
                    vnet_id=network.vnet_id,
                    node_min=settings.nodeMin,
                    node_max=settings.nodeMax,
                    tags=tags,
                ),
                opts,
            )
            Workload(
                "workload",
                WorkloadArgs(
                    kubeconfig=cluster.kubeconfig,
                    overlay=str(ROOT / "workload" / "overlays" / "azure"),
                    database_host=database.host,
                    database_name=DATABASE,
                    database_user=APP_USER,
                    database_password=password,
                    # The runbook waits for the service itself; pods start while the restore still runs.
                    await_ready=False,
                    after=cluster.nodes,
                ),
            )
            outputs |= {"gatewayHost": gateway.host, "clusterName": cluster.name}
    for name, value in outputs.items():
        pulumi.export(name, value)
