"""Names of the service, and the probe from outside that says whether AWS serves.

The probe goes through the edge on a path that leads to AWS in every mode (`edge.AWS_HEALTH_PATH`): Route 53 cannot send
the origin's secret header, the edge can; it works with `albIngress: cloudfront`; and while Azure serves it still tells
when AWS is back. The distribution's own name is asked, so that a slip in the domain's zone is not taken for an outage.
See docs/adr/0016-health-check-through-the-edge.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import route53

from components.aws.edge import AWS_HEALTH_PATH
from components.naming import child, tags

ORIGIN_LABEL = "origin-aws"


def origin_host(domain: str) -> str:
    """The load balancer's name, for which it has a certificate."""
    return f"{ORIGIN_LABEL}.{domain}"


@dataclass(frozen=True, kw_only=True)
class Names:
    """A domain in a hosted zone that somebody else owns, and the load balancer behind its origin name."""

    domain: str
    zone_id: str
    balancer_dns_name: pulumi.Input[str]
    balancer_zone_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class DnsArgs:
    project: str
    distribution_domain: pulumi.Input[str]
    distribution_zone_id: pulumi.Input[str]
    names: Names | None = None


class Dns(pulumi.ComponentResource):
    """Records where there is a domain; the health check always."""

    def __init__(self, name: str, args: DnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Dns", name, None, opts)
        if args.names:
            self._records(name, args, args.names)
        check = route53.HealthCheck(
            f"{name}-aws",
            type="HTTPS_STR_MATCH",
            fqdn=args.distribution_domain,
            port=443,
            resource_path=AWS_HEALTH_PATH,
            # A page that somebody else answers with 200 does not count.
            search_string='"status":"UP"',
            enable_sni=True,
            # Three failures, ten seconds apart, in most of the places that ask: known within a minute.
            request_interval=10,
            failure_threshold=3,
            tags=tags(f"{args.project}-aws"),
            opts=child(self),
        )
        self.health_check_id: pulumi.Output[str] = check.id
        self.register_outputs({"healthCheckId": self.health_check_id})

    def _records(self, name: str, args: DnsArgs, names: Names) -> None:
        for label, type_ in (("v4", "A"), ("v6", "AAAA")):
            route53.Record(
                f"{name}-{label}",
                zone_id=names.zone_id,
                name=names.domain,
                type=type_,
                aliases=[
                    route53.RecordAliasArgs(
                        name=args.distribution_domain,
                        zone_id=args.distribution_zone_id,
                        evaluate_target_health=False,  # not to be had for a distribution
                    )
                ],
                opts=child(self),
            )
        route53.Record(
            f"{name}-origin",
            zone_id=names.zone_id,
            name=origin_host(names.domain),
            type="A",
            aliases=[
                route53.RecordAliasArgs(
                    name=names.balancer_dns_name,
                    zone_id=names.balancer_zone_id,
                    # With no healthy target the name would vanish; the edge wants an answer at once, whatever it is.
                    evaluate_target_health=False,
                )
            ],
            opts=child(self),
        )
