"""AKS with the pools web (system) and was, Azure CNI, an identity that may use the subnets."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import authorization, containerservice

from components.naming import child

NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"  # built-in
VM_SIZE = "Standard_B2s"
MAX_PODS = 30  # Azure CNI takes an address a pod: 4 nodes and an upgrade's fifth fit a /24 with it


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    project: str
    resource_group: pulumi.Input[str]
    location: str
    version: str
    subscription_id: pulumi.Input[str]
    web_subnet_id: pulumi.Input[str]
    was_subnet_id: pulumi.Input[str]
    vnet_id: pulumi.Input[str]
    node_min: int
    node_max: int
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Cluster(pulumi.ComponentResource):
    """Two pools with the labels that the manifests select."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:Cluster", name, None, opts)
        cluster = containerservice.ManagedCluster(
            f"{name}-aks",
            resource_name_=f"aks-dr-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            kubernetes_version=args.version,
            dns_prefix=f"aks-dr-{args.project}",
            enable_rbac=True,
            identity=containerservice.ManagedClusterIdentityArgs(
                type=containerservice.ResourceIdentityType.SYSTEM_ASSIGNED
            ),
            sku=containerservice.ManagedClusterSKUArgs(name="Base", tier="Free"),
            oidc_issuer_profile=containerservice.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            agent_pool_profiles=[
                containerservice.ManagedClusterAgentPoolProfileArgs(
                    name="web",
                    mode=containerservice.AgentPoolMode.SYSTEM,
                    vm_size=VM_SIZE,
                    os_type=containerservice.OSType.LINUX,
                    vnet_subnet_id=args.web_subnet_id,
                    enable_auto_scaling=True,
                    count=args.node_min,
                    min_count=args.node_min,
                    max_count=args.node_max,
                    max_pods=MAX_PODS,
                    node_labels={"tier": "web"},
                )
            ],
            network_profile=containerservice.ContainerServiceNetworkProfileArgs(
                network_plugin=containerservice.NetworkPlugin.AZURE,
                network_policy=containerservice.NetworkPolicy.AZURE,
                load_balancer_sku=containerservice.LoadBalancerSku.STANDARD,
                # Outside the VNet and the VPC, so that a later link between them finds no overlap.
                service_cidr="10.100.0.0/16",
                dns_service_ip="10.100.0.10",
            ),
            tags=args.tags,
            # The autoscaler owns the count.
            opts=child(self, ignore_changes=["agentPoolProfiles[0].count"]),
        )
        was = containerservice.AgentPool(
            f"{name}-was",
            agent_pool_name="was",
            resource_name_=cluster.name,
            resource_group_name=args.resource_group,
            mode=containerservice.AgentPoolMode.USER,
            vm_size=VM_SIZE,
            os_type=containerservice.OSType.LINUX,
            vnet_subnet_id=args.was_subnet_id,
            enable_auto_scaling=True,
            count=args.node_min,
            min_count=args.node_min,
            max_count=args.node_max,
            max_pods=MAX_PODS,
            node_labels={"tier": "was"},
            # The autoscaler owns the count.
            opts=child(self, ignore_changes=["count"]),
        )
        # The internal load balancer takes an address of snet-web; AKS's identity has to be allowed to.
        balancer = authorization.RoleAssignment(
            f"{name}-network",
            role_assignment_name=str(uuid.uuid5(uuid.NAMESPACE_URL, f"planb/{args.project}/aks-network")),
            scope=args.vnet_id,
            principal_id=cluster.identity.apply(lambda identity: identity.principal_id if identity else ""),
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
            role_definition_id=pulumi.Output.concat(
                "/subscriptions/",
                args.subscription_id,
                f"/providers/Microsoft.Authorization/roleDefinitions/{NETWORK_CONTRIBUTOR}",
            ),
            opts=child(self),
        )
        credentials = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=args.resource_group,
            resource_name=cluster.name,
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[cluster]),
        )
        self.kubeconfig: pulumi.Output[str] = pulumi.Output.secret(
            credentials.kubeconfigs.apply(lambda found: base64.b64decode(found[0].value).decode())
        )
        self.id: pulumi.Output[str] = cluster.id
        self.name: pulumi.Output[str] = cluster.name
        self.nodes: list[pulumi.Resource] = [was, balancer]
        self.register_outputs({"name": self.name})
