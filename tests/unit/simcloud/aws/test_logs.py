"""Log groups and the keys that they may use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.aws.encryption import key_policy
from simcloud.aws import iam
from simcloud.aws.logs import LOG_GROUP as LOGS

from .conftest import ACCOUNT, REGION, Aws

REFUSED = "The specified KMS key does not exist or is not allowed to be used with Arn"


def test_log_groups(aws: Aws) -> None:
    given = {"name": "/planb/backup", "retentionInDays": 3653}
    made = aws.make(LOGS, given)
    assert made.outputs["arn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/planb/backup"
    text = "The specified log group already exists"
    aws.refuses("ResourceAlreadyExistsException", text, LOGS, given)
    text = "Value 10 at 'retentionInDays' is not allowed"
    aws.refuses("InvalidParameterException", text, LOGS, {"name": "x", "retentionInDays": 10})
    text = "Value at 'logGroupName' failed to satisfy constraint"
    aws.refuses("InvalidParameterException", text, LOGS, {"name": "a b"})
    assert aws.replaced(made, name="x", retentionInDays=1) == ["name"]


def key(aws: Aws, **changes: Any) -> str:
    """A key with our own policy, whose statement for log groups is changed."""
    policy = json.loads(key_policy(ACCOUNT, REGION))
    (statement,) = [s for s in policy["Statement"] if s["Sid"] == "LogGroups"]
    statement |= changes
    return aws.make(iam.KEY, {"policy": json.dumps(policy)}).outputs["arn"]


def test_a_group_takes_a_key_that_lets_it(aws: Aws) -> None:
    arn = key(aws)
    made = aws.make(LOGS, {"name": "/planb/a", "kmsKeyId": arn})
    aws.change(made, kmsKeyId=key(aws))
    aws.refuses_change("AccessDeniedException", REFUSED, made, kmsKeyId="arn:none")
    named = f"Arn 'arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/planb/b'"
    error = aws.refuses("AccessDeniedException", REFUSED, LOGS, {"name": "/planb/b", "kmsKeyId": "arn:none"})
    assert error.message.endswith(named)


@pytest.mark.parametrize(
    "changes",
    [
        {"Effect": "Deny"},
        {"Principal": {"Service": "logs.us-east-1.amazonaws.com"}},
        {"Action": ["kms:Encrypt*", "kms:Decrypt*"]},
        {
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:*:*:log-group:/other"}
            }
        },
        {"Condition": {"StringEquals": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:*"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Condition": {"Bool": {"aws:SourceAccount": ACCOUNT}}},
    ],
)
def test_a_key_that_does_not(aws: Aws, changes: dict[str, Any]) -> None:
    given = {"name": "/planb/a", "kmsKeyId": key(aws, **changes)}
    aws.refuses("AccessDeniedException", REFUSED, LOGS, given)


def test_a_default_policy_lets_no_service_use_a_key(aws: Aws) -> None:
    arn = aws.make(iam.KEY, {}).outputs["arn"]
    aws.refuses("AccessDeniedException", REFUSED, LOGS, {"name": "/planb/a", "kmsKeyId": arn})


def test_a_key_serves_its_own_region(aws: Aws) -> None:
    policy = key_policy(ACCOUNT, "us-east-1")
    arn = aws.make(iam.KEY, {"policy": policy, "region": "us-east-1"}).outputs["arn"]
    given = {"name": "/planb/a", "kmsKeyId": arn}
    aws.refuses("AccessDeniedException", REFUSED, LOGS, given)
    aws.make(LOGS, {**given, "region": "us-east-1"})
