"""Answers the alarms that could be mended without a person. Today it mends none: it hands every one to people.

The actions of R12 (delete the pod, replace the node, restart what is unhealthy) are not written yet. What is here is
what stays around them: each alarm is logged, and each outcome is told on the alarms' topic, so that nobody takes an
alarm for handled that was not. An outcome that cannot be told is a failure: Lambda tries again, then keeps the event
in the dead-letter queue, which has an alarm of its own.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

ESCALATED = "escalated"
SUBJECT_LIMIT = 100  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Lambda's entry point: an event of SNS with one alarm a record."""
    outcomes = [_escalate(record["Sns"]["Message"], context) for record in event["Records"]]
    return {"outcomes": outcomes}


def _escalate(message: str, context: Any) -> dict[str, Any]:
    alarm = _read(message)
    record = {
        "source": "planb-recovery",
        "action": ESCALATED,
        "alarm": alarm.get("AlarmName", "unknown"),
        "state": alarm.get("NewStateValue", "unknown"),
        "reason": alarm.get("NewStateReason", message),
        "since": alarm.get("StateChangeTime"),
        "cluster": os.environ["CLUSTER_NAME"],
        "request": getattr(context, "aws_request_id", None),
        "text": "No automatic action is implemented yet. Nothing was changed: a person must act.",
    }
    _log(record)
    boto3.client("sns").publish(
        TopicArn=os.environ["AUDIT_TOPIC_ARN"],
        Subject=f"Not recovered automatically: {record['alarm']}"[:SUBJECT_LIMIT],
        Message=json.dumps(record, ensure_ascii=False),
    )
    return record


def _read(message: str) -> dict[str, Any]:
    """The alarm, or nothing where the message is none: people are told even so."""
    try:
        found = json.loads(message)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _log(record: dict[str, Any]) -> None:
    print(json.dumps(record, ensure_ascii=False), flush=True)  # noqa: T201  (Lambda's log is standard output)
