"""S3: buckets and their settings. The buckets are moto's, so every client of the endpoint sees them.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html and neighbours. Settings that were single
resources since 2022 are modelled as such; Bucket's deprecated inline forms of them are refused.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any

from botocore.exceptions import ClientError

from simcloud.aws import s3policy
from simcloud.aws.base import AwsKind, Named, by_arn, existing, in_use
from simcloud.aws.iam import KEY
from simcloud.aws.policies import allows
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ACL = "aws:s3/bucketAcl:BucketAcl"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
FOREIGN = "outside:bucket"
"""Scope of names that belong to somebody else's account (POST /outside/bucket of the control API)."""

_NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED = (("xn--", "sthree-", "amzn-s3-demo-"), ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"))
_INLINE = (
    *(
        "acl",
        "corsRules",
        "grants",
        "lifecycleRules",
        "logging",
        "policy",
        "replicationConfiguration",
        "website",
    ),
    *("serverSideEncryptionConfiguration", "versioning", "accelerationStatus", "requestPayer"),
    *("objectLockConfiguration", "objectLockEnabled", "bucketNamespace"),
)
_ZONES = {"ap-northeast-2": "Z3W03O7B5YMIYP", "us-east-1": "Z3AQBSTGFYJSTF"}  # of S3's website endpoints


def client(ctx: Context, region: str) -> Any:
    return ctx.world.aws.client("s3", region)


def bucket_of(ctx: Context, inputs: Properties, key: str = "bucket") -> Resource:
    """The bucket that a setting or an object is for."""
    return existing(
        ctx,
        BUCKET,
        inputs.get(key),
        "NoSuchBucket",
        f"The specified bucket does not exist: {inputs.get(key)}",
    )


def acls_enabled(ctx: Context, bucket: str) -> bool:
    """Off by default since April 2023: the owner owns everything (BucketOwnerEnforced)."""
    controls = ctx.by_id(OWNERSHIP, bucket)
    return controls is not None and controls.inputs["rule"]["objectOwnership"] != "BucketOwnerEnforced"


def lets(ctx: Context, bucket: str, service: str, key: str, **circumstances: str) -> bool:
    """Whether the bucket's policy lets this service put an object there."""
    found = ctx.by_id(POLICY, bucket)
    context = {"aws:SourceAccount": ctx.account, "s3:x-amz-acl": "bucket-owner-full-control"} | circumstances
    resource = f"arn:aws:s3:::{bucket}/{key}"
    return found is not None and allows(found.inputs["policy"], service, "s3:PutObject", context, resource)


def _refused(text: str, code: str = "InvalidArgument") -> CloudError:
    return CloudError(code, text)


@kind
class Bucket(Named):
    type, service, longest, name_key = BUCKET, "s3", 63, "bucket"
    replace_on = frozenset({"bucket", "bucketPrefix", "region"})

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        return super().autoname(ctx, inputs, name.lower(), old)

    def check(self, ctx: Context, inputs: Properties) -> None:
        inline = [key for key in _INLINE if key in inputs]
        if inline:
            raise CloudError(
                "NotModelled",
                f"simcloud models {', '.join(inline)} of a bucket only as a resource of its own",
            )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["bucket"])
        prefixes, suffixes = _RESERVED
        if not _NAME.fullmatch(name) or name.startswith(prefixes) or name.endswith(suffixes):
            raise CloudError("InvalidBucketName", f"The specified bucket is not valid: {name}")
        if old is not None:
            return
        if ctx.state.kv_get(FOREIGN, name):
            # https://github.com/cloudposse/terraform-aws-tfstate-backend/issues/54
            raise CloudError(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the "
                "system. Please select a different name and try again.",
            )
        # https://github.com/hashicorp/terraform-provider-aws/issues/5820
        in_use(
            ctx.find(BUCKET, bucket=name),
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
        )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        name, region = str(res.inputs["bucket"]), str(res.inputs.get("region") or ctx.region)
        return {
            "arn": f"arn:aws:s3:::{name}",
            "bucketDomainName": f"{name}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
            "bucketRegion": region,
            "hostedZoneId": _ZONES.get(region),
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        make(ctx, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        s3 = client(ctx, res.region)
        with contextlib.suppress(s3.exceptions.NoSuchBucket):
            found = s3.list_object_versions(Bucket=res.id)
            inside = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
            if inside and not res.inputs.get("forceDestroy"):
                versioned = ctx.by_id(VERSIONING, res.id)
                more = " You must delete all versions in the bucket." if versioned else ""
                raise CloudError("BucketNotEmpty", f"The bucket you tried to delete is not empty.{more}")
            for item in inside:
                s3.delete_object(Bucket=res.id, Key=item["Key"], VersionId=item["VersionId"])
            s3.delete_bucket(Bucket=res.id)


def make(ctx: Context, res: Resource) -> None:
    """The bucket in moto; nothing where there is one."""
    place = {"CreateBucketConfiguration": {"LocationConstraint": res.region}}
    with contextlib.suppress(ClientError):
        client(ctx, res.region).create_bucket(Bucket=res.id, **(place if res.region != "us-east-1" else {}))


class Setting(AwsKind):
    """One setting of one bucket; its id is the bucket's name."""

    service = "s3"
    replace_on = frozenset({"bucket", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["bucket"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        bucket = bucket_of(ctx, inputs)
        if old is None and ctx.by_id(self.type, bucket.id):
            # The cloud takes it, and the two then overwrite each other at every update.
            raise CloudError(
                "NotModelled", f"a second {self.type.rsplit(':', 1)[-1]} for the bucket {bucket.id}"
            )
        self.rules(ctx, inputs, old)

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        """What S3 refuses of this setting."""


@kind
class Versioning(Setting):
    type = VERSIONING

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        status = inputs["versioningConfiguration"]["status"]
        if status not in ("Enabled", "Suspended", "Disabled"):
            raise _refused("The XML you provided was not well-formed", "MalformedXML")
        before = old.inputs["versioningConfiguration"]["status"] if old else "Disabled"
        if status == "Disabled" and before != "Disabled":
            raise _refused(f"versioning_configuration.status cannot be updated from '{before}' to 'Disabled'")

    def create(self, ctx: Context, res: Resource) -> Properties:
        version(ctx, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        return self.create(ctx, res)

    def delete(self, ctx: Context, res: Resource) -> None:
        if res.inputs["versioningConfiguration"]["status"] == "Enabled":  # as the provider does
            _version(ctx, res, "Suspended")


def version(ctx: Context, res: Resource) -> None:
    """Moto's bucket as the setting says."""
    status = res.inputs["versioningConfiguration"]["status"]
    if status != "Disabled":
        _version(ctx, res, status)


def _version(ctx: Context, res: Resource, status: str) -> None:
    s3 = client(ctx, res.region)
    s3.put_bucket_versioning(Bucket=res.id, VersioningConfiguration={"Status": status})


@kind
class Encryption(Setting):
    type = ENCRYPTION

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        for rule in inputs["rules"]:
            given = rule.get("applyServerSideEncryptionByDefault") or {}
            algorithm, key = given.get("sseAlgorithm"), given.get("kmsMasterKeyId")
            if given and algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
                raise _refused("The XML you provided was not well-formed", "MalformedXML")
            if key and algorithm == "AES256":
                raise _refused(
                    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
                )
            key_exists(ctx, key)


def key_exists(ctx: Context, key: Any) -> None:
    """S3 says so only when it encrypts the first object; saying it here finds the mistake sooner (I)."""
    if key and by_arn(ctx, KEY, key) is None and ctx.by_id(KEY, str(key)) is None:
        raise CloudError("KMS.NotFoundException", f"Key '{key}' does not exist")


@kind
class PublicAccessBlock(Setting):
    type = PUBLIC_ACCESS

    def shown(self, ctx: Context, res: Resource) -> Properties:
        keys = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        return {key: bool(res.inputs.get(key)) for key in keys}


@kind
class Lifecycle(Setting):
    type = LIFECYCLE

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        seen: set[str] = set()
        for rule in inputs.get("rules") or []:
            if rule["id"] in seen:
                raise _refused("Rule ID must be unique. Found same ID for more than one rule")
            seen.add(rule["id"])
            if rule["status"] not in ("Enabled", "Disabled"):
                raise _refused("The XML you provided was not well-formed", "MalformedXML")
            # https://github.com/crossplane-contrib/provider-aws/issues/1337
            actions = (
                "expiration",
                "transitions",
                "noncurrentVersionExpiration",
                "noncurrentVersionTransitions",
            )
            if not any(rule.get(key) for key in (*actions, "abortIncompleteMultipartUpload")):
                raise _refused("At least one action needs to be specified in a rule", "InvalidRequest")
            self._days(rule)

    def _days(self, rule: Properties) -> None:
        expires = (rule.get("expiration") or {}).get("days")
        if expires is not None and int(expires) < 1:
            raise _refused("'Days' for Expiration action must be a positive integer")
        for move in rule.get("transitions") or []:
            days, storage = int(move.get("days") or 0), move["storageClass"]
            if storage in ("STANDARD_IA", "ONEZONE_IA") and days < 30:
                raise _refused(
                    "'Days' in Transition action must be greater than or equal to 30 for storageClass "
                    f"'{storage}'"
                )
            if expires is not None and int(expires) <= days:
                raise _refused(
                    "'Days' in the Expiration action for filter must be greater than 'Days' in the Transition action"
                )


@kind
class OwnershipControls(Setting):
    type = OWNERSHIP

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        ownership = inputs["rule"]["objectOwnership"]
        if ownership not in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"):
            raise _refused("The XML you provided was not well-formed", "MalformedXML")
        acl = ctx.by_id(ACL, str(inputs["bucket"]))
        if ownership == "BucketOwnerEnforced" and acl and acl.inputs.get("acl", "private") != "private":
            raise _refused(
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
                "InvalidBucketAclWithObjectOwnership",
            )


@kind
class BucketAcl(Setting):
    type = ACL

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        # https://github.com/trussworks/terraform-aws-s3-private-bucket/issues/403
        if not acls_enabled(ctx, str(inputs["bucket"])):
            raise _refused("The bucket does not allow ACLs", "AccessControlListNotSupported")
        block = ctx.by_id(PUBLIC_ACCESS, str(inputs["bucket"]))
        if str(inputs.get("acl", "")).startswith("public-") and (
            block is None or block.inputs.get("blockPublicAcls")
        ):
            raise _refused("Access Denied", "AccessDenied")


@kind
class BucketPolicy(Setting):
    type = POLICY

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        bucket = str(inputs["bucket"])
        statements = s3policy.check(ctx, bucket, inputs["policy"])
        block = ctx.by_id(PUBLIC_ACCESS, bucket)
        # A bucket without the resource has all four settings on, since April 2023.
        if s3policy.public(statements) and (block is None or block.inputs.get("blockPublicPolicy")):
            # In these words in many public logs of `terraform apply`.
            raise CloudError(
                "AccessDenied",
                f"User: arn:aws:iam::{ctx.account}:user/planb is not authorized to perform: s3:PutBucketPolicy on "
                f'resource: "arn:aws:s3:::{bucket}" because public policies are blocked by the BlockPublicPolicy '
                "block public access setting.",
            )


@kind
class BucketLogging(Setting):
    type = LOGGING

    def rules(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        target = ctx.by_id(BUCKET, str(inputs["targetBucket"]))
        if target is None:
            raise _refused("The target bucket for logging does not exist", "InvalidTargetBucketForLogging")
        if target.region != bucket_of(ctx, inputs).region:
            raise _refused("Cross S3 location logging not allowed. ", "CrossLocationLoggingProhibited")
        if inputs.get("targetGrants") and not acls_enabled(ctx, target.id):
            raise _refused(
                "You can't use target grants with a bucket that uses the bucket owner enforced setting (I)"
            )
