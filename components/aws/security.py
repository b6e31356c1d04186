"""The seed's five security groups and the endpoints', their rules as separate resources: one row, one rule.

Nothing here is for the cluster's own needs: nodes and control plane share the group that EKS makes, whose members
reach each other on every port (DNS, kubelet, webhooks). Between pods NetworkPolicies decide (docs/adr/0012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ec2, vpc

from components.naming import child, tags

ANYWHERE = "0.0.0.0/0"
APP_PORT, MYSQL_PORT, HTTP_PORT, HTTPS_PORT = 8080, 3306, 80, 443
EDGE_SERVERS = "com.amazonaws.global.cloudfront.origin-facing"
PURPOSE = {
    "alb": "Load balancer: 80 and 443 from customers or CloudFront",
    "web": "Web nodes: 8080 from the load balancer",
    "was": "WAS nodes: 8080 from the web nodes",
    "rds": "Database: 3306 from WAS nodes and the backup host",
    "backup": "Backup host: nothing in, 443 and the database out",
    "endpoints": "Interface endpoints: 443 from nodes and the backup host",
}
WHO = {
    "alb": "the load balancer",
    "web": "web nodes",
    "was": "WAS nodes",
    "rds": "the database",
    "backup": "the backup host",
    "endpoints": "interface endpoints",
}


@dataclass(frozen=True, kw_only=True)
class SecurityArgs:
    """`https`: whether the balancer has a certificate, which decides the port that CloudFront connects to."""

    project: str
    vpc_id: pulumi.Input[str]
    alb_ingress: Literal["internet", "cloudfront"] = "internet"
    https: bool = False


class Security(pulumi.ComponentResource):
    """Groups by name: alb, web, was, rds, backup, endpoints. What is not listed here is refused."""

    groups: dict[str, ec2.SecurityGroup]

    def __init__(self, name: str, args: SecurityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Security", name, None, opts)
        self._name = name
        self.groups = {
            tier: ec2.SecurityGroup(
                f"{name}-{tier}",
                name=f"{args.project}-{tier}",
                description=text,
                vpc_id=args.vpc_id,
                tags=tags(f"{args.project}-{tier}"),
                # Another text would replace the group, and with it everything that stands in it.
                opts=child(self, ignore_changes=["description"]),
            )
            for tier, text in PURPOSE.items()
        }
        if args.alb_ingress == "internet":
            for port in (HTTP_PORT, HTTPS_PORT):
                self._into_balancer(f"{port}", port, "Customers", cidr_ipv4=ANYWHERE)
        else:
            # The list counts as 55 of a group's 60 rules (https://docs.aws.amazon.com/vpc/latest/userguide/
            # working-with-aws-managed-prefix-lists.html), so one port: the one that CloudFront connects to. It is one
            # resource for either port, because a second one beside it would not fit even for a moment.
            found = ec2.get_managed_prefix_list_output(
                name=EDGE_SERVERS, opts=pulumi.InvokeOptions(parent=self)
            )
            port = HTTPS_PORT if args.https else HTTP_PORT
            self._into_balancer("edge", port, "Origin-facing servers of CloudFront", prefix_list_id=found.id)
        for source, target, port in (
            ("alb", "web", APP_PORT),
            ("web", "was", APP_PORT),
            ("was", "rds", MYSQL_PORT),
            ("backup", "rds", MYSQL_PORT),
        ):
            self._out(source, target, port)
            self._into(source, target, port)
        for source in ("web", "was", "backup"):
            # What may leave to 443 is said once, below and by the cluster's own group.
            self._into(source, "endpoints", HTTPS_PORT)
        # Blob storage, Secrets Manager and SSM have changing addresses; the port is what can be named.
        vpc.SecurityGroupEgressRule(
            f"{name}-backup-https-out",
            security_group_id=self.groups["backup"].id,
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            cidr_ipv4=ANYWHERE,
            description="Azure Blob Storage and AWS APIs",
            opts=child(self),
        )
        self.register_outputs({"groups": {tier: group.id for tier, group in self.groups.items()}})

    def _into_balancer(self, own: str, port: int, text: str, **source: pulumi.Input[str]) -> None:
        vpc.SecurityGroupIngressRule(
            f"{self._name}-alb-{own}-in",
            security_group_id=self.groups["alb"].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=text,
            **source,  # pyright: ignore[reportArgumentType]
            opts=child(self),
        )

    def _out(self, source: str, target: str, port: int) -> None:
        """The first half of an arrow: out of `source`."""
        vpc.SecurityGroupEgressRule(
            f"{self._name}-{source}-to-{target}",
            security_group_id=self.groups[source].id,
            referenced_security_group_id=self.groups[target].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"To {WHO[target]}",
            opts=child(self),
        )

    def _into(self, source: str, target: str, port: int) -> None:
        """The other half: into `target`."""
        vpc.SecurityGroupIngressRule(
            f"{self._name}-{target}-from-{source}",
            security_group_id=self.groups[target].id,
            referenced_security_group_id=self.groups[source].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"From {WHO[source]}",
            opts=child(self),
        )
