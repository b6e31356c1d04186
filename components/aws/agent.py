"""The agent's artefact in a private bucket, named by version and content.

A host installs exactly the bytes whose hash stands in its user data (components/archive.py builds them).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_aws import get_caller_identity_output, s3

from components import archive
from components.aws.buckets import encrypted, shut
from components.aws.documents import bucket_tls_only
from components.naming import child, tags


@dataclass(frozen=True, kw_only=True)
class AgentArgs:
    """`root` is the checkout; `architecture` the hosts'; `protect` keeps the bucket while there is something in it."""

    project: str
    root: Path
    architecture: str
    protect: bool


class Agent(pulumi.ComponentResource):
    """A private, versioned bucket that speaks TLS only, and the artefact in it."""

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Agent", name, None, opts)
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        bucket = s3.Bucket(
            f"{name}-artefacts",
            # Bucket names are the whole world's: the account's number makes it ours.
            bucket=account.apply(lambda id_: f"{args.project}-artefacts-{id_}"),
            force_destroy=not args.protect,
            tags=tags(f"{args.project}-artefacts"),
            opts=child(self),
        )
        closed = shut(f"{name}-artefacts", bucket.bucket, child(self))
        versioned = s3.BucketVersioning(
            f"{name}-artefacts",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child(self),
        )
        # Program text, no secret: S3's own key, so that a host needs no right on ours to start.
        sealed = encrypted(f"{name}-artefacts", bucket.bucket, child(self))
        policy = s3.BucketPolicy(
            f"{name}-artefacts",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(
                lambda arn: json.dumps({"Version": "2012-10-17", "Statement": [bucket_tls_only(arn)]})
            ),
            # Both write the bucket's policy settings, and S3 refuses the one while the other is under way.
            opts=child(self, depends_on=[closed]),
        )
        try:
            self.archive = archive.build(args.root, args.architecture)
        except archive.ArchiveError as problem:
            raise pulumi.RunError(str(problem)) from None
        item = s3.BucketObjectv2(
            f"{name}-agent",
            bucket=bucket.bucket,
            key=self.archive.key,
            source=pulumi.FileAsset(str(archive.written(args.root, self.archive))),
            content_type="application/zip",
            checksum_algorithm="SHA256",
            tags=tags(f"{args.project}-agent"),
            opts=child(self, depends_on=[versioned, sealed, policy]),
        )
        self.bucket: pulumi.Output[str] = bucket.bucket
        self.arn: pulumi.Output[str] = pulumi.Output.concat(bucket.arn, "/", item.key)
        self.account: pulumi.Output[str] = account
        self.stored: pulumi.Resource = item
        self.register_outputs({"bucket": self.bucket, "key": item.key, "sha256": self.archive.sha256})
