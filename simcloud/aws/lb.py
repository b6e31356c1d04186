"""Application Load Balancer. https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"""

from __future__ import annotations

import re
import secrets

from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use, token_hex
from simcloud.aws.network import GROUP, IGW, SUBNET
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

LB = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"


class _Elb(Named):
    service, longest = "elasticloadbalancing", 32
    noun = ""

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"arn:aws:elasticloadbalancing:{ctx.region}:{ctx.account}:{self.noun}/{inputs['name']}/{token_hex(16)}"

    def named(self, inputs: Properties, what: str) -> None:
        name = str(inputs["name"])
        if len(name) > 32:
            raise CloudError(
                "ValidationError", f"The {what} name '{name}' cannot be longer than '32' characters"
            )
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", name):
            raise CloudError(
                "ValidationError",
                f"The {what} name '{name}' can only contain characters that are alphanumeric characters or hyphens(-)",
            )


@kind
class LoadBalancer(_Elb):
    type, noun, latency, delete_latency = LB, "loadbalancer/app", "alb", "delete_fast"
    replace_on = frozenset({"name", "namePrefix", "internal", "loadBalancerType", "region"})

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self.named(inputs, "load balancer")
        if old is None:
            in_use(
                ctx.find(LB, name=inputs["name"]),
                "DuplicateLoadBalancerName",
                "A load balancer with the same name exists, but with different settings",
            )
        subnets = [
            existing(ctx, SUBNET, s, "SubnetNotFound", f"The subnet ID '{s}' does not exist")
            for s in inputs.get("subnets") or []
        ]
        if len({s.get("availabilityZone") for s in subnets}) < 2:
            raise CloudError(
                "ValidationError",
                "At least two subnets in two different Availability Zones must be specified",
            )
        if not inputs.get("internal") and not ctx.find(IGW, vpcId=subnets[0].get("vpcId")):
            raise CloudError("InvalidSubnet", f"VPC {subnets[0].get('vpcId')} has no internet gateway")
        for group in inputs.get("securityGroups") or []:
            existing(ctx, GROUP, group, "InvalidSecurityGroup", f"Security group '{group}' does not exist")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        dns = res.outputs.get("dnsName") or (
            f"{res.inputs['name']}-{secrets.randbelow(10**9) + 10**9}.{ctx.region}.elb.amazonaws.com".lower()
        )
        return {
            "arn": res.id,
            "arnSuffix": res.id.split(":loadbalancer/")[1],
            "dnsName": dns,
            "zoneId": "ZWKZPGTI48KDX",
            "vpcId": (ctx.by_id(SUBNET, res.inputs["subnets"][0]) or res).get("vpcId"),
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        ctx.world.network.publish(str(res.outputs["dnsName"]), "alb", 0, region=ctx.region, tls=False)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        if res.inputs.get("enableDeletionProtection"):
            raise CloudError(
                "OperationNotPermitted",
                f"Load balancer '{res.id}' cannot be deleted because deletion protection is enabled",
            )
        ctx.world.network.unpublish(str(res.outputs["dnsName"]))


@kind
class TargetGroup(_Elb):
    type, noun = TARGETS, "targetgroup"
    replace_on = frozenset(
        {"name", "namePrefix", "port", "protocol", "targetType", "vpcId", "protocolVersion", "region"}
    )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        self.named(inputs, "target group")
        if old is None:
            text = f"A target group with the same name '{inputs['name']}' exists, but with different settings"
            in_use(ctx.find(TARGETS, name=inputs["name"]), "DuplicateTargetGroupName", text)
        existing(
            ctx,
            "aws:ec2/vpc:Vpc",
            inputs.get("vpcId"),
            "ValidationError",
            f"The VPC ID '{inputs.get('vpcId')}' is not found",
        )
        check = inputs.get("healthCheck") or {}
        if int(check.get("timeout") or 5) >= int(check.get("interval") or 30):
            raise CloudError("ValidationError", "Health check interval must be greater than the timeout.")
        if not str(check.get("path") or "/").startswith("/"):
            raise CloudError(
                "ValidationError", f"Health check path '{check.get('path')}' must begin with '/'"
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": res.id, "arnSuffix": res.id.split(":", 5)[5]}

    def delete(self, ctx: Context, res: Resource) -> None:
        users = [
            r
            for token, key in ((LISTENER, "defaultActions"), (RULE, "actions"))
            for r in ctx.find(token)
            if any(a.get("targetGroupArn") == res.id for a in r.inputs.get(key) or [])
        ]
        in_use(users, "ResourceInUse", f"Target group '{res.id}' is currently in use by a listener or a rule")


@kind
class Listener(AwsKind):
    type, service = LISTENER, "elasticloadbalancing"
    replace_on = frozenset({"loadBalancerArn", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["loadBalancerArn"]).replace(":loadbalancer/", ":listener/") + f"/{token_hex(16)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        arn = inputs["loadBalancerArn"]
        existing(ctx, LB, arn, "LoadBalancerNotFound", f"One or more load balancers not found: {arn}")
        if inputs.get("protocol") == "HTTPS" and not inputs.get("certificateArn"):
            raise CloudError("ValidationError", "A certificate must be specified for HTTPS listeners")
        same = [
            x
            for x in ctx.find(LISTENER, loadBalancerArn=arn, port=inputs.get("port"))
            if old is None or x.id != old.id
        ]
        in_use(same, "DuplicateListener", "A listener already exists on this port for this load balancer")
        _actions(ctx, inputs["defaultActions"])

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": res.id, "protocol": res.inputs.get("protocol", "HTTP")}


@kind
class ListenerRule(AwsKind):
    type, service = RULE, "elasticloadbalancing"
    replace_on = frozenset({"listenerArn", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["listenerArn"]).replace(":listener/", ":listener-rule/") + f"/{token_hex(16)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(
            ctx,
            LISTENER,
            inputs["listenerArn"],
            "ListenerNotFound",
            f"One or more listeners not found: {inputs['listenerArn']}",
        )
        priority = inputs.get("priority")
        if priority is not None and not 1 <= int(priority) <= 50000:
            raise CloudError("ValidationError", f"Priority '{priority}' must be between 1 and 50000")
        same = [
            r
            for r in ctx.find(RULE, listenerArn=inputs["listenerArn"], priority=priority)
            if priority is not None and (old is None or r.id != old.id)
        ]
        in_use(same, "PriorityInUse", f"Priority '{priority}' is currently in use")
        _actions(ctx, inputs["actions"])

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": res.id}


def _actions(ctx: Context, actions: list[Properties]) -> None:
    for action in actions:
        arn = action.get("targetGroupArn")
        if action["type"] == "forward" and arn and by_arn(ctx, TARGETS, arn) is None:
            raise CloudError("TargetGroupNotFound", f"One or more target groups not found: {arn}")
        if action["type"] == "fixed-response" and not action.get("fixedResponse"):
            raise CloudError("ValidationError", "A fixed-response action needs its FixedResponseConfig")
