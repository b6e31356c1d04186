"""probes.py: against a real server on loopback; a site that is away is an answer, not an exception."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from runbook import probes


class Handler(BaseHTTPRequestHandler):
    answers: dict[str, int]

    def do_GET(self) -> None:
        self.send_response(self.answers.get(self.path, 404))
        self.send_header("X-Cache", "Miss")
        self.send_header("Location", "/actuator/health")
        self.end_headers()
        self.wfile.write(b"x" * 5000)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def site() -> Iterator[tuple[str, dict[str, int]]]:
    Handler.answers = {"/actuator/health": 200, "/api/vets": 200}
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", Handler.answers
        server.shutdown()
        thread.join()


def test_a_healthy_site(site: tuple[str, dict[str, int]]) -> None:
    base, _ = site
    answer = probes.health(base + "/")
    assert (answer.status, answer.ok, answer.cache, len(answer.body)) == (200, True, "Miss", 2000)
    assert probes.serving(base)


@pytest.mark.parametrize(
    ("path", "status"), [("/api/vets", 500), ("/actuator/health", 503), ("/api/vets", 302)]
)
def test_half_a_service_does_not_serve(site: tuple[str, dict[str, int]], path: str, status: int) -> None:
    base, answers = site
    answers[path] = status
    assert not probes.serving(base)
    assert probes.get(base + path).status == status, "a redirect is not followed"


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        answer = probes.get(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (answer.status, answer.ok, answer.body) == (0, False, "ConnectionError")
    assert not probes.get("http://").ok


def test_waiting() -> None:
    answers = iter([False, False, True])
    assert probes.wait_until(lambda: next(answers), timeout_s=5, every_s=0.01)
    began = time.monotonic()
    assert not probes.wait_until(lambda: False, timeout_s=0.05, every_s=0.01)
    assert 0.04 < time.monotonic() - began < 1
    assert probes.wait_until(lambda: True, timeout_s=0)
