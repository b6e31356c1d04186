"""The Application Load Balancer: open to the internet by the seed, useful only to CloudFront by a secret header."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import lb
from pulumi_random import RandomPassword

from components.naming import child, tags

ORIGIN_HEADER = "X-PlanB-Origin-Key"
HEALTH_PATH = "/actuator/health"


@dataclass(frozen=True, kw_only=True)
class BalancerArgs:
    project: str
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]


class Balancer(pulumi.ComponentResource):
    """Requests without the edge's header get 403; the target group is bound to pods by a TargetGroupBinding."""

    def __init__(self, name: str, args: BalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Balancer", name, None, opts)
        self.origin_key = RandomPassword(
            f"{name}-origin-key", length=40, special=False, opts=child(self)
        ).result
        balancer = lb.LoadBalancer(
            f"{name}-alb",
            name=f"{args.project}-alb",
            load_balancer_type="application",
            subnets=args.subnet_ids,
            security_groups=[args.security_group_id],
            drop_invalid_header_fields=True,
            tags=tags(f"{args.project}-alb"),
            opts=child(self),
        )
        targets = lb.TargetGroup(
            f"{name}-web",
            name=f"{args.project}-web",
            vpc_id=args.vpc_id,
            target_type="ip",
            port=8080,
            protocol="HTTP",
            deregistration_delay=30,
            health_check=lb.TargetGroupHealthCheckArgs(
                path=HEALTH_PATH,
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=3,
                matcher="200",
            ),
            tags=tags(f"{args.project}-web"),
            opts=child(self),
        )
        listener = lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[
                lb.ListenerDefaultActionArgs(
                    type="fixed-response",
                    fixed_response=lb.ListenerDefaultActionFixedResponseArgs(
                        content_type="text/plain", message_body="Forbidden", status_code="403"
                    ),
                )
            ],
            tags=tags(f"{args.project}-http"),
            opts=child(self),
        )
        lb.ListenerRule(
            f"{name}-from-edge",
            listener_arn=listener.arn,
            priority=10,
            conditions=[
                lb.ListenerRuleConditionArgs(
                    http_header=lb.ListenerRuleConditionHttpHeaderArgs(
                        http_header_name=ORIGIN_HEADER, values=[self.origin_key]
                    )
                )
            ],
            actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=targets.arn)],
            tags=tags(f"{args.project}-from-edge"),
            opts=child(self),
        )
        self.dns_name: pulumi.Output[str] = balancer.dns_name
        self.target_group_arn: pulumi.Output[str] = targets.arn
        self.register_outputs({"dnsName": self.dns_name, "targetGroupArn": self.target_group_arn})
