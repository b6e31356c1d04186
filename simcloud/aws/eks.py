"""EKS: clusters and managed node groups; add-ons are in eksaddons, access in eksaccess.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html; version windows:
https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar

from simcloud.aws.base import AwsKind, by_arn, existing, in_use, token_hex
from simcloud.aws.eksaddons import CLUSTER, NODE_GROUP
from simcloud.aws.iam import KEY, ROLE, trusts
from simcloud.aws.network import SUBNET
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
# Without one: https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html, `amiType`
AMI_TYPE = "AL2023_x86_64_STANDARD"
LOG_TYPES = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
# minor → (first day, last day of extended support)
VERSIONS = {
    "1.33": (date(2025, 5, 29), date(2027, 7, 29)),
    "1.34": (date(2025, 10, 2), date(2027, 12, 2)),
    "1.35": (date(2026, 1, 27), date(2028, 3, 27)),
    "1.36": (date(2026, 6, 1), date(2028, 8, 1)),
}


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _zones(ctx: Context, subnet_ids: list[str]) -> set[str]:
    zones: set[str] = set()
    for subnet_id in subnet_ids:
        subnet = existing(
            ctx, SUBNET, subnet_id, "InvalidParameterException", f"The subnet ID '{subnet_id}' does not exist"
        )
        zones.add(str(subnet.get("availabilityZone")))
    return zones


@kind
class Cluster(AwsKind):
    type = CLUSTER
    service = "eks"
    latency, delete_latency = "eks_cluster", "eks_delete"
    lasting = frozenset({"endpoint", "identities"})
    computed = frozenset({"vpcConfig.clusterSecurityGroupId", "vpcConfig.vpcId"})
    replace_on = frozenset({"name", "roleArn", "bootstrapSelfManagedAddons", "encryptionConfig", "region"})

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return (
            inputs
            if inputs.get("name")
            else {**inputs, "name": (old or {}).get("name") or f"{name}-{token_hex(7)}"}
        )

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["name"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name, version = str(inputs["name"]), str(inputs.get("version") or "1.35")
        if old is None:
            in_use(
                ctx.find(CLUSTER, name=name),
                "ResourceInUseException",
                f"Cluster already exists with name: {name}",
            )
        before = str(old.inputs.get("version") or "1.35") if old else None
        window = VERSIONS.get(version)
        if version != before and (window is None or not window[0] <= date.today() <= window[1]):
            raise CloudError("InvalidParameterException", f"unsupported Kubernetes version {version}")
        if before and _minor(version) - _minor(before) not in (0, 1):
            raise CloudError(
                "InvalidParameterException",
                f"Unsupported Kubernetes minor version update from {before} to {version}",
            )
        if len(_zones(ctx, inputs["vpcConfig"]["subnetIds"])) < 2:
            raise CloudError(
                "InvalidParameterException", "Subnets specified must be in at least two different AZs"
            )
        role = by_arn(ctx, ROLE, inputs["roleArn"])
        if role is None or not trusts(role, "eks.amazonaws.com"):
            raise CloudError(
                "InvalidParameterException",
                f"Role with arn: {inputs['roleArn']}, could not be assumed because it does not "
                "exist or the trusted entity is not correct",
            )
        mode = (inputs.get("accessConfig") or {}).get("authenticationMode")
        was = ((old.inputs.get("accessConfig") or {}).get("authenticationMode")) if old else None
        if was == "CONFIG_MAP" and mode == "API":
            raise CloudError(
                "InvalidParameterException", "Unsupported authentication mode update from CONFIG_MAP to API"
            )
        key = ((inputs.get("encryptionConfig") or {}).get("provider") or {}).get("keyArn")
        if key and by_arn(ctx, KEY, key) is None:
            raise CloudError("InvalidParameterException", f"Key {key} does not exist")
        unknown = set(inputs.get("enabledClusterLogTypes") or []) - LOG_TYPES
        if unknown:
            raise CloudError("InvalidParameterException", f"Invalid cluster log type {min(unknown)}")  # (I)
        vpc = inputs["vpcConfig"]
        if vpc.get("endpointPublicAccess") is False and not vpc.get("endpointPrivateAccess"):
            raise CloudError(  # wording (I)
                "InvalidParameterException", "Private and public endpoint access cannot be false"
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        unique = token_hex(32).upper()
        issuer = f"https://oidc.eks.{ctx.region}.amazonaws.com/id/{unique}"
        vpc = ctx.by_id(SUBNET, str(res.inputs["vpcConfig"]["subnetIds"][0]))
        group = (res.outputs.get("vpcConfig") or {}).get("clusterSecurityGroupId") or f"sg-0{token_hex(16)}"
        return {
            "arn": f"arn:aws:eks:{ctx.region}:{ctx.account}:cluster/{res.id}",
            "endpoint": f"https://{unique}.gr7.{ctx.region}.eks.amazonaws.com",
            "status": "ACTIVE",
            "version": res.inputs.get("version") or "1.35",
            "platformVersion": "eks.1",
            "createdAt": "2026-11-24T00:00:00Z",
            "certificateAuthority": {"data": base64.b64encode(b"embedded clouds: no certificate").decode()},
            "identities": [{"oidcs": [{"issuer": issuer}]}],
            "vpcConfig": {
                **res.inputs["vpcConfig"],
                "clusterSecurityGroupId": group,
                "vpcId": vpc.get("vpcId") if vpc else None,
            },
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        version = str(res.inputs.get("version") or "1.35")
        ctx.world.clusters.create(
            res.id, region=ctx.region, version=version, server=str(res.outputs["endpoint"])
        )
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        if res.inputs.get("deletionProtection"):
            # https://docs.aws.amazon.com/eks/latest/userguide/deletion-protection.html; wording (I)
            raise CloudError(
                "InvalidRequestException", "Cannot delete cluster because deletion protection is enabled"
            )
        in_use(
            [g for g in ctx.find(NODE_GROUP, clusterName=res.id) if g.status != "deleting"],
            "ResourceInUseException",
            "Cluster has nodegroups attached",
        )
        ctx.world.clusters.delete(res.id)


@kind
class NodeGroup(AwsKind):
    type = NODE_GROUP
    service = "eks"
    latency, delete_latency = "eks_node_group", "eks_node_group_delete"
    lasting = frozenset({"arn", "resources"})
    replace_on = frozenset(
        {"clusterName", "nodeGroupName", "nodeGroupNamePrefix", "nodeRoleArn", "subnetIds", "instanceTypes"}
        | {"amiType", "capacityType", "diskSize", "region"}
    )
    defaults: ClassVar[Mapping[str, Any]] = {"amiType": AMI_TYPE, "capacityType": "ON_DEMAND"}

    def replaces(self, old: Properties, new: Properties, changed: list[str]) -> list[str]:
        # To say what EKS had chosen is no change: the provider compares with what is deployed.
        return super().replaces({**self.defaults, **old}, {**self.defaults, **new}, changed)

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        if inputs.get("nodeGroupName"):
            return inputs
        return {**inputs, "nodeGroupName": (old or {}).get("nodeGroupName") or f"{name}-{token_hex(7)}"}

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}:{inputs['nodeGroupName']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        cluster = existing(
            ctx,
            CLUSTER,
            inputs["clusterName"],
            "ResourceNotFoundException",
            f"No cluster found for name: {inputs['clusterName']}.",
        )
        if old is None:
            name = inputs["nodeGroupName"]
            in_use(
                ctx.find(NODE_GROUP, clusterName=cluster.id, nodeGroupName=name),
                "ResourceInUseException",
                f"NodeGroup already exists with name {name} and cluster name {cluster.id}",
            )
        scaling = inputs["scalingConfig"]
        low, want, high = (int(scaling[k]) for k in ("minSize", "desiredSize", "maxSize"))
        update = inputs.get("updateConfig") or {}
        if len([value for value in update.values() if value is not None]) > 1:
            raise CloudError(  # wording (I)
                "InvalidParameterException",
                "Either maxUnavailable or maxUnavailablePercentage can be set in updateConfig, not both",
            )
        if low > high:
            raise CloudError(
                "InvalidParameterException",
                f"Minimum capacity {low} can't be greater than maximum size {high}",
            )
        if not low <= want <= high:
            which = "greater than max" if want > high else "less than min"
            raise CloudError(
                "InvalidParameterException",
                f"desired capacity {want} can't be {which} size {high if want > high else low}",
            )
        _zones(ctx, inputs["subnetIds"])
        role = by_arn(ctx, ROLE, inputs["nodeRoleArn"])
        if role is None or not trusts(role, "ec2.amazonaws.com"):
            raise CloudError(
                "InvalidParameterException",
                "Following required service principals [ec2.amazonaws.com] were not found in the trust "
                f"relationships of nodeRole {inputs['nodeRoleArn']}",
            )
        template = inputs.get("launchTemplate")
        if template:
            found = existing(
                ctx,
                TEMPLATE,
                template.get("id"),
                "InvalidRequestException",
                "The specified launch template does not exist",
            )
            self._template(found, inputs)
            groups = found.inputs.get("vpcSecurityGroupIds") or []
            own = cluster.get("vpcConfig")["clusterSecurityGroupId"]
            if groups and own not in groups:
                # With any group of its own, EKS adds none: https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
                raise CloudError("NodeCreationFailure", "Instances failed to join the kubernetes cluster")

    def _template(self, found: Resource, inputs: Properties) -> None:
        """What may be said in one place only: https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html"""
        if inputs.get("diskSize"):
            # https://github.com/crossplane-contrib/provider-upjet-aws/issues/866
            raise CloudError(
                "InvalidParameterException", "Disk size must be specified within the launch template."
            )
        if found.inputs.get("instanceType") and inputs.get("instanceTypes"):
            # https://github.com/terraform-aws-modules/terraform-aws-eks/issues/1386
            raise CloudError(
                "InvalidRequestException", "Cannot specify instance types in launch template and API request"
            )
        if found.inputs.get("iamInstanceProfile"):
            raise CloudError(  # wording (I)
                "InvalidRequestException", "Launch template must not specify an IAM instance profile"
            )
        version = str(inputs["launchTemplate"].get("version"))
        if version.isdigit() and int(version) > int(found.get("latestVersion", 1)):
            raise CloudError(
                "InvalidRequestException", f"The specified launch template version {version} does not exist"
            )  # wording (I)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        cluster, name = str(res.inputs["clusterName"]), str(res.inputs["nodeGroupName"])
        return {
            "arn": f"arn:aws:eks:{ctx.region}:{ctx.account}:nodegroup/{cluster}/{name}/{token_hex(8)}",
            "status": "ACTIVE",
            "version": res.inputs.get("version") or self._version(ctx, cluster),
            "resources": [{"autoscalingGroups": [{"name": f"eks-{name}-{token_hex(8)}"}]}],
            **{key: res.inputs.get(key) or value for key, value in self.defaults.items()},
        }

    def _version(self, ctx: Context, cluster: str) -> str | None:
        found = ctx.by_id(CLUSTER, cluster)
        return found.get("version") if found else None
