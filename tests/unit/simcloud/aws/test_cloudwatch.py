"""Metric alarms and dashboards: what is refused, and what boto3 then sees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from simcloud.aws import cloudwatch
from simcloud.aws.cloudwatch import ALARM, DASHBOARD

from .conftest import ACCOUNT, REGION, Aws, client

pytestmark = pytest.mark.usefixtures("secrets_manager")  # moto in this process

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
GIVEN: dict[str, Any] = {
    "name": "cpu",
    "namespace": "AWS/RDS",
    "metricName": "CPUUtilization",
    "dimensions": {"DBInstanceIdentifier": "blue-mysql"},
    "comparisonOperator": "GreaterThanThreshold",
    "threshold": 80,
    "statistic": "Average",
    "period": 300,
    "evaluationPeriods": 3,
    "treatMissingData": "breaching",
    "alarmActions": [TOPIC],
    "okActions": [TOPIC],
}


def without(*keys: str, **more: Any) -> dict[str, Any]:
    return {**{k: v for k, v in GIVEN.items() if k not in keys}, **more}


def shown(name: str = "cpu", region: str = REGION) -> dict[str, Any]:
    (found,) = client("cloudwatch", region).describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return found


def test_an_alarm_is_seen_by_boto3_and_keeps_its_state_over_a_change(aws: Aws) -> None:
    made = aws.make(ALARM, GIVEN)
    assert made.outputs["arn"] == f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:cpu"
    found = shown()
    wanted = {
        "Namespace": "AWS/RDS",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "blue-mysql"}],
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 3,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "breaching",
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
        "StateValue": "INSUFFICIENT_DATA",
    }
    assert {key: found[key] for key in wanted} == wanted
    client("cloudwatch", REGION).set_alarm_state(AlarmName="cpu", StateValue="ALARM", StateReason="hot")
    changed = aws.change(made, threshold=90)
    assert (shown()["StateValue"], shown()["Threshold"]) == ("ALARM", 90.0)
    assert aws.replaced(made, name="x", threshold=1) == ["name"]
    aws.delete(changed)
    assert client("cloudwatch", REGION).describe_alarms()["MetricAlarms"] == []


def test_another_region_and_a_percentile(aws: Aws) -> None:
    topic = TOPIC.replace(REGION, "us-east-1")
    given = without("statistic", extendedStatistic="p95", region="us-east-1", alarmActions=[topic])
    aws.make(ALARM, {**given, "okActions": []})
    assert shown(region="us-east-1")["ExtendedStatistic"] == "p95"
    assert client("cloudwatch", REGION).describe_alarms()["MetricAlarms"] == []


def test_metric_math(aws: Aws) -> None:
    metric = {"namespace": "N", "metricName": "m", "period": 60, "stat": "Sum", "dimensions": {"D": "v"}}
    queries = [
        {"id": "m1", "metric": metric},
        {"id": "e1", "expression": "m1 * 2", "label": "twice", "returnData": True},
    ]
    aws.make(
        ALARM, without("metricName", "namespace", "statistic", "period", "dimensions", metricQueries=queries)
    )
    first, second = shown()["Metrics"]
    assert first["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "D", "Value": "v"}]
    assert (second["Expression"], second["ReturnData"]) == ("m1 * 2", True)


def test_a_fresh_moto_is_filled_again(aws: Aws) -> None:
    aws.make(ALARM, GIVEN)
    aws.make(DASHBOARD, {"dashboardName": "d", "dashboardBody": '{"widgets": []}'})
    client("cloudwatch", REGION).delete_alarms(AlarmNames=["cpu"])
    client("cloudwatch", REGION).delete_dashboards(DashboardNames=["d"])
    cloudwatch.rehydrate(aws.state, aws.world)
    assert shown()["Threshold"] == 80.0
    assert client("cloudwatch", REGION).get_dashboard(DashboardName="d")["DashboardBody"]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("expected period to be one of [10 20 30]", without(period=45)),
        ("expected period to be one of [10 20 30]", without(period=90)),
        ("expected treat_missing_data to be one of", without(treatMissingData="bad")),
        ("expected comparison_operator to be one of", without(comparisonOperator="Greater")),
        ("expected statistic to be one of", without(statistic="p95")),
        (
            "expected evaluate_low_sample_count_percentiles to be one of",
            without(evaluateLowSampleCountPercentiles="x"),
        ),
        ('"statistic": conflicts with extended_statistic', without(extendedStatistic="p95")),
        ('"metric_queries": conflicts with metric_name', without("statistic", metricQueries=[{"id": "m"}])),
        ("One of `statistic` or `extended_statistic` must be set", without("statistic")),
        (
            "one of `evaluation_criteria,metric_name,metric_query`",
            without("statistic", "metricName", "period"),
        ),
        ("invalid value for extended_statistic", without("statistic", extendedStatistic="95")),
    ],
)
def test_what_the_provider_refuses(aws: Aws, text: str, given: dict[str, Any]) -> None:
    aws.refuses("InvalidConfiguration", text, ALARM, given)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("across more than a day", without(period=300, evaluationPeriods=289)),
        ("across more than a week", without(period=3600, evaluationPeriods=169)),
        ("DatapointsToAlarm must be less than", without(datapointsToAlarm=4)),
        ("Exactly one of Threshold", without("threshold")),
        ("Member must have length less than or equal to 5", without(okActions=[TOPIC] * 6)),
        ("Invalid arn syntax: alarms", without(alarmActions=["alarms"])),
        (
            f"Invalid region us-east-1 specified. Only {REGION} is supported.",
            without(alarmActions=[TOPIC.replace(REGION, "us-east-1")]),
        ),
    ],
)
def test_what_the_service_refuses(aws: Aws, text: str, given: dict[str, Any]) -> None:
    aws.refuses("ValidationError", text, ALARM, given)


def test_periods_that_are_taken(aws: Aws) -> None:
    for number, period in enumerate((10, 20, 30, 60, 3600)):
        aws.make(ALARM, without(name=f"a{number}", period=period))
    aws.make(ALARM, without(name="day", period=300, evaluationPeriods=288))


def board(*widgets: Any) -> dict[str, Any]:
    return {"dashboardName": "d", "dashboardBody": json.dumps({"widgets": widgets})}


def metric(*metrics: Any, **more: Any) -> dict[str, Any]:
    return {"type": "metric", "properties": {"region": REGION, "metrics": list(metrics)}, **more}


def test_a_dashboard(aws: Aws) -> None:
    good = board(
        {"type": "text", "x": 0, "y": 0, "width": 24, "height": 2, "properties": {"markdown": "# x"}},
        metric(
            ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", "x", {"stat": "Maximum"}], ["AWS/RDS", "m"]
        ),
        metric([{"expression": "m1 / 60", "label": "x"}]),
        {"type": "metric", "properties": {"region": REGION, "annotations": {"alarms": ["arn"]}}},
        {"type": "alarm", "properties": {"alarms": ["arn"]}},
    )
    made = aws.make(DASHBOARD, good)
    assert made.outputs["dashboardArn"] == f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/d"
    aws.change(made, dashboardBody='{"widgets": []}')
    assert client("cloudwatch", REGION).get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'
    aws.delete(made)
    assert client("cloudwatch", REGION).list_dashboards()["DashboardEntries"] == []


@pytest.mark.parametrize(
    ("path", "text", "widget"),
    [
        ("/widgets/0/type", "allowed values", {"type": "graph"}),
        ("/widgets/0", "required property 'properties'", {"type": "text"}),
        ("/widgets/0/properties", "required property 'markdown'", {"type": "text", "properties": {}}),
        (
            "/widgets/0/properties",
            "required property 'region'",
            {"type": "metric", "properties": {"metrics": [["N", "m"]]}},
        ),
        ("/widgets/0/properties", "Should match some schema in anyOf", metric()),
        ("/widgets/0/properties/metrics/0", "Should NOT have more than 2 items", metric(["N", "m", "D"])),
        (
            "/widgets/0/properties/metrics/0/2",
            "Invalid metric field type",
            metric(["N", "m", {"D": "x"}, "y"]),
        ),
        ("/widgets/0/x", "Should be >= 0 and <= 23", metric(["N", "m"], x=24)),
        ("/widgets/0/width", "Should be >= 1 and <= 24", metric(["N", "m"], width=25)),
    ],
)
def test_a_dashboard_that_is_refused(aws: Aws, path: str, text: str, widget: Any) -> None:
    error = aws.refuses(
        "InvalidParameterInput", "The dashboard body is invalid, there are 1", DASHBOARD, board(widget)
    )
    (found,) = json.loads(error.message.split("errors:\n")[1])
    assert (found["dataPath"], text in found["message"]) == (path, True)


def test_a_dashboard_that_is_none(aws: Aws) -> None:
    given = {"dashboardName": "d", "dashboardBody": "{"}
    aws.refuses("InvalidConfiguration", "contains an invalid JSON", DASHBOARD, given)
    aws.refuses("InvalidConfiguration", "only alphanumeric", DASHBOARD, {**board(), "dashboardName": "a b"})
    text = "required property 'widgets'"
    aws.refuses("InvalidParameterInput", text, DASHBOARD, {**given, "dashboardBody": "{}"})
