"""Provider functions."""

from __future__ import annotations

import pytest

from simcloud.kinds import CloudError

from .conftest import ACCOUNT, REGION, Aws

AMI = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
EDGE = "com.amazonaws.global.cloudfront.origin-facing"


def test_who_and_where(aws: Aws) -> None:
    assert aws.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == ACCOUNT
    assert aws.invoke("aws:index/getPartition:getPartition")["partition"] == "aws"
    assert aws.invoke("aws:index/getRegion:getRegion")["region"] == REGION
    assert aws.invoke("aws:index/getRegion:getRegion", region="us-east-1")["id"] == "us-east-1"


def test_public_images_are_the_only_parameters(aws: Aws) -> None:
    found = aws.invoke("aws:ssm/getParameter:getParameter", name=AMI)
    assert found["value"].startswith("ami-")
    assert found["arn"] == f"arn:aws:ssm:{REGION}::parameter{AMI}"
    with pytest.raises(CloudError, match=r"ParameterNotFound: SSM Parameter \(/mine\)"):
        aws.invoke("aws:ssm/getParameter:getParameter", name="/mine")


def test_prefix_lists(aws: Aws) -> None:
    token = "aws:ec2/getManagedPrefixList:getManagedPrefixList"
    assert aws.invoke(token, name=EDGE)["id"].startswith("pl-")
    with pytest.raises(CloudError, match=r"InvalidPrefixListId\.NotFound: no matching EC2 Managed Prefix"):
        aws.invoke(token, name="none")
