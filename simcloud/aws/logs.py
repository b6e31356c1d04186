"""CloudWatch Logs: log groups.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
"""

from __future__ import annotations

import re

from simcloud.aws.base import Named, by_arn, in_use
from simcloud.aws.iam import KEY
from simcloud.aws.policies import allows
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
KEY_ACTIONS = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey")


@kind
class LogGroup(Named):
    type = LOG_GROUP
    service, arn_path, longest = "logs", "log-group:{name}", 512
    replace_on = frozenset({"name", "namePrefix", "logGroupClass", "region"})
    retention = frozenset(
        {0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557}
        | {2922, 3288, 3653}
    )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["name"])
        if not re.fullmatch(r"[\w.\-/#]{1,512}", name):
            raise CloudError(
                "InvalidParameterException",
                "1 validation error detected: Value at 'logGroupName' failed to satisfy constraint",
            )
        if int(inputs.get("retentionInDays", 0)) not in self.retention:
            raise CloudError(
                "InvalidParameterException",
                f"Value {inputs['retentionInDays']} at 'retentionInDays' is not allowed",
            )
        if old is None:
            in_use(
                ctx.find(self.type, name=name),
                "ResourceAlreadyExistsException",
                "The specified log group already exists",
            )
        if inputs.get("kmsKeyId"):
            self._usable(ctx, str(inputs["kmsKeyId"]), self.region_of(ctx, inputs), name)

    def _usable(self, ctx: Context, key: str, region: str, name: str) -> None:
        """The key's policy must let the region's Logs service use it for this group."""
        arn = f"arn:aws:logs:{region}:{ctx.account}:log-group:{name}"
        found = by_arn(ctx, KEY, key)
        circumstances = {"kms:EncryptionContext:aws:logs:arn": arn, "aws:SourceAccount": ctx.account}
        service = f"logs.{region}.amazonaws.com"
        if (
            found is None
            or found.region != region
            or not all(
                allows(found.inputs.get("policy"), service, action, circumstances) for action in KEY_ACTIONS
            )
        ):
            # Wording: https://github.com/hashicorp/terraform-provider-aws/issues/29282
            raise CloudError(
                "AccessDeniedException",
                f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'",
            )
