"""VNet with the seed's four subnets and one for the restore, each with its network security group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_azure_native import network

from components.naming import child

SUBNETS = {
    "snet-appgw": "172.16.1.0/24",
    "snet-web": "172.16.11.0/24",
    "snet-was": "172.16.21.0/24",
    "snet-db": "172.16.31.0/24",
    "snet-restore": "172.16.41.0/24",
}
DELEGATIONS = {
    "snet-db": "Microsoft.DBforMySQL/flexibleServers",
    "snet-restore": "Microsoft.ContainerInstance/containerGroups",
}
# Blobs are reached without the internet. Endpoints of the service cost nothing; a private one would take $9 a month of
# a standby that costs as much, and brings nothing where no address list guards the account.
STORAGE_ENDPOINT = {"snet-restore", "snet-web", "snet-was"}


@dataclass(frozen=True, kw_only=True)
class Allow:
    """One allowed inbound flow."""

    name: str
    source: str
    ports: list[str]
    why: str


RULES: dict[str, list[Allow]] = {
    "snet-appgw": [
        Allow(name="http", source="Internet", ports=["80", "443"], why="Customers, through CloudFront"),
        # Application Gateway v2 does not start without these two (its infrastructure configuration page).
        Allow(
            name="gateway-manager", source="GatewayManager", ports=["65200-65535"], why="The platform's own"
        ),
        Allow(name="balancer", source="AzureLoadBalancer", ports=["*"], why="The platform's health probes"),
    ],
    "snet-web": [
        Allow(name="gateway", source=SUBNETS["snet-appgw"], ports=["8080"], why="From the gateway"),
        Allow(
            name="balancer", source="AzureLoadBalancer", ports=["*"], why="Probes of the internal balancer"
        ),
        Allow(
            name="nodes",
            source=SUBNETS["snet-was"],
            ports=["53", "10250"],
            why="DNS and kubelets between pools",
        ),
    ],
    "snet-was": [
        Allow(name="web", source=SUBNETS["snet-web"], ports=["8080"], why="From the web tier"),
        Allow(
            name="nodes",
            source=SUBNETS["snet-web"],
            ports=["53", "10250"],
            why="DNS and kubelets between pools",
        ),
    ],
    "snet-db": [
        Allow(name="was", source=SUBNETS["snet-was"], ports=["3306"], why="From the WAS tier"),
        Allow(name="restore", source=SUBNETS["snet-restore"], ports=["3306"], why="The restore job"),
    ],
    "snet-restore": [],
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    project: str
    resource_group: pulumi.Input[str]
    location: str
    tags: dict[str, str] = field(default_factory=dict[str, str])
    cidr: str = "172.16.0.0/16"


class Network(pulumi.ComponentResource):
    """Part of the pilot light: it costs nothing and reserves the addresses."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:Network", name, None, opts)
        vnet = network.VirtualNetwork(
            f"{name}-vnet",
            virtual_network_name=f"vnet-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[args.cidr]),
            tags=args.tags,
            # Subnets are resources of their own; the provider must not read them back into this one.
            opts=child(self, ignore_changes=["subnets"]),
        )
        self.subnet_ids: dict[str, pulumi.Output[str]] = {}
        before: pulumi.Resource | None = None
        for subnet_name, prefix in SUBNETS.items():
            group = network.NetworkSecurityGroup(
                f"{name}-{subnet_name}",
                network_security_group_name=f"nsg-{subnet_name.removeprefix('snet-')}-{args.project}",
                resource_group_name=args.resource_group,
                location=args.location,
                security_rules=self._rules(prefix, RULES[subnet_name]),
                tags=args.tags,
                opts=child(self),
            )
            delegation = DELEGATIONS.get(subnet_name)
            subnet = network.Subnet(
                f"{name}-{subnet_name}",
                subnet_name=subnet_name,
                resource_group_name=args.resource_group,
                virtual_network_name=vnet.name,
                address_prefix=prefix,
                network_security_group=network.NetworkSecurityGroupArgs(id=group.id),
                delegations=[network.DelegationArgs(name="service", service_name=delegation)]
                if delegation
                else None,
                service_endpoints=[network.ServiceEndpointPropertiesFormatArgs(service="Microsoft.Storage")]
                if subnet_name in STORAGE_ENDPOINT
                else None,
                # Nothing here calls out: AKS brings an egress of its own with its load balancer, the gateway its public
                # address, and a container's image is pulled past its subnet.
                default_outbound_access=False,
                opts=child(
                    self,
                    # ARM changes one subnet of a network at a time and answers AnotherOperationInProgress else.
                    depends_on=[before] if before else None,
                    # Set when a subnet is made; one of an earlier release keeps what it has.
                    ignore_changes=["defaultOutboundAccess"],
                ),
            )
            self.subnet_ids[subnet_name] = subnet.id
            before = subnet
        self.vnet_id: pulumi.Output[str] = vnet.id
        self.register_outputs({"vnetId": self.vnet_id, "subnetIds": self.subnet_ids})

    def _rules(self, destination: str, allowed: list[Allow]) -> list[network.SecurityRuleArgs]:
        """The allowed flows, then a refusal of all else (Azure's own default lets the whole VNet in)."""
        common: dict[str, Any] = {"direction": "Inbound", "source_port_range": "*"}
        rules = [
            network.SecurityRuleArgs(
                name=f"allow-{rule.name}",
                description=rule.why,
                priority=100 + 10 * number,
                access="Allow",
                protocol="*" if rule.ports == ["*"] or "53" in rule.ports else "Tcp",
                source_address_prefix=rule.source,
                destination_address_prefix="*"
                if rule.ports == ["*"] or "65200-65535" in rule.ports
                else destination,
                destination_port_ranges=rule.ports if len(rule.ports) > 1 else None,
                destination_port_range=rule.ports[0] if len(rule.ports) == 1 else None,
                **common,
            )
            for number, rule in enumerate(allowed)
        ]
        rules.append(
            network.SecurityRuleArgs(
                name="deny-all",
                description="What is not listed is refused",
                priority=4096,
                access="Deny",
                protocol="*",
                source_address_prefix="*",
                destination_address_prefix="*",
                destination_port_range="*",
                **common,
            )
        )
        return rules
