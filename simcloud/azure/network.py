"""azure-native:network: virtual networks, subnets and NAT gateways."""

from __future__ import annotations

import ipaddress
from typing import Any

from simcloud.azure import ids
from simcloud.azure.base import ArmKind, find_id, normal_location, record, records, ref
from simcloud.azure.errors import ArmError, invalid_reference
from simcloud.azure.firewall import check_gateway_rules
from simcloud.azure.topology import (
    NAT_GATEWAY,
    NSG,
    PUBLIC_IP,
    SUBNET,
    VNET,
    Network,
    Subnet,
    find_vnet,
    gateways_in,
    occupants,
    prefixes_of,
    subnets,
    used_public_ips,
    vnet_spaces,
)
from simcloud.kinds import Context, Properties, Resource, kind


def parse_prefix(text: str, owner: str) -> Network:
    """A CIDR block; refused when it is none or has host bits."""
    try:
        loose = ipaddress.ip_network(text, strict=False)
    except ValueError:
        loose = None
    if loose is None or "/" not in text:
        # Azure/azure-service-operator#997
        raise ArmError(
            "InvalidAddressPrefixFormat",
            f"Address prefix {text} of resource {owner} is not formatted correctly. It should follow CIDR notation, "
            "for example 10.0.0.0/24.",
        )
    if str(loose) != text:
        # [recalled]
        raise ArmError(
            "InvalidCIDRNotation",
            f"The address prefix {text} in resource {owner} has an invalid CIDR notation. For the given prefix length, "
            f"the address prefix should be {loose}.",
        )
    return loose


def _overlap(a: Network, b: Network) -> bool:
    return a.version == b.version and a.overlaps(b)


def _inside(prefix: Network, spaces: list[Network]) -> bool:
    return any(
        prefix.version == space.version and prefix.subnet_of(space)  # type: ignore[arg-type]
        for space in spaces
    )


def check_subnet(
    ctx: Context,
    name: str,
    inputs: dict[str, Any],
    owner: str,
    vnet: str,
    spaces: list[Network],
    others: list[Subnet],
) -> None:
    """Place and neighbours of one subnet."""
    texts = prefixes_of(inputs)
    if not texts:
        raise ArmError(  # [recalled]
            "NoAddressPrefixOrPoolProvided",
            f"Subnet {owner} does not have any address prefix or IPAM pool prefix allocation defined.",
        )
    for text in texts:
        prefix = parse_prefix(text, owner)
        if not _inside(prefix, spaces):
            # Seen in an Azure CLI log of 2025 (aks-vnet, subnet-alb); before 2023 it was NetcfgInvalidSubnet
            # "Subnet 'x' is not valid in virtual network 'y'." (microsoft/AzureTRE#2111).
            raise ArmError(
                "NetcfgSubnetRangeOutsideVnet",
                f"Subnet '{name}' is not valid because its IP address range is outside the IP address range of "
                f"virtual network '{vnet}'.",
            )
        if prefix.version == 4 and prefix.prefixlen > 29:
            # microsoft/AzureTRE#2111; the smallest subnet is a /29 (virtual-networks-faq)
            raise ArmError(
                "NetcfgInvalidSubnet", f"Subnet '{name}' is not valid in virtual network '{vnet}'."
            )
        for other in others:
            if any(_overlap(prefix, taken) for taken in other.prefixes):
                # Azure/azure-cli#10917 (the case), code and text as the service gives them since 2023
                raise ArmError(
                    "NetcfgSubnetRangesOverlap",
                    f"Subnet '{name}' is not valid because its IP address range overlaps with that of an existing "
                    f"subnet '{other.name}'.",
                )
    for key, token in (("networkSecurityGroup", NSG), ("natGateway", NAT_GATEWAY)):
        wanted = ref(inputs.get(key))
        if wanted and not find_id(ctx, token, wanted):
            raise invalid_reference(wanted, owner)


def in_use(subnet: Subnet, ctx: Context) -> None:
    """Raises when somebody holds addresses in the subnet."""
    users = occupants(ctx, subnet.id)
    if users:
        # microsoft/nav-arm-templates#161
        raise ArmError(
            "InUseSubnetCannotBeDeleted",
            f"Subnet {subnet.name} is in use by {users[0].at} and cannot be deleted. In order to delete the subnet, "
            "delete all the resources within the subnet. See aka.ms/deletesubnet.",
        )


@kind
class VirtualNetwork(ArmKind):
    type = VNET
    arm_type = "Microsoft.Network/virtualNetworks"
    api_version = "2024-05-01"
    path = ("virtualNetworkName",)
    latency = "virtual_network"
    shows = frozenset({"provisioningState", "etag", "resourceGuid"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        texts: list[str] = record(inputs.get("addressSpace")).get("addressPrefixes") or []
        if not texts:
            # [closest] https://learn.microsoft.com/azure/virtual-network: at least one range is needed
            raise ArmError(
                "InvalidRequestFormat", f"Address space of virtual network {arm_id} must be specified."
            )
        spaces = [parse_prefix(str(text), arm_id) for text in texts]
        inline = records(inputs.get("subnets"))
        after = Resource("", self.type, arm_id, "azure-native", "", inputs)
        placed: list[Subnet] = []
        for item in inline:
            owner = f"{arm_id}/subnets/{item.get('name')}"
            check_subnet(ctx, str(item.get("name")), item, owner, name, spaces, placed)
            placed.append(Subnet(owner, after, item))
        if not old:
            return
        kept = {s.id.lower() for s in placed}
        for subnet in subnets(ctx, old):
            own = subnet.id.lower() not in kept and any(
                ids.same(subnet.id, f"{arm_id}/subnets/{i.get('name')}")
                for i in records(old.inputs.get("subnets"))
            )
            if own:
                in_use(subnet, ctx)
            elif not all(_inside(prefix, spaces) for prefix in subnet.prefixes):
                check_subnet(ctx, subnet.name, subnet.inputs, subnet.id, name, spaces, [])

    def shown(self, ctx: Context, res: Resource) -> Properties:
        out: Properties = {"enableDdosProtection": bool(res.inputs.get("enableDdosProtection"))}
        if res.inputs.get("subnets"):
            out["subnets"] = [
                {**s, "id": f"{res.id}/subnets/{s.get('name')}", "provisioningState": "Succeeded"}
                for s in records(res.inputs.get("subnets"))
            ]
        return out

    def delete(self, ctx: Context, res: Resource) -> None:
        for subnet in subnets(ctx, res):
            in_use(subnet, ctx)


@kind
class SubnetKind(ArmKind):
    type = SUBNET
    arm_type = "Microsoft.Network/virtualNetworks/subnets"
    api_version = "2024-05-01"
    path = ("virtualNetworkName", "subnetName")
    naming = "copy"
    parent = VNET
    located = False
    shows = frozenset({"provisioningState", "etag"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        vnet = find_vnet(ctx, arm_id.rsplit("/subnets/", 1)[0])
        assert vnet
        name = arm_id.rsplit("/", 1)[-1]
        others = [s for s in subnets(ctx, vnet) if not ids.same(s.id, arm_id)]
        check_subnet(ctx, name, inputs, arm_id, vnet.id.rsplit("/", 1)[-1], vnet_spaces(vnet), others)
        after = Subnet(arm_id, vnet, inputs)
        for gateway in gateways_in(ctx, arm_id):
            check_gateway_rules(ctx, after, gateway.id)
        if old:
            self.check_change(ctx, Subnet(arm_id, vnet, old.inputs), after)

    def check_change(self, ctx: Context, before: Subnet, after: Subnet) -> None:
        """Addresses and delegations cannot change under somebody's feet."""
        users = occupants(ctx, after.id)
        if not users:
            return
        if before.prefixes != after.prefixes:
            # [recalled]
            raise ArmError(
                "InUsePrefixCannotBeDeleted",
                f"IpPrefix {before.prefixes[0]} on Subnet {after.name} has active allocations and cannot be deleted.",
            )
        if before.delegations != after.delegations:
            # MicrosoftDocs/azure-docs#39112
            raise ArmError(
                "SubnetDelegationsCannotChangeWhenSubnetUsedByResource",
                f"Delegations of subnet {after.id} cannot be changed from [{', '.join(before.delegations)}] to "
                f"[{', '.join(after.delegations)}] because it is being used by the resource {users[0].at}.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        out: Properties = {
            "privateEndpointNetworkPolicies": res.inputs.get("privateEndpointNetworkPolicies") or "Disabled",
            "privateLinkServiceNetworkPolicies": res.inputs.get("privateLinkServiceNetworkPolicies")
            or "Enabled",
        }
        if res.inputs.get("delegations"):
            out["delegations"] = [
                {
                    **d,
                    "id": f"{res.id}/delegations/{d.get('name')}",
                    "type": "Microsoft.Network/virtualNetworks/subnets/delegations",
                    "provisioningState": "Succeeded",
                }
                for d in records(res.inputs.get("delegations"))
            ]
        return out

    def delete(self, ctx: Context, res: Resource) -> None:
        vnet = find_vnet(ctx, res.id.rsplit("/subnets/", 1)[0])
        if vnet:
            in_use(Subnet(res.id, vnet, res.inputs), ctx)


@kind
class NatGateway(ArmKind):
    type = NAT_GATEWAY
    arm_type = "Microsoft.Network/natGateways"
    api_version = "2024-05-01"
    path = ("natGatewayName",)
    moves = False
    shows = frozenset({"provisioningState", "etag", "resourceGuid"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        for item in records(inputs.get("publicIpAddresses")):
            wanted = ref(item)
            address = find_id(ctx, PUBLIC_IP, wanted)
            here = normal_location(inputs.get("location"))
            if wanted and (not address or normal_location(address.get("location")) != here):
                raise invalid_reference(wanted, arm_id)
            holder = next((h for ip, h in used_public_ips(ctx) if ids.same(ip, wanted) and h != arm_id), None)
            if holder:
                # [recalled]
                raise ArmError(
                    "PublicIPAddressInUse",
                    f"Resource {arm_id} is referencing public IP address {wanted} that is already allocated to "
                    f"resource {holder}.",
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        users = [s for s in subnets(ctx) if ids.same(ref(s.inputs.get("natGateway")), res.id)]
        return {"subnets": [{"id": s.id} for s in users]} if users else {}

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [s.id for s in subnets(ctx) if ids.same(ref(s.inputs.get("natGateway")), res.id)]
        if users:
            # stackshy/cloudemu#967 (the code); text as for security groups [closest]
            raise ArmError(
                "InUseNatGatewayCannotBeDeleted",
                f"Nat gateway {res.id} cannot be deleted because it is in use by the following resources: "
                f"{', '.join(users)}. In order to delete the Nat gateway, remove the association with the resource(s).",
            )
