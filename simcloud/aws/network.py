"""VPC: networks, subnets, routes, gateways.

Error codes and texts: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

from __future__ import annotations

import ipaddress
from typing import Any

from simcloud.aws.base import AwsKind, existing, in_use, token_hex
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
IGW = "aws:ec2/internetGateway:InternetGateway"
NAT = "aws:ec2/natGateway:NatGateway"
EIP = "aws:ec2/eip:Eip"
ROUTE = "aws:ec2/route:Route"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
CLUSTER = "aws:eks/cluster:Cluster"
ZONES = {"ap-northeast-2": ("a", "b", "c", "d"), "us-east-1": ("a", "b", "c", "d", "e", "f")}


def cidr(text: Any, code: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(str(text))
    except ValueError:
        raise CloudError(code, f"The CIDR '{text}' is invalid.") from None


def not_found(what: str, id_: Any) -> tuple[str, str]:
    return f"Invalid{what}ID.NotFound", f"The {what[0].lower() + what[1:]} ID '{id_}' does not exist"


@kind
class Vpc(AwsKind):
    type = VPC
    prefix, arn_path = "vpc-", "vpc/{id}"
    lasting = frozenset(
        {"defaultNetworkAclId", "defaultRouteTableId", "defaultSecurityGroupId", "mainRouteTableId"}
        | {"dhcpOptionsId"}
    )
    replace_on = frozenset({"cidrBlock", "instanceTenancy", "ipv4IpamPoolId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        block = cidr(inputs.get("cidrBlock"), "InvalidParameterValue")
        if not 16 <= block.prefixlen <= 28:
            raise CloudError("InvalidVpc.Range", f"The CIDR '{block}' is invalid.")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "defaultNetworkAclId": f"acl-0{token_hex(16)}",
            "defaultRouteTableId": f"rtb-0{token_hex(16)}",
            "defaultSecurityGroupId": f"sg-0{token_hex(16)}",
            "mainRouteTableId": f"rtb-0{token_hex(16)}",
            "dhcpOptionsId": f"dopt-0{token_hex(16)}",
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        text = f"The vpc '{res.id}' has dependencies and cannot be deleted."
        for token in (SUBNET, GROUP, ROUTE_TABLE, IGW, ENDPOINT):
            in_use(ctx.find(token, vpcId=res.id), "DependencyViolation", text)


@kind
class Subnet(AwsKind):
    type = SUBNET
    prefix, arn_path = "subnet-", "subnet/{id}"
    replace_on = frozenset({"vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId", "region"})
    delete_latency = "delete_fast"
    delete_before_replace = True

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        vpc = existing(
            ctx,
            VPC,
            inputs["vpcId"],
            "InvalidVpcID.NotFound",
            f"The vpc ID '{inputs['vpcId']}' does not exist",
        )
        block = cidr(inputs.get("cidrBlock"), "InvalidParameterValue")
        if not 16 <= block.prefixlen <= 28 or not block.subnet_of(
            ipaddress.IPv4Network(vpc.get("cidrBlock"))
        ):
            raise CloudError("InvalidSubnet.Range", f"The CIDR '{block}' is invalid.")
        zone = str(inputs.get("availabilityZone") or f"{ctx.region}a")
        if zone.removeprefix(ctx.region) not in ZONES.get(ctx.region, ("a", "b", "c")):
            raise CloudError(
                "InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid."
            )
        for other in ctx.find(SUBNET, vpcId=vpc.id):
            same = old is not None and other.id == old.id
            if not same and block.overlaps(ipaddress.IPv4Network(other.get("cidrBlock"))):
                raise CloudError(
                    "InvalidSubnet.Conflict", f"The CIDR '{block}' conflicts with another subnet"
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        zone = str(res.inputs.get("availabilityZone") or f"{ctx.region}a")
        return {"availabilityZone": zone, "availabilityZoneId": f"apne2-az{ord(zone[-1]) - 96}"}

    def delete(self, ctx: Context, res: Resource) -> None:
        text = f"The subnet '{res.id}' has dependencies and cannot be deleted."
        users = [*ctx.find(NAT, subnetId=res.id)]
        for token, key in (
            ("aws:lb/loadBalancer:LoadBalancer", "subnets"),
            ("aws:rds/subnetGroup:SubnetGroup", "subnetIds"),
            ("aws:eks/nodeGroup:NodeGroup", "subnetIds"),
            ("aws:autoscaling/group:Group", "vpcZoneIdentifiers"),
            (ENDPOINT, "subnetIds"),
        ):
            users += [r for r in ctx.find(token) if res.id in (r.get(key) or [])]
        users += [c for c in ctx.find(CLUSTER) if res.id in c.inputs["vpcConfig"]["subnetIds"]]
        in_use(users, "DependencyViolation", text)


@kind
class InternetGateway(AwsKind):
    type = IGW
    prefix, arn_path = "igw-", "internet-gateway/{id}"
    delete_latency = "delete_fast"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if inputs.get("vpcId"):
            vpc = existing(ctx, VPC, inputs["vpcId"], *not_found("Vpc", inputs["vpcId"]))
            if any(old is None or g.id != old.id for g in ctx.find(IGW, vpcId=vpc.id)):
                raise CloudError(
                    "Resource.AlreadyAssociated",
                    f"resource {vpc.id} is already associated with an internet gateway",
                )

    def delete(self, ctx: Context, res: Resource) -> None:
        vpc = res.get("vpcId")
        mapped = [
            n for n in ctx.find(NAT) if (s := ctx.by_id(SUBNET, n.get("subnetId"))) and s.get("vpcId") == vpc
        ]
        text = (
            f"Network {vpc} has some mapped public address(es). Please unmap those public "
            "address(es) before detaching the gateway."
        )
        in_use(mapped, "DependencyViolation", text)


@kind
class Eip(AwsKind):
    type = EIP
    prefix, arn_path = "eipalloc-", "elastic-ip/{id}"
    replace_on = frozenset({"domain", "publicIpv4Pool", "region"})

    def shown(self, ctx: Context, res: Resource) -> Properties:
        address = f"3.3{int(res.id[-2:], 16) % 10}.{int(res.id[-4:-2], 16)}.{int(res.id[-6:-4], 16)}"
        return {"publicIp": address, "allocationId": res.id, "domain": "vpc"}

    def delete(self, ctx: Context, res: Resource) -> None:
        text = f"The address with allocation id '{res.id}' cannot be released because it is in use."
        in_use(ctx.find(NAT, allocationId=res.id), "InvalidIPAddress.InUse", text)


@kind
class NatGateway(AwsKind):
    type = NAT
    prefix, latency, delete_latency = "nat-", "nat_gateway", "delete_fast"
    lasting = frozenset({"networkInterfaceId"})
    replace_on = frozenset({"allocationId", "subnetId", "connectivityType", "privateIp", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        subnet = existing(ctx, SUBNET, inputs.get("subnetId"), *not_found("Subnet", inputs.get("subnetId")))
        if inputs.get("connectivityType", "public") == "public":
            existing(
                ctx,
                EIP,
                inputs.get("allocationId"),
                "InvalidAllocationID.NotFound",
                f"The allocation ID '{inputs.get('allocationId')}' does not exist",
            )
            taken = [
                n for n in ctx.find(NAT, allocationId=inputs["allocationId"]) if old is None or n.id != old.id
            ]
            # https://github.com/hashicorp/terraform-provider-aws/issues/709
            text = f"Elastic IP address [{inputs['allocationId']}] is already associated"
            in_use(taken, "Resource.AlreadyAssociated", text)
            if not ctx.find(IGW, vpcId=subnet.get("vpcId")):
                raise CloudError(
                    "Gateway.NotAttached", f"Network {subnet.get('vpcId')} has no Internet gateway attached"
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        eip = ctx.by_id(EIP, str(res.inputs.get("allocationId")))
        return {
            "publicIp": eip.get("publicIp") if eip else None,
            "networkInterfaceId": f"eni-0{token_hex(16)}",
        }


@kind
class RouteTable(AwsKind):
    type = ROUTE_TABLE
    prefix, arn_path = "rtb-", "route-table/{id}"
    replace_on = frozenset({"vpcId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(ctx, VPC, inputs["vpcId"], *not_found("Vpc", inputs["vpcId"]))

    def delete(self, ctx: Context, res: Resource) -> None:
        text = f"The routeTable '{res.id}' has dependencies and cannot be deleted."
        in_use(ctx.find(RouteTableAssociation.type, routeTableId=res.id), "DependencyViolation", text)


@kind
class Route(AwsKind):
    type = ROUTE
    prefix = "r-rtb-"
    replace_on = frozenset({"routeTableId", "destinationCidrBlock", "destinationPrefixListId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        id_, target = inputs["routeTableId"], inputs.get("destinationCidrBlock")
        text = f"The routeTable ID '{id_}' does not exist"
        table = existing(ctx, ROUTE_TABLE, id_, "InvalidRouteTableID.NotFound", text)
        vpc = str(table.get("vpcId"))
        same = [r for r in ctx.find(ROUTE, routeTableId=id_) if r.get("destinationCidrBlock") == target]
        in_use(
            [r for r in same if old is None or r.id != old.id],
            "RouteAlreadyExists",
            f"The route identified by {target} already exists.",
        )
        if target:
            block = cidr(target, "InvalidParameterValue")
            own = existing(ctx, VPC, vpc, *not_found("Vpc", vpc))
            if block.subnet_of(ipaddress.IPv4Network(own.get("cidrBlock"))):
                raise CloudError(
                    "InvalidParameterValue",
                    f"The destination CIDR block {block} is equal to or more specific than one of this VPC's CIDR "
                    "blocks. This route can target only an interface or an instance.",
                )
        for key, token in (("gatewayId", IGW), ("natGatewayId", NAT)):
            if not inputs.get(key):
                continue
            what = "InvalidGatewayID" if key == "gatewayId" else "InvalidNatGatewayID"
            text = f"The {key} '{inputs[key]}' does not exist"
            gateway = existing(ctx, token, inputs[key], f"{what}.NotFound", text)
            subnet = ctx.by_id(SUBNET, str(gateway.get("subnetId")))
            if (subnet or gateway).get("vpcId") != vpc:
                kind_of = "network gateway" if key == "gatewayId" else "NAT gateway"
                raise CloudError(
                    "InvalidParameterValue",
                    f"route table {id_} and {kind_of} {gateway.id} belong to different networks",
                )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"origin": "CreateRoute", "state": "active"}


@kind
class RouteTableAssociation(AwsKind):
    type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    prefix = "rtbassoc-"
    replace_on = frozenset({"subnetId", "gatewayId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        subnet = existing(ctx, SUBNET, inputs.get("subnetId"), *not_found("Subnet", inputs.get("subnetId")))
        table_id = inputs["routeTableId"]
        text = f"The routeTable ID '{table_id}' does not exist"
        table = existing(ctx, ROUTE_TABLE, table_id, "InvalidRouteTableID.NotFound", text)
        if table.get("vpcId") != subnet.get("vpcId"):
            raise CloudError(
                "InvalidParameterValue",
                f"Route table {table_id} and subnet {subnet.id} belong to different networks",
            )
        if old is None and ctx.find(self.type, subnetId=subnet.id):
            raise CloudError(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {table_id} "
                "conflicts with an existing association",
            )


def network_of(ctx: Context, group: Any) -> str | None:
    """The VPC of a security group, those that AWS makes among them (a cluster's, a network's default); else None."""
    found = ctx.by_id(GROUP, str(group)) or next(iter(ctx.find(VPC, defaultSecurityGroupId=group)), None)
    if found:
        return found.get("vpcId") or found.id
    configs = [cluster.get("vpcConfig") for cluster in ctx.find(CLUSTER)]
    return next((c["vpcId"] for c in configs if c.get("clusterSecurityGroupId") == group), None)
