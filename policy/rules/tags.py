"""Whose is it: project, stack and who manages it are on everything that takes tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policy.model import UNKNOWN, Resource, Severity, on_resource

AWS_TAGS = ("Project", "Stack", "ManagedBy")
AZURE_TAGS = ("project", "stack", "managed-by")
# Azure types of ours that take no tags: parts of something that has them, and rights.
UNTAGGED = {
    "azure-native:authorization:RoleAssignment",
    "azure-native:authorization:RoleDefinition",
    "azure-native:authorization:ManagementLockByScope",
    "azure-native:authorization:ManagementLockAtResourceGroupLevel",
    "azure-native:authorization:ManagementLockAtResourceLevel",
    "azure-native:containerservice:AgentPool",  # it has tags, which AKS fills from the cluster's
    "azure-native:dbformysql:Configuration",
    "azure-native:dbformysql:Database",
    "azure-native:dbformysql:FirewallRule",
    "azure-native:managedidentity:FederatedIdentityCredential",
    "azure-native:monitor:DiagnosticSetting",
    "azure-native:network:SecurityRule",
    "azure-native:network:Subnet",
    "azure-native:network:VirtualNetworkPeering",
    "azure-native:storage:Blob",
    "azure-native:storage:BlobContainer",
    "azure-native:storage:BlobContainerImmutabilityPolicy",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:ManagementPolicy",
    "azure-native:storage:StorageAccountStaticWebsite",
    "azure-native:keyvault:Secret",
}
ASG = "aws:autoscaling/group:Group"


@on_resource(
    "tagged",
    says="Everything that takes tags says its project, its stack and that Pulumi manages it.",
    remedy="AWS: create it with the stack's provider, whose default tags are Project, Stack and ManagedBy; "
    "an Auto Scaling group takes no default tags, so list them there with propagate_at_launch. Azure: pass "
    "the stack's tags.",
    severity=Severity.LOW,
)
def tagged(resource: Resource) -> Iterator[str]:
    if resource.type.startswith("azure-native:") and resource.type not in UNTAGGED:
        yield from _lacking(AZURE_TAGS, resource.get("tags"))
    if resource.type == ASG:
        own = {one.get("key"): one for one in resource.each("tags") if isinstance(one, Mapping)}
        yield from _lacking(AWS_TAGS, {key: one.get("value") for key, one in own.items()})
        silent = [
            key for key in AWS_TAGS if key in own and own[key].get("propagateAtLaunch") in (False, None)
        ]
        if silent:
            yield f"its instances do not get {', '.join(silent)} (propagateAtLaunch)"
    elif resource.type.startswith("aws:") and resource.provider is not None:
        default = _default_tags(resource.provider)
        tags, every = resource.get("tags"), resource.get("tagsAll")
        if UNKNOWN not in (default, tags, every):
            merged: dict[str, Any] = {}
            for some in (default, tags, every):
                merged |= some if isinstance(some, Mapping) else {}
            yield from _lacking(AWS_TAGS, merged)


def _default_tags(provider: Mapping[str, Any]) -> Any:
    """A provider's inputs are text: its nested ones are JSON."""
    value = provider.get("defaultTags")
    if isinstance(value, str):
        value = json.loads(value)
    return value.get("tags") if isinstance(value, Mapping) else value


def _lacking(wanted: tuple[str, ...], tags: Any) -> Iterator[str]:
    if tags is UNKNOWN:
        return
    have = tags if isinstance(tags, Mapping) else {}
    missing = [key for key in wanted if have.get(key) in (None, "")]
    if missing:
        yield f"it lacks the tags {', '.join(missing)}"


TAGS = [tagged]
