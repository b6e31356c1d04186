"""blob_retry.py: what is tried again, how long, and what is told."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
)

from restore.blob_retry import Limits, with_retries
from restore.errors import (
    AlreadyExists,
    Changed,
    DataPlaneError,
    Interrupted,
    LeaseHeld,
    MissingBackup,
    Unauthorized,
    Unreachable,
)

QUICK = Limits(deadline_s=0.5, first_wait_s=0.01, longest_wait_s=0.05)


def _answer(
    status: int, code: str = "", headers: dict[str, str] | None = None, kind: type[Any] = HttpResponseError
) -> Any:
    problem = kind(message=f"answer {status}")
    problem.status_code = status
    problem.error_code = code
    problem.response = SimpleNamespace(status_code=status, headers=headers or {}, reason="")
    return problem


class Calls:
    """Fails with each problem in turn, then answers."""

    def __init__(self, *problems: Exception) -> None:
        self.problems = list(problems)
        self.times: list[float] = []

    def __call__(self) -> str:
        self.times.append(time.monotonic())
        if self.problems:
            raise self.problems.pop(0)
        return "done"


@pytest.mark.parametrize("problem", [_answer(503), _answer(429), _answer(500), ServiceRequestError("reset")])
def test_f01_what_may_pass_is_tried_again(problem: Exception) -> None:
    calls = Calls(problem, problem)
    assert with_retries(calls, where="blob", limits=QUICK) == "done"
    assert len(calls.times) == 3


@pytest.mark.parametrize(
    ("problem", "ours"),
    [
        (_answer(403, "AuthorizationPermissionMismatch"), Unauthorized),
        (_answer(401, kind=ClientAuthenticationError), Unauthorized),
        (_answer(404, "BlobNotFound", kind=ResourceNotFoundError), MissingBackup),
        (_answer(409, "BlobAlreadyExists"), AlreadyExists),
        (_answer(409, "LeaseAlreadyPresent"), LeaseHeld),
        (_answer(412, "ConditionNotMet"), Changed),
        (_answer(400, "InvalidBlockList"), DataPlaneError),
    ],
)
def test_what_cannot_pass_is_told_at_once(problem: Exception, ours: type[DataPlaneError]) -> None:
    calls = Calls(problem)
    with pytest.raises(ours, match="the-blob"):
        with_retries(calls, where="the-blob", limits=QUICK)
    assert len(calls.times) == 1


def test_f10_retry_after_is_honoured() -> None:
    calls = Calls(_answer(503, headers={"Retry-After": "1"}))
    limits = Limits(deadline_s=5, first_wait_s=0.01, longest_wait_s=1)
    with_retries(calls, where="blob", limits=limits)
    assert calls.times[1] - calls.times[0] >= 1


def test_the_deadline_ends_it() -> None:
    began = time.monotonic()
    with pytest.raises(Unreachable, match="does not answer"):
        with_retries(Calls(*[ServiceRequestError("refused")] * 1000), where="blob", limits=QUICK)
    assert 0.3 < time.monotonic() - began < 2


def test_a_stop_ends_it_at_once() -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    patient = Limits(deadline_s=60, first_wait_s=30, longest_wait_s=60)
    calls = Calls(*[_answer(503, headers={"Retry-After": "60"})] * 3)
    with pytest.raises(Interrupted):
        with_retries(calls, where="blob", limits=patient, stop=stop)
    assert time.monotonic() - began < 2
