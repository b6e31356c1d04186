"""The Application Load Balancer: open to the internet by the seed, useful only to CloudFront by a secret header.

With a certificate it listens on 443, and 80 only sends there. Without one (no domain, so no name that a certificate
could be for) the hop from CloudFront is plain HTTP, and the policy pack says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import lb
from pulumi_random import RandomPassword

from components.aws.logs import ALB_PREFIX
from components.naming import child, tags

ORIGIN_HEADER = "X-PlanB-Origin-Key"
HEALTH_PATH = "/actuator/health"
# TLS 1.2 and 1.3, forward secrecy only: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/
# describe-ssl-policies.html
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
# Longer than the edge's ten seconds for an answer, and than its five of keeping a connection.
IDLE_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class BalancerArgs:
    """`certificate_arn` is a regional certificate for the origin's name; `protect` forbids deletion."""

    project: str
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]
    log_bucket: pulumi.Input[str]
    protect: bool
    certificate_arn: pulumi.Input[str] | None = None


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
            # What could be read as two requests by us and as one by the pods is refused.
            desync_mitigation_mode="defensive",
            idle_timeout=IDLE_TIMEOUT_S,
            enable_deletion_protection=args.protect,
            access_logs=lb.LoadBalancerAccessLogsArgs(
                bucket=args.log_bucket, prefix=ALB_PREFIX, enabled=True
            ),
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
        listener = self._listener(name, args, balancer)
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
        self.zone_id: pulumi.Output[str] = balancer.zone_id
        self.target_group_arn: pulumi.Output[str] = targets.arn
        # What CloudWatch calls them.
        self.suffix: pulumi.Output[str] = balancer.arn_suffix
        self.targets_suffix: pulumi.Output[str] = targets.arn_suffix
        self.register_outputs({"dnsName": self.dns_name, "targetGroupArn": self.target_group_arn})

    def _listener(self, name: str, args: BalancerArgs, balancer: lb.LoadBalancer) -> lb.Listener:
        """The listener that serves the edge: on 443 where there is a certificate."""
        forbidden = lb.ListenerDefaultActionArgs(
            type="fixed-response",
            fixed_response=lb.ListenerDefaultActionFixedResponseArgs(
                content_type="text/plain", message_body="Forbidden", status_code="403"
            ),
        )
        to_tls = lb.ListenerDefaultActionArgs(
            type="redirect",
            redirect=lb.ListenerDefaultActionRedirectArgs(
                protocol="HTTPS", port="443", status_code="HTTP_301"
            ),
        )
        plain = lb.Listener(
            f"{name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[to_tls if args.certificate_arn else forbidden],
            tags=tags(f"{args.project}-http"),
            opts=child(self),
        )
        if not args.certificate_arn:
            return plain
        return lb.Listener(
            f"{name}-https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=args.certificate_arn,
            default_actions=[forbidden],
            tags=tags(f"{args.project}-https"),
            opts=child(self),
        )
