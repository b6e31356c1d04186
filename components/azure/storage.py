"""The storage account: backups in a private container, the maintenance page as a static website."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pulumi
from pulumi_azure_native import storage

from components.naming import child

CONTAINER = "mysql-backups"


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """`site` is the directory of the static website; `account` is globally unique."""

    account: str
    resource_group: pulumi.Input[str]
    location: str
    retention_days: int
    site: Path
    protect: bool
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Storage(pulumi.ComponentResource):
    """The heart of the pilot light: always there, never public but for the page, without account keys."""

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:Storage", name, None, opts)
        group = args.resource_group
        data = child(self, protect=args.protect, retain_on_delete=args.protect)
        account = storage.StorageAccount(
            f"{name}-account",
            account_name=args.account,
            resource_group_name=group,
            location=args.location,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
            access_tier=storage.AccessTier.HOT,
            allow_blob_public_access=False,
            allow_shared_key_access=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            tags=args.tags,
            opts=data,
        )
        protection = storage.BlobServiceProperties(
            f"{name}-protection",
            account_name=account.name,
            resource_group_name=group,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=7),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=7),
            opts=child(self),
        )
        container = storage.BlobContainer(
            f"{name}-backups",
            account_name=account.name,
            resource_group_name=group,
            container_name=CONTAINER,
            public_access=storage.PublicAccess.NONE,
            opts=data,
        )
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            account_name=account.name,
            resource_group_name=group,
            management_policy_name="default",
            policy=storage.ManagementPolicySchemaArgs(rules=[self._expiry(args.retention_days)]),
            opts=child(self, depends_on=[protection]),
        )
        website = storage.StorageAccountStaticWebsite(
            f"{name}-website",
            account_name=account.name,
            resource_group_name=group,
            index_document="index.html",
            error404_document="404.html",
            opts=child(self),
        )
        for path in sorted(
            file for file in args.site.rglob("*") if file.is_file() and file.suffix == ".html"
        ):
            relative = path.relative_to(args.site).as_posix()
            kind, _ = mimetypes.guess_type(path.name)
            storage.Blob(
                f"{name}-site-{relative.replace('/', '-')}",
                account_name=account.name,
                resource_group_name=group,
                container_name=website.container_name,
                blob_name=relative,
                content_type=f"{kind}; charset=utf-8",
                source=pulumi.StringAsset(path.read_text(encoding="utf-8")),
                opts=child(self),
            )
        self.account_name: pulumi.Output[str] = account.name
        self.container_id: pulumi.Output[str] = container.id
        self.container_url: pulumi.Output[str] = pulumi.Output.concat(
            account.primary_endpoints.blob, CONTAINER
        )
        self.site_url: pulumi.Output[str] = account.primary_endpoints.web.apply(lambda url: url or "")
        self.site_host: pulumi.Output[str] = self.site_url.apply(lambda url: urlsplit(url).hostname or "")
        self.register_outputs({"containerUrl": self.container_url, "siteUrl": self.site_url})

    def _expiry(self, days: int) -> storage.ManagementPolicyRuleArgs:
        return storage.ManagementPolicyRuleArgs(
            name=f"delete-after-{days}-days",
            enabled=True,
            type=storage.RuleType.LIFECYCLE,
            definition=storage.ManagementPolicyDefinitionArgs(
                filters=storage.ManagementPolicyFilterArgs(
                    blob_types=["blockBlob"], prefix_match=[f"{CONTAINER}/backups/", f"{CONTAINER}/binlog/"]
                ),
                actions=storage.ManagementPolicyActionArgs(
                    base_blob=storage.ManagementPolicyBaseBlobArgs(
                        delete=storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
                    ),
                    version=storage.ManagementPolicyVersionArgs(
                        delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
                    ),
                ),
            ),
        )
