"""Application Load Balancer. https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"""

from __future__ import annotations

import re
import secrets

from simcloud.aws import acm, s3
from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use, token_hex
from simcloud.aws.network import GROUP, IGW, SUBNET
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

LB = "aws:lb/loadBalancer:LoadBalancer"
TARGETS = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
SSL_POLICIES = {
    *(
        "ELBSecurityPolicy-2016-08",
        "ELBSecurityPolicy-TLS-1-2-2017-01",
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
    ),
    *("ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"),
    *("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09"),
    *("ELBSecurityPolicy-FS-1-2-Res-2020-10", "ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06"),
}


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
        if not 1 <= int(inputs.get("idleTimeout", 60)) <= 4000:
            raise CloudError(
                "ValidationError", "The value of 'idle_timeout.timeout_seconds' must be 1 to 4000"
            )
        if inputs.get("desyncMitigationMode", "defensive") not in ("monitor", "defensive", "strictest"):
            raise CloudError(
                "ValidationError", "The value of 'routing.http.desync_mitigation_mode' is not valid"
            )
        logs = inputs.get("accessLogs") or {}
        if logs.get("enabled"):
            self._logs(ctx, self.region_of(ctx, inputs), str(logs["bucket"]), str(logs.get("prefix") or ""))

    def _logs(self, ctx: Context, region: str, name: str, prefix: str) -> None:
        """The bucket must be near, encrypted with S3's own keys, and let the service write a test file.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        """
        bucket, encryption = ctx.by_id(s3.BUCKET, name), ctx.by_id(s3.ENCRYPTION, name)
        rules = encryption.inputs["rules"] if encryption else []
        plain = all(
            (rule.get("applyServerSideEncryptionByDefault") or {}).get("sseAlgorithm", "AES256") == "AES256"
            for rule in rules
        )
        key = f"{prefix}/AWSLogs/{ctx.account}/ELBAccessLogTestFile".lstrip("/")
        service = "logdelivery.elasticloadbalancing.amazonaws.com"
        if bucket is None or bucket.region != region or not plain or not s3.lets(ctx, name, service, key):
            # https://github.com/terraform-aws-modules/terraform-aws-s3-bucket/issues/185
            raise CloudError(
                "InvalidConfigurationRequest",
                f"Access Denied for bucket: {name}. Please check S3bucket permission",
            )

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
        self._tls(ctx, inputs)
        same = [
            x
            for x in ctx.find(LISTENER, loadBalancerArn=arn, port=inputs.get("port"))
            if old is None or x.id != old.id
        ]
        in_use(same, "DuplicateListener", "A listener already exists on this port for this load balancer")
        _actions(ctx, inputs["defaultActions"])
        for action in inputs["defaultActions"]:
            redirect = action.get("redirect") if action["type"] == "redirect" else None
            if redirect and _same_place(redirect, inputs):
                raise CloudError(
                    "InvalidLoadBalancerAction",
                    "The redirect configuration is not valid because it creates a loop.",
                )

    def _tls(self, ctx: Context, inputs: Properties) -> None:
        arn, policy = inputs.get("certificateArn"), inputs.get("sslPolicy")
        if inputs.get("protocol") != "HTTPS":
            if arn:
                raise CloudError("ValidationError", "Certificates cannot be specified for HTTP listeners")
            if policy:
                raise CloudError("ValidationError", "An SSL policy cannot be specified for HTTP listeners")
            return
        if not arn:
            raise CloudError("ValidationError", "A certificate must be specified for HTTPS listeners")
        if policy and policy not in SSL_POLICIES:
            raise CloudError("SSLPolicyNotFound", f"SSL policy '{policy}' not found")
        names = acm.issued(ctx, str(arn))
        if names is None or f":{self.region_of(ctx, inputs)}:" not in str(arn):
            # https://github.com/hashicorp/terraform-provider-aws/issues/11334
            raise CloudError("CertificateNotFound", f"Certificate '{arn}' not found")
        if not names:  # still waiting: https://github.com/hashicorp/terraform-provider-aws/issues/41789
            raise CloudError(
                "UnsupportedCertificate",
                f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a "
                "supported key size.",
            )

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
        if action["type"] == "redirect" and not action.get("redirect"):
            raise CloudError("ValidationError", "A redirect action needs its RedirectConfig")


def _same_place(redirect: Properties, listener: Properties) -> bool:
    protocol = redirect.get("protocol", "#{protocol}")
    port = redirect.get("port", "#{port}")
    stays = all(redirect.get(key, f"{mark}#{{{key}}}") == f"{mark}#{{{key}}}" for key, mark in _PARTS)
    return (
        stays
        and protocol in ("#{protocol}", listener.get("protocol", "HTTP"))
        and port in ("#{port}", str(listener.get("port")))
    )


_PARTS = (("host", ""), ("path", "/"), ("query", ""))
