"""The database and its secrets: R6 row by row, and who may read which secret by the documents themselves."""

from __future__ import annotations

import json
import re
from typing import Any

import pulumi
import pytest

from components.aws.database import STATIC, Database, DatabaseArgs
from components.aws.secrets import Secrets, SecretsArgs
from tests import iam

from .conftest import Recorded, Run, in_stack

ACCOUNT, REGION = "123456789012", "ap-northeast-2"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/blue-"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:blue/prod/db-"
READ = "secretsmanager:GetSecretValue"


def database(run: Run, *, version: str = "8.0", protect: bool = True, preview: bool = False) -> Recorded:
    def make(opts: pulumi.ResourceOptions) -> None:
        subnets = [pulumi.Output.from_input("subnet-a"), pulumi.Output.from_input("subnet-c")]
        args = DatabaseArgs(
            project="blue",
            version=version,
            subnet_ids=subnets,
            security_group_id="sg-rds",
            kms_key_arn="arn:key",
            protect=protect,
        )
        Database("database", args, opts)

    return run(in_stack(make), preview=preview)


def test_the_instance_is_the_seeds(run: Run, preview: bool) -> None:
    instance = database(run, preview=preview).one("Instance")
    wanted: dict[str, Any] = {
        "engine": "mysql",
        "engineVersion": "8.0",
        "instanceClass": "db.t3.medium",
        "multiAz": True,
        "backupRetentionPeriod": 7,
        "storageType": "gp3",
        "allocatedStorage": 20,
        "maxAllocatedStorage": 100,
        "storageEncrypted": True,
        "kmsKeyId": "arn:key",
        "publiclyAccessible": False,
        "performanceInsightsEnabled": True,
        "performanceInsightsKmsKeyId": "arn:key",
        "monitoringInterval": 60,
        "manageMasterUserPassword": True,
        "masterUserSecretKmsKeyId": "arn:key",
        "enabledCloudwatchLogsExports": ["error", "slowquery"],
        "engineLifecycleSupport": "open-source-rds-extended-support",
    }
    assert {key: instance[key] for key in wanted} == wanted
    assert "password" not in instance.inputs


@pytest.mark.parametrize("protect", [True, False])
def test_protection(run: Run, protect: bool) -> None:
    instance = database(run, protect=protect).one("Instance")
    assert (instance.protect, instance.retain, instance["deletionProtection"]) == (protect, protect, protect)
    assert instance["skipFinalSnapshot"] is not protect
    assert instance["deleteAutomatedBackups"] is not protect
    assert instance.inputs.get("finalSnapshotIdentifier") == ("blue-mysql-final" if protect else None)


@pytest.mark.parametrize("version", ["8.0", "8.4"])
def test_parameters(run: Run, version: str) -> None:
    group = database(run, version=version).one("ParameterGroup")
    assert group["family"] == f"mysql{version}"
    found = {item["name"]: item["value"] for item in group["parameters"]}
    assert (
        found.items()
        >= {
            "require_secure_transport": "1",
            "slow_query_log": "1",
            "long_query_time": "2",
            "log_output": "FILE",  # else CloudWatch gets no slow log
            "binlog_format": "ROW",
            "binlog_row_image": "FULL",
            "log_bin_trust_function_creators": "1",
            "lower_case_table_names": "1",
            "time_zone": "UTC",
        }.items()
    )
    later = {item["name"] for item in group["parameters"] if item["applyMethod"] == "pending-reboot"}
    assert later == STATIC


def test_monitoring_is_ready_before_the_instance(run: Run) -> None:
    recorded = database(run)
    instance, role = recorded.one("Instance"), recorded.one("Role")
    principal = json.loads(role["assumeRolePolicy"])["Statement"][0]["Principal"]
    assert principal == {"Service": "monitoring.rds.amazonaws.com"}
    assert instance["monitoringRoleArn"] == "arn:Role:database-monitoring"
    assert recorded.one("RolePolicyAttachment").urn in instance.after


def test_the_master_secret_rotates(run: Run) -> None:
    rotation = database(run).one("SecretRotation")
    assert rotation["secretId"] == "arn:secret:master"
    assert rotation["rotationRules"] == {"automaticallyAfterDays": 7}
    assert rotation["rotateImmediately"] is False
    assert "rotationLambdaArn" not in rotation.inputs  # RDS does it


@pytest.fixture
def secrets(run: Run) -> Recorded:
    args = SecretsArgs(project="blue", region=REGION, recovery_days=30)
    return run(in_stack(lambda opts: Secrets("secrets", args, opts)))


def test_three_accounts_three_secrets(secrets: Recorded) -> None:
    names = {item.name: item["name"] for item in secrets.all("Secret")}
    assert names == {f"secrets-{one}": f"blue/prod/db-{one}" for one in ("app", "backup", "replication")}
    assert len({item["kmsKeyId"] for item in secrets.all("Secret")}) == 1
    users = {json.loads(item["secretString"])["username"] for item in secrets.all("SecretVersion")}
    assert users == {"planb_app", "planb_backup", "planb_replication"}


@pytest.mark.parametrize("secret", ["app", "backup", "replication"])
def test_no_other_machine_reads_a_secret_even_if_its_role_may_read_all(
    secrets: Recorded, secret: str
) -> None:
    """Who asks from an instance or a function, with a policy that allows everything."""
    policy = json.loads(secrets.one("SecretPolicy", f"secrets-{secret}")["policy"])
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    machine = {"ec2:SourceInstanceARN": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"}
    function = {"lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"}

    def asks(role: str, context: dict[str, str | list[str]]) -> str:
        return iam.decide(
            [everything],
            READ,
            SECRET + secret,
            context,
            principal=ROLE + role,
            resource_policies=[policy],
        )

    allowed = {"db-admin"} if secret == "app" else {"backup", "db-admin"}
    for role in ("backup", "db-admin", "eks-nodes", "recovery"):
        expected = iam.ALLOWED if role in allowed else iam.DENIED
        assert asks(role, {**machine}) == expected, role
        assert asks(role, {**function}) == expected, role
        assert asks(role, {}) == iam.ALLOWED, role  # a person or a pipeline: its own policies decide


@pytest.mark.parametrize("days", [30, 0])
def test_the_datas_key_stays_as_long_as_the_data(run: Run, days: int) -> None:
    args = SecretsArgs(project="blue", region=REGION, recovery_days=days)
    key = run(in_stack(lambda opts: Secrets("secrets", args, opts))).one("Key")
    assert (key.protect, key.retain) == (days > 0, days > 0)


def test_the_key_is_used_through_services_only(secrets: Recorded) -> None:
    key = secrets.one("Key")
    assert key["enableKeyRotation"] is True
    policy = json.loads(key["policy"])
    root = f"arn:aws:iam::{ACCOUNT}:root"
    actions = {action: one for one in policy["Statement"] for action in one["Action"]}
    assert not [action for action in actions if action in ("kms:*", "*")]
    assert {one["Principal"]["AWS"] for one in policy["Statement"]} == {root}
    for action in ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"):
        services = actions[action]["Condition"]["StringEquals"]["kms:ViaService"]
        assert f"secretsmanager.{REGION}.amazonaws.com" in services
        assert all(re.fullmatch(rf"\w+\.{REGION}\.amazonaws\.com", one) for one in services)
    assert "Condition" not in actions["kms:Put*"]  # the account can always mend the policy
