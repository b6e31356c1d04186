"""EKS with the node groups web and was, through pulumi-eks."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pulumi
import pulumi_eks as eks
from pulumi_aws import ec2, iam

from components.naming import child, tags

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly")


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
    node_min: int
    node_max: int


def trust(service: str) -> str:
    """A role's trust policy for one AWS service."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Cluster(pulumi.ComponentResource):
    """The control plane, an OIDC provider for IRSA, and one managed node group a tier."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Cluster", name, None, opts)
        role = iam.Role(
            f"{name}-nodes",
            name=f"{args.project}-eks-nodes",
            assume_role_policy=trust("ec2.amazonaws.com"),
            tags=tags(f"{args.project}-eks-nodes"),
            opts=child(self),
        )
        attached: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(
                f"{name}-nodes-{policy}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=child(self),
            )
            for policy in NODE_POLICIES
        ]
        cluster = eks.Cluster(
            f"{name}-eks",
            name=f"{args.project}-eks",
            version=args.version,
            vpc_id=args.vpc_id,
            public_subnet_ids=args.public_subnet_ids,
            private_subnet_ids=[*args.subnet_ids["web"], *args.subnet_ids["was"]],
            # CONFIG_MAP cannot be changed to API later (pulumi-eks#1493); the component's own default has moved.
            authentication_mode=eks.AuthenticationMode.API,
            skip_default_node_group=True,
            skip_default_security_groups=True,
            create_oidc_provider=True,
            endpoint_private_access=True,
            endpoint_public_access=True,
            encryption_config_key_arn=args.kms_key_arn,
            enabled_cluster_log_types=["api", "audit", "authenticator"],
            tags=tags(f"{args.project}-eks"),
            opts=child(self),
        )
        control_plane = cluster.eks_cluster
        groups: list[pulumi.Resource] = []
        for tier in ("web", "was"):
            template = ec2.LaunchTemplate(
                f"{name}-{tier}",
                name=f"{args.project}-{tier}-nodes",
                # With any group of its own EKS adds none: the cluster's must be listed, or nodes never join.
                vpc_security_group_ids=[
                    control_plane.vpc_config.cluster_security_group_id,
                    args.tier_group_ids[tier],
                ],
                metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                    http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=2
                ),
                block_device_mappings=[
                    ec2.LaunchTemplateBlockDeviceMappingArgs(
                        device_name="/dev/xvda",
                        ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                            volume_type="gp3", volume_size=30, encrypted="true", delete_on_termination="true"
                        ),
                    )
                ],
                update_default_version=True,
                tags=tags(f"{args.project}-{tier}-nodes"),
                opts=child(self),
            )
            group = eks.ManagedNodeGroup(
                f"{name}-{tier}",
                cluster=cluster.core,
                cluster_name=control_plane.name,
                node_group_name=f"{args.project}-{tier}",
                node_role_arn=role.arn,
                subnet_ids=args.subnet_ids[tier],
                instance_types=["t3.medium"],
                scaling_config={
                    "min_size": args.node_min,
                    "desired_size": args.node_min,
                    "max_size": args.node_max,
                },
                labels={"tier": tier},
                launch_template={"id": template.id, "version": template.latest_version.apply(str)},
                tags=tags(f"{args.project}-{tier}"),
                opts=child(self, depends_on=attached),
            )
            groups.append(group)
        self.kubeconfig: pulumi.Output[str] = cluster.kubeconfig_json
        self.name: pulumi.Output[str] = control_plane.name
        self.oidc_provider_arn: pulumi.Output[str] = cluster.oidc_provider_arn
        self.oidc_issuer: pulumi.Output[str] = cluster.oidc_issuer
        self.nodes: list[pulumi.Resource] = groups
        self.register_outputs({"name": self.name, "kubeconfig": pulumi.Output.secret(self.kubeconfig)})


def encode(text: str) -> str:
    """User data as EC2 wants it."""
    return base64.b64encode(text.encode()).decode()
