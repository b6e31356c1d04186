"""The operations key: who may use it, and where."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.aws.encryption import OperationsKey, OperationsKeyArgs
from simcloud.aws.policies import allows

from .conftest import Recorded, Run

ACCOUNT, SEOUL, VIRGINIA = "123456789012", "ap-northeast-2", "us-east-1"


@pytest.fixture(params=[None, VIRGINIA], ids=["home", "us-east-1"])
def made(run: Run, request: pytest.FixtureRequest) -> tuple[Recorded, str | None]:
    def program() -> None:
        opts = pulumi.ResourceOptions(provider=aws.Provider("aws", region=SEOUL))
        OperationsKey("k", OperationsKeyArgs(project="blue", home_region=SEOUL, region=request.param), opts)

    return run(program), request.param


def test_it_rotates_and_has_a_name_in_its_region(made: tuple[Recorded, str | None]) -> None:
    recorded, region = made
    key, alias = recorded.one("Key"), recorded.one("Alias")
    assert key["enableKeyRotation"] is True and key["deletionWindowInDays"] == 30
    assert {key.inputs.get("region"), alias.inputs.get("region")} == {region}
    assert alias["name"] == "alias/blue-operations" + (f"-{region}" if region else "")
    assert alias["targetKeyId"] == "arn:Key:k-key"


def test_who_may_use_it(made: tuple[Recorded, str | None]) -> None:
    recorded, region = made
    policy, here = recorded.one("Key")["policy"], region or SEOUL
    other = SEOUL if region else VIRGINIA
    mine = {
        "aws:SourceAccount": ACCOUNT,
        "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{here}:{ACCOUNT}:log-group:/x",
    }
    theirs: dict[str, Any] = {
        "aws:SourceAccount": "999999999999",
        "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{here}:999999999999:log-group:/x",
    }
    for service in (f"logs.{here}.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"):
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            assert allows(policy, service, action, mine), service
            assert not allows(policy, service, action, theirs), service
            assert not allows(policy, service, action, {}), service
        assert not allows(policy, service, "kms:PutKeyPolicy", mine)
    for service in ("s3.amazonaws.com", f"logs.{other}.amazonaws.com"):
        assert not allows(policy, service, "kms:Decrypt", mine), service
    principals = [s["Principal"].get("AWS") for s in json.loads(policy)["Statement"]]
    assert [who for who in principals if who] == [f"arn:aws:iam::{ACCOUNT}:root"]
