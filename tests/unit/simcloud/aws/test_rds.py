"""Subnet groups, parameter groups and instances of RDS for MySQL."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest

from simcloud.aws import iam, rds
from simcloud.kinds import CloudError, Resource

from .conftest import ACCOUNT, REGION, Aws, client

pytestmark = pytest.mark.usefixtures("secrets_manager")


@pytest.fixture
def given(aws: Aws, vpc: Resource) -> dict[str, Any]:
    """Inputs of an instance that RDS accepts, its groups made."""
    aws.make(rds.SUBNET_GROUP, {"name": "db", "subnetIds": aws.pair(vpc)})
    parameters = [{"name": "binlog_format", "value": "ROW"}]
    aws.make(rds.PARAMETERS, {"name": "mysql84", "family": "mysql8.4", "parameters": parameters})
    return {
        "identifier": "planb-db",
        "engine": "mysql",
        "engineVersion": "8.4",
        "instanceClass": "db.t3.medium",
        "allocatedStorage": 20,
        "dbName": "petclinic",
        "username": "planbadmin",
        "manageMasterUserPassword": True,
        "dbSubnetGroupName": "db",
        "parameterGroupName": "mysql84",
        "vpcSecurityGroupIds": [aws.group(vpc, "rds").id],
        "skipFinalSnapshot": True,
    }


def today(monkeypatch: pytest.MonkeyPatch, year: int, month: int, day: int) -> None:
    class Fixed(date):
        @classmethod
        def today(cls) -> date:
            return date(year, month, day)

    monkeypatch.setattr(rds, "date", Fixed)


def test_an_instance(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(rds.INSTANCE, given)
    assert re.fullmatch(r"db-[A-Z0-9]{26}", made.id)
    assert made.outputs["arn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:db:planb-db"
    assert made.outputs["endpoint"] == "127.77.3.11:3306"
    ((_, started),) = aws.called("mysql.create")
    assert started["parameters"] == {"binlog_format": "ROW"}
    assert (started["flavour"], started["databases"], started["region"]) == ("rds", ["petclinic"], REGION)
    secret = made.outputs["masterUserSecrets"][0]["secretArn"]
    kept = client("secretsmanager", REGION).get_secret_value(SecretId=secret)["SecretString"]
    assert json.loads(kept) == {"username": "planbadmin", "password": started["password"]}
    aws.delete(made)
    assert aws.called("mysql.delete") == [(("planb-db",), {})]
    assert client("secretsmanager", REGION).list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"identifier": "1db"}, "InvalidParameterValue", "DBInstanceIdentifier is not a valid identifier"),
        ({"identifier": "planb--db"}, "InvalidParameterValue", "two consecutive hyphens: planb--db"),
        ({"identifier": "planb-"}, "InvalidParameterValue", "must not end with a hyphen"),
        ({"identifier": "a" * 64}, "InvalidParameterValue", "DBInstanceIdentifier is not a valid"),
        ({"engine": "oracle"}, "InvalidParameterCombination", "Cannot find version 8.4 for oracle"),
        ({"engineVersion": "5.7"}, "InvalidParameterCombination", "Cannot find version 5.7 for mysql"),
        ({"engineVersion": "8.0"}, "InvalidParameterCombination", "Family mysql8.4 can't be used for this"),
        ({"allocatedStorage": 19}, "InvalidParameterValue", "Invalid storage size for engine name mysql"),
        ({"maxAllocatedStorage": 20}, "InvalidParameterCombination", "Max storage size must be greater"),
        ({"backupRetentionPeriod": 36}, "InvalidParameterValue", "Must be between 0 and 35"),
        ({"username": "rdsadmin"}, "InvalidParameterValue", "MasterUsername rdsadmin cannot be used"),
        ({"username": "ROOT"}, "InvalidParameterValue", "is a reserved word"),
        ({"dbName": "1pet"}, "InvalidParameterValue", "DBName must begin with a letter"),
        ({"manageMasterUserPassword": False}, "InvalidParameterValue", "MasterUserPassword must be provided"),
        ({"password": "pw"}, "InvalidConfiguration", "conflicts with manage_master_user_password"),
        ({"dbSubnetGroupName": "x"}, "DBSubnetGroupNotFoundFault", "DBSubnetGroup not found: x"),
        ({"parameterGroupName": "x"}, "DBParameterGroupNotFound", "DBParameterGroup not found: x"),
        (
            {"vpcSecurityGroupIds": ["sg-0"]},
            "InvalidParameterValue",
            "Invalid security group , groupId= sg-0",
        ),
        ({"skipFinalSnapshot": False}, "InvalidConfiguration", "final_snapshot_identifier is required"),
    ],
)
def test_an_instance_must_be_one(
    aws: Aws, given: dict[str, Any], changes: dict[str, Any], code: str, text: str
) -> None:
    aws.refuses(code, text, rds.INSTANCE, {**given, **changes})
    assert not aws.called("mysql.create")
    made = aws.make(rds.INSTANCE, {**given, "allocatedStorage": 20, "maxAllocatedStorage": 21})
    aws.refuses("DBInstanceAlreadyExists", "DB instance already exists", rds.INSTANCE, given)
    aws.change(made, backupRetentionPeriod=35)


def test_versions_end(aws: Aws, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    off = "open-source-rds-extended-support-disabled"
    old = {**given, "engineVersion": "8.0", "parameterGroupName": None}
    old.pop("parameterGroupName")
    today(monkeypatch, 2029, 8, 1)
    aws.refuses("InvalidParameterCombination", "Cannot find version 8.0", rds.INSTANCE, old)
    today(monkeypatch, 2026, 8, 1)
    never = {**old, "engineLifecycleSupport": off}
    aws.refuses("InvalidParameterCombination", "Cannot find version 8.0", rds.INSTANCE, never)
    aws.make(rds.INSTANCE, {**old, "identifier": "extended"})
    today(monkeypatch, 2026, 7, 31)
    aws.make(rds.INSTANCE, {**never, "identifier": "standard"})


def test_a_running_version_may_be_past_its_end(
    aws: Aws, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = aws.make(rds.INSTANCE, given)
    today(monkeypatch, 2033, 1, 1)
    aws.change(made, backupRetentionPeriod=7)


def test_a_major_upgrade_must_be_allowed(aws: Aws, given: dict[str, Any]) -> None:
    aws.make(rds.PARAMETERS, {"name": "mysql80", "family": "mysql8.0"})
    made = aws.make(rds.INSTANCE, {**given, "engineVersion": "8.0", "parameterGroupName": "mysql80"})
    change: dict[str, Any] = {"engineVersion": "8.4", "parameterGroupName": "mysql84"}
    text = "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
    aws.refuses_change("InvalidParameterCombination", text, made, **change)
    aws.change(made, **change, allowMajorVersionUpgrade=True)


def test_a_protected_instance_stays(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(rds.INSTANCE, {**given, "deletionProtection": True})
    text = "Cannot delete protected DB Instance"
    aws.refuses_delete("InvalidParameterCombination", text, made)
    assert not aws.called("mysql.delete")
    made = aws.change(made, deletionProtection=False, skipFinalSnapshot=None)
    aws.refuses_delete("InvalidParameterCombination", "FinalDBSnapshotIdentifier is required", made)
    aws.delete(aws.change(made, finalSnapshotIdentifier="last"))


def test_what_replaces_an_instance(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(rds.INSTANCE, given)
    kept = {"engineVersion": "8.4.6", "instanceClass": "db.r6g.large", "allocatedStorage": 30}
    assert aws.replaced(made, **kept, dbSubnetGroupName="other") == ["dbSubnetGroupName"]
    assert aws.replaced(made, storageEncrypted=True, username="other") == ["storageEncrypted", "username"]


def test_a_parameter_group(aws: Aws) -> None:
    for family in ("mysql5.7", "8.4", "postgres16"):
        text = f"ParameterGroupFamily {family} is not a valid parameter group family"
        aws.refuses("InvalidParameterValue", text, rds.PARAMETERS, {"name": "p", "family": family})
    given = {"name": "p", "family": "mysql8.4", "parameters": [{"name": "no_such", "value": "1"}]}
    text = "Could not find parameter with name: no_such"
    aws.refuses("InvalidParameterValue", text, rds.PARAMETERS, given)
    given["parameters"] = [{"name": "slow_query_log", "value": "1"}]
    made = aws.make(rds.PARAMETERS, given)
    assert made.outputs["arn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:pg:p"
    text = "Parameter group p already exists"
    aws.refuses("DBParameterGroupAlreadyExists", text, rds.PARAMETERS, given)
    assert aws.replaced(made, family="mysql8.0", parameters=[]) == ["family"]


def test_new_parameters_reach_the_instances(aws: Aws, given: dict[str, Any]) -> None:
    aws.make(rds.INSTANCE, given)
    group = aws.state.by_id(rds.PARAMETERS, "mysql84")
    assert group
    changed = {"name": "binlog_format", "value": "MIXED"}
    aws.change(group, parameters=[changed])
    assert aws.called("mysql.update") == [(("planb-db",), {"parameters": {"binlog_format": "MIXED"}})]


def test_groups_in_use_stay(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(rds.INSTANCE, given)
    subnets, parameters = aws.state.by_id(rds.SUBNET_GROUP, "db"), aws.state.by_id(rds.PARAMETERS, "mysql84")
    assert subnets and parameters
    text = "Cannot delete the subnet group 'db'"
    aws.refuses_delete("InvalidDBSubnetGroupStateFault", text, subnets)
    text = "still members of this parameter group mysql84"
    aws.refuses_delete("InvalidDBParameterGroupState", text, parameters)
    aws.delete(made)
    aws.delete(subnets)
    aws.delete(parameters)


def test_a_subnet_group_covers_two_zones(aws: Aws, vpc: Resource) -> None:
    one = [aws.subnet(vpc, f"10.0.{n}.0/24").id for n in (1, 2)]
    text = f"Current AZ coverage: {REGION}a. Add subnets to cover at least 2 AZs."
    given: dict[str, Any] = {"name": "db", "subnetIds": one}
    aws.refuses("DBSubnetGroupDoesNotCoverEnoughAZs", text, rds.SUBNET_GROUP, given)
    missing = {**given, "subnetIds": ["subnet-0"]}
    aws.refuses("InvalidSubnet", "Subnet subnet-0 not found", rds.SUBNET_GROUP, missing)
    given["subnetIds"] = [*one, aws.subnet(vpc, "10.0.3.0/24", "c").id]
    made = aws.make(rds.SUBNET_GROUP, given)
    assert made.outputs["arn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:subgrp:db"
    text = "The DB subnet group 'db' already exists."
    aws.refuses("DBSubnetGroupAlreadyExists", text, rds.SUBNET_GROUP, given)


def test_a_server_that_does_not_start_leaves_no_secret(aws: Aws, given: dict[str, Any]) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise CloudError("InternalFailure", "no server")

    aws.world.mysql._answers["create"] = fails
    with pytest.raises(CloudError, match="no server"):
        aws.make(rds.INSTANCE, given)
    assert client("secretsmanager", REGION).list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    ("family", "parameter", "code", "text"),
    [
        (
            "mysql8.4",
            ("no_such", "1"),
            "InvalidParameterValue",
            "Could not find parameter with name: no_such",
        ),
        # 8.4 removed it: what an upgrade of the version alone would run into.
        (
            "mysql8.4",
            ("expire_logs_days", "1"),
            "InvalidParameterValue",
            "Could not find parameter with name",
        ),
        ("mysql8.0", ("log_bin", "1"), "InvalidParameterValue", "The parameter log_bin cannot be modified."),
        (
            "mysql8.0",
            ("lower_case_table_names", "1"),
            "InvalidParameterCombination",
            "cannot use immediate apply method for static parameter",
        ),
        (
            "mysql8.0",
            ("slow_query_log", "2"),
            "InvalidParameterValue",
            "slow_query_log allowed values are: 0,1",
        ),
        ("mysql8.0", ("binlog_format", "row-based"), "InvalidParameterValue", "allowed values are: ROW,"),
    ],
)
def test_parameters_of_a_family(
    aws: Aws, family: str, parameter: tuple[str, str], code: str, text: str
) -> None:
    wrong = [{"name": parameter[0], "value": parameter[1]}]
    aws.refuses(code, text, rds.PARAMETERS, {"name": "p", "family": family, "parameters": wrong})


def test_a_static_parameter_waits_for_the_next_start(aws: Aws) -> None:
    later = {"name": "lower_case_table_names", "value": "1", "applyMethod": "pending-reboot"}
    removed = {"name": "expire_logs_days", "value": "1"}
    aws.make(rds.PARAMETERS, {"name": "p", "family": "mysql8.0", "parameters": [later, removed]})


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        (
            {"performanceInsightsEnabled": True, "instanceClass": "db.t3.small"},
            "InvalidParameterCombination",
            "Performance Insights not supported for this configuration.",
        ),
        (
            {"performanceInsightsEnabled": True, "performanceInsightsRetentionPeriod": 30},
            "InvalidParameterValue",
            "retention period",
        ),
        (
            {"databaseInsightsMode": "advanced", "performanceInsightsEnabled": True},
            "InvalidParameterCombination",
            "at least 465 days",
        ),
        ({"kmsKeyId": "arn:aws:kms:x"}, "KMSKeyNotAccessibleFault", "[arn:aws:kms:x] does not exist"),
        ({"monitoringInterval": 7}, "InvalidParameterValue", "Invalid monitoring interval"),
        ({"monitoringInterval": 60}, "InvalidParameterCombination", "A MonitoringRoleARN value is required"),
        (
            {"monitoringInterval": 60, "monitoringRoleArn": "arn:aws:iam::123456789012:role/none"},
            "InvalidParameterValue",
            "required permissions for: ENHANCED_MONITORING",
        ),
    ],
)
def test_what_observes_an_instance_must_be_able_to(
    aws: Aws, given: dict[str, Any], changes: dict[str, Any], code: str, text: str
) -> None:
    aws.refuses(code, text, rds.INSTANCE, {**given, **changes})
    seven = {"performanceInsightsEnabled": True, "performanceInsightsRetentionPeriod": 7}
    aws.make(rds.INSTANCE, {**given, **seven, "databaseInsightsMode": "standard"})


def test_enhanced_monitoring_needs_its_role_whole(aws: Aws, given: dict[str, Any]) -> None:
    trusted = aws.role("monitoring", "monitoring.rds.amazonaws.com")
    wanted = {**given, "monitoringInterval": 60, "monitoringRoleArn": trusted.outputs["arn"]}
    text = "required permissions for: ENHANCED_MONITORING"
    aws.refuses("InvalidParameterValue", text, rds.INSTANCE, wanted)
    aws.make(iam.ATTACHMENT, {"role": "monitoring", "policyArn": rds.MONITORING_POLICY})
    aws.make(rds.INSTANCE, wanted)
    other = aws.role("other", "ec2.amazonaws.com")
    aws.make(iam.ATTACHMENT, {"role": "other", "policyArn": rds.MONITORING_POLICY}, "o")
    again = {**wanted, "identifier": "second", "monitoringRoleArn": other.outputs["arn"]}
    aws.refuses("InvalidParameterValue", text, rds.INSTANCE, again)


def test_the_lifecycle_is_chosen_once(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(rds.INSTANCE, given)
    assert aws.replaced(made, engineLifecycleSupport=rds.EXTENDED) == []
    assert aws.replaced(made, engineLifecycleSupport=f"{rds.EXTENDED}-disabled") == ["engineLifecycleSupport"]
