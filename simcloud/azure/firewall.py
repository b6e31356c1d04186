"""How a network security group decides, and what an application gateway's subnet demands of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simcloud.azure.base import find_id, records
from simcloud.azure.errors import ArmError
from simcloud.azure.topology import NSG, Subnet
from simcloud.kinds import Context

Rule = dict[str, Any]

# https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules
DEFAULT_RULES: tuple[Rule, ...] = tuple(
    {
        "name": name,
        "priority": priority,
        "direction": direction,
        "access": access,
        "protocol": "*",
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": destination,
        "destinationPortRange": "*",
        "description": description,
    }
    for name, priority, direction, access, source, destination, description in (
        (
            "AllowVnetInBound",
            65000,
            "Inbound",
            "Allow",
            "VirtualNetwork",
            "VirtualNetwork",
            "Allow from all VMs",
        ),
        (
            "AllowAzureLoadBalancerInBound",
            65001,
            "Inbound",
            "Allow",
            "AzureLoadBalancer",
            "*",
            "Allow from the probe",
        ),
        ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*", "Deny all inbound traffic"),
        (
            "AllowVnetOutBound",
            65000,
            "Outbound",
            "Allow",
            "VirtualNetwork",
            "VirtualNetwork",
            "Allow to all VMs",
        ),
        ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet", "Allow to the Internet"),
        ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*", "Deny all outbound traffic"),
    )
)

ANY = frozenset({"*", "0.0.0.0/0", "any"})


@dataclass(frozen=True)
class Flow:
    """Traffic to ask about: `port` as a number, peers as service tags."""

    direction: str
    peer: str  # service tag of the other side
    ports: tuple[int, int]
    wide: frozenset[str] = frozenset()  # tags that contain this peer


def values(rule: Rule, one: str, many: str) -> list[str]:
    """Both spellings of a rule's field."""
    single, plural = rule.get(one), rule.get(many)
    return [str(single)] if single else [str(v) for v in plural or []]


def covers_ports(rule: Rule, low: int, high: int) -> bool:
    for text in values(rule, "destinationPortRange", "destinationPortRanges"):
        if text == "*":
            return True
        first, _, last = text.partition("-")
        if first.isdigit() and int(first) <= low and high <= int(last or first):
            return True
    return False


def touches_ports(rule: Rule, low: int, high: int) -> bool:
    for text in values(rule, "destinationPortRange", "destinationPortRanges"):
        if text == "*":
            return True
        first, _, last = text.partition("-")
        if first.isdigit() and int(first) <= high and low <= int(last or first):
            return True
    return False


def _peer(rule: Rule, flow: Flow) -> list[str]:
    side = "source" if flow.direction == "Inbound" else "destination"
    return [v.lower() for v in values(rule, f"{side}AddressPrefix", f"{side}AddressPrefixes")]


def allows(rules: list[Rule], flow: Flow) -> bool:
    """Whether the rules let the flow through: first match by priority wins, as in Azure.

    An allow counts only when it covers all of the ports; a deny counts when it touches any.
    """
    accepted = {flow.peer.lower()} | ANY | {w.lower() for w in flow.wide}
    ordered = sorted((*rules, *DEFAULT_RULES), key=lambda r: int(r["priority"]))
    for rule in ordered:
        if rule.get("direction") != flow.direction or str(rule.get("protocol", "*")).lower() not in {
            "*",
            "tcp",
        }:
            continue
        if not accepted & set(_peer(rule, flow)):
            continue
        if rule.get("access") == "Deny" and touches_ports(rule, *flow.ports):
            return False
        if rule.get("access") == "Allow" and covers_ports(rule, *flow.ports):
            return True
    return False


def check_gateway_rules(
    ctx: Context, subnet: Subnet, gateway: str, changed: tuple[str, list[Rule]] | None = None
) -> None:
    """What Application Gateway v2 demands of its subnet's NSG (`changed`: an NSG's id and its rules to be).

    https://learn.microsoft.com/azure/application-gateway/configuration-infrastructure#network-security-groups
    Texts: Azure/AKS-Construction#333, mspnp/aks-baseline#284; outbound MicrosoftDocs/azure-docs#87202.
    """
    nsg_id = subnet.nsg
    if not nsg_id:
        return
    if changed and changed[0].lower() == nsg_id.lower():
        rules = changed[1]
    else:
        group = find_id(ctx, NSG, nsg_id)
        rules = records(group.inputs.get("securityRules")) if group else []
    management = Flow("Inbound", "GatewayManager", (65200, 65535), frozenset({"Internet", "AzureCloud"}))
    probe = Flow("Inbound", "AzureLoadBalancer", (1, 65535))
    if not allows(rules, management):
        blocked = "blocks incoming internet traffic on ports 65200 - 65535 to subnet"
    elif not allows(rules, probe):
        # [closest]: the documentation forbids it; no recording of the text for this case was found
        blocked = "blocks incoming traffic from AzureLoadBalancer to subnet"
    else:
        blocked = ""
    if blocked:
        raise ArmError(
            "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup",
            f"Network security group {nsg_id} {blocked} {subnet.id}, associated with Application Gateway {gateway}. "
            "This is not permitted for Application Gateways that have V2 Sku.",
        )
    if not allows(rules, Flow("Outbound", "Internet", (443, 443))):
        raise ArmError(
            "ApplicationGatewaySubnetOutboundTrafficBlockedByNetworkSecurityGroup",
            f"Network security group {nsg_id} blocks outgoing internet traffic on subnet {subnet.id}, associated with "
            f"Application Gateway {gateway}. This is not permitted for Application Gateways that have fast update "
            "enabled or have V2 Sku.",
        )
