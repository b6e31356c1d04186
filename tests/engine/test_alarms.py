"""The seed's alarm table against what is deployed, as any client of CloudWatch sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.engine.conftest import Site, resources

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
TABLE = json.loads((Path(__file__).parents[1] / "data" / "seed_alarms.json").read_text(encoding="utf-8"))[
    "alarms"
]
PROJECT, SEOUL = "blue", "ap-northeast-2"


def client(site: Site, service: str, region: str = SEOUL) -> Any:
    session = boto3.Session(
        site.env["AWS_ACCESS_KEY_ID"], site.env["AWS_SECRET_ACCESS_KEY"], region_name=region
    )
    return session.client(service, endpoint_url=site.env["AWS_ENDPOINT_URL"], config=Config(proxies={}))


def min_nodes(site: Site) -> int:
    """What the deployed node groups will not go below."""
    groups = [r for r in resources(site, "prod") if r["type"] == "aws:eks/nodeGroup:NodeGroup"]
    assert len(groups) == 2
    return sum(int(group["outputs"]["scalingConfig"]["minSize"]) for group in groups)


@pytest.fixture(scope="module")
def alarms(deployed: Site) -> dict[str, dict[str, Any]]:
    found = client(deployed, "cloudwatch").describe_alarms(MaxRecords=100)["MetricAlarms"]
    return {item["AlarmName"]: item for item in found}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["name"])
def test_a_row_of_the_seeds_table(
    deployed: Site, alarms: dict[str, dict[str, Any]], row: dict[str, Any]
) -> None:
    one = alarms[f"{PROJECT}-{row['name']}"]
    wanted = min_nodes(deployed) if row["threshold"] == "min_nodes" else row["threshold"]
    assert {
        "name": one["AlarmName"].removeprefix(f"{PROJECT}-"),
        "metric": one["MetricName"],
        "threshold": one["Threshold"],
        "comparison": one["ComparisonOperator"],
        "period": one["Period"],
        "statistic": one.get("Statistic") or one["ExtendedStatistic"],
    } == {**row, "threshold": wanted}
    assert one["ActionsEnabled"] and one["AlarmActions"] and one["OKActions"]


def test_the_table_is_whole() -> None:
    assert len(TABLE) == len({row["name"] for row in TABLE}) == 13


def test_dimensions_are_of_what_is_deployed(deployed: Site, alarms: dict[str, dict[str, Any]]) -> None:
    state = resources(deployed, "prod")

    def one(type_: str, output: str, role: str = "") -> str:
        """Of the only resource of its type, or of the only one with this tag Role."""
        (found,) = [
            r["outputs"][output]
            for r in state
            if r["type"] == type_
            and (
                not role or {"key": "Role", "value": role, "propagateAtLaunch": True} in r["outputs"]["tags"]
            )
        ]
        return found

    names = {
        "ClusterName": one("aws:eks/cluster:Cluster", "name"),
        "LoadBalancer": one("aws:lb/loadBalancer:LoadBalancer", "arnSuffix"),
        "TargetGroup": one("aws:lb/targetGroup:TargetGroup", "arnSuffix"),
        "DBInstanceIdentifier": one("aws:rds/instance:Instance", "identifier"),
        "AutoScalingGroupName": one("aws:autoscaling/group:Group", "name", "backup"),
        "QueueName": one("aws:sqs/queue:Queue", "name"),
        "Project": PROJECT,
    }
    used: set[str] = set()
    for name, item in alarms.items():
        found = {d["Name"]: d["Value"] for d in item["Dimensions"]}
        assert found and found == {key: names[key] for key in found}, name
        used |= set(found)
    assert used == set(names)


def test_an_alarm_tells_people_and_the_function(deployed: Site, alarms: dict[str, dict[str, Any]]) -> None:
    """From alarm to topic to subscriber, all of them there, and the topics encrypted with our key."""
    sns = client(deployed, "sns")
    state = resources(deployed, "prod")
    keys = {r["outputs"]["arn"] for r in state if r["type"] == "aws:kms/key:Key"}
    topics = {topic["TopicArn"] for topic in sns.list_topics()["Topics"]}
    for name, item in alarms.items():
        for action in (*item["AlarmActions"], *item["OKActions"], *item["InsufficientDataActions"]):
            assert action in topics, name
    for topic in topics:
        attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        assert attributes["KmsMasterKeyId"] in keys
        statements = {s["Sid"] for s in json.loads(attributes["Policy"])["Statement"]}
        assert statements == {"OurAlarms", "TlsOnly"}
    (waking,) = {
        arn for item in alarms.values() for arn in item["AlarmActions"] if arn.endswith(f"{PROJECT}-recovery")
    }
    (subscriber,) = sns.list_subscriptions_by_topic(TopicArn=waking)["Subscriptions"]
    (function,) = [r["outputs"]["arn"] for r in state if r["type"] == "aws:lambda/function:Function"]
    assert (subscriber["Protocol"], subscriber["Endpoint"]) == ("lambda", function)


def test_the_edges_alarm_is_in_virginia(deployed: Site) -> None:
    """Route 53's metrics are there only, and an alarm can tell topics of its own region only."""
    virginia = "us-east-1"
    (one,) = client(deployed, "cloudwatch", virginia).describe_alarms()["MetricAlarms"]
    (check,) = [
        r["id"] for r in resources(deployed, "prod") if r["type"] == "aws:route53/healthCheck:HealthCheck"
    ]
    assert (one["AlarmName"], one["MetricName"]) == (f"{PROJECT}-route53-health", "HealthCheckStatus")
    assert one["Dimensions"] == [{"Name": "HealthCheckId", "Value": check}]
    topics = [topic["TopicArn"] for topic in client(deployed, "sns", virginia).list_topics()["Topics"]]
    assert one["AlarmActions"] == one["OKActions"] == topics
    (policy,) = [
        client(deployed, "sns", virginia).get_topic_attributes(TopicArn=arn)["Attributes"] for arn in topics
    ]
    assert policy["KmsMasterKeyId"].split(":")[3] == virginia


def test_an_alarm_can_be_set_off_by_hand(deployed: Site) -> None:
    """As an operator tries the channels out: `aws cloudwatch set-alarm-state`."""
    cloudwatch = client(deployed, "cloudwatch")
    name = f"{PROJECT}-node-cpu-high"

    def state() -> str:
        return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]

    before = state()
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="drill")
    assert (before, state()) == ("INSUFFICIENT_DATA", "ALARM")
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=before, StateReason="drill over")


def test_the_dashboard(deployed: Site, alarms: dict[str, dict[str, Any]]) -> None:
    body = client(deployed, "cloudwatch").get_dashboard(DashboardName=PROJECT)["DashboardBody"]
    widgets = json.loads(body)["widgets"]
    (status,) = [w for w in widgets if w["type"] == "alarm"]
    assert {item["AlarmArn"] for item in alarms.values()} <= set(status["properties"]["alarms"])
    titles = [w["properties"].get("title", "") for w in widgets]
    assert sum(title.startswith("RPO:") for title in titles) == 2
