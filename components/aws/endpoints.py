"""Interface endpoints: the calls that carry credentials stay inside the VPC (docs/adr/0014)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import ec2

from components.naming import child, tags

# Seoul, list prices of 2026-11 (https://aws.amazon.com/privatelink/pricing/, https://aws.amazon.com/vpc/pricing/):
# an endpoint $0.013 an hour and zone, $0.01 a GB; NAT $0.059 an hour, $0.059 a GB. In two zones an endpoint is
# $18.98 a month, which the traffic pays for from 387 GB a month; no service of ours moves that much, so what decides
# is exposure. Secrets Manager and STS hand out what opens the database and the backups: $38 a month for the two.
SERVICES = ("secretsmanager", "sts")


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """`subnet_ids`: one a zone, so that a zone's loss leaves the other's endpoints."""

    project: str
    region: str
    account_id: pulumi.Output[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]


class Endpoints(pulumi.ComponentResource):
    """Private addresses of the services above; their public names resolve to these inside the VPC."""

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Endpoints", name, None, opts)
        made = {
            service: ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=args.subnet_ids,
                security_group_ids=[args.security_group_id],
                policy=args.account_id.apply(
                    lambda account, service=service: policy(service, args.region, account)
                ),
                tags=tags(f"{args.project}-{service}"),
                opts=child(self),
            )
            for service in SERVICES
        }
        self.register_outputs({"ids": {service: endpoint.id for service, endpoint in made.items()}})


def policy(service: str, region: str, account: str) -> str:
    """What passes an endpoint: this account's identities, to this account's secrets and roles."""
    ours = {"StringEquals": {"aws:PrincipalAccount": account}}
    roles = f"arn:aws:iam::{account}:role/*"
    statements: dict[str, list[dict[str, Any]]] = {
        "secretsmanager": [
            {
                "Sid": "OwnSecrets",
                "Action": [
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                "Resource": f"arn:aws:secretsmanager:{region}:{account}:secret:*",
                "Condition": ours,
            }
        ],
        "sts": [
            {
                "Sid": "OwnRoles",
                "Action": ["sts:AssumeRole", "sts:TagSession"],
                "Resource": roles,
                "Condition": ours,
            },
            {
                # These two name no resource.
                "Sid": "OwnIdentity",
                "Action": ["sts:GetCallerIdentity", "sts:GetWebIdentityToken"],
                "Resource": "*",
                "Condition": ours,
            },
            {
                # IRSA: a service account has no AWS account before this call; the role's trust policy names it.
                "Sid": "RolesOfServiceAccounts",
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Resource": roles,
            },
        ],
    }
    allowed = [{"Effect": "Allow", "Principal": "*", **statement} for statement in statements[service]]
    return json.dumps({"Version": "2012-10-17", "Statement": allowed})
