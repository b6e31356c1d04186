"""Machines, clusters and what the clouds cannot do together: said here, before the cloud says it on the worst day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policy.model import Finding, Resource, Severity, is_on, known, on_resource, on_stack

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
AKS = "azure-native:containerservice:ManagedCluster"
POOL = "azure-native:containerservice:AgentPool"
MYSQL = "azure-native:dbformysql:Server"
GATEWAY = "azure-native:network:ApplicationGateway"
TOO_SMALL = ("Standard_B1s", "Standard_B1ms", "Standard_B1ls", "Standard_A1_v2")
# The oldest minor version that is in standard support in November 2026 (CLOUD_FACTS A7); an older one is refused by
# AKS at creation and costs six times the price on EKS.
OLDEST_KUBERNETES = (1, 34)


@on_resource(
    "instance-metadata-needs-a-token",
    says="Instances answer metadata requests only with a session token (IMDSv2).",
    remedy='Set metadata_options with http_tokens="required" and a hop limit of 1 (2 where pods need it).',
    severity=Severity.HIGH,
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html",
)
def instance_metadata_needs_a_token(resource: Resource) -> Iterator[str]:
    if resource.type not in (TEMPLATE, "aws:ec2/instance:Instance"):
        return
    tokens = resource.get("metadataOptions.httpTokens")
    if known(tokens) and tokens != "required" and resource.get("metadataOptions.httpEndpoint") != "disabled":
        yield f"httpTokens is {tokens or 'not set'}"
    hops = resource.get("metadataOptions.httpPutResponseHopLimit")
    if known(hops) and hops is not None and int(hops) > 2:
        yield f"the metadata service answers over {int(hops)} hops"


@on_stack(
    "node-template-has-the-cluster-group",
    says="The launch template of a node group lists the cluster's own security group.",
    remedy="Add cluster.vpc_config.cluster_security_group_id to vpc_security_group_ids: with any group of "
    "its own in the template EKS adds none, and the nodes never join.",
    severity=Severity.HIGH,
    source="https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",
)
def node_template_has_the_cluster_group(resources: list[Resource]) -> Iterator[Finding]:
    templates = {
        one.get("id"): one for one in resources if one.type == TEMPLATE and isinstance(one.get("id"), str)
    }
    clusters = {one.get("name"): one for one in resources if one.type == "aws:eks/cluster:Cluster"}
    for group in resources:
        if group.type != NODE_GROUP:
            continue
        template = templates.get(group.get("launchTemplate.id"))
        cluster = clusters.get(group.get("clusterName"))
        if template is None or cluster is None:
            continue
        own = cluster.get("vpcConfig.clusterSecurityGroupId")
        listed: Any = template.get("vpcSecurityGroupIds")
        complete = isinstance(listed, list) and listed and all(known(one) for one in listed)
        if isinstance(own, str) and complete and own not in listed:
            yield Finding(text=f"{template.name}: the cluster's group {own} is not in it", urn=template.urn)


@on_resource(
    "possible-sku-pairs",
    says="No pair of settings is asked for that the cloud refuses.",
    remedy="Change one of the two; the text says which pairs exist.",
    severity=Severity.MEDIUM,
)
def possible_sku_pairs(resource: Resource) -> Iterator[str]:
    if resource.type == MYSQL:
        mode, tier = resource.get("highAvailability.mode"), resource.get("sku.tier")
        if tier == "Burstable" and isinstance(mode, str) and mode != "Disabled":
            # MicrosoftDocs/azure-databases-docs articles/mysql/flexible-server/concepts-high-availability.md
            yield f"Burstable servers cannot have high availability ({mode}); planb:databaseHa selects General Purpose"
        name = str(resource.get("sku.name"))
        if tier == "Burstable" and known(resource.get("sku.name")) and not name.startswith("Standard_B"):
            yield f"{name} is no Burstable size"
        if tier in ("GeneralPurpose", "MemoryOptimized") and name.startswith("Standard_B"):
            yield f"{name} exists in the tier Burstable only"
    if resource.type == GATEWAY:
        tier = str(resource.get("sku.tier"))
        if tier in ("Standard", "WAF"):
            yield f"Application Gateway v1 ({tier}) is retired; Standard_v2 or WAF_v2"
        has_policy = isinstance(resource.get("firewallPolicy.id"), str)
        if tier == "Standard_v2" and has_policy:
            yield "a firewall policy needs the tier WAF_v2"
        if resource.get("sku.capacity") is not None and resource.get("autoscaleConfiguration") is not None:
            yield "a fixed capacity and autoscaling exclude each other"
    if resource.type == "azure-native:network:PublicIPAddress":
        if resource.get("sku.name") == "Basic":
            yield "Basic addresses are retired, and Application Gateway v2 takes Standard only"
        elif resource.get("publicIPAllocationMethod") == "Dynamic":
            yield "a Standard address is Static"
    if resource.type in (AKS, POOL):
        pools = [resource.props] if resource.type == POOL else [*resource.each("agentPoolProfiles")]
        for pool in pools:
            size, name = str(pool.get("vmSize")), pool.get("name")
            name = name if isinstance(name, str) else resource.name
            if pool.get("mode") == "System" and size in TOO_SMALL:
                yield f"a system pool needs two cores and 4 GB; {size} has less"
            count, low, high = pool.get("count"), pool.get("minCount"), pool.get("maxCount")
            if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
                yield f"the pool {name} has minCount {low:g} above maxCount {high:g}"
            if is_on(pool.get("enableAutoScaling")) and (low is None or high is None):
                yield f"the pool {name} scales by itself without minCount and maxCount (count {count})"
    if resource.type == "aws:rds/instance:Instance":
        size = str(resource.get("instanceClass"))
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.Engines.html
        if is_on(resource.get("performanceInsightsEnabled")) and size in (
            *("db.t2.micro", "db.t2.small", "db.t3.micro", "db.t3.small", "db.t4g.micro", "db.t4g.small"),
        ):
            yield f"Performance Insights does not exist on {size} with MySQL; db.t3.medium is the smallest"
        gigabytes = resource.get("allocatedStorage")
        if resource.get("storageType") == "gp3" and isinstance(gigabytes, int | float) and gigabytes < 20:
            yield f"gp3 begins at 20 GB (allocatedStorage is {gigabytes:g})"


@on_resource(
    "kubernetes-version-is-supported",
    says="Clusters have a version that can still be created and is in standard support.",
    remedy=f"Raise planb:kubernetesVersion to 1.{OLDEST_KUBERNETES[1]} or newer; both clouds take the same.",
    severity=Severity.HIGH,
)
def kubernetes_version_is_supported(resource: Resource) -> Iterator[str]:
    paths = {"aws:eks/cluster:Cluster": "version", AKS: "kubernetesVersion", NODE_GROUP: "version"}
    version = resource.get(paths[resource.type]) if resource.type in paths else None
    if isinstance(version, str) and version:
        major, minor, *_ = [int(one) for one in f"{version}.0".split(".")[:2]]
        if (major, minor) < OLDEST_KUBERNETES:
            yield f"version {version} is out of standard support"


@on_resource(
    "mysql-version-has-no-surcharge",
    says="The database's version is in standard support.",
    remedy="Set planb:mysqlVersion to 8.4 when the standby takes it too. Until then RDS MySQL 8.0 costs "
    "about $350 a month of Extended Support for a db.t3.medium in two zones; planb cost shows it.",
    severity=Severity.LOW,
    mandatory=False,
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/extended-support.html",
)
def mysql_version_has_no_surcharge(resource: Resource) -> Iterator[str]:
    if resource.type == "aws:rds/instance:Instance" and resource.get("engine") == "mysql":
        version = str(resource.get("engineVersion"))
        disabled = resource.get("engineLifecycleSupport") == "open-source-rds-extended-support-disabled"
        if version.startswith(("5.7", "8.0")) and not disabled:
            yield f"MySQL {version} is in paid Extended Support since 2026-08-01"


COMPUTE = [
    instance_metadata_needs_a_token,
    node_template_has_the_cluster_group,
    possible_sku_pairs,
    kubernetes_version_is_supported,
    mysql_version_has_no_surcharge,
]
