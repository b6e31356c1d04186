"""VPCs, subnets, gateways, routes, security groups, endpoints."""

from __future__ import annotations

import re
from typing import Any

import pytest

from simcloud.aws import network as net
from simcloud.kinds import Resource

from .conftest import ACCOUNT, ANYWHERE, REGION, Aws

ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
NONE = "subnet-0123456789abcdef0"


def nat(aws: Aws, subnet: Resource) -> tuple[Resource, Resource]:
    """A NAT gateway and its address."""
    eip = aws.make(net.EIP, {"domain": "vpc"}, "eip")
    return aws.make(net.NAT, {"subnetId": subnet.id, "allocationId": eip.id}, "nat"), eip


def test_ids_and_arns(aws: Aws, vpc: Resource) -> None:
    subnet = aws.subnet(vpc, "10.0.1.0/24")
    aws.gateway(vpc)
    gateway, eip = nat(aws, subnet)
    group = aws.group(vpc)
    for res, prefix in ((vpc, "vpc"), (subnet, "subnet"), (gateway, "nat"), (eip, "eipalloc"), (group, "sg")):
        assert re.fullmatch(rf"{prefix}-[0-9a-f]{{17}}", res.id)
        assert res.region == REGION
    assert subnet.outputs["arn"] == f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/{subnet.id}"
    assert vpc.outputs["ownerId"] == ACCOUNT
    assert gateway.outputs["publicIp"] == eip.outputs["publicIp"]
    assert re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}", eip.outputs["publicIp"])


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("10.0.0.0/15", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("10.0.1.0/16", "InvalidParameterValue"),
        ("ten", "InvalidParameterValue"),
    ],
)
def test_a_network_has_16_to_28_bits(aws: Aws, block: str, code: str) -> None:
    aws.refuses(code, f"The CIDR '{block}' is invalid.", net.VPC, {"cidrBlock": block})
    for good in ("10.0.0.0/16", "10.1.0.0/28"):
        aws.vpc(good, good)


@pytest.mark.parametrize(
    ("block", "zone", "code", "text"),
    [
        ("10.1.1.0/24", "a", "InvalidSubnet.Range", "The CIDR '10.1.1.0/24' is invalid."),
        ("10.0.0.0/15", "a", "InvalidSubnet.Range", "The CIDR '10.0.0.0/15' is invalid."),
        ("10.0.2.0/29", "a", "InvalidSubnet.Range", "The CIDR '10.0.2.0/29' is invalid."),
        ("10.0.1.128/25", "a", "InvalidSubnet.Conflict", "conflicts with another subnet"),
        ("10.0.0.0/16", "a", "InvalidSubnet.Conflict", "conflicts with another subnet"),
        ("10.0.2.0/24", "e", "InvalidParameterValue", f"Value ({REGION}e) for parameter availabilityZone"),
    ],
)
def test_a_subnet_must_fit(aws: Aws, vpc: Resource, block: str, zone: str, code: str, text: str) -> None:
    aws.subnet(vpc, "10.0.1.0/24")
    given = {"vpcId": vpc.id, "cidrBlock": block, "availabilityZone": f"{REGION}{zone}"}
    aws.refuses(code, text, net.SUBNET, given)
    aws.subnet(vpc, "10.0.2.0/28", "d")


def test_two_networks_may_use_the_same_addresses(aws: Aws, vpc: Resource) -> None:
    other = aws.vpc(name="other")
    aws.subnet(vpc, "10.0.1.0/24")
    aws.subnet(other, "10.0.1.0/24")
    given = {"vpcId": "vpc-0", "cidrBlock": "10.0.1.0/24"}
    aws.refuses("InvalidVpcID.NotFound", "The vpc ID 'vpc-0' does not exist", net.SUBNET, given)


def test_a_subnet_is_no_conflict_for_itself(aws: Aws, vpc: Resource) -> None:
    subnet = aws.subnet(vpc, "10.0.1.0/24")
    aws.change(subnet, mapPublicIpOnLaunch=True)
    assert aws.replaced(subnet, mapPublicIpOnLaunch=True, cidrBlock="10.0.2.0/24") == ["cidrBlock"]
    assert aws.replaced(subnet, availabilityZone=f"{REGION}c", tags={"a": "b"}) == ["availabilityZone"]


@pytest.mark.parametrize("token", [net.SUBNET, net.GROUP, net.ROUTE_TABLE, net.IGW])
def test_a_network_in_use_stays(aws: Aws, vpc: Resource, token: str) -> None:
    given: dict[str, Any] = {"vpcId": vpc.id}
    if token == net.SUBNET:
        given["cidrBlock"] = "10.0.1.0/24"
    inside = aws.make(token, given)
    aws.refuses_delete("DependencyViolation", f"The vpc '{vpc.id}' has dependencies", vpc)
    aws.delete(inside)
    aws.delete(vpc)


def test_a_subnet_in_use_stays(aws: Aws, vpc: Resource) -> None:
    subnet = aws.subnet(vpc, "10.0.1.0/24")
    internet = aws.gateway(vpc)
    gateway, eip = nat(aws, subnet)
    aws.refuses_delete("DependencyViolation", f"The subnet '{subnet.id}' has dependencies", subnet)
    aws.refuses_delete("DependencyViolation", "has some mapped public address(es)", internet)
    aws.refuses_delete("InvalidIPAddress.InUse", f"'{eip.id}' cannot be released", eip)
    for res in (gateway, subnet, internet, eip):
        aws.delete(res)


@pytest.mark.parametrize(
    ("token", "given"),
    [
        ("aws:lb/loadBalancer:LoadBalancer", {"name": "web", "subnets": 2}),
        ("aws:rds/subnetGroup:SubnetGroup", {"name": "db", "subnetIds": 2}),
    ],
)
def test_what_stands_in_a_subnet_holds_it(aws: Aws, vpc: Resource, token: str, given: dict[str, Any]) -> None:
    aws.gateway(vpc)
    subnets = aws.pair(vpc)
    user = aws.make(token, {key: subnets if value == 2 else value for key, value in given.items()})
    subnet = aws.state.by_id(net.SUBNET, subnets[1])
    assert subnet
    aws.refuses_delete("DependencyViolation", "has dependencies", subnet)
    aws.delete(user)
    aws.delete(subnet)


def test_one_internet_gateway_a_network(aws: Aws, vpc: Resource) -> None:
    first = aws.gateway(vpc)
    code = "Resource.AlreadyAssociated"
    aws.refuses(code, f"resource {vpc.id} is already associated", net.IGW, {"vpcId": vpc.id})
    aws.refuses("InvalidVpcID.NotFound", "The vpc ID 'vpc-0'", net.IGW, {"vpcId": "vpc-0"})
    aws.change(first, tags={"Name": "igw"})


def test_a_nat_gateway_needs_subnet_address_and_internet(aws: Aws, vpc: Resource) -> None:
    subnet = aws.subnet(vpc, "10.0.1.0/24")
    eip = aws.make(net.EIP, {"domain": "vpc"})
    given = {"subnetId": subnet.id, "allocationId": eip.id}
    aws.refuses("Gateway.NotAttached", f"Network {vpc.id} has no Internet gateway", net.NAT, given)
    aws.gateway(vpc)
    text = "The subnet ID 'subnet-0123456789abcdef0' does not exist"
    aws.refuses("InvalidSubnetID.NotFound", text, net.NAT, {**given, "subnetId": NONE})
    text = "The allocation ID 'eipalloc-0' does not exist"
    aws.refuses("InvalidAllocationID.NotFound", text, net.NAT, {**given, "allocationId": "eipalloc-0"})
    gateway = aws.make(net.NAT, given)
    text = f"Elastic IP address [{eip.id}] is already associated"
    aws.refuses("Resource.AlreadyAssociated", text, net.NAT, given)
    aws.change(gateway, tags={"Name": "nat"})
    assert aws.replaced(gateway, allocationId="eipalloc-1", tags={}) == ["allocationId"]


def test_routes(aws: Aws, vpc: Resource) -> None:
    internet = aws.gateway(vpc)
    table = aws.make(net.ROUTE_TABLE, {"vpcId": vpc.id})
    route = {"routeTableId": table.id, "destinationCidrBlock": ANYWHERE, "gatewayId": internet.id}
    text = "The gatewayId 'igw-0' does not exist"
    aws.refuses("InvalidGatewayID.NotFound", text, net.ROUTE, {**route, "gatewayId": "igw-0"})
    text = "The natGatewayId 'nat-0' does not exist"
    through_nat = {"routeTableId": table.id, "destinationCidrBlock": ANYWHERE, "natGatewayId": "nat-0"}
    aws.refuses("InvalidNatGatewayID.NotFound", text, net.ROUTE, through_nat)
    text = "The routeTable ID 'rtb-0' does not exist"
    aws.refuses("InvalidRouteTableID.NotFound", text, net.ROUTE, {**route, "routeTableId": "rtb-0"})
    made = aws.make(net.ROUTE, route)
    aws.refuses("RouteAlreadyExists", f"The route identified by {ANYWHERE}", net.ROUTE, route)
    aws.make(net.ROUTE, {**route, "destinationCidrBlock": "192.168.0.0/16"})
    assert aws.replaced(made, gatewayId="igw-1", destinationCidrBlock="1.0.0.0/8") == ["destinationCidrBlock"]
    aws.refuses("InvalidVpcID.NotFound", "'vpc-0'", net.ROUTE_TABLE, {"vpcId": "vpc-0"})


def test_a_route_stays_outside_of_its_own_network(aws: Aws, vpc: Resource) -> None:
    internet, other = aws.gateway(vpc), aws.vpc("10.1.0.0/16", "other")
    table = aws.make(net.ROUTE_TABLE, {"vpcId": vpc.id})
    route = {"routeTableId": table.id, "destinationCidrBlock": ANYWHERE, "gatewayId": internet.id}
    text = "is equal to or more specific than one of this VPC's CIDR blocks"
    for block in ("10.0.0.0/16", "10.0.5.0/24"):
        inside = {**route, "destinationCidrBlock": block}
        aws.refuses("InvalidParameterValue", text, net.ROUTE, inside)
    foreign = aws.make(net.IGW, {"vpcId": other.id}, "foreign")
    text = f"route table {table.id} and network gateway {foreign.id} belong to different networks"
    aws.refuses("InvalidParameterValue", text, net.ROUTE, {**route, "gatewayId": foreign.id})
    away, _ = nat(aws, aws.subnet(other, "10.1.0.0/24"))
    text = f"route table {table.id} and NAT gateway {away.id} belong to different networks"
    through = {"routeTableId": table.id, "destinationCidrBlock": ANYWHERE, "natGatewayId": away.id}
    aws.refuses("InvalidParameterValue", text, net.ROUTE, through)


def test_a_subnet_moves_to_another_table_in_place(aws: Aws, vpc: Resource) -> None:
    subnet = aws.subnet(vpc, "10.0.1.0/24")
    one, two = (aws.make(net.ROUTE_TABLE, {"vpcId": vpc.id}, name) for name in ("one", "two"))
    association = aws.make(ASSOCIATION, {"subnetId": subnet.id, "routeTableId": one.id})
    assert aws.replaced(association, routeTableId=two.id) == []
    aws.change(association, routeTableId=two.id)
    text = "The routeTable ID 'rtb-0' does not exist"
    aws.refuses_change("InvalidRouteTableID.NotFound", text, association, routeTableId="rtb-0")
    foreign = aws.make(net.ROUTE_TABLE, {"vpcId": aws.vpc(name="other").id}, "foreign")
    text = "belong to different networks"
    aws.refuses_change("InvalidParameterValue", text, association, routeTableId=foreign.id)


def test_a_subnet_has_one_route_table(aws: Aws, vpc: Resource) -> None:
    subnet = aws.subnet(vpc, "10.0.1.0/24")
    table = aws.make(net.ROUTE_TABLE, {"vpcId": vpc.id})
    given = {"subnetId": subnet.id, "routeTableId": table.id}
    association = aws.make(ASSOCIATION, given)
    text = f"the specified association for route table {table.id} conflicts"
    aws.refuses("Resource.AlreadyAssociated", text, ASSOCIATION, given)
    aws.refuses("InvalidSubnetID.NotFound", NONE, ASSOCIATION, {**given, "subnetId": NONE})
    aws.refuses_delete("DependencyViolation", f"The routeTable '{table.id}' has dependencies", table)
    aws.delete(association)
    aws.make(ASSOCIATION, given)


def test_security_groups(aws: Aws, vpc: Resource) -> None:
    given = {"vpcId": vpc.id, "name": "web"}
    group = aws.make(net.GROUP, given)
    assert group.inputs["description"] == "Managed by Pulumi"
    text = f"The security group 'web' already exists for VPC '{vpc.id}'"
    aws.refuses("InvalidGroup.Duplicate", text, net.GROUP, given)
    aws.make(net.GROUP, {**given, "vpcId": aws.vpc(name="other").id})
    text = "Group names cannot start with sg-"
    aws.refuses("InvalidParameterValue", text, net.GROUP, {**given, "name": "sg-web"})
    aws.refuses("InvalidVpcID.NotFound", "'vpc-0'", net.GROUP, {**given, "vpcId": "vpc-0"})
    assert aws.replaced(group, description="other", tags={"a": "b"}) == ["description"]
    assert re.fullmatch(r"was-[0-9a-f]{7}", aws.make(net.GROUP, {"vpcId": vpc.id}, "was").inputs["name"])


def rule(group: Resource, **more: Any) -> dict[str, Any]:
    return {"securityGroupId": group.id, "ipProtocol": "tcp", "fromPort": 80, "toPort": 80, **more}


@pytest.mark.parametrize(
    ("more", "code", "text"),
    [
        ({}, "InvalidParameterCombination", "Exactly one source or destination"),
        (
            {"cidrIpv4": ANYWHERE, "cidrIpv6": "::/0"},
            "InvalidParameterCombination",
            "Exactly one source or destination",
        ),
        ({"cidrIpv4": "10.0.0.1/8"}, "InvalidParameterValue", "The CIDR '10.0.0.1/8' is invalid."),
        ({"cidrIpv4": ANYWHERE, "fromPort": 90}, "InvalidParameterValue", "from and to ports: 90-80"),
        ({"cidrIpv4": ANYWHERE, "toPort": 65536}, "InvalidParameterValue", "from and to ports: 80-65536"),
        (
            {"referencedSecurityGroupId": "sg-0123456789abcdef0"},
            "InvalidGroup.NotFound",
            "The security group 'sg-0123456789abcdef0' does not exist",
        ),
        ({"cidrIpv4": ANYWHERE, "securityGroupId": "sg-1"}, "InvalidGroup.NotFound", "group 'sg-1' does not"),
    ],
)
def test_a_rule_must_be_one(aws: Aws, vpc: Resource, more: dict[str, Any], code: str, text: str) -> None:
    group = aws.group(vpc)
    aws.refuses(code, text, net.INGRESS, rule(group, **more))
    aws.make(net.INGRESS, rule(group, cidrIpv4=ANYWHERE))
    aws.make(net.EGRESS, {"securityGroupId": group.id, "ipProtocol": "-1", "cidrIpv4": ANYWHERE})


def test_a_rule_stands_once_a_direction(aws: Aws, vpc: Resource) -> None:
    web, was = aws.group(vpc), aws.group(vpc, "was")
    given = rule(was, referencedSecurityGroupId=web.id)
    made = aws.make(net.INGRESS, given)
    assert made.outputs["securityGroupRuleId"] == made.id
    aws.refuses("InvalidPermission.Duplicate", "the specified rule already exists", net.INGRESS, given)
    aws.make(net.EGRESS, given)
    aws.make(net.INGRESS, rule(was, referencedSecurityGroupId=web.id, toPort=81))
    aws.change(made, description="From web")
    assert aws.replaced(made, securityGroupId=web.id, fromPort=81) == ["securityGroupId"]


def test_a_rule_stays_inside_its_network(aws: Aws, vpc: Resource) -> None:
    group, stranger = aws.group(vpc), aws.group(aws.vpc(name="other"))
    text = "two resources that belong to different networks"
    given = rule(group, referencedSecurityGroupId=stranger.id)
    aws.refuses("InvalidGroup.NotFound", text, net.INGRESS, given)


def test_a_group_that_others_name_stays(aws: Aws, vpc: Resource) -> None:
    web, was = aws.group(vpc), aws.group(vpc, "was")
    own = aws.make(net.INGRESS, rule(web, referencedSecurityGroupId=web.id))
    other = aws.make(net.INGRESS, rule(was, referencedSecurityGroupId=web.id))
    aws.refuses_delete("DependencyViolation", f"resource {web.id} has a dependent object", web)
    aws.delete(other)
    aws.delete(web)
    assert own  # a group's rule about itself is no reason to stay


def test_a_group_in_use_stays(aws: Aws, vpc: Resource) -> None:
    aws.gateway(vpc)
    group = aws.group(vpc)
    given = {"name": "web", "subnets": aws.pair(vpc), "securityGroups": [group.id]}
    balancer = aws.make("aws:lb/loadBalancer:LoadBalancer", given)
    aws.refuses_delete("DependencyViolation", "has a dependent object", group)
    aws.delete(balancer)
    template = aws.make("aws:ec2/launchTemplate:LaunchTemplate", {"vpcSecurityGroupIds": [group.id]})
    aws.refuses_delete("DependencyViolation", "has a dependent object", group)
    aws.delete(template)
    aws.delete(group)


EDGE = "pl-22a6434b"


def test_a_prefix_list_counts_as_all_it_may_hold(aws: Aws, vpc: Resource) -> None:
    """CloudFront's list is 55 rules of 60: it fits once."""
    group, code = aws.group(vpc), "RulesPerSecurityGroupLimitExceeded"
    text = "The maximum number of rules per security group has been reached."
    listed = aws.make(net.INGRESS, rule(group, prefixListId=EDGE))
    second = rule(group, prefixListId=EDGE, fromPort=443, toPort=443)
    aws.refuses(code, text, net.INGRESS, second)
    aws.make(net.EGRESS, second)  # the other direction has a quota of its own
    aws.change(listed, fromPort=443, toPort=443)  # in place it is still one
    for port in range(1, 6):
        aws.make(net.INGRESS, rule(group, cidrIpv4=ANYWHERE, fromPort=port, toPort=port))
    aws.refuses(code, text, net.INGRESS, rule(group, cidrIpv4=ANYWHERE, fromPort=6, toPort=6))
    aws.refuses(code, text, net.INGRESS, rule(group, referencedSecurityGroupId=group.id))
    aws.make(net.INGRESS, rule(group, cidrIpv6="::/0"))  # so has the other family of addresses
    text = "The prefix list ID 'pl-0' does not exist"
    aws.refuses("InvalidPrefixListID.NotFound", text, net.EGRESS, rule(group, prefixListId="pl-0"))


def test_descriptions_have_an_alphabet(aws: Aws, vpc: Resource) -> None:
    text = "Invalid security group description."
    given = {"vpcId": vpc.id, "name": "web", "description": "the internet's"}
    aws.refuses("InvalidParameterValue", text, net.GROUP, given)
    group = aws.make(net.GROUP, {**given, "description": "80/443 (HTTP)"})
    text = "Invalid rule description."
    wrong = rule(group, cidrIpv4=ANYWHERE, description="x" * 256)
    aws.refuses("InvalidParameterValue", text, net.INGRESS, wrong)


def test_the_default_group_is_adopted(aws: Aws, vpc: Resource) -> None:
    default = aws.make(net.DEFAULT_GROUP, {"vpcId": vpc.id})
    assert default.id == vpc.outputs["defaultSecurityGroupId"]
    assert default.outputs["ingress"] == default.outputs["egress"] == []
    aws.refuses("InvalidVpcID.NotFound", "'vpc-0'", net.DEFAULT_GROUP, {"vpcId": "vpc-0"})
    aws.make(net.INGRESS, rule(default, cidrIpv4=ANYWHERE))  # a rule may name it, as any other
    aws.delete(default)
    aws.delete(vpc)  # it went with the network
