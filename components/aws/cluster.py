"""EKS through pulumi-eks: the control plane, and what node_groups, addons and access make of it."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_eks as eks
from pulumi_aws import cloudwatch

from components.aws.access import AccessArgs, access
from components.aws.addons import Addons, AddonsArgs, versions_for
from components.aws.documents import trust
from components.aws.node_groups import NodeGroupsArgs, node_groups
from components.naming import child, tags

# All five: who did what (audit, authenticator) is what a bank is asked for, the rest is what explains an outage.
LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
LOG_DAYS = 365


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """`subnet_ids` and `tier_group_ids` are keyed by tier (web, was)."""

    project: str
    version: str
    vpc_id: pulumi.Input[str]
    public_subnet_ids: list[pulumi.Output[str]]
    subnet_ids: dict[str, list[pulumi.Output[str]]]
    tier_group_ids: dict[str, pulumi.Output[str]]
    kms_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    public_access_cidrs: list[str]
    protect: bool
    node_min: int
    node_max: int


class Cluster(pulumi.ComponentResource):
    """The control plane with its logs, one managed node group a tier, add-ons, and who may use it."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Cluster", name, None, opts)
        pinned = versions_for(args.version)
        own_name = f"{args.project}-eks"
        # EKS would make it too, without an end and without our key.
        logs = cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{own_name}/cluster",
            retention_in_days=LOG_DAYS,
            kms_key_id=args.log_key_arn,
            tags=tags(f"{own_name}-control-plane"),
            opts=child(self),
        )
        cluster = eks.Cluster(
            f"{name}-eks",
            name=own_name,
            version=args.version,
            vpc_id=args.vpc_id,
            public_subnet_ids=args.public_subnet_ids,
            private_subnet_ids=[*args.subnet_ids["web"], *args.subnet_ids["was"]],
            # CONFIG_MAP cannot be changed to API later (pulumi-eks#1493); the component's own default has moved.
            authentication_mode=eks.AuthenticationMode.API,
            skip_default_node_group=True,
            skip_default_security_groups=True,
            create_oidc_provider=True,
            # Nodes and the recovery function come from inside; the engine and people come from outside, with
            # IAM's word for who they are, and from the addresses of planb:kubernetesApiCidrs only.
            endpoint_private_access=True,
            endpoint_public_access=True,
            public_access_cidrs=args.public_access_cidrs,
            encryption_config_key_arn=args.kms_key_arn,
            enabled_cluster_log_types=LOG_TYPES,
            deletion_protection=args.protect,
            # pulumi-eks makes these two itself, of whatever version is newest: a second owner would fail on "Addon
            # already exists". It has no way to give vpc-cni a pod identity, which comes from beside (addons.py).
            vpc_cni_options=eks.VpcCniOptionsArgs(
                addon_version=pinned["vpc-cni"], enable_network_policy=True
            ),
            kube_proxy_addon_options=eks.KubeProxyAddonOptionsArgs(version=pinned["kube-proxy"]),
            # It would wait for nodes, which wait for the cluster (pulumi-eks#1819).
            coredns_addon_options=eks.CoreDnsAddonOptionsArgs(enabled=False),
            tags=tags(own_name),
            opts=child(self, depends_on=[logs]),
        )
        control_plane = cluster.eks_cluster
        addons = Addons(
            self,
            name,
            AddonsArgs(
                project=args.project,
                version=args.version,
                cluster_name=control_plane.name,
                cluster_arn=control_plane.arn,
                log_key_arn=args.log_key_arn,
            ),
        )
        groups = node_groups(
            self,
            name,
            NodeGroupsArgs(
                project=args.project,
                version=args.version,
                cluster_name=control_plane.name,
                cluster_security_group_id=control_plane.vpc_config.cluster_security_group_id,
                subnet_ids=args.subnet_ids,
                tier_group_ids=args.tier_group_ids,
                trust=trust("ec2.amazonaws.com"),
                node_min=args.node_min,
                node_max=args.node_max,
                after=addons.before_nodes(),
            ),
        )
        roles = access(
            self,
            name,
            AccessArgs(project=args.project, cluster_name=control_plane.name, cluster_arn=control_plane.arn),
        )
        self.kubeconfig: pulumi.Output[str] = cluster.kubeconfig_json
        self.name: pulumi.Output[str] = control_plane.name
        self.arn: pulumi.Output[str] = control_plane.arn
        self.security_group_id: pulumi.Output[str] = control_plane.vpc_config.cluster_security_group_id
        self.oidc_provider_arn: pulumi.Output[str] = cluster.oidc_provider_arn
        self.oidc_issuer: pulumi.Output[str] = cluster.oidc_issuer
        self.role_arns: dict[str, pulumi.Output[str]] = roles
        self.nodes: list[pulumi.Resource] = groups
        self.addons: list[pulumi.Resource] = addons.on_nodes(groups)
        self.register_outputs({"name": self.name, "kubeconfig": pulumi.Output.secret(self.kubeconfig)})
