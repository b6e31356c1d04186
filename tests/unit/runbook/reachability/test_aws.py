"""The site of AWS against its table: equal as it is, and every change to it is told with its cause."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.reachability import aws_state as aws
from runbook.reachability import table
from runbook.reachability.aws import AwsSite
from runbook.reachability.model import Difference, Flow, compare, matrix
from runbook.reachability.ports import ALL, Ports, Unmodelled, tcp

from .sites import (
    CLUSTER_GROUP,
    EDGE,
    GROUPS,
    State,
    group,
    named,
    res,
    rule,
    set_,
    site,
    subnet,
    subnets,
    without,
)

ROWS = table.aws()


def differences(state: State) -> list[Difference]:
    return compare(matrix(AwsSite(state)), ROWS)


def told(state: State) -> set[tuple[str, str, str, str]]:
    return {(d.kind, d.source, d.target, str(d.ports)) for d in differences(state)}


def flow(state: State, source: str, target: str) -> Flow:
    return next(f for f in matrix(AwsSite(state)) if (f.source, f.target) == (source, target))


def blamed(state: State, source: str, target: str) -> set[str]:
    """Names of the resources that a difference of this pair is blamed on."""
    return {
        cause.urn.rsplit("::", 1)[-1]
        for d in differences(state)
        if (d.source, d.target) == (source, target)
        for cause in d.causes
    }


def test_the_site_is_the_table() -> None:
    assert differences(site()) == []


def test_it_is_the_seeds_table() -> None:
    """Between what serves customers, nothing but section 6.1 of the seed and what stands beside it."""
    tiers = ("internet", "alb", "web", "was", "rds", "backup")
    found = {
        (f.source, f.target, str(f.ports))
        for f in matrix(AwsSite(site()))
        if f.ports and f.source in tiers and f.target in tiers
    }
    assert found == {
        ("internet", "alb", "tcp 80, tcp 443"),
        ("alb", "web", "tcp 8080"),
        ("web", "was", "tcp 8080"),
        ("was", "rds", "tcp 3306"),
        ("backup", "rds", "tcp 3306"),
        ("backup", "internet", "tcp 443"),
        ("backup", "alb", "tcp 443"),  # which is public
    }


def test_cloudfront_only() -> None:
    state = site(ingress="cloudfront")
    flows = matrix(AwsSite(state))
    assert compare(flows, table.aws("cloudfront", https=True)) == []
    assert [(f.source, str(f.ports)) for f in flows if f.target == "alb" and f.ports] == [
        ("cloudfront", "tcp 443")
    ]
    # The other decision is not what is deployed, and neither is the other port.
    wrong = {(d.kind, d.source, d.target) for d in compare(flows, table.aws("internet"))}
    assert {("missing", "internet", "alb"), ("unexpected", "cloudfront", "alb")} <= wrong
    wrong = {(d.kind, str(d.ports)) for d in compare(flows, table.aws("cloudfront", https=False))}
    assert wrong == {("missing", "tcp 80"), ("unexpected", "tcp 443")}
    opened = [*state, rule(aws.INGRESS, group("alb"), "opened", 443, cidrIpv4="0.0.0.0/0")]
    after = compare(matrix(AwsSite(opened)), table.aws("cloudfront", https=True))
    assert ("internet", "alb") in {(d.source, d.target) for d in after}


RULES = [r["urn"] for r in site() if r["type"] in (aws.INGRESS, aws.EGRESS, aws.ROUTE, aws.ADDON)]
POLICIES = [r["urn"] for r in site() if r["type"] == aws.NETWORK_POLICY]


@pytest.mark.parametrize("urn", [*RULES, *POLICIES], ids=lambda urn: urn.rsplit("::", 1)[-1])
def test_everything_is_needed(urn: str) -> None:
    """No rule, route or policy can go without being missed: EKS's own rules do not stand in for the seed's."""
    found = differences(without(site(), urn))
    kind = "unexpected" if urn in POLICIES or urn.endswith("::cni") else "missing"
    assert kind in {d.kind for d in found}


def test_a_missing_rule_is_blamed_on_its_group() -> None:
    state = without(site(), named(site(), "rds-from-was")["urn"])
    assert told(state) == {("missing", "was", "rds", "tcp 3306")}
    assert blamed(state, "was", "rds") == {"rds"}


BEFORE = {(f.source, f.target): f.ports for f in matrix(AwsSite(site()))}
KNOWN = [name for name in GROUPS if name != "web"]  # groups whose actor has no NetworkPolicy of its own
ports = st.integers(1, 65535)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(KNOWN), st.sampled_from(KNOWN), ports)
def test_any_pair_of_rules_more_is_found(source: str, target: str, port: int) -> None:
    """Out of one group and into another, on any port: told exactly, with the two rules as causes."""
    out = rule(aws.EGRESS, group(source), "more-out", port, referencedSecurityGroupId=group(target))
    into = rule(aws.INGRESS, group(target), "more-in", port, referencedSecurityGroupId=group(source))
    changed = [*site(), out, into]
    news = {
        (f.source, f.target): f.ports - BEFORE[f.source, f.target]
        for f in matrix(AwsSite(changed))
        if f.ports - BEFORE[f.source, f.target]
    }
    undecided = {pair: left for pair, open_ in news.items() if (left := _undecided(pair, open_))}
    assert {(d.source, d.target): d.ports for d in differences(changed)} == undecided
    if (source, target) in undecided:
        assert {"more-out", "more-in"} <= blamed(changed, source, target)


def _undecided(pair: tuple[str, str], open_: Ports) -> Ports:
    for row in ROWS:
        if (row.source, row.target) == pair:
            open_ -= row.ports
    return open_


# The nodes behind the groups web and was are members of EKS's own group already, where everything is open to them.
CLOSED = [name for name in GROUPS if name not in ("web", "was")]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(CLOSED), st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "10.0.21.0/24"]), ports)
def test_any_rule_by_address_is_found(target: str, block: str, port: int) -> None:
    """Nodes go out to anywhere, so a way in by address is a way in for them."""
    changed = [*site(), rule(aws.INGRESS, group(target), "opened", port, cidrIpv4=block)]
    decided = {"alb": tcp(80, 443), "rds": tcp(3306), "endpoints": tcp(443)}.get(target, Ports())
    hits = {d.target for d in differences(changed) if d.kind == "unexpected" and d.ports & tcp(port)}
    assert (target in hits) == bool(tcp(port) - decided)


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("rds", {"publiclyAccessible": True}, set()),  # without a route nobody comes, whatever its address
        ("alb", {"internal": True}, {("missing", "internet", "alb", "tcp 80, tcp 443")}),
    ],
)
def test_addresses(name: str, change: dict[str, Any], expected: set[Any]) -> None:
    state = site()
    set_(named(state, name, aws.DATABASE if name == "rds" else aws.BALANCER), **change)
    assert told(state) == expected


def test_a_database_that_the_internet_reaches() -> None:
    """It takes all three: a public address, a route, and a rule."""
    state = site()
    set_(named(state, "rds", aws.DATABASE), publiclyAccessible=True)
    for zone in "ac":
        set_(named(state, f"a-rds-{zone}"), routeTableId="public")
    assert not flow(state, "internet", "rds").ports
    state.append(rule(aws.INGRESS, group("rds"), "opened", 3306, cidrIpv4="0.0.0.0/0"))
    assert flow(state, "internet", "rds").ports == tcp(3306)
    assert blamed(state, "internet", "rds") == {"opened", "public-out"}


def test_a_host_with_a_public_address() -> None:
    state = [*site(), rule(aws.INGRESS, group("backup"), "ssh", 22, cidrIpv4="0.0.0.0/0")]
    for zone in "ac":
        set_(named(state, f"a-was-{zone}"), routeTableId="public")
    assert not flow(state, "internet", "backup").ports
    interface = {"associatePublicIpAddress": "true", "securityGroups": [group("backup")]}
    template = named(state, "lt-backup")
    template["inputs"] = template["outputs"] = {"networkInterfaces": [interface]}
    assert flow(state, "internet", "backup").ports == tcp(22)
    template["inputs"] = template["outputs"] = {"vpcSecurityGroupIds": [group("backup")]}
    for zone in "ac":
        set_(named(state, f"was-{zone}"), mapPublicIpOnLaunch=True)
    assert flow(state, "internet", "backup").ports == tcp(22)


def test_one_zone_only_is_missing_and_still_open() -> None:
    """What holds in one zone is no service, and yet it is a way."""
    state = site()
    set_(named(state, "a-was-c"), routeTableId="isolated")
    open_ = flow(state, "backup", "internet")
    assert (open_.ports, open_.everywhere) == (tcp(443), Ports())
    assert ("missing", "backup", "internet", "tcp 443") in told(state)
    assert "isolated" in blamed(state, "backup", "internet")


def test_a_nat_gateway_needs_a_way_out_itself() -> None:
    state = site()
    set_(named(state, "nat"), subnetId=subnet("rds", "a"))
    assert not flow(state, "backup", "internet").ports
    set_(named(state, "nat"), subnetId=subnet("public", "c"))
    assert flow(state, "backup", "internet").ports == tcp(443)
    set_(named(state, "nat"), connectivityType="private")
    assert not flow(state, "backup", "internet").ports


def test_policies_count_only_where_they_are_enforced() -> None:
    state = site()
    set_(named(state, "cni"), configurationValues='{"enableNetworkPolicy": "false"}')
    assert flow(state, "web", "was").ports == ALL
    causes = {c.text for d in differences(state) for c in d.causes}
    assert any("no vpc-cni add-on enforces NetworkPolicies" in text for text in causes)


def test_a_policy_that_lets_more_out_is_blamed() -> None:
    state = site()
    named(state, "np-was")["outputs"]["spec"]["egress"].append({"ports": [{"port": 443}]})
    assert ("unexpected", "was", "internet", "tcp 443") in told(state)
    assert "np-was" in blamed(state, "was", "internet")


def test_the_public_endpoint() -> None:
    state = site()
    config = named(state, "eks")["outputs"]["vpcConfig"]
    assert flow(state, "internet", "control-plane").everywhere == tcp(443)
    config["publicAccessCidrs"] = ["203.0.113.0/24"]
    assert flow(state, "internet", "control-plane").ports == tcp(443)
    assert not flow(state, "internet", "control-plane").everywhere
    config["publicAccessCidrs"] = ["10.0.0.0/8"]
    assert not flow(state, "internet", "control-plane").ports
    config |= {"publicAccessCidrs": None, "endpointPublicAccess": False}
    assert not flow(state, "internet", "control-plane").ports
    assert differences(state) == []  # it may be open, it need not


def test_a_stranger_is_an_actor() -> None:
    """A function in the VPC that nobody decided about is shown by its name, with all that it reaches."""
    config = {"subnetIds": subnets("was"), "securityGroupIds": [CLUSTER_GROUP]}
    state = [*site(), res(aws.FUNCTION, "stranger", vpcConfig=config)]
    assert flow(state, "stranger", "control-plane").ports == ALL
    assert ("unexpected", "stranger", "nodes", "all") in told(state)
    outside = [*site(), res(aws.FUNCTION, "outside", vpcConfig=None)]
    assert "outside" not in AwsSite(outside).actors()


def test_the_recovery_function() -> None:
    """Out to 443 of the Kubernetes API and of AWS, nothing in; pods of ours do not hear it."""
    state = site()
    assert differences(state) == []
    assert flow(state, "recovery", "control-plane").everywhere == tcp(443)
    assert not flow(state, "recovery", "was").ports and not flow(state, "recovery", "rds").ports
    state.append(rule(aws.EGRESS, group("recovery"), "more", 22, cidrIpv4="0.0.0.0/0"))
    assert ("unexpected", "recovery", "internet", "tcp 22") in told(state)


def test_nodes_without_a_template_carry_the_clusters_group() -> None:
    state = site()
    fleet = named(state, "web", aws.NODE_GROUP)
    del fleet["inputs"]["launchTemplate"], fleet["outputs"]["launchTemplate"]
    assert ("missing", "alb", "web", "tcp 8080") in told(state)


def test_an_actor_that_is_gone_is_missed() -> None:
    state = [r for r in site() if r["type"] not in (aws.DATABASE, aws.SUBNET_GROUP)]
    missing = [d for d in differences(state) if d.target == "rds"]
    assert {d.source for d in missing} == {"was", "backup", "db-admin"}
    assert {str(d.ports) for d in missing} == {"tcp 3306"}
    assert all(d.causes[0].text == "the stack has no rds" for d in missing)


OWN_RULES = [{"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]
STRANGE = [
    (res("aws:ec2/securityGroupRule:SecurityGroupRule", "x"), "what aws:ec2/securityGroupRule"),
    (res("aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "x"), "is not understood"),
    (res("aws:ec2/networkAcl:NetworkAcl", "x"), "is not understood"),
    (res("aws:ecs/service:Service", "x", net={"groups": ["sg-0123456789abcdef0"]}), "stands in the network"),
    (res(aws.VPC, "second", cidrBlock="10.1.0.0/16"), "a second VPC"),
    (res(aws.GROUP, "x", ingress=OWN_RULES), "rules of its own"),
    (res(aws.DEFAULT_GROUP, "x", egress=OWN_RULES), "rules of its own"),
    (res(aws.TABLE, "x", routes=[{"cidrBlock": "0.0.0.0/0"}]), "routes of its own"),
    (res("kubernetes:networking.k8s.io/v1:Ingress", "x"), "makes things that no stack's state knows of"),
    (res("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "x"), "makes things that no stack's state"),
    (res("kubernetes:cilium.io/v2:CiliumNetworkPolicy", "x"), "makes things"),
    (res("kubernetes:crd.projectcalico.org/v1:NetworkPolicy", "x"), "not Kubernetes' own"),
    (res(aws.SERVICE, "x", spec={"type": "LoadBalancer"}), "reached from outside of the cluster"),
    (res(aws.SERVICE, "x", spec={"type": "NodePort"}), "reached from outside of the cluster"),
    (res("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding", "x", spec={"networking": {"a": 1}}), "own"),
    (rule(aws.INGRESS, group("alb"), "x", 80, prefixListId="pl-0123"), "prefix list pl-0123"),
    (res(aws.BALANCER, "x", subnets=subnets("public")), "names no subnet or no security group"),
    (res(aws.BALANCER, "x", subnets=["subnet-0"], securityGroups=["sg-1"]), "not of this stack"),
    (res(aws.SCALING_GROUP, "x", vpcZoneIdentifiers=subnets("was")), "without a launch template"),
    (res(aws.ENDPOINT, "x", serviceName="com.amazonaws.r.dynamodb"), "a gateway to com.amazonaws.r.dynamodb"),
    (res(aws.ROUTE, "x", routeTableId="private", destinationCidrBlock="8.0.0.0/8"), "something else than"),
]


@pytest.mark.parametrize(("stranger", "says"), STRANGE, ids=lambda value: str(value)[:40])
def test_what_is_not_understood_is_refused(stranger: dict[str, Any], says: str) -> None:
    with pytest.raises(Unmodelled, match=says) as caught:
        matrix(AwsSite([*site(), stranger]))
    assert caught.value.exit_code == 3 and caught.value.resource


def test_what_does_not_touch_the_network_is_left_alone() -> None:
    harmless = [
        res("aws:s3/bucket:Bucket", "logs", bucket="logs"),
        res("aws:ec2/eip:Eip", "nat", domain="vpc"),
        res("aws:ec2/flowLog:FlowLog", "log", vpcId="vpc"),
        res("kubernetes:core/v1:Secret", "s", data={"x": "sg-0123456789abcdef0"}),
        res("kubernetes:apps/v1:DaemonSet", "h", spec={"template": {"spec": {"hostNetwork": True}}}),
        rule(aws.INGRESS, group("alb"), "by-list", 80, prefixListId=EDGE),
    ]
    assert differences([*site(), *harmless[:-1]]) == []
    assert ("unexpected", "cloudfront", "alb", "tcp 80, tcp 443") in told([*site(), harmless[-1]])


def test_ipv6_is_for_strangers() -> None:
    """The VPC has no IPv6; a rule for it is still told where it would open something to the internet."""
    state = [*site(), rule(aws.INGRESS, group("alb"), "six", 22, cidrIpv6="::/0")]
    assert told(state) == {("unexpected", "internet", "alb", "tcp 22")}
