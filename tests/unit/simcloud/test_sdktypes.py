"""The SDKs' own types decide what a resource accepts."""

from __future__ import annotations

from typing import Any

import pytest

from simcloud import sdktypes
from simcloud.kinds import UNKNOWN

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
ACCOUNT = "azure-native:storage:StorageAccount"
TARGETS = "aws:lb/targetGroup:TargetGroup"
STORAGE = {"resourceGroupName": "rg", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


def found(token: str, given: dict[str, Any]) -> dict[str, str]:
    shape = sdktypes.shape(token)
    assert shape
    return {violation.path: violation.reason for violation in sdktypes.violations(shape, given)}


def test_a_shape_has_wire_names() -> None:
    shape = sdktypes.shape("aws:ec2/subnet:Subnet")
    assert shape
    assert shape.required == {"vpcId"}
    assert {"vpcId", "mapPublicIpOnLaunch"} <= set(shape.inputs)
    assert {"arn", "ownerId", "cidrBlock"} <= shape.outputs
    assert "arn" not in shape.inputs


def test_a_resource_whose_plain_args_are_a_nested_type() -> None:
    shape = sdktypes.shape("azure-native:network:Subnet")
    assert shape
    assert shape.required == {"resourceGroupName", "virtualNetworkName"}


def test_what_the_sdk_does_not_have() -> None:
    assert sdktypes.shape("aws:ec2/vpc:Vcp") is None
    assert sdktypes.shape("aws:none/vpc:Vpc") is None


def test_required_ones_at_every_depth() -> None:
    missing = "Missing required argument"
    assert found(DISTRIBUTION, {"origins": [{"originId": "x"}]}) == {
        "origins[0].domainName": missing,
        "defaultCacheBehavior": missing,
        "enabled": missing,
        "restrictions": missing,
        "viewerCertificate": missing,
    }
    assert "vpcId" in found("aws:ec2/subnet:Subnet", {"vpcId": None})


@pytest.mark.parametrize(
    ("given", "path", "reason"),
    [
        ({"healthCheck": {"pathh": "/"}}, "healthCheck.pathh", "Unsupported argument; did you mean 'path'?"),
        ({"zzz": 1}, "zzz", "Unsupported argument"),
        ({"vpc_id": "vpc-1"}, "vpc_id", "Unsupported argument; did you mean 'vpcId'?"),
        ({"healthCheck": {"interval": "x"}}, "healthCheck.interval", "expected int, got 'x'"),
        ({"port": 1.5}, "port", "expected int, got 1.5"),
        ({"port": True}, "port", "expected int, got True"),
        ({"name": 1}, "name", "expected str, got 1"),
        ({"tags": [1]}, "tags", "expected a map, got a list"),
        ({"tags": {"a": 1}}, "tags.a", "expected str, got 1"),
        ({"stickiness": []}, "stickiness", "expected an object (TargetGroupStickinessArgs), got a list"),
    ],
)
def test_violations(given: dict[str, Any], path: str, reason: str) -> None:
    assert found(TARGETS, given) == {path: reason}


def test_enums() -> None:
    assert found(ACCOUNT, STORAGE) == {}
    assert found(ACCOUNT, {**STORAGE, "accessTier": "Cool"}) == {}
    wrong = found(ACCOUNT, {**STORAGE, "accessTier": "Warm"})
    assert wrong == {"accessTier": "expected one of ['Hot', 'Cool', 'Premium', 'Cold'], got 'Warm'"}


def test_whole_floats_unknowns_and_nulls_pass() -> None:
    given = {"port": 80.0, "name": UNKNOWN, "vpcId": None, "healthCheck": {"path": UNKNOWN}, "tags": UNKNOWN}
    assert found(TARGETS, given) == {}
    assert found("aws:ec2/subnet:Subnet", {"vpcId": UNKNOWN}) == {}
