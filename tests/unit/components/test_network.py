"""The network of AWS: subnets and their ways out, security groups, endpoints, flow logs."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.aws.endpoints import Endpoints, EndpointsArgs
from components.aws.flow_logs import FlowLogs, FlowLogsArgs
from components.aws.network import Network, NetworkArgs
from components.aws.security import Security, SecurityArgs

from .conftest import Recorded, Run

REGION, ACCOUNT, INTERNET, EDGE = "ap-northeast-2", "123456789012", "0.0.0.0/0", "pl-22a6434b"
GROUPS = ("alb", "web", "was", "rds", "backup", "endpoints")
# Section 6.1 of the seed as (from, to, port), and the endpoints'.
TABLE = {
    (INTERNET, "alb", 80),
    (INTERNET, "alb", 443),
    ("alb", "web", 8080),
    ("web", "was", 8080),
    ("was", "rds", 3306),
    ("backup", "rds", 3306),
    ("backup", INTERNET, 443),
    ("web", "endpoints", 443),
    ("was", "endpoints", 443),
    ("backup", "endpoints", 443),
}


def in_stack(make: Callable[[pulumi.ResourceOptions], object]) -> Callable[[], None]:
    def program() -> None:
        make(pulumi.ResourceOptions(provider=aws.Provider("aws", region=REGION)))

    return program


def secured(run: Run, *, preview: bool = False, **more: Any) -> Recorded:
    args = SecurityArgs(project="blue", vpc_id="vpc-1", **more)
    return run(in_stack(lambda opts: Security("security", args, opts)), preview=preview)


def rules(recorded: Recorded, kind: str) -> set[tuple[str, str, int, int, str]]:
    """(whose, peer, from, to, protocol)."""
    owner = {f"security-{tier}-id": tier for tier in GROUPS}
    return {
        (
            owner[item["securityGroupId"]],
            item.inputs.get("cidrIpv4")
            or item.inputs.get("prefixListId")
            or owner[item["referencedSecurityGroupId"]],
            int(item["fromPort"]),
            int(item["toPort"]),
            item["ipProtocol"],
        )
        for item in recorded.all(kind)
    }


def arrows(pairs: set[tuple[str, str, int]]) -> set[tuple[str, str, int, int, str]]:
    return {(whose, peer, port, port, "tcp") for whose, peer, port in pairs}


class TestSecurity:
    def test_ingress_is_the_table(self, run: Run) -> None:
        found = rules(secured(run), "SecurityGroupIngressRule")
        assert found == arrows({(to, source, port) for source, to, port in TABLE if to != INTERNET})
        assert not any(whose == "backup" for whose, *_ in found)

    def test_egress_is_the_table(self, run: Run) -> None:
        """To endpoints nothing is said twice: nodes leave by the cluster's group, the backup host to any 443."""
        expected = {row for row in TABLE if row[0] != INTERNET and row[1] != "endpoints"}
        assert rules(secured(run), "SecurityGroupEgressRule") == arrows(expected)

    @pytest.mark.parametrize(("https", "port"), [(False, 80), (True, 443)])
    def test_cloudfront_only(self, run: Run, https: bool, port: int) -> None:
        """One port: the prefix list fills 55 of 60 rules. Same name for both ports, so that it moves in place."""
        recorded = secured(run, alb_ingress="cloudfront", https=https)
        into = {r for r in rules(recorded, "SecurityGroupIngressRule") if r[0] == "alb"}
        assert into == {("alb", EDGE, port, port, "tcp")}
        assert recorded.one("SecurityGroupIngressRule", "security-alb-edge-in")
        plain = secured(run)
        rest = {r for r in rules(plain, "SecurityGroupIngressRule") if r[0] != "alb"}
        assert rest == {r for r in rules(recorded, "SecurityGroupIngressRule") if r[0] != "alb"}

    def test_groups_have_no_rules_of_their_own(self, run: Run) -> None:
        """Rules in a group and rules beside it delete one another."""
        groups = secured(run).all("SecurityGroup")
        assert {item.name for item in groups} == {f"security-{tier}" for tier in GROUPS}
        assert not any({"ingress", "egress"} & item.inputs.keys() for item in groups)

    def test_everything_says_what_it_is_for(self, run: Run) -> None:
        recorded = secured(run)
        for kind in ("SecurityGroup", "SecurityGroupIngressRule", "SecurityGroupEgressRule"):
            texts = [item["description"] for item in recorded.all(kind)]
            # EC2's own alphabet for descriptions; anything else is refused.
            assert all(set(text) <= ALPHABET and 0 < len(text) <= 255 for text in texts), texts

    def test_in_preview(self, run: Run) -> None:
        recorded = secured(run, preview=True)
        assert len(recorded.all("SecurityGroupIngressRule")) == 9
        assert len(recorded.all("SecurityGroupEgressRule")) == 5


# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
ALPHABET = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*")


def networked(run: Run, **more: Any) -> Recorded:
    args = NetworkArgs(project="blue", region=REGION, **more)
    return run(in_stack(lambda opts: Network("network", args, opts)))


class TestNetwork:
    def test_subnets(self, run: Run) -> None:
        subnets = {item["tags"]["Name"]: item for item in networked(run).all("Subnet")}
        assert {name: (item["cidrBlock"], item["availabilityZone"]) for name, item in subnets.items()} == {
            f"blue-{tier}-2{zone}": (f"10.0.{octet + index}.0/24", f"{REGION}{zone}")
            for tier, octet in (("public", 1), ("web", 11), ("was", 21), ("rds", 31))
            for index, zone in enumerate("ac")
        }
        inside = ip_network("10.0.0.0/16")
        assert all(ip_network(item["cidrBlock"]).subnet_of(inside) for item in subnets.values())
        assert not any(item.inputs.get("mapPublicIpOnLaunch") for item in subnets.values())

    def test_subnets_are_tagged_for_load_balancers(self, run: Run) -> None:
        found = {
            (item["tags"]["Tier"], key)
            for item in networked(run).all("Subnet")
            for key in item["tags"]
            if key.startswith("kubernetes.io/role/")
        }
        assert found == {("public", "kubernetes.io/role/elb"), ("web", "kubernetes.io/role/internal-elb")}

    @pytest.mark.parametrize("per_zone", [False, True])
    def test_ways_out(self, run: Run, per_zone: bool) -> None:
        recorded = networked(run, nat_per_zone=per_zone)
        private = {"a": "private", "c": "private-c" if per_zone else "private"}
        table = {item["subnetId"]: item["routeTableId"] for item in recorded.all("RouteTableAssociation")}
        assert table == {
            f"network-{tier}-{zone}-id": f"network-{where or private[zone]}-id"
            for tier, where in (("public", "public"), ("web", None), ("was", None), ("rds", "rds"))
            for zone in "ac"
        }
        ways = {item["routeTableId"]: item for item in recorded.all("Route")}
        assert ways.pop("network-public-id")["gatewayId"] == "network-igw-id"
        nats = {"private": "nat", "private-c": "nat-c"}
        # The database's tier has no way out.
        assert {key: item["natGatewayId"] for key, item in ways.items()} == {
            f"network-{name}-id": f"network-{nats[name]}-id" for name in set(private.values())
        }
        places = {item.name: item["subnetId"] for item in recorded.all("NatGateway")}
        assert places == {"network-nat": "network-public-a-id"} | (
            {"network-nat-c": "network-public-c-id"} if per_zone else {}
        )
        assert len(recorded.all("Eip")) == len(places)
        assert all("igw" in str(item.after) for item in recorded.all("NatGateway"))

    def test_switching_nat_renames_nothing(self, run: Run) -> None:
        """One more zone's things come; what was there keeps its name, and so is updated in place."""
        one, two = networked(run), networked(run, nat_per_zone=True)
        assert one.keys() < two.keys()
        assert {name for _, name in two.keys() - one.keys()} == {
            "network-nat-c",
            "network-private-c",
            "network-private-c-out",
        }

    def test_nothing_uses_the_default_group(self, run: Run) -> None:
        default = networked(run).one("DefaultSecurityGroup")
        assert default["vpcId"] == "network-vpc-id"
        assert not {"ingress", "egress"} & default.inputs.keys()

    @pytest.mark.parametrize("per_zone", [False, True])
    def test_the_gateway_of_s3(self, run: Run, per_zone: bool) -> None:
        """For what leaves by NAT otherwise; the database's tier has no way to it. It passes no foreign bucket."""
        endpoint = networked(run, nat_per_zone=per_zone).one("VpcEndpoint")
        assert endpoint["vpcEndpointType"] == "Gateway"
        tables = ["network-private-id"] + (["network-private-c-id"] if per_zone else [])
        assert endpoint["routeTableIds"] == tables
        own, machines = json.loads(endpoint["policy"])["Statement"]
        assert own["Condition"] == {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}
        assert not any("*" in action for action in own["Action"])
        assert machines["Action"] == "s3:GetObject"  # nothing can be put into them
        assert f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/*" in machines["Resource"]
        assert all(arn.count("*") == 1 and REGION in arn for arn in machines["Resource"])


def endpoints(run: Run) -> Recorded:
    def make(opts: pulumi.ResourceOptions) -> None:
        args = EndpointsArgs(
            project="blue",
            region=REGION,
            account_id=pulumi.Output.from_input(ACCOUNT),
            vpc_id="vpc-1",
            subnet_ids=[pulumi.Output.from_input("subnet-a"), pulumi.Output.from_input("subnet-c")],
            security_group_id="sg-1",
        )
        Endpoints("endpoints", args, opts)

    return run(in_stack(make))


class TestEndpoints:
    def test_credentials_stay_inside(self, run: Run) -> None:
        made = {item["serviceName"]: item for item in endpoints(run).all("VpcEndpoint")}
        assert made.keys() == {f"com.amazonaws.{REGION}.{name}" for name in ("secretsmanager", "sts")}
        for item in made.values():
            assert item["vpcEndpointType"] == "Interface"
            assert item["privateDnsEnabled"] is True  # or the SDKs would still go out by NAT
            assert item["subnetIds"] == ["subnet-a", "subnet-c"]
            assert item["securityGroupIds"] == ["sg-1"]

    def test_policies_pass_this_account_only(self, run: Run) -> None:
        for item in endpoints(run).all("VpcEndpoint"):
            for statement in json.loads(item["policy"])["Statement"]:
                ours = statement.get("Condition") == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
                # A service account's token belongs to no AWS account: there the role decides.
                role = statement["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/*"
                assert ours or (role and statement["Action"] == "sts:AssumeRoleWithWebIdentity")
                assert "*" not in str(statement["Action"])


def logged(run: Run) -> Recorded:
    def make(opts: pulumi.ResourceOptions) -> None:
        args = FlowLogsArgs(
            project="blue", region=REGION, vpc_id="vpc-1", account_id=ACCOUNT, log_key_arn="arn:key"
        )
        FlowLogs("flow-logs", args, opts)

    return run(in_stack(make))


class TestFlowLogs:
    def test_all_traffic_encrypted_for_a_year(self, run: Run) -> None:
        recorded = logged(run)
        log, group = recorded.one("FlowLog"), recorded.one("LogGroup")
        assert (log["vpcId"], log["trafficType"], log["maxAggregationInterval"]) == ("vpc-1", "ALL", 60)
        assert log["logDestination"] == "arn:LogGroup:flow-logs-group"
        assert (group["kmsKeyId"], group["retentionInDays"]) == ("arn:key", 365)
        # Without its permissions the first records would be lost.
        assert any(urn.endswith("::flow-logs-write") for urn in log.after)

    def test_only_our_flow_logs_use_the_role(self, run: Run) -> None:
        (trust,) = json.loads(logged(run).one("Role")["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*"},
        }

    def test_it_writes_there_and_nowhere_else(self, run: Run) -> None:
        write, read = json.loads(logged(run).one("RolePolicy")["policy"])["Statement"]
        assert write["Resource"] == "arn:LogGroup:flow-logs-group:*"
        assert set(write["Action"]) == {
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        }
        assert read["Action"] == "logs:DescribeLogGroups"
