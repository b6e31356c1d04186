"""Load balancers, target groups, listeners, rules."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from simcloud.aws import acm, lb, s3
from simcloud.kinds import KINDS, CloudError, Resource

from .conftest import ACCOUNT, REGION, Aws, policy

FORBIDDEN = {
    "type": "fixed-response",
    "fixedResponse": {"contentType": "text/plain", "messageBody": "Forbidden", "statusCode": "403"},
}
FROM_EDGE = [{"httpHeader": {"httpHeaderName": "X-Key", "values": ["k"]}}]


@pytest.fixture
def balancer(aws: Aws, vpc: Resource) -> Resource:
    aws.gateway(vpc)
    given = {"name": "web", "subnets": aws.pair(vpc), "securityGroups": [aws.group(vpc).id]}
    return aws.make(lb.LB, given)


@pytest.fixture
def targets(aws: Aws, vpc: Resource) -> Resource:
    return aws.make(lb.TARGETS, {"name": "web", "port": 8080, "protocol": "HTTP", "vpcId": vpc.id})


def listener(balancer: Resource, **more: Any) -> dict[str, Any]:
    return {
        "loadBalancerArn": balancer.id,
        "port": 80,
        "protocol": "HTTP",
        "defaultActions": [FORBIDDEN],
        **more,
    }


def test_a_load_balancer(aws: Aws, vpc: Resource, balancer: Resource) -> None:
    arn = rf"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/web/[0-9a-f]{{16}}"
    assert re.fullmatch(arn, balancer.id)
    assert balancer.outputs["arn"] == balancer.id
    assert re.fullmatch(r"app/web/[0-9a-f]{16}", balancer.outputs["arnSuffix"])
    name = balancer.outputs["dnsName"]
    assert re.fullmatch(rf"web-\d{{10}}\.{REGION}\.elb\.amazonaws\.com", name)
    assert balancer.outputs["vpcId"] == vpc.id
    assert aws.called("network.publish") == [((name, "alb", 0), {"region": REGION, "tls": False})]
    assert aws.change(balancer, idleTimeout=30).outputs["dnsName"] == name
    aws.delete(balancer)
    assert aws.called("network.unpublish") == [((name,), {})]


def test_a_load_balancer_must_fit(aws: Aws, vpc: Resource) -> None:
    subnets = aws.pair(vpc)
    given: dict[str, Any] = {"name": "web", "subnets": subnets}
    aws.refuses("InvalidSubnet", f"VPC {vpc.id} has no internet gateway", lb.LB, given)
    aws.make(lb.LB, {**given, "name": "inside", "internal": True})
    aws.gateway(vpc)
    text = "At least two subnets in two different Availability Zones must be specified"
    same = [subnets[0], aws.subnet(vpc, "10.0.9.0/24").id]
    for few in (subnets[:1], same):
        aws.refuses("ValidationError", text, lb.LB, {**given, "subnets": few})
    text = "The subnet ID 'subnet-0' does not exist"
    aws.refuses("SubnetNotFound", text, lb.LB, {**given, "subnets": ["subnet-0", *subnets]})
    text = "Security group 'sg-0' does not exist"
    aws.refuses("InvalidSecurityGroup", text, lb.LB, {**given, "securityGroups": ["sg-0"]})
    made = aws.make(lb.LB, given)
    text = "A load balancer with the same name exists"
    aws.refuses("DuplicateLoadBalancerName", text, lb.LB, given)
    assert aws.replaced(made, internal=True, subnets=[]) == ["internal"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w" * 33, "cannot be longer than '32' characters"),
        ("web_1", "can only contain characters that are alphanumeric"),
        ("-web", "can only contain characters that are alphanumeric"),
        ("web-", "can only contain characters that are alphanumeric"),
    ],
)
def test_names(aws: Aws, vpc: Resource, name: str, text: str) -> None:
    aws.gateway(vpc)
    balancer = {"name": name, "subnets": aws.pair(vpc)}
    aws.refuses("ValidationError", f"The load balancer name '{name}' {text}", lb.LB, balancer)
    targets = {"name": name, "vpcId": vpc.id, "port": 80, "protocol": "HTTP"}
    aws.refuses("ValidationError", f"The target group name '{name}' {text}", lb.TARGETS, targets)
    aws.make(lb.LB, {**balancer, "name": "w" * 32})
    aws.make(lb.TARGETS, {**targets, "name": "w" * 32})


def test_a_made_up_name_must_fit_too(aws: Aws, vpc: Resource) -> None:
    given = {"vpcId": vpc.id, "port": 80, "protocol": "HTTP"}
    kind = KINDS[lb.TARGETS]
    assert re.fullmatch(r"w{24}-[0-9a-f]{7}", kind.autoname(aws.ctx(), given, "w" * 24)["name"])
    with pytest.raises(CloudError, match="plus 7 random chars is longer than maximum length 32"):
        kind.autoname(aws.ctx(), given, "w" * 25)


def test_deletion_protection(aws: Aws, balancer: Resource) -> None:
    protected = aws.change(balancer, enableDeletionProtection=True)
    text = f"Load balancer '{balancer.id}' cannot be deleted because deletion protection is enabled"
    aws.refuses_delete("OperationNotPermitted", text, protected)
    aws.delete(aws.change(protected, enableDeletionProtection=False))


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ({"interval": 5, "timeout": 5}, "Health check interval must be greater than the timeout."),
        ({"interval": 5}, "Health check interval must be greater than the timeout."),
        ({"path": "health"}, "Health check path 'health' must begin with '/'"),
    ],
)
def test_health_checks(aws: Aws, vpc: Resource, check: dict[str, Any], text: str) -> None:
    given = {"name": "web", "vpcId": vpc.id, "port": 80, "protocol": "HTTP"}
    aws.refuses("ValidationError", text, lb.TARGETS, {**given, "healthCheck": check})
    good = {"interval": 6, "timeout": 5, "path": "/health"}
    aws.make(lb.TARGETS, {**given, "healthCheck": good})


def test_target_groups(aws: Aws, vpc: Resource, balancer: Resource, targets: Resource) -> None:
    assert re.fullmatch(r"targetgroup/web/[0-9a-f]{16}", targets.outputs["arnSuffix"])
    given = {"name": "other", "vpcId": "vpc-0", "port": 80, "protocol": "HTTP"}
    aws.refuses("ValidationError", "The VPC ID 'vpc-0' is not found", lb.TARGETS, given)
    text = "A target group with the same name 'web' exists"
    again = {**given, "name": "web", "vpcId": vpc.id}
    aws.refuses("DuplicateTargetGroupName", text, lb.TARGETS, again)
    assert aws.replaced(targets, port=80, deregistrationDelay=5) == ["port"]
    forward = [{"type": "forward", "targetGroupArn": targets.id}]
    user = aws.make(lb.LISTENER, listener(balancer, defaultActions=forward))
    text = f"Target group '{targets.id}' is currently in use by a listener or a rule"
    aws.refuses_delete("ResourceInUse", text, targets)
    user = aws.change(user, defaultActions=[FORBIDDEN])
    given = {"listenerArn": user.id, "priority": 1, "conditions": FROM_EDGE, "actions": forward}
    rule = aws.make(lb.RULE, given)
    aws.refuses_delete("ResourceInUse", text, targets)
    aws.delete(rule)
    aws.delete(targets)


def test_listeners(aws: Aws, balancer: Resource) -> None:
    made = aws.make(lb.LISTENER, listener(balancer))
    assert re.fullmatch(r".+:listener/app/web/[0-9a-f]{16}/[0-9a-f]{16}", made.id)
    text = "A listener already exists on this port"
    aws.refuses("DuplicateListener", text, lb.LISTENER, listener(balancer))
    missing = balancer.id[:-1] + "x"
    text = f"One or more load balancers not found: {missing}"
    aws.refuses("LoadBalancerNotFound", text, lb.LISTENER, listener(balancer, loadBalancerArn=missing))
    aws.change(made, tags={"a": "b"})


def test_an_https_listener_needs_an_issued_certificate_of_its_region(aws: Aws, balancer: Resource) -> None:
    tls = listener(balancer, port=443, protocol="HTTPS")
    text = "A certificate must be specified for HTTPS listeners"
    aws.refuses("ValidationError", text, lb.LISTENER, tls)
    request = {"domainName": "origin.example.com", "validationMethod": "DNS"}
    waiting = aws.make(acm.CERTIFICATE, request)
    text = "must have a fully-qualified domain name, a supported signature, and a supported key size."
    aws.refuses("UnsupportedCertificate", text, lb.LISTENER, {**tls, "certificateArn": waiting.id})
    here, there = (f"arn:aws:acm:{region}:{ACCOUNT}:certificate/a" for region in (REGION, "us-east-1"))
    text = f"Certificate '{here}' not found"
    aws.refuses("CertificateNotFound", text, lb.LISTENER, {**tls, "certificateArn": here})
    for arn in (here, there):
        aws.state.kv_put(acm.FOREIGN, arn, {"names": ["origin.example.com"]})
    text = f"Certificate '{there}' not found"
    aws.refuses("CertificateNotFound", text, lb.LISTENER, {**tls, "certificateArn": there})
    tls["certificateArn"] = here
    text = "SSL policy 'ELBSecurityPolicy-2030' not found"
    aws.refuses("SSLPolicyNotFound", text, lb.LISTENER, {**tls, "sslPolicy": "ELBSecurityPolicy-2030"})
    aws.make(lb.LISTENER, {**tls, "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"})
    plain = listener(balancer, port=81)
    for more in ({"certificateArn": here}, {"sslPolicy": "ELBSecurityPolicy-2016-08"}):
        aws.refuses(
            "ValidationError", "cannot be specified for HTTP listeners", lb.LISTENER, {**plain, **more}
        )


def test_a_redirect_must_lead_elsewhere(aws: Aws, balancer: Resource) -> None:
    def to(**redirect: str) -> dict[str, Any]:
        action = {"type": "redirect", "redirect": {"statusCode": "HTTP_301", **redirect}}
        return listener(balancer, defaultActions=[action])

    text = "The redirect configuration is not valid because it creates a loop."
    for loop in ({}, {"protocol": "HTTP", "port": "80", "path": "/#{path}"}):
        aws.refuses("InvalidLoadBalancerAction", text, lb.LISTENER, to(**loop))
    text = "A redirect action needs its RedirectConfig"
    bare = listener(balancer, defaultActions=[{"type": "redirect"}])
    aws.refuses("ValidationError", text, lb.LISTENER, bare)
    aws.make(lb.LISTENER, to(protocol="HTTPS", port="443"))


@pytest.mark.usefixtures("secrets_manager")
def test_access_logs_need_a_bucket_that_takes_them(aws: Aws, balancer: Resource) -> None:
    name, text = "the-logs", "Access Denied for bucket: the-logs. Please check S3bucket permission"
    logs = {"accessLogs": {"bucket": name, "prefix": "alb", "enabled": True}}
    aws.refuses_change("InvalidConfigurationRequest", text, balancer, **logs)
    bucket = aws.make(s3.BUCKET, {"bucket": name})
    aws.refuses_change("InvalidConfigurationRequest", text, balancer, **logs)

    def allow(path: str, account: str = ACCOUNT) -> dict[str, str]:
        document = policy(
            Effect="Allow",
            Principal={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            Action="s3:PutObject",
            Resource=f"arn:aws:s3:::{name}/{path}/*",
            Condition={"StringEquals": {"aws:SourceAccount": account}},
        )
        return {"bucket": name, "policy": document}

    made = aws.make(s3.POLICY, allow("elsewhere"))
    aws.refuses_change("InvalidConfigurationRequest", text, balancer, **logs)
    made = aws.change(made, **allow("alb", "999999999999"))
    aws.refuses_change("InvalidConfigurationRequest", text, balancer, **logs)
    made = aws.change(made, **allow(f"alb/AWSLogs/{ACCOUNT}"))
    aws.change(balancer, **logs)
    key = aws.make("aws:kms/key:Key", {})
    by_default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key.outputs["arn"]}
    rules = [{"applyServerSideEncryptionByDefault": by_default}]
    encryption = aws.make(s3.ENCRYPTION, {"bucket": name, "rules": rules})
    aws.refuses_change("InvalidConfigurationRequest", text, balancer, **logs)
    aws.delete(encryption)
    aws.state.put(replace(bucket, region="us-east-1"))
    aws.refuses_change("InvalidConfigurationRequest", text, balancer, **logs)
    aws.change(balancer, accessLogs={"bucket": name, "enabled": False})


def test_attributes(aws: Aws, balancer: Resource) -> None:
    for seconds in (0, 4001):
        aws.refuses_change("ValidationError", "must be 1 to 4000", balancer, idleTimeout=seconds)
    text = "'routing.http.desync_mitigation_mode' is not valid"
    aws.refuses_change("ValidationError", text, balancer, desyncMitigationMode="loose")
    aws.change(balancer, idleTimeout=4000, desyncMitigationMode="strictest")


@pytest.mark.parametrize(
    ("action", "code", "text"),
    [
        (
            {"type": "forward", "targetGroupArn": "none"},
            "TargetGroupNotFound",
            "target groups not found: none",
        ),
        ({"type": "fixed-response"}, "ValidationError", "needs its FixedResponseConfig"),
    ],
)
def test_actions(aws: Aws, balancer: Resource, action: dict[str, Any], code: str, text: str) -> None:
    aws.refuses(code, text, lb.LISTENER, listener(balancer, defaultActions=[action]))
    made = aws.make(lb.LISTENER, listener(balancer))
    rule = {"listenerArn": made.id, "conditions": FROM_EDGE, "actions": [action]}
    aws.refuses(code, text, lb.RULE, rule)


def test_rules(aws: Aws, balancer: Resource) -> None:
    made = aws.make(lb.LISTENER, listener(balancer))
    rule: dict[str, Any] = {"listenerArn": made.id, "conditions": FROM_EDGE, "actions": [FORBIDDEN]}
    for priority in (0, 50001):
        text = f"Priority '{priority}' must be between 1 and 50000"
        aws.refuses("ValidationError", text, lb.RULE, {**rule, "priority": priority})
    first = aws.make(lb.RULE, {**rule, "priority": 1})
    assert re.fullmatch(r".+:listener-rule/app/web/[0-9a-f]{16}/[0-9a-f]{16}/[0-9a-f]{16}", first.id)
    aws.refuses("PriorityInUse", "Priority '1' is currently in use", lb.RULE, {**rule, "priority": 1})
    aws.change(first, priority=50000)
    for _ in range(2):  # without a priority, the service finds a free one
        aws.make(lb.RULE, rule)
    text = "One or more listeners not found: none"
    aws.refuses("ListenerNotFound", text, lb.RULE, {**rule, "listenerArn": "none"})
