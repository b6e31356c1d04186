"""Commands on the backup host by Systems Manager, bounded in time: AWS may be dark or half there."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook.errors import PlanBError

POLL_S = 0.5


def online(tag: dict[str, str], region: str) -> bool:
    """Whether a host with this tag takes commands."""
    client = _client(region)
    try:
        found = client.describe_instance_information(
            Filters=[{"Key": f"tag:{tag['key']}", "Values": [tag["value"]]}]
        )["InstanceInformationList"]
    except (BotoCoreError, ClientError) as error:
        raise PlanBError(
            f"Systems Manager does not answer ({type(error).__name__})",
            resource=f"host {tag['value']}",
            meaning="nothing was run there",
            next_step="check that AWS is reachable again (planb status), then run the same command again",
        ) from None
    return any(one["PingStatus"] == "Online" for one in found)


def run(tag: dict[str, str], region: str, arguments: list[str], *, timeout_s: float) -> dict[str, Any]:
    """Runs `planb-agent` with these arguments on the host with this tag; returns its one JSON line of result."""
    where = f"host {tag['value']}"
    client = _client(region)
    command = "planb-agent " + shlex.join(arguments)
    sent = ""
    try:
        sent = client.send_command(
            DocumentName="AWS-RunShellScript",
            Targets=[{"Key": f"tag:{tag['key']}", "Values": [tag["value"]]}],
            Parameters={"commands": [command], "executionTimeout": [str(int(timeout_s))]},
        )["Command"]["CommandId"]
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = client.list_command_invocations(CommandId=sent, Details=True)["CommandInvocations"]
            if found and found[0]["Status"] not in ("Pending", "InProgress", "Delayed"):
                one = client.get_command_invocation(CommandId=sent, InstanceId=found[0]["InstanceId"])
                return _result(one, where, command)
            time.sleep(POLL_S)
    except PlanBError:
        raise
    except (BotoCoreError, ClientError) as error:
        raise PlanBError(
            f"Systems Manager does not answer ({type(error).__name__})",
            resource=where,
            meaning="it may still be running there" if sent else "nothing was run there",
            next_step="check that AWS is reachable again (planb status), then run the same command again",
        ) from None
    raise PlanBError(
        f"no result of {command!r} within {timeout_s:.0f} s",
        resource=where,
        meaning="it may still be running there",
        next_step="look at the host's log (log group /planb/ and its name), then run the same command again",
    )


def _client(region: str) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
    return boto3.client("ssm", region_name=region, config=config)


def _result(invocation: dict[str, Any], where: str, command: str) -> dict[str, Any]:
    output = str(invocation.get("StandardOutputContent", "")).strip()
    if invocation["Status"] != "Success":
        errors = str(invocation.get("StandardErrorContent", "")).strip().splitlines()
        reason = (
            _reason(output) or _reason(errors[-1] if errors else "") or (errors or [invocation["Status"]])[-1]
        )
        raise PlanBError(
            f"{command!r} failed: {reason}",
            resource=where,
            meaning="AWS's database is as it was, or as the message says",
            next_step="mend that, then run the same command again",
        )
    try:
        return json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return {}


def _reason(output: str) -> str:
    try:
        parsed: Any = json.loads(output.splitlines()[-1])
        return str(parsed.get("what") or parsed.get("error") or "")
    except (IndexError, ValueError, AttributeError):
        return ""
