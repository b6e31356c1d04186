"""Clusters and node groups of EKS."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from simcloud.aws import eks, iam, network
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    today(monkeypatch, 2026, 11, 24)


def today(monkeypatch: pytest.MonkeyPatch, year: int, month: int, day: int) -> None:
    class Fixed(date):
        @classmethod
        def today(cls) -> date:
            return date(year, month, day)

    monkeypatch.setattr(eks, "date", Fixed)


@pytest.fixture
def given(aws: Aws, vpc: Resource) -> dict[str, Any]:
    """Inputs of a cluster that EKS accepts."""
    role = aws.role("eks", "eks.amazonaws.com")
    return {
        "name": "planb",
        "version": "1.35",
        "roleArn": role.outputs["arn"],
        "accessConfig": {"authenticationMode": "API"},
        "vpcConfig": {"subnetIds": aws.pair(vpc)},
    }


@pytest.fixture
def cluster(aws: Aws, given: dict[str, Any]) -> Resource:
    return aws.make(eks.CLUSTER, given)


@pytest.fixture
def nodes(aws: Aws, cluster: Resource) -> dict[str, Any]:
    """Inputs of a node group that EKS accepts."""
    return {
        "clusterName": "planb",
        "nodeGroupName": "web",
        "nodeRoleArn": aws.role("nodes", "ec2.amazonaws.com").outputs["arn"],
        "subnetIds": cluster.inputs["vpcConfig"]["subnetIds"],
        "scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 3},
    }


def own_group(cluster: Resource) -> str:
    return cluster.outputs["vpcConfig"]["clusterSecurityGroupId"]


def test_a_cluster(aws: Aws, cluster: Resource, vpc: Resource) -> None:
    assert cluster.id == "planb"
    assert cluster.outputs["arn"] == f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/planb"
    issuer = cluster.outputs["identities"][0]["oidcs"][0]["issuer"]
    found = re.fullmatch(rf"https://oidc\.eks\.{REGION}\.amazonaws\.com/id/([0-9A-F]{{32}})", issuer)
    assert found
    assert cluster.outputs["endpoint"] == f"https://{found[1]}.gr7.{REGION}.eks.amazonaws.com"
    assert re.fullmatch(r"sg-[0-9a-f]{17}", own_group(cluster))
    assert cluster.outputs["vpcConfig"]["vpcId"] == vpc.id
    server = cluster.outputs["endpoint"]
    assert aws.called("clusters.create") == [
        (("planb",), {"region": REGION, "version": "1.35", "server": server})
    ]


def test_a_cluster_name_is_taken_once(aws: Aws, cluster: Resource, given: dict[str, Any]) -> None:
    text = "Cluster already exists with name: planb"
    aws.refuses("ResourceInUseException", text, eks.CLUSTER, given)
    aws.make(eks.CLUSTER, {**given, "name": "other"})


@pytest.mark.parametrize(
    ("version", "day", "good"),
    [
        ("1.29", (2026, 11, 24), False),
        ("1.33", (2027, 7, 29), True),
        ("1.33", (2027, 7, 30), False),
        ("1.36", (2026, 5, 31), False),
        ("1.36", (2026, 6, 1), True),
    ],
)
def test_a_version_has_its_window(
    aws: Aws,
    given: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    day: tuple[int, int, int],
    good: bool,
) -> None:
    today(monkeypatch, *day)
    given["version"] = version
    if good:
        assert aws.make(eks.CLUSTER, given).outputs["version"] == version
    else:
        text = f"unsupported Kubernetes version {version}"
        aws.refuses("InvalidParameterException", text, eks.CLUSTER, given)


@pytest.mark.parametrize(("version", "text"), [("1.33", "from 1.34 to 1.33"), ("1.36", "from 1.34 to 1.36")])
def test_a_cluster_goes_up_by_one_minor(aws: Aws, given: dict[str, Any], version: str, text: str) -> None:
    made = aws.make(eks.CLUSTER, {**given, "version": "1.34"})
    text = f"Unsupported Kubernetes minor version update {text}"
    aws.refuses_change("InvalidParameterException", text, made, version=version)
    assert aws.change(made, version="1.35").outputs["version"] == "1.35"


def test_an_old_cluster_may_still_be_tagged(
    aws: Aws, cluster: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    today(monkeypatch, 2028, 3, 28)
    aws.change(cluster, tags={"a": "b"})


def test_a_cluster_needs_zones_a_role_and_its_key(aws: Aws, vpc: Resource, given: dict[str, Any]) -> None:
    code = "InvalidParameterException"
    one = [aws.subnet(vpc, f"10.0.{n}.0/24").id for n in (8, 9)]
    text = "Subnets specified must be in at least two different AZs"
    aws.refuses(code, text, eks.CLUSTER, {**given, "vpcConfig": {"subnetIds": one}})
    text = "The subnet ID 'subnet-0' does not exist"
    aws.refuses(code, text, eks.CLUSTER, {**given, "vpcConfig": {"subnetIds": ["subnet-0"]}})
    wrong = aws.role("nodes", "ec2.amazonaws.com").outputs["arn"]
    for arn in (wrong, f"arn:aws:iam::{ACCOUNT}:role/none"):
        text = f"Role with arn: {arn}, could not be assumed"
        aws.refuses(code, text, eks.CLUSTER, {**given, "roleArn": arn})
    encrypted = {**given, "encryptionConfig": {"provider": {"keyArn": "none"}, "resources": ["secrets"]}}
    aws.refuses(code, "Key none does not exist", eks.CLUSTER, encrypted)
    encrypted["encryptionConfig"]["provider"]["keyArn"] = aws.make(iam.KEY, {}).outputs["arn"]
    aws.make(eks.CLUSTER, encrypted)


def test_access_by_config_map_cannot_become_the_api(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(eks.CLUSTER, {**given, "accessConfig": {"authenticationMode": "CONFIG_MAP"}})
    text = "Unsupported authentication mode update from CONFIG_MAP to API"
    code = "InvalidParameterException"
    aws.refuses_change(code, text, made, accessConfig={"authenticationMode": "API"})
    both = aws.change(made, accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    aws.change(both, accessConfig={"authenticationMode": "API"})


def test_what_replaces(aws: Aws, cluster: Resource, nodes: dict[str, Any]) -> None:
    assert aws.replaced(cluster, name="other", version="1.36") == ["name"]
    group = aws.make(eks.NODE_GROUP, nodes)
    scaling = {"minSize": 2, "desiredSize": 2, "maxSize": 3}
    assert aws.replaced(group, scalingConfig=scaling, instanceTypes=["t3.large"]) == ["instanceTypes"]


def test_a_cluster_with_nodes_stays_and_holds_its_subnets(
    aws: Aws, cluster: Resource, nodes: dict[str, Any]
) -> None:
    group = aws.make(eks.NODE_GROUP, nodes)
    aws.refuses_delete("ResourceInUseException", "Cluster has nodegroups attached", cluster)
    assert not aws.called("clusters.delete")
    subnet = aws.state.by_id(network.SUBNET, nodes["subnetIds"][0])
    assert subnet
    aws.refuses_delete("DependencyViolation", "has dependencies", subnet)
    aws.delete(group)
    aws.refuses_delete("DependencyViolation", "has dependencies", subnet)
    aws.delete(cluster)
    assert aws.called("clusters.delete") == [(("planb",), {})]
    aws.delete(subnet)


@pytest.mark.parametrize(
    ("scaling", "text"),
    [
        ((3, 3, 2), "Minimum capacity 3 can't be greater than maximum size 2"),
        ((1, 4, 3), "desired capacity 4 can't be greater than max size 3"),
        ((2, 1, 3), "desired capacity 1 can't be less than min size 2"),
    ],
)
def test_node_counts_agree(aws: Aws, nodes: dict[str, Any], scaling: tuple[int, int, int], text: str) -> None:
    wrong = dict(zip(("minSize", "desiredSize", "maxSize"), scaling, strict=True))
    code = "InvalidParameterException"
    aws.refuses(code, text, eks.NODE_GROUP, {**nodes, "scalingConfig": wrong})
    group = aws.make(eks.NODE_GROUP, nodes)
    assert group.id == "planb:web"
    arn = rf"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/planb/web/[0-9a-f-]+"
    assert re.fullmatch(arn, group.outputs["arn"])
    assert group.outputs["version"] == "1.35"


def test_nodes_need_cluster_role_and_subnets(aws: Aws, nodes: dict[str, Any]) -> None:
    text = "No cluster found for name: none."
    aws.refuses("ResourceNotFoundException", text, eks.NODE_GROUP, {**nodes, "clusterName": "none"})
    role = f"arn:aws:iam::{ACCOUNT}:role/eks"
    text = "principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole " + role
    aws.refuses("InvalidParameterException", text, eks.NODE_GROUP, {**nodes, "nodeRoleArn": role})
    text = "The subnet ID 'subnet-0' does not exist"
    aws.refuses("InvalidParameterException", text, eks.NODE_GROUP, {**nodes, "subnetIds": ["subnet-0"]})
    aws.make(eks.NODE_GROUP, nodes)
    text = "NodeGroup already exists with name web and cluster name planb"
    aws.refuses("ResourceInUseException", text, eks.NODE_GROUP, nodes)


def test_a_launch_template_with_groups_must_name_the_clusters_own(
    aws: Aws, vpc: Resource, cluster: Resource, nodes: dict[str, Any]
) -> None:
    tier = aws.group(vpc)

    def launched(*groups: str, name: str) -> dict[str, Any]:
        template = aws.make(eks.TEMPLATE, {"name": name, "vpcSecurityGroupIds": list(groups)})
        return {**nodes, "nodeGroupName": name, "launchTemplate": {"id": template.id, "version": "1"}}

    text = "Instances failed to join the kubernetes cluster"
    wrong = launched(tier.id, name="wrong")
    aws.refuses("NodeCreationFailure", text, eks.NODE_GROUP, wrong)
    aws.make(eks.NODE_GROUP, launched(own_group(cluster), tier.id, name="both"))
    aws.make(eks.NODE_GROUP, launched(name="none"))
    missing = {**nodes, "launchTemplate": {"id": "lt-0", "version": "1"}}
    text = "The specified launch template does not exist"
    aws.refuses("InvalidRequestException", text, eks.NODE_GROUP, missing)


def test_rules_may_name_the_clusters_own_group(aws: Aws, vpc: Resource, cluster: Resource) -> None:
    own, group = own_group(cluster), aws.group(vpc)
    rule = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443}
    aws.make(network.INGRESS, {**rule, "securityGroupId": group.id, "referencedSecurityGroupId": own})
    aws.make(network.INGRESS, {**rule, "securityGroupId": own, "referencedSecurityGroupId": group.id})


def test_a_launch_template_says_some_things_alone(aws: Aws, cluster: Resource, nodes: dict[str, Any]) -> None:
    def launched(version: str = "1", **more: Any) -> dict[str, Any]:
        name = f"t{len(aws.state.all())}"
        template = aws.make(eks.TEMPLATE, {"name": name, **more})
        return {**nodes, "nodeGroupName": name, "launchTemplate": {"id": template.id, "version": version}}

    text = "Disk size must be specified within the launch template."
    aws.refuses("InvalidParameterException", text, eks.NODE_GROUP, {**launched(), "diskSize": 30})
    text = "Cannot specify instance types in launch template and API request"
    both = {**launched(instanceType="t3.medium"), "instanceTypes": ["t3.large"]}
    aws.refuses("InvalidRequestException", text, eks.NODE_GROUP, both)
    text = "must not specify an IAM instance profile"
    profile = launched(iamInstanceProfile={"name": "p"})
    aws.refuses("InvalidRequestException", text, eks.NODE_GROUP, profile)
    text = "The specified launch template version 2 does not exist"
    aws.refuses("InvalidRequestException", text, eks.NODE_GROUP, launched(version="2"))
    for number, version in enumerate(("1", "$Latest")):
        aws.make(eks.NODE_GROUP, {**launched(version), "instanceTypes": [f"t{number}.medium"]})


def test_node_groups_say_one_size_of_an_update(aws: Aws, nodes: dict[str, Any]) -> None:
    both = {**nodes, "updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 50}}
    text = "Either maxUnavailable or maxUnavailablePercentage can be set"
    aws.refuses("InvalidParameterException", text, eks.NODE_GROUP, both)
    aws.make(eks.NODE_GROUP, {**nodes, "updateConfig": {"maxUnavailable": 1}})


def test_to_say_what_eks_had_chosen_replaces_nothing(aws: Aws, nodes: dict[str, Any]) -> None:
    group = aws.make(eks.NODE_GROUP, nodes)
    assert group.outputs["amiType"] == "AL2023_x86_64_STANDARD"
    assert aws.replaced(group, amiType="AL2023_x86_64_STANDARD", capacityType="ON_DEMAND") == []
    assert aws.replaced(group, amiType="AL2023_ARM_64_STANDARD") == ["amiType"]
    spot = aws.make(eks.NODE_GROUP, {**nodes, "nodeGroupName": "spot", "capacityType": "SPOT"})
    assert spot.outputs["capacityType"] == "SPOT"


def test_a_cluster_has_an_endpoint_and_known_logs(aws: Aws, given: dict[str, Any]) -> None:
    code, text = "InvalidParameterException", "Private and public endpoint access cannot be false"
    vpc = {**given["vpcConfig"], "endpointPublicAccess": False}
    aws.refuses(code, text, eks.CLUSTER, {**given, "vpcConfig": vpc})
    wrong = {**given, "enabledClusterLogTypes": ["audit", "scheduling"]}
    aws.refuses(code, "Invalid cluster log type scheduling", eks.CLUSTER, wrong)
    vpc["endpointPrivateAccess"] = True
    aws.make(eks.CLUSTER, {**given, "vpcConfig": vpc, "enabledClusterLogTypes": ["audit", "scheduler"]})


def test_a_protected_cluster_stays(aws: Aws, given: dict[str, Any]) -> None:
    made = aws.make(eks.CLUSTER, {**given, "deletionProtection": True})
    aws.refuses_delete("InvalidRequestException", "deletion protection is enabled", made)
    aws.delete(aws.change(made, deletionProtection=False))
