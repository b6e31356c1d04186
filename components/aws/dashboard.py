"""The dashboard's body: the state of both sites and how much data a disaster now would cost, on one page.

CloudWatch reads no Azure metrics. What matters about that side in peace is what arrives there, and the backup host
measures it where it writes: the age of the newest backup in Blob Storage and the lag of the binlog (namespace PlanB).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

RPO_S = 300
EDGE_REGION = "us-east-1"
HALF, THIRD, FULL = 12, 8, 24
Metric = list[Any]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Names as CloudWatch knows them, all of them resolved."""

    project: str
    region: str
    backup_interval: int
    cluster: str
    balancer: str
    targets: str
    database: str
    distribution: str
    health_check: str
    container_url: str
    links: dict[str, str]
    alarm_arns: dict[str, str]


def body(of: Sources) -> str:
    """The JSON that PutDashboard takes."""
    rows: list[tuple[int, list[dict[str, Any]]]] = [
        (3, [_text(_heading(of), FULL)]),
        (4, [_alarms(of)]),
        (6, [_backup_age(of), _binlog_lag(of), _health(of)]),
        (6, [_edge(of), _requests(of), _latency(of)]),
        (6, [_targets(of), _nodes(of), _pods(of)]),
        (6, [_database_load(of), _database_space(of), _restarts(of)]),
    ]
    widgets: list[dict[str, Any]] = []
    y = 0
    for height, row in rows:
        x = 0
        for widget in row:
            widgets.append({**widget, "x": x, "y": y, "height": height})
            x += widget["width"]
        y += height
    return json.dumps({"widgets": widgets}, ensure_ascii=False)


def _text(markdown: str, width: int) -> dict[str, Any]:
    return {"type": "text", "width": width, "properties": {"markdown": markdown}}


def _heading(of: Sources) -> str:
    links = "  ·  ".join(f"[{label}]({url})" for label, url in of.links.items())
    return (
        f"# {of.project}: AWS Seoul serves, Azure Korea Central waits\n"
        f"The second row answers *how much data would be lost now*: it must stay under {RPO_S} s. "
        f"Azure is seen by what arrives there: `{of.container_url}`.\n\n{links}"
    )


def _alarms(of: Sources) -> dict[str, Any]:
    properties = {"title": "Alarms", "alarms": list(of.alarm_arns.values())}
    return {"type": "alarm", "width": FULL, "properties": properties}


def _graph(
    title: str, region: str, metrics: list[Metric], *, stat: str, period: int = 60, **more: Any
) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "metrics": metrics,
        "stat": stat,
        "period": period,
        **more,
    }
    return {"type": "metric", "width": THIRD, "properties": properties}


def _limits(**limits: float) -> dict[str, Any]:
    lines = [{"label": label.replace("_", " "), "value": value} for label, value in limits.items()]
    return {"annotations": {"horizontal": lines}, "yAxis": {"left": {"min": 0}}}


def _backup_age(of: Sources) -> dict[str, Any]:
    return _graph(
        "RPO: age of the newest backup on Azure (s)",
        of.region,
        [["PlanB", "BackupAgeSeconds", "Project", of.project]],
        stat="Maximum",
        period=300,
        **_limits(RPO=RPO_S, alarm=2 * of.backup_interval),
    )


def _binlog_lag(of: Sources) -> dict[str, Any]:
    return _graph(
        "RPO: committed here, not yet durable on Azure (s)",
        of.region,
        [["PlanB", "BinlogLagSeconds", "Project", of.project]],
        stat="Maximum",
        **_limits(RPO=RPO_S, alarm=60),
    )


def _health(of: Sources) -> dict[str, Any]:
    return _graph(
        "Seen from outside: Route 53 (1 is healthy)",
        EDGE_REGION,
        [["AWS/Route53", "HealthCheckStatus", "HealthCheckId", of.health_check]],
        stat="Minimum",
        yAxis={"left": {"min": 0, "max": 1}},
    )


def _edge(of: Sources) -> dict[str, Any]:
    own = ["DistributionId", of.distribution, "Region", "Global"]
    return _graph(
        "CloudFront, both sites: requests and errors",
        EDGE_REGION,
        [
            ["AWS/CloudFront", "Requests", *own, {"stat": "Sum"}],
            ["AWS/CloudFront", "5xxErrorRate", *own, {"stat": "Average", "yAxis": "right"}],
        ],
        stat="Sum",
    )


def _requests(of: Sources) -> dict[str, Any]:
    own = ["LoadBalancer", of.balancer]
    names = ("RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
    return _graph(
        "AWS: requests and errors in 5 minutes",
        of.region,
        [["AWS/ApplicationELB", metric, *own] for metric in names],
        stat="Sum",
        period=300,
        **_limits(alarm=10),
    )


def _latency(of: Sources) -> dict[str, Any]:
    own = ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", of.balancer]
    return _graph(
        "AWS: response time (s)",
        of.region,
        [[*own, {"stat": stat, "label": stat}] for stat in ("p50", "p95", "p99")],
        stat="p95",
        **_limits(alarm=2),
    )


def _targets(of: Sources) -> dict[str, Any]:
    own = ["LoadBalancer", of.balancer, "TargetGroup", of.targets]
    return _graph(
        "AWS: targets",
        of.region,
        [["AWS/ApplicationELB", metric, *own] for metric in ("HealthyHostCount", "UnHealthyHostCount")],
        stat="Maximum",
    )


def _nodes(of: Sources) -> dict[str, Any]:
    names = ("node_cpu_utilization", "node_memory_utilization", "node_filesystem_utilization")
    counts = ("cluster_node_count", "cluster_failed_node_count")
    return _graph(
        "AWS: the busiest node (%) and how many there are",
        of.region,
        [
            *(["ContainerInsights", metric, "ClusterName", of.cluster] for metric in names),
            *(
                ["ContainerInsights", metric, "ClusterName", of.cluster, {"yAxis": "right"}]
                for metric in counts
            ),
        ],
        stat="Maximum",
        **_limits(alarm=80),
    )


def _pods(of: Sources) -> dict[str, Any]:
    names = ("pod_cpu_utilization", "pod_memory_utilization")
    return _graph(
        "AWS: the busiest pod (% of its node)",
        of.region,
        [["ContainerInsights", metric, "ClusterName", of.cluster] for metric in names],
        stat="Maximum",
        **_limits(alarm=85),
    )


def _restarts(of: Sources) -> dict[str, Any]:
    own = ["ContainerInsights", "pod_number_of_container_restarts", "ClusterName", of.cluster]
    return _graph("AWS: restarts in 5 minutes", of.region, [own], stat="Sum", period=300, **_limits(alarm=5))


def _database_load(of: Sources) -> dict[str, Any]:
    own = ["DBInstanceIdentifier", of.database]
    return _graph(
        "AWS: database CPU (%) and connections",
        of.region,
        [
            ["AWS/RDS", "CPUUtilization", *own, {"stat": "Average"}],
            ["AWS/RDS", "DatabaseConnections", *own, {"yAxis": "right"}],
        ],
        stat="Maximum",
        **_limits(alarm=80),
    )


def _database_space(of: Sources) -> dict[str, Any]:
    return _graph(
        "AWS: free database storage (bytes)",
        of.region,
        [["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", of.database]],
        stat="Minimum",
        **_limits(alarm=10 * 1024**3),
    )
