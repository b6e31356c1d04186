"""The maintenance page: a static website in an account of its own, so that the backups' account is public nowhere."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pulumi
from pulumi_azure_native import storage

from components.naming import child


@dataclass(frozen=True, kw_only=True)
class MaintenancePageArgs:
    """`site` is the directory of the page; `account` is globally unique."""

    account: str
    resource_group: pulumi.Input[str]
    location: str
    site: Path
    protect: bool
    tags: dict[str, str] = field(default_factory=dict[str, str])


class MaintenancePage(pulumi.ComponentResource):
    """Always there: it is what customers see while everything else is built."""

    def __init__(
        self, name: str, args: MaintenancePageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("planb:azure:MaintenancePage", name, None, opts)
        group = args.resource_group
        account = storage.StorageAccount(
            f"{name}-account",
            account_name=args.account,
            resource_group_name=group,
            location=args.location,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=storage.SkuName.STANDARD_LRS),
            access_tier=storage.AccessTier.HOT,
            # The website has an endpoint of its own, which this does not close.
            allow_blob_public_access=False,
            allow_shared_key_access=False,
            allow_cross_tenant_replication=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            tags=args.tags,
            opts=child(self, protect=args.protect, retain_on_delete=args.protect),
        )
        website = storage.StorageAccountStaticWebsite(
            f"{name}-website",
            account_name=account.name,
            resource_group_name=group,
            index_document="index.html",
            error404_document="404.html",
            opts=child(self),
        )
        for path in sorted(args.site.rglob("*.html")):
            relative = path.relative_to(args.site).as_posix()
            kind, _ = mimetypes.guess_type(path.name)
            storage.Blob(
                f"{name}-{relative.replace('/', '-')}",
                account_name=account.name,
                resource_group_name=group,
                container_name=website.container_name,
                blob_name=relative,
                content_type=f"{kind}; charset=utf-8",
                source=pulumi.StringAsset(path.read_text(encoding="utf-8")),
                opts=child(self),
            )
        self.account_id: pulumi.Output[str] = account.id
        self.url: pulumi.Output[str] = account.primary_endpoints.web.apply(lambda url: url or "")
        self.host: pulumi.Output[str] = self.url.apply(lambda url: urlsplit(url).hostname or "")
        self.register_outputs({"url": self.url})
