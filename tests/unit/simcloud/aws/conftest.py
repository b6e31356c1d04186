"""An account in memory, and what most things stand in."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from simcloud.aws import eks, iam, network
from simcloud.kinds import Resource
from simcloud.mysql import MySQLServers
from simcloud.state import State
from tests.unit.simcloud.harness import Cloud

REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
ANYWHERE = "0.0.0.0/0"


def trust(service: str) -> str:
    """A role's trust policy for one service."""
    return policy(Effect="Allow", Action="sts:AssumeRole", Principal={"Service": service})


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@functools.cache
def client(service: str, region: str) -> Any:
    """A client of moto in this process, so inside `mock_aws` only."""
    return boto3.Session("testing", "testing", region_name=region).client(service)


class Aws(Cloud):
    """One account, seen from Seoul."""

    cloud, region, stack = "aws", REGION, "prod"

    def __init__(self, state: State) -> None:
        server = SimpleNamespace(host="127.77.3.11", port=3306)
        super().__init__(
            state,
            network={},
            mysql={
                "create": lambda *_, **__: server,
                "checked": lambda given: MySQLServers.checked(SimpleNamespace(), given),  # type: ignore[arg-type]
            },
            compute={},
            clusters={},
            aws={"client": client},
        )

    # -- what most things stand in --

    def vpc(self, block: str = "10.0.0.0/16", name: str = "vpc") -> Resource:
        return self.make(network.VPC, {"cidrBlock": block}, name)

    def subnet(self, vpc: Resource, block: str, zone: str = "a", **more: Any) -> Resource:
        given = {"vpcId": vpc.id, "cidrBlock": block, "availabilityZone": f"{REGION}{zone}", **more}
        return self.make(network.SUBNET, given, f"subnet-{block}")

    def pair(self, vpc: Resource, first: int = 1) -> list[str]:
        """Two subnets in two zones."""
        return [self.subnet(vpc, f"10.0.{first + n}.0/24", zone).id for n, zone in enumerate("ac")]

    def gateway(self, vpc: Resource) -> Resource:
        return self.make(network.IGW, {"vpcId": vpc.id}, "igw")

    def group(self, vpc: Resource, name: str = "web") -> Resource:
        return self.make(network.GROUP, {"vpcId": vpc.id, "name": name, "description": name}, name)

    def role(self, name: str, service: str) -> Resource:
        return self.make(iam.ROLE, {"name": name, "assumeRolePolicy": trust(service)}, name)

    def cluster(self, name: str = "planb", **more: Any) -> Resource:
        """An EKS cluster in two subnets of its own VPC."""
        role = self.role(f"{name}-control", "eks.amazonaws.com").outputs["arn"]
        given = {"name": name, "roleArn": role, "accessConfig": {"authenticationMode": "API"}, **more}
        return self.make(eks.CLUSTER, {**given, "vpcConfig": {"subnetIds": self.pair(self.vpc(name=name))}})

    def nodes(self, cluster: Resource, count: int = 2) -> Resource:
        """A node group of it."""
        role = self.role(f"{cluster.id}-nodes", "ec2.amazonaws.com").outputs["arn"]
        sizes = {"minSize": 0, "desiredSize": count, "maxSize": 3}
        subnets = cluster.inputs["vpcConfig"]["subnetIds"]
        given = {"clusterName": cluster.id, "nodeGroupName": "web", "nodeRoleArn": role, "subnetIds": subnets}
        return self.make(eks.NODE_GROUP, {**given, "scalingConfig": sizes})


@pytest.fixture
def aws() -> Iterator[Aws]:
    """An empty account."""
    state = State(":memory:")
    yield Aws(state)
    state.close()


@pytest.fixture
def vpc(aws: Aws) -> Resource:
    """10.0.0.0/16 in Seoul."""
    return aws.vpc()


@pytest.fixture
def secrets_manager() -> Iterator[None]:
    """Moto in this process instead of its server."""
    with mock_aws():
        yield
