"""azure-native:storage: blobs and static websites, which azure-native writes through the data plane itself.

Since version 3 it does so with the operator's Entra identity (`custom_storage_azidentity.go`), so shared keys may be
off; the operator then needs Storage Blob Data Contributor, which simcloud's operator has.
"""

from __future__ import annotations

import base64
import hashlib

from simcloud import assets
from simcloud.azure.base import ArmKind, find_id, record
from simcloud.azure.errors import ArmError, ProviderError, already_exists, resource_group_not_found
from simcloud.azure.storage import CONTAINER, account_id, account_of
from simcloud.kinds import Context, Properties, Resource, kind

WEBSITE = "azure-native:storage:StorageAccountStaticWebsite"
BLOB = "azure-native:storage:Blob"


def asset_bytes(source: object) -> bytes:
    """Content of a Pulumi asset; azure-native's refusal of what is none."""
    try:
        return assets.asset_bytes(source)
    except ValueError as error:
        raise ProviderError(str(error)) from None


class _DataPlane(ArmKind):
    """Something inside an account that is not an ARM resource."""

    located = False
    naming = "copy"

    def parent_of(self, ctx: Context, inputs: Properties) -> Resource | None:
        return account_of(ctx, inputs)

    def _account(self, ctx: Context, inputs: Properties) -> Resource:
        if not self.group(ctx, inputs):
            raise resource_group_not_found(str(inputs["resourceGroupName"]))
        account = account_of(ctx, inputs)
        if not account:
            raise ProviderError(f'storage account "{inputs.get("accountName")}" not found')
        return account


@kind
class StaticWebsite(_DataPlane):
    type = WEBSITE
    path = ("accountName",)

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{account_id(ctx, inputs)}/staticWebsite"

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return inputs  # accountName is required and never made up

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        account = self._account(ctx, inputs)
        if account.inputs.get("kind") not in {"StorageV2", "BlockBlobStorage"}:
            # https://learn.microsoft.com/azure/storage/blobs/storage-feature-support-in-storage-accounts [closest]
            raise ArmError(
                "FeatureNotSupportedForAccount",
                f"Static websites are not supported for account kind {account.inputs.get('kind')}.",
            )

    def outputs(self, ctx: Context, res: Resource) -> Properties:
        return {"containerName": "$web"}

    def _enable(self, ctx: Context, res: Resource) -> None:
        ctx.world.storage.enable_static_website(
            str(res.inputs["accountName"]),
            str(res.inputs.get("indexDocument") or ""),
            str(res.inputs.get("error404Document") or ""),
        )

    def create(self, ctx: Context, res: Resource) -> Properties:
        self._enable(ctx, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        self._enable(ctx, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        if account_of(ctx, res.inputs):
            ctx.world.storage.disable_static_website(str(res.inputs["accountName"]))


@kind
class Blob(_DataPlane):
    type = BLOB
    path = ("accountName", "containerName", "blobName")
    forces_new = frozenset({"contentMd5", "source", "type"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{self._container_id(ctx, inputs)}/blobs/{self.own_name(inputs, name)}"

    def _container_id(self, ctx: Context, inputs: Properties) -> str:
        return f"{account_id(ctx, inputs)}/blobServices/default/containers/{inputs.get('containerName')}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self._account(ctx, inputs)
        container = str(inputs["containerName"])
        made = find_id(ctx, CONTAINER, self._container_id(ctx, inputs)) or (
            container == "$web" and find_id(ctx, WEBSITE, f"{account_id(ctx, inputs)}/staticWebsite")
        )
        if not made:
            # https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
            raise ArmError("ContainerNotFound", "The specified container does not exist.", status=404)
        arm_id = old.id if old else self.identify(ctx, inputs, ctx.urn.rsplit("::", 1)[-1])
        there = None if old else find_id(ctx, self.type, arm_id)
        if there and (there.urn != ctx.urn or there.status == "ready"):
            raise already_exists(arm_id)
        if inputs.get("type") == "Append" and inputs.get("source") is not None:
            # custom_storage_azidentity.go
            raise ProviderError('"source" cannot be specified for "Append" blobs')
        given = inputs.get("contentMd5")
        if given and inputs.get("source") is not None:
            actual = base64.b64encode(hashlib.md5(asset_bytes(inputs["source"])).digest()).decode()
            if given != actual:
                raise ArmError(
                    "Md5Mismatch",
                    "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
                )

    def outputs(self, ctx: Context, res: Resource) -> Properties:
        name = str(res.inputs.get("blobName") or res.id.split("/blobs/", 1)[-1])
        account, container = res.inputs["accountName"], res.inputs["containerName"]
        out: Properties = {
            "name": name,
            "type": res.inputs.get("type") or "Block",
            "url": f"https://{account}.blob.core.windows.net/{container}/{name}",
            "metadata": record(res.inputs.get("metadata")),
            "contentType": res.inputs.get("contentType") or "application/octet-stream",
            "accessTier": res.inputs.get("accessTier") or "Hot",
        }
        if res.inputs.get("source") is not None:
            digest = hashlib.md5(asset_bytes(res.inputs["source"])).digest()
            out["contentMd5"] = base64.b64encode(digest).decode()
        return out

    def _put(self, ctx: Context, res: Resource) -> None:
        source = res.inputs.get("source")
        ctx.world.storage.put_blob(
            str(res.inputs["accountName"]),
            str(res.inputs["containerName"]),
            res.id.split("/blobs/", 1)[-1],
            asset_bytes(source) if source is not None else b"",
            str(res.inputs.get("contentType") or "application/octet-stream"),
        )

    def create(self, ctx: Context, res: Resource) -> Properties:
        self._put(ctx, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        self._put(ctx, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        if account_of(ctx, res.inputs):
            ctx.world.storage.delete_blob(
                str(res.inputs["accountName"]),
                str(res.inputs["containerName"]),
                res.id.split("/blobs/", 1)[-1],
            )
