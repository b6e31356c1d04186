"""S3's objects: what the program uploads is what a client downloads, also after a restart."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from moto.backends import get_backend

from simcloud.aws import s3, s3objects
from simcloud.kinds import Resource

from .conftest import REGION, Aws, client

NAME = "blue-artefacts"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
GIVEN = {"bucket": NAME, "key": "agent/agent.tar.gz", "content": "one"}

pytestmark = pytest.mark.usefixtures("secrets_manager")


@pytest.fixture
def bucket(aws: Aws) -> Resource:
    return aws.make(s3.BUCKET, {"bucket": NAME, "forceDestroy": True})


@pytest.fixture
def versioned(aws: Aws, bucket: Resource) -> Resource:
    aws.make(s3.VERSIONING, {"bucket": NAME, "versioningConfiguration": {"status": "Enabled"}})
    return bucket


def get(version: str | None = None, key: str = "agent/agent.tar.gz") -> bytes:
    more = {"VersionId": version} if version else {}
    return client("s3", REGION).get_object(Bucket=NAME, Key=key, **more)["Body"].read()


def test_an_object_can_be_read_by_any_client(aws: Aws, bucket: Resource) -> None:
    made = aws.make(OBJECT, {**GIVEN, "contentType": "application/gzip", "metadata": {"a": "b"}})
    assert made.id == f"{NAME}/agent/agent.tar.gz"
    assert made.outputs["etag"] == hashlib.md5(b"one").hexdigest()
    assert made.outputs["versionId"] == ""
    head = client("s3", REGION).head_object(Bucket=NAME, Key=GIVEN["key"])
    assert (head["ContentType"], head["Metadata"], get()) == ("application/gzip", {"a": "b"}, b"one")


def test_content_comes_from_a_file_or_base64(aws: Aws, bucket: Resource, tmp_path: Path) -> None:
    file = tmp_path / "agent"
    file.write_bytes(b"\x00\xff")
    asset = {"path": str(file), "hash": "x"}
    made = aws.make(OBJECT, {"bucket": NAME, "key": "f", "source": asset, "checksumAlgorithm": "SHA256"})
    assert get(key="f") == b"\x00\xff"
    digest = base64.b64encode(hashlib.sha256(b"\x00\xff").digest()).decode()
    assert made.outputs["checksumSha256"] == digest
    aws.make(OBJECT, {"bucket": NAME, "key": "g", "contentBase64": "AP8="}, "g")
    assert get(key="g") == b"\x00\xff"
    aws.refuses(
        "InvalidSource", "not archives", OBJECT, {"bucket": NAME, "key": "h", "source": {"assets": {}}}
    )
    two = {"bucket": NAME, "key": "i", "content": "x", "contentBase64": "AP8="}
    aws.refuses("ConflictingConfiguration", "conflicts with contentBase64", OBJECT, two)


def test_each_upload_is_a_version(aws: Aws, versioned: Resource) -> None:
    first = aws.make(OBJECT, GIVEN)
    second = aws.change(first, content="two")
    assert second.outputs["versionId"] != first.outputs["versionId"]
    assert (get(), get(first.outputs["versionId"])) == (b"two", b"one")
    same = aws.change(second, forceDestroy=True)
    assert same.outputs["versionId"] == second.outputs["versionId"], "no content has changed"
    assert aws.replaced(first, key="x", content="y") == ["key"]


def test_deleting_an_object_leaves_no_version(aws: Aws, versioned: Resource) -> None:
    made = aws.make(OBJECT, GIVEN)
    other = aws.make(OBJECT, {**GIVEN, "key": "agent/agent.tar.gz.sig"}, "sig")
    aws.delete(made)
    left = client("s3", REGION).list_object_versions(Bucket=NAME)["Versions"]
    assert [item["Key"] for item in left] == [other.inputs["key"]]


def test_a_restart_forgets_nothing(aws: Aws, versioned: Resource) -> None:
    first = aws.make(OBJECT, GIVEN)
    second = aws.change(first, content="two")
    get_backend("s3")["123456789012"]["aws"].reset()
    s3objects.rehydrate(aws.state, aws.world)
    assert (get(), get(first.outputs["versionId"])) == (b"two", b"one")
    assert get(second.outputs["versionId"]) == b"two"
    aws.delete(second)
    get_backend("s3")["123456789012"]["aws"].reset()
    s3objects.rehydrate(aws.state, aws.world)
    assert "Versions" not in client("s3", REGION).list_object_versions(Bucket=NAME)


def test_what_s3_refuses(aws: Aws, bucket: Resource) -> None:
    aws.refuses("NoSuchBucket", "does not exist", OBJECT, {**GIVEN, "bucket": "nowhere"})
    aws.refuses("KeyTooLongError", "Your key is too long", OBJECT, {**GIVEN, "key": "k" * 1025})
    text = "The bucket does not allow ACLs"
    aws.refuses("AccessControlListNotSupported", text, OBJECT, {**GIVEN, "acl": "bucket-owner-full-control"})
    aws.refuses("KMS.NotFoundException", "does not exist", OBJECT, {**GIVEN, "kmsKeyId": "gone"})
    aws.make(OBJECT, GIVEN)
    aws.refuses("NotModelled", "a second object agent/agent.tar.gz", OBJECT, GIVEN, "again")
    aws.make(s3.OWNERSHIP, {"bucket": NAME, "rule": {"objectOwnership": "ObjectWriter"}})
    aws.refuses("AccessDenied", "Access Denied", OBJECT, {**GIVEN, "key": "p", "acl": "public-read"})
