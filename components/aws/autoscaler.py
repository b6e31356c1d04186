"""The Cluster Autoscaler: how many nodes each tier has, between planb:nodeMin and planb:nodeMax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.aws.pod_identity import PodRole, PodRoleArgs
from components.naming import child

ACCOUNT = "cluster-autoscaler"
CHART_VERSION = "9.59.0"
# Its minor version is the cluster's: it simulates that scheduler.
# https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/README.md#releases
IMAGES = {"1.34": "v1.34.2", "1.35": "v1.35.2", "1.36": "v1.36.1"}


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """`after` are the node groups: it runs on what it scales."""

    project: str
    version: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    region: str
    after: Sequence[pulumi.Resource]


class Autoscaler(pulumi.ComponentResource):
    """Finds the groups by the tags that EKS itself puts on a managed node group's Auto Scaling group."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Autoscaler", name, None, opts)
        role = PodRole(
            self,
            f"{name}-role",
            PodRoleArgs(
                role_name=f"{args.project}-cluster-autoscaler",
                cluster_name=args.cluster_name,
                cluster_arn=args.cluster_arn,
                namespace="kube-system",
                service_account=ACCOUNT,
                policy_name="scale-node-groups",
                statements=pulumi.Output.from_input(args.cluster_arn).apply(statements_for),
            ),
        )
        k8s.helm.v3.Release(
            f"{name}-chart",
            name="cluster-autoscaler",
            chart="cluster-autoscaler",
            version=CHART_VERSION,
            namespace="kube-system",
            repository_opts={"repo": "https://kubernetes.github.io/autoscaler"},
            values={
                "fullnameOverride": "cluster-autoscaler",
                "cloudProvider": "aws",
                "awsRegion": args.region,
                "autoDiscovery": {"clusterName": args.cluster_name},
                "image": {"tag": IMAGES[args.version]},
                "rbac": {"serviceAccount": {"name": ACCOUNT}},
                "replicaCount": 2,  # one leads
                "priorityClassName": "system-cluster-critical",
                "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"memory": "600Mi"}},
                "extraArgs": {
                    # Every node has pods of the system, and both tiers' pods have an emptyDir: with the defaults
                    # no node could ever go again. Disruption budgets still hold.
                    "skip-nodes-with-system-pods": "false",
                    "skip-nodes-with-local-storage": "false",
                },
            },
            opts=child(self, depends_on=[*role.ready, *args.after]),
        )
        self.register_outputs({})


def statements_for(cluster_arn: str) -> list[dict[str, Any]]:
    """It may look at all groups and change those of this cluster.

    https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md
    """
    cluster = cluster_arn.rsplit("/", 1)[-1]
    node_groups = cluster_arn.replace(":cluster/", ":nodegroup/") + "/*"
    region, account = cluster_arn.split(":")[3:5]
    describe = [f"autoscaling:Describe{what}" for what in ("AutoScalingGroups", "AutoScalingInstances")]
    describe += [f"autoscaling:Describe{what}" for what in ("LaunchConfigurations", "ScalingActivities")]
    describe += ["ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeLaunchTemplateVersions"]
    describe += ["ec2:GetInstanceTypesFromInstanceRequirements"]
    return [
        {"Effect": "Allow", "Action": describe, "Resource": "*"},  # none of them takes a resource
        {"Effect": "Allow", "Action": "eks:DescribeNodegroup", "Resource": node_groups},
        {
            "Effect": "Allow",
            "Action": ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            "Resource": f"arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/*",
            "Condition": {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}},
        },
    ]
