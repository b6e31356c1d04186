"""The recovery function hands every alarm to people, and never calls that a recovery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from recovery.handler import handle

REGION = "ap-northeast-2"
ALARM = {
    "AlarmName": "blue-pod-restart-high",
    "NewStateValue": "ALARM",
    "NewStateReason": "Threshold Crossed: 1 datapoint [7.0] was greater than or equal to the threshold (5.0).",
    "StateChangeTime": "2026-11-25T01:02:03.000+0000",
}
CONTEXT = SimpleNamespace(aws_request_id="r-1")


def event(*messages: Any) -> dict[str, Any]:
    return {"Records": [{"Sns": {"Message": m if isinstance(m, str) else json.dumps(m)}} for m in messages]}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """What people were told: (subject, record) by a queue on the alarms' topic."""
    for key, value in (("DEFAULT_REGION", REGION), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{key}", value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name="blue-alarms")["TopicArn"]
        queue = sqs.create_queue(QueueName="people")["QueueUrl"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:123456789012:people")
        monkeypatch.setenv("AUDIT_TOPIC_ARN", topic)
        monkeypatch.setenv("CLUSTER_NAME", "blue-eks")

        def read() -> list[tuple[str, dict[str, Any]]]:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            envelopes = [json.loads(item["Body"]) for item in found]
            return [(item["Subject"], json.loads(item["Message"])) for item in envelopes]

        yield read


def test_an_alarm_is_handed_to_people(told: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer = handle(event(ALARM), CONTEXT)
    ((subject, record),) = told()
    assert answer == {"outcomes": [record]}
    assert subject == "Not recovered automatically: blue-pod-restart-high"
    assert record["action"] == "escalated" and "Nothing was changed" in record["text"]
    assert (record["alarm"], record["state"]) == ("blue-pod-restart-high", "ALARM")
    assert (record["cluster"], record["request"]) == ("blue-eks", "r-1")
    assert json.loads(capsys.readouterr().out) == record


def test_every_record_has_its_own(told: Any) -> None:
    handle(event(ALARM, {**ALARM, "AlarmName": "blue-" + "x" * 200}), CONTEXT)
    subjects = [subject for subject, _ in told()]
    assert len(subjects) == 2 and max(len(subject) for subject in subjects) == 100


@pytest.mark.parametrize("message", ["not JSON", "[]", "{}"])
def test_what_is_no_alarm_is_told_too(told: Any, message: str) -> None:
    handle(event(message), CONTEXT)
    ((_, record),) = told()
    assert (record["alarm"], record["reason"]) == ("unknown", message)


def test_an_outcome_that_cannot_be_told_is_a_failure(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda then tries again, and in the end keeps the event in the dead-letter queue."""
    monkeypatch.setenv("AUDIT_TOPIC_ARN", f"arn:aws:sns:{REGION}:123456789012:gone")
    with pytest.raises(ClientError, match="NotFound"):
        handle(event(ALARM), CONTEXT)


def test_what_is_no_event_of_sns_is_a_failure(told: Any) -> None:
    with pytest.raises(KeyError):
        handle({}, CONTEXT)
