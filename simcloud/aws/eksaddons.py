"""EKS add-ons: names, versions, configuration, health.

https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAddon.html
"""

from __future__ import annotations

import json
from typing import Any

from simcloud.aws.base import AwsKind, by_arn, existing, in_use, token_hex
from simcloud.aws.iam import ROLE
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

ADDON = "aws:eks/addon:Addon"
CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"

# Add-on → Kubernetes minor → versions that EKS offered in August and September 2026, its default first. Each was
# seen in what somebody wrote down after `aws eks describe-addon-versions` or an upgrade of a running cluster
# (sets of 2026-08-27 in ap-northeast-2 and of 2026-09-23, found with `find_string`).
VERSIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "vpc-cni": dict.fromkeys(
        ("1.33", "1.34", "1.35", "1.36"), ("v1.22.4-eksbuild.3", "v1.23.0-eksbuild.1", "v1.22.3-eksbuild.1")
    ),
    "kube-proxy": {
        "1.33": ("v1.33.10-eksbuild.29", "v1.33.10-eksbuild.18"),
        "1.34": ("v1.34.6-eksbuild.29", "v1.34.6-eksbuild.21", "v1.34.6-eksbuild.18"),
        "1.35": ("v1.35.3-eksbuild.29", "v1.35.3-eksbuild.21", "v1.35.3-eksbuild.18"),
        "1.36": ("v1.36.0-eksbuild.25", "v1.36.0-eksbuild.21", "v1.36.0-eksbuild.14"),
    },
    "coredns": {
        "1.33": ("v1.12.4-eksbuild.38", "v1.12.4-eksbuild.18"),
        "1.34": ("v1.12.4-eksbuild.38", "v1.12.4-eksbuild.29", "v1.13.2-eksbuild.11"),
        "1.35": ("v1.13.2-eksbuild.31", "v1.13.2-eksbuild.21", "v1.14.3-eksbuild.3"),
        "1.36": ("v1.14.3-eksbuild.23", "v1.14.3-eksbuild.16", "v1.14.3-eksbuild.3"),
    },
    "eks-pod-identity-agent": dict.fromkeys(("1.33", "1.34", "1.35", "1.36"), ("v1.3.10-eksbuild.3",)),
    "metrics-server": dict.fromkeys(
        ("1.33", "1.34", "1.35", "1.36"), ("v0.9.0-eksbuild.11", "v0.9.0-eksbuild.7", "v0.9.0-eksbuild.5")
    ),
    "amazon-cloudwatch-observability": dict.fromkeys(
        ("1.33", "1.34", "1.35", "1.36"), ("v6.7.0-eksbuild.1", "v6.6.0-eksbuild.1", "v6.5.0-eksbuild.1")
    ),
    "aws-ebs-csi-driver": dict.fromkeys(
        ("1.33", "1.34", "1.35", "1.36"), ("v1.66.0-eksbuild.1", "v1.63.1-eksbuild.1")
    ),
}
# What a new cluster has without asking (bootstrapSelfManagedAddons), and the field that an add-on would take over.
SELF_MANAGED = {
    "vpc-cni": 'DaemonSet.apps aws-node - .spec.template.spec.containers[name="aws-node"].image',
    "kube-proxy": 'DaemonSet.apps kube-proxy - .spec.template.spec.containers[name="kube-proxy"].image',
    "coredns": 'Deployment.apps coredns - .spec.template.spec.containers[name="coredns"].image',
}
# With a Deployment of their own, which waits for a node; the others are DaemonSets, content with none.
NEED_NODES = {"coredns", "metrics-server", "amazon-cloudwatch-observability", "aws-ebs-csi-driver"}


def _schema(*, strings: str = "", integers: str = "", arrays: str = "", objects: str = "") -> dict[str, type]:
    by_type = {str: strings, int: integers, list: arrays, dict: objects}
    return {name: kind for kind, names in by_type.items() for name in names.split()}


_POD = "resources affinity nodeSelector podAnnotations podLabels"
# The top level of what `aws eks describe-addon-configuration` gives as the schema; all refuse what they do not
# know. vpc-cni's switches are strings (its chart: github.com/aws/amazon-vpc-cni-k8s, charts/aws-vpc-cni).
SCHEMAS: dict[str, dict[str, type]] = {
    "vpc-cni": _schema(
        strings="enableNetworkPolicy enableWindowsIpam enableWindowsPrefixDelegation",
        integers="livenessProbeTimeoutSeconds readinessProbeTimeoutSeconds",
        arrays="tolerations",
        objects=f"env init nodeAgent eniConfig {_POD}",
    ),
    "kube-proxy": _schema(strings="mode", arrays="tolerations", objects=f"ipvs {_POD}"),
    "coredns": _schema(
        strings="corefile computeType",
        integers="replicaCount",
        arrays="tolerations topologySpreadConstraints",
        objects=f"autoScaling podDisruptionBudget {_POD}",
    ),
    "eks-pod-identity-agent": _schema(
        strings="priorityClassName", arrays="tolerations", objects=f"agent {_POD}"
    ),
    "metrics-server": _schema(
        integers="replicas",
        arrays="tolerations topologySpreadConstraints",
        objects=f"addonResizer podDisruptionBudget {_POD}",
    ),
    "amazon-cloudwatch-observability": _schema(
        arrays="agents tolerations",
        objects="admissionWebhooks agent manager containerLogs containerInsights applicationSignals "
        "otelContainerInsights dcgmExporter neuronMonitor nodeExporter kubeStateMetrics",
    ),
    "aws-ebs-csi-driver": _schema(objects="controller node sidecars"),
}
_JSON_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


def default_version(name: str, minor: str) -> str:
    """What EKS installs when no version is asked for."""
    return VERSIONS[name][minor][0]


class OfCluster(AwsKind):
    """What belongs to a cluster and ends with it."""

    service = "eks"

    def cluster(self, ctx: Context, inputs: Properties) -> Resource:
        name = inputs["clusterName"]
        return existing(
            ctx, CLUSTER, name, "ResourceNotFoundException", f"No cluster found for name: {name}."
        )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self.cluster(ctx, inputs)


@kind
class Addon(OfCluster):
    type = ADDON
    latency, update_latency = "eks_addon", "eks_addon"
    lasting = frozenset({"arn", "createdAt"})
    replace_on = frozenset({"clusterName", "addonName", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['clusterName']}:{inputs['addonName']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        cluster, name = self.cluster(ctx, inputs), str(inputs["addonName"])
        if name not in VERSIONS:
            raise CloudError("InvalidParameterException", f"Addon {name} specified is not supported")
        if old is None:
            same = ctx.find(self.type, clusterName=cluster.id, addonName=name)
            in_use(same, "ResourceInUseException", "Addon already exists.")
        offered = VERSIONS[name].get(str(cluster.get("version")), ())
        version = inputs.get("addonVersion")
        kept = old is not None and old.inputs.get("addonVersion") == version
        if not kept and (not offered or version not in (None, *offered)):
            # https://github.com/hashicorp/terraform-provider-aws/issues/33385
            raise CloudError("InvalidParameterException", "Addon version specified is not supported")
        if inputs.get("configurationValues"):
            _configuration(name, str(inputs["configurationValues"]))
        role = inputs.get("serviceAccountRoleArn")
        if role and by_arn(ctx, ROLE, role) is None:
            raise CloudError("InvalidParameterException", f"Role {role} does not exist")  # wording (I)
        if old is None:
            self._conflicts(cluster, name, inputs)

    def _conflicts(self, cluster: Resource, name: str, inputs: Properties) -> None:
        """The self-managed one stands in the way unless it may be overwritten.

        https://docs.aws.amazon.com/eks/latest/userguide/troubleshooting.html; that every version differs is (I).
        """
        if name not in SELF_MANAGED or cluster.inputs.get("bootstrapSelfManagedAddons") is False:
            return
        if inputs.get("resolveConflictsOnCreate") != "OVERWRITE":
            raise CloudError(
                "ConfigurationConflict",
                "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode. Conflicts: "
                + SELF_MANAGED[name],
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        cluster, name = self.cluster(ctx, res.inputs), str(res.inputs["addonName"])
        version = res.inputs.get("addonVersion") or res.outputs.get("addonVersion")
        return {
            "arn": f"arn:aws:eks:{ctx.region}:{ctx.account}:addon/{cluster.id}/{name}/{token_hex(8)}",
            "addonVersion": version or default_version(name, str(cluster.get("version"))),
            "createdAt": "2026-11-24T00:00:00Z",
            "modifiedAt": "2026-11-24T00:00:00Z",
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        groups = ctx.find(NODE_GROUP, clusterName=res.inputs["clusterName"], status="ready")
        nodes = sum(int((group.get("scalingConfig") or {}).get("desiredSize", 0)) for group in groups)
        if res.inputs["addonName"] in NEED_NODES and not nodes:
            # https://github.com/pulumi/pulumi-eks/issues/1819
            raise CloudError(
                "InsufficientNumberOfReplicas",
                "The add-on is unhealthy because it doesn't have the desired number of replicas: waiting for EKS "
                f"Add-On ({res.id}) create: timeout while waiting for state to become 'ACTIVE' (last state: "
                "'DEGRADED', timeout: 20m0s)",
            )
        return {}


def _configuration(name: str, text: str) -> None:
    """Refuses what the add-on's schema refuses; https://github.com/aws/containers-roadmap/issues/2216."""
    try:
        values: Any = json.loads(text)
    except ValueError:
        problem = "is not valid JSON"  # wording (I)
        raise CloudError(
            "InvalidParameterException", f"ConfigurationValue provided in request is not supported: {problem}"
        ) from None
    found: list[str] = []
    if not isinstance(values, dict):
        found.append(f"$: {_json_type(values)} found, object expected")
    else:
        schema = SCHEMAS[name]
        for key, value in values.items():
            if key not in schema:
                found.append(
                    f"$.{key}: is not defined in the schema and the schema does not allow additional properties"
                )
            elif not isinstance(value, schema[key]) or (isinstance(value, bool) and schema[key] is int):
                found.append(f"$.{key}: {_json_type(value)} found, {_JSON_TYPES[schema[key]]} expected")
    if found:
        raise CloudError(
            "InvalidParameterException",
            "ConfigurationValue provided in request is not supported: Json schema validation failed with error: "
            f"[{', '.join(found)}]",
        )


def _json_type(value: Any) -> str:
    return "null" if value is None else _JSON_TYPES[type(value)]
