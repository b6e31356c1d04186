"""Database users' credentials in Secrets Manager, and the key that encrypts data at rest."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import kms, secretsmanager
from pulumi_random import RandomPassword

from components.naming import child, tags

# MySQL's own client libraries and JDBC URLs agree on these without quoting.
SAFE_SPECIAL = "_-+=."


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """`recovery_days` is how long a deleted secret can be brought back; 0 deletes at once (drills)."""

    project: str
    recovery_days: int


class Secrets(pulumi.ComponentResource):
    """One KMS key; secrets `app` and `backup` as {"username", "password"}."""

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Secrets", name, None, opts)
        key = kms.Key(
            f"{name}-key",
            description=f"{args.project}: data at rest",
            enable_key_rotation=True,
            deletion_window_in_days=30 if args.recovery_days else 7,
            tags=tags(f"{args.project}-data"),
            opts=child(self),
        )
        kms.Alias(
            f"{name}-key", name=f"alias/{args.project}-data", target_key_id=key.key_id, opts=child(self)
        )
        self.key_arn: pulumi.Output[str] = key.arn
        self.passwords: dict[str, pulumi.Output[str]] = {}
        self.arns: dict[str, pulumi.Output[str]] = {}
        self.usernames = {"app": "planb_app", "backup": "planb_backup"}
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
            self.passwords[role] = password.result
            self.arns[role] = secret.arn
        self.register_outputs({"keyArn": self.key_arn, "arns": self.arns})
