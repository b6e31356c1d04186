"""SNS topics, their policies and subscriptions, in moto.

https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html and neighbours.
"""

from __future__ import annotations

import json
import re

from simcloud.aws.base import AwsKind, Named, existing, in_use
from simcloud.aws.iam import document
from simcloud.kinds import CloudError, Context, Properties, Resource, kind
from simcloud.state import State
from simcloud.world import World

TOPIC = "aws:sns/topic:Topic"
POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
# A topic's policy may speak of these only; `sns:*` is refused.
ACTIONS = {
    *("gettopicattributes", "settopicattributes", "addpermission", "removepermission", "deletetopic"),
    *("subscribe", "listsubscriptionsbytopic", "publish", "receive"),
}
PROTOCOLS = {
    *("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"),
}
CONFIRMED = {"lambda", "sqs", "firehose", "sms", "application"}
"""Protocols whose subscriptions nobody has to confirm, within one account."""


def refuse(text: str) -> CloudError:
    return CloudError("InvalidParameter", f"Invalid parameter: {text}")


@kind
class Topic(Named):
    type = TOPIC
    service, arn_path, longest = "sns", "{name}", 256
    replace_on = frozenset({"name", "namePrefix", "fifoTopic", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"arn:aws:sns:{self.region_of(ctx, inputs)}:{ctx.account}:{inputs['name']}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        name, fifo = str(inputs["name"]), bool(inputs.get("fifoTopic"))
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}(\.fifo)?", name) or name.endswith(".fifo") != fifo:
            raise refuse("Topic Name")
        if inputs.get("contentBasedDeduplication") and not fifo:
            raise refuse("Content-based deduplication can only be set for FIFO topics")
        if old is None:
            # CreateTopic answers with the topic that is there; two resources of one topic are a mistake of ours.
            text = "Topic already exists with different tags"
            in_use(ctx.find(TOPIC, id=self.identify(ctx, inputs, "")), "InvalidParameter", text)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"arn": res.id, "owner": ctx.account, "beginningArchiveTime": ""}

    def create(self, ctx: Context, res: Resource) -> Properties:
        put_topic(ctx.world, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        put_topic(ctx.world, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.aws.client("sns", res.region).delete_topic(TopicArn=res.id)


def put_topic(world: World, res: Resource) -> None:
    client = world.aws.client("sns", res.region)
    fifo = {"FifoTopic": "true"} if res.inputs.get("fifoTopic") else {}
    arn = client.create_topic(Name=res.inputs["name"], Attributes=fifo)["TopicArn"]
    for key, attribute in (("kmsMasterKeyId", "KmsMasterKeyId"), ("displayName", "DisplayName")):
        if res.inputs.get(key) is not None:
            client.set_topic_attributes(
                TopicArn=arn, AttributeName=attribute, AttributeValue=str(res.inputs[key])
            )


def _topic(ctx: Context, arn: object) -> Resource:
    return existing(ctx, TOPIC, arn, "NotFound", "Topic does not exist")


@kind
class TopicPolicy(AwsKind):
    type = POLICY
    replace_on = frozenset({"arn", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["arn"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        topic = _topic(ctx, inputs["arn"])
        for statement in document(inputs["policy"])["Statement"]:
            actions = statement.get("Action", [])
            for action in [actions] if isinstance(actions, str) else actions:
                service, _, verb = action.lower().partition(":")
                if service != "sns" or verb not in ACTIONS:
                    # Wording as quoted in public reports; moto and LocalStack have it too.
                    raise refuse("Policy statement action out of service scope!")
            resources = statement.get("Resource", [])
            if "Principal" not in statement or not resources:
                raise refuse("Policy Error: null")
            for resource in [resources] if isinstance(resources, str) else resources:
                if resource != topic.id:
                    raise refuse("Policy statement resource does not match the topic")  # (I)

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"owner": ctx.account}

    def create(self, ctx: Context, res: Resource) -> Properties:
        put_policy(ctx.world, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        put_policy(ctx.world, res)
        return {}


def put_policy(world: World, res: Resource) -> None:
    world.aws.client("sns", res.region).set_topic_attributes(
        TopicArn=res.id, AttributeName="Policy", AttributeValue=res.inputs["policy"]
    )


@kind
class TopicSubscription(AwsKind):
    type = SUBSCRIPTION
    replace_on = frozenset({"topic", "protocol", "endpoint", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['topic']}:pending"  # moto knows the real one

    def check(self, ctx: Context, inputs: Properties) -> None:
        protocol = inputs.get("protocol")
        if isinstance(protocol, str) and protocol not in PROTOCOLS:
            text = f"expected protocol to be one of {sorted(PROTOCOLS)}, got {protocol}"
            raise CloudError("InvalidConfiguration", text)

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        topic = _topic(ctx, inputs["topic"])
        protocol, endpoint = str(inputs["protocol"]), str(inputs["endpoint"])
        # Wordings as moto and LocalStack have them from the real service.
        if protocol in ("http", "https") and not endpoint.startswith(f"{protocol}://"):
            raise refuse("Endpoint must match the specified protocol")
        if protocol.startswith("email") and not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", endpoint):
            raise refuse("Email address")
        if protocol == "sqs" and not endpoint.startswith("arn:aws:sqs:"):
            raise refuse("SQS endpoint ARN")
        if protocol == "lambda" and not endpoint.startswith("arn:aws:lambda:"):
            raise refuse("Lambda endpoint ARN")  # (I)
        if topic.inputs.get("fifoTopic") and protocol != "sqs":
            raise refuse(f"Invalid protocol type: {protocol}")
        if inputs.get("redrivePolicy"):
            target = json.loads(inputs["redrivePolicy"]).get("deadLetterTargetArn")
            if not ctx.find("aws:sqs/queue:Queue", arn=target):
                raise refuse("RedrivePolicy: deadLetterTargetArn is an invalid arn")

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "ownerId": ctx.account,
            "pendingConfirmation": res.inputs["protocol"] not in CONFIRMED,
            "confirmationWasAuthenticated": res.inputs["protocol"] in CONFIRMED,
            "filterPolicyScope": res.inputs.get("filterPolicyScope")
            or ("MessageAttributes" if res.inputs.get("filterPolicy") else ""),
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        res.id = subscribe(ctx.world, res)
        return {"arn": res.id}

    def delete(self, ctx: Context, res: Resource) -> None:
        client = ctx.world.aws.client("sns", res.region)
        for found in client.list_subscriptions_by_topic(TopicArn=res.inputs["topic"])["Subscriptions"]:
            # Not by its ARN: moto makes new ones up after a restart of the daemon.
            if (found["Protocol"], found["Endpoint"]) == (res.inputs["protocol"], res.inputs["endpoint"]):
                client.unsubscribe(SubscriptionArn=found["SubscriptionArn"])


def subscribe(world: World, res: Resource) -> str:
    answer = world.aws.client("sns", res.region).subscribe(
        TopicArn=res.inputs["topic"],
        Protocol=res.inputs["protocol"],
        Endpoint=res.inputs["endpoint"],
        ReturnSubscriptionArn=True,
    )
    return str(answer["SubscriptionArn"])


def rehydrate(state: State, world: World) -> None:
    """Fills a fresh moto after the daemon's restart."""
    for token, put in ((TOPIC, put_topic), (POLICY, put_policy), (SUBSCRIPTION, subscribe)):
        for res in state.find(token, status="ready"):
            put(world, res)
