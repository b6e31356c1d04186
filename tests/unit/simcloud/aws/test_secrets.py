"""Secrets Manager: values are in moto, and names stay taken while a deletion waits."""

from __future__ import annotations

import json
import re

import pytest
from moto.backends import get_backend

from simcloud.aws import secrets
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws, client

VERSION = "aws:secretsmanager/secretVersion:SecretVersion"
GIVEN = {"name": "planb/backup", "recoveryWindowInDays": 7}

pytestmark = pytest.mark.usefixtures("secrets_manager")


@pytest.fixture
def secret(aws: Aws) -> Resource:
    return aws.make(secrets.SECRET, GIVEN)


def value(name: str = "planb/backup") -> str:
    return client("secretsmanager", REGION).get_secret_value(SecretId=name)["SecretString"]


def test_a_secret_and_its_value(aws: Aws, secret: Resource) -> None:
    arn = rf"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:planb/backup-[A-Za-z0-9]{{6}}"
    assert re.fullmatch(arn, secret.id)
    assert secret.outputs["arn"] == secret.id
    version = aws.make(VERSION, {"secretId": secret.id, "secretString": "one"})
    assert version.id == f"{secret.id}|{version.outputs['versionId']}"
    assert value() == value(secret.id) == "one"
    aws.change(version, secretString="two")
    assert value() == "two"
    text = "Secrets Manager can't find the specified secret."
    missing = {"secretId": f"{secret.id}x", "secretString": "v"}
    aws.refuses("ResourceNotFoundException", text, VERSION, missing)
    assert aws.replaced(secret, name="x", description="d") == ["name"]


def test_a_name_is_taken_once(aws: Aws, secret: Resource) -> None:
    text = "the secret planb/backup already exists."
    aws.refuses("ResourceExistsException", text, secrets.SECRET, GIVEN)
    aws.change(secret, description="still the same")


def test_a_secret_scheduled_for_deletion_blocks_its_name(aws: Aws, secret: Resource) -> None:
    aws.delete(secret)
    text = "a secret with this name is already scheduled for deletion."
    aws.refuses("InvalidRequestException", text, secrets.SECRET, GIVEN)
    aws.make(secrets.SECRET, {**GIVEN, "name": "other"})


def test_a_secret_deleted_at_once_frees_its_name(aws: Aws) -> None:
    given = {**GIVEN, "recoveryWindowInDays": 0}
    aws.delete(aws.make(secrets.SECRET, given))
    aws.make(secrets.SECRET, given)


@pytest.mark.parametrize("days", [1, 6, 31])
def test_the_window_is_0_or_7_to_30_days(aws: Aws, days: int) -> None:
    text = "RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
    given = {**GIVEN, "recoveryWindowInDays": days}
    aws.refuses("InvalidParameterException", text, secrets.SECRET, given)
    aws.make(secrets.SECRET, {**GIVEN, "recoveryWindowInDays": 30})


def test_a_restart_forgets_nothing(aws: Aws, secret: Resource) -> None:
    aws.make(VERSION, {"secretId": secret.id, "secretString": "kept"})
    going = aws.make(secrets.SECRET, {**GIVEN, "name": "going"})
    aws.delete(going)
    get_backend("secretsmanager").reset()
    secrets.rehydrate(aws.state, aws.world)
    assert value() == "kept"
    assert client("secretsmanager", REGION).describe_secret(SecretId="going")["DeletedDate"]
    text = "already scheduled for deletion"
    aws.refuses("InvalidRequestException", text, secrets.SECRET, {**GIVEN, "name": "going"})


DENY = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}


def told(**changes: object) -> str:
    statement = {k: v for k, v in {**DENY, **changes}.items() if v is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_secrets_policy(aws: Aws, secret: Resource) -> None:
    given = {"secretArn": secret.id, "policy": told(), "blockPublicPolicy": True}
    made = aws.make(secrets.POLICY, given)
    assert made.id == secret.id
    missing = {**given, "secretArn": f"{secret.id}x"}
    aws.refuses("ResourceNotFoundException", "find the specified secret", secrets.POLICY, missing)

    def refused(code: str, text: str, policy: str) -> None:
        aws.refuses(code, text, secrets.POLICY, {**given, "policy": policy}, "other")

    refused("MalformedPolicyDocumentException", "malformed", "{}")
    refused("MalformedPolicyDocumentException", "unsupported principal", told(Principal=None))
    refused("PublicPolicyException", "did not prevent broad access", told(Effect="Allow"))
    assert aws.replaced(made, secretArn="x", policy=told(Sid="a")) == ["secretArn"]


def test_only_a_services_own_secret_rotates_without_a_function(aws: Aws, secret: Resource) -> None:
    rules = {"rotationRules": {"automaticallyAfterDays": 7}}
    text = "No Lambda rotation function ARN is associated with this secret."
    aws.refuses("InvalidRequestException", text, secrets.ROTATION, {"secretId": secret.id, **rules})
    owned = secrets.put_secret(aws.state, aws.world, REGION, "rds!db-1", "{}")
    made = aws.make(secrets.ROTATION, {"secretId": owned, **rules})
    assert made.outputs["rotationEnabled"] is True
    none = {"secretId": "arn:nothing", **rules}
    aws.refuses("ResourceNotFoundException", "find the specified secret", secrets.ROTATION, none)
    for wrong, text in (
        ({"automaticallyAfterDays": 0}, "between 1 and 1000"),
        ({"automaticallyAfterDays": 7, "scheduleExpression": "rate(7 days)"}, "You must specify either"),
        ({}, "You must specify either"),
    ):
        given = {"secretId": owned, "rotationRules": wrong}
        aws.refuses("InvalidParameterException", text, secrets.ROTATION, given, "again")
