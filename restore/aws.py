"""AWS as the hosts need it: secrets, tokens, metrics, their own Auto Scaling group. boto3 is imported when used."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from pydantic import SecretStr

from restore import log
from restore.errors import ConfigurationError, Unauthorized, Unreachable
from restore.users import Account

T = TypeVar("T")
NAMESPACE = "PlanB"


def call(
    service: str,
    region: str,
    ask: Callable[[Any], T],
    *,
    where: str,
    what: str,
    hints: Mapping[str, str] | None = None,
) -> T:
    """`ask` with a client of the service in this region (never a global endpoint), bounded in time.

    Args:
        what: what is not to be had, for the error.
        hints: what to do next, by AWS's error code.

    Raises:
        Unauthorized, Unreachable: the refusal in our words; never with a content.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    config = Config(
        connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4}
    )
    try:
        return ask(cast("Any", boto3).client(service, region_name=region, config=config))
    except (ClientError, NoCredentialsError) as problem:
        response: dict[str, Any] = getattr(problem, "response", {})
        code = str(response.get("Error", {}).get("Code", type(problem).__name__))
        known = (hints or {}).get(code.removesuffix("Exception"), "")
        raise Unauthorized(
            f"{what} ({code})", where=where, next_step=known or "Check the name and the role of this host."
        ) from None
    except BotoCoreError as problem:
        raise Unreachable(f"{service} does not answer ({type(problem).__name__})", where=where) from None


def secret_text(arn: str, region: str) -> str:
    """A secret's text, through the machine's role."""
    return call(
        "secretsmanager",
        region,
        lambda client: str(client.get_secret_value(SecretId=arn)["SecretString"]),
        where=arn,
        what="the secret cannot be read",
    )


def secret(arn: str, region: str) -> Account:
    """User and password from Secrets Manager.

    Raises:
        Unauthorized, Unreachable, ConfigurationError: why it cannot be had; never with its content.
    """
    text = secret_text(arn, region)
    try:
        parsed: object = json.loads(text)
        fields = cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else {}
        user, password = str(fields["username"]), str(fields["password"])
    except (ValueError, KeyError):
        raise ConfigurationError("is not {username, password}", where=arn) from None
    log.hide(password)
    return Account(user, SecretStr(password))


def put_metrics(project: str, region: str, seconds: Mapping[str, float]) -> None:
    """Figures of this run in the namespace PlanB, where the alarms look for them."""
    data = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "Project", "Value": project}],
            "Value": value,
            "Unit": "Seconds",
        }
        for name, value in seconds.items()
    ]
    call(
        "cloudwatch",
        region,
        lambda client: client.put_metric_data(Namespace=NAMESPACE, MetricData=data),
        where=f"namespace {NAMESPACE}",
        what="no figure was published",
    )


def retire(group: str, region: str) -> bool:
    """Takes the group's one machine away, so that none comes after it; False when there is none already.

    By the group, not by an instance: whoever asks knows the group's name only, and it has one machine at most.
    """

    def ask(client: Any) -> bool:
        found = client.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
        if not found or not found[0]["DesiredCapacity"]:
            return False
        client.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=0, HonorCooldown=False)
        return True

    return call("autoscaling", region, ask, where=f"group {group}", what="it cannot be scaled in")
