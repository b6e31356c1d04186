"""An account in memory: kinds are called as the provider calls them, and the world only writes down."""

from __future__ import annotations

import copy
import functools
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from simcloud import catalog, sdktypes
from simcloud.aws import iam, network
from simcloud.kinds import FUNCTIONS, KINDS, CloudError, Context, Resource
from simcloud.mysql import MySQLServers
from simcloud.state import State

assert catalog  # importing registers the kinds

REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
ANYWHERE = "0.0.0.0/0"


def trust(service: str) -> str:
    """A role's trust policy for one service."""
    return policy(Effect="Allow", Action="sts:AssumeRole", Principal={"Service": service})


def policy(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Recorder:
    """Accepts any call and remembers it; `answers` by method name are functions."""

    def __init__(
        self, name: str, calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]], **answers: Any
    ) -> None:
        self._name, self._calls, self._answers = name, calls, answers

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls.append((f"{self._name}.{method}", args, kwargs))
            answer = self._answers.get(method)
            return answer(*args, **kwargs) if answer else None

        return call


@functools.cache
def client(service: str, region: str) -> Any:
    """A client of moto in this process, so inside `mock_aws` only."""
    return boto3.Session("testing", "testing", region_name=region).client(service)


class Aws:
    """One account, seen from Seoul."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.world: Any = SimpleNamespace(
            network=Recorder("network", self.calls),
            mysql=Recorder(
                "mysql",
                self.calls,
                create=lambda *_, **__: SimpleNamespace(host="127.77.3.11", port=3306),
                checked=lambda given: MySQLServers.checked(SimpleNamespace(), given),  # type: ignore[arg-type]
            ),
            compute=Recorder("compute", self.calls),
            clusters=Recorder("clusters", self.calls),
            aws=Recorder("aws", self.calls, client=client),
        )

    def ctx(self, name: str = "x", token: str = "t", **config: Any) -> Context:
        return Context(self.state, self.world, REGION, config, f"urn:pulumi:prod::planb::{token}::{name}")

    def called(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(args, kwargs) for called, args, kwargs in self.calls if called == name]

    def inputs(self, token: str, given: dict[str, Any], name: str) -> tuple[Context, dict[str, Any]]:
        """What Check makes of the program's inputs; the test's own inputs must pass the SDK's types."""
        shape = sdktypes.shape(token)
        assert shape, f"the SDK has no {token}"
        found = sdktypes.violations(shape, given)
        assert not found, found
        ctx = self.ctx(name, token)
        inputs = KINDS[token].autoname(ctx, copy.deepcopy(given), name, None)
        KINDS[token].check(ctx, inputs)
        return ctx, inputs

    def make(self, token: str, given: dict[str, Any], name: str = "x") -> Resource:
        """Creates it as the provider does."""
        kind = KINDS[token]
        ctx, inputs = self.inputs(token, given, name)
        kind.validate(ctx, inputs, None)
        id_ = kind.identify(ctx, inputs, name)
        assert self.state.by_id(token, id_) is None, f"a second {token} took the place of {id_}"
        region = kind.region_of(ctx, inputs)
        res = Resource(ctx.urn, token, id_, "aws", region, inputs, {}, "creating", time.time())
        self.state.put(res)
        res.outputs = dict(kind.outputs(ctx, res))
        res.outputs |= kind.create(ctx, res)
        self.state.remove(token, id_)  # the service may have chosen another id
        res.status = "ready"
        self.state.put(res)
        shape = sdktypes.shape(token)
        assert shape
        assert set(res.outputs) <= shape.outputs, f"undeclared: {set(res.outputs) - shape.outputs}"
        return res

    def change(self, res: Resource, **changes: Any) -> Resource:
        """Updates it; None takes an input away."""
        kind = KINDS[res.type]
        inputs = {k: v for k, v in {**res.inputs, **changes}.items() if v is not None}
        shape = sdktypes.shape(res.type)
        assert shape
        assert not sdktypes.violations(shape, inputs)
        ctx = Context(self.state, self.world, REGION, {}, res.urn)
        kind.validate(ctx, inputs, res)
        new = copy.deepcopy(res)
        new.inputs = inputs
        new.outputs |= kind.outputs(ctx, new)
        new.outputs |= kind.update(ctx, res, new)
        self.state.put(new)
        return new

    def delete(self, res: Resource) -> None:
        KINDS[res.type].delete(Context(self.state, self.world, REGION, {}, res.urn), res)
        self.state.remove(res.type, res.id)

    def replaced(self, res: Resource, **changes: Any) -> list[str]:
        """Which of these changes the cloud cannot make in place."""
        return KINDS[res.type].replaces(res.inputs, {**res.inputs, **changes}, sorted(changes))

    def refuses(self, code: str, text: str, token: str, given: dict[str, Any], name: str = "x") -> None:
        """Creation must fail with this code and a text that contains this."""
        before = len(self.state.all())
        with pytest.raises(CloudError) as caught:
            self.make(token, given, name)
        self.said(caught.value, code, text)
        assert len(self.state.all()) == before

    def refuses_change(self, code: str, text: str, res: Resource, **changes: Any) -> None:
        with pytest.raises(CloudError) as caught:
            self.change(res, **changes)
        self.said(caught.value, code, text)

    def refuses_delete(self, code: str, text: str, res: Resource) -> None:
        with pytest.raises(CloudError) as caught:
            self.delete(res)
        self.said(caught.value, code, text)
        assert self.state.by_id(res.type, res.id), "a refused deletion leaves the resource"

    def said(self, error: CloudError, code: str, text: str) -> None:
        assert (error.code, text in error.message) == (code, True), str(error)

    def invoke(self, token: str, **args: Any) -> dict[str, Any]:
        return FUNCTIONS[token].invoke(self.ctx(), args)

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
