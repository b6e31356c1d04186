"""Records in zones, aliases that become names of the network, health checks."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.aws import cloudfront, lb, route53
from simcloud.kinds import Resource

from .conftest import REGION, Aws
from .test_cloudfront import distribution

ZONE, NAME = "Z0123456789", "www.example.com"


@pytest.fixture(autouse=True)
def zone(aws: Aws) -> None:
    aws.state.kv_put(route53.ZONES, ZONE, {"name": "example.com"})


def record(**more: Any) -> dict[str, Any]:
    given = {"zoneId": ZONE, "name": NAME, "type": "A", "records": ["192.0.2.1"], "ttl": 60, **more}
    return {key: value for key, value in given.items() if value is not None}


def alias(target: str, zone: str, *, evaluate: bool = False, **more: Any) -> dict[str, Any]:
    to = {"name": target, "zoneId": zone, "evaluateTargetHealth": evaluate}
    return record(records=None, ttl=None, aliases=[to], **more)


def test_a_record_lies_in_its_zone(aws: Aws) -> None:
    made = aws.make(route53.RECORD, record())
    assert (made.id, made.outputs["fqdn"]) == (f"{ZONE}_{NAME}_A", NAME)
    text = "No hosted zone found with ID: Z9"
    aws.refuses("NoSuchHostedZone", text, route53.RECORD, record(zoneId="Z9"))
    text = "RRSet with DNS name www.example.org. is not permitted in zone example.com."
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(name="www.example.org"))
    aws.refuses("InvalidChangeBatch", "is not permitted", route53.RECORD, record(name="notexample.com"))
    assert aws.replaced(made, type="AAAA", ttl=1) == ["type"]


def test_a_record_is_made_once(aws: Aws) -> None:
    made = aws.make(route53.RECORD, record())
    text = "Tried to create resource record set [name='www.example.com.', type='A'] but it already exists"
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(name=f"{NAME}."), "again")
    aws.change(made, ttl=30)
    aws.make(route53.RECORD, record(type="AAAA", records=["2001:db8::1"]), "v6")


def test_a_cname_stands_alone(aws: Aws) -> None:
    text = "RRSet of type CNAME with DNS name example.com. is not permitted at apex in zone example.com."
    cname = {"type": "CNAME", "records": ["a.example.com"]}
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(**cname, name="example.com"))
    aws.make(route53.RECORD, record())
    text = "is not permitted as it conflicts with other records"
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(**cname))
    aws.make(route53.RECORD, record(**cname, name="other.example.com"), "other")
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(name="other.example.com"))


def test_addresses(aws: Aws) -> None:
    text = "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'x'"
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(records=["x"]))
    text = "Value is not a valid IPv6 address"
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, record(type="AAAA"))


def test_a_record_has_values_or_an_alias(aws: Aws) -> None:
    text = "one of `alias,records` must be specified"
    aws.refuses("InvalidConfiguration", text, route53.RECORD, record(records=None))
    text = "all of `records,ttl` must be specified"
    aws.refuses("InvalidConfiguration", text, route53.RECORD, record(ttl=None))
    weighted = record(weightedRoutingPolicies=[{"weight": 1}], setIdentifier="a")
    aws.refuses("NotModelled", "weightedRoutingPolicies", route53.RECORD, weighted)


def test_an_alias_of_a_distribution_is_a_name(aws: Aws) -> None:
    made = aws.make(cloudfront.DISTRIBUTION, distribution())
    target = made.outputs["domainName"]
    text = "that target was not found"
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, alias("d1.cloudfront.net", "Z2FDTNDATAQYW2"))
    text = "the alias target name does not lie within the target zone"
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, alias(target, ZONE))
    text = "EvaluateTargetHealth cannot be set to true"
    wrong = alias(target, "Z2FDTNDATAQYW2", evaluate=True)
    aws.refuses("InvalidChangeBatch", text, route53.RECORD, wrong)
    aws.calls.clear()
    four = aws.make(route53.RECORD, alias(target, "Z2FDTNDATAQYW2"), "v4")
    six = aws.make(route53.RECORD, alias(target, "Z2FDTNDATAQYW2", type="AAAA"), "v6")
    published = [((NAME, "edge", 0), {"region": "global", "tls": True})]
    assert aws.called("network.publish") == published
    aws.delete(six)
    assert aws.called("network.unpublish") == []
    aws.delete(four)
    assert aws.called("network.unpublish") == [((NAME,), {})]


def test_an_alias_of_a_load_balancer_is_a_name(aws: Aws, vpc: Resource) -> None:
    aws.gateway(vpc)
    balancer = aws.make(lb.LB, {"name": "web", "subnets": aws.pair(vpc)})
    aws.calls.clear()
    target = f"dualstack.{balancer.outputs['dnsName']}"
    given = alias(target, balancer.outputs["zoneId"], evaluate=True)
    aws.make(route53.RECORD, given)
    assert aws.called("network.publish") == [((NAME, "alb", 0), {"region": REGION, "tls": False})]


def test_a_zone_of_the_program(aws: Aws) -> None:
    zone = aws.make(route53.ZONE, {"name": "example.net"})
    made = aws.make(route53.RECORD, record(zoneId=zone.id, name="www.example.net"))
    text = "contains non-required resource record sets"
    aws.refuses_delete("HostedZoneNotEmpty", text, zone)
    aws.delete(made)
    aws.delete(zone)
    aws.refuses(
        "NotModelled", "public hosted zones only", route53.ZONE, {"name": "x", "vpcs": [{"vpcId": "v"}]}
    )


HTTPS = {"type": "HTTPS", "fqdn": NAME, "port": 443, "resourcePath": "/health"}


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"type": "CALCULATED"}, "NotModelled", "endpoints"),
        ({"fqdn": None}, "InvalidInput", "Either IPAddress or FullyQualifiedDomainName"),
        ({"searchString": "UP"}, "InvalidInput", "SearchString"),
        ({"type": "HTTPS_STR_MATCH"}, "InvalidInput", "SearchString"),
        ({"requestInterval": 20}, "InvalidInput", "RequestInterval must be 10 or 30."),
        ({"failureThreshold": 11}, "InvalidInput", "FailureThreshold must be between 1 and 10."),
        ({"regions": ["us-east-1", "us-west-1"]}, "InvalidInput", "At least three regions"),
        ({"resourcePath": "/" * 256}, "InvalidInput", "up to 255 characters"),
    ],
)
def test_health_checks_that_route_53_refuses(aws: Aws, change: dict[str, Any], code: str, text: str) -> None:
    given = {key: value for key, value in {**HTTPS, **change}.items() if value is not None}
    aws.refuses(code, text, route53.HEALTH_CHECK, given)


def test_a_health_check(aws: Aws) -> None:
    made = aws.make(route53.HEALTH_CHECK, {**HTTPS, "requestInterval": 10, "failureThreshold": 3})
    assert made.outputs["arn"] == f"arn:aws:route53:::healthcheck/{made.id}"
    assert made.region == "global"
    assert aws.replaced(made, requestInterval=30, fqdn="x") == ["requestInterval"]
