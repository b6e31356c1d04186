"""What Azure accepts as a resource's name: one table, and azure-native's automatic names.

Rules: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass
from typing import Literal

from simcloud.azure.errors import ArmError, ProviderError

Naming = Literal["random", "copy", "uuid"]
"""azure-native's strategies: "random" for top-level resources, "copy" for nested ones, "uuid" for authorization."""


@dataclass(frozen=True)
class Rule:
    """`pattern` must match the whole name; otherwise `code` with `text`, where {name} stands for the name."""

    pattern: str
    code: str
    text: str


# Microsoft.Network's text [recalled].
_NETWORK = Rule(
    r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,78}[A-Za-z0-9_])?",
    "InvalidResourceName",
    "Resource name {name} is invalid. The name can be up to 80 characters long. It must begin with a word character, "
    "and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'.",
)
_CONTAINER = Rule(
    r"\$web|\$root|\$logs|(?=.{3,63}$)[a-z0-9](?:-?[a-z0-9])*",
    "InvalidResourceName",
    "The specified resource name contains invalid characters.",
)

# [closest] resource-name-rules: 1 to 260 characters, none of these, no space or period at the end
_MONITOR = Rule(
    r"[^*#&+:<>?@%{}\\/|]{0,259}[^*#&+:<>?@%{}\\/| .]",
    "InvalidResourceName",
    "The resource name '{name}' is not valid.",
)

RULES: dict[str, Rule] = {
    "Microsoft.Resources/resourceGroups": Rule(
        r"[\w().-]{0,89}[\w()-]",
        "InvalidResourceGroup",
        "The provided resource group name '{name}' has these invalid characters or is too long. The name can only be "
        "a letter, digit, '-', '.', '(', ')' or '_', up to 90 characters, and cannot end with '.'.",
    ),
    "Microsoft.Network/virtualNetworks": _NETWORK,
    "Microsoft.Network/virtualNetworks/subnets": _NETWORK,
    "Microsoft.Network/networkSecurityGroups": _NETWORK,
    "Microsoft.Network/publicIPAddresses": _NETWORK,
    "Microsoft.Network/applicationGateways": _NETWORK,
    "Microsoft.Network/natGateways": _NETWORK,
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": _NETWORK,
    # pulumi/templates#274
    "Microsoft.Storage/storageAccounts": Rule(
        r"[a-z0-9]{3,24}",
        "AccountNameInvalid",
        "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in "
        "length and use numbers and lower-case letters only.",
    ),
    # https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    "Microsoft.Storage/storageAccounts/blobServices/containers": _CONTAINER,
    # The flexible servers' generic refusal (see errors.invalid_parameter).
    "Microsoft.DBforMySQL/flexibleServers": Rule(
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "InvalidParameterValue",
        "Invalid value given for parameter serverName. Specify a valid parameter value.",
    ),
    "Microsoft.DBforMySQL/flexibleServers/databases": Rule(
        r"(?!(?i:mysql|sys|information_schema|performance_schema)$)[A-Za-z0-9_$-]{1,64}",
        "InvalidParameterValue",
        "Invalid value given for parameter databaseName. Specify a valid parameter value.",
    ),
    "Microsoft.ContainerService/managedClusters": Rule(
        r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?",
        "InvalidParameter",
        "The value of parameter name is invalid. Please see https://aka.ms/aks-naming-rules for more details.",
    ),
    # Azure/AKS#3300
    "Microsoft.ContainerService/managedClusters/agentPools": Rule(
        r"[a-z][a-z0-9]{0,11}",
        "InvalidParameter",
        "The value of parameter agentPoolProfile.name is invalid. Please see https://aka.ms/aks-naming-rules for more "
        "details.",
    ),
    # [closest] to the text for a container's name
    "Microsoft.ContainerInstance/containerGroups": Rule(
        r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        "InvalidContainerGroupName",
        "The container group name '{name}' is invalid. A valid name must have up to 63 characters and match "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?'.",
    ),
    # [closest] resource-name-rules: 4 to 63 characters
    "Microsoft.OperationalInsights/workspaces": Rule(
        r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
        "InvalidResourceName",
        "The workspace name '{name}' is not valid: 4 to 63 letters, digits and '-', a letter or digit first and last.",
    ),
    "Microsoft.Insights/actionGroups": _MONITOR,
    "Microsoft.Insights/scheduledQueryRules": _MONITOR,
    "Microsoft.ManagedIdentity/userAssignedIdentities": Rule(
        r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}",
        "InvalidResourceName",
        "The resource name '{name}' is invalid. It must be 3 to 128 characters long, start with a letter or number "
        "and hold only letters, numbers, '-' and '_'.",
    ),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": Rule(
        r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}",
        "InvalidResourceName",
        "The resource name '{name}' is invalid. It must be 3 to 120 characters long, start with a letter or number "
        "and hold only letters, numbers, '-' and '_'.",
    ),
}


def check(arm_type: str, name: str) -> None:
    """Raises the service's refusal when the name breaks its rule."""
    rule = RULES.get(arm_type)
    if rule and not re.fullmatch(rule.pattern, name):
        raise ArmError(rule.code, rule.text.format(name=name))


def automatic(strategy: Naming, name: str) -> str:
    """The name that azure-native gives when the program gives none (`getDefaultName` in provider.go).

    It does not know Azure's name rules, so "site" becomes "site1a2b3c4d" and "Site" fails at creation for a storage
    account (pulumi/pulumi-azure-native#4294): that is kept.
    """
    if strategy == "copy":
        return name
    if strategy == "uuid":
        return str(uuid.UUID(secrets.token_hex(16)))
    return name + secrets.token_hex(4)


def singleton(expected: str, name: str) -> None:
    """Sub-resources of which there is exactly one, called "default"."""
    if name != expected:
        raise ProviderError(f"the only valid name is '{expected}', got '{name}'")
