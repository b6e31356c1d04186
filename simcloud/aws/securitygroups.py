"""Security groups, their rules, and the group that every network comes with.

Quotas: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups; a prefix
list counts as often as it may have entries:
https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html#aws-managed-prefix-list-weights
"""

from __future__ import annotations

import re

from simcloud.aws.base import AwsKind, existing, in_use, token_hex
from simcloud.aws.functions import PREFIX_LISTS
from simcloud.aws.network import (
    DEFAULT_GROUP,
    EGRESS,
    ENDPOINT,
    GROUP,
    INGRESS,
    VPC,
    cidr,
    network_of,
    not_found,
)
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

RULES = 60
"""Of one direction and one family of addresses in a group, unless the quota was raised."""
TEXT = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
LIST_WEIGHTS = {PREFIX_LISTS["com.amazonaws.global.cloudfront.origin-facing"]: 55}


def weight(rule: Properties) -> int:
    """How many rules this one counts as."""
    return LIST_WEIGHTS.get(str(rule.get("prefixListId")), 1)


def described(inputs: Properties, what: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html, `GroupDescription`."""
    if not TEXT.fullmatch(str(inputs.get("description") or "")):
        raise CloudError(
            "InvalidParameterValue",
            f"Invalid {what} description. Valid descriptions are strings less than 256 characters from the following "
            "set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        )


@kind
class SecurityGroup(AwsKind):
    type = GROUP
    prefix, arn_path = "sg-", "security-group/{id}"
    replace_on = frozenset({"name", "namePrefix", "description", "vpcId", "region"})
    delete_latency = "delete_fast"

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        filled = {"description": "Managed by Pulumi", **inputs}
        if filled.get("name") is None and filled.get("namePrefix") is None:
            filled["name"] = (old or {}).get("name") or f"{name}-{token_hex(7)}"
        return filled

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if str(inputs.get("name", "")).startswith("sg-"):
            raise CloudError("InvalidParameterValue", "Group names cannot start with sg-")
        if old is None:
            described(inputs, "security group")
        vpc = existing(ctx, VPC, inputs.get("vpcId"), *not_found("Vpc", inputs.get("vpcId")))
        taken = [
            g for g in ctx.find(GROUP, vpcId=vpc.id, name=inputs.get("name")) if old is None or g.id != old.id
        ]
        text = f"The security group '{inputs.get('name')}' already exists for VPC '{vpc.id}'"
        in_use(taken, "InvalidGroup.Duplicate", text)

    def delete(self, ctx: Context, res: Resource) -> None:
        users: list[Resource] = [
            r
            for token in (INGRESS, EGRESS)
            for r in ctx.find(token, referencedSecurityGroupId=res.id)
            if r.get("securityGroupId") != res.id
        ]
        for token, key in (
            ("aws:lb/loadBalancer:LoadBalancer", "securityGroups"),
            ("aws:rds/instance:Instance", "vpcSecurityGroupIds"),
            ("aws:ec2/launchTemplate:LaunchTemplate", "vpcSecurityGroupIds"),
            (ENDPOINT, "securityGroupIds"),
        ):
            users += [r for r in ctx.find(token) if res.id in (r.get(key) or [])]
        users += [
            r
            for r in ctx.find("aws:lambda/function:Function")
            if res.id in ((r.inputs.get("vpcConfig") or {}).get("securityGroupIds") or [])
        ]
        in_use(users, "DependencyViolation", f"resource {res.id} has a dependent object")


class _Rule(AwsKind):
    prefix, arn_path = "sgr-", "security-group-rule/{id}"
    replace_on = frozenset({"securityGroupId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        described(inputs, "rule")
        own, other = inputs["securityGroupId"], inputs.get("referencedSecurityGroupId")
        for group in (own, other):
            if group and network_of(ctx, group) is None:
                raise CloudError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")
        given = [key for key in sources if inputs.get(key)]
        if len(given) != 1:
            raise CloudError(
                "InvalidParameterCombination", "Exactly one source or destination must be specified."
            )
        if inputs.get("cidrIpv4"):
            cidr(inputs["cidrIpv4"], "InvalidParameterValue")
        if inputs.get("prefixListId") and inputs["prefixListId"] not in PREFIX_LISTS.values():
            raise CloudError(
                "InvalidPrefixListID.NotFound",
                f"The prefix list ID '{inputs['prefixListId']}' does not exist",
            )
        if other and network_of(ctx, other) != network_of(ctx, own):
            raise CloudError(
                "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
            )
        low, high = inputs.get("fromPort"), inputs.get("toPort")
        if inputs["ipProtocol"] != "-1" and (
            low is None or high is None or not 0 <= int(low) <= int(high) <= 65535
        ):
            raise CloudError(
                "InvalidParameterValue",
                f"Invalid value for portRange. Must specify both from and to ports: {low}-{high}",
            )
        keys = ("securityGroupId", "ipProtocol", "fromPort", "toPort", *sources)
        same = [r for r in ctx.find(self.type) if all(r.inputs.get(k) == inputs.get(k) for k in keys)]
        text = "the specified rule already exists"
        in_use([r for r in same if old is None or r.id != old.id], "InvalidPermission.Duplicate", text)
        # Each family of addresses has the quota for itself; lists and references count in both.
        foreign = {"cidrIpv4": "cidrIpv6", "cidrIpv6": "cidrIpv4"}.get(given[0], "")
        others = [r for r in ctx.find(self.type, securityGroupId=own) if old is None or r.id != old.id]
        if sum(weight(r.inputs) for r in others if not r.inputs.get(foreign)) + weight(inputs) > RULES:
            raise CloudError(
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"securityGroupRuleId": res.id}


@kind
class SecurityGroupIngressRule(_Rule):
    type = INGRESS


@kind
class SecurityGroupEgressRule(_Rule):
    type = EGRESS


@kind
class DefaultSecurityGroup(AwsKind):
    """Adopted, never made or taken away: the provider revokes every rule that is not among its inputs."""

    type = DEFAULT_GROUP
    arn_path = "security-group/{id}"
    replace_on = frozenset({"vpcId", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(ctx, VPC, inputs.get("vpcId"), *not_found("Vpc", inputs.get("vpcId")))

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        vpc = existing(ctx, VPC, inputs.get("vpcId"), *not_found("Vpc", inputs.get("vpcId")))
        return str(vpc.get("defaultSecurityGroupId"))

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "name": "default",
            "description": "default VPC security group",
            "ingress": res.inputs.get("ingress") or [],
            "egress": res.inputs.get("egress") or [],
        }
