"""The backup host: one small instance that replaces itself, runs the agent, and may read its secrets only."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import autoscaling, ec2, iam, ssm

from components.aws.cluster import encode, trust
from components.naming import child, tags

AMI = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
UNIT = """[Unit]
Description=PlanB backup agent
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=/usr/local/bin/planb-agent run --config /etc/planb/agent.json
Restart=always
RestartSec=10
DynamicUser=yes
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, kw_only=True)
class BackupHostArgs:
    """`secret_arns` are what the agent reads: the master's, the application's, its own."""

    project: str
    region: str
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    container_url: pulumi.Input[str]
    database_host: pulumi.Input[str]
    database_port: pulumi.Input[int]
    database_name: str
    master_secret_arn: pulumi.Input[str]
    app_secret_arn: pulumi.Input[str]
    backup_secret_arn: pulumi.Input[str]
    replication_secret_arn: pulumi.Input[str]
    interval_s: int


class BackupHost(pulumi.ComponentResource):
    """t3.small in a WAS subnet, no public address, reached by Session Manager only."""

    def __init__(self, name: str, args: BackupHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:BackupHost", name, None, opts)
        role = iam.Role(
            f"{name}-role",
            name=f"{args.project}-backup",
            assume_role_policy=trust("ec2.amazonaws.com"),
            tags=tags(f"{args.project}-backup"),
            opts=child(self),
        )
        arns = [
            args.master_secret_arn,
            args.app_secret_arn,
            args.backup_secret_arn,
            args.replication_secret_arn,
        ]
        reads = iam.RolePolicy(
            f"{name}-secrets",
            name="read-own-secrets",
            role=role.name,
            policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arns},
                        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": args.kms_key_arn},
                    ],
                }
            ),
            opts=child(self),
        )
        managed = iam.RolePolicyAttachment(
            f"{name}-ssm",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore",
            opts=child(self),
        )
        profile = iam.InstanceProfile(
            f"{name}-profile",
            name=f"{args.project}-backup",
            role=role.name,
            tags=tags(f"{args.project}-backup"),
            opts=child(self),
        )
        config = pulumi.Output.json_dumps(
            {
                "container_url": args.container_url,
                "region": args.region,
                "database": {
                    "host": args.database_host,
                    "port": args.database_port,
                    "name": args.database_name,
                },
                "master_secret_arn": args.master_secret_arn,
                "app_secret_arn": args.app_secret_arn,
                "backup_secret_arn": args.backup_secret_arn,
                "replication_secret_arn": args.replication_secret_arn,
                "interval_s": args.interval_s,
            }
        )
        template = ec2.LaunchTemplate(
            f"{name}-template",
            name=f"{args.project}-backup",
            image_id=ssm.get_parameter_output(name=AMI, opts=pulumi.InvokeOptions(parent=self)).value,
            instance_type="t3.small",
            iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
            vpc_security_group_ids=[args.security_group_id],
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3", volume_size=10, encrypted="true", delete_on_termination="true"
                    ),
                )
            ],
            user_data=config.apply(user_data).apply(encode),
            update_default_version=True,
            tags=tags(f"{args.project}-backup"),
            # A changing "latest" image must not replace the host during an unrelated update.
            opts=child(self, ignore_changes=["imageId"]),
        )
        autoscaling.Group(
            f"{name}-host",
            name=f"{args.project}-backup",
            min_size=1,
            max_size=1,
            desired_capacity=1,
            health_check_type="EC2",
            vpc_zone_identifiers=args.subnet_ids,
            launch_template=autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            instance_refresh=autoscaling.GroupInstanceRefreshArgs(strategy="Rolling"),
            tags=[
                autoscaling.GroupTagArgs(
                    key="Name", value=f"{args.project}-backup", propagate_at_launch=True
                ),
                autoscaling.GroupTagArgs(key="Role", value="backup", propagate_at_launch=True),
            ],
            # Without its permissions the agent's first minutes would be failures.
            opts=child(self, depends_on=[reads, managed]),
        )
        self.tag = {"key": "Name", "value": f"{args.project}-backup"}
        self.register_outputs({"tag": self.tag})


def user_data(config: str) -> str:
    """cloud-config that writes the agent's configuration and unit, and starts it; no secret in it."""
    files = [
        {"path": "/etc/planb/agent.json", "permissions": "0644", "content": config},
        {"path": "/etc/systemd/system/planb-agent.service", "permissions": "0644", "content": UNIT},
    ]
    run = [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", "planb-agent.service"]]
    # JSON is YAML: no quoting to get wrong.
    return "#cloud-config\n" + json.dumps({"write_files": files, "runcmd": run}, indent=1) + "\n"
