"""SQS queues and their policies.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
"""

from __future__ import annotations

import re

from simcloud.aws.base import AwsKind, Named, existing, in_use
from simcloud.aws.iam import document
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

QUEUE = "aws:sqs/queue:Queue"
RANGES = {  # attribute → what the provider's schema takes
    "delaySeconds": (0, 900),
    "messageRetentionSeconds": (60, 1_209_600),
    "receiveWaitTimeSeconds": (0, 20),
    "visibilityTimeoutSeconds": (0, 43_200),
    "kmsDataKeyReusePeriodSeconds": (60, 86_400),
}


@kind
class Queue(Named):
    type = QUEUE
    service, arn_path, longest = "sqs", "{name}", 80
    replace_on = frozenset({"name", "namePrefix", "fifoQueue", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"https://sqs.{self.region_of(ctx, inputs)}.amazonaws.com/{ctx.account}/{inputs['name']}"

    def check(self, ctx: Context, inputs: Properties) -> None:
        for key, (low, high) in RANGES.items():
            value = inputs.get(key)
            if isinstance(value, int) and not low <= value <= high:
                snake = re.sub(r"(?=[A-Z])", "_", key).lower()
                text = f"expected {snake} to be in the range ({low} - {high}), got {value}"
                raise CloudError("InvalidConfiguration", text)
        if inputs.get("kmsMasterKeyId") and inputs.get("sqsManagedSseEnabled"):
            text = '"kms_master_key_id": conflicts with sqs_managed_sse_enabled'
            raise CloudError("InvalidConfiguration", text)

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name = str(inputs["name"])
        fifo = bool(inputs.get("fifoQueue"))
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}(\.fifo)?", name) or name.endswith(".fifo") != fifo:
            raise CloudError(
                "InvalidParameterValue",
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            )
        if old is None:
            text = "A queue already exists with the same name and a different value for attribute"
            in_use(ctx.find(QUEUE, id=self.identify(ctx, inputs, "")), "QueueAlreadyExists", text)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"url": res.id}


@kind
class QueuePolicy(AwsKind):
    type = "aws:sqs/queuePolicy:QueuePolicy"
    replace_on = frozenset({"queueUrl", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["queueUrl"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        text = "The specified queue does not exist."
        existing(ctx, QUEUE, inputs["queueUrl"], "AWS.SimpleQueueService.NonExistentQueue", text)
        for statement in document(inputs["policy"])["Statement"]:
            if "Principal" not in statement:
                raise CloudError("InvalidAttributeValue", "Invalid value for the parameter Policy.")
