"""The edge's switch against storage's record; certificates and clocks of servers that really answer."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from restore.fencing import Active
from runbook.edge_switch import EdgeState
from runbook.errors import PlanBError
from runbook.preflight import asking, edge
from runbook.preflight.asking import Image, Refusal, pullable
from runbook.preflight.model import NotAsked
from simcloud.certificates import Authority
from tests.unit.runbook.preflight.looks import FakeLook, found, severities


class Switch:
    def __init__(self, state: EdgeState | None = None, refused: str = "", dark: bool = False) -> None:
        self.state, self.refused, self.dark = state or EdgeState("aws", "none", 1, "e"), refused, dark

    def read(self) -> EdgeState:
        if self.dark:
            raise PlanBError("the key-value store does not answer (X)", resource="edge")
        return self.state

    def may_write(self) -> str:
        return self.refused


def test_the_switch() -> None:
    assert severities(edge.switch, FakeLook(edge=Switch())) == ["ok"]
    ((severity, what),) = found(edge.switch, FakeLook(edge=Switch(refused="AccessDeniedException")))
    assert severity == "blocker" and "read but not written (AccessDeniedException)" in what
    assert severities(edge.switch, FakeLook(edge=Switch(dark=True))) == ["blocker"]


@pytest.mark.parametrize(
    ("mode", "epoch", "active", "severity"),
    [
        ("aws", 1, None, "ok"),
        ("azure", 2, Active(epoch=2, site="azure"), "ok"),
        ("aws", 3, Active(epoch=3, site="aws"), "ok"),
        ("aws", 4, Active(epoch=3, site="aws"), "warning"),
        ("maintenance", 2, Active(epoch=2, site="azure"), "warning"),
        ("aws", 3, Active(epoch=2, site="azure"), "blocker"),
        ("azure", 2, None, "blocker"),
    ],
)
def test_edge_and_storage(mode: str, epoch: int, active: Active | None, severity: str) -> None:
    look = FakeLook(edge=Switch(EdgeState(mode, "gw.example", epoch, "e")))
    if active:
        active.write(look.container)  # type: ignore[arg-type]
    assert severities(edge.agreement, look) == [severity]


class Answering(BaseHTTPRequestHandler):
    """A registry, and a server with a clock."""

    protocol_version = "HTTP/1.1"
    off = timedelta()
    tokens = True

    def do_GET(self) -> None:
        self._answer(200, {}, b'{"token": "t"}')

    def do_HEAD(self) -> None:
        known = self.path == "/v2/planb/agent/manifests/sha256:ab"
        if self.path.startswith("/v2/") and self.headers.get("Authorization") != "Bearer t":
            realm = (
                f"https://127.0.0.1:{self.server.server_address[1]}/token"
                if self.tokens
                else "http://elsewhere/"
            )
            asked = f'Bearer realm="{realm}",service="r",scope="repository:planb/agent:pull"'
            self._answer(401, {"WWW-Authenticate": asked}, b"")
        else:
            self._answer(200 if known or not self.path.startswith("/v2/") else 404, {}, b"")

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.now(UTC) + self.off, usegmt=True)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """HTTPS on loopback, with a certificate that this process trusts."""
    authority = Authority(tmp_path)
    context = authority.server_context("127.0.0.1")
    made = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Answering, "off", timedelta())
    monkeypatch.setattr(Answering, "tokens", True)
    yield made
    made.shutdown()
    made.server_close()


def address(server: ThreadingHTTPServer) -> str:
    return f"https://127.0.0.1:{server.server_address[1]}"


def test_certificates(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    look = FakeLook(dr_outputs={"staticSiteUrl": address(server)})
    look.prod_outputs = {"edgeUrl": "http://plain.example"}
    assert severities(edge.certificates, look) == ["ok"]
    monkeypatch.setattr(edge, "CERTIFICATE_DAYS", 5000)
    assert severities(edge.certificates, look) == ["warning"]
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)
    ((severity, what),) = found(edge.certificates, look)
    assert severity == "warning" and "CertificateInvalid" in what and "verify" in what
    look.dr_outputs = {"gatewayHost": "https://127.0.0.1:9"}
    assert severities(edge.certificates, look) == ["unasked"]


@pytest.mark.parametrize(
    ("off", "severity"), [(0, "ok"), (-100, "warning"), (100, "warning"), (400, "blocker")]
)
def test_clocks(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, off: int, severity: str
) -> None:
    monkeypatch.setattr(Answering, "off", timedelta(seconds=off))
    look = FakeLook(dr_outputs={"backupContainerUrl": address(server)})
    look.prod_outputs = {"edgeUrl": "https://127.0.0.1:9"}
    told = found(edge.clock, look)
    assert [s for s, _ in told] == [severity, "unasked"]
    if off:
        assert ("behind" if off > 0 else "ahead of") in told[0][1]


def test_a_registry(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = f"127.0.0.1:{server.server_address[1]}"
    assert pullable(Image(registry, "planb/agent", "sha256:ab")) is True
    assert pullable(Image(registry, "planb/agent", "sha256:cd")) is False
    monkeypatch.setattr(Answering, "tokens", False)
    with pytest.raises(NotAsked, match="wants a login"):
        pullable(Image(registry, "planb/agent", "sha256:ab"))
    with pytest.raises(NotAsked, match="does not answer"):
        pullable(Image("127.0.0.1:9", "planb/agent", "latest"))


def test_a_certificate_that_nobody_trusts_is_a_refusal(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ssl.get_default_verify_paths().openssl_cafile)
    with pytest.raises(Refusal, match="certificate"):
        asking.certificate_end(address(server))
