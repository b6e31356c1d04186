"""The administration host: the machine that may use the database's master account, started when a runbook needs it.

docs/adr/0017 says why it is another machine than the backup host. It retires by itself after two idle hours; a runbook
that is done with it sends it away at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from runbook import ssm
from runbook.engine import required
from runbook.errors import PlanBError

T = TypeVar("T")
BOOT_S = 600.0
"""An instance boots in a minute or two and installs the agent in as much again."""
POLL_S = 1.0


def started(prod: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Its tag and region, once it takes commands; starts it if it is not there.

    Raises:
        PlanBError: AWS refuses, or the machine does not come up in time.
    """
    tag, region = required(dict(prod), "prod", "adminHostTag"), str(prod["region"])
    if not ssm.online(tag, region):
        _ask(prod, lambda client, group: _scale(client, group, 1))
        deadline = time.monotonic() + BOOT_S
        while not ssm.online(tag, region):
            if time.monotonic() > deadline:
                raise PlanBError(
                    f"it took no command within {BOOT_S:.0f} s",
                    resource=f"administration host {tag['value']}",
                    meaning="nothing was run there",
                    next_step=f"read its log group /planb/{tag['value']}, then run the same command again",
                )
            time.sleep(POLL_S)
    return tag, region


def dismissed(prod: Mapping[str, Any]) -> None:
    """Sends it away; its passwords go with it."""
    _ask(prod, lambda client, group: _scale(client, group, 0))


def _scale(client: Any, group: str, wanted: int) -> None:
    client.set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=wanted, HonorCooldown=False)


def _ask(prod: Mapping[str, Any], call: Callable[[Any, str], T]) -> T:
    import boto3
    from botocore.config import Config

    group = str(required(dict(prod), "prod", "adminHostGroup"))
    config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
    client: Any = boto3.client("autoscaling", region_name=str(prod["region"]), config=config)
    try:
        return call(client, group)
    except ClientError as error:
        raise PlanBError(
            f"Auto Scaling refuses: {error.response['Error']['Message']}",
            resource=f"group {group}",
            meaning="the administration host was neither started nor stopped",
            next_step="allow the runbook's role autoscaling:SetDesiredCapacity on this group",
        ) from None
    except BotoCoreError as error:
        raise PlanBError(
            f"Auto Scaling does not answer ({type(error).__name__})",
            resource=f"group {group}",
            meaning="the administration host may not have been started or stopped",
            next_step="check that AWS is reachable again (planb status), then run the same command again",
        ) from None
