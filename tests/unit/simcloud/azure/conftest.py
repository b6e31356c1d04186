"""A subscription in memory: kinds are called as the provider calls them, and the world only writes down."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import simcloud.azure
from simcloud import sdktypes
from simcloud.kinds import FUNCTIONS, KINDS, CloudError, Context, Resource
from simcloud.state import State

assert simcloud.azure.__all__  # importing registers the kinds

LOCATION = "koreacentral"
RG = "rg-blue"
TOP = f"/subscriptions/00000000-0000-4000-8000-0000000b1a4b/resourceGroups/{RG}"
NET = f"{TOP}/providers/Microsoft.Network"


class Recorder:
    """Accepts any call and remembers it; `answers` by method name are values or functions."""

    def __init__(
        self, name: str, calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]], **answers: Any
    ) -> None:
        self._name, self._calls, self._answers = name, calls, answers

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls.append((f"{self._name}.{method}", args, kwargs))
            answer = self._answers.get(method)
            return answer(*args, **kwargs) if callable(answer) else answer

        return call


class Azure:
    """One subscription."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.status: dict[str, Any] = {"state": "Running"}
        self.world: Any = SimpleNamespace(
            network=Recorder("network", self.calls),
            storage=Recorder("storage", self.calls),
            mysql=Recorder(
                "mysql",
                self.calls,
                create=lambda *_, **__: SimpleNamespace(host="127.77.3.11", port=3306),
                exists=True,
            ),
            compute=Recorder("compute", self.calls, status=lambda _: self.status),
            clusters=Recorder("clusters", self.calls, kubeconfig="apiVersion: v1\nkind: Config\n"),
        )

    def ctx(self, name: str = "x", token: str = "t", **config: Any) -> Context:
        return Context(self.state, self.world, LOCATION, config, f"urn:pulumi:dr::planb::{token}::{name}")

    def called(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(args, kwargs) for called, args, kwargs in self.calls if called == name]

    def inputs(self, token: str, given: dict[str, Any], name: str) -> tuple[Context, dict[str, Any]]:
        """What Check makes of the program's inputs; the test's own inputs must pass the SDK's types."""
        shape = sdktypes.shape(f"azure-native:{token}")
        assert shape, f"the SDK has no {token}"
        found = sdktypes.violations(shape, given)
        assert not found, found
        ctx = self.ctx(name, f"azure-native:{token}")
        return ctx, KINDS[f"azure-native:{token}"].autoname(ctx, copy.deepcopy(given), name, None)

    def make(self, token: str, given: dict[str, Any], name: str = "x") -> Resource:
        """Creates it as the provider does."""
        kind = KINDS[f"azure-native:{token}"]
        ctx, inputs = self.inputs(token, given, name)
        kind.check(ctx, inputs)
        kind.validate(ctx, inputs, None)
        res = Resource(
            ctx.urn,
            kind.type,
            kind.identify(ctx, inputs, name),
            "azure-native",
            kind.region_of(ctx, inputs),
            inputs,
            status="creating",
            created_at=time.time(),
        )
        self.state.put(res)
        res.outputs = dict(kind.outputs(ctx, res))
        res.outputs |= kind.create(ctx, res)
        res.status = "ready"
        self.state.put(res)
        shape = sdktypes.shape(kind.type)
        assert shape
        assert set(res.outputs) <= shape.outputs, f"undeclared: {set(res.outputs) - shape.outputs}"
        return res

    def change(self, res: Resource, **changes: Any) -> Resource:
        """Updates it; None takes an input away."""
        kind = KINDS[res.type]
        inputs = {k: v for k, v in {**res.inputs, **changes}.items() if v is not None}
        ctx = Context(self.state, self.world, LOCATION, {}, res.urn)
        kind.validate(ctx, inputs, res)
        new = Resource(res.urn, res.type, res.id, res.cloud, res.region, inputs, {}, "ready", res.created_at)
        new.outputs = res.outputs | kind.outputs(ctx, new) | kind.update(ctx, res, new)
        self.state.put(new)
        return new

    def delete(self, res: Resource) -> None:
        KINDS[res.type].delete(Context(self.state, self.world, LOCATION, {}, res.urn), res)
        self.state.remove(res.type, res.id)

    def refuses(self, code: str, text: str, token: str, given: dict[str, Any], name: str = "x") -> CloudError:
        """Creation must fail with this code and a text that contains this."""
        with pytest.raises(CloudError) as caught:
            self.make(token, given, name)
        self.said(caught.value, code, text)
        return caught.value

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
        return FUNCTIONS[f"azure-native:{token}"].invoke(self.ctx(), args)

    # -- the pilot light and what stands in it --

    def group(self) -> Resource:
        return self.make(
            "resources:ResourceGroup", {"resourceGroupName": RG, "location": "Korea Central"}, "rg"
        )

    def vnet(self, *, name: str = "vnet", space: str = "172.16.0.0/16", location: str = LOCATION) -> Resource:
        given = {
            "resourceGroupName": RG,
            "virtualNetworkName": name,
            "location": location,
            "addressSpace": {"addressPrefixes": [space]},
        }
        return self.make("network:VirtualNetwork", given, name)

    def subnet(
        self, name: str, prefix: str, *, delegation: str | None = None, vnet: str = "vnet", **more: Any
    ) -> Resource:
        given: dict[str, Any] = {
            "resourceGroupName": RG,
            "virtualNetworkName": vnet,
            "subnetName": name,
            "addressPrefix": prefix,
            **more,
        }
        if delegation:
            given["delegations"] = [{"name": "d", "serviceName": delegation}]
        return self.make("network:Subnet", given, name)

    def identity(self, name: str = "id-restore") -> Resource:
        given = {"resourceGroupName": RG, "resourceName": name}
        return self.make("managedidentity:UserAssignedIdentity", given, name)


@pytest.fixture
def azure() -> Iterator[Azure]:
    """An empty subscription."""
    state = State(":memory:")
    yield Azure(state)
    state.close()


@pytest.fixture
def site(azure: Azure) -> Azure:
    """A subscription with the resource group and the virtual network of the standby."""
    azure.group()
    azure.vnet()
    return azure
