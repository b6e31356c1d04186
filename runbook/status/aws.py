"""AWS's side of the daily checks (the original design's 9.1): alarms, database, pods behind the balancer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from runbook.errors import PlanBError

T = TypeVar("T")
CPU_LIMIT = 70.0
"""The original design's daily check."""
EDGE_REGION = "us-east-1"


def ask(service: str, region: str, question: Callable[[Any], T]) -> T:
    """One bounded question; PlanBError when AWS does not answer or refuses."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 1})
    client: Any = boto3.client(service, region_name=region, config=config)
    try:
        return question(client)
    except ClientError as error:
        found = error.response["Error"]
        raise PlanBError(f"{found.get('Code', '')}: {found.get('Message', '')}") from None
    except BotoCoreError as error:
        raise PlanBError(f"AWS does not answer in {region} ({type(error).__name__})") from None


def alarms(prod: dict[str, Any], expected: set[str]) -> dict[str, Any]:
    """How many of our alarms are in which state; those that are firing by name. `expected` are the deployed ones."""
    found: dict[str, str] = {}
    for region in sorted({str(prod["region"]), EDGE_REGION}):
        pages = ask(
            "cloudwatch",
            region,
            lambda client: list(client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])),
        )
        for page in pages:
            found |= {
                a["AlarmName"]: a["StateValue"] for a in page["MetricAlarms"] if a["AlarmName"] in expected
            }
    counted = {state: sum(value == state for value in found.values()) for state in set(found.values())}
    return {
        "firing": sorted(name for name, state in found.items() if state == "ALARM"),
        "ok": counted.get("OK", 0),
        "no_data": counted.get("INSUFFICIENT_DATA", 0),
        "missing": sorted(expected - set(found)),
        "count": len(expected),
    }


def database(prod: dict[str, Any], identifier: str) -> dict[str, Any]:
    """The instance's status, and its processor's load where CloudWatch has it."""
    region = str(prod["region"])
    found = ask("rds", region, lambda client: client.describe_db_instances(DBInstanceIdentifier=identifier))
    instance = found["DBInstances"][0]
    now = datetime.now(UTC)
    points = ask(
        "cloudwatch",
        region,
        lambda client: client.get_metric_statistics(
            Namespace="AWS/RDS",
            MetricName="CPUUtilization",
            Dimensions=[{"Name": "DBInstanceIdentifier", "Value": identifier}],
            StartTime=now - timedelta(minutes=10),
            EndTime=now,
            Period=300,
            Statistics=["Average"],
        ),
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"]) if points else None
    return {
        "status": instance["DBInstanceStatus"],
        "version": instance.get("EngineVersion"),
        "multi_az": instance.get("MultiAZ"),
        "cpu_percent": newest["Average"] if newest else None,
    }


def pods(prod: dict[str, Any], target_group: str) -> dict[str, Any]:
    """The pods of the web tier as the load balancer sees them: its targets by health."""
    found = ask(
        "elbv2",
        str(prod["region"]),
        lambda client: client.describe_target_health(TargetGroupArn=target_group),
    )["TargetHealthDescriptions"]
    states = [target["TargetHealth"]["State"] for target in found]
    reasons = {
        str(t["TargetHealth"].get("Description") or t["TargetHealth"].get("Reason") or "")
        for t in found
        if t["TargetHealth"]["State"] != "healthy"
    }
    return {"healthy": states.count("healthy"), "count": len(states), "reasons": sorted(reasons - {""})}
