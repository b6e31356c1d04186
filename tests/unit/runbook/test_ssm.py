"""ssm.py: one command on a host, its result or its reason, within bounds."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError

from runbook import ssm
from runbook.errors import PlanBError

TAG = {"key": "Name", "value": "planb-backup"}


class Manager:
    """Systems Manager with one host; each answer is (status, stdout, stderr), or an error."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.sent = list(answers), list[dict[str, Any]]()
        self.now: Any = None

    def send_command(self, **request: Any) -> dict[str, Any]:
        self.sent.append(request)
        if self.answers and self.answers[0] == "dark":
            raise ConnectTimeoutError(endpoint_url="https://ssm")
        return {"Command": {"CommandId": "c1"}}

    def list_command_invocations(self, **_: Any) -> dict[str, Any]:
        self.now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(self.now, Exception):
            raise self.now
        return {"CommandInvocations": [{"Status": self.now[0], "InstanceId": "i-1"}] if self.now else []}

    def get_command_invocation(self, **_: Any) -> dict[str, Any]:
        status, out, err = self.now
        return {"Status": status, "StandardOutputContent": out, "StandardErrorContent": err}


def ask(monkeypatch: pytest.MonkeyPatch, *answers: Any, timeout_s: float = 5) -> tuple[Manager, Any]:
    manager = Manager(*answers)
    monkeypatch.setattr(boto3, "client", lambda service, **_: manager)
    monkeypatch.setattr(ssm, "POLL_S", 0.01)
    return manager, ssm.run(TAG, "ap-northeast-2", ["restore", "--backup", "a b"], timeout_s=timeout_s)


def test_the_last_line_is_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    manager, result = ask(
        monkeypatch, None, ("InProgress", "", ""), ("Success", 'log line\n{"backup": "x"}\n', "")
    )
    assert result == {"backup": "x"}
    sent = manager.sent[0]
    assert sent["Targets"] == [{"Key": "tag:Name", "Values": ["planb-backup"]}]
    assert sent["Parameters"] == {
        "commands": ["planb-agent restore --backup 'a b'"],
        "executionTimeout": ["5"],
    }


def test_a_command_without_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, ("Success", "", ""))[1] == {}


@pytest.mark.parametrize(
    ("out", "err", "reason"),
    [
        ('{"what": "no lock"}', "", "no lock"),
        ("", 'noise\n{"error": "no space"}', "no space"),
        ("", "sh: planb-agent: not found", "sh: planb-agent: not found"),
        ("", "", "Failed"),
        ("[1]", "", "Failed"),
    ],
)
def test_a_failure_names_its_reason(monkeypatch: pytest.MonkeyPatch, out: str, err: str, reason: str) -> None:
    with pytest.raises(PlanBError) as caught:
        ask(monkeypatch, ("Failed", out, err))
    assert caught.value.what.endswith(f"failed: {reason}")
    assert caught.value.resource == "host planb-backup"


def test_dark_before_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanBError, match=r"does not answer.*nothing was run there"):
        ask(monkeypatch, "dark")


def test_dark_after_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanBError, match=r"does not answer.*may still be running there"):
        ask(monkeypatch, ConnectTimeoutError(endpoint_url="https://ssm"))


def test_no_host_takes_it_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PlanBError, match=r"no result of .planb-agent restore .* within 0 s"):
        ask(monkeypatch, None, timeout_s=0.05)
