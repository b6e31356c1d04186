"""RDS for MySQL, Multi-AZ, encrypted, TLS only, with the settings that a restore on Azure needs."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import rds

from components.naming import child, tags


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    project: str
    version: str
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    protect: bool


class Database(pulumi.ComponentResource):
    """The primary database `petclinic`; its master password is RDS's own, in Secrets Manager."""

    NAME = "petclinic"
    MASTER = "planbadmin"

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Database", name, None, opts)
        group = rds.SubnetGroup(
            f"{name}-subnets",
            name=f"{args.project}-rds",
            subnet_ids=args.subnet_ids,
            tags=tags(f"{args.project}-rds"),
            opts=child(self),
        )
        wanted = {
            "require_secure_transport": "1",
            "slow_query_log": "1",
            "long_query_time": "2",
            "binlog_format": "ROW",
            # Off by default on RDS; restoring a backup with triggers or functions would be refused.
            "log_bin_trust_function_creators": "1",
            # Azure's default; with RDS's own (0) a name's case would mean something else after a restore.
            "lower_case_table_names": "1",
            "character_set_server": "utf8mb4",
        }
        parameters = rds.ParameterGroup(
            f"{name}-parameters",
            name=f"{args.project}-mysql{args.version.replace('.', '')}",
            family=f"mysql{args.version}",
            description="TLS only, slow queries of 2 s and more, portable to Azure",
            parameters=[
                # Static parameters take effect at the next start, which a new instance has before it serves.
                rds.ParameterGroupParameterArgs(name=key, value=value, apply_method="pending-reboot")
                for key, value in wanted.items()
            ],
            tags=tags(f"{args.project}-mysql"),
            opts=child(self),
        )
        instance = rds.Instance(
            f"{name}-mysql",
            identifier=f"{args.project}-mysql",
            engine="mysql",
            engine_version=args.version,
            instance_class="db.t3.medium",
            db_name=self.NAME,
            username=self.MASTER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.kms_key_arn,
            db_subnet_group_name=group.name,
            parameter_group_name=parameters.name,
            vpc_security_group_ids=[args.security_group_id],
            multi_az=True,
            publicly_accessible=False,
            storage_type="gp3",
            allocated_storage=20,
            max_allocated_storage=100,
            storage_encrypted=True,
            kms_key_id=args.kms_key_arn,
            backup_retention_period=7,
            enabled_cloudwatch_logs_exports=["error", "slowquery"],
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            deletion_protection=args.protect,
            skip_final_snapshot=not args.protect,
            final_snapshot_identifier=f"{args.project}-mysql-final" if args.protect else None,
            tags=tags(f"{args.project}-mysql"),
            opts=child(self, protect=args.protect),
        )
        self.host: pulumi.Output[str] = instance.address
        self.port: pulumi.Output[int] = instance.port
        self.master_secret_arn: pulumi.Output[str] = instance.master_user_secrets.apply(
            lambda found: found[0].secret_arn or ""
        )
        self.register_outputs(
            {"host": self.host, "port": self.port, "masterSecretArn": self.master_secret_arn}
        )
