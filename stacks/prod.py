"""AWS Seoul: wiring only. Reads the standby's outputs, so `dr` is deployed first."""

from __future__ import annotations

from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.aws.agent import Agent, AgentArgs
from components.aws.autoscaler import Autoscaler, AutoscalerArgs
from components.aws.backup_host import AzureIdentity, BackupHost, HostsArgs
from components.aws.balancer import Balancer, BalancerArgs
from components.aws.certificates import Certificate, CertificateArgs
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.database import Database, DatabaseArgs
from components.aws.dns import Dns, DnsArgs, Names, origin_host
from components.aws.edge import AWS_HEALTH_PATH, Edge, EdgeArgs, OwnDomain
from components.aws.encryption import OperationsKey, OperationsKeyArgs
from components.aws.endpoints import Endpoints, EndpointsArgs
from components.aws.flow_logs import FlowLogs, FlowLogsArgs
from components.aws.load_balancer_controller import LoadBalancerController, LoadBalancerControllerArgs
from components.aws.logs import AccessLogs, AccessLogsArgs, EdgeLogs, EdgeLogsArgs
from components.aws.monitoring import Monitoring, MonitoringArgs
from components.aws.network import Network, NetworkArgs
from components.aws.notifications import Notifications, NotificationsArgs
from components.aws.recovery import Recovery, RecoveryArgs
from components.aws.secrets import Secrets, SecretsArgs
from components.aws.security import Security, SecurityArgs
from components.aws.waf import Firewall, FirewallArgs
from components.naming import stack_tags
from components.workload import Workload, WorkloadArgs
from stacks.settings import NONE, Settings

ROOT = Path(__file__).parent.parent
EDGE_REGION = "us-east-1"  # where CloudFront's, WAF's and Route 53's control planes and metrics are


def deploy(settings: Settings) -> None:
    """Creates the production site and exports what the runbook needs."""
    project = settings.project
    region = pulumi.Config("aws").get("region") or "ap-northeast-2"
    tags = stack_tags(project)
    provider = aws.Provider("aws", region=region, default_tags=aws.ProviderDefaultTagsArgs(tags=tags))
    opts = pulumi.ResourceOptions(provider=provider)
    everything = pulumi.ResourceOptions(providers=[provider])
    standby = pulumi.StackReference(f"{pulumi.get_organization()}/{pulumi.get_project()}/dr")
    container_url = standby.require_output("backupContainerUrl")

    operations_key = OperationsKey("operations", OperationsKeyArgs(project=project, home_region=region), opts)
    # What the edge has in us-east-1 (the firewall's log, the health alarm's topic) needs its key there.
    edge_operations_key = OperationsKey(
        "edge-operations",
        OperationsKeyArgs(project=project, home_region=region, region=EDGE_REGION),
        opts,
    )
    network = Network(
        "network", NetworkArgs(project=project, region=region, nat_per_zone=settings.natPerZone), opts
    )
    security = Security(
        "security",
        SecurityArgs(
            project=project,
            vpc_id=network.vpc_id,
            alb_ingress=settings.albIngress,
            https=settings.domain != NONE,
        ),
        opts,
    )
    groups = {tier: group.id for tier, group in security.groups.items()}
    FlowLogs(
        "flow-logs",
        FlowLogsArgs(
            project=project,
            region=region,
            vpc_id=network.vpc_id,
            account_id=network.account_id,
            log_key_arn=operations_key.arn,
        ),
        opts,
    )
    Endpoints(
        "endpoints",
        EndpointsArgs(
            project=project,
            region=region,
            account_id=network.account_id,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnets["was"],
            security_group_id=groups["endpoints"],
        ),
        opts,
    )
    secrets = Secrets(
        "secrets",
        SecretsArgs(
            project=project,
            region=region,
            recovery_days=30 if settings.protectData else 0,
            sas=settings.azureAuth == "sas",
        ),
        opts,
    )
    database = Database(
        "database",
        DatabaseArgs(
            project=project,
            version=settings.mysqlVersion,
            subnet_ids=network.subnets["rds"],
            security_group_id=groups["rds"],
            kms_key_arn=secrets.key_arn,
            protect=settings.protectData,
        ),
        opts,
    )
    cluster = Cluster(
        "cluster",
        ClusterArgs(
            project=project,
            version=settings.kubernetesVersion,
            vpc_id=network.vpc_id,
            public_subnet_ids=network.subnets["public"],
            subnet_ids={tier: network.subnets[tier] for tier in ("web", "was")},
            tier_group_ids=groups,
            kms_key_arn=secrets.key_arn,
            log_key_arn=operations_key.arn,
            public_access_cidrs=settings.kubernetesApiCidrs.split(","),
            protect=settings.protectData,
            node_min=settings.nodeMin,
            node_max=settings.nodeMax,
        ),
        everything,
    )
    logs = AccessLogs("logs", AccessLogsArgs(project=project, protect=settings.protectData), opts)
    domain = settings.domain if settings.domain != NONE else None
    balancer = Balancer(
        "balancer",
        BalancerArgs(
            project=project,
            vpc_id=network.vpc_id,
            subnet_ids=network.subnets["public"],
            security_group_id=groups["alb"],
            log_bucket=logs.bucket,
            protect=settings.protectData,
            certificate_arn=_certificate("origin", settings, opts, origin_host(domain)) if domain else None,
        ),
        opts,
    )
    firewall = (
        Firewall("firewall", FirewallArgs(project=project, kms_key_arn=edge_operations_key.arn), opts)
        if settings.waf
        else None
    )
    edge = Edge(
        "edge",
        EdgeArgs(
            project=project,
            router=(ROOT / "edge" / "router.js").read_text(encoding="utf-8"),
            health=(ROOT / "edge" / "health.js").read_text(encoding="utf-8"),
            alb_dns_name=balancer.dns_name,
            origin_key=balancer.origin_key,
            static_site_host=standby.require_output("staticSiteHost"),
            own=_own_domain(domain, settings, opts) if domain else None,
            web_acl_arn=firewall.arn if firewall else None,
        ),
        opts,
    )
    EdgeLogs(
        "edge-logs",
        EdgeLogsArgs(project=project, distribution_arn=edge.distribution_arn, bucket_arn=logs.arn),
        opts,
    )
    dns = Dns(
        "dns",
        DnsArgs(
            project=project,
            distribution_domain=edge.domain_name,
            distribution_zone_id=edge.zone_id,
            names=Names(
                domain=domain,
                zone_id=settings.hostedZoneId,
                balancer_dns_name=balancer.dns_name,
                balancer_zone_id=balancer.zone_id,
            )
            if domain
            else None,
        ),
        opts,
    )
    agent = Agent(
        "agent",
        AgentArgs(
            project=project,
            root=ROOT,
            architecture=settings.backupHostArchitecture,
            protect=settings.protectData,
        ),
        opts,
    )
    backup_host = BackupHost(
        "backup",
        HostsArgs(
            project=project,
            region=region,
            architecture=settings.backupHostArchitecture,
            subnet_ids=network.subnets["was"],
            security_group_id=groups["backup"],
            kms_key_arn=secrets.key_arn,
            log_key_arn=operations_key.arn,
            agent=agent,
            azure=AzureIdentity(
                auth=settings.azureAuth,
                tenant_id=standby.get_output("tenantId"),
                client_id=standby.get_output("backupWriterClientId"),
                trusts=standby.get_output("backupWriterTrusts"),
                sas_secret_arn=secrets.sas_arn,
            ),
            container_url=container_url,
            database_host=database.host,
            database_port=database.port,
            database_name=Database.NAME,
            secret_arns={**secrets.arns, "master": database.master_secret_arn},
            interval_s=settings.backupInterval,
            protect=settings.protectData,
        ),
        opts,
    )
    workload = Workload(
        "workload",
        WorkloadArgs(
            kubeconfig=cluster.kubeconfig,
            overlay=str(ROOT / "workload" / "overlays" / "aws"),
            database_host=database.host,
            database_name=Database.NAME,
            database_user=secrets.usernames["app"],
            database_password=secrets.passwords["app"],
            # The application's tables are made after the database exists; pods become ready then, not before.
            await_ready=False,
            after=[*cluster.nodes, *network.nat_ready],
        ),
        everything,
    )
    in_cluster = pulumi.ResourceOptions(providers=[provider, workload.provider])
    # Charts are pulled from the internet, and their pods ask for names.
    running = [*cluster.nodes, *cluster.addons, *network.nat_ready]
    LoadBalancerController(
        "lb-controller",
        LoadBalancerControllerArgs(
            project=project,
            cluster_name=cluster.name,
            cluster_arn=cluster.arn,
            region=region,
            vpc_id=network.vpc_id,
            target_group_arn=balancer.target_group_arn,
            workload=workload,
            after=running,
            manifests=workload.manifests,
        ),
        in_cluster,
    )
    Autoscaler(
        "autoscaler",
        AutoscalerArgs(
            project=project,
            version=settings.kubernetesVersion,
            cluster_name=cluster.name,
            cluster_arn=cluster.arn,
            region=region,
            after=running,
        ),
        in_cluster,
    )
    notifications = Notifications(
        "notifications",
        NotificationsArgs(
            project=project,
            region=region,
            key_arn=operations_key.arn,
            edge_key_arn=edge_operations_key.arn,
            email=_given(settings.alarmEmail),
            webhook=_given(settings.alarmWebhook),
            slack_team_id=_given(settings.slackTeamId),
            slack_channel_id=_given(settings.slackChannelId),
        ),
        opts,
    )
    recovery = Recovery(
        "recovery",
        RecoveryArgs(
            project=project,
            region=region,
            code={
                path.name: path.read_text(encoding="utf-8")
                for path in sorted((ROOT / "recovery").glob("*.py"))
            },
            vpc_id=network.vpc_id,
            subnet_ids=network.subnets["was"],
            cluster_name=cluster.name,
            cluster_arn=cluster.arn,
            cluster_security_group_id=cluster.security_group_id,
            key_arn=operations_key.arn,
            alarms_topic_arn=notifications.alarms_topic_arn,
            recovery_topic_arn=notifications.recovery_topic_arn,
        ),
        opts,
    )
    edge_url = pulumi.Output.concat("https://", domain or edge.domain_name)
    monitoring = Monitoring(
        "monitoring",
        MonitoringArgs(
            project=project,
            region=region,
            min_nodes=settings.nodeMin * 2,  # a group for web and one for was
            backup_interval=settings.backupInterval,
            cluster_name=cluster.name,
            balancer_suffix=balancer.suffix,
            targets_suffix=balancer.targets_suffix,
            database_id=database.identifier,
            backup_group_name=backup_host.group_name,
            dead_letter_name=recovery.dead_letter_name,
            alarms_topic_arn=notifications.alarms_topic_arn,
            recovery_topic_arn=notifications.recovery_topic_arn,
            distribution_id=edge.distribution_id,
            health_check_id=dns.health_check_id,
            edge_topic_arn=notifications.edge_topic_arn,
            container_url=container_url,
            links={
                "The bank": edge_url,
                "Maintenance page": pulumi.Output.concat(
                    "https://", standby.require_output("staticSiteHost"), "/maintenance/index.html"
                ),
                "Azure portal": f"https://portal.azure.com/#browse/resourcegroups/filterValue/rg-{project}",
            },
        ),
        opts,
    )
    outputs = {
        "edgeUrl": edge_url,
        # AWS's health through the edge in every mode: the only way in with albIngress cloudfront.
        "awsHealthUrl": pulumi.Output.concat(edge_url, AWS_HEALTH_PATH),
        "distributionId": edge.distribution_id,
        "keyValueStoreArn": edge.store_arn,
        "albDnsName": balancer.dns_name,
        "originUrl": f"https://{origin_host(domain)}"
        if domain
        else pulumi.Output.concat("http://", balancer.dns_name),
        "healthCheckId": dns.health_check_id,
        "webAclArn": firewall.arn if firewall else NONE,
        "accessLogBucket": logs.bucket,
        # The runbook asks AWS past the edge, and the load balancer answers only with this.
        "originKey": pulumi.Output.secret(balancer.origin_key),
        "databaseHost": database.host,
        "databasePort": database.port,
        "databaseName": Database.NAME,
        "databaseMasterSecretArn": database.master_secret_arn,
        "appSecretArn": secrets.arns["app"],
        "backupSecretArn": secrets.arns["backup"],
        "backupHostTag": backup_host.tag,
        "backupRoleArn": backup_host.role_arn,
        "adminHostTag": backup_host.admin_tag,
        "adminHostGroup": backup_host.admin_group,
        "adminRoleArn": backup_host.admin_role_arn,
        # What Azure's federated credentials are made of: this issuer, a role's ARN as the subject.
        "awsTokenIssuer": backup_host.token_issuer,
        "backupInterval": settings.backupInterval,
        "alarmsTopicArn": notifications.alarms_topic_arn,
        "dashboard": monitoring.dashboard_name,
        "region": region,
    }
    for name, value in outputs.items():
        pulumi.export(name, value)


def _certificate(
    name: str, settings: Settings, opts: pulumi.ResourceOptions, host: str
) -> pulumi.Output[str]:
    args = CertificateArgs(
        domain=host,
        zone_id=settings.hostedZoneId,
        region=EDGE_REGION if name == "viewer" else None,
    )
    return Certificate(f"{name}-certificate", args, opts).arn


def _own_domain(domain: str, settings: Settings, opts: pulumi.ResourceOptions) -> OwnDomain:
    """The bank's own certificate where it has one, else one that the program asks for."""
    given = settings.certificateArn
    arn = given if given != NONE else _certificate("viewer", settings, opts, domain)
    return OwnDomain(domain=domain, certificate_arn=arn, origin_host=origin_host(domain))


def _given(value: str) -> str | None:
    """A setting's value, or None where it is the word for nothing."""
    return None if value == NONE else value
