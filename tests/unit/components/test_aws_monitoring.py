"""Alarms, topics, channels, dashboard: what they look at, whom they tell, what silence means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws
import pytest

from components.aws import alarms
from components.aws.alarms import Alarm
from components.aws.monitoring import Monitoring, MonitoringArgs
from components.aws.notifications import Notifications, NotificationsArgs, chat_policy, topic_policy
from simcloud.aws.policies import allows
from simcloud.kinds import KINDS
from simcloud.state import State
from tests import alarms_doc, iam
from tests.unit.simcloud.aws.conftest import Aws

from .conftest import Made, Recorded, Run, bare

SEED = json.loads((Path(__file__).parents[2] / "data" / "seed_alarms.json").read_text(encoding="utf-8"))[
    "alarms"
]
EVERY = [*alarms.seed(4), *alarms.ours(300), alarms.edge()]
ACCOUNT, SEOUL, VIRGINIA = "123456789012", "ap-northeast-2", "us-east-1"
PEOPLE, WAKING, EDGE = "arn:alarms", "arn:recovery", "arn:edge"
# The agent's declarations, as far as our alarms go: metric → the sets of dimensions that it sends it with.
# https://github.com/aws/amazon-cloudwatch-agent/blob/main/translator/translate/otel/exporter/awsemf/kubernetes.go
NODE = [{"ClusterName"}, {"ClusterName", "InstanceId", "NodeName"}]
POD = [
    {"ClusterName"},
    {"ClusterName", "Namespace", "PodName"},
    {"ClusterName", "Namespace", "Service"},
    {"ClusterName", "Namespace", "PodName", "FullPodName"},
]
SENT: dict[str, list[set[str]]] = {
    "node_cpu_utilization": NODE,
    "node_memory_utilization": NODE,
    "node_filesystem_utilization": NODE,
    "cluster_node_count": [{"ClusterName"}],
    "cluster_failed_node_count": [{"ClusterName"}],
    "pod_cpu_utilization": [*POD, {"ClusterName", "Namespace"}],
    "pod_memory_utilization": [*POD, {"ClusterName", "Namespace"}],
    "pod_number_of_container_restarts": POD,
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    "HTTPCode_ELB_5XX_Count": [{"LoadBalancer"}, {"LoadBalancer", "AvailabilityZone"}],
    "TargetResponseTime": [{"LoadBalancer"}, {"LoadBalancer", "TargetGroup"}],
    "UnHealthyHostCount": [{"LoadBalancer", "TargetGroup"}],
    "CPUUtilization": [{"DBInstanceIdentifier"}],
    "FreeStorageSpace": [{"DBInstanceIdentifier"}],
    "DatabaseConnections": [{"DBInstanceIdentifier"}],
    "GroupInServiceInstances": [{"AutoScalingGroupName"}],
    "ApproximateNumberOfMessagesVisible": [{"QueueName"}],
    "HealthCheckStatus": [{"HealthCheckId"}],
    "BackupAgeSeconds": [{"Project"}],
    "BinlogLagSeconds": [{"Project"}],
}


@pytest.fixture
def made(run: Run) -> Recorded:
    def program() -> None:
        Monitoring(
            "monitoring",
            MonitoringArgs(
                project="blue",
                region=SEOUL,
                min_nodes=4,
                backup_interval=300,
                cluster_name="blue-eks",
                balancer_suffix="app/blue-alb/1",
                targets_suffix="targetgroup/blue-web/1",
                database_id="blue-mysql",
                backup_group_name="blue-backup",
                dead_letter_name="blue-recovery-failed",
                alarms_topic_arn=PEOPLE,
                recovery_topic_arn=WAKING,
                distribution_id="E1",
                container_url="https://x.blob.core.windows.net/mysql-backups",
                links={"The bank": pulumi.Output.from_input("https://d1.cloudfront.net")},
                health_check_id="check",
                edge_topic_arn=EDGE,
            ),
            pulumi.ResourceOptions(provider=pulumi_aws.Provider("aws", region=SEOUL)),
        )

    return run(program)


@pytest.fixture
def cloud() -> Iterator[Aws]:
    """An account of the simulated AWS, asked for its opinion only."""
    state = State(":memory:")
    yield Aws(state)
    state.close()


def alarm(recorded: Recorded, name: str) -> Made:
    return recorded.one("MetricAlarm", f"monitoring-{name}")


def test_the_seeds_thirteen(made: Recorded) -> None:
    assert len(SEED) == 13
    for row in SEED:
        one = alarm(made, row["name"])
        found = {
            "name": one["name"],
            "metric": one["metricName"],
            "threshold": one["threshold"],
            "comparison": one["comparisonOperator"],
            "period": one["period"],
            "statistic": one.inputs.get("statistic") or one["extendedStatistic"],
        }
        threshold = 4 if row["threshold"] == "min_nodes" else row["threshold"]
        assert found == {**row, "name": f"blue-{row['name']}", "threshold": threshold}


def test_every_alarm_looks_at_what_is_sent(made: Recorded) -> None:
    for item in made.all("MetricAlarm"):
        assert set(item["dimensions"]) in SENT[item["metricName"]], item.name
    assert alarm(made, "unhealthy-hosts")["dimensions"] == {
        "LoadBalancer": "app/blue-alb/1",
        "TargetGroup": "targetgroup/blue-web/1",
    }
    assert alarm(made, "backup-host-down")["dimensions"] == {"AutoScalingGroupName": "blue-backup"}


def test_people_hear_of_both_turns_and_the_function_of_what_it_could_mend(made: Recorded) -> None:
    waking: set[str] = set()
    for item in made.all("MetricAlarm"):
        if item.name == "monitoring-route53-health":
            continue
        assert item["okActions"] == [PEOPLE], item.name
        assert item["alarmActions"][0] == PEOPLE
        waking |= {item.name.removeprefix("monitoring-")} if WAKING in item["alarmActions"] else set()
    assert waking == {"pod-restart-high", "node-count-low", "node-status-failed", "unhealthy-hosts"}


def test_silence(made: Recorded) -> None:
    """A silent cluster, database, host or site rings; a count that is sent only when there is one does not."""
    by_meaning: dict[str, set[str]] = {}
    for item in made.all("MetricAlarm"):
        by_meaning.setdefault(item["treatMissingData"], set()).add(item.name.removeprefix("monitoring-"))
        told = item.inputs.get("insufficientDataActions") or []
        assert told == ([PEOPLE] if item["treatMissingData"] == "missing" else []), item.name
        assert item["alarmDescription"].count(".") >= 2
    assert by_meaning["breaching"] == {
        *("node-count-low", "unhealthy-hosts", "rds-storage-low"),
        *("backup-age-high", "backup-host-down", "route53-health"),
    }
    assert by_meaning["notBreaching"] == {
        *(
            "pod-restart-high",
            "alb-5xx-errors-high",
            "alb-latency-high",
            "node-status-failed",
            "recovery-failed",
        ),
    }


def test_the_edges_alarm_is_where_its_metric_is(made: Recorded) -> None:
    one = alarm(made, "route53-health")
    assert (one["region"], one["alarmActions"], one["okActions"]) == (VIRGINIA, [EDGE], [EDGE])
    assert one["dimensions"] == {"HealthCheckId": "check"}
    assert (one["metricName"], one["statistic"], one["threshold"]) == ("HealthCheckStatus", "Minimum", 1)
    assert not any("region" in item.inputs for item in made.all("MetricAlarm") if item is not one)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_cloudwatch_would_take_it(one: Alarm, made: Recorded, cloud: Aws) -> None:
    """By the simulated service's own checks, which are the real one's words."""
    item = alarm(made, one.name)
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    inputs = json.loads(json.dumps(item.inputs))
    topics = {PEOPLE: SEOUL, WAKING: SEOUL, EDGE: VIRGINIA}
    for key in ("alarmActions", "okActions", "insufficientDataActions"):
        inputs[key] = [f"arn:aws:sns:{topics[arn]}:{ACCOUNT}:t" for arn in inputs.get(key) or []]
    ctx, given = cloud.inputs(token, inputs, one.name)
    KINDS[token].validate(ctx, given, None)


@pytest.mark.parametrize(("interval", "period"), [(5, 60), (300, 300), (301, 360), (86_400, 86_400)])
def test_the_backups_age_is_asked_for_as_often_as_it_is_sent(cloud: Aws, interval: int, period: int) -> None:
    """Asked every minute, an age that comes every five would ring for its silence four times of five."""
    (one,) = [one for one in alarms.ours(interval) if one.name == "backup-age-high"]
    assert (one.period, one.threshold, one.periods, one.missing) == (period, 2 * interval, 2, "breaching")
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    given = {
        "name": one.name,
        "namespace": one.namespace,
        "metricName": one.metric,
        "statistic": one.statistic,
        "comparisonOperator": one.comparison,
        "threshold": one.threshold,
        "period": one.period,
        "evaluationPeriods": one.periods,
    }
    ctx, inputs = cloud.inputs(token, given, one.name)
    KINDS[token].validate(ctx, inputs, None)


def test_names_are_of_one_alarm_each() -> None:
    assert len({one.name for one in EVERY}) == len(EVERY) == 20
    assert all(one.why and one.period * one.periods <= 900 for one in EVERY)


def test_a_limit_that_the_instance_can_reach() -> None:
    """The seed's 800 connections are more than the instance takes, so there is a second limit."""
    (near,) = [one for one in EVERY if one.name == "rds-connections-near-limit"]
    assert near.threshold == 272 < alarms.T3_MEDIUM_CONNECTIONS == 341 < 800


# -- the dashboard --


def widgets(recorded: Recorded) -> list[dict[str, Any]]:
    return json.loads(recorded.one("Dashboard")["dashboardBody"])["widgets"]


def test_the_dashboard_shows_every_alarm_and_both_sites(made: Recorded) -> None:
    found = widgets(made)
    (status,) = [w for w in found if w["type"] == "alarm"]
    assert len(status["properties"]["alarms"]) == len(EVERY)
    shown = {(m[0], m[1]) for w in found if w["type"] == "metric" for m in w["properties"]["metrics"]}
    assert {(one.namespace, one.metric) for one in EVERY} - shown == {
        ("AWS/AutoScaling", "GroupInServiceInstances"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    }
    text = found[0]["properties"]["markdown"]
    assert "[The bank](https://d1.cloudfront.net)" in text and "blob.core.windows.net/mysql-backups" in text
    ages = [w for w in found if "RPO: age" in w["properties"].get("title", "")]
    assert {line["value"] for line in ages[0]["properties"]["annotations"]["horizontal"]} == {300, 600}
    for item in found:
        where = [m[0] in ("AWS/CloudFront", "AWS/Route53") for m in item["properties"].get("metrics", [])]
        if where:
            assert item["properties"]["region"] == (VIRGINIA if all(where) else SEOUL)


def test_the_dashboard_has_no_overlaps(made: Recorded) -> None:
    taken: set[tuple[int, int]] = set()
    for item in widgets(made):
        cells = {
            (x, y)
            for x in range(item["x"], item["x"] + item["width"])
            for y in range(item["y"], item["y"] + item["height"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells


def test_cloudwatch_would_take_the_dashboard(made: Recorded, cloud: Aws) -> None:
    token = "aws:cloudwatch/dashboard:Dashboard"
    ctx, given = cloud.inputs(token, made.one("Dashboard").inputs, "d")
    KINDS[token].validate(ctx, given, None)


# -- topics and channels --


def notified(run: Run, **more: Any) -> Recorded:
    def program() -> None:
        Notifications(
            "n",
            NotificationsArgs(
                project="blue", region=SEOUL, key_arn="arn:key", edge_key_arn="arn:edge-key", **more
            ),
            pulumi.ResourceOptions(provider=pulumi_aws.Provider("aws", region=SEOUL)),
        )

    return run(program)


def test_topics_are_encrypted_and_only_our_alarms_publish(run: Run) -> None:
    recorded = notified(run)
    topics = {item["name"]: item for item in recorded.all("aws:sns/topic:Topic")}
    assert {name: item["kmsMasterKeyId"] for name, item in topics.items()} == {
        "blue-alarms": "arn:key",
        "blue-recovery": "arn:key",
        "blue-edge-alarms": "arn:edge-key",
    }
    assert topics["blue-edge-alarms"]["region"] == VIRGINIA and "region" not in topics["blue-alarms"].inputs
    assert {item.name for item in recorded.all("TopicPolicy")} == {item.name for item in topics.values()}
    policy = topic_policy("arn:topic", ACCOUNT, SEOUL, "blue")
    service = "cloudwatch.amazonaws.com"
    mine = {
        "aws:SourceAccount": ACCOUNT,
        "aws:SourceArn": f"arn:aws:cloudwatch:{SEOUL}:{ACCOUNT}:alarm:blue-node-cpu-high",
        "aws:SecureTransport": "true",
    }
    assert allows(policy, service, "sns:Publish", mine)
    for wrong in (
        {"aws:SourceAccount": "999999999999"},
        {"aws:SourceArn": f"arn:aws:cloudwatch:{SEOUL}:{ACCOUNT}:alarm:green-node-cpu-high"},
    ):
        assert not allows(policy, service, "sns:Publish", {**mine, **wrong})
    assert not allows(policy, service, "sns:Subscribe", mine)
    assert not allows(policy, "events.amazonaws.com", "sns:Publish", mine)
    (deny,) = [s for s in json.loads(policy)["Statement"] if s["Effect"] == "Deny"]
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} and deny["Principal"] == "*"


def test_nobody_is_told_where_nothing_is_set(run: Run) -> None:
    recorded = notified(run)
    assert recorded.all("TopicSubscription") == recorded.all("SlackChannelConfiguration") == []
    assert recorded.all("Role") == []


def test_every_channel_hears_of_both_regions(run: Run) -> None:
    recorded = notified(
        run,
        email="night@bank.example",
        webhook="https://hooks.example/canary",
        slack_team_id="T012345678",
        slack_channel_id="C012345678",
    )
    heard = {(i["topic"], i["protocol"], i.inputs.get("region")) for i in recorded.all("TopicSubscription")}
    assert heard == {
        (topic, protocol, region)
        for topic, region in (("arn:Topic:n-alarms", None), ("arn:Topic:n-edge", VIRGINIA))
        for protocol in ("email", "https")
    }
    assert not [item.name for item in recorded.made if bare(item.wrapped)], "a webhook's address is a secret"
    chat = recorded.one("SlackChannelConfiguration")
    assert chat["snsTopicArns"] == ["arn:Topic:n-alarms", "arn:Topic:n-edge"]
    assert chat["guardrailPolicyArns"] == ["arn:Policy:n-chat"] and chat["region"] == "ap-southeast-1"
    assert (chat["slackTeamId"], chat["slackChannelId"]) == ("T012345678", "C012345678")


def test_the_channel_may_look_and_nothing_else() -> None:
    policy = chat_policy(ACCOUNT, "blue")
    ours = f"arn:aws:cloudwatch:{SEOUL}:{ACCOUNT}:alarm:blue-x"
    assert iam.decide([policy], "cloudwatch:DescribeAlarms", ours) == "allowed"
    assert iam.decide([policy], "cloudwatch:GetMetricData", "*") == "allowed"
    for action in (
        "cloudwatch:DeleteAlarms",
        "cloudwatch:SetAlarmState",
        "logs:GetLogEvents",
        "lambda:InvokeFunction",
    ):
        assert iam.decide([policy], action, ours) == "implicitDeny"


def test_the_page_is_the_programs() -> None:
    assert alarms_doc.PAGE.read_text(encoding="utf-8") == alarms_doc.page(), "run `make docs`"
