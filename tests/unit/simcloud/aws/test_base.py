"""What every kind shares: names, tags, outputs that last."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simcloud import sdktypes
from simcloud.aws import autoscaling, eks, iam, lb, network
from simcloud.kinds import KINDS, Context, Resource

from .conftest import ACCOUNT, REGION, Aws, trust

AWS = sorted(token for token in KINDS if token.startswith("aws:"))


@pytest.mark.parametrize("token", AWS)
def test_what_is_modelled_is_in_the_sdk(token: str) -> None:
    shape = sdktypes.shape(token)
    assert shape
    unknown = {path.split(".")[0] for path in KINDS[token].replace_on} - set(shape.inputs) - {"region"}
    assert not unknown, f"{token} cannot be replaced by {unknown}"


def test_a_name_is_made_up_once(aws: Aws) -> None:
    kind, given = KINDS[iam.ROLE], {"assumeRolePolicy": trust("ec2.amazonaws.com")}
    made = kind.autoname(aws.ctx(), given, "nodes")
    assert re.fullmatch(r"nodes-[0-9a-f]{7}", made["name"])
    assert kind.autoname(aws.ctx(), given, "nodes", made) == made
    assert kind.autoname(aws.ctx(), {**given, "name": "mine"}, "nodes", made)["name"] == "mine"


def test_tags_of_the_provider_and_of_the_resource(aws: Aws, vpc: Resource) -> None:
    tags = {"defaultTags": {"tags": {"project": "planb", "owner": "us"}}}
    tagged = Context(aws.state, aws.world, REGION, tags, vpc.urn)
    vpc.inputs["tags"] = {"owner": "me"}
    outputs = KINDS[network.VPC].outputs(tagged, vpc)
    assert outputs["tagsAll"] == {"project": "planb", "owner": "me"}


def test_the_region_of_the_resource_is_before_the_providers(aws: Aws) -> None:
    virginia = aws.make(network.VPC, {"cidrBlock": "10.0.0.0/16", "region": "us-east-1"})
    assert virginia.region == virginia.outputs["region"] == "us-east-1"
    assert virginia.outputs["arn"] == f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc/{virginia.id}"


@pytest.mark.usefixtures("secrets_manager")
def test_what_the_cloud_made_up_lasts(aws: Aws, vpc: Resource) -> None:
    """A second look at an unchanged resource shows the same ids, ARNs and names."""
    aws.gateway(vpc)
    subnets = aws.pair(vpc)
    eip = aws.make(network.EIP, {"domain": "vpc"})
    aws.make(network.NAT, {"subnetId": subnets[0], "allocationId": eip.id})
    nodes = aws.role("nodes", "ec2.amazonaws.com")
    aws.make(iam.PROFILE, {"name": "p", "role": "nodes"})
    document = trust("x").replace('"Principal": {"Service": "x"}', '"Resource": "*"')
    aws.make(iam.POLICY, {"name": "p", "policy": document})
    given: dict[str, Any] = {
        "name": "planb",
        "version": max(eks.VERSIONS),
        "roleArn": aws.role("eks", "eks.amazonaws.com").outputs["arn"],
        "accessConfig": {"authenticationMode": "API"},
        "vpcConfig": {"subnetIds": subnets},
    }
    aws.make(eks.CLUSTER, given)
    sizes = {"minSize": 1, "desiredSize": 1, "maxSize": 1}
    given = {"clusterName": "planb", "nodeRoleArn": nodes.outputs["arn"], "subnetIds": subnets}
    aws.make(eks.NODE_GROUP, {**given, "scalingConfig": sizes})
    aws.make("aws:eks/addon:Addon", {"clusterName": "planb", "addonName": "metrics-server"})
    who = aws.role("people", "x").outputs["arn"]
    aws.make("aws:eks/accessEntry:AccessEntry", {"clusterName": "planb", "principalArn": who})
    template = aws.make(autoscaling.TEMPLATE, {"name": "t"})
    given = {"name": "g", "minSize": 0, "maxSize": 1, "launchTemplate": {"id": template.id}}
    aws.make(autoscaling.ASG, {**given, "vpcZoneIdentifiers": subnets})
    aws.make(lb.LB, {"name": "web", "subnets": subnets})
    aws.make("aws:secretsmanager/secret:Secret", {"name": "s"})
    for res in aws.state.all():
        before = {k: v for k, v in res.outputs.items() if k != "latestVersion"}
        ctx = Context(aws.state, aws.world, REGION, {}, res.urn)
        again = res.outputs | KINDS[res.type].outputs(ctx, res)
        again.pop("latestVersion", None)
        assert again == before, res.type
