"""RDS for MySQL, Multi-AZ, encrypted, TLS only, with the settings that a restore on Azure needs."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, rds, secretsmanager

from components.aws.documents import trust
from components.naming import child, tags

MONITORING = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
MASTER_ROTATION_DAYS = 7
# Parameters that take effect at the next start only; RDS refuses "immediate" for them. A new instance starts with them.
STATIC = frozenset({"lower_case_table_names"})
# The families mysql8.0 and mysql8.4 both know these.
PARAMETERS = {
    "require_secure_transport": "1",
    "slow_query_log": "1",
    "long_query_time": "2",
    # RDS writes the slow log to a table unless told otherwise; CloudWatch gets files only.
    "log_output": "FILE",
    # What the shipped binlog needs: whole rows, with the names of their columns.
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
    # Off by default on RDS; restoring a backup with triggers or functions would be refused.
    "log_bin_trust_function_creators": "1",
    # Azure's default; with RDS's own (0) a name's case would mean something else after a restore.
    "lower_case_table_names": "1",
    # As on the standby (components/azure/database.py): the same statement must mean the same on both sides.
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_0900_ai_ci",
    "time_zone": "UTC",
    # RDS's default lets bad values through that Azure's, which is strict, refuses at the restore.
    "sql_mode": "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
}


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    project: str
    version: str
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    protect: bool


class Database(pulumi.ComponentResource):
    """The primary database `petclinic`; its master password is RDS's own, in Secrets Manager, and rotates there."""

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
        parameters = rds.ParameterGroup(
            f"{name}-parameters",
            name=f"{args.project}-mysql{args.version.replace('.', '')}",
            family=f"mysql{args.version}",
            description="TLS only, slow queries of 2 s and more, portable to Azure",
            parameters=[
                rds.ParameterGroupParameterArgs(
                    name=key, value=value, apply_method="pending-reboot" if key in STATIC else "immediate"
                )
                for key, value in PARAMETERS.items()
            ],
            tags=tags(f"{args.project}-mysql"),
            opts=child(self),
        )
        role, attached = self._monitoring(name, args.project)
        instance = rds.Instance(
            f"{name}-mysql",
            identifier=f"{args.project}-mysql",
            engine="mysql",
            engine_version=args.version,
            # Said, not defaulted: without it AWS upgrades the major version by itself once standard support ends.
            # 8.0 is past that and costs Extended Support (`planb cost`); planb:mysqlVersion 8.4 is the way out.
            engine_lifecycle_support="open-source-rds-extended-support",
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
            ca_cert_identifier="rds-ca-rsa2048-g1",
            storage_type="gp3",
            allocated_storage=20,
            max_allocated_storage=100,
            storage_encrypted=True,
            kms_key_id=args.kms_key_arn,
            backup_retention_period=7,
            # 03:00 and 04:30 in Seoul, when nobody banks; never both at once.
            backup_window="18:00-19:00",
            maintenance_window="sun:19:30-sun:20:30",
            delete_automated_backups=not args.protect,
            enabled_cloudwatch_logs_exports=["error", "slowquery"],
            # Seven days are free. The class must not be smaller: .micro and .small have no Database Insights
            # (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.Engines.html).
            database_insights_mode="standard",
            performance_insights_enabled=True,
            performance_insights_retention_period=7,
            performance_insights_kms_key_id=args.kms_key_arn,
            monitoring_interval=60,
            monitoring_role_arn=role.arn,
            copy_tags_to_snapshot=True,
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            deletion_protection=args.protect,
            skip_final_snapshot=not args.protect,
            final_snapshot_identifier=f"{args.project}-mysql-final" if args.protect else None,
            tags=tags(f"{args.project}-mysql"),
            # RDS tries the monitoring role at creation, and its name says nothing of the policy attached to it.
            opts=child(self, protect=args.protect, retain_on_delete=args.protect, depends_on=[attached]),
        )
        self.identifier: pulumi.Output[str] = instance.identifier
        self.host: pulumi.Output[str] = instance.address
        self.port: pulumi.Output[int] = instance.port
        self.master_secret_arn: pulumi.Output[str] = instance.master_user_secrets.apply(
            lambda found: found[0].secret_arn or ""
        )
        # RDS rotates its own secret without a function; only the schedule is ours to say, and to see in a review.
        secretsmanager.SecretRotation(
            f"{name}-master",
            secret_id=self.master_secret_arn,
            rotation_rules=secretsmanager.SecretRotationRotationRulesArgs(
                automatically_after_days=MASTER_ROTATION_DAYS
            ),
            # The administration host is about to use it: the first rotation can wait for its day.
            rotate_immediately=False,
            opts=child(self),
        )
        self.register_outputs(
            {"host": self.host, "port": self.port, "masterSecretArn": self.master_secret_arn}
        )

    def _monitoring(self, name: str, project: str) -> tuple[iam.Role, pulumi.Resource]:
        """The role by which RDS writes Enhanced Monitoring's figures to CloudWatch Logs, and its policy."""
        role = iam.Role(
            f"{name}-monitoring",
            name=f"{project}-rds-monitoring",
            assume_role_policy=trust("monitoring.rds.amazonaws.com"),
            tags=tags(f"{project}-rds-monitoring"),
            opts=child(self),
        )
        attached = iam.RolePolicyAttachment(
            f"{name}-monitoring", role=role.name, policy_arn=MONITORING, opts=child(self)
        )
        return role, attached
