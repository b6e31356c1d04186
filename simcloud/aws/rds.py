"""RDS for MySQL: a real server behind each instance.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html (names, errors)
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from datetime import date

from simcloud.aws import rdsparams
from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use, letters
from simcloud.aws.iam import ATTACHMENT, KEY, ROLE, trusts
from simcloud.aws.network import SUBNET, network_of
from simcloud.aws.secrets import drop_secret, put_secret
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

SUBNET_GROUP = "aws:rds/subnetGroup:SubnetGroup"
PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
INSTANCE = "aws:rds/instance:Instance"
# Major versions that can be created, until when (standard support, then Extended Support unless switched off).
VERSIONS = {"8.0": (date(2026, 7, 31), date(2029, 7, 31)), "8.4": (date(2029, 7, 31), date(2032, 7, 31))}
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.Engines.html
TOO_SMALL_FOR_INSIGHTS = {
    f"db.{family}.{size}" for family in ("t2", "t3", "t4g") for size in ("micro", "small")
}
MONITORING_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
EXTENDED = "open-source-rds-extended-support"
RESERVED = {"rdsadmin", "mysql", "root", "all", "sys", "select", "user"}


@kind
class SubnetGroup(Named):
    type = SUBNET_GROUP
    service, arn_path, longest = "rds", "subgrp:{name}", 255
    replace_on = frozenset({"name", "namePrefix", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        zones: set[str] = set()
        for subnet_id in inputs["subnetIds"]:
            subnet = existing(ctx, SUBNET, subnet_id, "InvalidSubnet", f"Subnet {subnet_id} not found")
            zones.add(str(subnet.get("availabilityZone")))
        if len(zones) < 2:
            raise CloudError(
                "DBSubnetGroupDoesNotCoverEnoughAZs",
                "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
                f"Current AZ coverage: {', '.join(sorted(zones))}. Add subnets to cover at least 2 AZs.",
            )
        if old is None:
            in_use(
                ctx.find(SUBNET_GROUP, name=inputs["name"]),
                "DBSubnetGroupAlreadyExists",
                f"The DB subnet group '{inputs['name']}' already exists.",
            )

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [i for i in ctx.find(INSTANCE, dbSubnetGroupName=res.id) if i.status != "deleting"]
        in_use(
            users,
            "InvalidDBSubnetGroupStateFault",
            f"Cannot delete the subnet group '{res.id}' because at least one database instance is still using it.",
        )


@kind
class ParameterGroup(Named):
    type = PARAMETERS
    service, arn_path, longest = "rds", "pg:{name}", 255
    replace_on = frozenset({"name", "namePrefix", "family", "description", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        family = str(inputs["family"])
        if family not in {f"mysql{version}" for version in VERSIONS}:
            raise CloudError(
                "InvalidParameterValue",
                f"ParameterGroupFamily {family} is not a valid parameter group family",
            )
        for parameter in inputs.get("parameters") or []:
            rdsparams.check(family, parameter)
        if old is None:
            text = f"Parameter group {inputs['name']} already exists"
            in_use(ctx.find(PARAMETERS, name=inputs["name"]), "DBParameterGroupAlreadyExists", text)

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        for instance in ctx.find(INSTANCE, parameterGroupName=res.id):
            ctx.world.mysql.update(instance.get("identifier"), parameters=_parameters(res))
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [i for i in ctx.find(INSTANCE, parameterGroupName=res.id) if i.status != "deleting"]
        in_use(
            users,
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group "
            f"{res.id}, so the group cannot be deleted",
        )


def parameters_of(ctx: Context, inputs: Properties) -> dict[str, str]:
    """Parameters of an instance's group, by name."""
    group = ctx.by_id(PARAMETERS, str(inputs.get("parameterGroupName")))
    return _parameters(group) if group else {}


def _parameters(group: Resource) -> dict[str, str]:
    return {str(p["name"]): str(p["value"]) for p in group.inputs.get("parameters") or []}


def _support(inputs: Properties) -> int:
    """Which end counts for a new instance: 0 of standard support, 1 of Extended Support, which is the default."""
    return 0 if inputs.get("engineLifecycleSupport") == f"{EXTENDED}-disabled" else 1


@kind
class Instance(AwsKind):
    type = INSTANCE
    service = "rds"
    latency, delete_latency, update_latency = "rds_multi_az", "rds_delete", "control_plane"
    replace_on = frozenset(
        {
            "identifierPrefix",
            "engine",
            "username",
            "dbName",
            "dbSubnetGroupName",
            "storageEncrypted",
            "kmsKeyId",
        }
        | {"availabilityZone", "characterSetName", "snapshotIdentifier", "region"}
    )

    def check(self, ctx: Context, inputs: Properties) -> None:
        if inputs.get("manageMasterUserPassword") and inputs.get("password"):
            raise CloudError("InvalidConfiguration", '"password": conflicts with manage_master_user_password')
        final = inputs.get("finalSnapshotIdentifier")
        if inputs.get("skipFinalSnapshot") is False and final is None:
            raise CloudError(
                "InvalidConfiguration",
                "final_snapshot_identifier is required when skip_final_snapshot is false",
            )

    def replaces(self, old: Properties, new: Properties, changed: list[str]) -> list[str]:
        """ModifyDBInstance cannot change the lifecycle; to say what was the default before is no change."""
        found = super().replaces(old, new, changed)
        before, after = (each.get("engineLifecycleSupport") or EXTENDED for each in (old, new))
        return found if before == after else [*found, "engineLifecycleSupport"]

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"db-{letters(26)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        identifier = str(inputs.get("identifier", ""))
        if not re.fullmatch(r"[a-z](?:-?[a-z0-9])*", identifier) or len(identifier) > 63:
            raise CloudError(
                "InvalidParameterValue",
                f"The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a letter; "
                "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or "
                f"contain two consecutive hyphens: {identifier}",
            )
        if old is None:
            in_use(
                ctx.find(INSTANCE, identifier=identifier),
                "DBInstanceAlreadyExists",
                "DB instance already exists",
            )
        version = str(inputs.get("engineVersion", "8.0"))
        major = ".".join(version.split(".")[:2])
        window = VERSIONS.get(major) if str(inputs.get("engine")) == "mysql" else None
        if window is None or (old is None and date.today() > window[_support(inputs)]):
            raise CloudError(
                "InvalidParameterCombination", f"Cannot find version {version} for {inputs.get('engine')}"
            )
        before = str(old.inputs.get("engineVersion", "8.0")) if old else version
        if not f"{before}.".startswith(f"{major}.") and not inputs.get("allowMajorVersionUpgrade"):
            raise CloudError(
                "InvalidParameterCombination",
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
            )
        size, limit = int(inputs.get("allocatedStorage", 0)), inputs.get("maxAllocatedStorage")
        if size < 20:
            raise CloudError(
                "InvalidParameterValue",
                f"Invalid storage size for engine name mysql and storage type gp3: {size}",
            )
        if limit is not None and int(limit) <= size:
            raise CloudError(
                "InvalidParameterCombination", "Max storage size must be greater than storage size"
            )
        if not 0 <= int(inputs.get("backupRetentionPeriod", 0)) <= 35:
            raise CloudError(
                "InvalidParameterValue", "Invalid backup retention period. Must be between 0 and 35"
            )
        if str(inputs.get("username", "")).lower() in RESERVED:
            raise CloudError(
                "InvalidParameterValue",
                f"MasterUsername {inputs['username']} cannot be used as it is a reserved word used by the engine",
            )
        if inputs.get("dbName") and not re.fullmatch(r"[A-Za-z_]\w{0,63}", str(inputs["dbName"])):
            raise CloudError(
                "InvalidParameterValue",
                "DBName must begin with a letter and contain only alphanumeric characters.",
            )
        if not inputs.get("manageMasterUserPassword") and not inputs.get("password"):
            raise CloudError(
                "InvalidParameterValue",
                "The parameter MasterUserPassword must be provided and must not be blank.",
            )
        existing(
            ctx,
            SUBNET_GROUP,
            inputs.get("dbSubnetGroupName"),
            "DBSubnetGroupNotFoundFault",
            f"DBSubnetGroup not found: {inputs.get('dbSubnetGroupName')}",
        )
        for security in inputs.get("vpcSecurityGroupIds") or []:
            if network_of(ctx, security) is None:
                raise CloudError(
                    "InvalidParameterValue", f"Invalid security group , groupId= {security}, groupName="
                )
        self._observed(ctx, inputs)
        parameters = inputs.get("parameterGroupName")
        if parameters:
            family = existing(
                ctx,
                PARAMETERS,
                parameters,
                "DBParameterGroupNotFound",
                f"DBParameterGroup not found: {parameters}",
            )
            if family.get("family") != f"mysql{major}":
                raise CloudError(
                    "InvalidParameterCombination",
                    f"The parameter group {parameters} with DBParameterGroupFamily "
                    f"{family.get('family')} can't be used for "
                    f"this instance. Use a parameter group with DBParameterGroupFamily mysql{major}.",
                )

    def _observed(self, ctx: Context, inputs: Properties) -> None:
        """Database Insights and Enhanced Monitoring: what they ask of the class, of a key and of a role."""
        insights, days = (
            inputs.get("performanceInsightsEnabled"),
            inputs.get("performanceInsightsRetentionPeriod"),
        )
        if insights and inputs.get("instanceClass") in TOO_SMALL_FOR_INSIGHTS:
            raise CloudError(
                "InvalidParameterCombination", "Performance Insights not supported for this configuration."
            )
        if days is not None and int(days) not in {7, 731, *(31 * month for month in range(1, 24))}:
            # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
            text = f"Invalid Performance Insights retention period. {days}"  # (I)
            raise CloudError("InvalidParameterValue", text)
        if inputs.get("databaseInsightsMode") == "advanced" and (not insights or int(days or 7) < 465):
            # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_DatabaseInsights.Considerations.html
            raise CloudError(
                "InvalidParameterCombination",
                "To enable the Advanced mode of Database Insights, you must enable Performance Insights and set "
                "the Performance Insights retention period to at least 465 days.",  # (I)
            )
        for key in ("kmsKeyId", "performanceInsightsKmsKeyId", "masterUserSecretKmsKeyId"):
            if inputs.get(key) and by_arn(ctx, KEY, inputs[key]) is None:
                raise CloudError(
                    "KMSKeyNotAccessibleFault", f"The specified KMS key [{inputs[key]}] does not exist"
                )
        interval, arn = int(inputs.get("monitoringInterval") or 0), inputs.get("monitoringRoleArn")
        if interval not in (0, 1, 5, 10, 15, 30, 60):
            text = (
                f"Invalid monitoring interval: {interval}. Valid values are 0, 1, 5, 10, 15, 30, 60."  # (I)
            )
            raise CloudError("InvalidParameterValue", text)
        if interval and not arn:
            raise CloudError(
                "InvalidParameterCombination",
                "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
            )
        if interval:
            role = by_arn(ctx, ROLE, arn)
            attached = role and ctx.find(ATTACHMENT, role=role.id, policyArn=MONITORING_POLICY)
            if role is None or not attached or not trusts(role, "monitoring.rds.amazonaws.com"):
                raise CloudError(
                    "InvalidParameterValue",
                    "IAM role ARN value is invalid or does not include the required permissions for: "
                    "ENHANCED_MONITORING",
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        identifier = res.inputs["identifier"]
        return {
            "arn": f"arn:aws:rds:{ctx.region}:{ctx.account}:db:{identifier}",
            "identifier": identifier,
            "resourceId": res.id,
            "status": "available",
            "engineVersionActual": res.inputs.get("engineVersion"),
            "hostedZoneId": "ZLA2NUCOLGUUR",
            "caCertIdentifier": "rds-ca-rsa2048-g1",
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        wanted = res.inputs
        password = str(wanted.get("password") or secrets.token_urlsafe(24))
        endpoint = ctx.world.mysql.create(
            str(wanted["identifier"]),
            flavour="rds",
            version=str(wanted.get("engineVersion", "8.0")),
            admin=str(wanted["username"]),
            password=password,
            region=ctx.region,
            parameters=parameters_of(ctx, wanted),
            databases=[str(wanted["dbName"])] if wanted.get("dbName") else [],
        )
        # The address is a loopback one: MySQL is not HTTP, so no proxy could resolve RDS's name for its clients.
        out: Properties = {
            "address": endpoint.host,
            "port": endpoint.port,
            "endpoint": f"{endpoint.host}:{endpoint.port}",
        }
        if wanted.get("manageMasterUserPassword"):
            name = f"rds!db-{uuid.uuid4()}"
            value = json.dumps({"username": wanted["username"], "password": password})
            arn = put_secret(ctx.state, ctx.world, ctx.region, name, value)
            ctx.state.kv_put("rds:master", res.id, name)
            secret = {
                "secretArn": arn,
                "secretStatus": "active",
                "kmsKeyId": str(wanted.get("masterUserSecretKmsKeyId", "")),
            }
            out["masterUserSecrets"] = [secret]
        return out

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        parameters = parameters_of(ctx, res.inputs)
        ctx.world.mysql.update(str(res.inputs["identifier"]), parameters=parameters)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        if res.inputs.get("deletionProtection"):
            raise CloudError(
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
            )
        if not res.inputs.get("skipFinalSnapshot") and not res.inputs.get("finalSnapshotIdentifier"):
            raise CloudError(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            )
        ctx.world.mysql.delete(str(res.inputs["identifier"]))
        master = ctx.state.kv_get("rds:master", res.id)
        if master:
            drop_secret(ctx.state, ctx.world, master, window_days=0)
            ctx.state.kv_delete("rds:master", res.id)
