"""What every bucket of ours is: shut to the public, encrypted. Its policy and its uses are its component's."""

from __future__ import annotations

import pulumi
from pulumi_aws import s3


def shut(name: str, bucket: pulumi.Input[str], opts: pulumi.ResourceOptions) -> s3.BucketPublicAccessBlock:
    """No public access, by whatever way."""
    return s3.BucketPublicAccessBlock(
        name,
        bucket=bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )


def encrypted(
    name: str, bucket: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> s3.BucketServerSideEncryptionConfiguration:
    """Under S3's own key; the caller says why not under ours."""
    by_s3 = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="AES256"
    )
    rule = s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=by_s3)
    return s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket, rules=[rule], opts=opts)
