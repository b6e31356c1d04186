"""The `eks` provider's component: pulumi_eks.Cluster with the children that matter.

The real component makes these of the same names: `<name>-eksRole` (unless a service role is given),
`<name>-eksCluster`, `<name>-eksClusterSecurityGroup` (unless skipped), `<name>-oidcProvider`, and of its own accord
the add-ons `<name>-kube-proxy` and `<name>-vpc-cni` (this one within a component of the same name), in their newest
version unless told which (pulumi-eks 4.4: nodejs/eks/cluster/cluster.ts, addons/cni-addon.ts).
"""

from __future__ import annotations

import json
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
from google.protobuf import empty_pb2
from pulumi.provider import ConstructResult

from simcloud import construct
from simcloud.aws.eksaddons import default_version
from simcloud.provider import Cloud, ProviderServer

CLUSTER = "eks:index:Cluster"
VPC_CNI = "eks:index:VpcCniAddon"
SUPPORTED = {
    "name", "vpcId", "privateSubnetIds", "publicSubnetIds", "subnetIds", "version", "authenticationMode",
    "serviceRole", "skipDefaultNodeGroup", "skipDefaultSecurityGroups", "createOidcProvider", "instanceRoles",
    "enabledClusterLogTypes", "encryptionConfigKeyArn", "endpointPrivateAccess", "endpointPublicAccess",
    "publicAccessCidrs", "tags", "clusterTags", "nodeAssociatePublicIpAddress", "deletionProtection",
    "useDefaultVpcCni", "bootstrapSelfManagedAddons", "createInstanceRole", "vpcCniOptions",
    "kubeProxyAddonOptions", "corednsAddonOptions",
}  # fmt: skip
# Of the nested options; without a default node group the real component makes no coredns unless told to.
CONFLICTS = {"resolveConflictsOnCreate", "resolveConflictsOnUpdate"}
SUPPORTED_OPTIONS = {
    "vpcCniOptions": {"addonVersion", "enableNetworkPolicy", "configurationValues"} | CONFLICTS,
    "kubeProxyAddonOptions": {"enabled", "version", "configurationValues"} | CONFLICTS,
    "corednsAddonOptions": {"enabled"} | CONFLICTS,
}


class EksServer(ProviderServer):
    """A package of components only."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__("eks", cloud)
        self._engine = ""

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._engine = request.address
        return empty_pb2.Empty()

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        return construct.run({CLUSTER: cluster}, request, self._engine, context)


def cluster(name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> ConstructResult:
    _refuse_unmodelled(inputs)
    component = _Cluster(name, inputs, opts)
    return ConstructResult(urn=component.urn, state=component.state)


def _refuse_unmodelled(inputs: dict[str, Any]) -> None:
    unknown = [key for key, value in inputs.items() if value is not None and key not in SUPPORTED]
    for option, known in SUPPORTED_OPTIONS.items():
        unknown += [f"{option}.{key}" for key in (inputs.get(option) or {}) if key not in known]
    if (inputs.get("corednsAddonOptions") or {}).get("enabled"):
        unknown.append("corednsAddonOptions.enabled")
    if unknown:
        raise ValueError(f"simcloud does not model {', '.join(sorted(unknown))} of {CLUSTER}")


class _Cluster(pulumi.ComponentResource):
    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(CLUSTER, name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = inputs.get("serviceRole")
        if role is None:
            trust = {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"Service": "eks.amazonaws.com"},
                    }
                ],
            }
            role = aws.iam.Role(f"{name}-eksRole-role", assume_role_policy=json.dumps(trust), opts=child)
        # Inputs that depend on other resources come as Outputs, lists and maps too.
        subnets = pulumi.Output.all(
            inputs.get("subnetIds"), inputs.get("publicSubnetIds"), inputs.get("privateSubnetIds")
        ).apply(lambda lists: [item for found in lists for item in found or []])
        tags = pulumi.Output.all(inputs.get("tags"), inputs.get("clusterTags")).apply(
            lambda maps: {key: value for found in maps for key, value in (found or {}).items()}
        )
        mode = inputs.get("authenticationMode")
        self.eks = aws.eks.Cluster(
            f"{name}-eksCluster",
            name=inputs.get("name"),
            role_arn=role.arn,
            version=inputs.get("version"),
            access_config={
                "authentication_mode": mode,
                "bootstrap_cluster_creator_admin_permissions": True,
            }
            if mode
            else None,
            bootstrap_self_managed_addons=True,
            deletion_protection=inputs.get("deletionProtection"),
            enabled_cluster_log_types=inputs.get("enabledClusterLogTypes"),
            encryption_config={
                "provider": {"key_arn": inputs["encryptionConfigKeyArn"]},
                "resources": ["secrets"],
            }
            if inputs.get("encryptionConfigKeyArn")
            else None,
            vpc_config={
                "subnet_ids": subnets,
                "endpoint_private_access": inputs.get("endpointPrivateAccess"),
                "endpoint_public_access": inputs.get("endpointPublicAccess"),
                "public_access_cidrs": inputs.get("publicAccessCidrs"),
            },
            tags=tags,
            # As the real component does: both only count at creation, and old states have neither.
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    ignore_changes=[
                        "accessConfig.bootstrapClusterCreatorAdminPermissions",
                        "bootstrapSelfManagedAddons",
                    ]
                ),
            ),
        )
        self._addons(name, inputs, child)
        issuer = self.eks.identities[0].oidcs[0].issuer
        oidc = None
        if inputs.get("createOidcProvider"):
            oidc = aws.iam.OpenIdConnectProvider(
                f"{name}-oidcProvider", client_id_lists=["sts.amazonaws.com"], url=issuer, opts=child
            )
        kubeconfig = pulumi.Output.all(
            self.eks.endpoint, self.eks.name, self.eks.certificate_authority
        ).apply(lambda values: _kubeconfig(str(values[0]), str(values[1]), str(values[2]["data"])))
        self.state: dict[str, Any] = {
            "eksCluster": self.eks,
            "kubeconfig": kubeconfig,
            "kubeconfigJson": kubeconfig.apply(json.dumps),
            "core": {"cluster": self.eks, "endpoint": self.eks.endpoint, "kubeconfig": kubeconfig},
            "clusterSecurityGroupId": self.eks.vpc_config.cluster_security_group_id,
            "oidcIssuer": issuer,
            "oidcProviderArn": oidc.arn if oidc else None,
            "oidcProviderUrl": oidc.url if oidc else None,
        }
        self.register_outputs(self.state)

    def _addons(self, name: str, inputs: dict[str, Any], child: pulumi.ResourceOptions) -> None:
        proxy = inputs.get("kubeProxyAddonOptions") or {}
        if proxy.get("enabled", True):
            given = {**proxy, "addonVersion": proxy.get("version"), "tags": inputs.get("tags")}
            self._addon(f"{name}-kube-proxy", "kube-proxy", given, child)
        if not inputs.get("useDefaultVpcCni"):
            cni = inputs.get("vpcCniOptions") or {}
            values = dict(cni.get("configurationValues") or {})
            if cni.get("enableNetworkPolicy") is not None:
                values.setdefault("enableNetworkPolicy", str(cni["enableNetworkPolicy"]).lower())
            holder = pulumi.ComponentResource(VPC_CNI, f"{name}-vpc-cni", None, child)
            given = {**cni, "configurationValues": values, "tags": inputs.get("tags")}
            self._addon(f"{name}-vpc-cni", "vpc-cni", given, pulumi.ResourceOptions(parent=holder))

    def _addon(self, name: str, addon: str, given: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        values = given.get("configurationValues")
        newest = self.eks.version.apply(lambda minor: default_version(addon, minor))
        aws.eks.Addon(
            name,
            cluster_name=self.eks.name,
            addon_name=addon,
            addon_version=given.get("addonVersion") or newest,
            preserve=True,
            resolve_conflicts_on_create=given.get("resolveConflictsOnCreate") or "OVERWRITE",
            resolve_conflicts_on_update=given.get("resolveConflictsOnUpdate") or "OVERWRITE",
            configuration_values=json.dumps(values, sort_keys=True) if values else None,
            tags=given["tags"],
            opts=opts,
        )


def _kubeconfig(endpoint: str, name: str, authority: str) -> dict[str, Any]:
    """The shape that pulumi-eks makes: a token from `aws eks get-token`."""
    command = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", name, "--output", "json"],
        "env": [
            {
                "name": "KUBERNETES_EXEC_INFO",
                "value": '{"apiVersion": "client.authentication.k8s.io/v1beta1"}',
            }
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "kubernetes", "cluster": {"server": endpoint, "certificate-authority-data": authority}}
        ],
        "contexts": [{"name": "aws", "context": {"cluster": "kubernetes", "user": "aws"}}],
        "current-context": "aws",
        "users": [{"name": "aws", "user": {"exec": command}}],
    }
