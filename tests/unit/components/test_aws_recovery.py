"""The recovery function: its network, its permissions to the letter, what happens to what it fails at."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.aws.recovery import Recovery, RecoveryArgs, queue_policy, role_policy
from simcloud.aws.policies import allows
from tests import iam

from .conftest import Recorded, Run

ACCOUNT, SEOUL = "123456789012", "ap-northeast-2"
NEAR = f"{SEOUL}:{ACCOUNT}"
CLUSTER = f"arn:aws:eks:{NEAR}:cluster/blue-eks"
TOPIC, WAKING = f"arn:aws:sns:{NEAR}:blue-alarms", f"arn:aws:sns:{NEAR}:blue-recovery"
QUEUE, KEY = f"arn:aws:sqs:{NEAR}:blue-recovery-failed", f"arn:aws:kms:{NEAR}:key/1"
LOGS = f"arn:aws:logs:{NEAR}:log-group:/aws/lambda/blue-recovery"


@pytest.fixture
def made(run: Run, preview: bool) -> Recorded:
    def program() -> None:
        Recovery(
            "recovery",
            RecoveryArgs(
                project="blue",
                region=SEOUL,
                code={"handler.py": "def handle(event, context): ..."},
                vpc_id="vpc-1",
                subnet_ids=[pulumi.Output.from_input("subnet-a"), pulumi.Output.from_input("subnet-c")],
                cluster_name="blue-eks",
                cluster_arn=CLUSTER,
                cluster_security_group_id="sg-cluster",
                key_arn=KEY,
                alarms_topic_arn=TOPIC,
                recovery_topic_arn=WAKING,
            ),
            pulumi.ResourceOptions(provider=aws.Provider("aws", region=SEOUL)),
        )

    return run(program, preview=preview)


def test_one_at_a_time_on_a_runtime_that_exists(made: Recorded) -> None:
    function = made.one("Function")
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert function["handler"] == "handler.handle"
    assert function["reservedConcurrentExecutions"] == 1
    assert function["tracingConfig"] == {"mode": "Active"}
    assert function["kmsKeyArn"] == KEY
    assert function["environment"]["variables"] == {"AUDIT_TOPIC_ARN": TOPIC, "CLUSTER_NAME": "blue-eks"}
    assert function["vpcConfig"]["subnetIds"] == ["subnet-a", "subnet-c"]
    group = made.one("aws:cloudwatch/logGroup:LogGroup")
    assert (group["name"], group["retentionInDays"]) == ("/aws/lambda/blue-recovery", 365)
    assert group["kmsKeyId"] == KEY
    # The service tries the role out, so it must be able to do things already.
    assert any(urn.endswith("::recovery-may") for urn in function.after)


@pytest.mark.parametrize("preview", [False], indirect=True, ids=["up"])
def test_its_network(made: Recorded) -> None:
    ours = "recovery-group-id"
    assert made.one("Function")["vpcConfig"]["securityGroupIds"] == [ours]
    (out,) = made.all("SecurityGroupEgressRule")
    assert (out["securityGroupId"], out["cidrIpv4"], out["fromPort"]) == (ours, "0.0.0.0/0", 443)
    (into,) = made.all("SecurityGroupIngressRule")
    assert (into["securityGroupId"], into["referencedSecurityGroupId"]) == ("sg-cluster", ours)
    assert (into["fromPort"], into["toPort"], into["ipProtocol"]) == (443, 443, "tcp")


@pytest.mark.parametrize("preview", [False], indirect=True, ids=["up"])
def test_nothing_it_fails_at_is_lost(made: Recorded) -> None:
    queue = made.one("Queue")
    assert queue["kmsMasterKeyId"] == KEY and queue["messageRetentionSeconds"] == 1_209_600
    dead = "arn:Queue:recovery-failed"
    assert made.one("Function")["deadLetterConfig"] == {"targetArn": dead}
    subscription = made.one("TopicSubscription")
    assert (subscription["topic"], subscription["protocol"]) == (WAKING, "lambda")
    assert json.loads(subscription["redrivePolicy"]) == {"deadLetterTargetArn": dead}
    retries = made.one("FunctionEventInvokeConfig")
    assert (retries["maximumRetryAttempts"], retries["maximumEventAgeInSeconds"]) == (2, 3600)
    permission = made.one("Permission")
    assert (permission["principal"], permission["sourceArn"]) == ("sns.amazonaws.com", WAKING)
    assert permission["sourceAccount"] == ACCOUNT
    policy = queue_policy(QUEUE, WAKING)
    service = "sns.amazonaws.com"
    assert allows(policy, service, "sqs:SendMessage", {"aws:SourceArn": WAKING})
    assert not allows(policy, service, "sqs:SendMessage", {"aws:SourceArn": TOPIC})
    assert not allows(policy, service, "sqs:ReceiveMessage", {"aws:SourceArn": WAKING})


def test_the_cluster_knows_it_and_grants_nothing_yet(made: Recorded) -> None:
    entry = made.one("AccessEntry")
    assert (entry["type"], entry["kubernetesGroups"]) == ("STANDARD", ["planb:recovery"])
    assert made.all("AccessPolicyAssociation") == []


@pytest.fixture
def policy() -> str:
    return role_policy(
        region=SEOUL,
        function="blue-recovery",
        account=ACCOUNT,
        cluster="blue-eks",
        cluster_arn=CLUSTER,
        queue=QUEUE,
        logs=LOGS,
        topic=TOPIC,
        key=KEY,
    )


GROUP = f"arn:aws:autoscaling:{NEAR}:autoScalingGroup:1:autoScalingGroupName/eks-blue-web-1"
TERMINATE = "autoscaling:TerminateInstanceInAutoScalingGroup"


@pytest.mark.parametrize(
    ("action", "resource", "context", "answer"),
    [
        ("logs:PutLogEvents", f"{LOGS}:log-stream:x", {}, "allowed"),
        ("logs:PutLogEvents", LOGS.replace("blue", "green") + ":log-stream:x", {}, "implicitDeny"),
        ("logs:CreateLogGroup", LOGS, {}, "implicitDeny"),
        ("ec2:CreateNetworkInterface", f"arn:aws:ec2:{NEAR}:subnet/subnet-a", {}, "allowed"),
        ("ec2:TerminateInstances", f"arn:aws:ec2:{NEAR}:instance/i-1", {}, "implicitDeny"),
        (
            "ec2:CreateNetworkInterface",
            f"arn:aws:ec2:{NEAR}:subnet/subnet-a",
            {"lambda:SourceFunctionArn": f"arn:aws:lambda:{NEAR}:function:blue-recovery"},
            "explicitDeny",
        ),
        ("eks:DescribeCluster", CLUSTER, {}, "allowed"),
        ("eks:DescribeCluster", CLUSTER.replace("blue", "green"), {}, "implicitDeny"),
        ("eks:CreateAccessEntry", CLUSTER, {}, "implicitDeny"),
        (TERMINATE, GROUP, {"aws:ResourceTag/eks:cluster-name": "blue-eks"}, "allowed"),
        (TERMINATE, GROUP, {"aws:ResourceTag/eks:cluster-name": "green-eks"}, "implicitDeny"),
        (TERMINATE, GROUP, {}, "implicitDeny"),
        ("autoscaling:DeleteAutoScalingGroup", GROUP, {}, "implicitDeny"),
        ("sns:Publish", TOPIC, {}, "allowed"),
        ("sns:Publish", WAKING, {}, "implicitDeny"),
        ("sqs:SendMessage", QUEUE, {}, "allowed"),
        ("sqs:ReceiveMessage", QUEUE, {}, "implicitDeny"),
        ("kms:GenerateDataKey", KEY, {}, "allowed"),
        ("kms:ScheduleKeyDeletion", KEY, {}, "implicitDeny"),
        ("xray:PutTraceSegments", "*", {}, "allowed"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{NEAR}:secret:x", {}, "implicitDeny"),
    ],
)
def test_its_role(policy: str, action: str, resource: str, context: dict[str, Any], answer: str) -> None:
    assert iam.decide([policy], action, resource, context) == answer


def test_it_never_wakes_itself(policy: str) -> None:
    """It tells people on a topic that it is not subscribed to."""
    assert iam.decide([policy], "sns:Publish", WAKING) == "implicitDeny"
