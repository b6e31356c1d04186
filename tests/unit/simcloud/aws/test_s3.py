"""S3's buckets and their settings: names, emptiness, policies, ownership."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud.aws import s3
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws, client, policy

NAME = "blue-logs-123456789012"
KEY = "aws:kms/key:Key"

pytestmark = pytest.mark.usefixtures("secrets_manager")


@pytest.fixture
def bucket(aws: Aws) -> Resource:
    return aws.make(s3.BUCKET, {"bucket": NAME})


def own(path: str = "") -> str:
    return f"arn:aws:s3:::{NAME}{path}"


def allow(**more: Any) -> str:
    given = {
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
    }
    return policy(**{**given, "Resource": own("/*"), **more})


def test_a_bucket_is_a_real_one_in_its_region(aws: Aws, bucket: Resource) -> None:
    assert bucket.id == NAME
    assert bucket.outputs["arn"] == own()
    assert bucket.outputs["bucketRegionalDomainName"] == f"{NAME}.s3.{REGION}.amazonaws.com"
    assert client("s3", REGION).get_bucket_location(Bucket=NAME)["LocationConstraint"] == REGION
    aws.make(s3.BUCKET, {"bucket": "over-there", "region": "us-east-1"}, "far")
    assert client("s3", "us-east-1").get_bucket_location(Bucket="over-there")["LocationConstraint"] is None
    assert aws.replaced(bucket, bucket="x", forceDestroy=True) == ["bucket"]


def test_an_automatic_name_is_lower_case(aws: Aws) -> None:
    made = aws.make(s3.BUCKET, {}, "Logs")
    assert made.id.startswith("logs-")
    assert len(made.id) == len("logs-") + 7


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "Upper",
        "under_score",
        "two..dots",
        "-first",
        "last-",
        "10.0.0.1",
        "xn--x-y",
        "x" * 64,
        "abc--x-s3",
    ],
)
def test_names_that_s3_refuses(aws: Aws, name: str) -> None:
    aws.refuses("InvalidBucketName", "The specified bucket is not valid", s3.BUCKET, {"bucket": name})


def test_names_are_global(aws: Aws, bucket: Resource) -> None:
    text = "you already own it."
    aws.refuses("BucketAlreadyOwnedByYou", text, s3.BUCKET, {"bucket": NAME}, "second")
    aws.state.kv_put(s3.FOREIGN, "taken-by-others", True)
    text = "The requested bucket name is not available."
    aws.refuses("BucketAlreadyExists", text, s3.BUCKET, {"bucket": "taken-by-others"})
    aws.change(bucket, forceDestroy=True)


def test_inline_settings_are_not_modelled(aws: Aws) -> None:
    aws.refuses("NotModelled", "versioning", s3.BUCKET, {"bucket": NAME, "versioning": {"enabled": True}})


def test_a_bucket_with_objects_stays_unless_told_otherwise(aws: Aws, bucket: Resource) -> None:
    client("s3", REGION).put_object(Bucket=NAME, Key="a", Body=b"1")
    aws.refuses_delete("BucketNotEmpty", "The bucket you tried to delete is not empty", bucket)
    aws.delete(aws.change(bucket, forceDestroy=True))
    assert NAME not in [b["Name"] for b in client("s3", REGION).list_buckets()["Buckets"]]


def test_old_versions_keep_a_bucket_too(aws: Aws, bucket: Resource) -> None:
    aws.make(s3.VERSIONING, {"bucket": NAME, "versioningConfiguration": {"status": "Enabled"}})
    client("s3", REGION).put_object(Bucket=NAME, Key="a", Body=b"1")
    client("s3", REGION).delete_object(Bucket=NAME, Key="a")
    aws.refuses_delete("BucketNotEmpty", "You must delete all versions in the bucket.", bucket)
    aws.delete(aws.change(bucket, forceDestroy=True))


def test_versioning_is_never_undone(aws: Aws, bucket: Resource) -> None:
    setting = aws.make(s3.VERSIONING, {"bucket": NAME, "versioningConfiguration": {"status": "Enabled"}})
    assert client("s3", REGION).get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    text = "cannot be updated from 'Enabled' to 'Disabled'"
    aws.refuses_change("InvalidArgument", text, setting, versioningConfiguration={"status": "Disabled"})
    aws.delete(setting)
    assert client("s3", REGION).get_bucket_versioning(Bucket=NAME)["Status"] == "Suspended"
    wrong = {"bucket": NAME, "versioningConfiguration": {"status": "On"}}
    aws.refuses("MalformedXML", "not well-formed", s3.VERSIONING, wrong)


def test_a_setting_needs_its_bucket_and_is_made_once(aws: Aws, bucket: Resource) -> None:
    given = {"bucket": "nowhere", "versioningConfiguration": {"status": "Enabled"}}
    aws.refuses("NoSuchBucket", "The specified bucket does not exist", s3.VERSIONING, given)
    aws.make(s3.PUBLIC_ACCESS, {"bucket": NAME})
    aws.refuses(
        "NotModelled", "a second BucketPublicAccessBlock", s3.PUBLIC_ACCESS, {"bucket": NAME}, "again"
    )


def test_encryption(aws: Aws, bucket: Resource) -> None:
    def rules(**by_default: str) -> dict[str, Any]:
        return {"bucket": NAME, "rules": [{"applyServerSideEncryptionByDefault": by_default}]}

    aws.refuses("MalformedXML", "not well-formed", s3.ENCRYPTION, rules(sseAlgorithm="aes"))
    text = "a KMSMasterKeyID is not applicable"
    given = rules(sseAlgorithm="AES256", kmsMasterKeyId="alias/x")
    aws.refuses("InvalidArgument", text, s3.ENCRYPTION, given)
    given = rules(sseAlgorithm="aws:kms", kmsMasterKeyId="gone")
    aws.refuses("KMS.NotFoundException", "Key 'gone' does not exist", s3.ENCRYPTION, given)
    key = aws.make(KEY, {})
    aws.make(s3.ENCRYPTION, rules(sseAlgorithm="aws:kms", kmsMasterKeyId=key.outputs["arn"]))


@pytest.mark.parametrize(
    ("rule", "code", "text"),
    [
        ({}, "InvalidRequest", "At least one action needs to be specified in a rule"),
        ({"status": "On", "expiration": {"days": 1}}, "MalformedXML", "not well-formed"),
        ({"expiration": {"days": 0}}, "InvalidArgument", "must be a positive integer"),
        (
            {"transitions": [{"days": 7, "storageClass": "STANDARD_IA"}]},
            "InvalidArgument",
            "must be greater than or equal to 30 for storageClass 'STANDARD_IA'",
        ),
        (
            {"expiration": {"days": 30}, "transitions": [{"days": 30, "storageClass": "GLACIER"}]},
            "InvalidArgument",
            "must be greater than 'Days' in the Transition action",
        ),
    ],
)
def test_lifecycle_rules_that_s3_refuses(
    aws: Aws, bucket: Resource, rule: dict[str, Any], code: str, text: str
) -> None:
    given = {"bucket": NAME, "rules": [{"id": "r", "status": "Enabled", **rule}]}
    aws.refuses(code, text, s3.LIFECYCLE, given)


def test_lifecycle_ids_are_unique(aws: Aws, bucket: Resource) -> None:
    rule = {"id": "old", "status": "Enabled", "expiration": {"days": 90}}
    aws.refuses(
        "InvalidArgument", "Rule ID must be unique", s3.LIFECYCLE, {"bucket": NAME, "rules": [rule, rule]}
    )
    aws.make(s3.LIFECYCLE, {"bucket": NAME, "rules": [rule]})


def test_acls_are_off_until_ownership_says_otherwise(aws: Aws, bucket: Resource) -> None:
    given = {"bucket": NAME, "acl": "log-delivery-write"}
    aws.refuses("AccessControlListNotSupported", "The bucket does not allow ACLs", s3.ACL, given)
    controls = aws.make(s3.OWNERSHIP, {"bucket": NAME, "rule": {"objectOwnership": "BucketOwnerPreferred"}})
    aws.make(s3.ACL, given)
    text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
    code, enforced = "InvalidBucketAclWithObjectOwnership", {"objectOwnership": "BucketOwnerEnforced"}
    aws.refuses_change(code, text, controls, rule=enforced)


def test_public_acls_need_an_open_block(aws: Aws, bucket: Resource) -> None:
    aws.make(s3.OWNERSHIP, {"bucket": NAME, "rule": {"objectOwnership": "ObjectWriter"}})
    given = {"bucket": NAME, "acl": "public-read"}
    aws.refuses("AccessDenied", "Access Denied", s3.ACL, given)
    aws.make(s3.PUBLIC_ACCESS, {"bucket": NAME, "blockPublicAcls": False})
    aws.make(s3.ACL, given)


def test_an_unknown_ownership(aws: Aws, bucket: Resource) -> None:
    given = {"bucket": NAME, "rule": {"objectOwnership": "Mine"}}
    aws.refuses("MalformedXML", "not well-formed", s3.OWNERSHIP, given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no json", "first byte must be '{'"),
        ("{}", "Missing required field Statement"),
        (allow(Effect="Maybe"), "Invalid effect"),
        (
            policy(Effect="Allow", Action="s3:GetObject", Resource=own("/*")),
            "Missing required field Principal",
        ),
        (
            policy(Effect="Allow", Principal="*", Action="s3:GetObject"),
            "Statement is missing required element",
        ),
        (allow(Resource="arn:aws:s3:::another/*"), "Policy has invalid resource"),
        (allow(Principal="somebody"), "Invalid policy syntax."),
        (allow(Principal={"Service": "logs"}), "Invalid principal in policy"),
        (allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}), "Invalid principal in policy"),
        (allow(Action="ec2:RunInstances"), "Policy has invalid action"),
        (allow(Resource=own()), "Action does not apply to any resource(s) in statement"),
        (allow(Action="s3:GetBucketAcl"), "Action does not apply to any resource(s) in statement"),
        (allow(Action="s3:ListBucket"), "Action does not apply to any resource(s) in statement"),
    ],
)
def test_policies_that_s3_refuses(aws: Aws, bucket: Resource, text: str, said: str) -> None:
    aws.refuses("MalformedPolicy", said, s3.POLICY, {"bucket": NAME, "policy": text})


def test_a_policy_may_name_roles_that_exist_and_accounts(aws: Aws, bucket: Resource) -> None:
    role = aws.role("reader", "ec2.amazonaws.com")
    names = [role.outputs["arn"], f"arn:aws:iam::{ACCOUNT}:root", "999999999999"]
    text = allow(
        Principal={"AWS": names}, Action=["s3:GetObject", "s3:ListBucket"], Resource=[own(), own("/*")]
    )
    aws.make(s3.POLICY, {"bucket": NAME, "policy": text})


@pytest.mark.parametrize(
    "more",
    [
        {"Principal": "*"},
        {"Principal": {"AWS": ["*"]}},
        {"Principal": "*", "Condition": {"StringLike": {"aws:SourceArn": "arn:aws:s3:::*"}}},
        {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}},
        {"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}},
    ],
)
def test_public_policies_are_blocked_by_default(aws: Aws, bucket: Resource, more: dict[str, Any]) -> None:
    given = {"bucket": NAME, "policy": allow(**more, Action="s3:GetObject")}
    text = "because public policies are blocked by the BlockPublicPolicy block public access setting."
    aws.refuses("AccessDenied", text, s3.POLICY, given)
    block = aws.make(s3.PUBLIC_ACCESS, {"bucket": NAME, "blockPublicPolicy": True})
    aws.refuses("AccessDenied", text, s3.POLICY, given)
    aws.change(block, blockPublicPolicy=False)
    aws.make(s3.POLICY, given)


@pytest.mark.parametrize(
    "text",
    [
        allow(Principal="*", Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}}),
        policy(
            Effect="Deny",
            Principal="*",
            Action="s3:*",
            Resource=[own(), own("/*")],
            Condition={"Bool": {"aws:SecureTransport": "false"}},
        ),
    ],
)
def test_policies_that_are_not_public(aws: Aws, bucket: Resource, text: str) -> None:
    aws.make(s3.POLICY, {"bucket": NAME, "policy": text})


def test_what_a_policy_lets_a_service_do(aws: Aws, bucket: Resource) -> None:
    service = "delivery.logs.amazonaws.com"
    assert not s3.lets(aws.ctx(), NAME, service, "logs/a"), "without a policy nobody else may"
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    made = aws.make(
        s3.POLICY, {"bucket": NAME, "policy": allow(Resource=own("/logs/*"), Condition=condition)}
    )
    assert s3.lets(aws.ctx(), NAME, service, "logs/a")
    assert not s3.lets(aws.ctx(), NAME, service, "other/a")
    assert not s3.lets(aws.ctx(), NAME, "logdelivery.elasticloadbalancing.amazonaws.com", "logs/a")
    aws.change(made, policy=allow(Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}}))
    assert not s3.lets(aws.ctx(), NAME, service, "logs/a")
    aws.change(made, policy=allow(Condition={"StringEqualsIfExists": {"aws:SourceOrgID": "o-1"}}))
    assert s3.lets(aws.ctx(), NAME, service, "logs/a"), "a key that the service does not send"


def test_server_access_logs_need_a_bucket_nearby(aws: Aws, bucket: Resource) -> None:
    given = {"bucket": NAME, "targetBucket": "nowhere", "targetPrefix": "x/"}
    text = "The target bucket for logging does not exist"
    aws.refuses("InvalidTargetBucketForLogging", text, s3.LOGGING, given)
    aws.make(s3.BUCKET, {"bucket": "far-away", "region": "us-east-1"}, "far")
    text = "Cross S3 location logging not allowed."
    aws.refuses("CrossLocationLoggingProhibited", text, s3.LOGGING, {**given, "targetBucket": "far-away"})
    aws.make(s3.BUCKET, {"bucket": "near-by"}, "near")
    grants = [{"permission": "READ", "grantee": {"type": "Group", "uri": "http://x"}}]
    near = {**given, "targetBucket": "near-by"}
    aws.refuses("InvalidArgument", "target grants", s3.LOGGING, {**near, "targetGrants": grants})
    aws.make(s3.LOGGING, near)
