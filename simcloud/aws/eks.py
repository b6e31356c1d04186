"""EKS: cluster, node groups, add-ons, access.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html; version windows:
https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
"""

from __future__ import annotations

import base64
from datetime import date

from simcloud.aws.base import AwsKind, by_arn, existing, in_use, token_hex
from simcloud.aws.iam import KEY, ROLE, trusts
from simcloud.aws.network import SUBNET
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
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
            groups = found.inputs.get("vpcSecurityGroupIds") or []
            own = cluster.get("vpcConfig")["clusterSecurityGroupId"]
            if groups and own not in groups:
                # With any group of its own, EKS adds none: https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html
                raise CloudError("NodeCreationFailure", "Instances failed to join the kubernetes cluster")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        cluster, name = str(res.inputs["clusterName"]), str(res.inputs["nodeGroupName"])
        return {
            "arn": f"arn:aws:eks:{ctx.region}:{ctx.account}:nodegroup/{cluster}/{name}/{token_hex(8)}",
            "status": "ACTIVE",
            "version": res.inputs.get("version") or self._version(ctx, cluster),
            "resources": [{"autoscalingGroups": [{"name": f"eks-{name}-{token_hex(8)}"}]}],
        }

    def _version(self, ctx: Context, cluster: str) -> str | None:
        found = ctx.by_id(CLUSTER, cluster)
        return found.get("version") if found else None


class _OfCluster(AwsKind):
    service = "eks"

    def cluster(self, ctx: Context, inputs: Properties) -> Resource:
        name = inputs["clusterName"]
        return existing(
            ctx, CLUSTER, name, "ResourceNotFoundException", f"No cluster found for name: {name}."
        )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self.cluster(ctx, inputs)


@kind
class Addon(_OfCluster):
    type = "aws:eks/addon:Addon"
    latency = "eks_addon"
    lasting = frozenset({"arn"})
    replace_on = frozenset({"clusterName", "addonName", "region"})
    known = frozenset(
        {"vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent", "amazon-cloudwatch-observability"}
        | {"aws-ebs-csi-driver", "metrics-server"}
    )

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}:{inputs['addonName']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        super().validate(ctx, inputs, old)
        if inputs["addonName"] not in self.known:
            raise CloudError(
                "InvalidParameterException", f"Addon {inputs['addonName']} specified is not supported"
            )
        if old is None:
            same = ctx.find(self.type, clusterName=inputs["clusterName"], addonName=inputs["addonName"])
            in_use(same, "ResourceInUseException", "Addon already exists.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "arn": (
                f"arn:aws:eks:{ctx.region}:{ctx.account}:addon/{res.inputs['clusterName']}/"
                f"{res.inputs['addonName']}/{token_hex(8)}"
            ),
            "addonVersion": res.inputs.get("addonVersion") or "v1.0.0-eksbuild.1",
            "createdAt": "2026-11-24T00:00:00Z",
        }


@kind
class AccessEntry(_OfCluster):
    type = "aws:eks/accessEntry:AccessEntry"
    replace_on = frozenset({"clusterName", "principalArn", "type", "region"})
    lasting = frozenset({"accessEntryArn"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}:{inputs['principalArn']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        cluster = self.cluster(ctx, inputs)
        if (cluster.inputs.get("accessConfig") or {}).get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
            raise CloudError(
                "InvalidRequestException",
                "The cluster's authentication mode must be set to one of [API, "
                "API_AND_CONFIG_MAP] to perform this operation.",
            )
        if old is None:
            same = ctx.find(self.type, clusterName=cluster.id, principalArn=inputs["principalArn"])
            text = "The specified access entry resource is already in use on this cluster."
            in_use(same, "ResourceInUseException", text)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "accessEntryArn": (
                f"arn:aws:eks:{ctx.region}:{ctx.account}:access-entry/"
                f"{res.inputs['clusterName']}/role/{token_hex(8)}"
            )
        }


@kind
class AccessPolicyAssociation(_OfCluster):
    type = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
    replace_on = frozenset({"clusterName", "principalArn", "policyArn", "accessScope", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}#{inputs['principalArn']}#{inputs['policyArn']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        super().validate(ctx, inputs, old)
        if not ctx.by_id(AccessEntry.type, f"{inputs['clusterName']}:{inputs['principalArn']}"):
            raise CloudError(
                "ResourceNotFoundException",
                f"The specified principalArn could not be found: {inputs['principalArn']}",
            )
