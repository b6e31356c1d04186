"""failures.py and cli.main: what may be expected to fail is one message and its exit code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import typer
from azure.core.exceptions import ServiceRequestError
from botocore.exceptions import ClientError, EndpointConnectionError

from restore.errors import ConfigurationError, MissingBackup, Unauthorized
from runbook import cli, failures
from runbook.errors import PlanBError, Refused, Stopped, UsageError

ROOT = Path(__file__).parents[3]


def leaving(monkeypatch: pytest.MonkeyPatch, app: Callable[..., Any]) -> int:
    """The exit code of `planb` when its verb behaves like `app`."""
    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def raising(error: BaseException) -> Callable[..., Any]:
    def app(**_: Any) -> Any:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (PlanBError("broke", resource="x", meaning="m", next_step="n"), 1, "planb: x: broke\n"),
        (UsageError("wrong"), 2, "planb: wrong\n"),
        (Refused("no"), 3, "planb: no\n"),
        (Stopped("half-way"), 4, "planb: half-way\n"),
        (typer.Abort(), 4, "planb: stopped\n"),
        (KeyboardInterrupt(), 4, "planb: stopped by Ctrl-C\n"),
        (MissingBackup("there is no such backup", where="blob"), 3, "planb: blob: there is no such backup\n"),
        (Unauthorized("may not read"), 1, "planb: may not read\n"),
        (ConfigurationError("no URL"), 2, "planb: no URL\n"),
        (EndpointConnectionError(endpoint_url="http://x"), 1, "planb: AWS does not answer (EndpointConn"),
        (
            ClientError({"Error": {"Code": "ExpiredToken"}}, "Get"),
            1,
            "planb: AWS does not answer (ClientError",
        ),
        (requests.ConnectionError("refused"), 1, "planb: no answer to a request (ConnectionError: refused)"),
        (
            ServiceRequestError("no route\nmore"),
            1,
            "planb: Azure does not answer (ServiceRequestError: no route)",
        ),
        (
            PermissionError(13, "Permission denied", "/x/report.json"),
            1,
            "planb: /x/report.json: Permission denied",
        ),
    ],
)
def test_expected_failures(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    says: str,
) -> None:
    assert leaving(monkeypatch, raising(error)) == code
    said = capsys.readouterr()
    assert said.err.startswith(says) and said.err.count("planb: ") == 1
    assert said.out == "", "what a machine reads stays clean"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "app", raising(KeyError("bug")))
    with pytest.raises(KeyError):
        cli.main()
    assert failures.told(ValueError("bug")) is None


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3), (130, 4), ("text", 0)])
def test_the_code_that_a_verb_leaves_with_is_planbs(
    monkeypatch: pytest.MonkeyPatch, returned: Any, code: int
) -> None:
    """Typer returns it when it is not standalone; a failed drill must not exit with 0."""
    assert leaving(monkeypatch, lambda **_: returned) == code


@pytest.mark.parametrize("code", [0, 1, 3])
def test_a_drills_verdict_is_the_exit_code(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    from runbook.drill import command

    monkeypatch.setattr(command, "run", lambda options: code)
    monkeypatch.setattr(sys, "argv", ["planb", "drill"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == code


def test_the_second_interruption_leaves_at_once() -> None:
    """The first Ctrl-C waits for what runs; the second one must not, however long a step takes."""
    code = """
import sys, threading, time
from runbook import cli, cli_common, graph
from runbook.events import Bus
class Log:
    usual = {}
    def begin(self, step): print("begun", flush=True)
    def verified(self, *a): ...
    def failed(self, *a): ...
    def result_of(self, step): return None
def app(**_):
    step = graph.Step("slow", "", lambda: time.sleep(120) or {})
    cli_common.interruptible(lambda stop: graph.run([step], Bus(), Log(), stop))
cli.app = app
cli.main()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "\n"
        assert "Ctrl-C again leaves at once" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - began < 10
        assert process.returncode == 4
        assert said.startswith("planb: stopped by Ctrl-C\n")
    finally:
        process.kill()
        process.wait()
