"""azure-native:storage: containers, and how long what is in them stays.

A policy on a container that versions immutably is the default of its versions; on any other it forbids every change of
every blob. Azurite keeps no versions, so neither is enforced on blobs.
"""

from __future__ import annotations

from simcloud.azure import ids
from simcloud.azure.base import ArmKind, find_id, record, timestamp
from simcloud.azure.errors import ArmError
from simcloud.azure.storage import ACCOUNT, CONTAINER, account_id, account_of, allows_public
from simcloud.kinds import Context, Properties, Resource, kind

POLICY = "azure-native:storage:BlobContainerImmutabilityPolicy"
LONGEST_DAYS = 146_000


@kind
class BlobContainer(ArmKind):
    type = CONTAINER
    arm_type = "Microsoft.Storage/storageAccounts/blobServices/containers"
    api_version = "2024-01-01"
    path = ("accountName", "containerName")
    naming = "copy"
    parent = ACCOUNT
    located = False
    shows = frozenset({"etag"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{account_id(ctx, inputs)}/blobServices/default/containers/{self.own_name(inputs, name)}"

    def parent_of(self, ctx: Context, inputs: Properties) -> Resource | None:
        return account_of(ctx, inputs)

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        if not name.startswith("$") and not 3 <= len(name) <= 63:
            # https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
            raise ArmError(
                "OutOfRangeInput", "The specified resource name length is not within the permissible limits."
            )
        account = account_of(ctx, inputs)
        public = inputs.get("publicAccess") not in (None, "None")
        if public and account and not allows_public(account):
            # pivotal/paving#89
            raise ArmError(
                "PublicAccessNotPermitted",
                "Public access is not permitted on this storage account.",
                status=409,
            )
        check_container(ctx, account, inputs, arm_id, old)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        locked = record(res.inputs.get("immutableStorageWithVersioning"))
        return {
            "publicAccess": res.inputs.get("publicAccess") or "None",
            "hasImmutabilityPolicy": bool(locked.get("enabled")),
            "hasLegalHold": False,
            "deleted": False,
            "deletedTime": "0001-01-01T00:00:00Z",
            "lastModifiedTime": timestamp(res.created_at),
            "leaseState": "Available",
            "leaseStatus": "Unlocked",
            "leaseDuration": "",
            "version": "",
            "remainingRetentionDays": 0,
            "defaultEncryptionScope": res.inputs.get("defaultEncryptionScope") or "$account-encryption-key",
            "denyEncryptionScopeOverride": bool(res.inputs.get("denyEncryptionScopeOverride")),
            "immutabilityPolicy": {"updateHistory": []},
            "legalHold": {"hasLegalHold": False, "tags": []},
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        public = res.inputs.get("publicAccess") not in (None, "None")
        name = res.id.rsplit("/", 1)[-1]
        ctx.world.storage.create_container(str(res.inputs["accountName"]), name, public=public)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        """Anonymous access can be granted and taken away; the content stays."""
        level = {"Blob": "blob", "Container": "container"}.get(str(res.inputs.get("publicAccess")))
        if old.inputs.get("publicAccess") != res.inputs.get("publicAccess"):
            service = ctx.world.storage.service(str(res.inputs["accountName"]))
            container = service.get_container_client(res.id.rsplit("/", 1)[-1])
            container.set_container_access_policy(signed_identifiers={}, public_access=level)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        check_deletion(ctx, res)
        if account_of(ctx, res.inputs):
            ctx.world.storage.delete_container(str(res.inputs["accountName"]), res.id.rsplit("/", 1)[-1])


@kind
class BlobContainerImmutabilityPolicy(ArmKind):
    type = POLICY
    arm_type = "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies"
    api_version = "2024-01-01"
    path = ("accountName", "containerName", "immutabilityPolicyName")
    naming = "copy"
    parent = CONTAINER
    located = False
    shows = frozenset({"etag"})

    def _container(self, ctx: Context, inputs: Properties) -> str:
        return f"{account_id(ctx, inputs)}/blobServices/default/containers/{inputs.get('containerName')}"

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{self._container(ctx, inputs)}/immutabilityPolicies/{self.own_name(inputs, name)}"

    def parent_of(self, ctx: Context, inputs: Properties) -> Resource | None:
        return find_id(ctx, CONTAINER, self._container(ctx, inputs)) if account_of(ctx, inputs) else None

    def rules(self, ctx: Context, inputs: Properties, arm_id: str, old: Resource | None) -> None:
        name = arm_id.rsplit("/", 1)[-1]
        if name != "default":
            # as for the account's other singletons
            raise ArmError("HttpResourceNotFound", f"The request url {arm_id} is not found.", status=404)
        days = inputs.get("immutabilityPeriodSinceCreationInDays")
        if not isinstance(days, int | float) or not 1 <= days <= LONGEST_DAYS:
            # immutable-time-based-retention-policy-overview.md: 1 to 146,000 days [closest]
            raise ArmError(
                "InvalidRequestPropertyValue",
                f"The value '{days}' for property 'immutabilityPeriodSinceCreationInDays' is invalid.",
            )
        if inputs.get("allowProtectedAppendWrites") and inputs.get("allowProtectedAppendWritesAll"):
            # The SDK's docstring: mutually exclusive [closest]
            raise ArmError(
                "InvalidRequestPropertyValue",
                "'allowProtectedAppendWrites' and 'allowProtectedAppendWritesAll' are mutually exclusive.",
            )
        if old and locked(old) and inputs != old.inputs:
            raise _fixed()

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"state": res.outputs.get("state") or "Unlocked"}

    def delete(self, ctx: Context, res: Resource) -> None:
        if locked(res):
            raise _fixed()


def locked(policy: Resource) -> bool:
    """A policy is locked by a request of its own, which no resource makes; then it can only be extended, by another."""
    return policy.outputs.get("state") == "Locked"


def _fixed() -> ArmError:
    """Azure/azure-powershell#26148"""
    return ArmError(
        "ImmutabilityPolicyOperationNotAllowed",  # [closest]; the text is the thread's
        "Operation not allowed on immutability policy with current state",
        status=409,
    )


def versions_immutably(container: Properties) -> bool:
    return record(container.get("immutableStorageWithVersioning")).get("enabled") is True


def check_container(
    ctx: Context, account: Resource | None, inputs: Properties, arm_id: str, old: Resource | None
) -> None:
    """immutable-version-level-worm-policies.md: versions first, and only when the container is made."""
    if old and versions_immutably(old.inputs) != versions_immutably(inputs):
        # https://learn.microsoft.com/rest/api/storagerp/blob-containers/object-level-worm [closest]
        raise ArmError(
            "InvalidRequestPropertyValue",
            "The property 'immutableStorageWithVersioning' can only be set when the container is created; an existing "
            "container must be migrated.",
        )
    if not old and versions_immutably(inputs) and not _versioned(ctx, account):
        raise ArmError(  # [closest]
            "FeatureDependencyNotEnabled",
            f"Blob versioning must be enabled before container {arm_id.rsplit('/', 1)[-1]} can have immutable storage "
            "with versioning.",
            status=409,
        )


def _versioned(ctx: Context, account: Resource | None) -> bool:
    return bool(account) and any(
        ids.same(found.id, f"{account.id}/blobServices/default") and found.inputs.get("isVersioningEnabled")
        for found in ctx.find("azure-native:storage:BlobServiceProperties")
    )


def check_deletion(ctx: Context, container: Resource) -> None:
    """A container that versions immutably goes only when it is empty, policy or not."""
    account, name = str(container.inputs["accountName"]), container.id.rsplit("/", 1)[-1]
    if versions_immutably(container.inputs) and ctx.world.storage.holds_blobs(account, name):
        # [recalled]; the data plane says ContainerImmutableStorageWithVersioningEnabled (azure-sdk-for-python#22255)
        raise ArmError(
            "ContainerProtectedFromDeletion",
            f"The storage account {account} container {name} is protected from deletion due to "
            "ImmutableStorageWithVersioning.",
            status=409,
        )
