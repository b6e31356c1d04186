"""azure-native:network: network security groups."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from simcloud.azure.base import ArmKind, records
from simcloud.azure.errors import ArmError
from simcloud.azure.firewall import DEFAULT_RULES, check_gateway_rules, values
from simcloud.azure.topology import NSG, gateways_in, subnets_with_nsg
from simcloud.kinds import Context, Properties, Resource, kind

SERVICE_TAGS = frozenset(
    """
    virtualnetwork azureloadbalancer internet gatewaymanager azurecloud azurefrontdoor azureactivedirectory azuremonitor
    azureresourcemanager azureplatformdns azureplatformimds azuretrafficmanager azurekeyvault azurecontainerregistry
    microsoftcontainerregistry storage sql eventhub servicebus azurebackup apimanagement appservice azuredevops
    """.split()  # noqa: SIM905 - a table, not a list to edit
)
"""https://learn.microsoft.com/azure/virtual-network/service-tags-overview; regional ones add ".Region"."""

SIDES = (
    (
        "SourceAddressPrefix",
        "sourceAddressPrefix",
        "sourceAddressPrefixes",
        "sourceApplicationSecurityGroups",
    ),
    (
        "DestinationAddressPrefix",
        "destinationAddressPrefix",
        "destinationAddressPrefixes",
        "destinationApplicationSecurityGroups",
    ),
)
PORTS = (
    ("SourcePortRange", "sourcePortRange", "sourcePortRanges"),
    ("DestinationPortRange", "destinationPortRange", "destinationPortRanges"),
)


def _port_range(text: str) -> bool:
    if text == "*":
        return True
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    if not match:
        return False
    low, high = int(match[1]), int(match[2] or match[1])
    return low <= high <= 65535


def _address(text: str) -> bool:
    if text == "*" or text.lower() in SERVICE_TAGS or text.partition(".")[0].lower() in SERVICE_TAGS:
        return True
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def check_rule(rule: dict[str, Any], owner: str) -> None:
    """One rule by itself."""
    name = rule.get("name")
    if not name:
        # [closest] to the parser's refusal of unnamed children
        raise ArmError(
            "InvalidRequestFormat", f"Cannot parse the request. A security rule of {owner} has no name."
        )
    where = f"{owner}/securityRules/{name}"
    priority = rule.get("priority")
    if not isinstance(priority, int | float) or not 100 <= priority <= 4096:
        # As public labs and emulators quote it
        given = int(priority) if isinstance(priority, int | float) else 0
        raise ArmError(
            "SecurityRuleInvalidPriority",
            f"Security rule has invalid Priority. Value provided: {given} Allowed range 100-4096.",
        )
    for label, one, many in PORTS:
        texts = values(rule, one, many)
        if not texts:
            raise _missing(where, f"{label}s or {label}")
        for text in texts:
            if not _port_range(text):
                # [recalled]
                raise ArmError(
                    "SecurityRuleInvalidPortRange",
                    f"Security rule has invalid Port range. Value provided: {text}. Value should be an integer OR "
                    "integer range with '-' delimiter. Valid range 0-65535.",
                )
    for label, one, many, groups in SIDES:
        texts = values(rule, one, many)
        if not texts and not rule.get(groups):
            raise _missing(where, f"{label}es, {label}, or {groups[0].upper()}{groups[1:]}")
        for text in texts:
            if not _address(text):
                # [recalled]
                raise ArmError(
                    "SecurityRuleInvalidAddressPrefix",
                    f"Security rule has invalid Address prefix. Value provided: {text}",
                )


def _missing(where: str, what: str) -> ArmError:
    """Text as public template validators quote it; code [closest]."""
    return ArmError(
        "SecurityRuleParameterIsMissing",
        f"Required security rule parameters are missing for security rule with Identifier: {where}. Security rule must "
        f"specify {what}.",
    )


@kind
class NetworkSecurityGroup(ArmKind):
    type = NSG
    arm_type = "Microsoft.Network/networkSecurityGroups"
    api_version = "2024-05-01"
    path = ("networkSecurityGroupName",)
    moves = False
    shows = frozenset({"provisioningState", "etag", "resourceGuid"})

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        rules = records(inputs.get("securityRules"))
        taken: dict[tuple[str, int], str] = {}
        seen: set[str] = set()
        for rule in rules:
            check_rule(rule, arm_id)
            name = str(rule["name"])
            if name.lower() in seen:
                # [recalled]
                raise ArmError(
                    "InvalidRequestFormat",
                    f"Cannot parse the request. Resource {arm_id}/ has two child resources with the same name "
                    f"({name}).",
                )
            seen.add(name.lower())
            slot = (str(rule.get("direction")), int(rule["priority"]))
            if slot in taken:
                # Seen in Azure CLI sessions: "(SecurityRuleConflict) Security rule set-port-80 conflicts with …"
                raise ArmError(
                    "SecurityRuleConflict",
                    f"Security rule {name} conflicts with rule {taken[slot]}. Rules cannot have the same Priority and "
                    "Direction.",
                )
            taken[slot] = name
        if old:
            for subnet in subnets_with_nsg(ctx, arm_id):
                for gateway in gateways_in(ctx, subnet.id):
                    check_gateway_rules(ctx, subnet, gateway.id, (arm_id, rules))

    def shown(self, ctx: Context, res: Resource) -> Properties:
        kind_ = "Microsoft.Network/networkSecurityGroups"
        own = [
            {
                **rule,
                "id": f"{res.id}/securityRules/{rule.get('name')}",
                "type": f"{kind_}/securityRules",
                "provisioningState": "Succeeded",
            }
            for rule in records(res.inputs.get("securityRules"))
        ]
        default = [
            {
                **rule,
                "id": f"{res.id}/defaultSecurityRules/{rule['name']}",
                "type": f"{kind_}/defaultSecurityRules",
                "provisioningState": "Succeeded",
            }
            for rule in DEFAULT_RULES
        ]
        users = [{"id": s.id} for s in subnets_with_nsg(ctx, res.id)]
        return {
            "securityRules": own,
            "defaultSecurityRules": default,
            **({"subnets": users} if users else {}),
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [s.id for s in subnets_with_nsg(ctx, res.id)]
        if users:
            # pulumi/pulumi-azure-native#3051, DataBiosphere/terra-workspace-manager#502
            raise ArmError(
                "InUseNetworkSecurityGroupCannotBeDeleted",
                f"Network security group {res.id} cannot be deleted because it is in use by the following resources: "
                f"{', '.join(users)}. In order to delete the Network security group, remove the association with the "
                "resource(s). To learn how to do this, see aka.ms/deletensg.",
            )
