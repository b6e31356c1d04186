"""The `kubernetes` provider: objects by server-side apply, awaited as the real provider awaits them.

Which cluster is meant follows from the provider instance's kubeconfig. `kustomize.v2.Directory` runs the real
kustomize and registers what it renders.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import grpc
import pulumi
import yaml
from google.protobuf import empty_pb2
from pulumi.provider import ConstructResult

from simcloud import construct, sdktypes
from simcloud.clusters import CLUSTER_WIDE, ObjectStore
from simcloud.kinds import UNKNOWN, CloudError, Context, Kind, Properties, Resource
from simcloud.provider import Cloud, ProviderServer

AWAIT_S = 600.0  # the real provider's default
RELEASE = "kubernetes:helm.sh/v3:Release"
DIRECTORY = "kubernetes:kustomize/v2:Directory"


class KubernetesServer(ProviderServer):
    """Every object type goes through one kind; the API server decides what it knows."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__("kubernetes", cloud)
        self._engine = ""

    def kind(self, token: str) -> Kind | None:
        if token == RELEASE:
            return _ReleaseKind()
        return ObjectKind(token)

    def shape(self, token: str) -> sdktypes.Shape | None:
        known = sdktypes.shape(token)
        if known is not None:
            return known
        names = {"apiVersion": str, "kind": str, "metadata": Any, "spec": Any, "data": Any, "status": Any}
        return sdktypes.Shape(token, names, frozenset({"apiVersion", "kind"}), frozenset(names), object)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._engine = request.address
        return empty_pb2.Empty()

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        return construct.run({DIRECTORY: directory}, request, self._engine, context)


def server_of(ctx: Context) -> str:
    """The API server that the provider's kubeconfig names; empty when it names none."""
    config = ctx.provider_config.get("kubeconfig")
    parsed: Any = yaml.safe_load(config) if isinstance(config, str) else config
    try:
        return str(parsed["clusters"][0]["cluster"]["server"])
    except (TypeError, KeyError, IndexError):
        return ""


def store_of(ctx: Context) -> tuple[str, ObjectStore]:
    """The cluster that the provider's kubeconfig points at; CloudError when there is none."""
    server = server_of(ctx)
    if not server:
        raise CloudError("InvalidConfiguration", "no configuration has been provided: kubeconfig is empty")
    cluster_id = ctx.world.clusters.of(server)
    if cluster_id is None:
        raise CloudError(
            "Unreachable", f"unable to connect to the server: dial tcp: lookup {server}: no such host"
        )
    return cluster_id, ctx.world.clusters.store(cluster_id)


class ObjectKind(Kind):
    """Any Kubernetes object."""

    def __init__(self, token: str) -> None:
        self.type = token  # type: ignore[misc]
        self.latency = "instant"  # type: ignore[misc]
        self.delete_latency = "instant"  # type: ignore[misc]

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        meta = dict(inputs.get("metadata") or {})
        if meta.get("name") is None:
            before = (old or {}).get("metadata") or {}
            meta["name"] = before.get("name") or f"{name}-{secrets.token_hex(4)}"
        if f"{inputs.get('apiVersion')}/{inputs.get('kind')}" not in CLUSTER_WIDE and "namespace" not in meta:
            meta["namespace"] = "default"
        return {**inputs, "metadata": meta}

    def check(self, ctx: Context, inputs: Properties) -> None:
        meta = inputs["metadata"]
        if meta.get("name") is not UNKNOWN and "/" in str(meta["name"]):
            raise CloudError("Invalid", f"metadata.name: Invalid value: {meta['name']!r}")

    def replaces(self, old: Properties, new: Properties, changed: list[str]) -> list[str]:
        before, after = old.get("metadata") or {}, new.get("metadata") or {}
        moved = [key for key in ("name", "namespace") if before.get(key) != after.get(key)]
        found = ["metadata"] if moved and "metadata" in changed else []
        immutable = self.type.endswith(":Deployment") and "spec" in changed
        if immutable and old["spec"].get("selector") != new["spec"].get("selector"):
            found.append("spec")
        return found

    def home_of(self, ctx: Context) -> str:
        return server_of(ctx)  # both sites have a `was/was`

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        try:
            return ctx.world.clusters.region(store_of(ctx)[0])
        except CloudError:
            return ""  # said by the call itself

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        _, store = store_of(ctx)
        store.check(inputs)
        meta = inputs["metadata"]
        if old is None and store.get(
            inputs["apiVersion"], inputs["kind"], meta.get("namespace", ""), meta["name"]
        ):
            raise CloudError("AlreadyExists", f'{inputs["kind"].lower()}s "{meta["name"]}" already exists')

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        meta = inputs["metadata"]
        return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])

    def create(self, ctx: Context, res: Resource) -> Properties:
        return self._apply(ctx, res)

    def update(self, ctx: Context, old: Resource, res: Resource) -> Properties:
        return self._apply(ctx, res)

    def _apply(self, ctx: Context, res: Resource) -> Properties:
        cluster_id, store = store_of(ctx)
        stored = store.apply(res.inputs)
        if res.type.endswith(":Deployment"):
            _await_deployment(ctx, cluster_id, stored)
        return {"metadata": stored["metadata"]}

    def delete(self, ctx: Context, res: Resource) -> None:
        try:
            _, store = store_of(ctx)
        except CloudError as error:
            if error.code == "Unreachable":
                return  # the cluster is gone, and its objects with it
            raise
        meta = res.inputs["metadata"]
        store.delete(res.inputs["apiVersion"], res.inputs["kind"], meta.get("namespace", ""), meta["name"])

    def read(self, ctx: Context, res: Resource) -> Properties | None:
        _, store = store_of(ctx)
        meta = res.inputs["metadata"]
        found = store.get(
            res.inputs["apiVersion"], res.inputs["kind"], meta.get("namespace", ""), meta["name"]
        )
        return {**res.outputs, "metadata": found["metadata"]} if found else None


class _ReleaseKind(Kind):
    """A Helm release: it brings its custom kinds. The chart itself cannot be downloaded here and is not rendered."""

    type = RELEASE
    latency = "helm_release"
    delete_latency = "delete_fast"
    replace_on = frozenset({"name", "namespace"})

    def autoname(
        self, ctx: Context, inputs: Properties, name: str, old: Properties | None = None
    ) -> Properties:
        filled = {"namespace": "default", **inputs}
        if filled.get("name") is None:
            filled["name"] = (old or {}).get("name") or f"{name}-{secrets.token_hex(4)}"
        return filled

    def home_of(self, ctx: Context) -> str:
        return server_of(ctx)

    def region_of(self, ctx: Context, inputs: Properties) -> str:
        return ObjectKind(RELEASE).region_of(ctx, inputs)

    def validate(self, ctx: Context, inputs: Properties, old: Resource | None) -> None:
        if not ctx.world.clusters.node_labels(store_of(ctx)[0]):
            raise CloudError("DeadlineExceeded", "timed out waiting for the condition: 0 nodes are available")

    def identify(self, ctx: Context, inputs: Properties, name: str) -> str:
        return f"{inputs['namespace']}/{inputs['name']}"

    def create(self, ctx: Context, res: Resource) -> Properties:
        _, store = store_of(ctx)
        store.install_release(str(res.inputs["chart"]), str(res.inputs["name"]))
        return {
            "status": {
                "chart": res.inputs["chart"],
                "name": res.inputs["name"],
                "namespace": res.inputs["namespace"],
                "revision": 1,
                "status": "deployed",
                "version": res.inputs.get("version"),
            }
        }

    def delete(self, ctx: Context, res: Resource) -> None:
        try:
            store_of(ctx)[1].remove_release(str(res.inputs["name"]))
        except CloudError as error:
            if error.code != "Unreachable":
                raise


def _await_deployment(ctx: Context, cluster_id: str, stored: dict[str, Any]) -> None:
    notes = stored["metadata"].get("annotations") or {}
    if notes.get("pulumi.com/skipAwait") == "true":
        return
    limit = float(notes.get("pulumi.com/timeoutSeconds", AWAIT_S))
    deadline = time.monotonic() + limit
    meta = stored["metadata"]
    why = ""
    while time.monotonic() < deadline:
        ready, why = ctx.world.clusters.ready(cluster_id, meta.get("namespace", "default"), meta["name"])
        if ready:
            return
        if ctx.world.network.is_dark(ctx.world.clusters.region(cluster_id)):
            why = "the API server cannot be reached"
            break
        time.sleep(0.25)
    raise CloudError(
        "Timeout",
        f'resource "{meta.get("namespace")}/{meta["name"]}" was not successfully created by the Kubernetes API server: '
        f"Minimum number of live Pods was not attained: {why}",
    )


class _Directory(pulumi.ComponentResource):
    """What `kustomize build` renders, one child an object, named as the real component names them."""

    def __init__(self, name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__(DIRECTORY, name, {}, opts)
        rendered = render(str(inputs["directory"]))
        children: list[pulumi.Resource] = []
        namespaces = [o for o in rendered if o["kind"] == "Namespace"]
        others = [o for o in rendered if o["kind"] != "Namespace"]
        first: list[pulumi.Resource] = []
        for obj in [*namespaces, *others]:
            meta = obj["metadata"]
            if inputs.get("namespace") and obj["kind"] != "Namespace":
                meta.setdefault("namespace", inputs["namespace"])
            if inputs.get("skipAwait"):
                meta.setdefault("annotations", {})["pulumi.com/skipAwait"] = "true"
            own = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
            prefix = str(inputs.get("resourcePrefix") or name)
            options = pulumi.ResourceOptions(
                parent=self, depends_on=first if obj["kind"] != "Namespace" else None
            )
            group = obj["apiVersion"] if "/" in obj["apiVersion"] else f"core/{obj['apiVersion']}"
            child = pulumi.CustomResource(
                f"kubernetes:{group}:{obj['kind']}", f"{prefix}:{own}", obj, options
            )
            children.append(child)
            if obj["kind"] == "Namespace":
                first.append(child)
        self.children = children
        self.register_outputs({"resources": children})


def directory(name: str, inputs: dict[str, Any], opts: pulumi.ResourceOptions) -> ConstructResult:
    component = _Directory(name, inputs, opts)
    return ConstructResult(urn=component.urn, state={"resources": component.children})


def render(folder: str) -> list[dict[str, Any]]:
    """The objects of a kustomization, by the real kustomize; ValueError with its message."""
    program = shutil.which("kustomize")
    if program is None:
        raise ValueError("no kustomize on PATH: run make setup")
    if not Path(folder).is_dir():
        raise ValueError(f"kustomize: {folder} is no directory")
    result = subprocess.run([program, "build", folder], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ValueError(f"kustomize build {folder}: {result.stderr.strip()}")
    return [obj for obj in yaml.safe_load_all(result.stdout) if obj]
