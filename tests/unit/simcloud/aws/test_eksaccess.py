"""Access entries, access policies and pod identities of EKS."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from simcloud.aws import iam
from simcloud.aws.eksaccess import ASSOCIATION, ENTRY, POD_IDENTITY
from simcloud.kinds import Resource

from .conftest import ACCOUNT, REGION, Aws

CODE = "InvalidParameterException"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture
def cluster(aws: Aws) -> Resource:
    return aws.cluster()


@pytest.fixture
def who(aws: Aws, cluster: Resource) -> str:
    return aws.role("operator", "x").outputs["arn"]


def entry(who: str, **more: Any) -> dict[str, Any]:
    return {"clusterName": "planb", "principalArn": who, **more}


def test_an_entry(aws: Aws, who: str) -> None:
    made = aws.make(ENTRY, entry(who))
    assert made.id == f"planb:{who}"
    pattern = rf"arn:aws:eks:{REGION}:{ACCOUNT}:access-entry/planb/role/{ACCOUNT}/operator/[0-9a-f-]+"
    assert re.fullmatch(pattern, made.outputs["accessEntryArn"])
    text = "The specified access entry resource is already in use on this cluster."
    aws.refuses("ResourceInUseException", text, ENTRY, entry(who))
    aws.make(ENTRY, entry(aws.role("viewer", "x").outputs["arn"]))


def test_entries_need_the_api(aws: Aws, who: str) -> None:
    aws.cluster("old", accessConfig={"authenticationMode": "CONFIG_MAP"})
    text = "authentication mode must be set to one of [API, API_AND_CONFIG_MAP]"
    aws.refuses("InvalidRequestException", text, ENTRY, {**entry(who), "clusterName": "old"})
    text = "No cluster found for name: none."
    aws.refuses("ResourceNotFoundException", text, ENTRY, {**entry(who), "clusterName": "none"})


@pytest.mark.parametrize(
    "principal", [f"arn:aws:iam::{ACCOUNT}:role/nobody", f"arn:aws:iam::{ACCOUNT}:root", "operator"]
)
@pytest.mark.usefixtures("cluster")
def test_a_principal_exists(aws: Aws, principal: str) -> None:
    text = "The specified principalArn is invalid: invalid principal."
    aws.refuses(CODE, text, ENTRY, entry(principal))


@pytest.mark.usefixtures("cluster")
def test_principals_of_other_kinds(aws: Aws) -> None:
    service = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX"
    aws.refuses(CODE, "principalArn value of a Service Linked Role", ENTRY, entry(service))
    aws.make(ENTRY, entry("arn:aws:iam::999999999999:role/auditor"))  # of an account that nobody sees into


def test_a_managed_groups_role_has_its_entry(aws: Aws, cluster: Resource) -> None:
    group = aws.nodes(cluster)
    given = entry(group.inputs["nodeRoleArn"], type="EC2_LINUX")
    aws.refuses("ResourceInUseException", "already in use on this cluster", ENTRY, given)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"kubernetesGroups": ["system:masters"]},
            "The kubernetes group name system:masters is invalid, it cannot start with system:",
        ),
        ({"userName": "system:admin"}, "The username must not begin with system:"),
        ({"type": "EC2_LINUX", "kubernetesGroups": ["ops"]}, "entry of type EC2_LINUX"),
        ({"type": "EC2_LINUX", "userName": "node"}, "entry of type EC2_LINUX"),
        ({"type": "NODE"}, "The access entry type NODE is invalid"),
    ],
)
def test_what_an_entry_may_say(aws: Aws, who: str, more: dict[str, Any], text: str) -> None:
    aws.refuses(CODE, text, ENTRY, entry(who, **more))
    made = aws.make(ENTRY, entry(who, kubernetesGroups=["ops"]))
    assert aws.replaced(made, type="EC2_LINUX", kubernetesGroups=["dev"]) == ["type"]


def grant(who: str, **more: Any) -> dict[str, Any]:
    return {**entry(who), "policyArn": VIEW, "accessScope": {"type": "cluster"}, **more}


def test_a_policy_is_for_an_entry(aws: Aws, who: str) -> None:
    text = "The specified principalArn could not be found."
    aws.refuses("ResourceNotFoundException", text, ASSOCIATION, grant(who))
    aws.make(ENTRY, entry(who))
    wrong = grant(who, policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    aws.refuses(CODE, "The specified policyArn is invalid.", ASSOCIATION, wrong)
    made = aws.make(ASSOCIATION, grant(who))
    assert made.id == f"planb#{who}#{VIEW}"
    assert aws.replaced(made, accessScope={"type": "namespace", "namespaces": ["web"]}) == ["accessScope"]


def test_a_node_has_no_policy(aws: Aws, who: str) -> None:
    aws.make(ENTRY, entry(who, type="EC2_LINUX"))
    text = "cannot be associated with an access entry of type EC2_LINUX"
    aws.refuses("InvalidRequestException", text, ASSOCIATION, grant(who))


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "namespace"},
        {"type": "cluster", "namespaces": ["web"]},
        {"type": "namespace", "namespaces": []},
    ],
)
def test_a_scope_names_its_namespaces(aws: Aws, who: str, scope: dict[str, Any]) -> None:
    aws.make(ENTRY, entry(who))
    aws.refuses(CODE, "namespaces of an access scope", ASSOCIATION, grant(who, accessScope=scope))
    aws.make(ASSOCIATION, grant(who, accessScope={"type": "namespace", "namespaces": ["web"]}))


def pods(role: str, **more: Any) -> dict[str, Any]:
    return {
        "clusterName": "planb",
        "namespace": "kube-system",
        "serviceAccount": "aws-node",
        "roleArn": role,
        **more,
    }


def pod_role(aws: Aws, name: str, actions: Any, service: str = "pods.eks.amazonaws.com") -> str:
    statement = {"Effect": "Allow", "Action": actions, "Principal": {"Service": service}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return aws.make(iam.ROLE, {"name": name, "assumeRolePolicy": document}, name).outputs["arn"]


@pytest.mark.usefixtures("cluster")
def test_a_pod_identity(aws: Aws) -> None:
    role = pod_role(aws, "cni", ["sts:AssumeRole", "sts:TagSession"])
    made = aws.make(POD_IDENTITY, pods(role))
    assert re.fullmatch(r"a-[a-z0-9]{17}", made.id)
    arn = f"arn:aws:eks:{REGION}:{ACCOUNT}:podidentityassociation/planb/{made.id}"
    assert (made.outputs["associationArn"], made.outputs["associationId"]) == (arn, made.id)
    text = f"Association already exists: {made.id}"
    aws.refuses("ResourceInUseException", text, POD_IDENTITY, pods(role))
    aws.make(POD_IDENTITY, pods(role, serviceAccount="other"))
    assert aws.replaced(made, serviceAccount="x", roleArn="y") == ["serviceAccount"]
    text = "No cluster found for name: none."
    aws.refuses("ResourceNotFoundException", text, POD_IDENTITY, pods(role, clusterName="none"))


@pytest.mark.usefixtures("cluster")
def test_pods_must_be_trusted(aws: Aws) -> None:
    nobody = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    aws.refuses(CODE, "Role provided in the request does not exist", POD_IDENTITY, pods(nobody))
    both = ["sts:AssumeRole", "sts:TagSession"]
    for name, actions, service in (
        ("ec2", both, "ec2.amazonaws.com"),
        ("untagged", "sts:AssumeRole", "pods.eks.amazonaws.com"),
    ):
        text = "Trust policy of the role provided is invalid. Follow the official documentation"
        aws.refuses(CODE, text, POD_IDENTITY, pods(pod_role(aws, name, actions, service)))
