"""NAT, addresses, endpoints, the load balancer, the edge, names and the firewall."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runbook.cost import backups
from runbook.cost.backups import MONTH_S
from runbook.cost.model import Line, UnknownPrice
from runbook.cost.state import Resource
from runbook.cost.walk import Bill, priced

CHECK = "aws:route53/healthCheck:HealthCheck"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
NAT = "aws:ec2/natGateway:NatGateway"
AWS_NAMES = (".amazonaws.com", ".cloudfront.net")


@priced(NAT)
def nat(bill: Bill, it: Resource) -> Iterator[Line]:
    """Hours for each; what flows is shared by all of them."""
    share = 1 / len(bill.stack.of(NAT))
    written = backups.written_gb(bill)
    yield bill.line(it, "nat", "NAT gateway", 1, "nat.hour")
    yield bill.line(it, "nat", "data through NAT", (bill.usage.nat_gb + written) * share, "nat.gb")
    # Backups leave AWS; so do calls to APIs elsewhere.
    out = (bill.usage.internet_gb + written) * share
    yield bill.line(it, "nat", "data out to the internet", out, "transfer.internet")


@priced("aws:ec2/eip:Eip")
def address(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "addresses", "public IPv4 address", 1, "ipv4.public")


@priced("aws:ec2/vpcEndpoint:VpcEndpoint")
def endpoint(bill: Bill, it: Resource) -> Iterator[Line]:
    kind = it.get("vpcEndpointType") or "Gateway"
    if kind == "Gateway":
        return
    if kind != "Interface":
        raise UnknownPrice(f"endpoints of type {kind} are not in the snapshot")
    zones = max(1, len(it.items("subnetIds")))
    yield bill.line(it, "endpoints", "interface endpoint in a zone", zones, "endpoint.hour")
    yield bill.line(it, "endpoints", "data through endpoints", bill.usage.endpoint_gb, "endpoint.gb")


@priced("aws:lb/loadBalancer:LoadBalancer")
def balancer(bill: Bill, it: Resource) -> Iterator[Line]:
    kind = str(it.get("loadBalancerType") or "application")
    short = {"application": "alb", "network": "nlb"}.get(kind)
    if short is None:
        raise UnknownPrice(f"load balancers of type {kind} are not in the snapshot")
    yield bill.line(it, "alb", short.upper(), 1, f"{short}.hour")
    yield bill.line(it, "alb", "capacity", bill.usage.alb_lcu, f"{short}.lcu")
    if not it.get("internal"):
        # One public address in each zone it stands in.
        zones = max(len(it.items("subnets")), len(it.items("subnetMappings")), 1)
        yield bill.line(it, "addresses", "public IPv4 address", zones, "ipv4.public")


@priced(DISTRIBUTION)
def distribution(bill: Bill, it: Resource) -> Iterator[Line]:
    usage = bill.usage
    yield bill.line(it, "cloudfront", "data out to customers", usage.edge_gb, "cloudfront.gb")
    yield bill.line(it, "cloudfront", "HTTPS requests", usage.requests, "cloudfront.request")
    yield bill.line(it, "cloudfront", "data to origins", usage.edge_origin_gb, "cloudfront.origin.gb")
    asked = sum(_probes(bill, check) for check in bill.stack.of(CHECK) if _is_through(check, it))
    if asked:
        # They are requests like any other, and many: by ten seconds more than one a second.
        yield bill.line(it, "cloudfront", "requests of health checks", asked, "cloudfront.request")


def _probes(bill: Bill, check: Resource) -> float:
    return bill.usage.probe_places * MONTH_S / check.number("requestInterval", 30)


def _is_through(check: Resource, edge: Resource) -> bool:
    host = check.get("fqdn")
    return bool(host) and (host == edge.get("domainName") or host in edge.items("aliases"))


@priced("aws:cloudfront/function:Function")
def function(bill: Bill, it: Resource) -> Iterator[Line]:
    """Customers' requests for the default behaviour's; one that stands on other paths alone answers the probes."""
    arn, edges = it.get("arn"), bill.stack.of(DISTRIBUTION)
    paths = [path for edge in edges for path in edge.items("orderedCacheBehaviors")]
    aside = bool(arn) and any(_uses(path, arn) for path in paths)
    aside = aside and not any(_uses(edge.get("defaultCacheBehavior") or {}, arn) for edge in edges)
    checks = [check for check in bill.stack.of(CHECK) if any(_is_through(check, edge) for edge in edges)]
    calls = sum(_probes(bill, check) for check in checks) if aside else bill.usage.requests
    yield bill.line(it, "cloudfront", "calls of edge functions", calls, "cloudfront.function")


def _uses(behaviour: dict[str, Any], arn: Any) -> bool:
    return any(one.get("functionArn") == arn for one in behaviour.get("functionAssociations") or [])


@priced("aws:cloudfront/keyValueStore:KeyValueStore")
def store(bill: Bill, it: Resource) -> Iterator[Line]:
    # edge/router.js reads one key a request while AWS serves.
    yield bill.line(
        it, "cloudfront", "reads of the key-value store", bill.usage.requests, "cloudfront.store.read"
    )


@priced("aws:route53/zone:Zone")
def zone(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "names", "hosted zone", 1, "route53.zone")
    if not it.items("vpcs"):
        yield bill.line(it, "names", "queries", bill.usage.dns_queries, "route53.query")


@priced(CHECK)
def health_check(bill: Bill, it: Resource) -> Iterator[Line]:
    kind = str(it.get("type") or "")
    host = str(it.get("fqdn") or "")
    ours = kind in ("CALCULATED", "CLOUDWATCH_METRIC") or host.endswith(AWS_NAMES)
    where = "aws" if ours else "other"
    options = [
        kind.startswith("HTTPS"),
        kind.endswith("STR_MATCH"),
        it.number("requestInterval", 30) == 10,
        bool(it.get("measureLatency")),
    ]
    yield bill.line(it, "names", "health check", 1, f"route53.check.{where}")
    if any(options):
        yield bill.line(it, "names", "options of health checks", sum(options), f"route53.option.{where}")


@priced("aws:wafv2/webAcl:WebAcl")
def firewall(bill: Bill, it: Resource) -> Iterator[Line]:
    rules = len(it.items("rules"))
    yield bill.line(it, "waf", "web ACL", 1, "waf.acl")
    if rules:
        yield bill.line(it, "waf", "rule", rules, "waf.rule")
    yield bill.line(it, "waf", "inspected requests", bill.usage.requests, "waf.request")
