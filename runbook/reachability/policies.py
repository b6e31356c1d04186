"""Kubernetes NetworkPolicies: what they let into and out of pods.

https://kubernetes.io/docs/concepts/services-networking/network-policies/: a pod that no policy selects for a direction
is open in it; else the union of its policies' rules decides. The node that a pod runs on cannot be shut out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, Literal

from runbook.reachability.model import Gate, Permit, meets
from runbook.reachability.ports import ALL, Ports, Unmodelled, ports, union

Direction = Literal["Ingress", "Egress"]


@dataclass(frozen=True)
class Pod:
    """What selectors see of a pod. `labels` None: somebody else's pods, of whose labels only `without` is known."""

    namespace: str
    namespace_labels: Mapping[str, str]
    labels: Mapping[str, str] | None
    without: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Peer:
    """The other side: a pod, a node, or just addresses (None: the internet)."""

    network: IPv4Network | None
    pod: Pod | None = None
    node: bool = False


@dataclass(frozen=True)
class Policies:
    """Every policy of a cluster, as (urn, namespace, spec)."""

    known: Sequence[tuple[str, str, Mapping[str, Any]]] = field(default_factory=tuple)

    def gate(self, pod: Pod, peer: Peer, direction: Direction) -> Gate | None:
        """What passes between the pod and its peer; None when no policy closes this direction."""
        chosen = [
            (urn, spec)
            for urn, namespace, spec in self.known
            if namespace == pod.namespace and direction in _types(spec) and self._selects(urn, spec, pod)
        ]
        if not chosen:
            return None
        text = f"NetworkPolicies {'into' if direction == 'Ingress' else 'out of'} {pod.namespace}'s pods"
        if peer.node and direction == "Ingress":
            return Gate("", text, (Permit(ALL, "", "a pod's own node cannot be shut out"),))
        permits = [
            permit for urn, spec in chosen for permit in _permits(urn, spec, pod.namespace, peer, direction)
        ]
        return Gate(chosen[0][0], text, tuple(permits))

    def _selects(self, urn: str, spec: Mapping[str, Any], pod: Pod) -> bool:
        selector = spec.get("podSelector") or {}
        if pod.labels is None and selector:
            raise Unmodelled(
                f"a NetworkPolicy selects some pods of {pod.namespace}, whose labels are unknown", urn
            )
        return matches(selector, pod.labels or {}, urn)


def _types(spec: Mapping[str, Any]) -> list[str]:
    return spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _permits(
    urn: str, spec: Mapping[str, Any], namespace: str, peer: Peer, direction: Direction
) -> list[Permit]:
    key, side = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    found: list[Permit] = []
    for number, rule in enumerate(spec.get(key) or []):
        some = whole = not rule.get(side)  # no peers: anybody
        for one in rule.get(side) or []:
            met, all_of_it = _is(one, namespace, peer, urn)
            some, whole = some or met, whole or all_of_it
        if some:
            open_ = union(_ports(p, urn) for p in rule.get("ports") or []) if rule.get("ports") else ALL
            found.append(Permit(open_, urn, f"NetworkPolicy, {key} rule {number + 1}", partial=not whole))
    return found


def _is(one: Mapping[str, Any], namespace: str, peer: Peer, urn: str) -> tuple[bool, bool]:
    """Whether some of the peer, and whether all of it, is what a rule names."""
    unknown = set(one) - {"podSelector", "namespaceSelector", "ipBlock"}
    if unknown:
        raise Unmodelled(f"a NetworkPolicy's peer has {', '.join(sorted(unknown))}", urn)
    if block := one.get("ipBlock"):
        some, whole = meets(IPv4Network(block["cidr"]), peer.network)
        for text in block.get("except") or []:
            cut, away = meets(IPv4Network(text), peer.network)
            some, whole = some and not away, whole and not cut
        return some, whole
    pod = peer.pod
    if pod is None:
        return False, False
    if "namespaceSelector" in one:
        if not matches(one["namespaceSelector"] or {}, pod.namespace_labels, urn):
            return False, False
    elif pod.namespace != namespace:
        return False, False
    selector = one.get("podSelector") or {}
    if pod.labels is None:
        wanted = (selector.get("matchLabels") or {}).items()
        return not set(pod.without) & set(wanted), not selector  # some of them may have the labels
    met = matches(selector, pod.labels, urn)
    return met, met


def matches(selector: Mapping[str, Any], labels: Mapping[str, str], urn: str) -> bool:
    """A label selector; all of its terms must hold, and an empty one selects everything."""
    unknown = set(selector) - {"matchLabels", "matchExpressions"}
    if unknown:
        raise Unmodelled(f"a selector has {', '.join(sorted(unknown))}", urn)
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for term in selector.get("matchExpressions") or []:
        key, operator, values = term["key"], term["operator"], term.get("values") or []
        holds = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if operator not in holds:
            raise Unmodelled(f"a selector has the operator {operator}", urn)
        if not holds[operator]:
            return False
    return True


def _ports(given: Mapping[str, Any], urn: str) -> Ports:
    protocol, port = str(given.get("protocol") or "TCP").lower(), given.get("port")
    if protocol not in ("tcp", "udp"):
        raise Unmodelled(f"a NetworkPolicy for the protocol {protocol}", urn)
    if port is None:
        return ports(protocol, 0, 65535)
    if isinstance(port, str) and not port.isdigit():
        raise Unmodelled(f"a NetworkPolicy for the named port {port}", urn)
    return ports(protocol, int(port), int(given.get("endPort") or port))
