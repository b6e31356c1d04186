"""Nothing passes for free by being forgotten, and more never costs less."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.cost import walk
from runbook.cost.state import Stack
from simcloud import catalog as catalog
from simcloud.kinds import KINDS

from .conftest import PRICES, bill, made


def test_every_modelled_type_is_priced_or_known_to_be_free() -> None:
    """A resource that a component may use must be thought of here, in runbook/cost or in free.toml."""
    assert len(KINDS) > 60, "simcloud registered nothing"
    assert [kind for kind in sorted(KINDS) if not walk.known(kind)] == []


def test_no_type_is_both() -> None:
    patterns = {"kubernetes:*"}  # its exceptions are priced
    for kind in walk.PRICERS:
        hits = [
            p for p in walk.free_types() if p not in patterns and re.fullmatch(p.replace("*", ".*"), kind)
        ]
        assert hits == [], f"{kind} is priced and listed as free"


def test_every_free_type_has_a_reason() -> None:
    assert all(len(why) > 10 for why in walk.free_types().values())


def test_the_region_is_the_resources_own() -> None:
    provider = {
        **made("pulumi:providers:aws", "aws", id_="p"),
        "outputs": {"region": "us-east-1"},
    }
    bare = {**made("aws:kms/key:Key"), "outputs": {}, "provider": f"{provider['urn']}::p"}
    by_arn = {**made("aws:kms/key:Key", "b"), "outputs": {"arn": "arn:aws:kms:eu-west-1:1:key/k"}}
    stack = Stack([provider, bare, by_arn])
    regions = [stack.region_of(one) for one in stack.of("aws:kms/key:Key")]
    assert regions == ["us-east-1", "eu-west-1"]
    assert stack.region_of(Stack([{**bare, "provider": None}]).resources[0]) == "global"


TEMPLATE = made("aws:ec2/launchTemplate:LaunchTemplate", "lt", id_="lt", instanceType="t3.small")
DATABASE = made(
    "aws:rds/instance:Instance",
    "db",
    engine="mysql",
    engineVersion="8.0",
    instanceClass="db.t3.medium",
    storageType="gp3",
    allocatedStorage=20,
    backupRetentionPeriod=7,
    multiAz=True,
)
BACKUPS = made("azure-native:storage:BlobContainer", "backups")
ZOO: list[dict[str, Any]] = [
    made("aws:eks/cluster:Cluster", "eks", version="1.35", enabledClusterLogTypes=["api"]),
    made(
        "aws:eks/nodeGroup:NodeGroup",
        "web",
        instanceTypes=["t3.medium"],
        scalingConfig={"minSize": 2, "desiredSize": 2, "maxSize": 4},
    ),
    made(
        "aws:autoscaling/group:Group",
        "host",
        desiredCapacity=1,
        minSize=1,
        maxSize=1,
        launchTemplate={"id": "lt"},
    ),
    DATABASE,
    made("aws:ec2/natGateway:NatGateway", "nat-a"),
    made("aws:ec2/natGateway:NatGateway", "nat-c"),
    made("aws:ec2/eip:Eip", "eip"),
    made("aws:lb/loadBalancer:LoadBalancer", "alb", subnets=["a", "c"]),
    made("aws:cloudwatch/metricAlarm:MetricAlarm", "x", namespace="PlanB", metricName="Age"),
    made("aws:cloudwatch/metricAlarm:MetricAlarm", "y", namespace="PlanB", metricName="Age"),
    made("aws:cloudwatch/dashboard:Dashboard", "board"),
    made("aws:kms/key:Key", "key"),
    made("aws:s3/bucket:Bucket", "bucket"),
    BACKUPS,
    made("azure-native:containerservice:AgentPool", "pool", vmSize="Standard_B2s", count=2),
    made("azure-native:network:ApplicationGateway", "agw", sku={"name": "Standard_v2"}),
]


@given(st.lists(st.sampled_from(ZOO), unique_by=lambda one: one["urn"]), st.sampled_from(ZOO))
def test_more_resources_never_cost_less(some: list[dict[str, Any]], one_more: dict[str, Any]) -> None:
    """But for a log group, whose retention ends what its writer would otherwise keep for a year."""
    before, after = bill(TEMPLATE, *some), bill(TEMPLATE, *some, one_more)
    assert after.unpriced == [] and after.month_usd() >= before.month_usd() - 1e-9
    assert all(line.month_total_usd >= 0 for line in after.lines)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(20, 500))
@settings(max_examples=50)
def test_bigger_never_costs_less(nodes: int, more: int, storage: int) -> None:
    def total(count: int, gigabytes: int) -> float:
        scaling = {"minSize": 0, "desiredSize": count, "maxSize": 40}
        group = made("aws:eks/nodeGroup:NodeGroup", instanceTypes=["t3.medium"], scalingConfig=scaling)
        return bill(
            group, {**DATABASE, "outputs": {**DATABASE["outputs"], "allocatedStorage": gigabytes}}
        ).month_usd()

    assert total(nodes + more, storage) >= total(nodes, storage)
    assert total(nodes, storage + more) >= total(nodes, storage), "its free backups are not worth its storage"


@given(
    st.sampled_from(
        ["requests", "edge_gb", "nat_gb", "log_gb", "backup_mb", "s3_gb", "kms_requests", "alb_lcu"]
    )
)
def test_more_use_never_costs_less(name: str) -> None:
    assert bill(TEMPLATE, *ZOO, **{name: 1000}).month_usd() >= bill(TEMPLATE, *ZOO, **{name: 10}).month_usd()


@given(st.floats(5, 86_400), st.floats(1, 86_400))
def test_backups_more_often_never_cost_less(every: float, more: float) -> None:
    often = bill(BACKUPS, backup_interval_s=every).month_usd()
    assert often >= bill(BACKUPS, backup_interval_s=every + more).month_usd()


def test_every_price_of_the_snapshot_is_told_where_it_comes_from() -> None:
    for price in PRICES.prices:
        assert "http" in price.source, price
        assert price.date <= PRICES.date, price


@pytest.mark.parametrize(
    "kind", ["aws:ec2/vpc:Vpc", "kubernetes:apps/v1:Deployment", "random:index/randomId:RandomId"]
)
def test_what_is_free(kind: str) -> None:
    found = bill(made(kind))
    assert found.lines == [] == found.unpriced
