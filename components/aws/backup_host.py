"""Two small machines with two identities: the backup host, always there, and the administration host, there on demand.

The backup host's role reads the backup and replication accounts' secrets and no other; whoever takes that machine has
neither the master's nor the application's password, nor a way to get one. Those belong to the administration host,
which exists while an operator's runbook needs it (docs/adr/0017).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_aws import autoscaling, cloudwatch, ec2, iam

from components.aws.agent import Agent
from components.aws.documents import trust
from components.aws.host_config import (
    CA_BUNDLE,
    Artefact,
    HostConfig,
    Unit,
    admin_units,
    backup_units,
    user_data,
)
from components.naming import child, stack_tags, tags

AMI = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-"
INSTANCE_TYPES = {"x86_64": "t3.small", "arm64": "t4g.small"}
SSM_CORE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
AUDIENCE = "api://AzureADTokenExchange"
RENEWED_AFTER_S = 14 * 24 * 3600
"""A host lives two weeks at most: the next one starts from the newest image."""
LOG_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class AzureIdentity:
    """How the hosts reach the standby's storage; what the dr stack does not export (yet) is None.

    `trusts` are the roles that the identity trusts, as text. The standby is deployed first and can trust nobody before
    this account's token issuer is known: until then the hosts take azure-identity's default chain.
    """

    auth: str
    tenant_id: pulumi.Input[str | None]
    client_id: pulumi.Input[str | None]
    trusts: pulumi.Input[str | None]
    sas_secret_arn: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class HostsArgs:
    """`secret_arns` by account: master, app, backup, replication."""

    project: str
    region: str
    architecture: str
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    agent: Agent
    azure: AzureIdentity
    container_url: pulumi.Input[str]
    database_host: pulumi.Input[str]
    database_port: pulumi.Input[int]
    database_name: str
    secret_arns: dict[str, pulumi.Input[str]]
    interval_s: int
    protect: bool


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What tells one of the two from the other."""

    label: str
    role: str
    secrets: tuple[str, ...]
    units: tuple[Unit, ...]
    least: int
    extra: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class BackupHost(pulumi.ComponentResource):
    """Both hosts: t3.small or t4g.small in the WAS subnets, no public address, Session Manager only."""

    def __init__(self, name: str, args: HostsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:BackupHost", name, None, opts)
        # The account's switch, not ours alone: already on, the provider adopts it; it stays on with protected data.
        # https://github.com/hashicorp/terraform-provider-aws/pull/45217
        federation = iam.OutboundWebIdentityFederation(
            f"{name}-federation", opts=child(self, retain_on_delete=args.protect)
        )
        self.token_issuer: pulumi.Output[str] = federation.issuer_identifier
        own = _Kind(
            label="backup",
            role="backup",
            secrets=("backup", "replication"),
            units=backup_units(args.interval_s),
            least=1,
        )
        self.role_arn, self.group_name = self._host(name, args, own, federation)
        group = f"{args.project}-db-admin"
        retire: dict[str, Any] = {
            "Sid": "TakeItselfAway",
            "Effect": "Allow",
            "Action": "autoscaling:SetDesiredCapacity",
            "Resource": pulumi.Output.concat(
                f"arn:aws:autoscaling:{args.region}:",
                args.agent.account,
                f":autoScalingGroup:*:autoScalingGroupName/{group}",
            ),
        }
        # Describing has no resource level: https://docs.aws.amazon.com/service-authorization/latest/reference/
        # list_amazonec2autoscaling.html
        look = {"Effect": "Allow", "Action": "autoscaling:DescribeAutoScalingGroups", "Resource": "*"}
        admin = _Kind(
            label="db-admin",
            role="db-admin",
            secrets=("master", "app", "backup", "replication"),
            units=admin_units(),
            least=0,
            extra=[retire, look],
        )
        self.admin_role_arn, _ = self._host(f"{name}-admin", args, admin, federation)
        self.tag = {"key": "Name", "value": f"{args.project}-backup"}
        self.admin_tag = {"key": "Name", "value": group}
        self.admin_group = group
        self.register_outputs({"tag": self.tag, "adminTag": self.admin_tag, "tokenIssuer": self.token_issuer})

    def _host(
        self, name: str, args: HostsArgs, kind: _Kind, federation: iam.OutboundWebIdentityFederation
    ) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        """The role's ARN and the group's name."""
        label = f"{args.project}-{kind.label}"
        role = iam.Role(
            f"{name}-role",
            name=label,
            assume_role_policy=trust("ec2.amazonaws.com"),
            tags=tags(label),
            opts=child(self),
        )
        logs = cloudwatch.LogGroup(
            f"{name}-log",
            name=f"/planb/{label}",
            retention_in_days=LOG_DAYS,
            kms_key_id=args.log_key_arn,
            tags=tags(f"{label}-log"),
            opts=child(self),
        )
        permissions = [
            iam.RolePolicy(
                f"{name}-secrets",
                name="read-own-secrets",
                role=role.name,
                policy=pulumi.Output.json_dumps(_document(_secrets(args, kind))),
                opts=child(self),
            ),
            iam.RolePolicy(
                f"{name}-work",
                name="work",
                role=role.name,
                policy=pulumi.Output.json_dumps(_document([*_work(args, logs), *kind.extra])),
                opts=child(self),
            ),
            iam.RolePolicyAttachment(f"{name}-ssm", role=role.name, policy_arn=SSM_CORE, opts=child(self)),
        ]
        profile = iam.InstanceProfile(
            f"{name}-profile", name=label, role=role.name, tags=tags(label), opts=child(self)
        )
        template = ec2.LaunchTemplate(
            f"{name}-template",
            name=label,
            # Found at launch, not at deployment: a replaced host starts from the newest image, and no preview differs
            # because Amazon published one.
            image_id=f"resolve:ssm:{AMI}{args.architecture}",
            instance_type=INSTANCE_TYPES[args.architecture],
            iam_instance_profile=ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
            vpc_security_group_ids=[args.security_group_id],
            instance_initiated_shutdown_behavior="terminate",
            metadata_options=ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            monitoring=ec2.LaunchTemplateMonitoringArgs(enabled=True),
            block_device_mappings=[
                ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3", volume_size=10, encrypted="true", delete_on_termination="true"
                    ),
                )
            ],
            tag_specifications=[
                ec2.LaunchTemplateTagSpecificationArgs(resource_type="volume", tags=tags(label))
            ],
            user_data=pulumi.Output.all(
                agent=_agent(args, kind),
                bucket=args.agent.bucket,
                owner=args.agent.account,
                log_group=logs.name,
            ).apply(lambda known: _encoded(known, args, kind)),
            update_default_version=True,
            tags=tags(label),
            opts=child(self),
        )
        group = autoscaling.Group(
            f"{name}-host",
            name=label,
            min_size=kind.least,
            max_size=1,
            desired_capacity=1,
            health_check_type="EC2",
            health_check_grace_period=600,
            default_instance_warmup=120,
            max_instance_lifetime=RENEWED_AFTER_S,
            vpc_zone_identifiers=args.subnet_ids,
            launch_template=autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            # One machine cannot be replaced without a moment of none: backups are minutes apart.
            instance_refresh=autoscaling.GroupInstanceRefreshArgs(
                strategy="Rolling",
                preferences=autoscaling.GroupInstanceRefreshPreferencesArgs(min_healthy_percentage=0),
            ),
            # Without it the group sends no metrics, and the alarm on its machine would ring for ever.
            enabled_metrics=[autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES],
            tags=[
                # The provider's default tags do not reach Auto Scaling groups.
                autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=True)
                for key, value in {"Name": label, "Role": kind.role, **stack_tags(args.project)}.items()
            ],
            opts=child(
                self,
                # Without its permissions and its artefact the host's first minutes would be failures.
                depends_on=[*permissions, args.agent.stored, federation],
                # The administration host comes and goes by the runbook; an update must not bring it back.
                ignore_changes=[] if kind.least else ["desiredCapacity"],
            ),
        )
        return role.arn, group.name


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _secrets(args: HostsArgs, kind: _Kind) -> list[dict[str, Any]]:
    arns = [args.secret_arns[secret] for secret in kind.secrets]
    if args.azure.sas_secret_arn is not None:
        arns.append(args.azure.sas_secret_arn)
    through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{args.region}.amazonaws.com"}}
    return [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arns},
        {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": args.kms_key_arn, "Condition": through},
    ]


def _work(args: HostsArgs, logs: cloudwatch.LogGroup) -> list[dict[str, Any]]:
    """What both do besides: fetch the agent, log, publish figures, say to Azure who they are."""
    streams = pulumi.Output.concat(logs.arn, ":log-stream:*")
    found: list[dict[str, Any]] = [
        {"Sid": "Artefact", "Effect": "Allow", "Action": "s3:GetObject", "Resource": args.agent.arn},
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            "Resource": [logs.arn, streams],
        },
        {
            # The action knows no resource; its namespace is the limit.
            "Sid": "Figures",
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "PlanB"}},
        },
    ]
    if args.azure.auth == "federated":
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_policies.html
        found.append(
            {
                "Sid": "TokenForAzureOnly",
                "Effect": "Allow",
                "Action": "sts:GetWebIdentityToken",
                "Resource": "*",
                "Condition": {
                    "ForAllValues:StringEquals": {"sts:IdentityTokenAudience": AUDIENCE},
                    "Null": {"sts:IdentityTokenAudience": "false"},
                    "NumericLessThanEquals": {"sts:DurationSeconds": 300},
                },
            }
        )
    return found


def _agent(args: HostsArgs, kind: _Kind) -> dict[str, pulumi.Input[Any]]:
    """agent.json of this host."""
    config: dict[str, pulumi.Input[Any]] = {
        "project": args.project,
        "region": args.region,
        "group": f"{args.project}-{kind.label}",
        "container_url": args.container_url,
        "database": {"host": args.database_host, "port": args.database_port, "name": args.database_name},
        "ca_file": CA_BUNDLE,
        **{f"{secret}_secret_arn": args.secret_arns[secret] for secret in kind.secrets},
    }
    if args.azure.sas_secret_arn is not None:
        config["azure"] = {"auth": "sas", "sas_secret_arn": args.azure.sas_secret_arn}
    else:
        azure, role = args.azure, f":role/{args.project}-{kind.label}"
        config["azure"] = pulumi.Output.all(azure.tenant_id, azure.client_id, azure.trusts).apply(
            lambda found: (
                {"auth": "federated", "tenant_id": found[0], "client_id": found[1]}
                if all(found) and any(arn.endswith(role) for arn in str(found[2]).split(", "))
                else None
            )
        )
    return config


def _encoded(known: dict[str, Any], args: HostsArgs, kind: _Kind) -> str:
    archive = args.agent.archive
    artefact = Artefact(known["bucket"], archive.key, archive.sha256, known["owner"], args.region)
    agent = {key: value for key, value in known["agent"].items() if value is not None}
    host = HostConfig(agent, artefact, kind.units, known["log_group"])
    return base64.b64encode(user_data(host).encode()).decode()
