"""Kubernetes objects of each simulated cluster, and the pods that answer for them.

`ClusterStore` is the interface that a real API server will take over; `ObjectStore` keeps objects in the state.
Readiness is honest as far as it goes: a Deployment is ready when nodes that fit its nodeSelector exist and, for
the application itself, when it answers its health check from its database.
"""

from __future__ import annotations

import base64
import threading
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import yaml

from simcloud.kinds import CloudError, Resource
from simcloud.network import Network
from simcloud.state import State

Object = dict[str, Any]
_CLUSTERS = "clusters"
BUILT_IN_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
NAMESPACED = {
    "v1/Secret", "v1/ConfigMap", "v1/Service", "v1/ServiceAccount", "apps/v1/Deployment",
    "policy/v1/PodDisruptionBudget", "autoscaling/v2/HorizontalPodAutoscaler", "networking.k8s.io/v1/NetworkPolicy",
    "elbv2.k8s.aws/v1beta1/TargetGroupBinding", "rbac.authorization.k8s.io/v1/Role",
    "rbac.authorization.k8s.io/v1/RoleBinding",
}  # fmt: skip
CLUSTER_WIDE = {"v1/Namespace", "rbac.authorization.k8s.io/v1/ClusterRole"}
CRDS = {"elbv2.k8s.aws/v1beta1/TargetGroupBinding": "aws-load-balancer-controller"}
"""Custom kinds, and the chart that brings them."""


class ClusterStore(Protocol):
    """What the kubernetes provider and the data planes need of an API server."""

    def apply(self, obj: Object) -> Object: ...
    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None: ...
    def list(self, api_version: str, kind: str, namespace: str | None = None) -> list[Object]: ...
    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None: ...


class Workload(Protocol):
    """A running application of one cluster."""

    def healthy(self) -> bool: ...
    def handle(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]: ...
    def stop(self) -> None: ...


StartWorkload = Callable[[dict[str, str], str], Workload]
"""(environment of the container, site name) → the running application."""


class ObjectStore:
    """One cluster's objects in the state, with the API server's own refusals."""

    def __init__(self, state: State, cluster_id: str) -> None:
        self._state, self.cluster_id = state, cluster_id
        self._scope = f"k8s:{cluster_id}"

    def apply(self, obj: Object) -> Object:
        """Creates or replaces; returns the object with its server-side metadata."""
        self.check(obj)
        meta = obj["metadata"]
        key = _key(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])
        old = self._state.kv_get(self._scope, key)
        server = (old or {}).get("metadata", {})
        stored = {
            **obj,
            "metadata": {
                **meta,
                "uid": server.get("uid") or str(uuid.uuid4()),
                "resourceVersion": str(int(server.get("resourceVersion", "0")) + 1),
                "generation": int(server.get("generation", 0)) + 1,
            },
        }
        self._state.kv_put(self._scope, key, stored)
        return stored

    def check(self, obj: Object) -> None:
        """Structure, kind and namespace, refused in the API server's words."""
        kind = f"{obj.get('apiVersion')}/{obj.get('kind')}"
        meta = obj.get("metadata") or {}
        if kind not in NAMESPACED | CLUSTER_WIDE or (kind in CRDS and not self._has_release(CRDS[kind])):
            group = str(obj.get("apiVersion"))
            raise CloudError(
                "NoKindMatch",
                f'no matches for kind "{obj.get("kind")}" in version "{group}"; are its CRDs installed?',
            )
        if not meta.get("name"):
            raise CloudError("Invalid", f'{obj["kind"]} "" is invalid: metadata.name: Required value')
        if kind in NAMESPACED:
            namespace = str(meta.get("namespace") or "default")
            if namespace not in BUILT_IN_NAMESPACES and not self.get("v1", "Namespace", "", namespace):
                raise CloudError("NotFound", f'namespaces "{namespace}" not found')
        if kind == "apps/v1/Deployment":
            _check_deployment(obj)

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        return self._state.kv_get(self._scope, _key(api_version, kind, namespace, name))

    def list(self, api_version: str, kind: str, namespace: str | None = None) -> list[Object]:
        prefix = f"{api_version}/{kind}|"
        return [
            value
            for key, value in self._state.kv_items(self._scope).items()
            if key.startswith(prefix) and namespace in (None, value["metadata"].get("namespace", ""))
        ]

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        self._state.kv_delete(self._scope, _key(api_version, kind, namespace, name))
        if kind == "Namespace":  # its contents go with it
            for key, value in self._state.kv_items(self._scope).items():
                if value["metadata"].get("namespace") == name:
                    self._state.kv_delete(self._scope, key)

    def install_release(self, chart: str, name: str) -> None:
        self._state.kv_put(f"helm:{self.cluster_id}", name, chart)

    def remove_release(self, name: str) -> None:
        self._state.kv_delete(f"helm:{self.cluster_id}", name)

    def clear(self) -> None:
        for scope in (self._scope, f"helm:{self.cluster_id}"):
            for key in self._state.kv_items(scope):
                self._state.kv_delete(scope, key)

    def _has_release(self, chart: str) -> bool:
        return chart in self._state.kv_items(f"helm:{self.cluster_id}").values()


class Clusters:
    """All clusters of one simulation and their running applications; thread-safe."""

    def __init__(self, state: State, network: Network, start: StartWorkload) -> None:
        self._state, self._network, self._start = state, network, start
        self._lock = threading.RLock()
        self._running: dict[str, tuple[str, Workload]] = {}

    def create(self, cluster_id: str, *, region: str, version: str, server: str) -> None:
        record = {"region": region, "version": version, "server": server}
        self._state.kv_put(_CLUSTERS, cluster_id, record)

    def delete(self, cluster_id: str) -> None:
        self.store(cluster_id).clear()
        self._state.kv_delete(_CLUSTERS, cluster_id)
        self._stop(cluster_id)

    def ids(self, region: str | None = None) -> list[str]:
        clusters = self._state.kv_items(_CLUSTERS)
        return [id_ for id_, record in clusters.items() if region in (None, record["region"])]

    def region(self, cluster_id: str) -> str:
        return str(self._state.kv_get(_CLUSTERS, cluster_id)["region"])

    def store(self, cluster_id: str) -> ObjectStore:
        return ObjectStore(self._state, cluster_id)

    def of(self, server: str) -> str | None:
        """The id of the cluster with this API server address."""
        for id_, record in self._state.kv_items(_CLUSTERS).items():
            if record["server"].rstrip("/") == server.rstrip("/"):
                return id_
        return None

    def kubeconfig(self, cluster_id: str) -> str:
        """A kubeconfig as the cloud hands it out (YAML); its server is what `of` understands."""
        record = self._state.kv_get(_CLUSTERS, cluster_id)
        name = cluster_id.rsplit("/", 1)[-1]
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": name, "cluster": {"server": record["server"]}}],
                "users": [{"name": f"user-{name}", "user": {"exec": {"command": "kubelogin"}}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": f"user-{name}"}}],
                "current-context": name,
            }
        )

    # -- nodes and pods --

    def node_labels(self, cluster_id: str) -> list[dict[str, str]]:
        """Labels of each node group or pool with at least one node."""
        name = cluster_id.rsplit("/", 1)[-1]
        groups: list[dict[str, str]] = []
        for group in self._state.find("aws:eks/nodeGroup:NodeGroup", status="ready"):
            if group.get("clusterName") == name and int(
                (group.get("scalingConfig") or {}).get("desiredSize", 0)
            ):
                groups.append(group.get("labels", {}))
        for cluster in self._state.find("azure-native:containerservice:ManagedCluster", status="ready"):
            if cluster.id == cluster_id:
                groups += [_pool_labels(pool) for pool in cluster.get("agentPoolProfiles", [])]
        for pool in self._state.find("azure-native:containerservice:AgentPool", status="ready"):
            if _belongs(pool, cluster_id):
                groups.append(_pool_labels(pool.inputs))
        return groups

    def ready(self, cluster_id: str, namespace: str, name: str) -> tuple[bool, str]:
        """Whether a Deployment's pods are ready, and if not, why (as `kubectl describe` would say)."""
        deployment = self.store(cluster_id).get("apps/v1", "Deployment", namespace, name)
        if deployment is None:
            return False, f'deployments.apps "{name}" not found'
        pod = deployment["spec"]["template"]
        wanted = (pod["spec"].get("nodeSelector") or {}).items()
        if not any(wanted <= labels.items() for labels in self.node_labels(cluster_id)):
            return False, "0 nodes are available: node(s) didn't match Pod's node affinity/selector"
        if pod["metadata"].get("labels", {}).get("app") == "was":
            try:
                running = self.workload(cluster_id, deployment)
            except CloudError as error:
                return False, str(error)
            if not running.healthy():
                return False, "Readiness probe failed: HTTP probe failed with statuscode: 503"
        return True, ""

    def workload(self, cluster_id: str, deployment: Object) -> Workload:
        """The running application of a Deployment, started (again, when its environment changed) on demand."""
        env = self._environment(cluster_id, deployment)
        fingerprint = repr(sorted(env.items()))
        with self._lock:
            known = self._running.get(cluster_id)
            if known and known[0] == fingerprint:
                return known[1]
            if known:
                known[1].stop()
            site = "azure" if cluster_id.startswith("/subscriptions/") else "aws"
            running = self._start(env, site)
            self._running[cluster_id] = (fingerprint, running)
            return running

    def stop_all(self) -> None:
        for cluster_id in list(self._running):
            self._stop(cluster_id)

    def power(self, region: str, *, on: bool) -> None:
        if not on:
            for cluster_id in list(self._running):
                if self._state.kv_get(_CLUSTERS, cluster_id)["region"] == region:
                    self._stop(cluster_id)

    def _stop(self, cluster_id: str) -> None:
        with self._lock:
            known = self._running.pop(cluster_id, None)
        if known:
            known[1].stop()

    def _environment(self, cluster_id: str, deployment: Object) -> dict[str, str]:
        """The container's environment with Secrets and ConfigMaps resolved; CloudError as the kubelet refuses."""
        store, namespace = self.store(cluster_id), deployment["metadata"].get("namespace", "default")
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        env: dict[str, str] = {}
        for source in container.get("envFrom") or []:
            if "secretRef" in source:
                env |= _data(store, "Secret", namespace, source["secretRef"]["name"])
            if "configMapRef" in source:
                env |= _data(store, "ConfigMap", namespace, source["configMapRef"]["name"])
        for entry in container.get("env") or []:
            source = entry.get("valueFrom") or {}
            for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                if field in source:
                    data = _data(store, kind, namespace, source[field]["name"])
                    if source[field]["key"] not in data:
                        raise CloudError(
                            "CreateContainerConfigError",
                            f"couldn't find key {source[field]['key']} in {kind} {namespace}/{source[field]['name']}",
                        )
                    env[entry["name"]] = data[source[field]["key"]]
            if "value" in entry:
                env[entry["name"]] = str(entry["value"])
        return env


def _data(store: ObjectStore, kind: str, namespace: str, name: str) -> dict[str, str]:
    found = store.get("v1", kind, namespace, name)
    if found is None:
        raise CloudError("CreateContainerConfigError", f'{kind.lower()} "{name}" not found')
    data = dict(found.get("data") or {})
    if kind == "Secret":
        data = {key: base64.b64decode(value).decode() for key, value in data.items()}
    return {**data, **(found.get("stringData") or {})}


def _check_deployment(obj: Object) -> None:
    name, spec = obj["metadata"]["name"], obj.get("spec") or {}
    template = spec.get("template") or {}
    wanted = ((spec.get("selector") or {}).get("matchLabels") or {}).items()
    labels = ((template.get("metadata") or {}).get("labels") or {}).items()
    containers = (template.get("spec") or {}).get("containers") or []
    problem = None
    if not wanted:
        problem = "spec.selector: Required value"
    elif not wanted <= labels:
        problem = "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`"
    elif not containers or not all(c.get("image") and c.get("name") for c in containers):
        problem = "spec.template.spec.containers: Required value"
    if problem:
        raise CloudError("Invalid", f'Deployment.apps "{name}" is invalid: {problem}')


def _key(api_version: str, kind: str, namespace: str, name: str) -> str:
    return f"{api_version}/{kind}|{namespace}|{name}"


def _pool_labels(pool: dict[str, Any]) -> dict[str, str]:
    return dict(pool.get("nodeLabels") or {})


def _belongs(pool: Resource, cluster_id: str) -> bool:
    return pool.id.lower().startswith(cluster_id.lower() + "/agentpools/")
