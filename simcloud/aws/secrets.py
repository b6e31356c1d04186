"""Secrets Manager, in moto: the agent reads real secrets from a real API.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from simcloud.aws.base import AwsKind, Named, existing, letters
from simcloud.aws.iam import document
from simcloud.awsapi import SECRETS
from simcloud.kinds import CloudError, Context, Properties, Resource, kind
from simcloud.state import State
from simcloud.world import World

SECRET = "aws:secretsmanager/secret:Secret"
POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
MISSING = "Secrets Manager can't find the specified secret."


def put_secret(state: State, world: World, region: str, name: str, value: str | None) -> str:
    """Creates the secret or gives it a new value; returns its ARN."""
    record: dict[str, Any] = state.kv_get(SECRETS, name) or {"region": region}
    client = world.aws.client("secretsmanager", region)
    try:
        arn = client.describe_secret(SecretId=name)["ARN"]
    except ClientError:
        arn = client.create_secret(Name=name)["ARN"]
    if value is not None:
        client.put_secret_value(SecretId=name, SecretString=value)
        record["value"] = value
    record.setdefault("arn", arn)
    state.kv_put(SECRETS, name, record)
    return str(record["arn"])


def drop_secret(state: State, world: World, name: str, *, window_days: int) -> None:
    """Deletes it now (window 0) or schedules that, which keeps the name taken."""
    record = state.kv_get(SECRETS, name)
    if record is None:
        return
    client = world.aws.client("secretsmanager", record["region"])
    if window_days:
        client.delete_secret(SecretId=name, RecoveryWindowInDays=window_days)
        state.kv_put(SECRETS, name, {**record, "deleted": True})
    else:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        state.kv_delete(SECRETS, name)


def rehydrate(state: State, world: World) -> None:
    """Fills a fresh moto after the daemon's restart."""
    for name, record in state.kv_items(SECRETS).items():
        client = world.aws.client("secretsmanager", record["region"])
        client.create_secret(Name=name, **({"SecretString": record["value"]} if "value" in record else {}))
        if record.get("deleted"):
            client.delete_secret(SecretId=name, RecoveryWindowInDays=7)


@kind
class Secret(Named):
    type = SECRET
    service, longest = "secretsmanager", 512
    replace_on = frozenset({"name", "namePrefix", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"arn:aws:secretsmanager:{ctx.region}:{ctx.account}:secret:{inputs['name']}-{letters(6)}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        record = ctx.state.kv_get(SECRETS, str(inputs["name"]))
        window = int(inputs.get("recoveryWindowInDays", 30))
        if window and not 7 <= window <= 30:
            text = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
            raise CloudError("InvalidParameterException", text)
        if old is None and record and record.get("deleted"):
            raise CloudError(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            )
        if old is None and record:
            raise CloudError(
                "ResourceExistsException",
                f"The operation failed because the secret {inputs['name']} already exists.",
            )

    def create(self, ctx: Context, res: Resource) -> Properties:
        arn = put_secret(ctx.state, ctx.world, ctx.region, str(res.inputs["name"]), None)
        res.id = arn  # moto chose the ARN's suffix
        return {"arn": arn}

    def delete(self, ctx: Context, res: Resource) -> None:
        window = int(res.inputs.get("recoveryWindowInDays", 30))
        drop_secret(ctx.state, ctx.world, str(res.inputs["name"]), window_days=window)


@kind
class SecretVersion(AwsKind):
    type = "aws:secretsmanager/secretVersion:SecretVersion"
    replace_on = frozenset({"secretId", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['secretId']}|{letters(32).lower()}"

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(
            ctx,
            SECRET,
            inputs["secretId"],
            "ResourceNotFoundException",
            MISSING,
        )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {
            "arn": res.inputs["secretId"],
            "versionId": res.id.split("|")[1],
            "versionStages": ["AWSCURRENT"],
        }

    def create(self, ctx: Context, res: Resource) -> Properties:
        self._put(ctx, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        self._put(ctx, res)
        return {}

    def _put(self, ctx: Context, res: Resource) -> None:
        secret = ctx.by_id(SECRET, str(res.inputs["secretId"]))
        assert secret is not None
        put_secret(
            ctx.state,
            ctx.world,
            ctx.region,
            str(secret.inputs["name"]),
            str(res.inputs.get("secretString", "")),
        )


@kind
class SecretPolicy(AwsKind):
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html"""

    type = POLICY
    replace_on = frozenset({"secretArn", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["secretArn"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        existing(ctx, SECRET, inputs["secretArn"], "ResourceNotFoundException", MISSING)
        try:
            parsed = document(inputs["policy"])
        except CloudError:
            raise CloudError("MalformedPolicyDocumentException", "The JSON policy is malformed.") from None
        for statement in parsed["Statement"]:
            if "Principal" not in statement and "NotPrincipal" not in statement:
                text = "This resource policy contains an unsupported principal."
                raise CloudError("MalformedPolicyDocumentException", text)
            public = statement["Effect"] == "Allow" and statement.get("Principal") in ("*", {"AWS": "*"})
            if public and not statement.get("Condition") and inputs.get("blockPublicPolicy"):
                raise CloudError(
                    "PublicPolicyException",
                    "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad "
                    "access to the secret.",
                )


@kind
class SecretRotation(AwsKind):
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html; without a function only for
    secrets that a service owns (RDS's master secret): rotate-secrets_managed.html."""

    type = ROTATION
    replace_on = frozenset({"secretId", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["secretId"])

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        arn = str(inputs["secretId"])
        records = ctx.state.kv_items(SECRETS)
        name = next((name for name, record in records.items() if arn in (name, record.get("arn"))), None)
        if name is None:
            raise CloudError("ResourceNotFoundException", MISSING)
        if not inputs.get("rotationLambdaArn") and not name.startswith("rds!"):
            text = "No Lambda rotation function ARN is associated with this secret."
            raise CloudError("InvalidRequestException", text)
        rules = inputs.get("rotationRules") or {}
        days, schedule = rules.get("automaticallyAfterDays"), rules.get("scheduleExpression")
        if (days is None) == (schedule is None):
            raise CloudError(
                "InvalidParameterException",
                "You must specify either AutomaticallyAfterDays or ScheduleExpression.",  # (I)
            )
        if days is not None and not 1 <= int(days) <= 1000:
            raise CloudError(
                "InvalidParameterException",
                "1 validation error detected: Value at 'rotationRules.automaticallyAfterDays' failed to satisfy "
                "constraint: Member must have value between 1 and 1000",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"rotationEnabled": True}
