"""NetworkPolicies as Kubernetes means them."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from runbook.reachability.policies import Direction, Peer, Pod, Policies, matches
from runbook.reachability.ports import ALL, Ports, Unmodelled, ports, tcp

WEB = Pod("web", {"tier": "web"}, {"app": "web"})
WAS = Pod("was", {"tier": "was"}, {"app": "was"})
STRANGER = Pod("kube-system", {}, None, without=(("k8s-app", "kube-dns"),))
HERE = IPv4Network("10.0.11.0/24")


def opens(
    spec: dict[str, Any], peer: Peer, direction: Direction = "Ingress", *, everywhere: bool = False
) -> Ports | None:
    """What a policy of WAS's pods leaves open to a peer; None when it does not close the direction."""
    gate = Policies([("urn", "was", {"podSelector": {}, **spec})]).gate(WAS, peer, direction)
    return gate.open(everywhere=everywhere) if gate else None


def pod(peer: Pod) -> Peer:
    return Peer(HERE, peer)


def into(*peers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"policyTypes": ["Ingress"], "ingress": [{"from": list(peers), **more}]}


def test_open_until_a_policy_closes_it() -> None:
    assert opens({"policyTypes": ["Egress"]}, pod(WEB)) is None
    assert opens({"policyTypes": ["Ingress"]}, pod(WEB)) == Ports()
    assert opens({"policyTypes": ["Ingress"], "ingress": [{}]}, pod(WEB)) == ALL
    other = Policies([("urn", "web", {"podSelector": {}, "policyTypes": ["Ingress"]})])
    assert other.gate(WAS, pod(WEB), "Ingress") is None, "it is another namespace's"
    elsewhere = {"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress"]}
    assert opens(elsewhere, pod(WEB)) is None


def test_types_follow_the_rules_where_they_are_not_said() -> None:
    assert opens({}, pod(WEB)) == Ports()
    assert opens({}, pod(WEB), "Egress") is None
    assert opens({"egress": [{"ports": [{"port": 1}]}]}, pod(WEB), "Egress") == tcp(1)


def test_policies_add_up() -> None:
    one, two = (
        {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": p}]}]} for p in (1, 2)
    )
    gate = Policies([("u1", "was", one), ("u2", "was", two)]).gate(WAS, pod(WEB), "Ingress")
    assert gate and gate.open() == tcp(1, 2)
    assert {permit.urn for permit in gate.permits} == {"u1", "u2"}


def test_both_selectors_of_one_peer_must_hold() -> None:
    namespace, name = (
        {"namespaceSelector": {"matchLabels": {"tier": "web"}}},
        {"podSelector": {"matchLabels": {"app": "web"}}},
    )
    assert opens(into({**namespace, **name}), pod(WEB)) == ALL
    wrong = Pod("web", {"tier": "web"}, {"app": "other"})
    assert opens(into({**namespace, **name}), pod(wrong)) == Ports()
    assert opens(into(namespace), pod(wrong)) == ALL
    assert opens(into(name), pod(WEB)) == Ports(), "a bare podSelector means the policy's own namespace"
    assert opens(into({"podSelector": {}}), pod(WAS)) == ALL
    assert opens(into({"namespaceSelector": {}}), pod(WEB)) == ALL


def test_blocks() -> None:
    block = into({"ipBlock": {"cidr": "10.0.11.0/24"}})
    assert opens(block, Peer(HERE), everywhere=True) == ALL
    assert opens(block, Peer(IPv4Network("10.0.12.0/24"))) == Ports()
    assert opens(block, Peer(None)) == Ports(), "the internet has no private address"
    wide = Peer(IPv4Network("10.0.10.0/23"))
    assert (opens(block, wide), opens(block, wide, everywhere=True)) == (ALL, Ports())
    cut = into({"ipBlock": {"cidr": "10.0.0.0/16", "except": ["10.0.11.0/25"]}})
    assert (opens(cut, Peer(HERE)), opens(cut, Peer(HERE), everywhere=True)) == (ALL, Ports())
    assert opens(cut, Peer(IPv4Network("10.0.11.0/26"))) == Ports()
    assert opens(into({"ipBlock": {"cidr": "0.0.0.0/0"}}), Peer(None), everywhere=True) == ALL


def test_ports() -> None:
    given = [{"port": 80}, {"protocol": "UDP", "port": 53}, {"port": "90"}, {"port": 100, "endPort": 102}]
    expected = tcp(80, 90, 100, 101, 102) | ports("udp", 53)
    assert opens(into({"namespaceSelector": {}}, ports=given), pod(WEB)) == expected
    assert opens(into({"namespaceSelector": {}}, ports=[{"protocol": "TCP"}]), pod(WEB)) == ports(
        "tcp", 0, 65535
    )


def test_a_node_reaches_its_pods_and_pods_do_not_reach_nodes() -> None:
    nobody = {"policyTypes": ["Ingress", "Egress"]}
    assert opens(nobody, Peer(HERE, node=True)) == ALL
    assert opens(nobody, Peer(HERE, node=True), "Egress") == Ports()


def test_pods_with_unknown_labels_may_have_any() -> None:
    some = into({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "agent"}}})
    assert (opens(some, pod(STRANGER)), opens(some, pod(STRANGER), everywhere=True)) == (ALL, Ports())
    names = into({"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}})
    assert opens(names, pod(STRANGER)) == Ports()
    theirs = Policies([("urn::x", "kube-system", {"podSelector": {"matchLabels": {"a": "b"}}})])
    with pytest.raises(Unmodelled, match="labels are unknown"):
        theirs.gate(STRANGER, pod(WEB), "Ingress")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (into({"fqdns": []}), "peer has fqdns"),
        (into({"podSelector": {"matchFields": []}, "namespaceSelector": {}}), "selector has matchFields"),
        (into({"namespaceSelector": {}}, ports=[{"port": "http"}]), "named port http"),
        (into({"namespaceSelector": {}}, ports=[{"protocol": "SCTP", "port": 1}]), "protocol sctp"),
    ],
)
def test_what_is_not_understood_is_refused(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(Unmodelled, match=says):
        opens(spec, pod(WEB))


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("In", ["a", "b"], True),
        ("In", ["b"], False),
        ("NotIn", ["b"], True),
        ("NotIn", ["a"], False),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
    ],
)
def test_expressions(operator: str, values: list[str] | None, holds: bool) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    assert matches(selector, {"k": "a"}, "u") is holds
    assert matches(selector, {}, "u") is (operator in ("NotIn", "DoesNotExist"))
    with pytest.raises(Unmodelled, match="operator Gt"):
        matches({"matchExpressions": [{"key": "k", "operator": "Gt"}]}, {}, "urn::x")
