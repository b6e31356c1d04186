"""Where alarms go: to people by chat, e-mail and webhook, and to the recovery function by a topic of its own.

By hand, once: Slack lets AWS in only from the console (Amazon Q Developer in chat applications, "Configure new
client"), an e-mail address is subscribed when its owner follows the link that AWS sends, and a webhook when its end
fetches the SubscribeURL that it is sent. Until then AWS lists them as pending.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import chatbot, get_caller_identity_output, iam, sns

from components.aws.documents import tls_only, trust
from components.naming import child, tags

EDGE_REGION = "us-east-1"
# Not Seoul: the service has endpoints in four regions only, and so survives the one that fails.
# https://docs.aws.amazon.com/general/latest/gr/chatbot.html
CHAT_REGION = "ap-southeast-1"


@dataclass(frozen=True, kw_only=True)
class NotificationsArgs:
    """`edge_key_arn` is a key in us-east-1, for the topic of what lives there."""

    project: str
    region: str
    key_arn: pulumi.Input[str]
    edge_key_arn: pulumi.Input[str]
    email: str | None = None
    webhook: str | None = None
    slack_team_id: str | None = None
    slack_channel_id: str | None = None


class Notifications(pulumi.ComponentResource):
    """Topics `alarms` (people), `recovery` (the function), and `edge`, which is for people too."""

    def __init__(
        self, name: str, args: NotificationsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("planb:aws:Notifications", name, None, opts)
        self._project = args.project
        self._account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        self.alarms_topic_arn = self._topic(f"{name}-alarms", "alarms", args.region, args.key_arn)
        self.recovery_topic_arn = self._topic(f"{name}-recovery", "recovery", args.region, args.key_arn)
        self.edge_topic_arn = self._topic(
            f"{name}-edge", "edge-alarms", EDGE_REGION, args.edge_key_arn, away=True
        )
        topics = (("", self.alarms_topic_arn, None), ("-edge", self.edge_topic_arn, EDGE_REGION))
        for suffix, topic, region in topics:
            for protocol, endpoint in (("email", args.email), ("https", args.webhook)):
                if endpoint is not None:
                    sns.TopicSubscription(
                        f"{name}{suffix}-{protocol}",
                        topic=topic,
                        protocol=protocol,
                        # A webhook's address is what lets anybody post to it.
                        endpoint=pulumi.Output.secret(endpoint) if protocol == "https" else endpoint,
                        region=region,
                        opts=child(
                            self, additional_secret_outputs=["endpoint"] if protocol == "https" else []
                        ),
                    )
        if args.slack_team_id and args.slack_channel_id:
            self._chat(name, args.slack_team_id, args.slack_channel_id, [topic for _, topic, _ in topics])
        self.register_outputs({"alarmsTopicArn": self.alarms_topic_arn})

    def _topic(
        self, name: str, own: str, region: str, key_arn: pulumi.Input[str], *, away: bool = False
    ) -> pulumi.Output[str]:
        topic = sns.Topic(
            name,
            name=f"{self._project}-{own}",
            kms_master_key_id=key_arn,
            # Signatures with SHA-256; 1 is SHA-1.
            signature_version=2,
            region=region if away else None,
            tags=tags(f"{self._project}-{own}"),
            opts=child(self),
        )
        policy = sns.TopicPolicy(
            name,
            arn=topic.arn,
            policy=pulumi.Output.all(arn=topic.arn, account=self._account).apply(
                lambda known: topic_policy(known["arn"], known["account"], region, self._project)
            ),
            region=region if away else None,
            opts=child(self),
        )
        # Whoever takes the ARN waits for the policy: an alarm that may not publish is lost without a word.
        return pulumi.Output.all(topic.arn, policy.id).apply(lambda known: str(known[0]))

    def _chat(self, name: str, team: str, channel: str, topics: list[pulumi.Output[str]]) -> None:
        own = f"{self._project}-chat"
        role = iam.Role(
            f"{name}-chat",
            name=own,
            description="What the chat channel may look at",
            assume_role_policy=trust("chatbot.amazonaws.com"),
            tags=tags(own),
            opts=child(self),
        )
        guard = iam.Policy(
            f"{name}-chat",
            name=own,
            description="Alarms and their graphs, nothing that changes anything",
            policy=self._account.apply(lambda account: chat_policy(account, self._project)),
            tags=tags(own),
            opts=child(self),
        )
        attached = iam.RolePolicyAttachment(
            f"{name}-chat", role=role.name, policy_arn=guard.arn, opts=child(self)
        )
        chatbot.SlackChannelConfiguration(
            f"{name}-slack",
            configuration_name=f"{self._project}-alarms",
            iam_role_arn=role.arn,
            slack_team_id=team,
            slack_channel_id=channel,
            sns_topic_arns=topics,
            # What nobody in the channel can go beyond, whatever role they take on; without it, AdministratorAccess.
            guardrail_policy_arns=[guard.arn],
            logging_level="ERROR",
            user_authorization_required=False,
            region=CHAT_REGION,
            tags=tags(f"{self._project}-alarms"),
            opts=child(self, depends_on=[attached]),
        )


def topic_policy(arn: str, account: str, region: str, project: str) -> str:
    """Our alarms publish, and over TLS only. Our own roles have it in their policies, so are not named here."""
    statements = [
        {
            "Sid": "OurAlarms",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{region}:{account}:alarm:{project}-*"},
            },
        },
        # Not sns:*: a topic's policy may name its own actions only.
        tls_only(["sns:Publish", "sns:Subscribe"], arn),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def chat_policy(account: str, project: str) -> str:
    statements = [
        {
            "Effect": "Allow",
            "Action": "cloudwatch:DescribeAlarms",
            "Resource": f"arn:aws:cloudwatch:*:{account}:alarm:{project}-*",
        },
        {
            # Metrics are no resources: these actions take none.
            "Effect": "Allow",
            "Action": [
                "cloudwatch:GetMetricData",
                "cloudwatch:GetMetricStatistics",
                "cloudwatch:ListMetrics",
            ],
            "Resource": "*",
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
