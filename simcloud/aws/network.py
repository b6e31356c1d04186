"""VPC: networks, subnets, routes, gateways, security groups, endpoints.

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
CLUSTER = "aws:eks/cluster:Cluster"
ZONES = {"ap-northeast-2": ("a", "b", "c", "d"), "us-east-1": ("a", "b", "c", "d", "e", "f")}


def _cidr(text: Any, code: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(str(text))
    except ValueError:
        raise CloudError(code, f"The CIDR '{text}' is invalid.") from None


def _not_found(what: str, id_: Any) -> tuple[str, str]:
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
        block = _cidr(inputs.get("cidrBlock"), "InvalidParameterValue")
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
        for token in (SUBNET, GROUP, ROUTE_TABLE, IGW):
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
        block = _cidr(inputs.get("cidrBlock"), "InvalidParameterValue")
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
            vpc = existing(ctx, VPC, inputs["vpcId"], *_not_found("Vpc", inputs["vpcId"]))
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
        subnet = existing(ctx, SUBNET, inputs.get("subnetId"), *_not_found("Subnet", inputs.get("subnetId")))
        if inputs.get("connectivityType", "public") == "public":
            existing(
                ctx,
                EIP,
                inputs.get("allocationId"),
                "InvalidAllocationID.NotFound",
                f"The allocation ID '{inputs.get('allocationId')}' does not exist",
            )
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
        existing(ctx, VPC, inputs["vpcId"], *_not_found("Vpc", inputs["vpcId"]))

    def delete(self, ctx: Context, res: Resource) -> None:
        text = f"The routeTable '{res.id}' has dependencies and cannot be deleted."
        in_use(ctx.find(RouteTableAssociation.type, routeTableId=res.id), "DependencyViolation", text)


@kind
class Route(AwsKind):
    type = ROUTE
    prefix = "r-rtb-"
    replace_on = frozenset({"routeTableId", "destinationCidrBlock", "destinationPrefixListId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        table, target = inputs["routeTableId"], inputs.get("destinationCidrBlock")
        existing(
            ctx,
            ROUTE_TABLE,
            table,
            "InvalidRouteTableID.NotFound",
            f"The routeTable ID '{table}' does not exist",
        )
        if old is None and any(
            r.get("destinationCidrBlock") == target for r in ctx.find(ROUTE, routeTableId=table)
        ):
            raise CloudError("RouteAlreadyExists", f"The route identified by {target} already exists.")
        for key, token in (("gatewayId", IGW), ("natGatewayId", NAT)):
            if inputs.get(key) and ctx.by_id(token, str(inputs[key])) is None:
                what = "InvalidGatewayID" if key == "gatewayId" else "InvalidNatGatewayID"
                raise CloudError(f"{what}.NotFound", f"The {key} '{inputs[key]}' does not exist")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"origin": "CreateRoute", "state": "active"}


@kind
class RouteTableAssociation(AwsKind):
    type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    prefix = "rtbassoc-"
    replace_on = frozenset({"subnetId", "gatewayId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        subnet = existing(ctx, SUBNET, inputs.get("subnetId"), *_not_found("Subnet", inputs.get("subnetId")))
        if old is None and ctx.find(self.type, subnetId=subnet.id):
            raise CloudError(
                "Resource.AlreadyAssociated",
                f"the specified association for route table {inputs['routeTableId']} "
                "conflicts with an existing association",
            )


def network_of(ctx: Context, group: Any) -> str | None:
    """The VPC of a security group, a cluster's own among them (EKS's, so no resource here); None if there is none."""
    found = ctx.by_id(GROUP, str(group))
    if found:
        return found.get("vpcId")
    configs = [cluster.get("vpcConfig") for cluster in ctx.find(CLUSTER)]
    return next((c["vpcId"] for c in configs if c.get("clusterSecurityGroupId") == group), None)


@kind
class SecurityGroup(AwsKind):
    type = GROUP
    prefix, arn_path = "sg-", "security-group/{id}"
    replace_on = frozenset({"name", "namePrefix", "description", "vpcId", "region"})
    delete_latency = "delete_fast"

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        filled = {"description": "Managed by Pulumi", **inputs}
        if filled.get("name") is None and filled.get("namePrefix") is None:
            filled["name"] = (old or {}).get("name") or f"{name}-{token_hex(7)}"
        return filled

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if str(inputs.get("name", "")).startswith("sg-"):
            raise CloudError("InvalidParameterValue", "Group names cannot start with sg-")
        vpc = existing(ctx, VPC, inputs.get("vpcId"), *_not_found("Vpc", inputs.get("vpcId")))
        taken = [
            g for g in ctx.find(GROUP, vpcId=vpc.id, name=inputs.get("name")) if old is None or g.id != old.id
        ]
        text = f"The security group '{inputs.get('name')}' already exists for VPC '{vpc.id}'"
        in_use(taken, "InvalidGroup.Duplicate", text)

    def delete(self, ctx: Context, res: Resource) -> None:
        users: list[Resource] = [
            r
            for token in (INGRESS, EGRESS)
            for r in ctx.find(token, referencedSecurityGroupId=res.id)
            if r.get("securityGroupId") != res.id
        ]
        for token, key in (
            ("aws:lb/loadBalancer:LoadBalancer", "securityGroups"),
            ("aws:rds/instance:Instance", "vpcSecurityGroupIds"),
            ("aws:ec2/launchTemplate:LaunchTemplate", "vpcSecurityGroupIds"),
        ):
            users += [r for r in ctx.find(token) if res.id in (r.get(key) or [])]
        users += [
            r
            for r in ctx.find("aws:lambda/function:Function")
            if res.id in ((r.inputs.get("vpcConfig") or {}).get("securityGroupIds") or [])
        ]
        in_use(users, "DependencyViolation", f"resource {res.id} has a dependent object")


class _Rule(AwsKind):
    prefix, arn_path = "sgr-", "security-group-rule/{id}"
    replace_on = frozenset({"securityGroupId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        own, other = inputs["securityGroupId"], inputs.get("referencedSecurityGroupId")
        for group in (own, other):
            if group and network_of(ctx, group) is None:
                raise CloudError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
        given = [key for key in sources if inputs.get(key)]
        if len(given) != 1:
            raise CloudError(
                "InvalidParameterCombination", "Exactly one source or destination must be specified."
            )
        if inputs.get("cidrIpv4"):
            _cidr(inputs["cidrIpv4"], "InvalidParameterValue")
        if other and network_of(ctx, other) != network_of(ctx, own):
            raise CloudError(
                "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
            )
        low, high = inputs.get("fromPort"), inputs.get("toPort")
        if inputs["ipProtocol"] != "-1" and (
            low is None or high is None or not 0 <= int(low) <= int(high) <= 65535
        ):
            raise CloudError(
                "InvalidParameterValue",
                f"Invalid value for portRange. Must specify both from and to ports: {low}-{high}",
            )
        keys = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *sources)
        same = [r for r in ctx.find(self.type) if all(r.inputs.get(k) == inputs.get(k) for k in keys)]
        text = "the specified rule already exists"
        in_use([r for r in same if old is None or r.id != old.id], "InvalidPermission.Duplicate", text)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"securityGroupRuleId": res.id}


@kind
class SecurityGroupIngressRule(_Rule):
    type = INGRESS


@kind
class SecurityGroupEgressRule(_Rule):
    type = EGRESS


@kind
class VpcEndpoint(AwsKind):
    type = "aws:ec2/vpcEndpoint:VpcEndpoint"
    prefix, arn_path = "vpce-", "vpc-endpoint/{id}"
    replace_on = frozenset({"vpcId", "serviceName", "vpcEndpointType", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(ctx, VPC, inputs["vpcId"], *_not_found("Vpc", inputs["vpcId"]))
        name = str(inputs.get("serviceName", ""))
        if not name.startswith(f"com.amazonaws.{ctx.region}."):
            raise CloudError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")
        for table in inputs.get("routeTableIds") or []:
            existing(
                ctx,
                ROUTE_TABLE,
                table,
                "InvalidRouteTableId.NotFound",
                f"The routeTable ID '{table}' does not exist",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"state": "available", "prefixListId": "pl-78a54011"}
