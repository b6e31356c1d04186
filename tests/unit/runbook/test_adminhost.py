"""adminhost.py: the machine with the master account comes when it is needed and goes when it is not."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from runbook import adminhost, ssm
from runbook.errors import PlanBError, Refused

PROD = {
    "adminHostTag": {"key": "Name", "value": "blue-db-admin"},
    "adminHostGroup": "blue-db-admin",
    "region": "ap-northeast-2",
}


class Aws:
    """Auto Scaling and Systems Manager; a started host answers at the third question."""

    def __init__(self, *, up: bool, problem: Exception | None = None) -> None:
        self.up, self.problem, self.asked = up, problem, 0
        self.wanted: list[int] = []

    def set_desired_capacity(self, **given: Any) -> None:
        if self.problem:
            raise self.problem
        assert given["AutoScalingGroupName"] == "blue-db-admin"
        self.wanted.append(given["DesiredCapacity"])

    def describe_instance_information(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:
        assert Filters == [{"Key": "tag:Name", "Values": ["blue-db-admin"]}]
        self.asked += 1
        up = self.up or (self.wanted == [1] and self.asked > 2)
        return {"InstanceInformationList": [{"PingStatus": "Online" if up else "ConnectionLost"}]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(**given: Any) -> Aws:
        made = Aws(**given)
        monkeypatch.setattr(boto3, "client", lambda *_, **__: made)
        monkeypatch.setattr(adminhost, "POLL_S", 0.01)
        return made

    return make


def test_it_is_started_and_awaited(aws: Any) -> None:
    cloud = aws(up=False)
    assert adminhost.started(PROD) == (PROD["adminHostTag"], "ap-northeast-2")
    assert cloud.wanted == [1] and cloud.asked == 3


def test_one_that_is_there_is_used(aws: Any) -> None:
    cloud = aws(up=True)
    adminhost.started(PROD)
    assert cloud.wanted == []


def test_it_is_sent_away(aws: Any) -> None:
    cloud = aws(up=True)
    adminhost.dismissed(PROD)
    assert cloud.wanted == [0]


def test_one_that_never_comes_up_is_told(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    aws(up=False)
    monkeypatch.setattr(ssm, "online", lambda *_: False)
    monkeypatch.setattr(adminhost, "BOOT_S", 0.05)
    with pytest.raises(PlanBError, match="took no command within") as caught:
        adminhost.started(PROD)
    assert "/planb/blue-db-admin" in caught.value.next_step


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (
            ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "SetDesiredCapacity"
            ),
            "Auto Scaling refuses: not authorized",
        ),
        (ConnectTimeoutError(endpoint_url="https://autoscaling"), "Auto Scaling does not answer"),
    ],
)
def test_what_aws_refuses_is_told(aws: Any, problem: Exception, says: str) -> None:
    aws(up=False, problem=problem)
    with pytest.raises(PlanBError, match=says):
        adminhost.started(PROD)


def test_a_stack_without_the_host_is_deployed_first() -> None:
    with pytest.raises(Refused, match="no output adminHostTag"):
        adminhost.started({"region": "ap-northeast-2"})
