"""EKS add-ons with pinned versions: what a new cluster runs is what was tested, not what came out that morning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, eks

from components.aws.pod_identity import PodRole, PodRoleArgs
from components.naming import child, tags

# Of 2026-09; `aws eks describe-addon-versions --kubernetes-version 1.35 --addon-name …` lists newer ones.
_EVERY = {
    "vpc-cni": "v1.22.4-eksbuild.3",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    "metrics-server": "v0.9.0-eksbuild.11",
    "amazon-cloudwatch-observability": "v6.7.0-eksbuild.1",
}
VERSIONS: dict[str, dict[str, str]] = {
    "1.34": {**_EVERY, "kube-proxy": "v1.34.6-eksbuild.29", "coredns": "v1.12.4-eksbuild.38"},
    "1.35": {**_EVERY, "kube-proxy": "v1.35.3-eksbuild.29", "coredns": "v1.13.2-eksbuild.31"},
    "1.36": {**_EVERY, "kube-proxy": "v1.36.0-eksbuild.25", "coredns": "v1.14.3-eksbuild.23"},
}
# What the seed's alarms read are the metrics of Container Insights with enhanced observability. Application Signals
# would put a Java agent into the bank's pods at their next start, which is nobody's decision but the bank's.
OBSERVABILITY: dict[str, Any] = {
    "containerInsights": {"enabled": True},
    "containerLogs": {"enabled": True},
    "otelContainerInsights": {"enabled": False},
    "applicationSignals": {"enabled": False},
    "manager": {"applicationSignals": {"autoMonitor": {"monitorAllServices": False}}},
}
# Log groups of Container Insights → days: what applications said is kept for investigations, measurements are not.
INSIGHTS = {"application": 90, "dataplane": 30, "host": 30, "performance": 14}


def versions_for(minor: str) -> dict[str, str]:
    """The pinned versions for a Kubernetes minor version; RunError where nothing is pinned."""
    if minor not in VERSIONS:
        raise pulumi.RunError(
            f"planb:kubernetesVersion is {minor!r}: no EKS add-on versions are pinned for it; "
            f"use {', '.join(VERSIONS)}, or pin them in components/aws/addons.py"
        )
    return VERSIONS[minor]


@dataclass(frozen=True, kw_only=True)
class AddonsArgs:
    project: str
    version: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]


class Addons:
    """The add-ons that pulumi-eks does not make by itself, in two steps: without nodes, and on them."""

    def __init__(self, parent: pulumi.Resource, name: str, args: AddonsArgs) -> None:
        self._parent, self._name, self._args = parent, name, args
        self._versions = versions_for(args.version)

    def before_nodes(self) -> list[pulumi.Resource]:
        """Pod Identity's agent, and the role of aws-node: a node is ready only once its network plugin is."""
        agent = self._addon("eks-pod-identity-agent", [])
        return [agent, *self._role("cni", "kube-system", "aws-node", managed="AmazonEKS_CNI_Policy").ready]

    def on_nodes(self, nodes: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """What waits for a node to run on."""
        groups = [
            cloudwatch.LogGroup(
                f"{self._name}-insights-{kind}",
                name=pulumi.Output.concat("/aws/containerinsights/", self._args.cluster_name, "/", kind),
                retention_in_days=days,
                kms_key_id=self._args.log_key_arn,
                tags=tags(f"{self._args.project}-insights-{kind}"),
                opts=child(self._parent),
            )
            for kind, days in INSIGHTS.items()
        ]
        statements = pulumi.Output.all(*[group.arn for group in groups]).apply(agent_statements)
        agent = self._role(
            "insights", "amazon-cloudwatch", "cloudwatch-agent", policy_name="send", statements=statements
        )
        return [
            # The cluster came with an unmanaged one; this takes it over.
            self._addon("coredns", nodes, resolve_conflicts_on_create="OVERWRITE"),
            # The pod autoscalers of workload/ read their CPU figures from it.
            self._addon("metrics-server", nodes),
            self._addon(
                "amazon-cloudwatch-observability",
                [*nodes, *groups, *agent.ready],
                configuration_values=pulumi.Output.json_dumps(OBSERVABILITY, sort_keys=True),
            ),
        ]

    def _addon(self, addon: str, after: Sequence[pulumi.Resource], **more: Any) -> eks.Addon:
        return eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=self._args.cluster_name,
            addon_name=addon,
            addon_version=self._versions[addon],
            # What somebody changed by hand goes back to what is written here.
            resolve_conflicts_on_update="OVERWRITE",
            tags=tags(f"{self._args.project}-{addon}"),
            opts=child(self._parent, depends_on=list(after)),
            **more,
        )

    def _role(self, short: str, namespace: str, account: str, **more: Any) -> PodRole:
        return PodRole(
            self._parent,
            f"{self._name}-{short}",
            PodRoleArgs(
                role_name=f"{self._args.project}-{short}",
                cluster_name=self._args.cluster_name,
                cluster_arn=self._args.cluster_arn,
                namespace=namespace,
                service_account=account,
                **more,
            ),
        )


def agent_statements(log_group_arns: Sequence[str]) -> list[dict[str, Any]]:
    """For the CloudWatch agent and Fluent Bit, who share a service account: its log groups and no others.

    Less than AWS's CloudWatchAgentServerPolicy, which may write to every log group of the account.
    """
    return [
        {
            # Fluent Bit asks for its group's creation at each start and takes "exists" for yes, "denied" for no.
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams"],
            "Resource": [arn for group in log_group_arns for arn in (group, f"{group}:*")],
        },
        {
            "Effect": "Allow",
            "Action": "logs:PutLogEvents",
            "Resource": [f"{group}:log-stream:*" for group in log_group_arns],
        },
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",  # takes no resource; the namespace is the limit
            "Condition": {"StringEquals": {"cloudwatch:namespace": "ContainerInsights"}},
        },
        # The names of a node's volumes and of its group; both take no resource.
        {"Effect": "Allow", "Action": ["ec2:DescribeTags", "ec2:DescribeVolumes"], "Resource": "*"},
    ]
