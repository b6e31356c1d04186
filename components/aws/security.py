"""The seed's five security groups, their rules as separate resources: one row of the table, one rule."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from components.naming import child, tags

ANYWHERE = "0.0.0.0/0"
APP_PORT, MYSQL_PORT, HTTPS_PORT = 8080, 3306, 443


@dataclass(frozen=True, kw_only=True)
class SecurityArgs:
    project: str
    vpc_id: pulumi.Input[str]


class Security(pulumi.ComponentResource):
    """Groups by name: alb, web, was, rds, backup. What is not listed here is refused."""

    groups: dict[str, ec2.SecurityGroup]

    def __init__(self, name: str, args: SecurityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Security", name, None, opts)
        purpose = {
            "alb": "Load balancer: the internet's 80 and 443",
            "web": "Web nodes: 8080 from the load balancer",
            "was": "WAS nodes: 8080 from the web nodes",
            "rds": "Database: 3306 from WAS nodes and the backup host",
            "backup": "Backup host: nothing in, 443 and the database out",
        }
        self.groups = {
            tier: ec2.SecurityGroup(
                f"{name}-{tier}",
                name=f"{args.project}-{tier}",
                description=text,
                vpc_id=args.vpc_id,
                tags=tags(f"{args.project}-{tier}"),
                opts=child(self),
            )
            for tier, text in purpose.items()
        }
        for port in (80, HTTPS_PORT):
            self._allow_from_internet(name, "alb", port)
        for source, target, port in (
            ("alb", "web", APP_PORT),
            ("web", "was", APP_PORT),
            ("was", "rds", MYSQL_PORT),
            ("backup", "rds", MYSQL_PORT),
        ):
            self._allow(name, source, target, port)
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

    def _allow_from_internet(self, name: str, tier: str, port: int) -> None:
        vpc.SecurityGroupIngressRule(
            f"{name}-{tier}-{port}-in",
            security_group_id=self.groups[tier].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=ANYWHERE,
            description="Customers",
            opts=child(self),
        )

    def _allow(self, name: str, source: str, target: str, port: int) -> None:
        """One arrow: out of `source`, into `target`."""
        vpc.SecurityGroupEgressRule(
            f"{name}-{source}-to-{target}",
            security_group_id=self.groups[source].id,
            referenced_security_group_id=self.groups[target].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"To {target}",
            opts=child(self),
        )
        vpc.SecurityGroupIngressRule(
            f"{name}-{target}-from-{source}",
            security_group_id=self.groups[target].id,
            referenced_security_group_id=self.groups[source].id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description=f"From {source}",
            opts=child(self),
        )
