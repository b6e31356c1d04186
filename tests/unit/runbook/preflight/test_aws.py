"""What AWS says of its versions: read through botocore's own parser from the embedded clouds' answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from runbook.errors import PlanBError
from runbook.preflight import aws
from runbook.preflight.look import Look
from runbook.preflight.model import NotAsked
from tests.unit.runbook.preflight.looks import FakeLook, found, severities

TODAY = date.today()


def later(days: int) -> datetime:
    return datetime.combine(TODAY + timedelta(days=days), datetime.min.time(), UTC)


def life(standard: int, extended: int) -> list[dict[str, Any]]:
    return [
        {
            "LifecycleSupportName": "open-source-rds-standard-support",
            "LifecycleSupportEndDate": later(standard),
        },
        {
            "LifecycleSupportName": "open-source-rds-extended-support",
            "LifecycleSupportEndDate": later(extended),
        },
    ]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """By service; an exception is raised."""
    given: dict[str, Any] = {}

    def ask(service: str, look: Look, question: Any) -> Any:
        if isinstance(given[service], Exception):
            raise given[service]
        return given[service]

    monkeypatch.setattr(aws, "ask", ask)
    return given


def deployed() -> FakeLook:
    cluster = {"type": "aws:eks/cluster:Cluster", "inputs": {"version": "1.35"}}
    instance = {"engineVersion": "8.0", "instanceClass": "db.t3.medium", "multiAz": True}
    database = {"type": "aws:rds/instance:Instance", "inputs": instance}
    return FakeLook(prod_deployment={"resources": [cluster, database]})


@pytest.mark.parametrize(
    ("standard", "extended", "severity", "says"),
    [
        (400, 800, "ok", "standard support until"),
        (20, 400, "warning", "standard support of RDS for MySQL 8.0 ends on"),
        (-100, 400, "warning", "in Extended Support since"),
        (-500, -1, "warning", "out of all support"),
    ],
)
def test_mysql(answers: dict[str, Any], standard: int, extended: int, severity: str, says: str) -> None:
    versions = [{"SupportedEngineLifecycles": life(standard, extended)}]
    answers["rds"] = {"DBMajorEngineVersions": versions}
    ((said, what),) = found(aws.mysql, deployed())
    assert said == severity and says in what


def test_extended_support_is_told_in_dollars(answers: dict[str, Any]) -> None:
    answers["rds"] = {"DBMajorEngineVersions": [{"SupportedEngineLifecycles": life(-100, 400)}]}
    (finding,) = aws.mysql(deployed())  # type: ignore[arg-type]
    assert finding.meaning == "Extended Support costs $350 a month (planb cost)"


def test_eks(answers: dict[str, Any]) -> None:
    version = {"endOfStandardSupportDate": later(200), "endOfExtendedSupportDate": later(600)}
    answers["eks"] = {"clusterVersions": [version]}
    assert severities(aws.kubernetes, deployed()) == ["ok"]
    answers["eks"] = {"clusterVersions": []}
    assert severities(aws.kubernetes, deployed()) == ["warning"]


def test_nothing_deployed_is_not_fine(answers: dict[str, Any]) -> None:
    assert severities(aws.kubernetes, FakeLook()) == severities(aws.mysql, FakeLook()) == ["unasked"]


def test_identity(answers: dict[str, Any]) -> None:
    answers["sts"] = {"Arn": "arn:aws:iam::1:role/planb"}
    assert severities(aws.identity, deployed()) == ["ok"]
    answers["sts"] = PlanBError("ExpiredToken: expired")
    assert severities(aws.identity, deployed()) == ["warning"], "a failover works without AWS"
    answers["sts"] = NotAsked("AWS does not answer in ap-northeast-2 (ConnectTimeoutError)")
    assert severities(aws.identity, deployed()) == ["unasked"]
