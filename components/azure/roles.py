"""Who may do what in the standby: built-in roles by their ids, two roles of our own, and their assignments.

Nothing is assigned at the subscription. Groups come from the settings as object ids of Entra.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization

from components.naming import child

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
AKS_USER = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f"  # may fetch a kubeconfig, which allows nothing by itself
AKS_WRITER = "a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb"  # objects in namespaces, but no roles and no quotas

BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
# No delete, deleteBlobVersion, permanentDelete, move, tags or immutableStorage/runAsSuperUser (docs/adr/0021).
WRITER = [f"{BLOBS}/read", f"{BLOBS}/add/action", f"{BLOBS}/write"]
MYSQL = "Microsoft.DBforMySQL/flexibleServers"
# Runs the server, but neither deletes it nor anything that a restore has filled.
MYSQL_ADMIN = [
    f"{MYSQL}/read",
    f"{MYSQL}/write",
    f"{MYSQL}/start/action",
    f"{MYSQL}/stop/action",
    f"{MYSQL}/restart/action",
    f"{MYSQL}/failover/action",
    f"{MYSQL}/databases/read",
    f"{MYSQL}/backups/read",
    f"{MYSQL}/logFiles/read",
    f"{MYSQL}/configurations/read",
    f"{MYSQL}/configurations/write",
    f"{MYSQL}/administrators/read",
    f"{MYSQL}/administrators/write",
    "Microsoft.Insights/metrics/read",
]


def built_in(subscription_id: pulumi.Input[str], role: str) -> pulumi.Output[str]:
    """The id of a built-in role."""
    return pulumi.Output.concat(
        "/subscriptions/", subscription_id, f"/providers/Microsoft.Authorization/roleDefinitions/{role}"
    )


def own_name(project: str, what: str) -> str:
    """A GUID that is the same at each run: assignments and definitions have no other names."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"planb/{project}/{what}"))


def only_below(*folders: str) -> str:
    """A condition: these folders of the container, and no other blob, whatever the role allows.

    Format and attributes: https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-attributes
    """
    path = f"@Resource[{BLOBS}:path] StringStartsWith"
    inside = " OR ".join(f"{path} '{folder}'" for folder in folders)
    other = " AND ".join(f"!(ActionMatches{{'{BLOBS}/{action}'}})" for action in ("write", "add/action"))
    return f"(({other}) OR ({inside}))"


@dataclass(frozen=True, kw_only=True)
class RolesArgs:
    """`group_id` is the resource group's: the only place where the roles can be assigned."""

    project: str
    group_id: pulumi.Input[str]


class Roles(pulumi.ComponentResource):
    """Part of the pilot light: Entra takes minutes to spread a new role, which a failover does not have."""

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:Roles", name, None, opts)

        def define(what: str, description: str, allowed: authorization.PermissionArgs) -> pulumi.Output[str]:
            return authorization.RoleDefinition(
                f"{name}-{what}",
                role_definition_id=own_name(args.project, f"role/{what}"),
                role_name=f"PlanB {args.project} {what}",  # unique in the tenant
                description=description,
                role_type="CustomRole",
                scope=args.group_id,
                assignable_scopes=[args.group_id],
                permissions=[allowed],
                opts=child(self),
            ).id

        self.backup_writer = define(
            "backup-writer",
            "Reads and adds backups; deletes nothing and changes no retention",
            authorization.PermissionArgs(actions=[], data_actions=WRITER),
        )
        self.mysql_admin = define(
            "mysql-admin",
            "Runs the standby's database server",
            authorization.PermissionArgs(actions=MYSQL_ADMIN),
        )
        self.register_outputs({"backupWriter": self.backup_writer, "mysqlAdmin": self.mysql_admin})


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One role on one thing; `what` names the assignment."""

    what: str
    role_id: pulumi.Input[str]
    scope: pulumi.Input[str]


class Grants(pulumi.ComponentResource):
    """What one group of people may do."""

    def __init__(
        self,
        name: str,
        project: str,
        group: str,
        grants: list[Grant],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("planb:azure:Grants", name, None, opts)
        for grant in grants:
            authorization.RoleAssignment(
                f"{name}-{grant.what}",
                role_assignment_name=own_name(project, f"{name}/{grant.what}"),
                scope=grant.scope,
                principal_id=group,
                principal_type=authorization.PrincipalType.GROUP,
                role_definition_id=grant.role_id,
                opts=child(self),
            )
        self.register_outputs({})
