"""Who AWS's backup host is in Azure: an identity that trusts the host's role and has no key (docs/adr/0021)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import authorization, managedidentity

from components.azure.roles import only_below, own_name
from components.naming import child

AUDIENCE = "api://AzureADTokenExchange"
ROLES = ("backup", "db-admin")
"""AWS's roles that are this identity: the host that dumps and ships, and the one that a failback starts."""
FOLDERS = ("backups/", "binlog/", "diverged/", "locks/")
"""Where AWS writes. The journal, jobs and who is active are Azure's."""


@dataclass(frozen=True, kw_only=True)
class BackupWriterArgs:
    """`issuer` and `account` are AWS's; without them (None) nobody is trusted yet."""

    project: str
    resource_group: pulumi.Input[str]
    location: str
    container_id: pulumi.Input[str]
    role_id: pulumi.Input[str]
    issuer: str | None
    account: str | None
    tags: dict[str, str] = field(default_factory=dict[str, str])


class BackupWriter(pulumi.ComponentResource):
    """Exists before AWS does: the standby is deployed first, and production reads the client id from its outputs."""

    def __init__(self, name: str, args: BackupWriterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:BackupWriter", name, None, opts)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_name_=f"id-backup-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            tags=args.tags,
            opts=child(self),
        )
        authorization.RoleAssignment(
            f"{name}-blobs",
            role_assignment_name=own_name(args.project, "backup-writer/blobs"),
            scope=args.container_id,
            principal_id=identity.principal_id,
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
            role_definition_id=args.role_id,
            condition=only_below(*FOLDERS),
            condition_version="2.0",
            opts=child(self),
        )
        before: pulumi.Resource = identity
        self.subjects: list[str] = []
        for role in ROLES if args.issuer and args.account else ():
            subject = f"arn:aws:iam::{args.account}:role/{args.project}-{role}"
            # One after the other: writes under one identity at once are refused (pulumi-azure-native#4343).
            before = managedidentity.FederatedIdentityCredential(
                f"{name}-{role}",
                federated_identity_credential_resource_name=f"aws-{role}",
                resource_name_=identity.name,
                resource_group_name=args.resource_group,
                issuer=args.issuer or "",
                subject=subject,
                audiences=[AUDIENCE],
                opts=child(self, depends_on=[before]),
            )
            self.subjects.append(subject)
        self.client_id: pulumi.Output[str] = identity.client_id
        self.tenant_id: pulumi.Output[str] = identity.tenant_id
        self.register_outputs({"clientId": self.client_id, "tenantId": self.tenant_id})
