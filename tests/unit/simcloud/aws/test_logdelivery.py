"""Standard logging v2: from a distribution to a bucket that lets it."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.aws import cloudfront, logdelivery, s3
from simcloud.kinds import Resource

from .conftest import ACCOUNT, Aws, policy
from .test_cloudfront import distribution

VIRGINIA, BUCKET = "us-east-1", "the-logs"

pytestmark = pytest.mark.usefixtures("secrets_manager")


@pytest.fixture
def edge(aws: Aws) -> Resource:
    return aws.make(cloudfront.DISTRIBUTION, distribution())


@pytest.fixture
def source(aws: Aws, edge: Resource) -> Resource:
    return aws.make(logdelivery.SOURCE, from_(edge))


@pytest.fixture
def destination(aws: Aws) -> Resource:
    aws.make(s3.BUCKET, {"bucket": BUCKET})
    return aws.make(logdelivery.DESTINATION, to(f"arn:aws:s3:::{BUCKET}/cloudfront"))


def from_(edge: Resource, **more: Any) -> dict[str, Any]:
    arn = edge.outputs["arn"]
    return {"name": "edge", "logType": "ACCESS_LOGS", "resourceArn": arn, "region": VIRGINIA, **more}


def to(arn: str, **more: Any) -> dict[str, Any]:
    where = {"destinationResourceArn": arn}
    return {"name": "bucket", "deliveryDestinationConfiguration": where, "region": VIRGINIA, **more}


def allow(path: str) -> dict[str, Any]:
    condition = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"},
        "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:*"},
    }
    document = policy(
        Effect="Allow",
        Principal={"Service": "delivery.logs.amazonaws.com"},
        Action="s3:PutObject",
        Resource=f"arn:aws:s3:::{BUCKET}/{path}/*",
        Condition=condition,
    )
    return {"bucket": BUCKET, "policy": document}


def test_a_source_is_made_in_virginia(aws: Aws, edge: Resource) -> None:
    text = "PutDeliverySource action is not supported for this LogType in region ap-northeast-2"
    wrong = from_(edge, region="ap-northeast-2")
    aws.refuses("ValidationException", text, logdelivery.SOURCE, wrong)
    missing = from_(edge, resourceArn=edge.outputs["arn"] + "X")
    aws.refuses("ResourceNotFoundException", "does not exist", logdelivery.SOURCE, missing)
    aws.refuses("ValidationException", "at 'name'", logdelivery.SOURCE, from_(edge, name="a.b"))
    aws.refuses("NotModelled", "ACCESS_LOGS", logdelivery.SOURCE, from_(edge, logType="EVENT_LOGS"))
    made = aws.make(logdelivery.SOURCE, from_(edge))
    assert made.outputs["arn"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:delivery-source:edge"
    text = "This ResourceId has already been used in another Delivery Source in this account"
    aws.refuses("ConflictException", text, logdelivery.SOURCE, from_(edge, name="second"), "second")


def test_a_destination_is_a_bucket(aws: Aws) -> None:
    text = "does not exist"
    aws.refuses("ResourceNotFoundException", text, logdelivery.DESTINATION, to("arn:aws:s3:::none"))
    aws.make(s3.BUCKET, {"bucket": BUCKET})
    text = "Invalid output format"
    given = to(f"arn:aws:s3:::{BUCKET}", outputFormat="xml")
    aws.refuses("ValidationException", text, logdelivery.DESTINATION, given)
    aws.make(logdelivery.DESTINATION, to(f"arn:aws:s3:::{BUCKET}/a", outputFormat="json"))


def test_a_delivery_needs_the_buckets_leave(aws: Aws, source: Resource, destination: Resource) -> None:
    given = {
        "deliverySourceName": source.id,
        "deliveryDestinationArn": destination.outputs["arn"],
        "region": VIRGINIA,
    }
    text = "Access Denied for LogDestination: the-logs. Please check LogDestination permission"
    aws.refuses("AccessDeniedException", text, logdelivery.DELIVERY, given)
    made = aws.make(s3.POLICY, allow("elsewhere"))
    aws.refuses("AccessDeniedException", text, logdelivery.DELIVERY, given)
    aws.change(made, **allow("cloudfront"))
    text = "Invalid record fields: cs(Password)"
    wrong = {**given, "recordFields": ["date", "cs(Password)"]}
    aws.refuses("ValidationException", text, logdelivery.DELIVERY, wrong)
    for key in ("deliverySourceName", "deliveryDestinationArn"):
        wrong = {**given, key: "none"}
        aws.refuses("ResourceNotFoundException", "does not exist", logdelivery.DELIVERY, wrong)
    delivery = aws.make(logdelivery.DELIVERY, {**given, "recordFields": ["date", "time"]})
    for end in (source, destination):
        aws.refuses_delete("ConflictException", "has deliveries", end)
    aws.delete(delivery)
    aws.delete(source)


def test_policies_of_log_groups(aws: Aws) -> None:
    document = policy(Effect="Allow", Action="logs:PutLogEvents", Resource="*")
    given = {"policyDocument": document, "policyName": "waf", "region": VIRGINIA}
    aws.refuses("MalformedPolicyDocument", "Syntax", logdelivery.POLICY, {**given, "policyDocument": "{}"})
    aws.refuses("NotModelled", "of an account", logdelivery.POLICY, {"policyDocument": document})
    for n in range(10):
        aws.make(logdelivery.POLICY, {**given, "policyName": f"p{n}"}, f"p{n}")
    aws.refuses("LimitExceededException", "Resource limit exceeded.", logdelivery.POLICY, given)
    aws.make(logdelivery.POLICY, {**given, "region": "ap-northeast-2"})
