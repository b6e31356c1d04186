"""AWS's components one by one: who reaches whom, what the edge does, what the backup host is given."""

from __future__ import annotations

import base64
import configparser
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
import yaml

from components.aws.backup_host import UNIT, BackupHost, BackupHostArgs, user_data
from components.aws.edge import ALL_METHODS, Edge, EdgeArgs

from .conftest import Recorded, Run

ROUTER = (Path(__file__).parents[3] / "edge" / "router.js").read_text(encoding="utf-8")


def in_stack(make: Callable[[pulumi.ResourceOptions], object]) -> Callable[[], None]:
    def program() -> None:
        make(pulumi.ResourceOptions(provider=aws.Provider("aws", region="ap-northeast-2")))

    return program


@pytest.fixture
def edge(run: Run, preview: bool) -> Recorded:
    def make(opts: pulumi.ResourceOptions) -> None:
        args = EdgeArgs(
            project="blue",
            router=ROUTER,
            alb_dns_name="blue-alb.elb.amazonaws.com",
            origin_key=pulumi.Output.secret("canary-key"),
            static_site_host="bloberry01.z12.web.core.windows.net",
        )
        Edge("edge", args, opts)

    return run(in_stack(make), preview=preview)


class TestEdge:
    def test_every_method_is_taken_and_none_is_cached(self, edge: Recorded) -> None:
        default = edge.one("Distribution")["defaultCacheBehavior"]
        assert sorted(default["allowedMethods"]) == sorted(ALL_METHODS)
        assert set(ALL_METHODS) == {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"}
        assert default["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # CachingDisabled
        assert default["viewerProtocolPolicy"] == "redirect-to-https"

    def test_no_origin_group(self, edge: Recorded) -> None:
        """CloudFront refuses writes on a behaviour whose target is one."""
        distribution = edge.one("Distribution")
        assert not distribution.inputs.get("originGroups")
        origins = {origin["originId"] for origin in distribution["origins"]}
        assert origins == {"aws-alb", "azure-static"}
        behaviours = [distribution["defaultCacheBehavior"], *distribution["orderedCacheBehaviors"]]
        assert {behaviour["targetOriginId"] for behaviour in behaviours} == origins

    def test_the_runbooks_keys_are_left_alone(self, edge: Recorded) -> None:
        keys = {item["key"]: item for item in edge.all("KeyvaluestoreKey")}
        assert {key: item["value"] for key, item in keys.items()} == {
            "mode": "aws",
            "azureHost": "none",
            "epoch": "1",
        }
        assert all(item.ignored == ("value",) for item in keys.values())

    def test_a_dead_origin_shows_the_page(self, edge: Recorded) -> None:
        distribution = edge.one("Distribution")
        responses = {item["errorCode"]: item for item in distribution["customErrorResponses"]}
        assert responses.keys() == {502, 503, 504}
        for item in responses.values():
            assert item["responseCode"] == 503
            assert item["responsePagePath"] == "/maintenance/index.html"
            assert item["errorCachingMinTtl"] == 0
        (behaviour,) = distribution["orderedCacheBehaviors"]
        assert behaviour["pathPattern"] == "/maintenance/*"
        assert behaviour["targetOriginId"] == "azure-static"  # the page must not come from what is dead
        assert not behaviour.get("functionAssociations")

    def test_within_ten_seconds(self, edge: Recorded) -> None:
        for origin in edge.one("Distribution")["origins"]:
            assert origin["connectionAttempts"] * origin["connectionTimeout"] <= 10
            assert origin["customOriginConfig"]["originReadTimeout"] <= 10

    def test_origins(self, edge: Recorded) -> None:
        origins = {origin["originId"]: origin for origin in edge.one("Distribution")["origins"]}
        (header,) = origins["aws-alb"]["customHeaders"]
        assert header == {"name": "X-PlanB-Origin-Key", "value": "canary-key"}
        assert "customHeaders" not in origins["azure-static"]  # AWS's key is not told to Azure
        assert origins["azure-static"]["customOriginConfig"]["originProtocolPolicy"] == "https-only"

    def test_the_router_runs_on_every_request(self, edge: Recorded) -> None:
        function = edge.one("Function")
        assert function["code"] == ROUTER and function["publish"] is True
        assert function["runtime"] == "cloudfront-js-2.0"
        (association,) = edge.one("Distribution")["defaultCacheBehavior"]["functionAssociations"]
        assert association["eventType"] == "viewer-request"


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
