"""azure-native:storage: accounts, containers, service properties and lifecycle, over Azurite."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from simcloud.azure import ids
from simcloud.azure.base import (
    IDENTITY,
    ArmKind,
    find_id,
    normal_location,
    record,
    records,
    subscription,
    timestamp,
    user_assigned,
)
from simcloud.azure.errors import ArmError, identity_not_found
from simcloud.azure.topology import find_subnet
from simcloud.kinds import Context, Properties, Resource, kind

ACCOUNT = "azure-native:storage:StorageAccount"
CONTAINER = "azure-native:storage:BlobContainer"

WEB_ZONE = "z12"
"""Zone code of Korea Central in static-website host names."""


def account_id(ctx: Context, inputs: Properties) -> str:
    group, name = str(inputs.get("resourceGroupName")), str(inputs.get("accountName"))
    return str(ids.make(subscription(ctx), group, "Microsoft.Storage/storageAccounts", (name,)))


def account_of(ctx: Context, inputs: Properties) -> Resource | None:
    return find_id(ctx, ACCOUNT, account_id(ctx, inputs))


def allows_public(account: Resource) -> bool:
    """False unless asked for: the default since storage API 2023-01-01."""
    return account.inputs.get("allowBlobPublicAccess") is True


@kind
class StorageAccount(ArmKind):
    type = ACCOUNT
    arm_type = "Microsoft.Storage/storageAccounts"
    api_version = "2024-01-01"
    path = ("accountName",)
    forces_new = frozenset({"isHnsEnabled"})
    latency = "storage_account"
    shows: ClassVar[frozenset[str]] = frozenset({"provisioningState"})

    def place(self, ctx: Context, inputs: Properties, arm_id: str) -> None:
        super().place(ctx, inputs, arm_id)
        name = arm_id.rsplit("/", 1)[-1]
        if any(r.id.rsplit("/", 1)[-1] == name and not ids.same(r.id, arm_id) for r in ctx.find(ACCOUNT)):
            # hashicorp/terraform#11485; names are global
            raise ArmError(
                "StorageAccountAlreadyTaken",
                f"The storage account named {name} is already taken.",
                status=409,
            )

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        for identity in user_assigned(inputs.get("identity")):
            if not find_id(ctx, IDENTITY, identity):
                raise identity_not_found(arm_id, identity)
        for rule in records(record(inputs.get("networkRuleSet")).get("virtualNetworkRules")):
            wanted = rule.get("virtualNetworkResourceId")
            subnet = find_subnet(ctx, wanted)
            if not subnet or not any(e.startswith("Microsoft.Storage") for e in subnet.endpoints):
                # [recalled]
                parsed = ids.parse(wanted)
                which, vnet = (parsed.names[-1], parsed.names[0]) if parsed else (str(wanted), "")
                raise ArmError(
                    "NetworkAclsValidationFailure",
                    "Validation of network acls failure: SubnetsHaveNoServiceEndpointsConfigured:Subnets "
                    f"{which} of virtual network {vnet} do not have ServiceEndpoints for Microsoft.Storage resources "
                    "configured. Add Microsoft.Storage to subnet's ServiceEndpoints collection before trying to ACL "
                    "Microsoft.Storage resources to these subnets..",
                )
        period = record(inputs.get("sasPolicy")).get("sasExpirationPeriod")
        if period is not None and not re.fullmatch(r"\d{1,4}\.\d\d:\d\d:\d\d", str(period)):
            # The SDK's docstring: DD.HH:MM:SS [closest]
            raise ArmError(
                "InvalidValuesForRequestParameters", "Values for request parameters are invalid: sasPolicy."
            )
        if old and old.inputs.get("kind") != inputs.get("kind"):
            # https://learn.microsoft.com/azure/storage/common/storage-account-upgrade [closest]
            raise ArmError(
                "InvalidRequestPropertyValue", "The value for the property 'kind' cannot be changed."
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        name, location = res.id.rsplit("/", 1)[-1], normal_location(res.inputs.get("location"))
        services = {"blob": "blob", "dfs": "dfs", "file": "file", "queue": "queue", "table": "table"}
        ends: dict[str, Any] = {
            key: f"https://{name}.{host}.core.windows.net/" for key, host in services.items()
        }
        ends["web"] = f"https://{name}.{WEB_ZONE}.web.core.windows.net/"
        sku = record(res.inputs.get("sku"))
        created = timestamp(res.created_at)
        out: Properties = {
            "creationTime": created,
            "keyCreationTime": {"key1": created, "key2": created},
            "primaryEndpoints": ends,
            "primaryLocation": location,
            "statusOfPrimary": "available",
            "sku": {**sku, "tier": str(sku.get("name", "")).partition("_")[0]},
            "privateEndpointConnections": [],
            "enableHttpsTrafficOnly": res.inputs.get("enableHttpsTrafficOnly", True),
            "allowBlobPublicAccess": allows_public(res),
            "minimumTlsVersion": res.inputs.get("minimumTlsVersion") or "TLS1_0",
            "accessTier": res.inputs.get("accessTier") or "Hot",
        }
        return out

    def create(self, ctx: Context, res: Resource) -> Properties:
        ctx.world.storage.create(
            res.id.rsplit("/", 1)[-1],
            region=normal_location(res.inputs.get("location")),
            shared_key=res.inputs.get("allowSharedKeyAccess") is not False,
        )
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.storage.delete(res.id.rsplit("/", 1)[-1])


def _days(text: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int | float) or not low <= value <= high:
        # https://learn.microsoft.com/rest/api/storagerp/blob-services/set-service-properties [closest]
        raise ArmError(
            "InvalidRequestPropertyValue", f"The value '{value}' for property '{text}' is invalid."
        )


class _Default(ArmKind):
    """A sub-resource of an account of which there is one, named "default"."""

    parent = ACCOUNT
    located = False
    naming = "copy"
    segment: ClassVar[str] = ""

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{account_id(ctx, inputs)}/{self.segment}/{self.own_name(inputs, name)}"

    def parent_of(self, ctx: Context, inputs: Properties) -> Resource | None:
        return account_of(ctx, inputs)

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        if name != "default":
            # pulumi/pulumi-azure-native#1336 (what a wrong name leads to)
            raise ArmError("HttpResourceNotFound", f"The request url {arm_id} is not found.", status=404)


@kind
class BlobServiceProperties(_Default):
    type = "azure-native:storage:BlobServiceProperties"
    arm_type = "Microsoft.Storage/storageAccounts/blobServices"
    api_version = "2024-01-01"
    path = ("accountName", "blobServicesName")
    segment = "blobServices"

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        super().rules(ctx, inputs, arm_id, old)
        for key in ("deleteRetentionPolicy", "containerDeleteRetentionPolicy"):
            policy = record(inputs.get(key))
            if policy.get("enabled"):
                _days(f"{key}.days", policy.get("days"), 1, 365)
        restore = record(inputs.get("restorePolicy"))
        if restore.get("enabled"):
            kept = record(inputs.get("deleteRetentionPolicy"))
            feed = record(inputs.get("changeFeed")).get("enabled")
            if not (kept.get("enabled") and inputs.get("isVersioningEnabled") and feed):
                # https://learn.microsoft.com/azure/storage/blobs/point-in-time-restore-overview#prerequisites [closest]
                raise ArmError(
                    "InvalidRequestPropertyValue",
                    "restorePolicy needs change feed, versioning and blob soft delete to be enabled.",
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        account = account_of(ctx, res.inputs)
        return {"sku": account.outputs.get("sku") or account.inputs.get("sku")} if account else {}


@kind
class ManagementPolicy(_Default):
    type = "azure-native:storage:ManagementPolicy"
    arm_type = "Microsoft.Storage/storageAccounts/managementPolicies"
    api_version = "2024-01-01"
    path = ("accountName", "managementPolicyName")
    segment = "managementPolicies"

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        super().rules(ctx, inputs, arm_id, old)
        rules = records(record(inputs.get("policy")).get("rules"))
        seen: set[str] = set()
        if not 1 <= len(rules) <= 100:
            raise _lifecycle(f"a policy has 1 to 100 rules, got {len(rules)}")
        for rule in rules:
            self.check_rule(rule, seen)

    def check_rule(self, rule: dict[str, Any], seen: set[str]) -> None:
        """Shape: https://learn.microsoft.com/azure/storage/blobs/lifecycle-management-policy-structure"""
        name = str(rule.get("name") or "")
        if not name or (not name.isalnum() and not name.replace("-", "").isalnum()) or name in seen:
            raise _lifecycle(f"rule name '{name}' is missing, used twice or not alphanumeric")
        seen.add(name)
        definition = record(rule.get("definition"))
        filters, actions = record(definition.get("filters")), record(definition.get("actions"))
        kinds = set(filters.get("blobTypes") or [])
        if not kinds or not kinds <= {"blockBlob", "appendBlob"}:
            # hashicorp/terraform-provider-azurerm#16686: blobTypes is required
            raise _lifecycle(f"rule '{name}': blobTypes must be blockBlob or appendBlob, got {sorted(kinds)}")
        if len(filters.get("prefixMatch") or []) > 10:
            raise _lifecycle(f"rule '{name}': at most 10 prefixes")
        steps = [
            (f"{where}.{what}", days)
            for where in ("baseBlob", "snapshot", "version")
            for what, condition in record(actions.get(where)).items()
            for days in record(condition).values()
        ]
        if not steps:
            raise _lifecycle(f"rule '{name}' has no action with a condition")
        for what, days in steps:
            if not isinstance(days, int | float) or days < 0 or days != int(days):
                raise _lifecycle(f"rule '{name}': {what} needs a whole number of days, got {days!r}")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"lastModifiedTime": timestamp(res.created_at)}


def _lifecycle(what: str) -> ArmError:
    """The service's text is generic; the reason behind it is ours, for the reader."""
    return ArmError("InvalidRequestPropertyValue", f"The values for request properties are invalid: {what}.")
