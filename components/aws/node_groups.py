"""One managed node group a tier: its launch template, and the role that all nodes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, eks, iam

from components.naming import child, tags

TIERS = ("web", "was")
# To join the cluster and to pull images. What pods need they have from roles of their own (pod_identity), so the two
# tiers' nodes need the same, and a role a tier would only be a second copy.
NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
AMI_TYPE = "AL2023_x86_64_STANDARD"


@dataclass(frozen=True, kw_only=True)
class NodeGroupsArgs:
    """`subnet_ids` and `tier_group_ids` are keyed by tier; `after` is what must run before the first pod does."""

    project: str
    version: str
    cluster_name: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    subnet_ids: dict[str, list[pulumi.Output[str]]]
    tier_group_ids: dict[str, pulumi.Output[str]]
    trust: str
    node_min: int
    node_max: int
    after: Sequence[pulumi.Resource]


def node_groups(parent: pulumi.Resource, name: str, args: NodeGroupsArgs) -> list[pulumi.Resource]:
    """The groups web and was, as children of the cluster.

    No access entry is made for their role: EKS makes it with a managed node group
    (https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html).
    """
    role = iam.Role(
        f"{name}-nodes",
        name=f"{args.project}-eks-nodes",
        assume_role_policy=args.trust,
        tags=tags(f"{args.project}-eks-nodes"),
        opts=child(parent),
    )
    attached = [
        iam.RolePolicyAttachment(
            f"{name}-nodes-{policy}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=child(parent),
        )
        for policy in NODE_POLICIES
    ]
    return [_group(parent, name, tier, args, role, [*attached, *args.after]) for tier in TIERS]


def _group(
    parent: pulumi.Resource,
    name: str,
    tier: str,
    args: NodeGroupsArgs,
    role: iam.Role,
    after: Sequence[pulumi.Resource],
) -> pulumi.Resource:
    template = _template(parent, name, tier, args)
    former = f"{pulumi.get_stack()}::{pulumi.get_project()}::planb:aws:Cluster$eks:index:ManagedNodeGroup"
    return eks.NodeGroup(
        f"{name}-{tier}",
        cluster_name=args.cluster_name,
        node_group_name=f"{args.project}-{tier}",
        node_role_arn=role.arn,
        subnet_ids=args.subnet_ids[tier],
        instance_types=["t3.medium"],
        ami_type=AMI_TYPE,
        # Nodes follow the control plane; without it they would stay at the version they were born with.
        version=args.version,
        scaling_config={
            "min_size": args.node_min,
            "desired_size": args.node_min,
            "max_size": args.node_max,
        },
        update_config={"max_unavailable": 1},
        labels={"tier": tier},
        launch_template={"id": template.id, "version": template.latest_version.apply(str)},
        tags=tags(f"{args.project}-{tier}"),
        opts=child(
            parent,
            depends_on=list(after),
            # How many nodes run is the Cluster Autoscaler's to say; an update must not shrink a group under load.
            # (To raise planb:nodeMin above the size that runs, scale the group first, then `pulumi refresh`.)
            ignore_changes=["scalingConfig.desiredSize"],
            # The first release made it inside a component of pulumi-eks, which has no update_config.
            aliases=[f"urn:pulumi:{former}$aws:eks/nodeGroup:NodeGroup::{name}-{tier}"],
        ),
    )


def _template(parent: pulumi.Resource, name: str, tier: str, args: NodeGroupsArgs) -> ec2.LaunchTemplate:
    label = f"{args.project}-{tier}-nodes"
    # The provider's default tags reach the template only, not what is launched from it.
    launched = tags(label, Project=args.project, Stack=pulumi.get_stack(), ManagedBy="pulumi", Tier=tier)
    return ec2.LaunchTemplate(
        f"{name}-{tier}",
        name=label,
        # With any group of its own EKS adds none: the cluster's must be listed, or nodes never join.
        vpc_security_group_ids=[args.cluster_security_group_id, args.tier_group_ids[tier]],
        # One hop: only the node itself and what shares its network reach its role, pods do not.
        metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
        block_device_mappings=[
            ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name="/dev/xvda",
                ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_type="gp3", volume_size=30, encrypted="true", delete_on_termination="true"
                ),
            )
        ],
        tag_specifications=[
            ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=launched)
            for kind in ("instance", "volume", "network-interface")
        ],
        update_default_version=True,
        tags=tags(label),
        opts=child(parent),
    )
