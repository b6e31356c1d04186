"""The recovery function: woken by a few alarms, inside the VPC, one at a time, and nothing it fails at is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, ec2, eks, get_caller_identity_output, iam, lambda_, sns, sqs, vpc

from components.aws.documents import tls_only, trust
from components.naming import child, tags

HTTPS = 443
TIMEOUT_S = 300
LOG_DAYS = 365
# What its Kubernetes permissions will be bound to (the workload's RBAC).
KUBERNETES_GROUP = "planb:recovery"


@dataclass(frozen=True, kw_only=True)
class RecoveryArgs:
    """`code` is file name → text: an archive of the same texts is the same archive, whoever packs it."""

    project: str
    region: str
    code: dict[str, str]
    vpc_id: pulumi.Input[str]
    subnet_ids: list[pulumi.Output[str]]
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    alarms_topic_arn: pulumi.Input[str]
    recovery_topic_arn: pulumi.Input[str]


class Recovery(pulumi.ComponentResource):
    """A Lambda function with its network, role, queue for what failed, and its identity in the cluster."""

    def __init__(self, name: str, args: RecoveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Recovery", name, None, opts)
        self._name, self._args, self._own = name, args, f"{args.project}-recovery"
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        queue = self._queue()
        logs = cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/lambda/{self._own}",
            retention_in_days=LOG_DAYS,
            kms_key_id=args.key_arn,
            tags=tags(self._own),
            opts=child(self),
        )
        role, policy = self._role(account, queue, logs)
        group = self._network()
        function = lambda_.Function(
            name,
            name=self._own,
            description="Answers alarms that could be mended without a person",
            runtime="python3.13",
            architectures=["arm64"],
            handler="handler.handle",
            code=pulumi.AssetArchive({path: pulumi.StringAsset(text) for path, text in args.code.items()}),
            role=role.arn,
            memory_size=256,
            timeout=TIMEOUT_S,
            # Two at once would drain two nodes at once.
            reserved_concurrent_executions=1,
            vpc_config=lambda_.FunctionVpcConfigArgs(
                subnet_ids=args.subnet_ids, security_group_ids=[group.id]
            ),
            dead_letter_config=lambda_.FunctionDeadLetterConfigArgs(target_arn=queue.arn),
            environment=lambda_.FunctionEnvironmentArgs(
                variables={"AUDIT_TOPIC_ARN": args.alarms_topic_arn, "CLUSTER_NAME": args.cluster_name}
            ),
            kms_key_arn=args.key_arn,
            logging_config=lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=logs.name),
            tracing_config=lambda_.FunctionTracingConfigArgs(mode="Active"),
            tags=tags(self._own),
            # The service tries the role's permissions out before it takes the function.
            opts=child(self, depends_on=[policy]),
        )
        lambda_.FunctionEventInvokeConfig(
            f"{name}-retries",
            function_name=function.name,
            maximum_retry_attempts=2,
            # An alarm that waited an hour for its turn is about a site that no longer exists.
            maximum_event_age_in_seconds=3600,
            opts=child(self),
        )
        allowed = lambda_.Permission(
            f"{name}-from-alarms",
            statement_id="alarms",
            action="lambda:InvokeFunction",
            function=function.name,
            principal="sns.amazonaws.com",
            source_arn=args.recovery_topic_arn,
            source_account=account,
            opts=child(self),
        )
        sns.TopicSubscription(
            f"{name}-alarms",
            topic=args.recovery_topic_arn,
            protocol="lambda",
            endpoint=function.arn,
            redrive_policy=queue.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn})),
            opts=child(self, depends_on=[allowed]),
        )
        eks.AccessEntry(
            f"{name}-cluster",
            cluster_name=args.cluster_name,
            principal_arn=role.arn,
            type="STANDARD",
            kubernetes_groups=[KUBERNETES_GROUP],
            tags=tags(self._own),
            opts=child(self),
        )
        self.function_name: pulumi.Output[str] = function.name
        self.dead_letter_name: pulumi.Output[str] = queue.name
        self.register_outputs({"functionName": self.function_name, "deadLetterName": self.dead_letter_name})

    def _queue(self) -> sqs.Queue:
        """What could not be delivered or handled, for two weeks."""
        args = self._args
        queue = sqs.Queue(
            f"{self._name}-failed",
            name=f"{self._own}-failed",
            kms_master_key_id=args.key_arn,
            message_retention_seconds=14 * 24 * 3600,
            tags=tags(f"{self._own}-failed"),
            opts=child(self),
        )
        sqs.QueuePolicy(
            f"{self._name}-failed",
            queue_url=queue.url,
            policy=pulumi.Output.all(queue=queue.arn, topic=args.recovery_topic_arn).apply(
                lambda known: queue_policy(known["queue"], known["topic"])
            ),
            opts=child(self),
        )
        return queue

    def _network(self) -> ec2.SecurityGroup:
        """Out to the API server and to AWS's APIs, both 443; nobody comes in."""
        name, args = self._name, self._args
        group = ec2.SecurityGroup(
            f"{name}-group",
            name=self._own,
            description="Recovery function: nothing in, 443 out",
            vpc_id=args.vpc_id,
            tags=tags(self._own),
            opts=child(self),
        )
        vpc.SecurityGroupEgressRule(
            f"{name}-to-apis",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            # SNS, EKS, Auto Scaling and X-Ray by NAT; their addresses change. The Kubernetes API is within, too.
            cidr_ipv4="0.0.0.0/0",
            description="AWS APIs and the Kubernetes API",
            opts=child(self),
        )
        vpc.SecurityGroupIngressRule(
            f"{name}-cluster-from-recovery",
            security_group_id=args.cluster_security_group_id,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            description="From the recovery function",
            opts=child(self),
        )
        return group

    def _role(
        self, account: pulumi.Output[str], queue: sqs.Queue, logs: cloudwatch.LogGroup
    ) -> tuple[iam.Role, iam.RolePolicy]:
        args = self._args
        role = iam.Role(
            f"{self._name}-role",
            name=self._own,
            description="The recovery function",
            assume_role_policy=trust("lambda.amazonaws.com"),
            tags=tags(self._own),
            opts=child(self),
        )
        known: dict[str, pulumi.Input[str]] = {
            "account": account,
            "cluster": args.cluster_name,
            "cluster_arn": args.cluster_arn,
            "queue": queue.arn,
            "logs": logs.arn,
            "topic": args.alarms_topic_arn,
            "key": args.key_arn,
        }
        policy = iam.RolePolicy(
            f"{self._name}-may",
            name="recover",
            role=role.name,
            policy=pulumi.Output.all(**known).apply(
                lambda found: role_policy(region=args.region, function=self._own, **found)
            ),
            opts=child(self),
        )
        return role, policy


def queue_policy(queue: str, topic: str) -> str:
    """The topic hands over what it could not deliver; the function's role has its own permission."""
    statements: list[dict[str, Any]] = [
        {
            "Sid": "UndeliveredAlarms",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        },
        tls_only("sqs:*", queue),
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def role_policy(
    *,
    region: str,
    function: str,
    account: str,
    cluster: str,
    cluster_arn: str,
    queue: str,
    logs: str,
    topic: str,
    key: str,
) -> str:
    near = f"{region}:{account}"
    handling = [
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ]
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    looking = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    statements: list[dict[str, Any]] = [
        {
            "Sid": "OwnLog",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"{logs}:*",
        },
        {
            # CreateNetworkInterface is asked for the interface, the subnet and the security group alike.
            "Sid": "InterfacesInTheVpc",
            "Effect": "Allow",
            "Action": "ec2:CreateNetworkInterface",
            "Resource": [
                f"arn:aws:ec2:{near}:{kind}/*" for kind in ("network-interface", "subnet", "security-group")
            ],
        },
        {
            "Sid": "ItsInterfaces",
            "Effect": "Allow",
            "Action": handling,
            "Resource": f"arn:aws:ec2:{near}:network-interface/*",
        },
        # These take no resource.
        {"Sid": "LookAtTheVpc", "Effect": "Allow", "Action": looking, "Resource": "*"},
        {
            # The service needs interfaces on the role's account, our code does not: its own calls carry its ARN.
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html (best practices)
            "Sid": "NotFromItsCode",
            "Effect": "Deny",
            "Action": ["ec2:CreateNetworkInterface", *handling, *looking],
            "Resource": "*",
            "Condition": {
                "ArnEquals": {"lambda:SourceFunctionArn": f"arn:aws:lambda:{near}:function:{function}"}
            },
        },
        {
            "Sid": "FindTheCluster",
            "Effect": "Allow",
            "Action": "eks:DescribeCluster",
            "Resource": cluster_arn,
        },
        {
            # Node groups' Auto Scaling groups have names that EKS makes up; its tag tells whose they are.
            "Sid": "ReplaceNodes",
            "Effect": "Allow",
            "Action": "autoscaling:TerminateInstanceInAutoScalingGroup",
            "Resource": f"arn:aws:autoscaling:{near}:autoScalingGroup:*:autoScalingGroupName/eks-*",
            "Condition": {"StringEquals": {"aws:ResourceTag/eks:cluster-name": cluster}},
        },
        {"Sid": "TellPeople", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic},
        {"Sid": "KeepWhatFailed", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue},
        {
            "Sid": "OperationsKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": key,
        },
        {
            # X-Ray has no resources.
            "Sid": "Traces",
            "Effect": "Allow",
            "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
            "Resource": "*",
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
