"""Amazon Q Developer in chat applications, which keeps the name chatbot. Here somebody has authorised every workspace.

https://docs.aws.amazon.com/chatbot/latest/APIReference/API_CreateSlackChannelConfiguration.html
"""

from __future__ import annotations

import re

from simcloud.aws.base import AwsKind, by_arn, existing, in_use
from simcloud.aws.iam import ROLE, trusts
from simcloud.aws.sns import TOPIC
from simcloud.kinds import CloudError, Context, Properties, Resource, kind

# https://docs.aws.amazon.com/general/latest/gr/chatbot.html
REGIONS = {"us-east-2", "us-west-2", "ap-southeast-1", "eu-west-1"}


@kind
class SlackChannelConfiguration(AwsKind):
    type = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
    replace_on = frozenset({"configurationName", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return (
            f"arn:aws:chatbot::{ctx.account}:chat-configuration/slack-channel/{inputs['configurationName']}"
        )

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        region = self.region_of(ctx, inputs)
        if region not in REGIONS:
            # The service has no endpoint elsewhere: https://github.com/aws/aws-cli/issues/8658
            raise CloudError("RequestError", f"dial tcp: lookup chatbot.{region}.amazonaws.com: no such host")
        name = str(inputs["configurationName"])
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", name):
            raise CloudError("InvalidParameterException", f"Invalid configuration name: {name}")
        if old is None:
            text = "Configuration with the same name already exists"
            in_use(ctx.find(self.type, configurationName=name), "ConflictException", text)
        role = by_arn(ctx, ROLE, inputs["iamRoleArn"])
        if role is None or not trusts(role, "chatbot.amazonaws.com"):
            raise CloudError("InvalidParameterException", "The IAM role cannot be assumed by AWS Chatbot")
        for topic in inputs.get("snsTopicArns") or []:
            existing(ctx, TOPIC, topic, "InvalidParameterException", f"SNS topic {topic} does not exist")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "chatConfigurationArn": res.id,
            "slackChannelName": str(res.inputs["slackChannelId"]).lower(),
            "slackTeamName": str(res.inputs["slackTeamId"]).lower(),
        }
