"""A cloud in memory: kinds are called as the provider calls them, and the world only writes down."""

from __future__ import annotations

import copy
import time
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from simcloud import catalog, sdktypes
from simcloud.kinds import FUNCTIONS, KINDS, CloudError, Context, Resource
from simcloud.state import State

assert catalog  # importing registers the kinds

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


class Recorder:
    """Accepts any call and remembers it; `answers` by method name are values or functions."""

    def __init__(self, name: str, calls: list[Call], **answers: Any) -> None:
        self._name, self._calls, self._answers = name, calls, answers

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls.append((f"{self._name}.{method}", args, kwargs))
            answer = self._answers.get(method)
            return answer(*args, **kwargs) if callable(answer) else answer

        return call


class Cloud:
    """One account or subscription; `prefix` goes before the tokens that a test names."""

    cloud: ClassVar[str]
    region: ClassVar[str]
    stack: ClassVar[str]
    prefix: ClassVar[str] = ""

    def __init__(self, state: State, **answers: dict[str, Any]) -> None:
        """`answers` by part of the world, then by method."""
        self.state = state
        self.calls: list[Call] = []
        self.world: Any = SimpleNamespace(
            **{part: Recorder(part, self.calls, **methods) for part, methods in answers.items()}
        )

    def ctx(self, name: str = "x", token: str = "t", **config: Any) -> Context:
        return Context(
            self.state, self.world, self.region, config, f"urn:pulumi:{self.stack}::planb::{token}::{name}"
        )

    def called(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(args, kwargs) for called, args, kwargs in self.calls if called == name]

    def inputs(self, token: str, given: dict[str, Any], name: str) -> tuple[Context, dict[str, Any]]:
        """What Check makes of the program's inputs; the test's own inputs must pass the SDK's types."""
        token = self.prefix + token
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
        ctx, inputs = self.inputs(token, given, name)
        token = self.prefix + token
        kind = KINDS[token]
        kind.validate(ctx, inputs, None)
        id_ = kind.identify(ctx, inputs, name)
        assert self.state.by_id(token, id_) is None, f"a second {token} took the place of {id_}"
        region = kind.region_of(ctx, inputs)
        res = Resource(ctx.urn, token, id_, self.cloud, region, inputs, {}, "creating", time.time())
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
        ctx = Context(self.state, self.world, self.region, {}, res.urn)
        kind.validate(ctx, inputs, res)
        new = copy.deepcopy(res)
        new.inputs = inputs
        new.outputs |= kind.outputs(ctx, new)
        new.outputs |= kind.update(ctx, res, new)
        self.state.put(new)
        return new

    def delete(self, res: Resource) -> None:
        KINDS[res.type].delete(Context(self.state, self.world, self.region, {}, res.urn), res)
        self.state.remove(res.type, res.id)

    def replaced(self, res: Resource, **changes: Any) -> list[str]:
        """Which of these changes the cloud cannot make in place."""
        return KINDS[res.type].replaces(res.inputs, {**res.inputs, **changes}, sorted(changes))

    def refuses(self, code: str, text: str, token: str, given: dict[str, Any], name: str = "x") -> CloudError:
        """Creation must fail with this code and a text that contains this."""
        before = len(self.state.all())
        with pytest.raises(CloudError) as caught:
            self.make(token, given, name)
        self.said(caught.value, code, text)
        assert len(self.state.all()) == before
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
        return FUNCTIONS[self.prefix + token].invoke(self.ctx(), args)
