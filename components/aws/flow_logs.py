"""VPC flow logs: who spoke to whom, accepted and refused, kept encrypted for a year."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from components.naming import child, tags

RETENTION_DAYS = 365
"""A year of evidence; ISMS-P asks for one year of access records."""


@dataclass(frozen=True, kw_only=True)
class FlowLogsArgs:
    project: str
    region: str
    vpc_id: pulumi.Input[str]
    account_id: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]


class FlowLogs(pulumi.ComponentResource):
    """One flow log of the whole VPC into one log group, by a role that can write there and nowhere else."""

    def __init__(self, name: str, args: FlowLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:FlowLogs", name, None, opts)
        group = cloudwatch.LogGroup(
            f"{name}-group",
            name=f"/{args.project}/vpc/flow-logs",
            retention_in_days=RETENTION_DAYS,
            kms_key_id=args.log_key_arn,
            tags=tags(f"{args.project}-flow-logs"),
            opts=child(self),
        )
        # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html, with its two conditions: another
        # account's flow log must not write by our role.
        role = iam.Role(
            f"{name}-role",
            name=f"{args.project}-flow-logs",
            assume_role_policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
                            "Condition": {
                                "StringEquals": {"aws:SourceAccount": args.account_id},
                                "ArnLike": {
                                    "aws:SourceArn": pulumi.Output.format(
                                        "arn:aws:ec2:{0}:{1}:vpc-flow-log/*", args.region, args.account_id
                                    )
                                },
                            },
                        }
                    ],
                }
            ),
            tags=tags(f"{args.project}-flow-logs"),
            opts=child(self),
        )
        # Streams are below the group: without ":*" the flow log stays in "Access error"
        # (terraform-aws-modules/terraform-aws-vpc#1262). The group exists, so no CreateLogGroup.
        streams = group.arn.apply(lambda arn: arn.removesuffix(":*") + ":*")
        writes = iam.RolePolicy(
            f"{name}-write",
            name="write-flow-logs",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": [
                                "logs:CreateLogStream",
                                "logs:DescribeLogStreams",
                                "logs:PutLogEvents",
                            ],
                            "Resource": streams,
                        },
                        # Lists them all, whatever resource is named.
                        {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
                    ],
                }
            ),
            opts=child(self),
        )
        ec2.FlowLog(
            f"{name}-vpc",
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,  # ten minutes, the default, is two thirds of a whole failover
            tags=tags(f"{args.project}-flow-logs"),
            opts=child(self, depends_on=[writes]),
        )
        self.group_name: pulumi.Output[str] = group.name
        self.register_outputs({"groupName": self.group_name})
