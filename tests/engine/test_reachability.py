"""Who reaches whom on the deployed site: the table of section 6.1 of the seed, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook.reachability import aws_state as aws
from runbook.reachability import table
from runbook.reachability.aws import AwsSite
from runbook.reachability.model import compare, matrix
from tests.engine.conftest import Site, resources

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def state(deployed: Site) -> list[dict[str, Any]]:
    return resources(deployed, "prod")


def test_the_command(deployed: Site) -> None:
    text = deployed.must("planb", "reachability")
    assert "Equal: every decided pair is open, and nothing else." in text
    assert "\x1b[" not in text, "plain when it is not a terminal"
    facts = json.loads(deployed.must("planb", "reachability", "--json"))
    assert facts["equal"] is True and facts["differences"] == []
    tiers = ("internet", "alb", "web", "was", "rds", "backup")
    open_ = {
        (flow["source"], flow["target"]): flow["ports"]
        for flow in facts["flows"]
        if flow["source"] in tiers and flow["target"] in tiers
    }
    assert open_ == {
        ("internet", "alb"): ["tcp 80", "tcp 443"],
        ("alb", "web"): ["tcp 8080"],
        ("web", "was"): ["tcp 8080"],
        ("was", "rds"): ["tcp 3306"],
        ("backup", "rds"): ["tcp 3306"],
        ("backup", "internet"): ["tcp 443"],
        ("backup", "alb"): ["tcp 443"],  # the balancer is public, and so for the backup host
    }


def test_every_deployed_rule_is_needed(state: list[dict[str, Any]]) -> None:
    """No rule of a group can go without being missed, so there is none too many."""
    rows, idle = table.aws(), list[str]()
    rules = [r for r in state if r["type"] in (aws.INGRESS, aws.EGRESS, aws.ROUTE)]
    assert len(rules) >= 16
    for one in rules:
        rest = [r for r in state if r["urn"] != one["urn"]]
        if not any(d.kind == "missing" for d in compare(matrix(AwsSite(rest)), rows)):
            idle.append(one["urn"])
    assert idle == []


def test_a_rule_too_many_is_found_with_its_urn(state: list[dict[str, Any]]) -> None:
    (group,) = [r for r in state if r["type"] == aws.GROUP and r["inputs"]["name"].endswith("-rds")]
    urn = "urn:pulumi:prod::planb::aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::opened"
    inputs = {
        "securityGroupId": group["id"],
        "ipProtocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "cidrIpv4": "10.0.0.0/16",
    }
    opened = {"urn": urn, "type": aws.INGRESS, "id": "sgr-0", "inputs": inputs, "outputs": inputs}
    found = compare(matrix(AwsSite([*state, opened])), table.aws())
    assert {(d.kind, d.target, str(d.ports)) for d in found} == {("unexpected", "rds", "tcp 22")}
    assert all(urn in {cause.urn for cause in d.causes} for d in found)
