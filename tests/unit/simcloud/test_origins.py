"""The balancers' data plane: ports, redirects, names by DNS, certificates by name."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simcloud.certificates import Authority
from simcloud.kinds import Resource
from simcloud.network import Network
from simcloud.origins import Origins
from simcloud.state import State

ALB, ORIGIN = "blue-alb-1.ap-northeast-2.elb.amazonaws.com", "origin-aws.bank.example.com"
FORBIDDEN = {
    "type": "fixed-response",
    "fixedResponse": {"contentType": "text/plain", "messageBody": "Forbidden", "statusCode": "403"},
}
TO_TLS = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}


def put(state: State, token: str, id_: str, **inputs: Any) -> None:
    urn = f"urn:pulumi:prod::planb::{token}::{id_}"
    region = "ap-northeast-2"
    state.put(Resource(urn, token, id_, "aws", region, inputs, {"arn": id_}, "ready", time.time()))


@pytest.fixture
def state() -> Iterator[State]:
    made = State(":memory:")
    put(made, "aws:lb/loadBalancer:LoadBalancer", "alb", dnsName=ALB)
    yield made
    made.close()


@pytest.fixture
def origins(state: State, tmp_path: Path) -> Origins:
    clusters: Any = SimpleNamespace(ids=lambda _: [])
    return Origins(state, clusters, Authority(tmp_path))


def listen(state: State, port: int, action: dict[str, Any], **more: Any) -> None:
    token = "aws:lb/listener:Listener"
    put(state, token, f"l{port}", loadBalancerArn="alb", port=port, defaultActions=[action], **more)


def alias(state: State) -> None:
    to = {"name": f"dualstack.{ALB}", "zoneId": "Z", "evaluateTargetHealth": False}
    put(state, "aws:route53/record:Record", "r", name=ORIGIN, type="A", aliases=[to])


def test_each_port_is_a_listener_of_its_own(state: State, origins: Origins) -> None:
    listen(state, 80, TO_TLS)
    status, headers, _ = origins.answer(ALB, 80, "GET", "/a?b=c", {}, b"")
    assert (status, headers["Location"]) == (301, f"https://{ALB}:443/a?b=c")
    assert origins.answer(ALB, 443, "GET", "/", {}, b"")[0] == 502, "nobody listens there"
    listen(state, 443, FORBIDDEN)
    assert origins.answer(ALB, 443, "GET", "/", {}, b"")[0] == 403


def test_a_record_leads_to_the_balancer(state: State, origins: Origins) -> None:
    listen(state, 443, FORBIDDEN)
    assert origins.answer(ORIGIN, 443, "GET", "/", {}, b"")[0] == 502
    alias(state)
    assert origins.answer(ORIGIN, 443, "GET", "/", {}, b"")[0] == 403


def test_a_name_of_a_balancer_has_two_ports(state: State, tmp_path: Path) -> None:
    network = Network(tmp_path, state)
    network.alb_endpoint, network.alb_tls_endpoint = ("127.0.0.1", 81), ("127.0.0.1", 444)
    network.publish(ORIGIN, "alb", 0, region="ap-northeast-2", tls=False)
    network.publish("d1.cloudfront.net", "edge", 0, region="global", tls=True)
    plain, tls = network.resolve(ORIGIN, 80), network.resolve(ORIGIN, 443)
    assert plain and (plain.port, plain.tls) == (81, False)
    assert tls and (tls.port, tls.tls, tls.region) == (444, True, "ap-northeast-2")
    for port in (80, 443):
        found = network.resolve("d1.cloudfront.net", port)
        assert found and found.tls


def handshake(context: ssl.SSLContext, authority: Authority, name: str) -> None:
    """A client that verifies the server's name."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            context.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(authority.ca_file))
        client.wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        thread.join(10)


def test_the_certificate_is_the_one_of_the_name_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.sni_context("*.elb.amazonaws.com", lambda name: name == ORIGIN)
    handshake(context, authority, ORIGIN)
    handshake(context, authority, "x.elb.amazonaws.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(context, authority, "other.example.com")


def test_a_listener_speaks_for_what_its_certificate_covers(state: State, origins: Origins) -> None:
    assert not origins.has_certificate(ORIGIN)
    listen(state, 443, FORBIDDEN, certificateArn="c")
    put(state, "aws:acm/certificate:Certificate", "c", domainName=ORIGIN)
    assert origins.has_certificate(ORIGIN)
    assert not origins.has_certificate("bank.example.com")
