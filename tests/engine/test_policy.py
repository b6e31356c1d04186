"""The policy pack with the real engine: both stacks keep every rule at every tier, and a broken one is refused."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

from policy.rules import RULES
from tests.engine.conftest import ROOT, Site

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

VARIANTS = {
    "prod": ("prod", {}),
    "pilot-light": ("dr", {"tier": "pilot-light"}),
    "emergency": ("dr", {"tier": "emergency"}),
    "full": ("dr", {"tier": "full"}),
    "warm-standby": ("dr", {"tier": "warm-standby"}),
    "full, HA": ("dr", {"tier": "full", "databaseHa": True}),
}
ADVICE = {rule.name for rule in RULES if not rule.mandatory}


def configured(site: Site, stack: str, values: dict[str, object]) -> str:
    """A configuration beside the stack's own, which stays as it is."""
    config = yaml.safe_load((site.directory / f"Pulumi.{stack}.yaml").read_text())
    config["config"] |= {"planb:protectData": True} | {f"planb:{key}": value for key, value in values.items()}
    path = site.directory / "Pulumi.checked.yaml"
    path.write_text(yaml.safe_dump(config))
    return path.name


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stacks_keep_every_rule(deployed: Site, variant: str) -> None:
    """Previews over what is deployed, so that nearly everything is known; what they say by the way is printed."""
    stack, values = VARIANTS[variant]
    done = deployed.run(
        *("pulumi", "preview", "-s", stack, "--policy-pack", "policy"),
        *("--config-file", configured(deployed, stack, values)),
    )
    said = done.stdout[done.stdout.find("Policies:") :].partition("\nOutputs:")[0]
    print(said)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "[mandatory]" not in done.stdout
    assert re.search(r"planb@v\d", said), "the pack did not run"
    assert "can't run policy" not in done.stdout
    assert set(re.findall(r"\[advisory\].*?\]  ([a-z0-9-]+)", said)) <= ADVICE


def test_taking_a_site_down_is_said_out_loud(deployed: Site) -> None:
    """Without protection the data's rule refuses; policy/teardown.json makes that one rule advice, and no other."""
    loose = configured(deployed, "prod", {"protectData": False})
    preview = ("pulumi", "preview", "-s", "prod", "--config-file", loose, "--policy-pack", "policy")
    refused = deployed.run(*preview)
    assert refused.returncode != 0
    broken = set(re.findall(r"\[mandatory\].*?\]  ([a-z0-9-]+)", refused.stdout))
    assert broken == {"data-is-protected"}
    told = deployed.run(*preview, "--policy-pack-config", "policy/teardown.json")
    assert told.returncode == 0, told.stdout[-4000:]
    assert "[mandatory]" not in told.stdout
    assert re.search(r"\[advisory\].*?\]  data-is-protected", told.stdout)


PROGRAM = """
import pulumi
import pulumi_aws as aws
import pulumi_azure_native as azure

provider = aws.Provider("aws", region="ap-northeast-2")
opts = pulumi.ResourceOptions(provider=provider)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=opts)
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description="all", opts=opts)
aws.vpc.SecurityGroupIngressRule(
    "anybody", security_group_id=group.id, ip_protocol="tcp", from_port=3306, to_port=3306, cidr_ipv4="0.0.0.0/0",
    opts=opts,
)
aws.rds.Instance(
    "db", engine="mysql", engine_version="8.0", instance_class="db.t3.medium", allocated_storage=20,
    storage_type="gp3", username="root1", manage_master_user_password=True, publicly_accessible=True,
    skip_final_snapshot=True, opts=opts,
)
role = aws.iam.Role(
    "role",
    assume_role_policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}]}',
    opts=opts,
)
aws.iam.RolePolicy(
    "everything", role=role.name, opts=opts,
    policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
)
aws.ec2.LaunchTemplate("template", user_data="cGFzc3dvcmQ6IGNvcnJlY3QtaG9yc2U=", opts=opts)
secret = aws.secretsmanager.Secret("secret", opts=opts)
aws.secretsmanager.SecretVersion(
    "key", secret_id=secret.id, secret_string="AccountName=bloberry01;AccountKey=" + "q" * 85 + "A==", opts=opts,
)
azure_provider = azure.Provider("azure", location="koreacentral")
azure_opts = pulumi.ResourceOptions(provider=azure_provider)
rg = azure.resources.ResourceGroup("rg", resource_group_name="rg", location="koreacentral", opts=azure_opts)
azure.network.PublicIPAddress(
    "ip1", public_ip_address_name="ip1", resource_group_name=rg.name, location="koreacentral",
    sku={"name": "Standard"}, public_ip_allocation_method="Static", opts=azure_opts,
)
azure.network.PublicIPAddress(
    "ip2", public_ip_address_name="ip2", resource_group_name=rg.name, location="koreacentral",
    sku={"name": "Standard"}, public_ip_allocation_method="Static", opts=azure_opts,
)
azure.network.PublicIPAddress(
    "ip3", public_ip_address_name="ip3", resource_group_name=rg.name, location="koreacentral",
    sku={"name": "Standard"}, public_ip_allocation_method="Static", opts=azure_opts,
)
pulumi.export("tier", "pilot-light")
"""
REFUSED = {
    "internet-reaches-web-ports-only": "anybody",
    "no-public-database": "db",
    "encrypted-at-rest": "db",
    "data-is-protected": "db",
    "trust-is-narrow": "role",
    "no-star-actions": "everything",
    "no-plain-secrets": "template",
    "instance-metadata-needs-a-token": "template",
    "no-azure-storage-key-in-aws": "key",
    "network-is-logged": "vpc",
    "standby-costs-at-most-10-dollars": r"ip\d",
    "tagged": "vpc",
}


def test_what_breaks_a_rule_is_refused_with_its_remedy(deployed: Site, tmp_path: Path) -> None:
    """A program of its own with the mistakes that a reviewer fears; one preview refuses them all."""
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / "Pulumi.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "wrong",
                "runtime": {"name": "python", "options": {"virtualenv": sys.prefix, "toolchain": "pip"}},
            }
        )
    )
    wrong = Site(deployed.found, tmp_path, deployed.env)
    wrong.must("pulumi", "stack", "init", "wrong")
    try:
        done = wrong.run("pulumi", "preview", "-s", "wrong", "--policy-pack", str(ROOT / "policy"))
    finally:
        wrong.must("pulumi", "stack", "rm", "-s", "wrong", "--yes", "--force")
    assert done.returncode != 0
    said = " ".join(done.stdout[done.stdout.find("Policies:") :].split())
    for rule in RULES:
        if rule.name in REFUSED:
            assert re.search(
                rf"\[mandatory\] \[severity: {rule.severity}\] {rule.name} \([^)]*: {REFUSED[rule.name]}",
                said,
            ), rule.name + said
            assert " ".join(rule.remedy.split()) in said, rule.name
    assert REFUSED.keys() <= {rule.name for rule in RULES}
