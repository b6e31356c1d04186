"""Who of the bank's people may do what in the cluster: roles to assume, and access entries for them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import eks, iam

from components.naming import child, tags

_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKS{}Policy"
NAMESPACES = ("web", "was")
# Role → (access policy, namespaces; none is the whole cluster). Edit reads Secrets too, so it ends at the two
# namespaces; View reads none. Nobody is cluster-admin but whoever made the cluster: deploy with a role, not a person.
GRANTS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "operator": [("Edit", NAMESPACES), ("View", ())],
    "viewer": [("View", ())],
}


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    project: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]


def access(parent: pulumi.Resource, name: str, args: AccessArgs) -> dict[str, pulumi.Output[str]]:
    """The roles' ARNs by GRANTS's names, as children of the cluster."""
    arn = pulumi.Output.from_input(args.cluster_arn)
    made: dict[str, pulumi.Output[str]] = {}
    for who, grants in GRANTS.items():
        role = iam.Role(
            f"{name}-{who}",
            name=f"{args.project}-eks-{who}",
            description=f"kubectl as {who}",
            assume_role_policy=arn.apply(_account_trust),
            # Long enough for an incident, short enough to be asked again.
            max_session_duration=3600,
            tags=tags(f"{args.project}-eks-{who}"),
            opts=child(parent),
        )
        iam.RolePolicy(
            f"{name}-{who}",
            name="find-cluster",  # `aws eks update-kubeconfig`
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": arn}],
                }
            ),
            opts=child(parent),
        )
        entry = eks.AccessEntry(
            f"{name}-{who}",
            cluster_name=args.cluster_name,
            principal_arn=role.arn,
            type="STANDARD",
            tags=tags(f"{args.project}-eks-{who}"),
            opts=child(parent),
        )
        for policy, namespaces in grants:
            scope = eks.AccessPolicyAssociationAccessScopeArgs(
                type="namespace" if namespaces else "cluster", namespaces=list(namespaces) or None
            )
            eks.AccessPolicyAssociation(
                f"{name}-{who}-{policy.lower()}",
                cluster_name=args.cluster_name,
                principal_arn=entry.principal_arn,
                policy_arn=_POLICY.format(policy),
                access_scope=scope,
                opts=child(parent, depends_on=[entry]),
            )
        made[who] = role.arn
    return made


def _account_trust(cluster_arn: str) -> str:
    """Whom the account's own IAM lets assume it. (Sessions of a single sign-on carry no MFA key to ask for.)"""
    root = f"arn:aws:iam::{cluster_arn.split(':')[4]}:root"
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
