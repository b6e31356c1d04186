"""The `eks` provider's components: pulumi_eks.Cluster and ManagedNodeGroup with the children that matter.

The real component makes these of the same names: `<name>-eksRole` (unless a service role is given),
`<name>-eksCluster`, `<name>-eksClusterSecurityGroup` (unless skipped), `<name>-oidcProvider`; a managed node group
makes one `aws.eks.NodeGroup` named like itself (pulumi-eks, nodejs/eks/cluster.ts and nodegroup.ts).
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
from simcloud.provider import Cloud, ProviderServer

CLUSTER = "eks:index:Cluster"
NODE_GROUP = "eks:index:ManagedNodeGroup"
SUPPORTED = {
    CLUSTER: {
        "name", "vpcId", "privateSubnetIds", "publicSubnetIds", "subnetIds", "version", "authenticationMode",
        "serviceRole", "skipDefaultNodeGroup", "skipDefaultSecurityGroups", "createOidcProvider", "instanceRoles",
        "enabledClusterLogTypes", "encryptionConfigKeyArn", "endpointPrivateAccess", "endpointPublicAccess",
        "publicAccessCidrs", "tags", "clusterTags", "nodeAssociatePublicIpAddress", "deletionProtection",
        "useDefaultVpcCni", "bootstrapSelfManagedAddons", "createInstanceRole",
    },
    NODE_GROUP: {
        "cluster", "clusterName", "nodeGroupName", "nodeRoleArn", "nodeRole", "subnetIds", "instanceTypes",
        "scalingConfig", "labels", "launchTemplate", "tags", "amiType", "capacityType", "version",
    },
}  # fmt: skip


class EksServer(ProviderServer):
    """A package of components only."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__("eks", cloud)
        self._engine = ""

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._engine = request.address
        return empty_pb2.Empty()

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        return construct.run({CLUSTER: cluster, NODE_GROUP: node_group}, request, self._engine, context)


def cluster(name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> ConstructResult:
    _refuse_unmodelled(CLUSTER, inputs)
    component = _Cluster(name, inputs, opts)
    return ConstructResult(urn=component.urn, state=component.state)


def node_group(name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> ConstructResult:
    _refuse_unmodelled(NODE_GROUP, inputs)
    component = _NodeGroup(name, inputs, opts)
    return ConstructResult(urn=component.urn, state={"nodeGroup": component.group})


def _refuse_unmodelled(token: str, inputs: dict[str, Any]) -> None:
    unknown = sorted(
        key for key, value in inputs.items() if value is not None and key not in SUPPORTED[token]
    )
    if unknown:
        raise ValueError(f"simcloud does not model {', '.join(unknown)} of {token}")


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
            access_config={"authentication_mode": mode} if mode else None,
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
            opts=child,
        )
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


class _NodeGroup(pulumi.ComponentResource):
    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(NODE_GROUP, name, {}, opts)
        role = inputs.get("nodeRoleArn")
        if role is None:
            role = inputs["nodeRole"].arn
        scaling = pulumi.Output.from_input(inputs.get("scalingConfig")).apply(
            lambda given: given or {"desiredSize": 2, "minSize": 1, "maxSize": 2}
        )
        template = inputs.get("launchTemplate")
        launch = pulumi.Output.from_input(template) if template is not None else None
        self.group = aws.eks.NodeGroup(
            name,
            cluster_name=inputs.get("clusterName")
            or pulumi.Output.from_input(inputs["cluster"])["cluster"].name,
            node_group_name=inputs.get("nodeGroupName"),
            node_role_arn=role,
            subnet_ids=inputs.get("subnetIds"),
            instance_types=inputs.get("instanceTypes"),
            scaling_config={
                "desired_size": scaling["desiredSize"],
                "min_size": scaling["minSize"],
                "max_size": scaling["maxSize"],
            },
            labels=inputs.get("labels"),
            launch_template={
                "id": launch.apply(lambda given: given.get("id")),
                "version": launch["version"],
            }
            if launch is not None
            else None,
            ami_type=inputs.get("amiType"),
            capacity_type=inputs.get("capacityType"),
            version=inputs.get("version"),
            tags=inputs.get("tags"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"nodeGroup": self.group})


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
