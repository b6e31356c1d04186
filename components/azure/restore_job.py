"""The restore job: a container group inside the VNet, so that the database never needs a public address."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import authorization, containerinstance, managedidentity

from components.azure.roles import own_name
from components.naming import child


@dataclass(frozen=True, kw_only=True)
class JobIdentityArgs:
    """`role_id` is what it may do in the container."""

    project: str
    resource_group: pulumi.Input[str]
    location: str
    container_id: pulumi.Input[str]
    role_id: pulumi.Input[str]
    tags: dict[str, str] = field(default_factory=dict[str, str])


class JobIdentity(pulumi.ComponentResource):
    """Part of the pilot light: Entra takes minutes to spread a new role, which a failover does not have."""

    def __init__(self, name: str, args: JobIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:JobIdentity", name, None, opts)
        identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_name_=f"id-restore-{args.project}",
            resource_group_name=args.resource_group,
            location=args.location,
            tags=args.tags,
            opts=child(self),
        )
        # It reads backups, and writes its progress and, at failback, Azure's backup: this container and no other, and
        # it deletes nothing. Not "restore-blobs", which an earlier release had: a role cannot be exchanged in place.
        authorization.RoleAssignment(
            f"{name}-data",
            role_assignment_name=own_name(args.project, "restore-data"),
            scope=args.container_id,
            principal_id=identity.principal_id,
            principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
            role_definition_id=args.role_id,
            opts=child(self),
        )
        self.id: pulumi.Output[str] = identity.id
        self.client_id: pulumi.Output[str] = identity.client_id
        self.register_outputs({"id": self.id, "clientId": self.client_id})


@dataclass(frozen=True, kw_only=True)
class RestoreJobArgs:
    """`kind` is restore, backup or follow; `run` names its progress blob; `backup` is what a restore loads."""

    project: str
    resource_group: pulumi.Input[str]
    location: str
    image: str
    kind: str
    run: str
    backup: str
    subnet_id: pulumi.Input[str]
    identity: JobIdentity
    container_url: pulumi.Input[str]
    database_host: pulumi.Input[str]
    database_name: str
    admin_user: str
    admin_password: pulumi.Input[str]
    app_user: str
    app_password: pulumi.Input[str]
    after: list[pulumi.Resource]
    """What must be there before it starts. (A component's own depends_on does not reach its children.)"""
    tags: dict[str, str] = field(default_factory=dict[str, str])


class RestoreJob(pulumi.ComponentResource):
    """Runs `planb-agent job`; a new run replaces the group, and the old one is gone before the new one starts."""

    def __init__(self, name: str, args: RestoreJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:RestoreJob", name, None, opts)
        plain: dict[str, pulumi.Input[str]] = {
            "PLANB_JOB": args.kind,
            "PLANB_RUN": args.run,
            "PLANB_CONTAINER_URL": args.container_url,
            "PLANB_DB_HOST": args.database_host,
            "PLANB_DB_NAME": args.database_name,
            "PLANB_DB_USER": args.admin_user,
            "PLANB_APP_USER": args.app_user,
            "AZURE_CLIENT_ID": args.identity.client_id,
        }
        if args.kind == "restore":
            plain["PLANB_BACKUP"] = args.backup
        if args.kind in ("restore", "follow"):
            # Repeating a failover must be able to load over what an interrupted one left, a feeder over its last.
            plain["PLANB_REPLACE"] = "true"
        secret = {"PLANB_DB_PASSWORD": args.admin_password, "PLANB_APP_PASSWORD": args.app_password}
        variables = [
            containerinstance.EnvironmentVariableArgs(name=key, value=value) for key, value in plain.items()
        ]
        variables += [
            containerinstance.EnvironmentVariableArgs(name=key, secure_value=value)
            for key, value in secret.items()
        ]
        group = containerinstance.ContainerGroup(
            f"{name}-group",
            container_group_name=f"ci-restore-{args.project}-{args.run}",
            resource_group_name=args.resource_group,
            location=args.location,
            os_type="Linux",
            # A job runs once and says how it went; whatever ends a feeder, it has to go on.
            restart_policy="Always" if args.kind == "follow" else "Never",
            identity=containerinstance.ContainerGroupIdentityArgs(
                type=containerinstance.ResourceIdentityType.USER_ASSIGNED,
                user_assigned_identities=[args.identity.id],
            ),
            subnet_ids=[containerinstance.ContainerGroupSubnetIdArgs(id=args.subnet_id)],
            containers=[
                containerinstance.ContainerArgs(
                    name="agent",
                    image=args.image,
                    command=["planb-agent", "job"],
                    environment_variables=variables,
                    resources=containerinstance.ResourceRequirementsArgs(
                        requests=containerinstance.ResourceRequestsArgs(cpu=2, memory_in_gb=4)
                    ),
                )
            ],
            tags=args.tags,
            opts=child(self, depends_on=args.after),
        )
        self.group_name: pulumi.Output[str] = group.name
        self.register_outputs({"groupName": self.group_name})
