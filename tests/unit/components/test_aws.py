"""AWS's components one by one: who reaches whom, what the edge does, what the backup host is given."""

from __future__ import annotations

import base64
import configparser
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
import yaml

from components.aws.backup_host import UNIT, BackupHost, BackupHostArgs, user_data

from .conftest import Recorded, Run


def in_stack(make: Callable[[pulumi.ResourceOptions], object]) -> Callable[[], None]:
    def program() -> None:
        make(pulumi.ResourceOptions(provider=aws.Provider("aws", region="ap-northeast-2")))

    return program


def backup_args(**more: Any) -> BackupHostArgs:
    values: dict[str, Any] = {
        "project": "blue",
        "region": "ap-northeast-2",
        "subnet_ids": ["subnet-a", "subnet-c"],
        "security_group_id": "sg-backup",
        "kms_key_arn": "arn:kms",
        "container_url": "https://x.blob.core.windows.net/mysql-backups",
        "database_host": "db",
        "database_port": 3306,
        "database_name": "petclinic",
        "master_secret_arn": "arn:master",
        "app_secret_arn": "arn:app",
        "backup_secret_arn": "arn:backup",
        "replication_secret_arn": "arn:replication",
        "interval_s": 300,
    }
    return BackupHostArgs(**values | more)


@pytest.fixture
def host(run: Run) -> Recorded:
    return run(in_stack(lambda opts: BackupHost("backup", backup_args(), opts)))


class TestBackupHost:
    @pytest.fixture
    def cloud_config(self, host: Recorded) -> dict[str, Any]:
        text = base64.b64decode(host.one("LaunchTemplate")["userData"]).decode()
        assert text.splitlines()[0] == "#cloud-config"
        assert len(text) < 16 * 1024  # EC2's limit
        return yaml.safe_load(text)

    def test_user_data_is_cloud_config(self, cloud_config: dict[str, Any]) -> None:
        assert cloud_config.keys() == {"write_files", "runcmd"}
        assert [item["path"] for item in cloud_config["write_files"]] == [
            "/etc/planb/agent.json",
            "/etc/systemd/system/planb-agent.service",
        ]
        assert all(item["permissions"] == "0644" for item in cloud_config["write_files"])
        assert cloud_config["runcmd"][-1] == ["systemctl", "enable", "--now", "planb-agent.service"]

    def test_the_unit(self, cloud_config: dict[str, Any]) -> None:
        unit = configparser.ConfigParser(interpolation=None)
        unit.optionxform = str  # type: ignore[assignment]
        unit.read_string(cloud_config["write_files"][1]["content"])
        config = cloud_config["write_files"][0]["path"]
        assert unit["Service"]["ExecStart"] == f"/usr/local/bin/planb-agent run --config {config}"
        assert unit["Service"]["Restart"] == "always"
        assert unit["Install"]["WantedBy"] == "multi-user.target"

    def test_the_agents_configuration_names_secrets_and_has_none(self, cloud_config: dict[str, Any]) -> None:
        config = json.loads(cloud_config["write_files"][0]["content"])
        assert config == {
            "container_url": "https://x.blob.core.windows.net/mysql-backups",
            "region": "ap-northeast-2",
            "database": {"host": "db", "port": 3306, "name": "petclinic"},
            "master_secret_arn": "arn:master",
            "app_secret_arn": "arn:app",
            "backup_secret_arn": "arn:backup",
            "replication_secret_arn": "arn:replication",
            "interval_s": 300,
        }

    @pytest.mark.parametrize("word", ["password", "AccountKey", "SharedAccessSignature", "sig="])
    def test_no_secret_in_it(self, host: Recorded, word: str) -> None:
        text = base64.b64decode(host.one("LaunchTemplate")["userData"]).decode()
        assert word.lower() not in text.lower()

    def test_any_configuration_survives_the_quoting(self) -> None:
        config = json.dumps({"a": "quote \" ' : # {{ \\ \n 한국어"})
        found = yaml.safe_load(user_data(config))
        assert found["write_files"][0]["content"] == config
        assert found["write_files"][1]["content"] == UNIT

    def test_it_may_read_its_secrets_only(self, host: Recorded) -> None:
        policy = json.loads(host.one("RolePolicy")["policy"])
        allowed = {statement["Action"]: statement["Resource"] for statement in policy["Statement"]}
        assert allowed == {
            "secretsmanager:GetSecretValue": ["arn:master", "arn:app", "arn:backup", "arn:replication"],
            "kms:Decrypt": "arn:kms",
        }
        assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])
        (attached,) = host.all("RolePolicyAttachment")
        assert attached["policyArn"] == "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"

    def test_one_small_closed_host(self, host: Recorded) -> None:
        template, group = host.one("LaunchTemplate"), host.one("Group")
        assert template["instanceType"] == "t3.small"
        assert template["metadataOptions"]["httpTokens"] == "required"
        assert "keyName" not in template.inputs and "networkInterfaces" not in template.inputs
        assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
        assert template.ignored == ("imageId",)
        assert (group["minSize"], group["maxSize"], group["desiredCapacity"]) == (1, 1, 1)
        assert {urn.split("::")[-1] for urn in group.after} >= {"backup-secrets", "backup-ssm"}
        assert group["vpcZoneIdentifiers"] == ["subnet-a", "subnet-c"]
