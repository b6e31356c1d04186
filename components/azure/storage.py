"""The account of backups and state: versioned, undeletable for a while, closed to keys (docs/adr/0022)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import storage

from components.naming import child

BACKUPS, STATE = "mysql-backups", "pulumi-state"
SOFT_DELETE_DAYS = 7
SAS_LIFE = "01.00:00:00"
"""The longest life of a token where the fallback allows tokens: a day, to which a daily rotation is enough."""


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """`account` is globally unique; `shared_key` opens it to keys and tokens, for the fallback without Entra;
    `immutable` forbids anybody to delete or change a version before the retention is over.
    """

    account: str
    resource_group: pulumi.Input[str]
    location: str
    retention_days: int
    shared_key: bool
    immutable: bool
    protect: bool
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Storage(pulumi.ComponentResource):
    """The heart of the pilot light: always there, never public."""

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
            allow_shared_key_access=args.shared_key,
            sas_policy=storage.SasPolicyArgs(expiration_action="Block", sas_expiration_period=SAS_LIFE)
            if args.shared_key
            else None,
            default_to_o_auth_authentication=True,
            allow_cross_tenant_replication=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            # AWS writes through its NAT's address, which is not known when the standby is made, and an operator's is
            # not known at all: who may do what is Entra's to say, not a list of addresses.
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.ALLOW, bypass=storage.Bypass.AZURE_SERVICES
            ),
            tags=args.tags,
            opts=data,
        )
        protection = storage.BlobServiceProperties(
            f"{name}-protection",
            account_name=account.name,
            resource_group_name=group,
            blob_services_name="default",
            is_versioning_enabled=True,
            delete_retention_policy=storage.DeleteRetentionPolicyArgs(enabled=True, days=SOFT_DELETE_DAYS),
            container_delete_retention_policy=storage.DeleteRetentionPolicyArgs(
                enabled=True, days=SOFT_DELETE_DAYS
            ),
            opts=child(self),
        )
        container = storage.BlobContainer(
            f"{name}-backups",
            account_name=account.name,
            resource_group_name=group,
            container_name=BACKUPS,
            public_access=storage.PublicAccess.NONE,
            # By version, not by container: the journal, locks and who is active are written over.
            immutable_storage_with_versioning=storage.ImmutableStorageWithVersioningArgs(enabled=True)
            if args.immutable
            else None,
            # Versions have to be there before a container can ask for their immutability.
            opts=child(self, protect=args.protect, retain_on_delete=args.protect, depends_on=[protection]),
        )
        if args.immutable:
            storage.BlobContainerImmutabilityPolicy(
                f"{name}-worm",
                account_name=account.name,
                resource_group_name=group,
                container_name=container.name,
                immutability_policy_name="default",
                immutability_period_since_creation_in_days=args.retention_days,
                # The journal is an append blob.
                allow_protected_append_writes=True,
                opts=child(self, retain_on_delete=args.protect),
            )
        storage.BlobContainer(
            f"{name}-state",
            account_name=account.name,
            resource_group_name=group,
            container_name=STATE,
            public_access=storage.PublicAccess.NONE,
            opts=data,
        )
        storage.ManagementPolicy(
            f"{name}-lifecycle",
            account_name=account.name,
            resource_group_name=group,
            management_policy_name="default",
            policy=storage.ManagementPolicySchemaArgs(rules=_lifecycle(args.retention_days)),
            opts=child(self, depends_on=[protection]),
        )
        self.account_id: pulumi.Output[str] = account.id
        self.account_name: pulumi.Output[str] = account.name
        self.container_id: pulumi.Output[str] = container.id
        self.state_id: pulumi.Output[str] = pulumi.Output.concat(
            account.id, f"/blobServices/default/containers/{STATE}"
        )
        self.container_url: pulumi.Output[str] = pulumi.Output.concat(account.primary_endpoints.blob, BACKUPS)
        self.register_outputs({"containerUrl": self.container_url})


def _lifecycle(days: int) -> list[storage.ManagementPolicyRuleArgs]:
    """Backups go when they are old; of all else only what was written over."""
    versions = storage.ManagementPolicyVersionArgs(
        delete=storage.DateAfterCreationArgs(days_after_creation_greater_than=days)
    )
    old = storage.ManagementPolicyBaseBlobArgs(
        delete=storage.DateAfterModificationArgs(days_after_modification_greater_than=days)
    )
    return [
        _rule(
            f"delete-after-{days}-days",
            [f"{BACKUPS}/backups/", f"{BACKUPS}/binlog/"],
            storage.ManagementPolicyActionArgs(base_blob=old, version=versions),
        ),
        _rule(
            f"versions-after-{days}-days",
            [f"{BACKUPS}/", f"{STATE}/"],
            storage.ManagementPolicyActionArgs(version=versions),
        ),
    ]


def _rule(
    name: str, prefixes: list[str], actions: storage.ManagementPolicyActionArgs
) -> storage.ManagementPolicyRuleArgs:
    return storage.ManagementPolicyRuleArgs(
        name=name,
        enabled=True,
        type=storage.RuleType.LIFECYCLE,
        definition=storage.ManagementPolicyDefinitionArgs(
            filters=storage.ManagementPolicyFilterArgs(blob_types=["blockBlob"], prefix_match=prefixes),
            actions=actions,
        ),
    )
