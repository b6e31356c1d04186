"""What a service account's pods may do in AWS, by EKS Pod Identity (docs/adr/0015)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import eks, iam

from components.naming import child, tags


@dataclass(frozen=True, kw_only=True)
class PodRoleArgs:
    """`statements` are the role's own policy, named `policy_name`; or `managed` is one of AWS's policies."""

    role_name: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    namespace: str
    service_account: str
    policy_name: str = ""
    statements: pulumi.Input[list[dict[str, Any]]] | None = None
    managed: str | None = None


class PodRole:
    """A role, its policy, and the association that gives it to one service account of one cluster.

    Not a component of its own: its resources are children of whoever makes it. `ready` is what pods must wait for,
    since credentials are put into a pod when it is created and not later.
    """

    def __init__(
        self,
        parent: pulumi.Resource,
        name: str,
        args: PodRoleArgs,
        aliases: Mapping[str, list[pulumi.Alias]] | None = None,
    ) -> None:
        """`aliases` by what a resource of an earlier release is here: `role`, `policy`."""
        old = aliases or {}
        self.role = iam.Role(
            name,
            name=args.role_name,
            description=f"Pods of {args.namespace}/{args.service_account}",
            assume_role_policy=pulumi.Output.from_input(args.cluster_arn).apply(
                lambda arn: trust_of(arn, args.namespace, args.service_account)
            ),
            tags=tags(args.role_name),
            opts=child(parent, aliases=old.get("role")),
        )
        granted: list[pulumi.Resource] = []
        if args.statements is not None:
            granted.append(
                iam.RolePolicy(
                    name,
                    name=args.policy_name,
                    role=self.role.name,
                    policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": args.statements}),
                    opts=child(parent, aliases=old.get("policy")),
                )
            )
        if args.managed:
            granted.append(
                iam.RolePolicyAttachment(
                    f"{name}-{args.managed}",
                    role=self.role.name,
                    policy_arn=f"arn:aws:iam::aws:policy/{args.managed}",
                    opts=child(parent),
                )
            )
        association = eks.PodIdentityAssociation(
            name,
            cluster_name=args.cluster_name,
            namespace=args.namespace,
            service_account=args.service_account,
            role_arn=self.role.arn,
            tags=tags(args.role_name),
            opts=child(parent, depends_on=granted),
        )
        self.ready: list[pulumi.Resource] = [*granted, association]


def trust_of(cluster_arn: str, namespace: str, service_account: str) -> str:
    """Trust for this service account of this cluster and no other.

    The agent tags each session with whom it is for: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    tagged = {
        "aws:RequestTag/eks-cluster-arn": cluster_arn,
        "aws:RequestTag/kubernetes-namespace": namespace,
        "aws:RequestTag/kubernetes-service-account": service_account,
    }
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {"StringEquals": tagged},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
