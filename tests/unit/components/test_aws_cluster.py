"""The AWS cluster: how nodes are launched, which versions run, and who may do what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
import pytest

from components.aws import addons
from components.aws.autoscaler import IMAGES, Autoscaler, AutoscalerArgs, statements_for
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.load_balancer_controller import LoadBalancerController, LoadBalancerControllerArgs
from tests import iam

from .conftest import ACCOUNT, KUBECONFIG, Made, Recorded, Run

ARN = f"arn:aws:eks:ap-northeast-2:{ACCOUNT}:cluster/blue-eks"
TARGETS = f"arn:aws:elasticloadbalancing:ap-northeast-2:{ACCOUNT}:targetgroup/blue-web/0123456789abcdef"
# Actions that AWS gives no resource to name: only these may be allowed on "*".
NO_RESOURCE = re.compile(
    r"ec2:Describe\w+|ec2:GetInstanceTypesFromInstanceRequirements|autoscaling:Describe\w+"
    r"|elasticloadbalancing:Describe\w+|cloudwatch:PutMetricData"
)


def cluster_args(**more: Any) -> ClusterArgs:
    values: dict[str, Any] = {
        "project": "blue",
        "version": "1.35",
        "vpc_id": "vpc-1",
        "public_subnet_ids": ["subnet-pa", "subnet-pc"],
        "subnet_ids": {tier: [f"subnet-{tier}-a", f"subnet-{tier}-c"] for tier in ("web", "was")},
        "tier_group_ids": {"web": "sg-web", "was": "sg-was", "rds": "sg-rds"},
        "kms_key_arn": "arn:kms:data",
        "log_key_arn": "arn:kms:logs",
        "public_access_cidrs": ["203.0.113.0/24"],
        "protect": True,
        "node_min": 2,
        "node_max": 4,
    }
    return ClusterArgs(**values | more)


def program(**more: Any) -> Callable[[], None]:
    """The cluster with what runs on it for the platform."""

    def make() -> None:
        provider = aws.Provider("aws", region="ap-northeast-2")
        cluster = Cluster("cluster", cluster_args(**more), pulumi.ResourceOptions(providers=[provider]))
        inside = k8s.Provider("k8s", kubeconfig=KUBECONFIG)
        both = pulumi.ResourceOptions(providers=[provider, inside])
        shared: dict[str, Any] = {
            "project": "blue",
            "cluster_name": cluster.name,
            "cluster_arn": cluster.arn,
            "region": "ap-northeast-2",
            "after": cluster.nodes,
        }
        version = more.get("version", "1.35")
        Autoscaler("autoscaler", AutoscalerArgs(version=version, **shared), both)
        manifests = pulumi.ComponentResource("test:Manifests", "manifests")
        args = LoadBalancerControllerArgs(
            vpc_id="vpc-1", target_group_arn=TARGETS, workload=manifests, manifests=manifests, **shared
        )
        LoadBalancerController("lb-controller", args, both)

    return make


@pytest.fixture(scope="module")
def kept() -> dict[str, Recorded]:
    return {}


@pytest.fixture
def made(run: Run, kept: dict[str, Recorded]) -> Recorded:
    if "up" not in kept:
        kept["up"] = run(program(), stack="prod")
    return kept["up"]


def after(item: Made) -> set[str]:
    return {urn.split("::")[-1] for urn in item.after}


class TestControlPlane:
    def test_access_and_encryption(self, made: Recorded) -> None:
        cluster = made.one("eks:index:Cluster")
        assert cluster["authenticationMode"] == "API"
        assert cluster["encryptionConfigKeyArn"] == "arn:kms:data"
        assert cluster["endpointPrivateAccess"] is True
        assert cluster["publicAccessCidrs"] == ["203.0.113.0/24"]
        assert cluster["deletionProtection"] is True
        assert cluster["skipDefaultNodeGroup"] is True and cluster["skipDefaultSecurityGroups"] is True

    def test_all_logs_to_a_group_of_ours(self, made: Recorded) -> None:
        cluster, group = made.one("eks:index:Cluster"), made.one("LogGroup", "cluster-logs")
        types = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
        assert set(cluster["enabledClusterLogTypes"]) == types
        assert group["name"] == f"/aws/eks/{cluster['name']}/cluster"
        assert group["retentionInDays"] == 365
        assert "cluster-logs" in after(cluster)  # or EKS makes it first

    def test_every_log_group_ends_and_is_encrypted(self, made: Recorded) -> None:
        groups = made.all("LogGroup")
        assert len(groups) == 5
        for group in groups:
            assert group["kmsKeyId"] == "arn:kms:logs", group.name
            assert group["retentionInDays"] >= 14, group.name


class TestNodes:
    @pytest.mark.parametrize("tier", ["web", "was"])
    def test_a_launch_template(self, made: Recorded, tier: str) -> None:
        template = made.one("LaunchTemplate", f"cluster-{tier}")
        assert template["vpcSecurityGroupIds"] == ["sg-cluster", f"sg-{tier}"]
        options = template["metadataOptions"]
        assert options["httpTokens"] == "required" and options["httpEndpoint"] == "enabled"
        assert options["httpPutResponseHopLimit"] == 1  # pods do not reach the node's role
        (device,) = template["blockDeviceMappings"]
        assert device["ebs"]["encrypted"] == "true" and device["ebs"]["volumeType"] == "gp3"
        assert template["monitoring"]["enabled"] is True
        tagged = {item["resourceType"]: item["tags"] for item in template["tagSpecifications"]}
        assert tagged.keys() == {"instance", "volume", "network-interface"}
        for tags in tagged.values():
            assert tags == {
                "Name": f"blue-{tier}-nodes",
                "Project": "blue",
                "Stack": "prod",
                "ManagedBy": "pulumi",
                "Tier": tier,
            }
        # EKS's own, or nothing: a key, an address, an image, a profile.
        for name in ("keyName", "networkInterfaces", "imageId", "iamInstanceProfile", "instanceType"):
            assert name not in template.inputs

    @pytest.mark.parametrize("tier", ["web", "was"])
    def test_a_group(self, made: Recorded, tier: str) -> None:
        group = made.one("NodeGroup", f"cluster-{tier}")
        assert group["labels"] == {"tier": tier}
        assert group["subnetIds"] == [f"subnet-{tier}-a", f"subnet-{tier}-c"]
        assert group["instanceTypes"] == ["t3.medium"]
        assert group["amiType"] == "AL2023_x86_64_STANDARD"
        assert group["version"] == "1.35"
        assert group["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 4}
        assert group["updateConfig"] == {"maxUnavailable": 1}
        assert group["launchTemplate"] == {"id": f"cluster-{tier}-id", "version": "1"}
        assert group.ignored == ("scalingConfig.desiredSize",)

    def test_network_first(self, made: Recorded) -> None:
        """A node whose network plugin has no rights never becomes ready."""
        for group in made.all("NodeGroup"):
            assert after(group) >= {"cluster-eks-pod-identity-agent", "cluster-cni"}
            assert {f"cluster-nodes-{name}" for name in ("AmazonEKSWorkerNodePolicy",)} <= after(group)

    def test_their_role_can_join_and_pull_only(self, made: Recorded) -> None:
        attached = [item for item in made.all("RolePolicyAttachment") if "-nodes-" in item.name]
        assert {item["policyArn"].rsplit("/", 1)[-1] for item in attached} == {
            "AmazonEKSWorkerNodePolicy",
            "AmazonEC2ContainerRegistryPullOnly",
        }
        entries = {item["principalArn"] for item in made.all("AccessEntry")}
        assert not any("nodes" in arn for arn in entries)  # EKS makes that one


class TestAddons:
    def test_every_version_is_pinned(self, made: Recorded) -> None:
        pinned = addons.versions_for("1.35")
        cluster = made.one("eks:index:Cluster")
        found = {item["addonName"]: item["addonVersion"] for item in made.all("Addon")}
        found["vpc-cni"] = cluster["vpcCniOptions"]["addonVersion"]
        found["kube-proxy"] = cluster["kubeProxyAddonOptions"]["version"]
        assert found == pinned
        assert set(pinned) == {
            *("vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"),
            *("metrics-server", "amazon-cloudwatch-observability"),
        }
        assert all(re.fullmatch(r"v\d+\.\d+\.\d+-eksbuild\.\d+", version) for version in pinned.values())

    def test_one_owner_each(self, made: Recorded) -> None:
        names = [item["addonName"] for item in made.all("Addon")]
        assert len(names) == len(set(names))
        assert not {"vpc-cni", "kube-proxy"} & set(names)  # pulumi-eks makes them
        assert made.one("eks:index:Cluster")["corednsAddonOptions"]["enabled"] is False

    def test_network_policies_are_enforced(self, made: Recorded) -> None:
        assert made.one("eks:index:Cluster")["vpcCniOptions"]["enableNetworkPolicy"] is True

    def test_what_waits_for_nodes(self, made: Recorded) -> None:
        for name in ("coredns", "metrics-server", "amazon-cloudwatch-observability"):
            assert after(made.one("Addon", f"cluster-{name}")) >= {"cluster-web", "cluster-was"}
        assert made.one("Addon", "cluster-coredns")["resolveConflictsOnCreate"] == "OVERWRITE"

    def test_insights(self, made: Recorded) -> None:
        """The seed's alarms read these metrics; nobody asked for agents inside the application."""
        addon = made.one("Addon", "cluster-amazon-cloudwatch-observability")
        values = json.loads(addon["configurationValues"])
        assert values["containerInsights"]["enabled"] is True
        assert values["applicationSignals"]["enabled"] is False
        assert values["manager"]["applicationSignals"]["autoMonitor"]["monitorAllServices"] is False
        groups = {f"cluster-insights-{kind}" for kind in addons.INSIGHTS}
        assert after(addon) >= groups | {"cluster-insights"}

    @pytest.mark.parametrize("version", ["1.29", "1.37"])
    def test_a_version_without_pins_is_told(self, run: Run, version: str) -> None:
        with pytest.raises(
            pulumi.RunError, match=rf"planb:kubernetesVersion is '{version}'.*1\.34, 1\.35, 1\.36"
        ):
            run(program(version=version), stack="prod")


def policies(made: Recorded) -> dict[str, list[dict[str, Any]]]:
    return {item.name: json.loads(item["policy"])["Statement"] for item in made.all("RolePolicy")}


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value


class TestPermissions:
    def test_everything_on_everything_is_only_what_has_no_resource(self, made: Recorded) -> None:
        found = policies(made)
        expected = {
            "cluster-insights",
            "cluster-operator",
            "cluster-viewer",
            "autoscaler-role",
            "lb-controller-role",
        }
        assert found.keys() == expected
        for name, statements in found.items():
            for statement in statements:
                assert statement["Effect"] == "Allow"
                for action in listed(statement["Action"]):
                    assert "*" not in action, name
                    if "*" in listed(statement["Resource"]):
                        assert NO_RESOURCE.fullmatch(action), f"{name}: {action}"

    def test_a_role_is_for_one_service_account_of_this_cluster(self, made: Recorded) -> None:
        roles = {item["name"]: item for item in made.all("Role")}
        associations = made.all("PodIdentityAssociation")
        assert {(item["namespace"], item["serviceAccount"]) for item in associations} == {
            ("kube-system", "aws-node"),
            ("amazon-cloudwatch", "cloudwatch-agent"),
            ("kube-system", "aws-load-balancer-controller"),
            ("kube-system", "cluster-autoscaler"),
        }
        for item in associations:
            role = roles[item["tags"]["Name"]]
            assert item["roleArn"] == f"arn:Role:{role.name}"
            (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
            assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
            assert set(statement["Action"]) == {"sts:AssumeRole", "sts:TagSession"}
            assert statement["Condition"]["StringEquals"] == {
                "aws:RequestTag/eks-cluster-arn": ARN,
                "aws:RequestTag/kubernetes-namespace": item["namespace"],
                "aws:RequestTag/kubernetes-service-account": item["serviceAccount"],
            }

    def test_the_autoscaler_changes_this_clusters_groups_only(self, made: Recorded) -> None:
        (change,) = [s for s in policies(made)["autoscaler-role"] if "Condition" in s]
        assert set(change["Action"]) == {
            "autoscaling:SetDesiredCapacity",
            "autoscaling:TerminateInstanceInAutoScalingGroup",
        }
        tag = "aws:ResourceTag/k8s.io/cluster-autoscaler/blue-eks"
        assert change["Condition"] == {"StringEquals": {tag: "owned"}}

    def test_the_controller_registers_in_one_target_group(self, made: Recorded) -> None:
        change = [s for s in policies(made)["lb-controller-role"] if s["Resource"] != "*"]
        actions = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
        assert change == [{"Effect": "Allow", "Action": actions, "Resource": TARGETS}]

    def test_the_agent_writes_to_its_own_log_groups(self) -> None:
        groups = "arn:aws:logs:ap-northeast-2:123456789012:log-group:"
        mine = f"{groups}/aws/containerinsights/blue-eks/application"
        documents = [{"Version": "2012-10-17", "Statement": addons.agent_statements([mine])}]
        put, create = "logs:PutLogEvents", "logs:CreateLogStream"
        assert iam.decide(documents, put, f"{mine}:log-stream:pod") == iam.ALLOWED
        assert iam.decide(documents, create, f"{mine}:*") == iam.ALLOWED
        other = f"{groups}/aws/eks/blue-eks/cluster"
        assert iam.decide(documents, put, f"{other}:log-stream:audit") == iam.IMPLICIT
        assert iam.decide(documents, create, other) == iam.IMPLICIT
        assert iam.decide(documents, "logs:DeleteLogGroup", mine) == iam.IMPLICIT
        for namespace, answer in (("ContainerInsights", iam.ALLOWED), ("PlanB", iam.IMPLICIT)):
            asked = {"cloudwatch:namespace": namespace}
            assert iam.decide(documents, "cloudwatch:PutMetricData", "*", asked) == answer

    def test_the_autoscaler_as_iam_sees_it(self) -> None:
        documents = [{"Version": "2012-10-17", "Statement": statements_for(ARN)}]
        change = "autoscaling:SetDesiredCapacity"
        group = (
            f"arn:aws:autoscaling:ap-northeast-2:{ACCOUNT}:autoScalingGroup:1-2:autoScalingGroupName/eks-web"
        )
        for owner, answer in (("blue-eks", iam.ALLOWED), ("other-eks", iam.IMPLICIT)):
            tagged = {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{owner}": "owned"}
            assert iam.decide(documents, change, group, tagged) == answer
        nodes = ARN.replace(":cluster/", ":nodegroup/") + "/blue-web/1-2"
        assert iam.decide(documents, "eks:DescribeNodegroup", nodes) == iam.ALLOWED
        assert iam.decide(documents, "eks:UpdateNodegroupConfig", nodes) == iam.IMPLICIT

    def test_people(self, made: Recorded) -> None:
        granted = {
            (
                item["principalArn"].removeprefix("arn:Role:cluster-"),
                item["policyArn"].rsplit("/", 1)[-1],
                tuple(item["accessScope"].get("namespaces", ())) or item["accessScope"]["type"],
            )
            for item in made.all("AccessPolicyAssociation")
        }
        assert granted == {
            ("operator", "AmazonEKSEditPolicy", ("web", "was")),
            ("operator", "AmazonEKSViewPolicy", "cluster"),
            ("viewer", "AmazonEKSViewPolicy", "cluster"),
        }
        for who in ("operator", "viewer"):
            role = made.one("Role", f"cluster-{who}")
            (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
            assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


class TestCharts:
    def test_the_autoscaler(self, made: Recorded) -> None:
        release = made.one("Release", "autoscaler-chart")
        values = release["values"]
        assert values["autoDiscovery"] == {"clusterName": "blue-eks"}
        assert values["image"]["tag"].startswith("v1.35.")
        assert values["rbac"]["serviceAccount"]["name"] == "cluster-autoscaler"
        for name in ("skip-nodes-with-system-pods", "skip-nodes-with-local-storage"):
            assert values["extraArgs"][name] == "false"
        assert after(release) >= {"autoscaler-role", "cluster-web", "cluster-was"}

    def test_its_image_is_the_clusters_minor(self) -> None:
        assert IMAGES.keys() == addons.VERSIONS.keys()
        for minor, tag in IMAGES.items():
            assert tag.startswith(f"v{minor}.")

    def test_the_controller_owns_no_load_balancer(self, made: Recorded) -> None:
        release = made.one("Release", "lb-controller-chart")
        values = release["values"]
        assert values["serviceAccount"] == {"name": "aws-load-balancer-controller"}
        for name in (
            "createIngressClassResource",
            "enableBackendSecurityGroup",
            "enableServiceMutatorWebhook",
        ):
            assert values[name] is False
        assert after(release) >= {"lb-controller-role", "cluster-web", "cluster-was"}

    def test_the_binding_goes_before_the_controller(self, made: Recorded) -> None:
        binding = made.one("TargetGroupBinding")
        assert "lb-controller-chart" in after(binding)
        assert binding["spec"]["targetGroupARN"] == TARGETS
        assert binding["spec"]["serviceRef"] == {"name": "web", "port": 8080}

    def test_versions_of_charts(self, made: Recorded) -> None:
        for release in made.all("Release"):
            assert re.fullmatch(r"\d+\.\d+\.\d+", release["version"]), release.name


def test_in_a_preview(run: Run) -> None:
    recorded = run(program(), preview=True, stack="prod")
    assert len(recorded.all("PodIdentityAssociation")) == 4
    assert len(recorded.all("NodeGroup")) == 2
