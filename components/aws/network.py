"""VPC with the seed's four tiers over two zones: public, web, was, rds."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from components.naming import child, tags

ZONES = ("a", "c")
TIERS = {"public": 1, "web": 11, "was": 21, "rds": 31}  # third octet of the first zone's subnet


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`cidr` is a /16 whose third octet numbers the subnets."""

    project: str
    region: str
    cidr: str = "10.0.0.0/16"


class Network(pulumi.ComponentResource):
    """The VPC, its eight subnets, one NAT gateway, and routes that let each tier out but nobody in."""

    vpc_id: pulumi.Output[str]
    subnets: dict[str, list[pulumi.Output[str]]]
    """Tier → subnet ids, one a zone."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Network", name, None, opts)
        project = args.project
        vpc = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags(f"{project}-vpc"),
            opts=child(self),
        )
        gateway = ec2.InternetGateway(
            f"{name}-igw", vpc_id=vpc.id, tags=tags(f"{project}-igw"), opts=child(self)
        )
        made: dict[str, list[ec2.Subnet]] = {tier: [] for tier in TIERS}
        base = args.cidr.split(".0.0/")[0]
        # Load balancers find their subnets by these tags (AWS Load Balancer Controller, subnet discovery).
        roles = {"public": {"kubernetes.io/role/elb": "1"}, "web": {"kubernetes.io/role/internal-elb": "1"}}
        for tier, octet in TIERS.items():
            for index, zone in enumerate(ZONES):
                subnet = ec2.Subnet(
                    f"{name}-{tier}-{zone}",
                    vpc_id=vpc.id,
                    cidr_block=f"{base}.{octet + index}.0/24",
                    availability_zone=f"{args.region}{zone}",
                    tags=tags(f"{project}-{tier}-2{zone}", Tier=tier, **roles.get(tier, {})),
                    opts=child(self),
                )
                made[tier].append(subnet)
        address = ec2.Eip(f"{name}-nat", domain="vpc", tags=tags(f"{project}-nat"), opts=child(self))
        nat = ec2.NatGateway(
            f"{name}-nat",
            allocation_id=address.allocation_id,
            subnet_id=made["public"][0].id,
            tags=tags(f"{project}-nat"),
            opts=child(self, depends_on=[gateway]),
        )
        out = self._table("public", name, project, vpc, made["public"])
        ec2.Route(
            f"{name}-public-out",
            route_table_id=out.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=child(self),
        )
        private = self._table("private", name, project, vpc, [*made["web"], *made["was"]])
        ec2.Route(
            f"{name}-private-out",
            route_table_id=private.id,
            destination_cidr_block="0.0.0.0/0",
            nat_gateway_id=nat.id,
            opts=child(self),
        )
        # The database tier has no route out at all.
        isolated = self._table("rds", name, project, vpc, made["rds"])
        ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[private.id, isolated.id],
            tags=tags(f"{project}-s3"),
            opts=child(self),
        )
        self.vpc_id = vpc.id
        self.subnets = {tier: [subnet.id for subnet in subnets] for tier, subnets in made.items()}
        self.nat_ready: list[pulumi.Resource] = [nat]
        self.register_outputs({"vpcId": self.vpc_id, "subnets": self.subnets})

    def _table(
        self, kind: str, name: str, project: str, vpc: ec2.Vpc, subnets: list[ec2.Subnet]
    ) -> ec2.RouteTable:
        table = ec2.RouteTable(
            f"{name}-{kind}", vpc_id=vpc.id, tags=tags(f"{project}-{kind}"), opts=child(self)
        )
        for subnet in subnets:
            own = subnet._name.removeprefix(f"{name}-")  # pyright: ignore[reportPrivateUsage]
            ec2.RouteTableAssociation(
                f"{name}-{kind}-{own}", route_table_id=table.id, subnet_id=subnet.id, opts=child(self)
            )
        return table
