"""Objects of S3: really in moto, with their versions, and put back after the daemon's restart.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html. What a client of the endpoint stores by itself
lives as long as the daemon does; only what the program deploys comes back.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from moto.backends import get_backend

from simcloud.assets import asset_bytes
from simcloud.aws.base import AwsKind
from simcloud.aws.s3 import (
    BUCKET,
    PUBLIC_ACCESS,
    VERSIONING,
    acls_enabled,
    bucket_of,
    client,
    key_exists,
    make,
    version,
)
from simcloud.kinds import CloudError, Context, Properties, Resource, kind
from simcloud.state import State
from simcloud.world import World

OBJECTS = "aws:s3:objects"
"""Scope of what moto has to be filled with: "bucket/key" → its versions, oldest first."""

_HEADERS = {
    "contentType": "ContentType",
    "cacheControl": "CacheControl",
    "contentDisposition": "ContentDisposition",
    "contentEncoding": "ContentEncoding",
    "contentLanguage": "ContentLanguage",
    "metadata": "Metadata",
    "serverSideEncryption": "ServerSideEncryption",
    "kmsKeyId": "SSEKMSKeyId",
    "storageClass": "StorageClass",
    "websiteRedirect": "WebsiteRedirectLocation",
}
_CONTENT = ("content", "contentBase64", "source")
_DIGESTS = {"SHA1": ("checksumSha1", hashlib.sha1), "SHA256": ("checksumSha256", hashlib.sha256)}


class _Object(AwsKind):
    service = "s3"
    replace_on = frozenset({"bucket", "key", "region"})

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return inputs if inputs.get("key") is not None else {**inputs, "key": name}

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['bucket']}/{inputs['key']}"

    def check(self, ctx: Context, inputs: Properties) -> None:
        given = [key for key in _CONTENT if key in inputs]
        if len(given) > 1:
            raise CloudError("ConflictingConfiguration", f'"{given[0]}": conflicts with {given[1]}')

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        bucket = bucket_of(ctx, inputs)
        key = str(inputs["key"])
        if not 0 < len(key.encode()) <= 1024:
            raise CloudError("KeyTooLongError", "Your key is too long")
        if old is None and ctx.by_id(self.type, f"{bucket.id}/{key}"):
            # The cloud takes it, and the two then overwrite each other at every update.
            raise CloudError("NotModelled", f"a second object {key} in the bucket {bucket.id}")
        acl = inputs.get("acl")
        if acl and acl != "private" and not acls_enabled(ctx, bucket.id):
            raise CloudError("AccessControlListNotSupported", "The bucket does not allow ACLs")
        block = ctx.by_id(PUBLIC_ACCESS, bucket.id)
        if str(acl or "").startswith("public-") and (block is None or block.inputs.get("blockPublicAcls")):
            raise CloudError("AccessDenied", "Access Denied")
        key_exists(ctx, inputs.get("kmsKeyId"))
        body(inputs)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": f"arn:aws:s3:::{res.id}"}

    def create(self, ctx: Context, res: Resource) -> Properties:
        content = body(res.inputs)
        given = {api: res.inputs[own] for own, api in _HEADERS.items() if res.inputs.get(own) is not None}
        answer = _put(ctx.world, res.region, res.id, content, given)
        record: Properties = {"region": res.region, "given": given, "version": answer.get("VersionId")}
        record["body"] = base64.b64encode(content).decode()
        versions = ctx.state.kv_get(OBJECTS, res.id) or [] if answer.get("VersionId") else []
        ctx.state.kv_put(OBJECTS, res.id, [*versions, record])
        name, digest = _DIGESTS.get(str(res.inputs.get("checksumAlgorithm")), ("", None))
        sums = {name: base64.b64encode(digest(content).digest()).decode()} if digest else {}
        return {"etag": answer["ETag"].strip('"'), "versionId": answer.get("VersionId") or "", **sums}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        uploads = (*_CONTENT, *_HEADERS, "sourceHash", "etag", "checksumAlgorithm")
        changed = any(old.inputs.get(key) != res.inputs.get(key) for key in uploads)
        return self.create(ctx, res) if changed else {}

    def delete(self, ctx: Context, res: Resource) -> None:
        bucket, key = res.id.split("/", 1)
        s3 = client(ctx, res.region)
        found = s3.list_object_versions(Bucket=bucket, Prefix=key)
        for item in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            if item["Key"] == key:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=item["VersionId"])
        ctx.state.kv_delete(OBJECTS, res.id)


def body(inputs: Properties) -> bytes:
    """The object's content, from whichever of the three inputs has it."""
    if inputs.get("contentBase64") is not None:
        return base64.b64decode(str(inputs["contentBase64"]))
    source: Any = inputs.get("content", inputs.get("source", ""))
    try:
        return asset_bytes(source)
    except (ValueError, OSError) as error:
        raise CloudError("InvalidSource", f"{error}; simcloud takes assets, not archives") from None


def _put(world: World, region: str, id_: str, content: bytes, given: Properties) -> dict[str, Any]:
    bucket, key = id_.split("/", 1)
    return world.aws.client("s3", region).put_object(Bucket=bucket, Key=key, Body=content, **given)


def rehydrate(state: State, world: World) -> None:
    """Fills a fresh moto after the daemon's restart; versions keep their ids."""
    for res in state.find(BUCKET):
        make(Context(state, world, res.region, {}, res.urn), res)
    for res in state.find(VERSIONING):
        version(Context(state, world, res.region, {}, res.urn), res)
    for id_, versions in state.kv_items(OBJECTS).items():
        bucket, key = id_.split("/", 1)
        for record in versions:
            content = base64.b64decode(record["body"])
            _put(world, record["region"], id_, content, record["given"])
            if record["version"]:
                # No API sets a version's id; moto runs in this process, so its own object is at hand.
                stored: Any = get_backend("s3")[Context.account]["aws"].buckets[bucket].keys[key]
                stored._version_id = record["version"]


@kind
class BucketObjectv2(_Object):
    type = "aws:s3/bucketObjectv2:BucketObjectv2"


@kind
class BucketObject(_Object):
    """The older resource of the same thing."""

    type = "aws:s3/bucketObject:BucketObject"
