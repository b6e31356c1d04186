"""Alarms and the dashboard: what alarms.py lists, on what is deployed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from components.aws import alarms
from components.aws.alarms import Alarm
from components.aws.dashboard import Sources, body
from components.aws.notifications import EDGE_REGION
from components.naming import child, tags


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """`min_nodes` is the whole cluster's; suffixes are what CloudWatch calls the balancer and its target group."""

    project: str
    region: str
    min_nodes: int
    backup_interval: int
    cluster_name: pulumi.Input[str]
    balancer_suffix: pulumi.Input[str]
    targets_suffix: pulumi.Input[str]
    database_id: pulumi.Input[str]
    backup_group_name: pulumi.Input[str]
    dead_letter_name: pulumi.Input[str]
    alarms_topic_arn: pulumi.Input[str]
    recovery_topic_arn: pulumi.Input[str]
    distribution_id: pulumi.Input[str]
    container_url: pulumi.Input[str]
    health_check_id: pulumi.Input[str]
    edge_topic_arn: pulumi.Input[str]
    links: dict[str, pulumi.Input[str]]


class Monitoring(pulumi.ComponentResource):
    """Every alarm is called <project>-<its name>: two projects in one account would silently share one otherwise."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("planb:aws:Monitoring", name, None, opts)
        self._project = args.project
        self._dimensions: dict[str, dict[str, pulumi.Input[str]]] = {
            "cluster": {"ClusterName": args.cluster_name},
            "balancer": {"LoadBalancer": args.balancer_suffix},
            "targets": {"LoadBalancer": args.balancer_suffix, "TargetGroup": args.targets_suffix},
            "database": {"DBInstanceIdentifier": args.database_id},
            "backup": {"AutoScalingGroupName": args.backup_group_name},
            "queue": {"QueueName": args.dead_letter_name},
            "project": {"Project": args.project},
            "health": {"HealthCheckId": args.health_check_id},
        }
        self.alarm_arns: dict[str, pulumi.Output[str]] = {}
        for one in (*alarms.seed(args.min_nodes), *alarms.ours(args.backup_interval)):
            waking = [args.recovery_topic_arn] if one.recovery else []
            self._alarm(name, one, [args.alarms_topic_arn], waking)
        self._alarm(name, alarms.edge(), [args.edge_topic_arn], [], region=EDGE_REGION)
        known: dict[str, Any] = {
            "cluster": args.cluster_name,
            "balancer": args.balancer_suffix,
            "targets": args.targets_suffix,
            "database": args.database_id,
            "distribution": args.distribution_id,
            "health_check": args.health_check_id,
            "container_url": args.container_url,
            "links": args.links,
            "alarm_arns": self.alarm_arns,
        }
        board = cloudwatch.Dashboard(
            name,
            dashboard_name=args.project,
            dashboard_body=pulumi.Output.from_input(known).apply(
                lambda found: body(
                    Sources(
                        project=args.project,
                        region=args.region,
                        backup_interval=args.backup_interval,
                        **found,
                    )
                )
            ),
            opts=child(self),
        )
        self.dashboard_name: pulumi.Output[str] = board.dashboard_name
        self.register_outputs({"alarmArns": self.alarm_arns, "dashboardName": self.dashboard_name})

    def _alarm(
        self,
        name: str,
        one: Alarm,
        people: list[pulumi.Input[str]],
        waking: list[pulumi.Input[str]],
        region: str | None = None,
    ) -> None:
        made = cloudwatch.MetricAlarm(
            f"{name}-{one.name}",
            name=f"{self._project}-{one.name}",
            alarm_description=f"{one.name}. When no data comes: {one.missing}; {one.why}.",
            namespace=one.namespace,
            metric_name=one.metric,
            dimensions=self._dimensions[one.of],
            statistic=None if one.percentile else one.statistic,
            extended_statistic=one.statistic if one.percentile else None,
            # A percentile of few requests is shaky, but a bank's night has few: three periods in a row decide.
            evaluate_low_sample_count_percentiles="evaluate" if one.percentile else None,
            period=one.period,
            evaluation_periods=one.periods,
            datapoints_to_alarm=one.periods,
            comparison_operator=one.comparison,
            threshold=one.threshold,
            treat_missing_data=one.missing,
            alarm_actions=[*people, *waking],
            ok_actions=people,
            insufficient_data_actions=people if one.missing == "missing" else [],
            region=region,
            tags=tags(f"{self._project}-{one.name}", Alarm=one.name),
            opts=child(self),
        )
        self.alarm_arns[one.name] = made.arn
