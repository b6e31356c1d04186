"""Database users' credentials in Secrets Manager, and the key that encrypts customers' data at rest."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import get_caller_identity_output, kms, secretsmanager
from pulumi_random import RandomPassword

from components.naming import child, tags

# MySQL's own client libraries and JDBC URLs agree on these without quoting.
SAFE_SPECIAL = "_-+=."
USERNAMES = {"app": "planb_app", "backup": "planb_backup", "replication": "planb_replication"}
# Through which services the key may be used; nobody decrypts with it directly.
SERVICES = ("ec2", "rds", "secretsmanager", "s3")


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """`recovery_days` is how long a deleted secret can be brought back; 0 deletes at once (drills). `sas` makes a
    place for a signature of Azure's, which a rotation fills: no value of it passes through here."""

    project: str
    region: str
    recovery_days: int
    sas: bool = False


class Secrets(pulumi.ComponentResource):
    """One KMS key; the secrets `app`, `backup` and `replication` as {"username", "password"}."""

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Secrets", name, None, opts)
        account = get_caller_identity_output(opts=pulumi.InvokeOptions(parent=self)).account_id
        keep = args.recovery_days > 0
        key = kms.Key(
            f"{name}-key",
            description=f"{args.project}: data at rest",
            enable_key_rotation=True,
            deletion_window_in_days=30 if keep else 7,
            policy=account.apply(lambda id_: key_policy(id_, args.region)),
            tags=tags(f"{args.project}-data"),
            # Without it the database, its snapshots and its backups are noise.
            opts=child(self, protect=keep, retain_on_delete=keep),
        )
        kms.Alias(
            f"{name}-key", name=f"alias/{args.project}-data", target_key_id=key.key_id, opts=child(self)
        )
        self.key_arn: pulumi.Output[str] = key.arn
        self.passwords: dict[str, pulumi.Output[str]] = {}
        self.arns: dict[str, pulumi.Output[str]] = {}
        self.usernames = USERNAMES
        for role, username in self.usernames.items():
            password = RandomPassword(
                f"{name}-{role}",
                length=32,
                override_special=SAFE_SPECIAL,
                opts=child(self),
            )
            secret = secretsmanager.Secret(
                f"{name}-{role}",
                name=f"{args.project}/prod/db-{role}",
                description=f"MySQL user {username}",
                kms_key_id=key.arn,
                recovery_window_in_days=args.recovery_days,
                tags=tags(f"{args.project}-db-{role}"),
                opts=child(self),
            )
            value = password.result.apply(
                lambda text, user=username: json.dumps({"username": user, "password": text})
            )
            secretsmanager.SecretVersion(
                f"{name}-{role}",
                secret_id=secret.arn,
                secret_string=pulumi.Output.secret(value),
                opts=child(self),
            )
            secretsmanager.SecretPolicy(
                f"{name}-{role}",
                secret_arn=secret.arn,
                policy=account.apply(lambda id_, role=role: secret_policy(id_, readers(args.project, role))),
                block_public_policy=True,
                opts=child(self),
            )
            self.passwords[role] = password.result
            self.arns[role] = secret.arn
        self.sas_arn: pulumi.Output[str] | None = None
        if args.sas:
            place = secretsmanager.Secret(
                f"{name}-azure-sas",
                name=f"{args.project}/prod/azure-sas",
                description="Signature for the standby's backup container, written by its rotation",
                kms_key_id=key.arn,
                recovery_window_in_days=args.recovery_days,
                tags=tags(f"{args.project}-azure-sas"),
                opts=child(self),
            )
            secretsmanager.SecretPolicy(
                f"{name}-azure-sas",
                secret_arn=place.arn,
                policy=account.apply(lambda id_: secret_policy(id_, readers(args.project, "azure-sas"))),
                block_public_policy=True,
                opts=child(self),
            )
            self.sas_arn = place.arn
        self.register_outputs({"keyArn": self.key_arn, "arns": self.arns})


def readers(project: str, secret: str) -> list[str]:
    """Names of the roles whose machines read a secret (components/aws/backup_host.py makes them)."""
    administrator = f"{project}-db-admin"
    return [administrator] if secret == "app" else [f"{project}-backup", administrator]


def secret_policy(account: str, roles: list[str]) -> str:
    """No other machine and no function reads the secret, whatever its role's own policies say.

    People and pipelines are not meant: who deploys the stack has made the password. Their IAM policies decide.
    """
    others = {"ArnNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{account}:role/{role}" for role in roles]}}
    read = ["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"]
    # Both keys are in a request only if an instance's or a function's own credentials made it:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    statements = [
        {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": read,
            "Resource": "*",
            "Condition": {**others, "Null": {key: "false"}},
        }
        for sid, key in (
            ("NoOtherMachine", "ec2:SourceInstanceARN"),
            ("NoFunction", "lambda:SourceFunctionArn"),
        )
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def key_policy(account: str, region: str) -> str:
    """Who may use the key; in a key's own policy the resource `*` means this key.

    The account administers it through IAM, and uses it only through the services that store data with it: a role that
    may decrypt cannot decrypt a stolen volume or dump by itself.
    """
    root = {"AWS": f"arn:aws:iam::{account}:root"}
    statements = [
        {
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": root,
            "Action": [
                # What AWS's console gives to key administrators; and grants, by which RDS, EBS and EKS use it.
                *("kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*"),
                *("kms:Revoke*", "kms:RetireGrant", "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:Cancel*"),
                *("kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:RotateKeyOnDemand"),
            ],
            "Resource": "*",
        },
        {
            "Sid": "UseThroughServices",
            "Effect": "Allow",
            "Principal": root,
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "kms:ViaService": [f"{service}.{region}.amazonaws.com" for service in SERVICES]
                }
            },
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
