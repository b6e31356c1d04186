"""The key of everything that operates the site: logs, notifications, queues. Customers' data has a key of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import get_caller_identity_output, kms

from components.naming import child, tags


@dataclass(frozen=True, kw_only=True)
class OperationsKeyArgs:
    """`region` where the provider's own is not meant: what lives in us-east-1 needs a key there."""

    project: str
    home_region: str
    region: str | None = None


class OperationsKey(pulumi.ComponentResource):
    """One KMS key with an explicit policy; a key's default policy lets no AWS service use it on its own."""

    def __init__(
        self, name: str, args: OperationsKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("planb:aws:OperationsKey", name, None, opts)
        region = args.region or args.home_region
        label = f"{args.project}-operations" + (f"-{args.region}" if args.region else "")
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        key = kms.Key(
            f"{name}-key",
            description=f"{args.project}: logs and notifications",
            enable_key_rotation=True,
            # Logs and messages can be lost for good with it: the longest time to think again.
            deletion_window_in_days=30,
            policy=account.apply(lambda id_: key_policy(id_, region)),
            region=args.region,
            tags=tags(label),
            opts=child(self),
        )
        kms.Alias(
            f"{name}-key",
            name=f"alias/{label}",
            target_key_id=key.arn,
            region=args.region,
            opts=child(self),
        )
        self.arn: pulumi.Output[str] = key.arn
        self.register_outputs({"arn": self.arn})


def key_policy(account: str, region: str) -> str:
    """Who may use the key, as a document; in a key's own policy the resource `*` means this key."""
    use = ["kms:Decrypt", "kms:GenerateDataKey*"]
    mine = {"StringEquals": {"aws:SourceAccount": account}}
    statements = [
        {
            # Without it nobody could ever change the policy again, and IAM policies would count for nothing.
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
            # without its kms:Describe*, which carries no encryption context, so that the condition never let it.
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": [
                "kms:Encrypt*",
                "kms:Decrypt*",
                "kms:ReEncrypt*",
                "kms:GenerateDataKey*",
            ],
            "Resource": "*",
            "Condition": {
                "StringLike": {
                    "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"
                }
            },
        },
        {
            # An alarm whose service may not use the topic's key is lost without a word:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
            "Sid": "AlarmsToEncryptedTopics",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": use,
            "Resource": "*",
            "Condition": mine,
        },
        {
            "Sid": "TopicsToEncryptedQueues",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": use,
            "Resource": "*",
            "Condition": mine,
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
