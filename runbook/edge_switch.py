"""The switch at the edge: the keys `mode`, `azureHost` and `epoch` of the key-value store, behind an ETag.

`azureHost` is the gateway's name, with https:// before it where the gateway has a certificate for it; the router takes
nothing else and would show the maintenance page.

Writes are optimistic: the store refuses one that was prepared on an older state, so two operators cannot race.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook.errors import PlanBError, Refused, UsageError

MODES = ("aws", "azure", "maintenance")
NO_HOST = "none"
NEVER = "KVPREFLIGHTNEVER"
"""An ETag that no store has."""
GATEWAY = re.compile(r"(https://)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


@dataclass(frozen=True)
class EdgeState:
    """What the store holds."""

    mode: str
    azure_host: str
    epoch: int
    etag: str


class EdgeSwitch:
    """Reads and writes one store. Needs no control plane of a region; works with ap-northeast-2 dark."""

    def __init__(self, store_arn: str) -> None:
        import boto3
        from botocore.config import Config

        self._arn = store_arn
        config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
        # The endpoint is global; the region only satisfies the SDK and must not be the one that may be dark.
        self._client: Any = boto3.client("cloudfront-keyvaluestore", region_name="us-east-1", config=config)

    def read(self) -> EdgeState:
        """The present state; PlanBError when the store does not answer."""
        try:
            etag = str(self._client.describe_key_value_store(KvsARN=self._arn)["ETag"])
            items = {i["Key"]: i["Value"] for i in self._client.list_keys(KvsARN=self._arn)["Items"]}
        except (BotoCoreError, ClientError) as error:
            raise self._unreachable(error) from None
        mode, host, epoch = (
            items.get(key, given) for key, given in (("mode", "aws"), ("azureHost", NO_HOST), ("epoch", "1"))
        )
        if not epoch.isdigit():
            raise PlanBError(
                f"its key epoch is {epoch!r}, which is no number",
                resource="edge",
                meaning="nothing was switched; somebody has written the store by hand",
                next_step="set the key epoch to the one in the newest journal (planb status)",
            )
        return EdgeState(mode, host, int(epoch), etag)

    def write(self, before: EdgeState, *, mode: str, epoch: int, azure_host: str | None = None) -> EdgeState:
        """Writes all three keys at once if nobody has written since `before`; refuses an older epoch."""
        if mode not in MODES:
            raise UsageError(f"unknown mode {mode!r}", next_step=f"use one of {', '.join(MODES)}")
        if epoch < before.epoch:
            raise Refused(
                f"epoch {epoch} is older than {before.epoch}",
                resource="edge",
                meaning="another failover or failback has happened since; nothing was switched",
                next_step="planb status",
            )
        host = before.azure_host if azure_host is None else azure_host
        if mode == "azure" and host == NO_HOST:
            raise Refused(
                "no gateway is known",
                resource="edge",
                meaning="nothing was switched",
                next_step="planb failover",
            )
        if mode == "azure" and not GATEWAY.fullmatch(host):
            raise Refused(
                f"{host!r} is no host name of a gateway",
                resource="edge",
                meaning="nothing was switched: the edge would show the maintenance page",
                next_step="pulumi stack output gatewayHost -s dr, then planb failover",
            )
        puts = [
            {"Key": "mode", "Value": mode},
            {"Key": "azureHost", "Value": host},
            {"Key": "epoch", "Value": str(epoch)},
        ]
        try:
            answer = self._client.update_keys(KvsARN=self._arn, IfMatch=before.etag, Puts=puts)
        except (BotoCoreError, ClientError) as error:
            if "Conflict" in type(error).__name__ or "Conflict" in str(error):
                raise Refused(
                    "somebody else switched the edge at this moment",
                    resource="edge",
                    meaning="nothing was switched by this command",
                    next_step="planb status, then run the same command again",
                ) from None
            raise self._unreachable(error) from None
        return EdgeState(mode, host, epoch, str(answer["ETag"]))

    def may_write(self) -> str:
        """The code with which a write is refused; empty if it would be taken. Writes nothing: its ETag fits no state.

        Who may not write is told so before anybody looks at the ETag; who may is told of the conflict.
        """
        try:
            self._client.update_keys(KvsARN=self._arn, IfMatch=NEVER, Puts=[{"Key": "epoch", "Value": "0"}])
        except ClientError as error:
            code = str(error.response["Error"].get("Code", ""))
            return code if "AccessDenied" in code else ""
        except BotoCoreError as error:
            raise self._unreachable(error) from None
        raise PlanBError(
            "it took a write on a state that it never had",
            resource="edge",
            meaning="its epoch is now 0; nothing guards the switch any more",
            next_step="planb edge show; set the key epoch to the one in the newest journal",
        )

    def _unreachable(self, error: Exception) -> PlanBError:
        return PlanBError(
            f"the key-value store does not answer ({type(error).__name__}: {error})",
            resource="edge",
            meaning="customers keep seeing what they see now",
            next_step="check credentials for CloudFront, then run the same command again",
        )
