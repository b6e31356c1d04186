"""The alarms as data: the seed's thirteen (its section 7.2), and what it forgot.

Dimension sets are those that the CloudWatch agent's declarations have, not any combination that looks right:
https://github.com/aws/amazon-cloudwatch-agent/blob/main/translator/translate/otel/exporter/awsemf/kubernetes.go
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Missing = Literal["breaching", "notBreaching", "missing"]
CONTAINERS, ALB, RDS, OURS = "ContainerInsights", "AWS/ApplicationELB", "AWS/RDS", "PlanB"
OVER, AT_LEAST, UNDER = "GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"
GIB = 1024**3
# {DBInstanceClassMemory/12582880} on 4 GiB: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
T3_MEDIUM_CONNECTIONS = 4 * GIB // 12_582_880


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One metric against one threshold. `of` names the dimensions (monitoring.py fills them in).

    `missing` is what silence means: "breaching" where it is the worst news, "notBreaching" where nothing is sent while
    nothing happens, "missing" where it says that we do not know, which is told to people as just that. `why` says it.
    """

    name: str
    namespace: str
    metric: str
    of: str
    statistic: str
    period: int = 300
    comparison: str = OVER
    threshold: float
    periods: int = 1
    missing: Missing
    why: str
    recovery: bool = False
    """Also wakes the recovery function."""

    @property
    def percentile(self) -> bool:
        return self.statistic.startswith("p")


def seed(min_nodes: int) -> list[Alarm]:
    """The seed's thirteen. `min_nodes` is the cluster's, over all its node groups.

    Utilisations are the Maximum: with the dimension ClusterName CloudWatch mixes all nodes (or all pods) into one
    series, and a mean over both tiers, or over pods that share a node, cannot reach 80 % while one of them drowns.
    Three periods in a row keep a start or a nightly job from ringing.
    """
    silence = "the agent reports every minute; one alarm (node-count-low) rings for its silence, this one only says so"
    return [
        Alarm(
            name="node-cpu-high",
            namespace=CONTAINERS,
            metric="node_cpu_utilization",
            of="cluster",
            statistic="Maximum",
            threshold=80,
            periods=3,
            missing="missing",
            why=silence,
        ),
        Alarm(
            name="node-memory-high",
            namespace=CONTAINERS,
            metric="node_memory_utilization",
            of="cluster",
            statistic="Maximum",
            threshold=85,
            periods=3,
            missing="missing",
            why=silence,
        ),
        Alarm(
            name="node-disk-high",
            namespace=CONTAINERS,
            metric="node_filesystem_utilization",
            of="cluster",
            statistic="Maximum",
            threshold=80,
            periods=2,
            missing="missing",
            why=silence,
        ),
        Alarm(
            name="node-count-low",
            namespace=CONTAINERS,
            metric="cluster_node_count",
            of="cluster",
            statistic="Average",
            comparison=UNDER,
            threshold=min_nodes,
            periods=2,
            missing="breaching",
            why="a cluster of which nothing is heard may have no node left",
            recovery=True,
        ),
        Alarm(
            name="pod-cpu-high",
            namespace=CONTAINERS,
            metric="pod_cpu_utilization",
            of="cluster",
            statistic="Maximum",
            threshold=85,
            periods=3,
            missing="missing",
            why=silence,
        ),
        Alarm(
            name="pod-memory-high",
            namespace=CONTAINERS,
            metric="pod_memory_utilization",
            of="cluster",
            statistic="Maximum",
            threshold=85,
            periods=3,
            missing="missing",
            why=silence,
        ),
        Alarm(
            # No rate to compute: the agent sends the difference to its last sample, not Kubernetes' running total
            # (awscontainerinsightreceiver, podstore.go, addStatus), so the sum is the restarts of five minutes.
            # "5 in 5 minutes" includes the fifth: with the kubelet's back-off (10, 20, 40, 80, 160 s) one pod
            # cannot restart a sixth time within five minutes.
            name="pod-restart-high",
            namespace=CONTAINERS,
            metric="pod_number_of_container_restarts",
            of="cluster",
            statistic="Sum",
            comparison=AT_LEAST,
            threshold=5,
            missing="notBreaching",
            why="without samples nothing is known to restart; node-count-low rings for a silent cluster",
            recovery=True,
        ),
        Alarm(
            name="alb-5xx-errors-high",
            namespace=ALB,
            metric="HTTPCode_ELB_5XX_Count",
            of="balancer",
            statistic="Sum",
            comparison=AT_LEAST,
            threshold=10,
            missing="notBreaching",
            why="a count that is sent only when there is one",
        ),
        Alarm(
            name="alb-latency-high",
            namespace=ALB,
            metric="TargetResponseTime",
            of="balancer",
            statistic="p95",
            threshold=2,
            periods=3,
            missing="notBreaching",
            why="no request, no time: silence is a quiet night, and Route 53 asks from outside",
        ),
        Alarm(
            name="unhealthy-hosts",
            namespace=ALB,
            metric="UnHealthyHostCount",
            of="targets",
            statistic="Maximum",
            period=60,
            threshold=0,
            periods=2,
            missing="breaching",
            why="it is sent for as long as a target is registered: silence means that no pod is",
            recovery=True,
        ),
        Alarm(
            name="rds-cpu-high",
            namespace=RDS,
            metric="CPUUtilization",
            of="database",
            statistic="Average",
            threshold=80,
            periods=3,
            missing="missing",
            why="RDS reports every minute, but an instance that starts again is silent for a while",
        ),
        Alarm(
            name="rds-storage-low",
            namespace=RDS,
            metric="FreeStorageSpace",
            of="database",
            statistic="Minimum",
            comparison=UNDER,
            threshold=10 * GIB,
            periods=2,
            missing="breaching",
            why="a database that has been silent for ten minutes is down: a full one stops with STORAGE_FULL",
        ),
        Alarm(
            name="rds-connections-high",
            namespace=RDS,
            metric="DatabaseConnections",
            of="database",
            statistic="Maximum",
            threshold=800,
            missing="missing",
            why="as rds-cpu-high",
        ),
    ]


def ours(backup_interval: int) -> list[Alarm]:
    """What the seed has no alarm for, and a bank would ask about."""
    return [
        Alarm(
            # The seed's 7.3 recovers on "node status check failed" but lists no alarm that would tell it.
            name="node-status-failed",
            namespace=CONTAINERS,
            metric="cluster_failed_node_count",
            of="cluster",
            statistic="Maximum",
            period=60,
            threshold=0,
            periods=3,
            missing="notBreaching",
            why="node-count-low rings for a silent cluster",
            recovery=True,
        ),
        Alarm(
            # The seed's 800 is more than a db.t3.medium takes: there it would never ring.
            name="rds-connections-near-limit",
            namespace=RDS,
            metric="DatabaseConnections",
            of="database",
            statistic="Maximum",
            threshold=T3_MEDIUM_CONNECTIONS * 8 // 10,
            missing="missing",
            why="as rds-cpu-high",
        ),
        Alarm(
            # The host says it at the end of every run, so a period is the time between two: one run that is missed
            # or late is the next one's to mend, two are an alarm.
            name="backup-age-high",
            namespace=OURS,
            metric="BackupAgeSeconds",
            of="project",
            statistic="Maximum",
            period=-(-backup_interval // 60) * 60,
            threshold=2 * backup_interval,
            periods=2,
            missing="breaching",
            why="a host that does not say how old the backup is does not back up",
        ),
        Alarm(
            # Ten times what shipping needs, and four of the RPO's five minutes are left.
            name="binlog-lag-high",
            namespace=OURS,
            metric="BinlogLagSeconds",
            of="project",
            statistic="Maximum",
            period=60,
            threshold=60,
            periods=2,
            missing="missing",
            why="sent by the shipper only; people are told of its silence, and backup-age-high rings for a dead host",
        ),
        Alarm(
            name="backup-host-down",
            namespace="AWS/AutoScaling",
            metric="GroupInServiceInstances",
            of="backup",
            statistic="Minimum",
            period=60,
            comparison=UNDER,
            threshold=1,
            # Replacing it takes about three minutes; longer is not the group's doing any more.
            periods=5,
            missing="breaching",
            why="the group reports every minute",
        ),
        Alarm(
            name="recovery-failed",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            of="queue",
            statistic="Maximum",
            period=60,
            threshold=0,
            missing="notBreaching",
            why="an idle queue sends nothing",
        ),
    ]


def edge() -> Alarm:
    """What the world sees. Route 53's metrics are in us-east-1 only, and so survive Seoul."""
    return Alarm(
        name="route53-health",
        namespace="AWS/Route53",
        metric="HealthCheckStatus",
        of="health",
        statistic="Minimum",
        period=60,
        comparison=UNDER,
        threshold=1,
        missing="breaching",
        why="checkers in several countries report every minute, each after three failures of its own",
    )
