"""Remote components (the engine's Construct): Python components of ours that register ordinary children.

The Pulumi runtime keeps its settings in globals, so Constructs run one after the other, each in an event loop of
its own. Children go to the engine's monitor and come back to our providers like any resource.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import grpc
import pulumi
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer

Build = Callable[[str, dict[str, Any], pulumi.ResourceOptions], ConstructResult]
_ONE_AT_A_TIME = threading.Lock()


class _Components(Provider):
    def __init__(self, build: dict[str, Build]) -> None:
        super().__init__("0.0.0")
        self._build = build

    def construct(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        if resource_type not in self._build:
            raise ValueError(f"simcloud does not model the component {resource_type}")
        return self._build[resource_type](name, dict(inputs), options or pulumi.ResourceOptions())


class _Context:
    """What the SDK's servicer wants of an asynchronous gRPC context."""

    async def abort_with_status(self, status: Any) -> None:
        raise ValueError(status.details)


def run(build: dict[str, Build], request: Any, engine: str, context: grpc.ServicerContext) -> Any:
    """Serves one Construct; an error becomes the call's status, in one line."""

    async def call() -> Any:
        servicer = ProviderServicer(_Components(build), [], engine)
        return await servicer.Construct(request, cast("Any", _Context()))

    try:
        with _ONE_AT_A_TIME:
            return asyncio.run(call())
    except Exception as error:  # noqa: BLE001 - whatever it is, the engine must hear it
        text = str(error).strip().splitlines()
        context.abort(grpc.StatusCode.UNKNOWN, text[0] if text else type(error).__name__)
