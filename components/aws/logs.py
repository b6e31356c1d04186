"""Access logs of load balancer and edge: one bucket, and how the edge's logs get there.

CloudFront's standard logging v2, since the legacy one writes by ACLs, which a bucket of today does not have:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, get_caller_identity_output, s3

from components.aws.buckets import encrypted, shut
from components.aws.documents import bucket_tls_only
from components.naming import child, tags

KEEP_DAYS = 365
ALB_PREFIX, EDGE_PREFIX = "alb", "cloudfront"
# All of standard logging's fields but the cookie, which is the session, and the query, in which names are looked up.
FIELDS = [
    *(
        "date",
        "time",
        "x-edge-location",
        "sc-bytes",
        "c-ip",
        "cs-method",
        "cs(Host)",
        "cs-uri-stem",
        "sc-status",
    ),
    *(
        "cs(Referer)",
        "cs(User-Agent)",
        "x-edge-result-type",
        "x-edge-request-id",
        "x-host-header",
        "cs-protocol",
    ),
    *(
        "cs-bytes",
        "time-taken",
        "x-forwarded-for",
        "ssl-protocol",
        "ssl-cipher",
        "x-edge-response-result-type",
    ),
    *(
        "cs-protocol-version",
        "c-port",
        "time-to-first-byte",
        "x-edge-detailed-result-type",
        "sc-content-type",
    ),
    *("sc-content-len", "c-country", "cache-behavior-path-pattern"),
]


@dataclass(frozen=True, kw_only=True)
class AccessLogsArgs:
    """`protect` keeps the bucket from being deleted with what is in it."""

    project: str
    protect: bool


class AccessLogs(pulumi.ComponentResource):
    """`bucket` and `arn` are known only when the policy is there, without which nobody may write."""

    def __init__(self, name: str, args: AccessLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:AccessLogs", name, None, opts)
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        bucket = s3.Bucket(
            f"{name}-bucket",
            bucket=account.apply(lambda id_: f"{args.project}-access-logs-{id_}"),
            force_destroy=not args.protect,
            tags=tags(f"{args.project}-access-logs"),
            opts=child(self, protect=args.protect),
        )
        # Load balancers write under no other encryption than S3's own keys:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        encrypted(f"{name}-encryption", bucket.bucket, child(self))
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="expire",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=KEEP_DAYS),
                    abort_incomplete_multipart_upload=(
                        s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                            days_after_initiation=7
                        )
                    ),
                )
            ],
            opts=child(self),
        )
        ownership = s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child(self),
        )
        block = shut(f"{name}-private", bucket.bucket, child(self))
        policy = s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=pulumi.Output.all(bucket.arn, account).apply(lambda values: bucket_policy(*values)),
            # S3 refuses changes of one bucket's access that meet each other (OperationAborted).
            opts=child(self, depends_on=[ownership, block]),
        )
        self.bucket: pulumi.Output[str] = policy.bucket
        self.arn: pulumi.Output[str] = pulumi.Output.concat("arn:aws:s3:::", policy.bucket)
        self.register_outputs({"bucket": self.bucket})


def bucket_policy(arn: str, account: str) -> str:
    """Who may write what; nobody without TLS."""
    mine = {"aws:SourceAccount": account}
    statements: list[dict[str, Any]] = [
        bucket_tls_only(arn),
        {
            # A path with the account in it belongs to load balancers of that account only. "IfExists" since the
            # service's own example has no condition, and deployments differ in whether it sends the key at all.
            "Sid": "LoadBalancer",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{ALB_PREFIX}/AWSLogs/{account}/*",
            "Condition": {"StringEqualsIfExists": mine},
        },
        {
            "Sid": "Edge",
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{arn}/{EDGE_PREFIX}/*",
            "Condition": {
                "StringEquals": {**mine, "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{account}:delivery-source:*"},
            },
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass(frozen=True, kw_only=True)
class EdgeLogsArgs:
    project: str
    distribution_arn: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]


class EdgeLogs(pulumi.ComponentResource):
    """From the distribution to the bucket; the three are made in us-east-1 wherever the bucket is."""

    def __init__(self, name: str, args: EdgeLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:EdgeLogs", name, None, opts)
        source = cloudwatch.LogDeliverySource(
            f"{name}-source",
            name=f"{args.project}-edge",
            log_type="ACCESS_LOGS",
            resource_arn=args.distribution_arn,
            region="us-east-1",
            tags=tags(f"{args.project}-edge"),
            opts=child(self),
        )
        destination = cloudwatch.LogDeliveryDestination(
            f"{name}-destination",
            name=f"{args.project}-access-logs",
            output_format="json",
            delivery_destination_configuration=(
                cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
                    destination_resource_arn=pulumi.Output.concat(args.bucket_arn, f"/{EDGE_PREFIX}")
                )
            ),
            region="us-east-1",
            tags=tags(f"{args.project}-access-logs"),
            opts=child(self),
        )
        cloudwatch.LogDelivery(
            f"{name}-delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            record_fields=FIELDS,
            region="us-east-1",
            tags=tags(f"{args.project}-edge"),
            opts=child(self),
        )
        self.register_outputs({})
