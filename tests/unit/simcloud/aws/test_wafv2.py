"""Web ACLs at the edge and their logs."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.aws import cloudfront, wafv2
from simcloud.kinds import Resource

from .conftest import ACCOUNT, Aws
from .test_cloudfront import distribution

SEEN = {"cloudwatchMetricsEnabled": True, "metricName": "m", "sampledRequestsEnabled": True}
BLOCK = {"block": {}}


def managed(name: str = "AWSManagedRulesCommonRuleSet", priority: int = 1, **more: Any) -> dict[str, Any]:
    statement = {"managedRuleGroupStatement": {"vendorName": "AWS", "name": name}}
    given = {"name": name, "priority": priority, "statement": statement, "visibilityConfig": SEEN}
    return {**given, "overrideAction": {"none": {}}, **more}


def rate(limit: int, **more: Any) -> dict[str, Any]:
    statement = {"rateBasedStatement": {"limit": limit, "aggregateKeyType": "IP"}}
    return {"name": "rate", "priority": 9, "statement": statement, "visibilityConfig": SEEN, **more}


def acl(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"name": "edge", "scope": "CLOUDFRONT", "region": "us-east-1", "defaultAction": {"allow": {}}}
    return {**given, "rules": list(rules), "visibilityConfig": SEEN, **more}


def test_an_acl_for_the_edge_is_made_in_virginia(aws: Aws) -> None:
    made = aws.make(wafv2.WEB_ACL, acl(managed(), rate(2000, action=BLOCK)))
    arn = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/edge/{made.id}"
    assert (made.outputs["arn"], made.outputs["capacity"]) == (arn, 702)
    text = "Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT"
    seoul = acl(name="other", region="ap-northeast-2")
    aws.refuses("WAFInvalidParameterException", text, wafv2.WEB_ACL, seoul)
    regional = aws.make(wafv2.WEB_ACL, {**seoul, "scope": "REGIONAL"}, "regional")
    assert ":regional/webacl/" in regional.outputs["arn"]
    text = "some resource in your request is a duplicate"
    aws.refuses("WAFDuplicateItemException", text, wafv2.WEB_ACL, acl(), "again")
    assert aws.replaced(made, name="b", rules=[]) == ["name"]


@pytest.mark.parametrize(
    ("rules", "code", "text"),
    [
        ([managed(), managed("AWSManagedRulesSQLiRuleSet")], "WAFInvalidParameterException", "same priority"),
        ([managed("AWSManagedRulesUnheardOf")], "WAFNonexistentItemException", "doesn’t exist"),
        ([managed(action=BLOCK)], "WAFInvalidParameterException", "takes an override action"),
        ([rate(100)], "WAFInvalidParameterException", "You must specify an action"),
        ([rate(9, action=BLOCK)], "WAFInvalidParameterException", "The limit is not valid."),
        ([managed(priority=n) for n in range(8)], "WAFLimitsExceededException", "5000 capacity units"),
    ],
)
def test_rules_that_waf_refuses(aws: Aws, rules: list[dict[str, Any]], code: str, text: str) -> None:
    aws.refuses(code, text, wafv2.WEB_ACL, acl(*rules))


def test_a_name(aws: Aws) -> None:
    aws.refuses("WAFInvalidParameterException", "field: NAME", wafv2.WEB_ACL, acl(name="a.b"))


def test_an_acl_at_a_distribution(aws: Aws) -> None:
    made = aws.make(wafv2.WEB_ACL, acl())
    regional = aws.make(wafv2.WEB_ACL, acl(name="r", scope="REGIONAL"), "r")
    text = "Web ACL is not accessible by the requester."
    for wrong in (regional.outputs["arn"], "arn:none"):
        aws.refuses("InvalidWebACLId", text, cloudfront.DISTRIBUTION, distribution(webAclId=wrong))
    user = aws.make(cloudfront.DISTRIBUTION, distribution(webAclId=made.outputs["arn"]))
    aws.refuses_delete("WAFAssociatedItemException", "associated with another resource", made)
    aws.delete(user)
    aws.delete(made)


@pytest.fixture
def web_acl(aws: Aws) -> Resource:
    return aws.make(wafv2.WEB_ACL, acl())


def group(aws: Aws, name: str, region: str = "us-east-1") -> str:
    given = {"name": name, "region": region}
    return aws.make("aws:cloudwatch/logGroup:LogGroup", given, name).outputs["arn"]


def logging(web_acl: Resource, arn: str, **more: Any) -> dict[str, Any]:
    given = {"resourceArn": web_acl.outputs["arn"], "logDestinationConfigs": [arn], "region": "us-east-1"}
    return {**given, **more}


def test_logs_go_where_their_name_says_so(aws: Aws, web_acl: Resource) -> None:
    text = "The ARN isn't valid. A valid ARN begins with arn: and includes other information"
    for wrong in (group(aws, "waf-logs"), group(aws, "aws-waf-logs-far", "ap-northeast-2"), "arn:none"):
        aws.refuses("WAFInvalidParameterException", text, wafv2.LOGGING, logging(web_acl, wrong))
    arn = group(aws, "aws-waf-logs-edge")
    text = "field: RESOURCE_ARN"
    other = logging(web_acl, arn, resourceArn="arn:none")
    aws.refuses("WAFInvalidParameterException", text, wafv2.LOGGING, other)
    seoul = logging(web_acl, arn, region="ap-northeast-2")
    aws.refuses("WAFInvalidParameterException", text, wafv2.LOGGING, seoul)
    two = logging(web_acl, arn, logDestinationConfigs=[arn, arn])
    aws.refuses("WAFInvalidParameterException", "Exactly one log destination", wafv2.LOGGING, two)
    both = [{"singleHeader": {"name": "cookie"}, "method": {}}]
    text = "names exactly one part"
    given = logging(web_acl, arn, redactedFields=both)
    aws.refuses("WAFInvalidParameterException", text, wafv2.LOGGING, given)
    made = aws.make(
        wafv2.LOGGING, logging(web_acl, arn, redactedFields=[{"singleHeader": {"name": "cookie"}}])
    )
    assert made.id == web_acl.outputs["arn"]
