"""EKS add-ons: what is offered, what their schemas refuse, what they need to become active."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.aws import addons
from simcloud.aws.eksaddons import ADDON, SELF_MANAGED, VERSIONS, default_version

from .conftest import ACCOUNT, REGION, Aws

CODE = "InvalidParameterException"
OVERWRITE = {"resolveConflictsOnCreate": "OVERWRITE"}


def addon(name: str, **more: Any) -> dict[str, Any]:
    return {"clusterName": "planb", "addonName": name, **OVERWRITE, **more}


def test_an_addon(aws: Aws) -> None:
    aws.cluster(version="1.35")
    made = aws.make(ADDON, addon("kube-proxy"))
    assert made.id == "planb:kube-proxy"
    assert made.outputs["addonVersion"] == default_version("kube-proxy", "1.35")
    assert made.outputs["arn"].startswith(f"arn:aws:eks:{REGION}:{ACCOUNT}:addon/planb/kube-proxy/")
    aws.refuses("ResourceInUseException", "Addon already exists.", ADDON, addon("kube-proxy"))
    assert aws.replaced(made, addonName="vpc-cni", addonVersion="v1") == ["addonName"]


def test_names_and_clusters_are_known(aws: Aws) -> None:
    aws.cluster()
    aws.refuses(CODE, "Addon core-dns specified is not supported", ADDON, addon("core-dns"))
    text = "No cluster found for name: none."
    aws.refuses("ResourceNotFoundException", text, ADDON, {**addon("vpc-cni"), "clusterName": "none"})


@pytest.mark.parametrize("version", ["v1.34.6-eksbuild.29", "v1.35.3-eksbuild.1", "latest"])
def test_a_version_is_one_of_the_clusters_minor(aws: Aws, version: str) -> None:
    cluster = aws.cluster(version="1.35")
    text = "Addon version specified is not supported"
    aws.refuses(CODE, text, ADDON, addon("kube-proxy", addonVersion=version))
    made = aws.make(ADDON, addon("kube-proxy", addonVersion="v1.35.3-eksbuild.21"))
    aws.refuses_change(CODE, text, made, addonVersion=version)
    # What runs may stay while the cluster goes on.
    aws.change(cluster, version="1.36")
    aws.change(made, tags={"a": "b"})
    aws.change(made, addonVersion="v1.36.0-eksbuild.25")


@pytest.mark.parametrize("minor", addons.VERSIONS)
def test_what_the_program_pins_is_offered(minor: str) -> None:
    for name, version in addons.versions_for(minor).items():
        assert version in VERSIONS[name][minor], name


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        (
            "vpc-cni",
            {"networkPolicy": True},
            "$.networkPolicy: is not defined in the schema and the schema does not allow additional properties",
        ),
        ("vpc-cni", {"enableNetworkPolicy": True}, "$.enableNetworkPolicy: boolean found, string expected"),
        ("coredns", {"replicaCount": "2"}, "$.replicaCount: string found, integer expected"),
        ("coredns", {"replicaCount": True}, "$.replicaCount: boolean found, integer expected"),
        ("coredns", None, "$: null found, object expected"),
    ],
)
def test_configuration_fits_the_schema(aws: Aws, name: str, values: Any, text: str) -> None:
    aws.nodes(aws.cluster())
    text = f"Json schema validation failed with error: [{text}]"
    aws.refuses(CODE, text, ADDON, addon(name, configurationValues=json.dumps(values)))


def test_configuration_is_json(aws: Aws) -> None:
    aws.nodes(aws.cluster())
    text = "ConfigurationValue provided in request is not supported"
    aws.refuses(CODE, text, ADDON, addon("coredns", configurationValues="{replicaCount: 2}"))
    made = aws.make(ADDON, addon("coredns", configurationValues='{"replicaCount": 2}'))
    aws.refuses_change(CODE, text, made, configurationValues='{"replicas": 2}')


@pytest.mark.parametrize("name", SELF_MANAGED)
def test_what_came_with_the_cluster_is_in_the_way(aws: Aws, name: str) -> None:
    aws.nodes(aws.cluster())
    given = {"clusterName": "planb", "addonName": name}
    for more in ({}, {"resolveConflictsOnCreate": "NONE"}):
        text = "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode."
        error = aws.refuses("ConfigurationConflict", text, ADDON, {**given, **more})
        assert SELF_MANAGED[name] in error.message
    made = aws.make(ADDON, {**given, **OVERWRITE})
    aws.change(made, resolveConflictsOnCreate=None)


def test_a_bare_cluster_has_nothing_in_the_way(aws: Aws) -> None:
    aws.cluster(bootstrapSelfManagedAddons=False)
    aws.make(ADDON, {"clusterName": "planb", "addonName": "vpc-cni"})


@pytest.mark.parametrize("name", ["coredns", "metrics-server", "amazon-cloudwatch-observability"])
def test_a_deployment_waits_for_a_node_in_vain(aws: Aws, name: str) -> None:
    cluster = aws.cluster()
    with pytest.raises(Exception, match=r"the desired number of replicas.*last state: 'DEGRADED'"):
        aws.make(ADDON, addon(name))
    aws.state.remove(ADDON, f"planb:{name}")
    group = aws.nodes(cluster, count=0)
    with pytest.raises(Exception, match="InsufficientNumberOfReplicas"):
        aws.make(ADDON, addon(name))
    aws.state.remove(ADDON, f"planb:{name}")
    sizes = {"minSize": 1, "desiredSize": 1, "maxSize": 1}
    aws.change(group, scalingConfig=sizes)
    aws.make(ADDON, addon(name))


@pytest.mark.parametrize("name", ["vpc-cni", "kube-proxy", "eks-pod-identity-agent"])
def test_a_daemon_set_needs_none(aws: Aws, name: str) -> None:
    aws.cluster()
    aws.make(ADDON, addon(name))


def test_a_role_exists(aws: Aws) -> None:
    aws.cluster()
    arn = f"arn:aws:iam::{ACCOUNT}:role/cni"
    aws.refuses(CODE, f"Role {arn} does not exist", ADDON, addon("vpc-cni", serviceAccountRoleArn=arn))
    aws.role("cni", "x")
    aws.make(ADDON, addon("vpc-cni", serviceAccountRoleArn=arn))
