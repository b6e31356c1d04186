"""VPC with the seed's four tiers over two zones: public, web, was, rds."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from components.naming import child, tags

ZONES = ("a", "c")
TIERS = {"public": 1, "web": 11, "was": 21, "rds": 31}  # third octet of the first zone's subnet
# Load balancers find their subnets by these tags; a cluster's own tag is not needed since controller 2.1.2:
# https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/subnet_discovery
ROLES = {"public": {"kubernetes.io/role/elb": "1"}, "web": {"kubernetes.io/role/internal-elb": "1"}}
# What nodes and the backup host fetch from buckets of AWS's own, all in this region: layers of ECR images, Amazon
# Linux's packages, images of registry.k8s.io, the SSM and CloudWatch agents.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-setting-up-s3-gateway
# https://docs.aws.amazon.com/systems-manager/latest/userguide/ssm-agent-technical-details.html
BUCKETS = (
    "prod-{region}-starport-layer-bucket",
    "al2023-repos-{region}-de612dc2",
    "prod-registry-k8s-io-{region}",
    "amazon-ssm-{region}",
    "amazon-ssm-packages-{region}",
    "aws-ssm-{region}",
    "amazoncloudwatch-agent-{region}",
)


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`cidr` is a /16 whose third octet numbers the subnets; `nat_per_zone` keeps one zone's loss from the other."""

    project: str
    region: str
    nat_per_zone: bool = False
    cidr: str = "10.0.0.0/16"


class Network(pulumi.ComponentResource):
    """The VPC, its eight subnets, NAT, and routes that let each tier out but nobody in."""

    vpc_id: pulumi.Output[str]
    account_id: pulumi.Output[str]
    """Who owns the VPC: for the conditions of trust policies."""
    subnets: dict[str, list[pulumi.Output[str]]]
    """Tier → subnet ids, one a zone."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Network", name, None, opts)
        self._name, self._project = name, args.project
        vpc = ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=tags(f"{args.project}-vpc"),
            opts=child(self),
        )
        # Everything in the VPC names its own group; whatever does not must reach nothing. (No rules: they are revoked.)
        ec2.DefaultSecurityGroup(
            f"{name}-default", vpc_id=vpc.id, tags=tags(f"{args.project}-default"), opts=child(self)
        )
        gateway = ec2.InternetGateway(
            f"{name}-igw", vpc_id=vpc.id, tags=tags(f"{args.project}-igw"), opts=child(self)
        )
        made = self._subnets(args, vpc)
        public = self._table("public", vpc)
        self._route("public-out", public, gateway_id=gateway.id)
        for zone in ZONES:
            self._associate("public", "public", zone, public, made)
        private = self._private(args, vpc, made, gateway)
        # The database tier has no route out at all.
        isolated = self._table("rds", vpc)
        for zone in ZONES:
            self._associate("rds", "rds", zone, isolated, made)
        ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in private],
            policy=vpc.owner_id.apply(lambda account: bucket_policy(args.region, account)),
            tags=tags(f"{args.project}-s3"),
            opts=child(self),
        )
        self.vpc_id = vpc.id
        self.account_id = vpc.owner_id
        self.subnets = {tier: [subnet.id for subnet in subnets.values()] for tier, subnets in made.items()}
        self.register_outputs({"vpcId": self.vpc_id, "subnets": self.subnets})

    def _subnets(self, args: NetworkArgs, vpc: ec2.Vpc) -> dict[str, dict[str, ec2.Subnet]]:
        base = args.cidr.split(".0.0/")[0]
        return {
            tier: {
                zone: ec2.Subnet(
                    f"{self._name}-{tier}-{zone}",
                    vpc_id=vpc.id,
                    cidr_block=f"{base}.{octet + index}.0/24",
                    availability_zone=f"{args.region}{zone}",
                    tags=tags(f"{args.project}-{tier}-2{zone}", Tier=tier, **ROLES.get(tier, {})),
                    opts=child(self),
                )
                for index, zone in enumerate(ZONES)
            }
            for tier, octet in TIERS.items()
        }

    def _private(
        self,
        args: NetworkArgs,
        vpc: ec2.Vpc,
        subnets: dict[str, dict[str, ec2.Subnet]],
        gateway: ec2.InternetGateway,
    ) -> list[ec2.RouteTable]:
        """The way out for web and was: one NAT gateway in all ($43 a month in Seoul), or one a zone.

        The first zone's have the same names either way, so switching adds or takes away the second zone's and moves
        that zone's associations in place.
        """
        self.nat_ready: list[pulumi.Resource] = []
        tables: list[ec2.RouteTable] = []
        for zone in ZONES:
            if not tables or args.nat_per_zone:
                suffix = f"-{zone}" if tables else ""
                address = ec2.Eip(
                    f"{self._name}-nat{suffix}",
                    domain="vpc",
                    tags=tags(f"{self._project}-nat{suffix}"),
                    opts=child(self),
                )
                nat = ec2.NatGateway(
                    f"{self._name}-nat{suffix}",
                    allocation_id=address.allocation_id,
                    subnet_id=subnets["public"][zone].id,
                    tags=tags(f"{self._project}-nat{suffix}"),
                    opts=child(self, depends_on=[gateway]),
                )
                tables.append(self._table(f"private{suffix}", vpc))
                self._route(f"private{suffix}-out", tables[-1], nat_gateway_id=nat.id)
                self.nat_ready.append(nat)
            for tier in ("web", "was"):
                self._associate("private", tier, zone, tables[-1], subnets)
        return tables

    def _table(self, kind: str, vpc: ec2.Vpc) -> ec2.RouteTable:
        return ec2.RouteTable(
            f"{self._name}-{kind}", vpc_id=vpc.id, tags=tags(f"{self._project}-{kind}"), opts=child(self)
        )

    def _route(self, own: str, table: ec2.RouteTable, **target: pulumi.Output[str]) -> None:
        ec2.Route(
            f"{self._name}-{own}",
            route_table_id=table.id,
            destination_cidr_block="0.0.0.0/0",
            **target,  # pyright: ignore[reportArgumentType]
            opts=child(self),
        )

    def _associate(
        self,
        kind: str,
        tier: str,
        zone: str,
        table: ec2.RouteTable,
        subnets: dict[str, dict[str, ec2.Subnet]],
    ) -> None:
        ec2.RouteTableAssociation(
            f"{self._name}-{kind}-{tier}-{zone}",
            route_table_id=table.id,
            subnet_id=subnets[tier][zone].id,
            opts=child(self),
        )


def bucket_policy(region: str, account: str) -> str:
    """What passes the S3 gateway: our own buckets, and reading what machines are built from. No foreign bucket."""
    statements = [
        {
            "Sid": "OwnBuckets",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": account}},
        },
        {
            "Sid": "WhatMachinesAreBuiltFrom",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": [f"arn:aws:s3:::{bucket.format(region=region)}/*" for bucket in BUCKETS],
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
