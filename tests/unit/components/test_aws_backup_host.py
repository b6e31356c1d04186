"""The two hosts: machines, identities, and what each role may do by the policies that are deployed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from components.archive import build
from components.aws.agent import Agent, AgentArgs
from components.aws.backup_host import AzureIdentity, BackupHost, HostsArgs
from tests import iam

from .conftest import Recorded, Run, in_stack

ROOT = Path(__file__).parents[3]
REGION, ACCOUNT = "ap-northeast-2", "123456789012"
SECRETS = {
    one: f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{one}-AbCdEf"
    for one in ("master", "app", "backup", "replication")
}
SAS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:sas-AbCdEf"
TRUSTS = ", ".join(f"arn:aws:iam::{ACCOUNT}:role/blue-{host}" for host in ("backup", "db-admin"))
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
READ, DECRYPT, TOKEN = "secretsmanager:GetSecretValue", "kms:Decrypt", "sts:GetWebIdentityToken"
VIA = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
HOSTS = {"backup": "backup", "db-admin": "backup-admin"}
"""Label → Pulumi name."""


def hosts(run: Run, **changes: Any) -> Recorded:
    def make(opts: pulumi.ResourceOptions) -> None:
        agent = Agent(
            "agent", AgentArgs(project="blue", root=ROOT, architecture="x86_64", protect=True), opts
        )
        values: dict[str, Any] = {
            "project": "blue",
            "region": REGION,
            "architecture": "x86_64",
            "subnet_ids": ["subnet-a", "subnet-c"],
            "security_group_id": "sg-backup",
            "kms_key_arn": KMS,
            "log_key_arn": "arn:logs-key",
            "agent": agent,
            "azure": AzureIdentity(auth="federated", tenant_id="tenant", client_id="client", trusts=TRUSTS),
            "container_url": "https://x.blob.core.windows.net/mysql-backups",
            "database_host": "db",
            "database_port": 3306,
            "database_name": "petclinic",
            "secret_arns": SECRETS,
            "interval_s": 300,
            "protect": True,
        }
        BackupHost("backup", HostsArgs(**values | changes), opts)

    return run(in_stack(make))


@pytest.fixture
def both(run: Run) -> Recorded:
    return hosts(run)


def documents(recorded: Recorded, name: str) -> list[dict[str, Any]]:
    """Every policy of a host's role: its own and AWS's managed one."""
    role = f"blue-{name}"
    own = [json.loads(item["policy"]) for item in recorded.all("RolePolicy") if item["role"] == role]
    managed = [item["policyArn"] for item in recorded.all("RolePolicyAttachment") if item["role"] == role]
    assert len(own) == 2 and managed == ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]
    return [*own, *(iam.aws_managed(arn) for arn in managed)]


def cloud_config(recorded: Recorded, name: str) -> dict[str, Any]:
    text = base64.b64decode(recorded.one("LaunchTemplate", f"{HOSTS[name]}-template")["userData"]).decode()
    assert text.splitlines()[0] == "#cloud-config"
    assert len(text) < 16 * 1024  # EC2's limit
    return yaml.safe_load(text)


def written(recorded: Recorded, name: str) -> dict[str, str]:
    return {item["path"]: item["content"] for item in cloud_config(recorded, name)["write_files"]}


class TestWhoMayDoWhat:
    @pytest.mark.parametrize(
        ("host", "allowed"),
        [("backup", {"backup", "replication"}), ("db-admin", {"backup", "replication", "master", "app"})],
    )
    def test_secrets(self, both: Recorded, host: str, allowed: set[str]) -> None:
        """The backup role reads its two secrets and nothing else."""
        found = documents(both, host)
        readable = {one for one, arn in SECRETS.items() if iam.decide(found, READ, arn) == iam.ALLOWED}
        assert readable == allowed
        for other in (SAS, SECRETS["master"].replace("master", "rds!db-1"), "*"):
            assert iam.decide(found, READ, other) != iam.ALLOWED
        for action in (
            "PutSecretValue",
            "ListSecrets",
            "BatchGetSecretValue",
            "UpdateSecret",
            "DeleteSecret",
        ):
            for arn in (*SECRETS.values(), "*"):
                assert iam.decide(found, f"secretsmanager:{action}", arn) != iam.ALLOWED

    @pytest.mark.parametrize("host", HOSTS)
    def test_no_way_to_another_role(self, both: Recorded, host: str) -> None:
        """Else a backup host could become the administrator: by assuming it, by starting it, by commanding it."""
        found = documents(both, host)
        group = (
            f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/blue-db-admin"
        )
        for action, resource in (
            ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/blue-db-admin"),
            ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/blue-db-admin"),
            ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/blue-backup"),
            ("ec2:RunInstances", "*"),
            ("ssm:SendCommand", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"),
            ("ssm:StartSession", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"),
        ):
            assert iam.decide(found, action, resource) != iam.ALLOWED, action
        scaled = iam.decide(found, "autoscaling:SetDesiredCapacity", group)
        assert (scaled == iam.ALLOWED) is (host == "db-admin")
        other = group.replace("blue-db-admin", "blue-backup")
        assert iam.decide(found, "autoscaling:SetDesiredCapacity", other) != iam.ALLOWED

    @pytest.mark.parametrize("host", HOSTS)
    def test_decryption_only_through_secrets_manager(self, both: Recorded, host: str) -> None:
        found = documents(both, host)
        assert iam.decide(found, DECRYPT, KMS, VIA) == iam.ALLOWED
        assert iam.decide(found, DECRYPT, KMS) != iam.ALLOWED
        assert iam.decide(found, DECRYPT, KMS, {"kms:ViaService": "rds.x"}) != iam.ALLOWED
        assert iam.decide(found, DECRYPT, KMS.replace("/1", "/2"), VIA) != iam.ALLOWED

    @pytest.mark.parametrize("host", HOSTS)
    @pytest.mark.parametrize(
        ("audience", "seconds", "answer"),
        [
            (["api://AzureADTokenExchange"], "300", iam.ALLOWED),
            (["api://AzureADTokenExchange"], "301", iam.IMPLICIT),
            (["api://AzureADTokenExchange", "https://else"], "300", iam.IMPLICIT),
            (["https://else"], "60", iam.IMPLICIT),
            (None, "60", iam.IMPLICIT),
        ],
    )
    def test_tokens_for_azure_only(
        self, both: Recorded, host: str, audience: list[str] | None, seconds: str, answer: str
    ) -> None:
        context: dict[str, str | list[str]] = {"sts:DurationSeconds": seconds}
        if audience:
            context["sts:IdentityTokenAudience"] = audience
        assert iam.decide(documents(both, host), TOKEN, "*", context) == answer

    @pytest.mark.parametrize("host", HOSTS)
    def test_figures_in_one_namespace(self, both: Recorded, host: str) -> None:
        found = documents(both, host)
        put = "cloudwatch:PutMetricData"
        assert iam.decide(found, put, "*", {"cloudwatch:namespace": "PlanB"}) == iam.ALLOWED
        assert iam.decide(found, put, "*", {"cloudwatch:namespace": "AWS/RDS"}) != iam.ALLOWED

    @pytest.mark.parametrize("host", HOSTS)
    def test_only_the_artefact_can_be_fetched(self, both: Recorded, host: str) -> None:
        found, item = documents(both, host), both.one("BucketObjectv2")
        arn = f"arn:Bucket:agent-artefacts/{item['key']}"
        assert iam.decide(found, "s3:GetObject", arn) == iam.ALLOWED
        assert iam.decide(found, "s3:GetObject", arn + "x") != iam.ALLOWED
        assert iam.decide(found, "s3:PutObject", arn) != iam.ALLOWED

    def test_a_signature_instead_of_federation(self, run: Run) -> None:
        azure = AzureIdentity(auth="sas", tenant_id=None, client_id=None, trusts=None, sas_secret_arn=SAS)
        recorded = hosts(run, azure=azure)
        found = documents(recorded, "backup")
        assert iam.decide(found, READ, SAS) == iam.ALLOWED
        context: dict[str, str | list[str]] = {
            "sts:IdentityTokenAudience": ["api://AzureADTokenExchange"],
            "sts:DurationSeconds": "60",
        }
        assert iam.decide(found, TOKEN, "*", context) != iam.ALLOWED
        config = json.loads(written(recorded, "backup")["/etc/planb/agent.json"])
        assert config["azure"] == {"auth": "sas", "sas_secret_arn": SAS}


class TestMachines:
    @pytest.mark.parametrize("host", HOSTS)
    def test_one_small_closed_host(self, both: Recorded, host: str) -> None:
        template = both.one("LaunchTemplate", f"{HOSTS[host]}-template")
        group = both.one("Group", f"{HOSTS[host]}-host")
        assert template["instanceType"] == "t3.small"
        assert template["imageId"].endswith("al2023-ami-kernel-default-x86_64")
        assert template["vpcSecurityGroupIds"] == ["sg-backup"]
        assert template["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        assert "keyName" not in template.inputs and "networkInterfaces" not in template.inputs
        disk = template["blockDeviceMappings"][0]["ebs"]
        assert (disk["encrypted"], disk["volumeType"]) == ("true", "gp3")
        assert group["vpcZoneIdentifiers"] == ["subnet-a", "subnet-c"]
        assert (group["maxSize"], group["healthCheckType"]) == (1, "EC2")
        ready = {urn.split("::")[-1] for urn in group.after}
        name = HOSTS[host]
        assert ready >= {f"{name}-secrets", f"{name}-work", f"{name}-ssm", "agent-agent"}

    def test_the_backup_host_is_always_there_and_the_other_on_demand(self, both: Recorded) -> None:
        own, admin = both.one("Group", "backup-host"), both.one("Group", "backup-admin-host")
        assert (own["minSize"], own["desiredCapacity"], own.ignored) == (1, 1, ())
        # At first it sets the accounts up; later it comes and goes by the runbook, and no update brings it back.
        assert (admin["minSize"], admin["desiredCapacity"], admin.ignored) == (0, 1, ("desiredCapacity",))

    def test_architecture(self, run: Run) -> None:
        for template in hosts(run, architecture="arm64").all("LaunchTemplate"):
            assert template["instanceType"] == "t4g.small"
            assert template["imageId"].endswith("-arm64")

    def test_the_accounts_switch_stays_on_with_protected_data(self, run: Run) -> None:
        assert hosts(run).one("OutboundWebIdentityFederation").retain is True
        assert hosts(run, protect=False).one("OutboundWebIdentityFederation").retain is False


class TestConfiguration:
    def test_agents(self, both: Recorded) -> None:
        own = json.loads(written(both, "backup")["/etc/planb/agent.json"])
        assert own == {
            "project": "blue",
            "region": REGION,
            "group": "blue-backup",
            "container_url": "https://x.blob.core.windows.net/mysql-backups",
            "database": {"host": "db", "port": 3306, "name": "petclinic"},
            "ca_file": "/etc/planb/rds-ca.pem",
            "backup_secret_arn": SECRETS["backup"],
            "replication_secret_arn": SECRETS["replication"],
            "azure": {"auth": "federated", "tenant_id": "tenant", "client_id": "client"},
        }
        admin = json.loads(written(both, "db-admin")["/etc/planb/agent.json"])
        assert admin == {
            **own,
            "group": "blue-db-admin",
            "master_secret_arn": SECRETS["master"],
            "app_secret_arn": SECRETS["app"],
        }

    @pytest.mark.parametrize(
        ("client", "trusts"),
        [
            (None, TRUSTS),
            ("client", None),
            ("client", f"arn:aws:iam::{ACCOUNT}:role/green-backup"),
            ("client", f"arn:aws:iam::{ACCOUNT}:role/blue-backup-2"),
        ],
    )
    def test_until_the_standby_trusts_the_role_the_default_chain_is_taken(
        self, run: Run, client: str | None, trusts: str | None
    ) -> None:
        azure = AzureIdentity(auth="federated", tenant_id="tenant", client_id=client, trusts=trusts)
        recorded = hosts(run, azure=azure)
        assert "azure" not in json.loads(written(recorded, "backup")["/etc/planb/agent.json"])

    @pytest.mark.parametrize("host", HOSTS)
    def test_the_installed_bytes_are_the_stored_ones(self, both: Recorded, host: str) -> None:
        archive, item = build(ROOT, "x86_64"), both.one("BucketObjectv2")
        told = dict(line.split("=", 1) for line in written(both, host)["/etc/planb/artefact"].splitlines())
        assert {name: value.strip("'") for name, value in told.items()} == {
            "BUCKET": item["bucket"],
            "KEY": item["key"],
            "SHA256": archive.sha256,
            "OWNER": ACCOUNT,
            "REGION": REGION,
        }
        assert item["key"] == archive.key and archive.sha256[:16] in archive.key

    @pytest.mark.parametrize("host", HOSTS)
    @pytest.mark.parametrize("word", ["password", "AccountKey", "SharedAccessSignature", "sig="])
    def test_no_secret_in_it(self, both: Recorded, host: str, word: str) -> None:
        assert word.lower() not in json.dumps(cloud_config(both, host)).lower()


class TestArtefact:
    def test_the_bucket_is_private_versioned_encrypted_and_speaks_tls(self, both: Recorded) -> None:
        assert both.one("Bucket")["bucket"] == f"blue-artefacts-{ACCOUNT}"
        block = both.one("BucketPublicAccessBlock").inputs
        assert [value for value in block.values() if value is True] == [True] * 4
        assert both.one("BucketVersioning")["versioningConfiguration"]["status"] == "Enabled"
        assert both.one("BucketServerSideEncryptionConfiguration")["rules"]
        policy = json.loads(both.one("BucketPolicy")["policy"])

        def get(tls: str) -> str:
            everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
            return iam.decide(
                [everything],
                "s3:GetObject",
                "arn:Bucket:agent-artefacts/x",
                {"aws:SecureTransport": tls},
                principal=f"arn:aws:iam::{ACCOUNT}:role/x",
                resource_policies=[policy],
            )

        assert (get("true"), get("false")) == (iam.ALLOWED, iam.DENIED)
