"""Topics, their policies, subscriptions; queues; the chat channel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simcloud.aws import sns, sqs
from simcloud.aws.sns import POLICY, SUBSCRIPTION, TOPIC
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws, client, policy

pytestmark = pytest.mark.usefixtures("secrets_manager")  # moto in this process

QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
CHAT = "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration"
ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"


@pytest.fixture
def topic(aws: Aws) -> Resource:
    return aws.make(TOPIC, {"name": "alarms", "kmsMasterKeyId": "arn:key"})


def attributes() -> dict[str, str]:
    return client("sns", REGION).get_topic_attributes(TopicArn=ARN)["Attributes"]


def test_a_topic_is_seen_by_boto3(aws: Aws, topic: Resource) -> None:
    assert topic.id == topic.outputs["arn"] == ARN
    assert attributes()["KmsMasterKeyId"] == "arn:key"
    aws.change(topic, kmsMasterKeyId="arn:other")
    assert attributes()["KmsMasterKeyId"] == "arn:other"
    elsewhere = aws.make(TOPIC, {"name": "alarms", "region": "us-east-1"})
    assert elsewhere.id == ARN.replace(REGION, "us-east-1")
    aws.refuses("InvalidParameter", "Topic already exists", TOPIC, {"name": "alarms"})
    assert aws.replaced(topic, name="x", displayName="y") == ["name"]
    aws.delete(topic)
    assert client("sns", REGION).list_topics()["Topics"] == []


@pytest.mark.parametrize(
    "given",
    [{"name": "a b"}, {"name": "a.fifo"}, {"name": "a", "fifoTopic": True}, {"name": "x" * 257}],
)
def test_names_of_topics(aws: Aws, given: dict[str, Any]) -> None:
    aws.refuses("InvalidParameter", "Topic Name", TOPIC, given)


def test_fifo(aws: Aws) -> None:
    made = aws.make(TOPIC, {"name": "a.fifo", "fifoTopic": True})
    text = "Content-based deduplication can only be set for FIFO topics"
    aws.refuses("InvalidParameter", text, TOPIC, {"name": "a", "contentBasedDeduplication": True})
    given = {"topic": made.id, "protocol": "email", "endpoint": "a@b.co"}
    aws.refuses("InvalidParameter", "Invalid protocol type: email", SUBSCRIPTION, given)


def said(**more: Any) -> str:
    given = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
    return policy(**{**given, "Resource": ARN, **more})


def test_a_topics_policy(aws: Aws, topic: Resource) -> None:
    made = aws.make(POLICY, {"arn": ARN, "policy": said()})
    assert json.loads(attributes()["Policy"]) == json.loads(said())
    aws.change(made, policy=said(Action=["sns:Publish", "SNS:Receive"]))
    assert "Receive" in attributes()["Policy"]
    scope = "Policy statement action out of service scope!"
    for action in ("sns:*", "sns:CreateTopic", "sqs:SendMessage", ["sns:Publish", "sns:Unsubscribe"]):
        aws.refuses("InvalidParameter", scope, POLICY, {"arn": ARN, "policy": said(Action=action)})
    nobody = policy(Effect="Allow", Action="sns:Publish", Resource=ARN)
    aws.refuses("InvalidParameter", "Policy Error: null", POLICY, {"arn": ARN, "policy": nobody})
    other = said(Resource=f"{ARN}-other")
    aws.refuses("InvalidParameter", "does not match the topic", POLICY, {"arn": ARN, "policy": other})
    aws.refuses("NotFound", "Topic does not exist", POLICY, {"arn": f"{ARN}-none", "policy": said()})


def subscribed() -> set[tuple[str, str]]:
    found = client("sns", REGION).list_subscriptions_by_topic(TopicArn=ARN)["Subscriptions"]
    return {(item["Protocol"], item["Endpoint"]) for item in found}


def test_subscriptions(aws: Aws, topic: Resource) -> None:
    lambda_ = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
    made = [
        aws.make(SUBSCRIPTION, {"topic": ARN, "protocol": protocol, "endpoint": endpoint}, protocol)
        for protocol, endpoint in (("email", "a@b.co"), ("https", "https://x.example/k"), ("lambda", lambda_))
    ]
    assert [item.outputs["pendingConfirmation"] for item in made] == [True, True, False]
    assert all(item.id.startswith(f"{ARN}:") and item.outputs["arn"] == item.id for item in made)
    assert subscribed() == {("email", "a@b.co"), ("https", "https://x.example/k"), ("lambda", lambda_)}
    assert aws.replaced(made[0], endpoint="b@b.co", rawMessageDelivery=True) == ["endpoint"]
    aws.delete(made[1])
    assert subscribed() == {("email", "a@b.co"), ("lambda", lambda_)}


@pytest.mark.parametrize(
    ("code", "text", "protocol", "endpoint"),
    [
        ("InvalidConfiguration", "expected protocol to be one of", "slack", "x"),
        ("InvalidParameter", "Endpoint must match the specified protocol", "https", "http://x.example"),
        ("InvalidParameter", "Email address", "email", "nobody"),
        ("InvalidParameter", "SQS endpoint ARN", "sqs", "queue"),
        ("InvalidParameter", "Lambda endpoint ARN", "lambda", "function"),
    ],
)
def test_endpoints(aws: Aws, topic: Resource, code: str, text: str, protocol: str, endpoint: str) -> None:
    given = {"topic": ARN, "protocol": protocol, "endpoint": endpoint}
    aws.refuses(code, text, SUBSCRIPTION, given)


def test_a_subscription_points_at_what_exists(aws: Aws, topic: Resource) -> None:
    given = {"topic": ARN, "protocol": "email", "endpoint": "a@b.co"}
    aws.refuses("NotFound", "Topic does not exist", SUBSCRIPTION, {**given, "topic": f"{ARN}-none"})
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
    dead = {**given, "redrivePolicy": json.dumps({"deadLetterTargetArn": queue})}
    aws.refuses("InvalidParameter", "RedrivePolicy: deadLetterTargetArn", SUBSCRIPTION, dead)
    assert aws.make(sqs.QUEUE, {"name": "dead"}).outputs["arn"] == queue
    aws.make(SUBSCRIPTION, dead)


def test_a_fresh_moto_is_filled_again(aws: Aws, topic: Resource) -> None:
    aws.make(POLICY, {"arn": ARN, "policy": said()})
    mail = aws.make(SUBSCRIPTION, {"topic": ARN, "protocol": "email", "endpoint": "a@b.co"})
    client("sns", REGION).delete_topic(TopicArn=ARN)
    sns.rehydrate(aws.state, aws.world)
    assert attributes()["KmsMasterKeyId"] == "arn:key"
    assert subscribed() == {("email", "a@b.co")}
    aws.delete(mail)  # by what it is: its ARN is a new one
    assert subscribed() == set()


def test_queues(aws: Aws) -> None:
    made = aws.make(sqs.QUEUE, {"name": "dead"})
    assert made.id == made.outputs["url"] == f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/dead"
    aws.refuses("QueueAlreadyExists", "A queue already exists", sqs.QUEUE, {"name": "dead"})
    for name in ("a b", "a.fifo", "x" * 81):
        text = "Can only include alphanumeric characters"
        aws.refuses("InvalidParameterValue", text, sqs.QUEUE, {"name": name})
    text = "expected message_retention_seconds to be in the range (60 - 1209600), got 59"
    aws.refuses("InvalidConfiguration", text, sqs.QUEUE, {"name": "q", "messageRetentionSeconds": 59})
    both = {"name": "q", "kmsMasterKeyId": "k", "sqsManagedSseEnabled": True}
    aws.refuses("InvalidConfiguration", "conflicts with sqs_managed_sse_enabled", sqs.QUEUE, both)
    missing = {"queueUrl": f"{made.id}-none", "policy": said()}
    text = "The specified queue does not exist."
    aws.refuses("AWS.SimpleQueueService.NonExistentQueue", text, QUEUE_POLICY, missing)
    nobody = policy(Effect="Allow", Action="sqs:SendMessage", Resource="*")
    text = "Invalid value for the parameter Policy."
    aws.refuses("InvalidAttributeValue", text, QUEUE_POLICY, {"queueUrl": made.id, "policy": nobody})
    aws.make(QUEUE_POLICY, {"queueUrl": made.id, "policy": said()})


def test_the_chat_channel(aws: Aws, topic: Resource) -> None:
    role = aws.role("chat", "chatbot.amazonaws.com")
    given = {
        "configurationName": "blue-alarms",
        "iamRoleArn": role.outputs["arn"],
        "slackChannelId": "C012345678",
        "slackTeamId": "T012345678",
        "snsTopicArns": [ARN],
        "region": "ap-southeast-1",
    }
    here = {k: v for k, v in given.items() if k != "region"}
    aws.refuses("RequestError", f"lookup chatbot.{REGION}.amazonaws.com: no such host", CHAT, here)
    other = aws.role("other", "lambda.amazonaws.com").outputs["arn"]
    text = "cannot be assumed by AWS Chatbot"
    for arn in (other, "arn:aws:iam::1:role/none"):
        aws.refuses("InvalidParameterException", text, CHAT, {**given, "iamRoleArn": arn})
    missing = {**given, "snsTopicArns": [f"{ARN}-none"]}
    aws.refuses("InvalidParameterException", "does not exist", CHAT, missing)
    bad = {**given, "configurationName": "a b"}
    aws.refuses("InvalidParameterException", "Invalid configuration name", CHAT, bad)
    made = aws.make(CHAT, given)
    name = "chat-configuration/slack-channel/blue-alarms"
    assert made.outputs["chatConfigurationArn"] == f"arn:aws:chatbot::{ACCOUNT}:{name}"
    aws.refuses("ConflictException", "Configuration with the same name", CHAT, given)
