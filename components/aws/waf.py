"""The web application firewall before both sites: at the edge, so that it stays when Azure serves."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, get_caller_identity_output, wafv2

from components.naming import child, tags

REGION = "us-east-1"  # of everything that a distribution's firewall consists of
# In order; together with the rate limit 1127 capacity units, below the 1500 that the base price covers.
GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
# Requests of one address in five minutes; many customers share one address of a mobile carrier.
RATE_LIMIT = 5000
LOG_DAYS = 90
SECRET_HEADERS = ("authorization", "cookie")


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """`kms_key_arn` is a key of us-east-1 that the log service may use."""

    project: str
    kms_key_arn: pulumi.Input[str]


class Firewall(pulumi.ComponentResource):
    """Managed rules, a rate limit, and a log of what was blocked, without credentials in it."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Firewall", name, None, opts)
        acl = wafv2.WebAcl(
            f"{name}-acl",
            name=f"{args.project}-edge",
            description="Before both sites",
            scope="CLOUDFRONT",
            region=REGION,
            default_action=wafv2.WebAclDefaultActionArgs(allow=wafv2.WebAclDefaultActionAllowArgs()),
            rules=[_rate(args.project), *(_managed(args.project, n, g) for n, g in enumerate(GROUPS, 1))],
            visibility_config=wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True,
                metric_name=f"{args.project}-edge",
                # Samples show whole requests, cookies too, to everybody who may look at the console.
                sampled_requests_enabled=False,
            ),
            tags=tags(f"{args.project}-edge"),
            opts=child(self),
        )
        log = cloudwatch.LogGroup(
            f"{name}-log",
            name=f"aws-waf-logs-{args.project}-edge",  # the prefix is WAF's demand
            retention_in_days=LOG_DAYS,
            kms_key_id=args.kms_key_arn,
            region=REGION,
            tags=tags(f"aws-waf-logs-{args.project}-edge"),
            opts=child(self),
        )
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        # WAF would write this policy by itself; then it would be nobody's, and an eleventh would fail.
        permission = cloudwatch.LogResourcePolicy(
            f"{name}-log",
            policy_name=f"{args.project}-edge-firewall",
            policy_document=pulumi.Output.all(log.arn, account).apply(lambda values: log_policy(*values)),
            region=REGION,
            opts=child(self),
        )
        wafv2.WebAclLoggingConfiguration(
            f"{name}-logging",
            resource_arn=acl.arn,
            log_destination_configs=[log.arn],
            redacted_fields=[
                wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                    single_header=wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                )
                for header in SECRET_HEADERS
            ],
            # The access log has every request; this one is for what the firewall thought of it.
            logging_filter=wafv2.WebAclLoggingConfigurationLoggingFilterArgs(
                default_behavior="DROP",
                filters=[
                    wafv2.WebAclLoggingConfigurationLoggingFilterFilterArgs(
                        behavior="KEEP",
                        requirement="MEETS_ANY",
                        conditions=[
                            wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionArgs(
                                action_condition=(
                                    wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionActionConditionArgs(
                                        action=action
                                    )
                                )
                            )
                            for action in ("BLOCK", "COUNT")
                        ],
                    )
                ],
            ),
            region=REGION,
            opts=child(self, depends_on=[permission]),
        )
        self.arn: pulumi.Output[str] = acl.arn
        self.register_outputs({"arn": self.arn})


def log_policy(group: str, account: str) -> str:
    """The log delivery service may write to this group, for this account."""
    statement = {
        "Sid": "FirewallLog",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{group}:log-stream:*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{REGION}:{account}:*"},
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _visible(project: str, rule: str) -> wafv2.WebAclRuleVisibilityConfigArgs:
    return wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=f"{project}-edge-{rule}", sampled_requests_enabled=False
    )


def _rate(project: str) -> wafv2.WebAclRuleArgs:
    return wafv2.WebAclRuleArgs(
        name="rate",
        priority=0,
        action=wafv2.WebAclRuleActionArgs(block=wafv2.WebAclRuleActionBlockArgs()),
        statement=wafv2.WebAclRuleStatementArgs(
            rate_based_statement=wafv2.WebAclRuleStatementRateBasedStatementArgs(
                limit=RATE_LIMIT, aggregate_key_type="IP"
            )
        ),
        visibility_config=_visible(project, "rate"),
    )


def _managed(project: str, priority: int, group: str) -> wafv2.WebAclRuleArgs:
    return wafv2.WebAclRuleArgs(
        name=group,
        priority=priority,
        override_action=wafv2.WebAclRuleOverrideActionArgs(none=wafv2.WebAclRuleOverrideActionNoneArgs()),
        statement=wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                vendor_name="AWS", name=group
            )
        ),
        visibility_config=_visible(project, group),
    )
