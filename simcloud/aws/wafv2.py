"""WAF: web ACLs and where their logs go.

https://docs.aws.amazon.com/waf/latest/APIReference/API_CreateWebACL.html
"""

from __future__ import annotations

import re
from typing import Any

from simcloud.aws.base import AwsKind, Named, by_arn, in_use, token_hex
from simcloud.aws.logs import LOG_GROUP
from simcloud.aws.s3 import BUCKET
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

WEB_ACL = "aws:wafv2/webAcl:WebAcl"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
# Capacity units: https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
GROUPS = {
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesSQLiRuleSet": 200,
    "AWSManagedRulesLinuxRuleSet": 200,
    "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesAnonymousIpList": 50,
}
CAPACITY = 5000


def _invalid(reason: str, field: str, parameter: Any) -> CloudError:
    text = f"Error reason: {reason}, field: {field}, parameter: {parameter}"
    return CloudError("WAFInvalidParameterException", text)


def _bad_arn(field: str, arn: Any) -> CloudError:
    # https://github.com/hashicorp/terraform-provider-aws/issues/29705
    reason = (
        "The ARN isn't valid. A valid ARN begins with arn: and includes other information separated by colons or "
        "slashes."
    )
    return _invalid(reason, field, arn)


@kind
class WebAcl(Named):
    type, service, longest, latency = WEB_ACL, "wafv2", 128, "web_acl"
    replace_on = frozenset({"name", "namePrefix", "scope", "region"})
    lasting = frozenset({"arn"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        raw = token_hex(32)
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        scope, region = inputs["scope"], self.region_of(ctx, inputs)
        if scope not in ("CLOUDFRONT", "REGIONAL") or (scope == "CLOUDFRONT" and region != "us-east-1"):
            # https://github.com/aws-samples/aws-waf-rate-based-rule-customized-block-period/issues/1
            raise _invalid("The scope is not valid.", "SCOPE_VALUE", scope)
        if not re.fullmatch(r"[\w-]{1,128}", str(inputs["name"])):
            raise _invalid("The parameter contains formatting that is not valid.", "NAME", inputs["name"])
        if old is None:
            in_use(
                [r for r in ctx.find(WEB_ACL, name=inputs["name"]) if r.region == region],
                "WAFDuplicateItemException",
                "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an "
                "existing one.",
            )
        seen: set[int] = set()
        for rule in inputs.get("rules") or []:
            if int(rule["priority"]) in seen:
                raise _invalid("Two rules cannot have the same priority.", "RULE", rule["priority"])
            seen.add(int(rule["priority"]))
            self._rule(rule)
        if _capacity(inputs) > CAPACITY:
            raise CloudError(
                "WAFLimitsExceededException", f"The web ACL needs more than {CAPACITY} capacity units."
            )

    def _rule(self, rule: Properties) -> None:
        statement = rule.get("statement") or {}
        managed, rate = statement.get("managedRuleGroupStatement"), statement.get("rateBasedStatement")
        if managed:
            if managed["vendorName"] != "AWS" or managed["name"] not in GROUPS:
                raise CloudError(
                    "WAFNonexistentItemException",
                    "AWS WAF couldn’t perform the operation because your resource doesn’t exist.",
                )
            if rule.get("action") or not rule.get("overrideAction"):
                raise _invalid(
                    "A reference to a rule group takes an override action, not an action.",
                    "RULE_ACTION",
                    rule["name"],
                )
        elif rule.get("overrideAction") or not rule.get("action"):
            raise _invalid("You must specify an action for the rule.", "RULE_ACTION", rule["name"])
        if rate and not 10 <= int(rate["limit"]) <= 2_000_000_000:
            raise _invalid("The limit is not valid.", "RATE_LIMIT", rate["limit"])

    def shown(self, ctx: Context, res: Resource) -> Properties:
        where = "global" if res.inputs["scope"] == "CLOUDFRONT" else "regional"
        path = f"{where}/webacl/{res.inputs['name']}/{res.id}"
        return {
            "arn": f"arn:aws:wafv2:{res.region}:{ctx.account}:{path}",
            "capacity": _capacity(res.inputs),
            "lockToken": token_hex(32),
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        arn = res.get("arn")
        users = [
            d
            for d in ctx.find("aws:cloudfront/distribution:Distribution", webAclId=arn)
            if d.status != "deleting"
        ]
        in_use(
            users,
            "WAFAssociatedItemException",
            "AWS WAF couldn’t perform the operation because your resource is being used by another resource or it’s "
            "associated with another resource.",
        )


def _capacity(inputs: Properties) -> int:
    total = 0
    for rule in inputs.get("rules") or []:
        statement = rule.get("statement") or {}
        managed = statement.get("managedRuleGroupStatement")
        total += GROUPS.get(managed["name"], 0) if managed else 2
    return total


@kind
class WebAclLogging(AwsKind):
    type = LOGGING
    replace_on = frozenset({"resourceArn", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["resourceArn"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        acl = by_arn(ctx, WEB_ACL, inputs["resourceArn"])
        if acl is None or acl.region != self.region_of(ctx, inputs):
            raise _bad_arn("RESOURCE_ARN", inputs["resourceArn"])
        destinations = inputs["logDestinationConfigs"]
        if len(destinations) != 1:
            raise _invalid("Exactly one log destination is needed.", "LOG_DESTINATION", destinations)
        arn = str(destinations[0]).removesuffix(":*")
        group, bucket = by_arn(ctx, LOG_GROUP, arn), by_arn(ctx, BUCKET, arn)
        found = group or bucket
        name = str(found.inputs.get("name") or found.inputs.get("bucket")) if found else ""
        # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html#logging-cw-logs-naming
        if not name.startswith("aws-waf-logs-") or (group and group.region != acl.region):
            raise _bad_arn("LOG_DESTINATION", destinations[0])
        for field in inputs.get("redactedFields") or []:
            if len([key for key, value in field.items() if value is not None]) != 1:
                raise _invalid("A redacted field names exactly one part.", "FIELD_TO_MATCH", sorted(field))
