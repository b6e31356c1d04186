"""MySQL Flexible Server in the delegated subnet, with what a restore from RDS needs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
from pulumi_azure_native import dbformysql, privatedns
from pulumi_random import RandomPassword

from components.naming import child

VERSIONS = {"8.0": "8.0.21"}  # the service's label of 8.0; the typed API knows no newer one
# The restore waits for the first one only; each takes the service some seconds.
PARAMETERS = {
    # On by default; a table without a primary key would get a column that its binlog rows do not have.
    "sql_generate_invisible_primary_key": "OFF",
    "log_bin_trust_function_creators": "ON",
    "require_secure_transport": "ON",
}


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """`high_availability` selects General Purpose with ZoneRedundant: Burstable cannot have it."""

    project: str
    resource_group: pulumi.Input[str]
    location: str
    version: str
    high_availability: bool
    subnet_id: pulumi.Input[str]
    vnet_id: pulumi.Input[str]
    database: str
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Database(pulumi.ComponentResource):
    """The standby's database; made at failover, restored into, and gone after failback."""

    ADMIN = "planbadmin"

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:azure:Database", name, None, opts)
        group = args.resource_group
        zone = privatedns.PrivateZone(
            f"{name}-zone",
            private_zone_name=f"{args.project}.private.mysql.database.azure.com",
            resource_group_name=group,
            location="global",
            tags=args.tags,
            opts=child(self),
        )
        link = privatedns.VirtualNetworkLink(
            f"{name}-link",
            virtual_network_link_name=f"vnet-{args.project}",
            private_zone_name=zone.name,
            resource_group_name=group,
            location="global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=args.vnet_id),
            tags=args.tags,
            opts=child(self),
        )
        # Azure wants three of the four classes; min_* makes that certain.
        self.password: pulumi.Output[str] = RandomPassword(
            f"{name}-admin",
            length=32,
            override_special="_-+=.",
            min_lower=2,
            min_upper=2,
            min_numeric=2,
            opts=child(self),
        ).result
        sku = (
            ("Standard_D2ds_v4", "GeneralPurpose")
            if args.high_availability
            else ("Standard_B2s", "Burstable")
        )
        server = dbformysql.Server(
            f"{name}-mysql",
            server_name=f"mysql-dr-{args.project}",
            resource_group_name=group,
            location=args.location,
            version=VERSIONS[args.version],
            administrator_login=self.ADMIN,
            administrator_login_password=self.password,
            sku=dbformysql.MySQLServerSkuArgs(name=sku[0], tier=sku[1]),
            storage=dbformysql.StorageArgs(storage_size_gb=20, auto_grow="Enabled"),
            backup=dbformysql.BackupArgs(backup_retention_days=7, geo_redundant_backup="Disabled"),
            high_availability=dbformysql.HighAvailabilityArgs(
                mode="ZoneRedundant" if args.high_availability else "Disabled"
            ),
            network=dbformysql.NetworkArgs(
                delegated_subnet_resource_id=args.subnet_id, private_dns_zone_resource_id=zone.id
            ),
            tags=args.tags,
            # The service asks for a zone that is linked already, but nothing in its request says so.
            opts=child(self, depends_on=[link]),
        )
        database = dbformysql.Database(
            f"{name}-database",
            database_name=args.database,
            server_name=server.name,
            resource_group_name=group,
            charset="utf8mb4",
            collation="utf8mb4_0900_ai_ci",
            opts=child(self, depends_on=[server]),
        )
        before: pulumi.Resource = database
        parameters: list[pulumi.Resource] = []
        for key, value in PARAMETERS.items():
            # One after the other: the service refuses parallel changes of a server (ServerIsBusy).
            before = dbformysql.Configuration(
                f"{name}-{key.replace('_', '-')}",
                configuration_name=key,
                server_name=server.name,
                resource_group_name=group,
                value=value,
                source="user-override",
                opts=child(self, depends_on=[before]),
            )
            parameters.append(before)
        self.ready: list[pulumi.Resource] = [database, parameters[0]]
        self.id: pulumi.Output[str] = server.id
        self.host: pulumi.Output[str] = server.fully_qualified_domain_name
        self.register_outputs({"host": self.host})
