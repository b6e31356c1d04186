"""CloudWatch, notifications, queues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from runbook.cost.logs import GROUP, logs
from runbook.cost.model import Line
from runbook.cost.state import Resource
from runbook.cost.walk import Bill, priced

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
ELSEWHERE = ("/aws/eks/", "/aws/containerinsights/", "/aws/rds/", "RDSOSMetrics")
"""Groups whose logs are charged with what writes them."""


@priced(GROUP)
def log_group(bill: Bill, it: Resource) -> Iterator[Line]:
    name = str(it.get("name") or "")
    flows = any(name and name in str(flow.get("logDestination") or "") for flow in bill.stack.of(FLOW_LOG))
    if not name.startswith(ELSEWHERE) and not flows:
        yield from logs(bill, it, "other logs", bill.usage.log_gb, it.number("retentionInDays"))


@priced(FLOW_LOG)
def flow_log(bill: Bill, it: Resource) -> Iterator[Line]:
    size, target = bill.usage.flow_log_gb, str(it.get("logDestination") or "")
    if it.get("logDestinationType") == "s3":
        yield bill.line(it, "other", "flow logs to S3", size, "logs.vended.s3")
        return
    named = [g for g in bill.stack.of(GROUP) if g.get("name") and str(g.get("name")) in target]
    days = max((group.number("retentionInDays") for group in named), default=0.0)
    yield from logs(bill, it, "flow logs", size, days, "vended")


@priced(ALARM)
def alarm(bill: Bill, it: Resource) -> Iterator[Line]:
    """By the metrics it watches; a metric of ours is charged too, once however many alarms watch it."""
    fine = 0 < it.number("period", 60) < 60
    watched = max(1, sum(1 for query in it.items("metricQueries") if query.get("metric")))
    item = "alarm.high-resolution" if fine else "alarm.standard"
    yield bill.line(it, "watching", "alarm", watched, item)
    before = _metrics_before(bill, it)
    own = [metric for metric in dict.fromkeys(_metrics(it)) if metric not in before]
    if own:
        yield bill.line(it, "watching", "custom metric", len(own), "metric.custom")


def _metrics_before(bill: Bill, it: Resource) -> set[str]:
    found: set[str] = set()
    for other in bill.stack.of(ALARM):
        if other is it:
            break
        found |= set(_metrics(other))
    return found


def _metrics(it: Resource) -> Iterator[str]:
    """The metrics that nobody gives away: not of a namespace of AWS, not Container Insights' own (observations)."""
    plain = {
        "namespace": it.get("namespace"),
        "metricName": it.get("metricName"),
        "dimensions": it.get("dimensions"),
    }
    for metric in [plain, *(query.get("metric") or {} for query in it.items("metricQueries"))]:
        space = str(metric.get("namespace") or "")
        if space and not space.startswith(("AWS/", "ContainerInsights")):
            yield json.dumps(
                [space, metric.get("metricName"), _plain(metric.get("dimensions"))], sort_keys=True
            )


def _plain(value: Any) -> Any:
    return value or {}


@priced("aws:cloudwatch/compositeAlarm:CompositeAlarm")
def composite(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "watching", "composite alarm", 1, "alarm.composite")


@priced("aws:cloudwatch/logMetricFilter:LogMetricFilter")
def metric_filter(bill: Bill, it: Resource) -> Iterator[Line]:
    made = it.get("metricTransformation") or {}
    watched = any(
        alarm.get("namespace") == made.get("namespace") and alarm.get("metricName") == made.get("name")
        for alarm in bill.stack.of(ALARM)
    )
    if not watched:  # else the alarm has brought it
        yield bill.line(it, "watching", "custom metric", 1, "metric.custom")


@priced("aws:cloudwatch/dashboard:Dashboard")
def dashboard(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "watching", "dashboard", 1, "dashboard")


@priced("aws:sns/topic:Topic")
def topic(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "functions", "notifications published", bill.usage.notifications, "sns.publish")


@priced(SUBSCRIPTION)
def subscription(bill: Bill, it: Resource) -> Iterator[Line]:
    protocol = str(it.get("protocol") or "")
    item = {"email": "sns.email", "email-json": "sns.email", "http": "sns.http", "https": "sns.http"}.get(
        protocol
    )
    if item:  # to Lambda and SQS they are free
        yield bill.line(it, "functions", f"notifications by {protocol}", bill.usage.notifications, item)


@priced("aws:sqs/queue:Queue")
def queue(bill: Bill, it: Resource) -> Iterator[Line]:
    yield bill.line(it, "functions", "queue requests", bill.usage.queue_requests, "sqs.request")
