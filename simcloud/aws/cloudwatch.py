"""CloudWatch: metric alarms and dashboards, in moto, so that `aws cloudwatch describe-alarms` shows them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from simcloud.aws.base import AwsKind, Named
from simcloud.kinds import UNKNOWN, CloudError, Context, Properties, Resource, kind
from simcloud.state import State
from simcloud.world import World

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
# What the provider's schema takes:
# https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/cloudwatch/metric_alarm.go
ONE_OF = {
    "comparisonOperator": (
        *("GreaterThanOrEqualToThreshold", "GreaterThanThreshold"),
        *("LessThanThreshold", "LessThanOrEqualToThreshold"),
        *("LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"),
    ),
    "statistic": ("SampleCount", "Average", "Sum", "Minimum", "Maximum"),
    "treatMissingData": ("breaching", "notBreaching", "ignore", "missing"),
    "evaluateLowSampleCountPercentiles": ("evaluate", "ignore"),
}
CONFLICTS = (
    ("statistic", "extendedStatistic"),
    *(("metricQueries", other) for other in ("metricName", "statistic", "extendedStatistic", "period")),
)
DAY, WEEK = 86_400, 604_800
MAX_ACTIONS = 5


def snake(name: str) -> str:
    """The provider speaks of its own attributes."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@kind
class MetricAlarm(Named):
    type = ALARM
    service, arn_path, longest = "cloudwatch", "alarm:{name}", 255
    replace_on = frozenset({"name", "region"})

    def check(self, ctx: Context, inputs: Properties) -> None:
        def refuse(text: str) -> None:
            raise CloudError("InvalidConfiguration", text)

        for key, allowed in ONE_OF.items():
            value = inputs.get(key)
            if value is not None and value is not UNKNOWN and value not in allowed:
                refuse(f"expected {snake(key)} to be one of {list(allowed)}, got {value}")
        for first, second in CONFLICTS:
            if inputs.get(first) is not None and inputs.get(second) is not None:
                refuse(f'"{snake(first)}": conflicts with {snake(second)}')
        period = inputs.get("period")
        if isinstance(period, int) and period not in (10, 20, 30) and (period <= 0 or period % 60):
            refuse(f"expected period to be one of [10 20 30], or divisible by 60, got: {period}")
        if inputs.get("metricName") and not (inputs.get("statistic") or inputs.get("extendedStatistic")):
            refuse("One of `statistic` or `extended_statistic` must be set for a cloudwatch metric alarm")
        if not inputs.get("metricName") and not inputs.get("metricQueries"):
            refuse("one of `evaluation_criteria,metric_name,metric_query` must be specified")
        extended = inputs.get("extendedStatistic")
        if extended and extended is not UNKNOWN and not re.fullmatch(r"p\d{1,2}(\.\d+)?|p100", extended):
            refuse(f"invalid value for extended_statistic ({extended}): invalid statistic")

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        def refuse(text: str) -> None:
            raise CloudError("ValidationError", text)

        periods, period = int(inputs["evaluationPeriods"]), int(inputs.get("period") or 0)
        # Wording as quoted in public reports of the refusal; the limits are PutMetricAlarm's.
        if period < 3600 and periods * period > DAY:
            refuse(
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)"
                " for alarms using period < 3600"
            )
        if periods * period > WEEK:
            refuse(
                "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800)"
            )
        if int(inputs.get("datapointsToAlarm") or 1) > periods:  # (I)
            refuse("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
        if inputs.get("threshold") is None and not inputs.get("thresholdMetricId"):  # (I)
            refuse("Exactly one of Threshold and ThresholdMetricId must be specified")
        region = self.region_of(ctx, inputs)
        for key in ("alarmActions", "okActions", "insufficientDataActions"):
            actions = inputs.get(key) or []
            if len(actions) > MAX_ACTIONS:
                refuse(
                    f"1 validation error detected: Value '{actions}' at '{key}' failed to satisfy constraint: "
                    f"Member must have length less than or equal to {MAX_ACTIONS}"
                )
            for action in actions:
                part = str(action).split(":")
                if len(part) < 6:
                    refuse(f"Invalid arn syntax: {action}")
                # Wording: https://github.com/hashicorp/terraform/issues/7371
                if part[2] == "sns" and part[3] != region:
                    refuse(f"Invalid region {part[3]} specified. Only {region} is supported.")

    def create(self, ctx: Context, res: Resource) -> Properties:
        put_alarm(ctx.world, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        put_alarm(ctx.world, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.aws.client("cloudwatch", res.region).delete_alarms(AlarmNames=[res.id])


def _queries(queries: list[Properties]) -> list[dict[str, Any]]:
    """A metric query as the API has it."""
    found: list[dict[str, Any]] = []
    for query in queries:
        plain = {"id": "Id", "expression": "Expression", "label": "Label", "period": "Period"}
        item: dict[str, Any] = {api: query[key] for key, api in plain.items() if query.get(key) is not None}
        item["ReturnData"] = bool(query.get("returnData", False))
        if metric := query.get("metric"):
            item["MetricStat"] = {
                "Metric": {
                    "Namespace": metric["namespace"],
                    "MetricName": metric["metricName"],
                    "Dimensions": _dimensions(metric.get("dimensions")),
                },
                "Period": metric["period"],
                "Stat": metric["stat"],
            }
        found.append(item)
    return found


def _dimensions(given: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted((given or {}).items())]


def put_alarm(world: World, res: Resource) -> None:
    """Creates or changes it; a change keeps the state, a new one has not enough data."""
    names = {
        "actionsEnabled": "ActionsEnabled",
        "alarmActions": "AlarmActions",
        "alarmDescription": "AlarmDescription",
        "comparisonOperator": "ComparisonOperator",
        "datapointsToAlarm": "DatapointsToAlarm",
        "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
        "evaluationPeriods": "EvaluationPeriods",
        "extendedStatistic": "ExtendedStatistic",
        "insufficientDataActions": "InsufficientDataActions",
        "metricName": "MetricName",
        "namespace": "Namespace",
        "okActions": "OKActions",
        "period": "Period",
        "statistic": "Statistic",
        "threshold": "Threshold",
        "thresholdMetricId": "ThresholdMetricId",
        "treatMissingData": "TreatMissingData",
        "unit": "Unit",
    }
    call: dict[str, Any] = {
        api: res.inputs[key] for key, api in names.items() if res.inputs.get(key) is not None
    }
    if res.inputs.get("metricQueries"):
        call["Metrics"] = _queries(res.inputs["metricQueries"])
    else:
        call["Dimensions"] = _dimensions(res.inputs.get("dimensions"))
    client = world.aws.client("cloudwatch", res.region)
    had = client.describe_alarms(AlarmNames=[res.id])["MetricAlarms"]
    client.put_metric_alarm(AlarmName=res.id, **call)
    value, reason = "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation"
    if had:
        value, reason = had[0]["StateValue"], had[0]["StateReason"]
    client.set_alarm_state(AlarmName=res.id, StateValue=value, StateReason=reason)


def _widget_errors(index: int, widget: Any) -> list[tuple[str, str]]:
    """(data path, message), as the service words them."""
    path = f"/widgets/{index}"
    kinds = ("text", "metric", "log", "alarm", "explorer")
    if not isinstance(widget, dict) or widget.get("type") not in kinds:
        return [(f"{path}/type", "Should be equal to one of the allowed values")]
    found: list[tuple[str, str]] = []
    for key, low, high in (("x", 0, 23), ("y", 0, 10**6), ("width", 1, 24), ("height", 1, 1000)):
        value = widget.get(key, low)
        if not isinstance(value, int) or not low <= value <= high:
            found.append((f"{path}/{key}", f"Should be >= {low} and <= {high}"))
    required = {"text": ["markdown"], "metric": ["region"], "log": ["region", "query"], "alarm": ["alarms"]}
    properties = widget.get("properties")
    if not isinstance(properties, dict):
        return [*found, (path, "Should have required property 'properties'")]
    for name in required.get(widget["type"], []):
        if name not in properties:
            found.append((f"{path}/properties", f"Should have required property '{name}'"))
    if widget["type"] == "metric":
        if not properties.get("metrics") and not (properties.get("annotations") or {}).get("alarms"):
            found.append((f"{path}/properties", "Should match some schema in anyOf"))
        for number, metric in enumerate(properties.get("metrics") or []):
            found += _metric_errors(f"{path}/properties/metrics/{number}", metric)
    return found


def _metric_errors(path: str, metric: Any) -> list[tuple[str, str]]:
    """[namespace, name, dimension, value, …, {options}] or [{expression}]."""
    items = list(metric) if isinstance(metric, list) else []
    if items and isinstance(items[-1], dict):
        items, options = items[:-1], items[-1]
        if "expression" in options and not items:
            return []
    bad = [n for n, item in enumerate(items) if not isinstance(item, str)]
    if bad:
        return [(f"{path}/{bad[0]}", 'Invalid metric field type, only "String" type is allowed')]
    if len(items) < 2 or len(items) % 2:
        return [(path, f"Should NOT have more than {max(2, len(items) - 1)} items")]
    return []


@kind
class Dashboard(AwsKind):
    type = DASHBOARD
    replace_on = frozenset({"dashboardName", "region"})

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return str(inputs["dashboardName"])

    def check(self, ctx: Context, inputs: Properties) -> None:
        name, body = inputs.get("dashboardName"), inputs.get("dashboardBody")
        if isinstance(name, str) and not re.fullmatch(r"[\w-]{1,255}", name, re.ASCII):
            text = f"only alphanumeric characters, dashes, and underscores allowed in dashboard_name: {name}"
            raise CloudError("InvalidConfiguration", text)
        if isinstance(body, str):
            try:
                json.loads(body)
            except ValueError as error:
                text = f'"dashboard_body" contains an invalid JSON: {error}'
                raise CloudError("InvalidConfiguration", text) from None

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        body = json.loads(inputs["dashboardBody"])
        widgets = body.get("widgets") if isinstance(body, dict) else None
        found = (
            [error for n, widget in enumerate(widgets) for error in _widget_errors(n, widget)]
            if isinstance(widgets, list)
            else [("", "Should have required property 'widgets'")]
        )
        if found:
            told = json.dumps([{"dataPath": path, "message": text} for path, text in found], indent=2)
            raise CloudError(
                "InvalidParameterInput",
                f"The dashboard body is invalid, there are {len(found)} validation errors:\n{told}",
            )

    def shown(self, ctx: Context, res: Resource) -> Properties:
        return {"dashboardArn": f"arn:aws:cloudwatch::{ctx.account}:dashboard/{res.id}"}

    def create(self, ctx: Context, res: Resource) -> Properties:
        put_dashboard(ctx.world, res)
        return {}

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        put_dashboard(ctx.world, res)
        return {}

    def delete(self, ctx: Context, res: Resource) -> None:
        ctx.world.aws.client("cloudwatch", res.region).delete_dashboards(DashboardNames=[res.id])


def put_dashboard(world: World, res: Resource) -> None:
    client = world.aws.client("cloudwatch", res.region)
    client.put_dashboard(DashboardName=res.id, DashboardBody=res.inputs["dashboardBody"])


def rehydrate(state: State, world: World) -> None:
    """Fills a fresh moto after the daemon's restart; alarms start over with not enough data."""
    for token, put in ((ALARM, put_alarm), (DASHBOARD, put_dashboard)):
        for res in state.find(token, status="ready"):
            put(world, res)
