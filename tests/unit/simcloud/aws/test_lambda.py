"""Lambda: role, network, runtime, concurrency, who may invoke."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simcloud.aws import iam, sqs
from simcloud.aws.lambda_ import FUNCTION
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws

PERMISSION = "aws:lambda/permission:Permission"
INVOKE = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
HERE = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
NETWORK = {
    "Effect": "Allow",
    "Action": ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"],
    "Resource": f"{HERE}:*/*",
}
LOOK = {"Effect": "Allow", "Action": "ec2:DescribeNetworkInterfaces", "Resource": "*"}
BAD = "InvalidParameterValueException"


@pytest.fixture
def role(aws: Aws) -> Resource:
    return aws.role("recovery", "lambda.amazonaws.com")


@pytest.fixture
def given(role: Resource) -> dict[str, Any]:
    return {
        "name": "recovery",
        "role": role.outputs["arn"],
        "runtime": "python3.13",
        "handler": "handler.handle",
        # An archive as it is on the wire.
        "code": {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7", "assets": {}},
    }


def allow(aws: Aws, *statements: dict[str, Any], name: str = "p") -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws.make(iam.INLINE, {"role": "recovery", "name": name, "policy": document}, name)


def test_a_function(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(FUNCTION, given)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:recovery"
    assert (made.outputs["arn"], made.outputs["qualifiedArn"]) == (arn, f"{arn}:$LATEST")
    assert made.outputs["invokeArn"].endswith(f"functions/{arn}/invocations")
    aws.refuses("ResourceConflictException", "Function already exist: recovery", FUNCTION, given)
    aws.refuses("ValidationException", "at 'functionName' failed", FUNCTION, {**given, "name": "a b"})
    assert aws.replaced(made, name="x", timeout=1) == ["name"]


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("expected timeout to be in the range (1 - 900), got 901", {"timeout": 901}),
        ("expected memory_size to be in the range (128 - 32768), got 64", {"memorySize": 64}),
        ("handler and runtime must be set when PackageType is Zip", {"handler": None}),
        ("handler and runtime must be set when PackageType is Zip", {"runtime": None}),
        ("one of `filename,image_uri,s3_bucket` must be specified", {"code": None}),
    ],
)
def test_what_the_provider_refuses(aws: Aws, given: dict[str, Any], text: str, changes: Any) -> None:
    wrong = {k: v for k, v in {**given, **changes}.items() if v is not None}
    aws.refuses("InvalidConfiguration", text, FUNCTION, wrong)


def test_its_role(aws: Aws, given: dict[str, Any]) -> None:
    text = "The role defined for the function cannot be assumed by Lambda."
    other = aws.role("other", "ec2.amazonaws.com").outputs["arn"]
    for arn in (other, f"arn:aws:iam::{ACCOUNT}:role/none"):
        aws.refuses(BAD, text, FUNCTION, {**given, "role": arn})


def test_its_runtime(aws: Aws, given: dict[str, Any]) -> None:
    text = "The runtime parameter of python3.7 is no longer supported for creating or updating"
    aws.refuses(BAD, text, FUNCTION, {**given, "runtime": "python3.7"})
    text = "Value cobol1 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set"
    aws.refuses(BAD, text, FUNCTION, {**given, "runtime": "cobol1"})


def test_its_network(aws: Aws, given: dict[str, Any], vpc: Resource) -> None:
    config = {"subnetIds": aws.pair(vpc), "securityGroupIds": [aws.group(vpc).id]}
    inside = {**given, "vpcConfig": config}
    text = "The provided execution role does not have permissions to call CreateNetworkInterface on EC2"
    aws.refuses(BAD, text, FUNCTION, inside)
    allow(
        aws, {**NETWORK, "Resource": f"{HERE}:network-interface/*"}
    )  # it is asked about subnets and groups too
    aws.refuses(BAD, text, FUNCTION, inside)
    allow(aws, NETWORK, name="q")
    aws.refuses(BAD, "permissions to call DescribeNetworkInterfaces on EC2", FUNCTION, inside)
    allow(aws, LOOK, name="r")
    missing = {**config, "subnetIds": ["subnet-0"]}
    aws.refuses(BAD, "The subnet ID 'subnet-0' does not exist", FUNCTION, {**given, "vpcConfig": missing})
    missing = {**config, "securityGroupIds": ["sg-0"]}
    aws.refuses(BAD, "The security group 'sg-0' does not exist", FUNCTION, {**given, "vpcConfig": missing})
    made = aws.make(FUNCTION, inside)
    group = aws.state.by_id("aws:ec2/securityGroup:SecurityGroup", config["securityGroupIds"][0])
    assert group
    aws.refuses_delete("DependencyViolation", "has a dependent object", group)
    aws.delete(made)
    aws.delete(group)


def test_a_denial_counts_unless_it_is_for_its_code_only(
    aws: Aws, given: dict[str, Any], vpc: Resource
) -> None:
    inside = {**given, "vpcConfig": {"subnetIds": aws.pair(vpc), "securityGroupIds": []}}
    deny = {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}
    own = {"Condition": {"ArnEquals": {"lambda:SourceFunctionArn": "arn:x"}}}
    allow(aws, NETWORK, LOOK, {**deny, **own})
    made = aws.make(FUNCTION, inside)
    allow(aws, deny, name="deny")
    text = "permissions to call CreateNetworkInterface on EC2"
    aws.refuses_change(BAD, text, made, timeout=10)


def test_what_its_role_must_be_able_to_do(aws: Aws, given: dict[str, Any]) -> None:
    queue = aws.make(sqs.QUEUE, {"name": "dead"}).outputs["arn"]
    dead = {**given, "deadLetterConfig": {"targetArn": queue}}
    aws.refuses(BAD, "does not have permissions to call SendMessage on SQS", FUNCTION, dead)
    topic = {**given, "deadLetterConfig": {"targetArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t"}}
    aws.refuses(BAD, "does not have permissions to call Publish on SNS", FUNCTION, topic)
    traced = {**dead, "tracingConfig": {"mode": "Active"}}
    allow(aws, {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue})
    aws.refuses(BAD, "does not have permissions to call PutTraceSegments on XRAY", FUNCTION, traced)
    # An attached policy counts as well as an inline one.
    document = {"Effect": "Allow", "Action": "xray:Put*", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    arn = aws.make(iam.POLICY, {"name": "trace", "policy": text}).outputs["arn"]
    aws.make(iam.ATTACHMENT, {"role": "recovery", "policyArn": arn})
    aws.make(FUNCTION, traced)


def test_its_key(aws: Aws, given: dict[str, Any]) -> None:
    text = "the KMS key is invalid for CreateGrant"
    far = aws.make(iam.KEY, {"region": "us-east-1"}).outputs["arn"]
    for arn in (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/none", far):
        aws.refuses(BAD, text, FUNCTION, {**given, "kmsKeyArn": arn})
    aws.make(FUNCTION, {**given, "kmsKeyArn": aws.make(iam.KEY, {}).outputs["arn"]})


def test_concurrency_leaves_a_hundred(aws: Aws, given: dict[str, Any]) -> None:
    text = "UnreservedConcurrentExecution below its minimum value of [100]"
    aws.make(FUNCTION, {**given, "name": "big", "reservedConcurrentExecutions": 899})
    aws.refuses(BAD, text, FUNCTION, {**given, "reservedConcurrentExecutions": 2})
    made = aws.make(FUNCTION, {**given, "reservedConcurrentExecutions": 1})
    aws.change(made, timeout=10)  # its own share is not counted twice
    aws.make(FUNCTION, {**given, "name": "off", "reservedConcurrentExecutions": 0})


def test_who_may_invoke(aws: Aws, given: dict[str, Any]) -> None:
    missing = {"action": "lambda:InvokeFunction", "function": "recovery", "principal": "sns.amazonaws.com"}
    aws.refuses("ResourceNotFoundException", "Function not found: recovery", PERMISSION, missing)
    arn = aws.make(FUNCTION, given).outputs["arn"]
    wanted = {**missing, "function": arn, "statementId": "sns"}
    assert aws.make(PERMISSION, wanted).id == "sns"
    text = "The statement id (sns) provided already exists."
    aws.refuses("ResourceConflictException", text, PERMISSION, {**wanted, "function": "recovery"})
    bad = {**wanted, "statementId": "x", "action": "s3:GetObject"}
    aws.refuses("ValidationException", "at 'action' failed to satisfy constraint", PERMISSION, bad)
    assert aws.make(PERMISSION, missing, "named").id.startswith("named-")


def test_retries(aws: Aws, given: dict[str, Any]) -> None:
    aws.refuses("ResourceNotFoundException", "Function not found", INVOKE, {"functionName": "recovery"})
    aws.make(FUNCTION, given)
    for key, value in (("maximumRetryAttempts", 3), ("maximumEventAgeInSeconds", 59)):
        wrong = {"functionName": "recovery", key: value}
        aws.refuses("InvalidConfiguration", f"got {value}", INVOKE, wrong)
    aws.make(INVOKE, {"functionName": "recovery", "maximumRetryAttempts": 2})
