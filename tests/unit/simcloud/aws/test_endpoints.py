"""VPC endpoints and flow logs."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.aws import flowlogs, iam
from simcloud.aws import network as net
from simcloud.aws.logs import LOG_GROUP
from simcloud.kinds import KINDS, CloudError, Resource

from .conftest import REGION, Aws, policy

ENDPOINT = net.ENDPOINT
FLOW_LOG = flowlogs.FlowLog.type


def named(service: str) -> str:
    return f"com.amazonaws.{REGION}.{service}"


@pytest.fixture
def vpc(aws: Aws) -> Resource:
    """A network in which private names resolve."""
    given = {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": True}
    return aws.make(net.VPC, given, "vpc")


def interface(aws: Aws, vpc: Resource, **more: Any) -> dict[str, Any]:
    return {
        "vpcId": vpc.id,
        "serviceName": named("secretsmanager"),
        "vpcEndpointType": "Interface",
        "privateDnsEnabled": True,
        **more,
    }


class TestGateway:
    def test_service_and_tables(self, aws: Aws, vpc: Resource) -> None:
        table = aws.make(net.ROUTE_TABLE, {"vpcId": vpc.id})
        given = {"vpcId": vpc.id, "serviceName": named("s3"), "routeTableIds": [table.id]}
        wrong = "com.amazonaws.us-east-1.s3"
        text = f"The Vpc Endpoint Service '{wrong}' does not exist"
        aws.refuses("InvalidServiceName", text, ENDPOINT, {**given, "serviceName": wrong})
        text = "The routeTable ID 'rtb-0' does not exist"
        aws.refuses("InvalidRouteTableId.NotFound", text, ENDPOINT, {**given, "routeTableIds": ["rtb-0"]})
        aws.refuses("InvalidVpcID.NotFound", "'vpc-0'", ENDPOINT, {**given, "vpcId": "vpc-0"})
        stranger = aws.make(net.ROUTE_TABLE, {"vpcId": aws.vpc(name="other").id}, "stranger")
        text = "belong to different networks"
        aws.refuses("InvalidParameter", text, ENDPOINT, {**given, "routeTableIds": [stranger.id]})
        endpoint = aws.make(ENDPOINT, given)
        assert endpoint.outputs["state"] == "available"
        assert endpoint.outputs["prefixListId"].startswith("pl-")
        assert aws.replaced(endpoint, routeTableIds=[], serviceName="x") == ["serviceName"]

    def test_one_a_table_and_service(self, aws: Aws, vpc: Resource) -> None:
        table = aws.make(net.ROUTE_TABLE, {"vpcId": vpc.id})
        given = {"vpcId": vpc.id, "serviceName": named("s3"), "routeTableIds": [table.id]}
        endpoint = aws.make(ENDPOINT, given)
        text = f"route table {table.id} already has a route with destination-prefix-list-id pl-"
        aws.refuses("RouteAlreadyExists", text, ENDPOINT, given)
        aws.change(endpoint, tags={"Name": "s3"})
        aws.make(ENDPOINT, {**given, "serviceName": named("dynamodb")}, "dynamodb")

    @pytest.mark.parametrize(
        ("more", "text"),
        [
            ({"subnetIds": ["subnet-1"]}, "Subnet IDs are only supported for Interface"),
            ({"securityGroupIds": ["sg-1"]}, "Security group IDs are only supported for Interface"),
            ({"privateDnsEnabled": True}, "Private DNS is only supported for Interface"),
            (
                {"serviceName": named("sts")},
                "(Gateway) does not match available service types ([Interface]).",
            ),
        ],
    )
    def test_what_a_gateway_has_not(self, aws: Aws, vpc: Resource, more: dict[str, Any], text: str) -> None:
        given = {"vpcId": vpc.id, "serviceName": named("s3"), **more}
        aws.refuses("InvalidParameter", text, ENDPOINT, given)


class TestInterface:
    def test_private_names(self, aws: Aws, vpc: Resource) -> None:
        group = aws.group(vpc)
        given = interface(aws, vpc, subnetIds=aws.pair(vpc), securityGroupIds=[group.id])
        endpoint = aws.make(ENDPOINT, given)
        names = [entry["dnsName"] for entry in endpoint.outputs["dnsEntries"]]
        assert names[0].endswith(f".secretsmanager.{REGION}.vpce.amazonaws.com")
        assert names[1:] == [f"secretsmanager.{REGION}.amazonaws.com"]
        assert len(endpoint.outputs["networkInterfaceIds"]) == 2
        before = endpoint.outputs["networkInterfaceIds"]
        assert aws.change(endpoint, tags={"a": "b"}).outputs["networkInterfaceIds"] == before

    def test_names_need_the_networks_resolver(self, aws: Aws) -> None:
        deaf = aws.vpc()
        text = (
            f"requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {deaf.id}"
        )
        aws.refuses("InvalidParameter", text, ENDPOINT, interface(aws, deaf))
        aws.make(ENDPOINT, interface(aws, deaf, privateDnsEnabled=False))

    def test_one_private_name_a_network(self, aws: Aws, vpc: Resource) -> None:
        made = aws.make(ENDPOINT, interface(aws, vpc))
        text = (
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"secretsmanager.{REGION}.amazonaws.com in the VPC {vpc.id}"
        )
        aws.refuses("InvalidParameter", text, ENDPOINT, interface(aws, vpc))
        aws.change(made, tags={"a": "b"})
        aws.make(ENDPOINT, interface(aws, vpc, privateDnsEnabled=False), "second")
        aws.make(ENDPOINT, interface(aws, vpc, serviceName=named("sts")), "sts")

    def test_subnets(self, aws: Aws, vpc: Resource) -> None:
        one, same = aws.subnet(vpc, "10.0.1.0/24"), aws.subnet(vpc, "10.0.2.0/24")
        text = f"Found another VPC endpoint subnet in the availability zone of {same.id}."
        given = interface(aws, vpc, subnetIds=[one.id, same.id])
        aws.refuses("DuplicateSubnetsInSameZone", text, ENDPOINT, given)
        text = "The subnet ID 'subnet-0' does not exist"
        aws.refuses("InvalidSubnetId.NotFound", text, ENDPOINT, interface(aws, vpc, subnetIds=["subnet-0"]))
        stranger = aws.subnet(aws.vpc(name="other"), "10.0.9.0/24")
        text = "belong to different networks"
        aws.refuses("InvalidParameter", text, ENDPOINT, interface(aws, vpc, subnetIds=[stranger.id]))
        aws.make(ENDPOINT, interface(aws, vpc, subnetIds=[one.id]))
        aws.refuses_delete("DependencyViolation", "has dependencies", one)

    def test_groups(self, aws: Aws, vpc: Resource) -> None:
        text = "The security group 'sg-1' does not exist"
        aws.refuses("InvalidGroup.NotFound", text, ENDPOINT, interface(aws, vpc, securityGroupIds=["sg-1"]))
        stranger = aws.group(aws.vpc(name="other"))
        given = interface(aws, vpc, securityGroupIds=[stranger.id])
        aws.refuses("InvalidParameter", "belong to different networks", ENDPOINT, given)
        group = aws.group(vpc)
        endpoint = aws.make(ENDPOINT, interface(aws, vpc, securityGroupIds=[group.id]))
        aws.refuses_delete("DependencyViolation", "has a dependent object", group)
        aws.refuses_delete("DependencyViolation", "has dependencies", vpc)
        aws.delete(endpoint)
        aws.delete(group)

    def test_no_route_tables(self, aws: Aws, vpc: Resource) -> None:
        text = "Route table IDs are only supported for Gateway type VPC Endpoint."
        aws.refuses("InvalidParameter", text, ENDPOINT, interface(aws, vpc, routeTableIds=["rtb-1"]))

    def test_a_broken_policy(self, aws: Aws, vpc: Resource) -> None:
        with pytest.raises(CloudError, match="MalformedPolicyDocument"):
            aws.make(ENDPOINT, interface(aws, vpc, policy='{"Statement": []}'))

    def test_interfaces_take_a_minute_gateways_do_not(self) -> None:
        kind = KINDS[ENDPOINT]
        assert kind.latency_of({"vpcEndpointType": "Interface"}) == "vpc_endpoint"
        assert kind.latency_of({"vpcEndpointType": "Gateway"}) is None


class TestFlowLogs:
    @pytest.fixture
    def given(self, aws: Aws, vpc: Resource) -> dict[str, Any]:
        group = aws.make(LOG_GROUP, {"name": "/blue/vpc/flow-logs"})
        role = aws.role("flow-logs", "vpc-flow-logs.amazonaws.com")
        arns = {"logDestination": group.outputs["arn"], "iamRoleArn": role.outputs["arn"]}
        return {"vpcId": vpc.id, "trafficType": "ALL", "logDestinationType": "cloud-watch-logs", **arns}

    def test_it_is_fixed_once_made(self, aws: Aws, given: dict[str, Any]) -> None:
        log = aws.make(FLOW_LOG, given)
        assert ":vpc-flow-log/fl-" in log.outputs["arn"]
        assert aws.replaced(log, trafficType="REJECT", tags={"a": "b"}) == ["trafficType"]
        text = "There is an existing Flow Log with the same configuration and log destination."
        aws.refuses("FlowLogAlreadyExists", text, FLOW_LOG, given)
        aws.change(log, tags={"a": "b"})
        aws.make(FLOW_LOG, {**given, "trafficType": "REJECT"}, "second")

    def test_the_role(self, aws: Aws, given: dict[str, Any]) -> None:
        text = "DeliverLogsPermissionArn is required"
        aws.refuses("InvalidParameter", text, FLOW_LOG, {k: v for k, v in given.items() if k != "iamRoleArn"})
        wrong = aws.role("other", "ec2.amazonaws.com").outputs["arn"]
        for arn in (wrong, "arn:aws:iam::123456789012:role/none"):
            text = f"Unable to assume given IAM role {arn}"
            aws.refuses("InvalidParameter", text, FLOW_LOG, {**given, "iamRoleArn": arn})
        to_bucket = {**given, "logDestinationType": "s3", "logDestination": "arn:aws:s3:::logs"}
        text = "DeliverLogsPermissionArn is not applicable for s3 delivery"
        aws.refuses("InvalidParameter", text, FLOW_LOG, to_bucket)

    def test_the_destination(self, aws: Aws, given: dict[str, Any]) -> None:
        wrong = given["logDestination"].replace("flow-logs", "flow-log")
        text = "does not exist: the flow log would have no access"
        aws.refuses("InvalidParameter", text, FLOW_LOG, {**given, "logDestination": wrong})

    def test_what_is_logged(self, aws: Aws, given: dict[str, Any]) -> None:
        aws.refuses("InvalidVpcID.NotFound", "'vpc-0'", FLOW_LOG, {**given, "vpcId": "vpc-0"})
        text = "Exactly one resource to log must be specified."
        aws.refuses("InvalidParameter", text, FLOW_LOG, {**given, "subnetId": "subnet-1"})
        text = "Invalid MaxAggregationInterval"
        aws.refuses("InvalidParameter", text, FLOW_LOG, {**given, "maxAggregationInterval": 300})


def test_a_role_that_names_an_account_is_still_assumed(aws: Aws) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }
    role = aws.make(iam.ROLE, {"name": "r", "assumeRolePolicy": policy(**statement)}, "r")
    assert iam.trusts(role, "vpc-flow-logs.amazonaws.com")
