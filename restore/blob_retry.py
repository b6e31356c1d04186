"""Retries and error texts for calls to blob storage: which failures pass, how long to wait, what to tell the user.

One budget a call: the SDK's own retries are off. The same request (for a block: the same block id) is sent again, so
a retry can never add data twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import tenacity

from restore.errors import (
    AlreadyExists,
    Changed,
    DataPlaneError,
    Interrupted,
    LeaseHeld,
    MissingBackup,
    Refused,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

T = TypeVar("T")
TRANSIENT_STATUS = frozenset({408, 429, 500, 502, 503, 504})
# https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
TAKEN = frozenset({"BlobAlreadyExists", "UnauthorizedBlobOverwrite", "BlobImmutableDueToPolicy"})
LEASED = frozenset({"LeaseAlreadyPresent", "LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseLost"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Patience with storage, in seconds."""

    deadline_s: float = 120.0
    connect_s: float = 10.0
    read_s: float = 60.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0


def with_retries(
    call: Callable[[], T], *, where: str, limits: Limits, stop: threading.Event | None = None
) -> T:
    """The call's result, tried again until `limits.deadline_s` while the failure may pass.

    Args:
        where: the blob or container, for the error's text.
        stop: set from elsewhere to give up at once.

    Raises:
        DataPlaneError: the failure in our words; the SDK's exception is its cause.
        Interrupted: `stop` was set between two tries.
    """
    from azure.core.exceptions import AzureError

    stop = stop or threading.Event()
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(transient),
        stop=tenacity.stop_any(
            tenacity.stop_after_delay(limits.deadline_s), tenacity.stop_when_event_set(stop)
        ),
        wait=_Wait(limits),
        sleep=tenacity.sleep_using_event(stop),
        reraise=True,
    )
    try:
        return retrying(call)
    except AzureError as problem:
        if stop.is_set():
            raise Interrupted("stopped while waiting for storage", where=where) from None
        raise translated(problem, where) from problem


def transient(problem: BaseException) -> bool:
    """Whether sending the same request again may help."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(problem, ServiceRequestError | ServiceResponseError):
        return True
    return isinstance(problem, HttpResponseError) and problem.status_code in TRANSIENT_STATUS


class _Wait(tenacity.wait.wait_base):
    """Retry-After when storage names one, else exponential with full jitter."""

    def __init__(self, limits: Limits) -> None:
        self._longest = limits.longest_wait_s
        self._jittered = tenacity.wait_random_exponential(limits.first_wait_s, max=limits.longest_wait_s)

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        problem = retry_state.outcome.exception() if retry_state.outcome else None
        response = getattr(problem, "response", None)
        asked = str(response.headers.get("Retry-After", "")) if response is not None else ""
        if asked.isdigit():
            return min(float(asked), 10 * self._longest)
        return self._jittered(retry_state)


def translated(problem: AzureError, where: str) -> DataPlaneError:
    """The SDK's exception as one of ours."""
    from azure.core.exceptions import (
        ClientAuthenticationError,
        HttpResponseError,
        ServiceRequestError,
        ServiceResponseError,
    )

    if isinstance(problem, ServiceRequestError | ServiceResponseError):
        return Unreachable(
            f"storage does not answer ({_first_line(problem)})",
            where=where,
            next_step="Check the network, the proxy and the account's name.",
        )
    status = problem.status_code if isinstance(problem, HttpResponseError) else None
    code = str(getattr(problem, "error_code", "") or "")
    if isinstance(problem, ClientAuthenticationError) or status in (401, 403):
        return Unauthorized(
            f"storage refuses our credentials ({code or _first_line(problem)})",
            where=where,
            meaning="The token, SAS or key is wrong or expired, lacks a role, or this machine's clock is off.",
            next_step="Check the identity's role on the container and the clock (timedatectl).",
        )
    if code == "ContainerNotFound":
        return Refused(
            "the container does not exist", where=where, next_step="Deploy the dr stack, or mend its URL."
        )
    if status == 404:
        return MissingBackup("the blob does not exist", where=where)
    if code in LEASED:
        return LeaseHeld(f"another process holds the lease ({code})", where=where)
    if code in TAKEN:
        return AlreadyExists("the blob exists already and is never overwritten", where=where)
    if status == 412:
        return Changed(f"the blob was changed by somebody else ({code})", where=where)
    return DataPlaneError(
        f"storage answered {status or 'nothing'} {code}: {_first_line(problem)}", where=where
    )


def _first_line(problem: Exception) -> str:
    return next(iter(str(problem).splitlines()), type(problem).__name__)[:300]
