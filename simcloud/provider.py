"""The gRPC resource provider that the real engine talks to: one server a package, driven by the SDK's types.

What is modelled is in KINDS; what is not is refused. Check compares inputs with the SDK's types; Create, Update
and Delete ask the kind what the cloud would refuse, wait the modelled time, make it real and remember it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, replace
from importlib import metadata
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from simcloud import sdktypes
from simcloud.faults import Clock, Faults
from simcloud.kinds import FUNCTIONS, KINDS, UNKNOWN, CloudError, Context, Kind, Properties, Resource
from simcloud.state import Operation, State
from simcloud.wire import from_struct, to_struct
from simcloud.world import World

DARK_TIMEOUT_S = 60.0  # modelled: how long a real provider tries before it says that it cannot connect
THROTTLE_ATTEMPTS = 8
DEFAULT_REGION = {"aws": "ap-northeast-2", "azure-native": "koreacentral"}


@dataclass(frozen=True)
class Cloud:
    """What all servers share."""

    state: State
    world: World
    faults: Faults
    clock: Clock


class HalfMade(Exception):
    """A failed creation on its way to the engine; `resource` is what exists nevertheless."""

    def __init__(self, message: str, resource: Resource) -> None:
        super().__init__(message)
        self.resource = resource


class ProviderServer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one package to any number of provider instances, told apart by their connection."""

    def __init__(self, package: str, cloud: Cloud) -> None:
        self.package = package
        self.cloud = cloud
        self._config: dict[str, Properties] = {}

    # -- the plugin's own life --

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(
            version=metadata.version(sdktypes.PACKAGES[self.package].replace("_", "-"))
        )

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        changed = from_struct(request.old_inputs) != from_struct(request.news)
        kind: Any = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._config[context.peer()] = {
            key: _parsed(value) for key, value in from_struct(request.args).items()
        }
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=True)

    def config_of(self, context: grpc.ServicerContext) -> Properties:
        return self._config.get(context.peer(), {})

    # -- resources --

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        token, name = _token(request.urn), _name(request.urn)
        kind, shape = self.kind(token), self.shape(token)
        if kind is None or shape is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"simcloud does not model {token}")
        ctx = self.context(request.urn, context)
        inputs = from_struct(request.news)
        found = sdktypes.violations(shape, inputs)
        if found:
            failures = [
                provider_pb2.CheckFailure(property=v.path, reason=f"{v.path}: {v.reason}") for v in found
            ]
            return provider_pb2.CheckResponse(failures=failures)
        try:
            inputs = kind.autoname(ctx, inputs, name, from_struct(request.olds) or None)
            kind.check(ctx, inputs)
        except CloudError as error:
            return provider_pb2.CheckResponse(failures=[provider_pb2.CheckFailure(reason=str(error))])
        return provider_pb2.CheckResponse(inputs=to_struct(inputs, request.news))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self.must(request.urn, context)
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        ignored = set(request.ignoreChanges)
        changed = [k for k in sorted({*old, *new}) if old.get(k) != new.get(k) and k not in ignored]
        replaces = kind.replaces(old, new, changed)
        detail: Any = provider_pb2.PropertyDiff
        kinds = {
            key: detail(
                kind={
                    (True, False): detail.ADD,
                    (False, True): detail.DELETE,
                }.get((key not in old, key not in new), detail.UPDATE)
                + (1 if key in replaces else 0),
                inputDiff=True,
            )
            for key in changed
        }
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and kind.delete_before_replace,
            detailedDiff=kinds,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self.must(request.urn, context)
        inputs = from_struct(request.properties)
        if request.preview:
            seen = self._previewed(request.urn, inputs, {})
            return provider_pb2.CreateResponse(properties=to_struct(seen, request.properties))
        ctx = self.context(request.urn, context)
        given = request.properties
        try:
            resource = self._run(
                context, "create", kind, ctx, inputs, lambda: self._create(kind, ctx, inputs)
            )
        except HalfMade as failure:
            self._abort_half_made(context, failure, given)
        return provider_pb2.CreateResponse(
            id=resource.id, properties=to_struct(self._state_of(resource), given)
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self.must(request.urn, context)
        inputs, olds = from_struct(request.news), from_struct(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(
                properties=to_struct(self._previewed(request.urn, inputs, olds), request.olds, request.news)
            )
        ctx = self.context(request.urn, context)
        resource = self._run(
            context, "update", kind, ctx, inputs, lambda: self._update(kind, ctx, request.id, inputs)
        )
        return provider_pb2.UpdateResponse(properties=to_struct(self._state_of(resource), request.news))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self.must(request.urn, context)
        ctx = self.context(request.urn, context)
        olds = from_struct(request.old_inputs)

        def act() -> Resource | None:
            resource = kind.lookup(ctx, request.id)
            if resource is None:
                return None  # gone already: that is what was asked for
            ctx.state.put(replace(resource, status="deleting"))
            try:
                kind.delete(ctx, resource)
                self.cloud.clock.sleep(self.cloud.clock.modelled(self._delete_row(kind)))
            except BaseException:
                ctx.state.put(resource)
                raise
            ctx.state.remove(kind.type, request.id, resource.home)
            return resource

        self._run(context, "delete", kind, ctx, olds, act)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        kind = self.must(request.urn, context)
        ctx = self.context(request.urn, context)
        resource = kind.lookup(ctx, request.id)
        if resource is None:
            return provider_pb2.ReadResponse()

        def act() -> Properties | None:
            return kind.read(ctx, resource)

        outputs = self._run(context, "read", kind, ctx, resource.inputs, act)
        if outputs is None:
            return provider_pb2.ReadResponse()
        seen = replace(resource, outputs=outputs)
        # Only what changed behind the engine's back: an output carries more than the program wrote (ids, states).
        before = resource.outputs
        inputs = {
            key: outputs[key] if key in outputs and outputs[key] != before.get(key) else value
            for key, value in resource.inputs.items()
        }
        secret = (request.inputs, request.properties)
        return provider_pb2.ReadResponse(
            id=request.id,
            inputs=to_struct(inputs, *secret),
            properties=to_struct(self._state_of(seen), *secret),
        )

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        function = FUNCTIONS.get(request.tok)
        if function is None:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"simcloud does not model the function {request.tok}"
            )
        try:
            answer = function.invoke(self.context("", context), from_struct(request.args))
        except CloudError as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"invoking {request.tok}: {error}")
        getattr(answer, "pop", lambda *_: None)("__type", None)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(to_struct(answer))
        return response

    # -- what stands behind them --

    def kind(self, token: str) -> Kind | None:
        return KINDS.get(token)

    def shape(self, token: str) -> sdktypes.Shape | None:
        return sdktypes.shape(token)

    def must(self, urn: str, context: grpc.ServicerContext) -> Kind:
        kind = self.kind(_token(urn))
        if kind is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"simcloud does not model {_token(urn)}")
        return kind

    def context(self, urn: str, context: grpc.ServicerContext) -> Context:
        config = self.config_of(context)
        region = str(config.get("region") or config.get("location") or DEFAULT_REGION.get(self.package, ""))
        return Context(self.cloud.state, self.cloud.world, region, config, urn)

    def _run(
        self,
        context: grpc.ServicerContext,
        op: str,
        kind: Kind,
        ctx: Context,
        inputs: Properties,
        act: Callable[[], Any],
    ) -> Any:
        """One call: darkness, faults, retries of throttling; records it; failures in the cloud's words."""
        clock, region = self.cloud.clock, kind.region_of(ctx, inputs)
        row = kind.latency_of(inputs) if op == "create" else self._row(kind, op)
        started, error = time.time(), None
        try:
            if ctx.world.network.is_dark(region):
                time.sleep(max(1.0, DARK_TIMEOUT_S / clock.speed))
                if ctx.world.network.is_dark(region):
                    raise CloudError("RequestError", f"send request failed: dial tcp: {region}: i/o timeout")
            attempts = Retrying(
                retry=retry_if_exception(lambda e: isinstance(e, CloudError) and e.retryable),
                stop=stop_after_attempt(THROTTLE_ATTEMPTS),
                wait=wait_exponential_jitter(
                    multiplier=1 / clock.speed, max=20 / clock.speed, jitter=1 / clock.speed
                ),
                reraise=True,
            )
            for attempt in attempts:
                with attempt:
                    self.cloud.faults.before_call(self.package, kind.type, op)
            return act()
        except CloudError as problem:
            error = str(problem)
            context.abort(grpc.StatusCode.UNKNOWN, f"{_verb(op)} {_name(ctx.urn)}: {error}")
        except HalfMade as problem:
            error = str(problem)
            raise
        finally:
            if op != "read":
                self.cloud.state.record(
                    Operation(
                        ctx.urn, kind.type, op, region, started, time.time(), clock.modelled(row), error
                    )
                )

    def _create(self, kind: Kind, ctx: Context, inputs: Properties) -> Resource:
        clock, state = self.cloud.clock, self.cloud.state
        with state.exclusive():
            kind.validate(ctx, inputs, None)
            resource = Resource(
                urn=ctx.urn,
                type=kind.type,
                id=kind.identify(ctx, inputs, _name(ctx.urn)),
                cloud=self.package,
                region=kind.region_of(ctx, inputs),
                inputs=inputs,
                status="creating",
                created_at=time.time(),
                home=kind.home_of(ctx),
            )
            state.put(resource)
        try:
            wait = clock.modelled(kind.latency_of(inputs))
            if self.cloud.faults.fails_halfway(kind.type):
                clock.sleep(wait / 2)
                resource.outputs = {**dict(kind.defaults), **kind.outputs(ctx, resource)}
                resource.status = "failed"
                state.put(resource)
                raise HalfMade(
                    f"creating {_name(ctx.urn)}: the operation failed half-way: InternalError", resource
                )
            clock.sleep(wait)
            resource.outputs = {**dict(kind.defaults), **kind.outputs(ctx, resource)}
            before = resource.id
            resource.outputs |= kind.create(ctx, resource)
            if resource.id != before:  # the service chose the id
                state.remove(kind.type, before, resource.home)
        except HalfMade:
            raise
        except BaseException:
            state.remove(kind.type, resource.id, resource.home)
            raise
        resource.status = "ready"
        state.put(resource)
        return resource

    def _update(self, kind: Kind, ctx: Context, id_: str, inputs: Properties) -> Resource:
        clock, state = self.cloud.clock, self.cloud.state
        old = kind.lookup(ctx, id_)
        if old is None:
            raise CloudError("NotFound", f"{kind.type} {id_} does not exist")
        kind.validate(ctx, inputs, old)
        clock.sleep(clock.modelled(self._row(kind, "update")))
        new = replace(old, inputs=inputs, outputs=dict(old.outputs))
        new.outputs |= kind.outputs(ctx, new)
        # A half-made resource is made by the next update: to the cloud both are one PUT.
        half = old.status == "failed"
        new.outputs |= kind.create(ctx, new) if half else kind.update(ctx, old, new)
        new.id = id_  # the engine knows it by this one, whatever the service would choose now
        new.status = "ready"
        state.put(new)
        return new

    def _row(self, kind: Kind, op: str) -> str | None:
        if op == "delete":
            return self._delete_row(kind)
        return kind.update_latency if op == "update" else kind.latency

    def _delete_row(self, kind: Kind) -> str | None:
        return kind.delete_latency

    def _previewed(self, urn: str, inputs: Properties, olds: Properties) -> Properties:
        """Inputs as they are, old outputs while they stay valid, the rest unknown."""
        shape = self.shape(_token(urn))
        outputs = shape.outputs if shape else frozenset()
        unknown = {name: olds.get(name, UNKNOWN) for name in outputs}
        kind = self.kind(_token(urn))
        opaque = kind.opaque if kind else frozenset[str]()
        seen = {**unknown, **{key: value for key, value in inputs.items() if key not in opaque}}
        for path in kind.computed if kind else ():
            parent, _, leaf = path.partition(".")
            before, given = olds.get(parent), seen.get(parent)
            if isinstance(given, dict) and leaf not in given:
                kept = before.get(leaf, UNKNOWN) if isinstance(before, dict) else UNKNOWN
                seen[parent] = {**given, leaf: kept}
        return seen

    def _state_of(self, resource: Resource) -> Properties:
        """What the engine keeps: inputs, computed outputs over them, and nothing that the SDK does not declare."""
        shape = self.shape(resource.type)
        declared = shape.outputs if shape else frozenset(resource.outputs)
        undeclared = set(resource.outputs) - declared
        if undeclared:
            raise AssertionError(f"{resource.type} has no output {', '.join(sorted(undeclared))}")
        return {**resource.inputs, **{k: v for k, v in resource.outputs.items() if v is not None}}

    def _abort_half_made(self, context: grpc.ServicerContext, failure: HalfMade, given: Any) -> NoReturn:
        resource, message = failure.resource, str(failure)
        init = provider_pb2.ErrorResourceInitFailed(
            id=resource.id,
            properties=to_struct(self._state_of(resource), given),
            inputs=to_struct(resource.inputs, given),
            reasons=[message],
        )
        packed = any_pb2.Any()
        packed.Pack(init)
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message, details=[packed])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, message)


def serve(servicer: ProviderServer) -> tuple[grpc.Server, int]:
    """Starts it on a free loopback port. The engine calls in parallel and calls sleep, hence the many threads."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=160),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _parsed(value: Any) -> Any:
    """Provider configuration comes with objects as JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _verb(op: str) -> str:
    return {"create": "creating", "update": "updating", "delete": "deleting", "read": "reading"}[op]
