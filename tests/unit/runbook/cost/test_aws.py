"""What AWS resources cost: quantities from what is deployed, prices from the snapshot."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from .conftest import SECRET, bill, lines, made, month, usd

HOURS = 730
CLUSTER, GROUP = "aws:eks/cluster:Cluster", "aws:eks/nodeGroup:NodeGroup"
TEMPLATE, SCALING = "aws:ec2/launchTemplate:LaunchTemplate", "aws:autoscaling/group:Group"
DATABASE, NAT = "aws:rds/instance:Instance", "aws:ec2/natGateway:NatGateway"
ALARM, LOGS = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/logGroup:LogGroup"
QUIET = {"zones_gb": 0, "eks_log_gb": 0}


def template(
    id_: str = "lt-1", *, size: str | None = None, gigabytes: int = 30, **disk: Any
) -> dict[str, Any]:
    ebs = {"volumeType": "gp3", "volumeSize": gigabytes, **disk}
    return made(TEMPLATE, id_, id_=id_, instanceType=size, blockDeviceMappings=[{"ebs": ebs}])


def nodes(name: str = "web", *, least: int = 2, now: int = 2, most: int = 4, **more: Any) -> dict[str, Any]:
    scaling = {"minSize": least, "desiredSize": now, "maxSize": most}
    more = {"instanceTypes": ["t3.medium"], "launchTemplate": {"id": "lt-1"}, **more}
    return made(GROUP, name, scalingConfig=scaling, **more)


def database(**more: Any) -> dict[str, Any]:
    given = {
        "engine": "mysql",
        "engineVersion": "8.0",
        "instanceClass": "db.t3.medium",
        "multiAz": True,
        "storageType": "gp3",
        "allocatedStorage": 20,
    }
    return made(DATABASE, "db", **{**given, **more})


def test_the_control_plane() -> None:
    assert month(made(CLUSTER, version="1.35"), **QUIET) == pytest.approx(73)
    with_logs = month(
        made(CLUSTER, version="1.35", enabledClusterLogTypes=["api"]), zones_gb=0, eks_log_gb=10
    )
    kept = 10 * 365 / 30 * 0.2 * usd("logs.storage")
    assert with_logs == pytest.approx(73 + 10 * usd("logs.ingest") + kept)


def test_logs_are_kept_as_long_as_their_group_says() -> None:
    cluster = made(CLUSTER, version="1.35", enabledClusterLogTypes=["api"])
    short = made(LOGS, name="/aws/eks/blue-eks/cluster", retentionInDays=30)
    more = month(cluster, zones_gb=0) - month(cluster, short, zones_gb=0)
    assert more == pytest.approx(5 * 0.2 * (365 - 30) / 30 * usd("logs.storage"))
    assert month(short) == 0, "what is in it is charged with the cluster that writes it"
    other = month(made(LOGS, name="/planb/agent", retentionInDays=30), log_gb=2)
    assert other == pytest.approx(2 * usd("logs.ingest") + 2 * 0.2 * usd("logs.storage"))


def test_eks_extended_support_by_the_day() -> None:
    cluster = made(CLUSTER, version="1.35")
    soon = bill(cluster, on=date(2027, 3, 27), **QUIET)
    assert soon.month_usd() == pytest.approx(73) and "leaves standard support on 2027-03-27" in soon.notes[0]
    assert month(cluster, on=date(2027, 3, 28), **QUIET) == pytest.approx(73 + 365)
    assert bill(cluster, on=date(2026, 5, 1)).notes == []
    moved = made(CLUSTER, version="1.35", upgradePolicy={"supportType": "STANDARD"})
    assert month(moved, on=date(2027, 3, 28), **QUIET) == pytest.approx(73), "AWS upgrades it instead"
    unknown = bill(made(CLUSTER, version="1.99"))
    assert "1.99" in unknown.notes[0] and "support.toml" in unknown.notes[0]


def test_nodes_are_counted_and_their_range_is_shown() -> None:
    found = lines(template(), nodes(now=3))
    node = next(line for line in found if line.row == "nodes")
    assert node.month_total_usd == pytest.approx(3 * 0.052 * HOURS)
    assert node.range_usd == pytest.approx((2 * 0.052 * HOURS, 4 * 0.052 * HOURS))
    disk = next(line for line in found if line.label == "EBS gp3")
    assert disk.month_usd == pytest.approx(3 * 30 * usd("ebs.gp3"))


def test_a_nodes_type_may_stand_in_its_template() -> None:
    group = nodes(instanceTypes=None)
    assert month(template(size="t3.large"), group, rows=("nodes",)) == pytest.approx(2 * 0.104 * HOURS)


def test_more_iops_than_a_volume_includes_cost() -> None:
    plain, fast = (month(template(iops=iops, throughput=125), nodes()) for iops in (3000, 4000))
    assert fast - plain == pytest.approx(2 * 1000 * usd("ebs.gp3.iops"))


def test_container_insights_are_paid_by_the_node() -> None:
    insights = made("aws:eks/addon:Addon", addonName="amazon-cloudwatch-observability")
    extra = month(template(), nodes(), insights, rows=("watching",), node_observations=10_000_000)
    assert extra == pytest.approx(2 * 10 * usd("metric.observation") * 1e6)
    plain = made("aws:eks/addon:Addon", addonName="coredns")
    assert month(plain) == 0


@pytest.mark.parametrize(("size", "hour"), [("t3.small", 0.026), ("t4g.small", 0.0208)])
def test_the_backup_host_by_its_architecture(size: str, hour: float) -> None:
    host = made(SCALING, "host", desiredCapacity=1, minSize=1, maxSize=1, launchTemplate={"id": "lt-2"})
    found = lines(template("lt-2", size=size, gigabytes=10), host)
    assert [line.row for line in found] == ["host", "other"]
    assert sum(line.month_total_usd for line in found) == pytest.approx(hour * HOURS + 10 * usd("ebs.gp3"))
    demand = made(SCALING, "admin", desiredCapacity=1, minSize=0, maxSize=1, launchTemplate={"id": "lt-2"})
    machine, disk = lines(template("lt-2", size=size, gigabytes=10), demand)
    assert machine.month_total_usd == disk.month_total_usd == 0, "a machine on demand is not there all month"
    lost = bill(host)
    assert [item.why for item in lost.unpriced] == ["the type of its instances is not in the state"]


def test_an_instance_by_itself() -> None:
    one = made("aws:ec2/instance:Instance", instanceType="t3.micro", associatePublicIpAddress=True)
    assert month(one) == pytest.approx((0.013 + 0.005) * HOURS)


def test_the_database_and_what_stands_beside_it() -> None:
    found = bill(database(), rds_backup_gb=0)
    assert found.month_usd(["rds"]) == pytest.approx(0.208 * HOURS + 20 * 0.262)
    assert found.month_usd(["extended"]) == pytest.approx(0.12 * 2 * 2 * HOURS) == pytest.approx(350.4)
    single = bill(database(multiAz=False), rds_backup_gb=0)
    assert single.month_usd(["rds"]) == pytest.approx(0.104 * HOURS + 20 * 0.131)
    assert single.month_usd(["extended"]) == pytest.approx(175.2)


@pytest.mark.parametrize(
    ("on", "version", "policy", "expected"),
    [
        (date(2026, 7, 31), "8.0", None, 0.0),
        (date(2026, 8, 1), "8.0.43", None, 350.4),
        (date(2028, 8, 1), "8.0", None, 700.8),
        (date(2026, 11, 25), "8.4", None, 0.0),
        (date(2026, 11, 25), "8.4.6", None, 0.0),
        (date(2026, 11, 25), "8.0", "open-source-rds-extended-support-disabled", 0.0),
    ],
)
def test_rds_extended_support(on: date, version: str, policy: str | None, expected: float) -> None:
    one = database(engineVersion=version, engineLifecycleSupport=policy)
    assert month(one, on=on, rows=("extended",)) == pytest.approx(expected)


def test_backups_are_free_up_to_the_storage() -> None:
    plain = month(database(), rows=("rds",), rds_backup_gb=100)
    kept = month(database(backupRetentionPeriod=7), rows=("rds",), rds_backup_gb=100)
    assert kept - plain == pytest.approx(80 * usd("rds.backup"))


def test_watching_the_database() -> None:
    plain = month(database())
    coarse, fine = (month(database(monitoringInterval=every)) for every in (60, 10))
    assert fine - plain == pytest.approx(6 * (coarse - plain)) and coarse > plain
    kinds = month(database(enabledCloudwatchLogsExports=["error", "slowquery"]), rds_log_gb=1)
    assert kinds - plain == pytest.approx(2 * usd("logs.ingest") + 2 * 0.2 * 365 / 30 * usd("logs.storage"))
    assert month(database(performanceInsightsEnabled=True, performanceInsightsRetentionPeriod=7)) == plain
    long = month(database(performanceInsightsEnabled=True, performanceInsightsRetentionPeriod=465))
    assert long - plain == pytest.approx(2 * HOURS * usd("rds.insights.vcpu"))


def test_the_secret_that_rds_makes_is_billed_too() -> None:
    more = month(database(manageMasterUserPassword=True), secret_reads=0) - month(database())
    assert more == pytest.approx(0.40)


def test_nat_by_the_zone_and_traffic_once() -> None:
    one, two = month(made(NAT)), month(made(NAT, "a"), made(NAT, "c"))
    assert two - one == pytest.approx(0.059 * HOURS)
    assert month(made(NAT), nat_gb=0, internet_gb=0, backup_mb=0) == pytest.approx(0.059 * HOURS)
    backups = month(made(NAT), nat_gb=0, internet_gb=0, backup_mb=1000, backup_interval_s=86_400)
    assert backups - 0.059 * HOURS == pytest.approx(30 * (0.059 + 0.126))


def test_addresses_and_endpoints() -> None:
    assert month(made("aws:ec2/eip:Eip")) == pytest.approx(3.65)
    endpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
    assert month(made(endpoint, vpcEndpointType="Gateway")) == 0
    inside = made(endpoint, vpcEndpointType="Interface", subnetIds=["a", "c"])
    assert month(inside, endpoint_gb=10) == pytest.approx(2 * 0.013 * HOURS + 0.1)
    odd = bill(made(endpoint, vpcEndpointType="GatewayLoadBalancer"))
    assert "GatewayLoadBalancer" in odd.unpriced[0].why


def test_the_load_balancer_and_its_addresses() -> None:
    alb = "aws:lb/loadBalancer:LoadBalancer"
    open_ = bill(made(alb, loadBalancerType="application", subnets=["a", "c"]), alb_lcu=2)
    assert open_.month_usd(["alb"]) == pytest.approx((0.0225 + 2 * 0.008) * HOURS)
    assert open_.month_usd(["addresses"]) == pytest.approx(2 * 3.65)
    assert month(made(alb, internal=True, subnets=["a"]), rows=("addresses",)) == 0
    assert bill(made(alb, loadBalancerType="gateway")).unpriced


def test_the_edge_by_requests_and_traffic() -> None:
    edge = [
        made("aws:cloudfront/distribution:Distribution", "d"),
        made("aws:cloudfront/function:Function", "f"),
        made("aws:cloudfront/keyValueStore:KeyValueStore", "s"),
    ]
    assert month(*edge, requests=0, edge_gb=0, edge_origin_gb=0) == 0
    million = month(*edge, requests=1_000_000, edge_gb=0, edge_origin_gb=0)
    assert million == pytest.approx(1.2 + 0.10 + 0.03)
    assert month(*edge, requests=0, edge_gb=10, edge_origin_gb=1) == pytest.approx(1.2 + 0.06)


def test_probes_through_the_edge_are_requests_too() -> None:
    router, health = (
        made("aws:cloudfront/function:Function", name, arn=f"arn:{name}") for name in ("router", "health")
    )
    uses = {name: {"functionAssociations": [{"functionArn": f"arn:{name}"}]} for name in ("router", "health")}
    edge = made(
        "aws:cloudfront/distribution:Distribution",
        "d",
        domainName="d1.cloudfront.net",
        defaultCacheBehavior=uses["router"],
        orderedCacheBehaviors=[uses["health"]],
    )
    check = made(
        "aws:route53/healthCheck:HealthCheck", "c", type="HTTP", fqdn="d1.cloudfront.net", requestInterval=10
    )
    quiet = {"edge_gb": 0, "edge_origin_gb": 0, "requests": 1_000_000, "probe_places": 10}
    plain = month(router, health, edge, rows=("cloudfront",), **quiet)
    assert plain == pytest.approx(1.2 + 0.1), "nobody calls the one that stands aside"
    probed = month(router, health, edge, check, rows=("cloudfront",), **quiet)
    assert probed - plain == pytest.approx(2.592 * (1.2 + 0.1))
    elsewhere = {**check, "outputs": {**check["outputs"], "fqdn": "d2.cloudfront.net"}}
    assert month(router, health, edge, elsewhere, rows=("cloudfront",), **quiet) == plain


def test_names_and_health_checks() -> None:
    check = "aws:route53/healthCheck:HealthCheck"
    assert month(made(check, type="HTTP", fqdn="d1.cloudfront.net")) == pytest.approx(0.5)
    full = made(
        check, type="HTTPS_STR_MATCH", fqdn="bank.example.com", requestInterval=10, measureLatency=True
    )
    assert month(full) == pytest.approx(0.75 + 4 * 2.0)
    assert month(made(check, type="CLOUDWATCH_METRIC")) == pytest.approx(0.5)
    zone = "aws:route53/zone:Zone"
    assert month(made(zone), dns_queries=1_000_000) == pytest.approx(0.9)
    assert month(made(zone, vpcs=[{"vpcId": "v"}])) == pytest.approx(0.5), "queries inside a VPC are free"


def test_the_firewall_by_its_rules() -> None:
    acl = made("aws:wafv2/webAcl:WebAcl", rules=[{"name": "a"}, {"name": "b"}])
    acl["outputs"]["region"] = "us-east-1"
    assert month(acl, requests=1_000_000) == pytest.approx(5 + 2 + 0.6)


def test_alarms_and_metrics_of_our_own() -> None:
    ours = {"namespace": "PlanB", "metricName": "BackupAge", "dimensions": {"Host": "b"}}
    theirs = {"namespace": "AWS/RDS", "metricName": "CPUUtilization"}
    assert month(made(ALARM, "a", **theirs)) == pytest.approx(0.10)
    assert month(made(ALARM, "a", **theirs, period=10)) == pytest.approx(0.30)
    assert month(made(ALARM, "a", **ours), made(ALARM, "b", **ours)) == pytest.approx(2 * 0.10 + 0.30)
    insight = {"namespace": "ContainerInsights", "metricName": "pod_restarts"}
    assert month(made(ALARM, "a", **insight)) == pytest.approx(0.10), "charged as observations"
    queries = [
        {"id": "m1", "metric": ours},
        {"id": "m2", "metric": theirs},
        {"id": "e", "expression": "m1/m2"},
    ]
    assert month(made(ALARM, "a", metricQueries=queries)) == pytest.approx(2 * 0.10 + 0.30)
    made_by = made(
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "f",
        metricTransformation={"namespace": "PlanB", "name": "BackupAge"},
    )
    assert month(made_by) == pytest.approx(0.30)
    assert month(made_by, made(ALARM, "a", **ours)) == pytest.approx(0.40), "one metric, charged once"
    assert month(made("aws:cloudwatch/compositeAlarm:CompositeAlarm")) == pytest.approx(0.50)
    assert month(made("aws:cloudwatch/dashboard:Dashboard")) == pytest.approx(3.0)


def test_flow_logs_by_where_they_go() -> None:
    group = made(LOGS, "g", name="/planb/flow", retentionInDays=30)
    flow = made("aws:ec2/flowLog:FlowLog", "f", logDestination="arn:aws:logs:r:1:log-group:/planb/flow:*")
    both = month(group, flow, flow_log_gb=10)
    assert both == pytest.approx(10 * usd("logs.vended") + 10 * 0.2 * usd("logs.storage"))
    away = made("aws:ec2/flowLog:FlowLog", "f", logDestinationType="s3", logDestination="arn:aws:s3:::b")
    assert month(away, flow_log_gb=10) == pytest.approx(10 * usd("logs.vended.s3"))


def test_keys_secrets_buckets_and_the_rest() -> None:
    assert month(made("aws:kms/key:Key"), kms_requests=100_000) == pytest.approx(1.3)
    assert month(made("aws:secretsmanager/secret:Secret"), secret_reads=10_000) == pytest.approx(0.45)
    assert month(made("aws:s3/bucket:Bucket"), s3_gb=4, s3_writes=1000) == pytest.approx(0.1045)
    assert month(made("aws:ecr/repository:Repository"), ecr_gb=2) == pytest.approx(0.2)
    function = made("aws:lambda/function:Function", memorySize=512, architectures=["arm64"])
    calls = month(function, lambda_invocations=1_000_000, lambda_seconds=1)
    assert calls == pytest.approx(0.20 + 500_000 * 0.0000133334)
    topic = made("aws:sns/topic:Topic", "t")
    mail = made("aws:sns/topicSubscription:TopicSubscription", "m", protocol="email")
    hook = made("aws:sns/topicSubscription:TopicSubscription", "h", protocol="lambda")
    assert month(topic, mail, hook, notifications=100_000) == pytest.approx(0.05 + 2.0)
    assert month(made("aws:sqs/queue:Queue"), queue_requests=1_000_000) == pytest.approx(0.4)
    assert month(made("aws:ssm/parameter:Parameter")) == 0
    assert month(made("aws:ssm/parameter:Parameter", tier="Advanced")) == pytest.approx(0.05)
    assert month(made("aws:scheduler/schedule:Schedule"), lambda_invocations=1_000_000) == pytest.approx(1.0)


def test_what_is_not_known_is_never_free() -> None:
    spot = bill(nodes(capacityType="SPOT"))
    assert "Spot" in spot.unpriced[0].why
    huge = bill(template(), nodes(instanceTypes=["x9.metal"]))
    assert huge.lines == [] and "no price for ec2.x9.metal in ap-northeast-2" in huge.unpriced[0].why
    far = nodes()
    far["outputs"]["region"] = "eu-west-1"
    assert "eu-west-1" in bill(far).unpriced[0].why
    new = bill(made("aws:kinesis/stream:Stream", "stream"))
    assert [(item.resource, item.why) for item in new.unpriced] == [
        ("stream", "neither priced nor known to be free")
    ]
    broken = bill(database(allocatedStorage="twenty"))
    assert "cannot be read" in broken.unpriced[0].why
    volumes = bill(made("kubernetes:core/v1:PersistentVolumeClaim"))
    assert volumes.unpriced


def test_a_service_makes_a_load_balancer() -> None:
    service = made("kubernetes:core/v1:Service", spec={"type": "LoadBalancer"})
    assert month(service) == pytest.approx(0.0225 * HOURS)
    assert month(made("kubernetes:core/v1:Service", spec={"type": "ClusterIP"})) == 0


def test_a_secret_property_counts_as_absent() -> None:
    one = made("aws:kms/key:Key", description=SECRET)
    one["outputs"]["region"] = SECRET
    one["inputs"] = {"region": "us-east-1"}
    assert month(one) > 1


def test_components_and_what_is_only_read_cost_nothing() -> None:
    component = {**made("planb:aws:Network"), "custom": False}
    read = {**made(NAT), "external": True}
    assert bill(component, read).lines == [] == bill(component, read).unpriced
