"""Who may use a cluster, and what its pods may do in AWS.

https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html,
https://docs.aws.amazon.com/eks/latest/userguide/pod-id-association.html
"""

from __future__ import annotations

import re

from simcloud.aws.base import by_arn, in_use, letters, token_hex
from simcloud.aws.eksaddons import NODE_GROUP, OfCluster
from simcloud.aws.iam import ROLE, document
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

ENTRY = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
POD_IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html: those that people are given
POLICIES = {
    f"arn:aws:eks::aws:cluster-access-policy/{name}"
    for name in (
        *("AmazonEKSAdminPolicy", "AmazonEKSClusterAdminPolicy", "AmazonEKSAdminViewPolicy"),
        *("AmazonEKSEditPolicy", "AmazonEKSViewPolicy", "AmazonEKSSecretReaderPolicy"),
    )
}
TYPES = {"STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"}
PRINCIPAL = r"arn:aws:iam::\d{12}:(role|user)/[\w+=,.@/-]+"


def needs_api(cluster: Resource) -> None:
    """Access entries exist only where the cluster asks IAM's API."""
    mode = (cluster.inputs.get("accessConfig") or {}).get("authenticationMode", "CONFIG_MAP")
    if mode == "CONFIG_MAP":
        raise CloudError(
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, "
            "API_AND_CONFIG_MAP] to perform this operation.",
        )


@kind
class AccessEntry(OfCluster):
    type = ENTRY
    replace_on = frozenset({"clusterName", "principalArn", "type", "region"})
    lasting = frozenset({"accessEntryArn", "createdAt"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}:{inputs['principalArn']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        cluster, who = self.cluster(ctx, inputs), str(inputs["principalArn"])
        needs_api(cluster)
        self._principal(ctx, who)
        self._kind(inputs)
        if old is None:
            text = "The specified access entry resource is already in use on this cluster."
            in_use(
                ctx.find(self.type, clusterName=cluster.id, principalArn=who), "ResourceInUseException", text
            )
            # EKS makes the entry of a managed node group's role by itself.
            in_use(
                ctx.find(NODE_GROUP, clusterName=cluster.id, nodeRoleArn=who), "ResourceInUseException", text
            )

    def _principal(self, ctx: Context, who: str) -> None:
        """https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2969, and for service-linked roles
        https://github.com/hashicorp/terraform-provider-aws/issues/36447."""
        if ":role/aws-service-role/" in who:
            raise CloudError(
                "InvalidParameterException",
                "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role",
            )
        ours = f"arn:aws:iam::{ctx.account}:role/"
        if not re.fullmatch(PRINCIPAL, who) or (who.startswith(ours) and by_arn(ctx, ROLE, who) is None):
            raise CloudError(
                "InvalidParameterException", "The specified principalArn is invalid: invalid principal."
            )

    def _kind(self, inputs: Properties) -> None:
        """Node types are what EKS says they are; people's groups and names are not the system's.

        https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2915 and pull 1920 of aws-ia's blueprints.
        """
        type_ = str(inputs.get("type") or "STANDARD")
        if type_ not in TYPES:
            raise CloudError("InvalidParameterException", f"The access entry type {type_} is invalid.")  # (I)
        groups, user = inputs.get("kubernetesGroups") or [], str(inputs.get("userName") or "")
        for group in groups:
            if type_ == "STANDARD" and str(group).startswith("system:"):
                raise CloudError(
                    "InvalidParameterException",
                    f"The kubernetes group name {group} is invalid, it cannot start with system:",
                )
        if type_ == "STANDARD" and user.startswith("system:"):
            raise CloudError("InvalidParameterException", "The username must not begin with system:")
        if type_ != "STANDARD" and (groups or user):
            raise CloudError(  # the rule: API_CreateAccessEntry, `type`; wording (I)
                "InvalidParameterException",
                f"The username and kubernetesGroups cannot be specified for an access entry of type {type_}.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        cluster, who = str(res.inputs["clusterName"]), str(res.inputs["principalArn"])
        return {
            "accessEntryArn": (
                f"arn:aws:eks:{ctx.region}:{ctx.account}:access-entry/{cluster}/"
                f"{who.split(':')[-1].split('/')[0]}/{ctx.account}/{who.rsplit('/', 1)[-1]}/{token_hex(8)}"
            ),
            "createdAt": "2026-11-24T00:00:00Z",
            "modifiedAt": "2026-11-24T00:00:00Z",
            "userName": res.inputs.get("userName") or who,
            "type": res.inputs.get("type") or "STANDARD",
        }


@kind
class AccessPolicyAssociation(OfCluster):
    type = ASSOCIATION
    replace_on = frozenset({"clusterName", "principalArn", "policyArn", "accessScope", "region"})
    lasting = frozenset({"associatedAt"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}#{inputs['principalArn']}#{inputs['policyArn']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        cluster = self.cluster(ctx, inputs)
        needs_api(cluster)
        entry = ctx.by_id(ENTRY, f"{cluster.id}:{inputs['principalArn']}")
        if entry is None:
            # https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3024
            raise CloudError(
                "ResourceNotFoundException",
                "The specified principalArn could not be found. You can view your available access entries with "
                "'list-access-entries'.",
            )
        if entry.get("type") not in (None, "STANDARD", "EC2"):
            raise CloudError(  # the rule: docs of access-entries, "types"; wording (I)
                "InvalidRequestException",
                f"Access policies cannot be associated with an access entry of type {entry.get('type')}.",
            )
        if inputs["policyArn"] not in POLICIES:
            raise CloudError(
                "InvalidParameterException", "The specified policyArn is invalid."
            )  # wording (I)
        scope = inputs["accessScope"]
        if (scope["type"] == "namespace") != bool(scope.get("namespaces")):
            raise CloudError(  # wording (I)
                "InvalidParameterException",
                "The namespaces of an access scope must be set with type namespace, and with no other.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"associatedAt": "2026-11-24T00:00:00Z", "modifiedAt": "2026-11-24T00:00:00Z"}


@kind
class PodIdentityAssociation(OfCluster):
    type = POD_IDENTITY
    replace_on = frozenset({"clusterName", "namespace", "serviceAccount", "region"})
    lasting = frozenset({"associationId", "associationArn", "externalId"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return "a-" + letters(17, "abcdefghijklmnopqrstuvwxyz0123456789")

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        cluster = self.cluster(ctx, inputs)
        if old is None:
            same = ctx.find(
                self.type,
                clusterName=cluster.id,
                namespace=inputs["namespace"],
                serviceAccount=inputs["serviceAccount"],
            )
            # https://github.com/crossplane-contrib/provider-upjet-aws/issues/1437
            text = f"Association already exists: {same[0].id}" if same else ""
            in_use(same, "ResourceInUseException", text)
        role = by_arn(ctx, ROLE, inputs["roleArn"])
        if role is None:
            raise CloudError(
                "InvalidParameterException", "Role provided in the request does not exist."
            )  # (I)
        if not _for_pods(role):
            # https://github.com/hashicorp/terraform-provider-aws/issues/41483
            raise CloudError(
                "InvalidParameterException",
                "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        cluster = res.inputs["clusterName"]
        return {
            "associationId": res.id,
            "associationArn": (
                f"arn:aws:eks:{ctx.region}:{ctx.account}:podidentityassociation/{cluster}/{res.id}"
            ),
        }


def _for_pods(role: Resource) -> bool:
    """Pod Identity assumes the role and tags the session: it needs both.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    for statement in document(role.inputs["assumeRolePolicy"])["Statement"]:
        service = (statement.get("Principal") or {}).get("Service", [])
        actions = statement.get("Action", [])
        if statement["Effect"] == "Allow" and "pods.eks.amazonaws.com" in (
            [service] if isinstance(service, str) else service
        ):
            return {"sts:AssumeRole", "sts:TagSession"} <= set(
                [actions] if isinstance(actions, str) else actions
            )
    return False
