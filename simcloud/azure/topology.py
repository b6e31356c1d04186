"""Questions about the deployed network that several kinds ask: subnets, who sits in them, what points where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simcloud.azure import ids
from simcloud.azure.base import find_id, normal_location, record, records, ref
from simcloud.kinds import Context, Resource

VNET = "azure-native:network:VirtualNetwork"
SUBNET = "azure-native:network:Subnet"
NSG = "azure-native:network:NetworkSecurityGroup"
PUBLIC_IP = "azure-native:network:PublicIPAddress"
NAT_GATEWAY = "azure-native:network:NatGateway"
GATEWAY = "azure-native:network:ApplicationGateway"
MYSQL = "azure-native:dbformysql:Server"
CLUSTER = "azure-native:containerservice:ManagedCluster"
POOL = "azure-native:containerservice:AgentPool"
CONTAINERS = "azure-native:containerinstance:ContainerGroup"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

RESERVED = 5
"""Addresses that Azure keeps in every subnet (the first four and the last)."""


@dataclass(frozen=True)
class Subnet:
    """A subnet, whether it is a resource of its own or written inside its virtual network."""

    id: str
    vnet: Resource
    inputs: dict[str, Any]

    @property
    def name(self) -> str:
        return self.id.rsplit("/", 1)[-1]

    @property
    def prefixes(self) -> list[Network]:
        return [ipaddress.ip_network(text) for text in prefixes_of(self.inputs)]

    @property
    def delegations(self) -> list[str]:
        return [str(d.get("serviceName")) for d in records(self.inputs.get("delegations"))]

    @property
    def location(self) -> str:
        return normal_location(self.vnet.get("location"))

    @property
    def nsg(self) -> str | None:
        return ref(self.inputs.get("networkSecurityGroup"))

    @property
    def endpoints(self) -> list[str]:
        return [str(e.get("service")) for e in records(self.inputs.get("serviceEndpoints"))]


def prefixes_of(subnet: dict[str, Any]) -> list[str]:
    """Both spellings: addressPrefix, or addressPrefixes."""
    one, many = subnet.get("addressPrefix"), subnet.get("addressPrefixes")
    return [str(p) for p in ([one] if one else [])] or [str(p) for p in (many or [])]


def vnet_spaces(vnet: Resource) -> list[Network]:
    space = record(vnet.inputs.get("addressSpace")).get("addressPrefixes")
    return [ipaddress.ip_network(str(p), strict=False) for p in space or []]


def subnets(ctx: Context, vnet: Resource | None = None) -> Iterator[Subnet]:
    """Every subnet (of one virtual network)."""
    networks = {v.id.lower(): v for v in ([vnet] if vnet else ctx.find(VNET))}
    for network in networks.values():
        for inline in records(network.inputs.get("subnets")):
            yield Subnet(f"{network.id}/subnets/{inline.get('name')}", network, inline)
    for res in ctx.find(SUBNET):
        owner = networks.get(res.id.lower().rsplit("/subnets/", 1)[0])
        if owner:
            yield Subnet(res.id, owner, res.inputs)


def find_subnet(ctx: Context, subnet_id: object) -> Subnet | None:
    return next((s for s in subnets(ctx) if ids.same(s.id, subnet_id)), None)


def find_vnet(ctx: Context, vnet_id: object) -> Resource | None:
    return find_id(ctx, VNET, vnet_id)


@dataclass(frozen=True)
class Occupant:
    """Something that holds addresses in a subnet; `at` is what ARM names as the user."""

    owner: Resource
    subnet: str
    at: str


def pools(ctx: Context) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Every node pool with the resource that declares it: clusters' profiles and pools of their own."""
    for cluster in ctx.find(CLUSTER):
        for profile in records(cluster.inputs.get("agentPoolProfiles")):
            yield cluster, profile
    for pool in ctx.find(POOL):
        yield pool, pool.inputs | {"name": pool.id.rsplit("/", 1)[-1]}


def _node_address(owner: Resource, pool: dict[str, Any]) -> str:
    """The network interface of a pool's first node, in the cluster's node resource group."""
    parsed = ids.parse(owner.id)
    assert parsed
    cluster, group = parsed.names[0], owner.get("nodeResourceGroup")
    group = group or f"MC_{parsed.group}_{cluster}"
    scale_set = f"aks-{pool.get('name')}-{ids.guid(cluster, pool.get('name'))[:8]}-vmss"
    top = ids.group_id(parsed.subscription, str(group))
    return (
        f"{top}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set}/virtualMachines/0"
        f"/networkInterfaces/{scale_set}/ipConfigurations/ipconfig1"
    )


def _all_occupants(ctx: Context) -> Iterator[Occupant]:
    for gateway in ctx.find(GATEWAY):
        for kind in ("gatewayIPConfigurations", "frontendIPConfigurations"):
            for item in records(gateway.inputs.get(kind)):
                subnet = ref(item.get("subnet"))
                if subnet:
                    yield Occupant(gateway, subnet, f"{gateway.id}/{kind}/{item.get('name')}")
    for owner, pool in pools(ctx):
        if pool.get("vnetSubnetID"):
            yield Occupant(owner, str(pool["vnetSubnetID"]), _node_address(owner, pool))
    for server in ctx.find(MYSQL):
        subnet = record(server.inputs.get("network")).get("delegatedSubnetResourceId")
        if subnet:
            link = ids.guid(server.id)[:8]
            yield Occupant(
                server, str(subnet), f"{subnet}/serviceAssociationLinks/{link}-service-association-link"
            )
    for group in ctx.find(CONTAINERS):
        for item in records(group.inputs.get("subnetIds")):
            # ACI's association is called "acisal": MicrosoftDocs/azure-docs#92894
            yield Occupant(group, str(item.get("id")), f"{item.get('id')}/serviceAssociationLinks/acisal")


def occupants(ctx: Context, subnet_id: str) -> list[Occupant]:
    """Who uses the subnet; a cleared list means that it may be deleted or re-delegated."""
    return [o for o in _all_occupants(ctx) if ids.same(o.subnet, subnet_id)]


def gateways_in(ctx: Context, subnet_id: str) -> list[Resource]:
    return [o.owner for o in occupants(ctx, subnet_id) if o.owner.type == GATEWAY]


def subnets_with_nsg(ctx: Context, nsg_id: str) -> list[Subnet]:
    return [s for s in subnets(ctx) if ids.same(s.nsg, nsg_id)]


def used_public_ips(ctx: Context) -> Iterator[tuple[str, str]]:
    """(public IP's id, what holds it)."""
    for gateway in ctx.find(GATEWAY):
        for item in records(gateway.inputs.get("frontendIPConfigurations")):
            address = ref(item.get("publicIPAddress"))
            if address:
                yield address, f"{gateway.id}/frontendIPConfigurations/{item.get('name')}"
    for nat in ctx.find(NAT_GATEWAY):
        for item in records(nat.inputs.get("publicIpAddresses")):
            if ref(item):
                yield str(item["id"]), nat.id
