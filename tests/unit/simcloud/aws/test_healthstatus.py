"""What Route 53's checkers report, read by botocore's own parser."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import botocore.parsers
import botocore.session
import pytest

from simcloud.aws import healthstatus
from simcloud.kinds import Resource
from simcloud.state import State

ID = "01234567-89ab-cdef-0123-456789abcdef"


class Endpoint(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        body = b"UP" if self.path.endswith("/planb/health/aws") else b"elsewhere"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that is its own proxy: it answers whatever absolute URL it is asked for."""
    monkeypatch.setattr(Endpoint, "status", 200)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def asked(proxy: str, id_: str = ID, **more: Any) -> tuple[int, list[dict[str, Any]]]:
    state = State(":memory:")
    given = {
        "type": "HTTP",
        "fqdn": "bank.example.com",
        "port": 80,
        "resourcePath": "/planb/health/aws",
        **more,
    }
    token = healthstatus.HEALTH_CHECK
    state.put(Resource("urn:x::y::z", token, ID, "aws", "global", given, {}, "ready", time.time()))
    network: Any = SimpleNamespace(proxy_url=proxy)
    answer = healthstatus.answer(state, network, f"/2013-04-01/healthcheck/{id_}/status")
    assert answer is not None
    model = botocore.session.get_session().get_service_model("route53")
    shape = model.operation_model("GetHealthCheckStatus").output_shape
    parser: Any = botocore.parsers.create_parser(model.protocol)
    parsed = parser.parse({"status_code": answer[0], "headers": {}, "body": answer[2]}, shape)
    state.close()
    return answer[0], parsed.get("HealthCheckObservations", [])


def test_a_healthy_endpoint(endpoint: str) -> None:
    status, seen = asked(endpoint)
    assert status == 200 and [o["Region"] for o in seen] == list(healthstatus.REGIONS)
    assert {o["StatusReport"]["Status"] for o in seen} == {"Success: HTTP Status Code 200, OK."}


def test_its_own_regions(endpoint: str) -> None:
    regions = ["us-east-1", "eu-west-1", "sa-east-1"]
    assert [o["Region"] for o in asked(endpoint, regions=regions)[1]] == regions


def test_an_endpoint_that_fails(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Endpoint, "status", 503)
    assert asked(endpoint)[1][0]["StatusReport"]["Status"].startswith("Failure: HTTP Status Code 503")


def test_an_endpoint_that_says_something_else(endpoint: str) -> None:
    good = asked(endpoint, type="HTTP_STR_MATCH", searchString="UP")[1][0]["StatusReport"]["Status"]
    bad = asked(endpoint, type="HTTP_STR_MATCH", searchString="UP", resourcePath="/")[1][0]["StatusReport"][
        "Status"
    ]
    assert good.startswith("Success") and bad.startswith("Failure")


def test_an_endpoint_that_is_dark() -> None:
    assert asked("http://127.0.0.1:9")[1][0]["StatusReport"]["Status"].startswith(
        "Failure: Connection timed out"
    )


def test_a_check_that_is_not_there(endpoint: str) -> None:
    assert asked(endpoint, id_=ID.replace("0", "f"))[0] == 404


def test_other_questions_are_not_its_own() -> None:
    assert healthstatus.answer(State(":memory:"), SimpleNamespace(), "/2013-04-01/hostedzone") is None  # type: ignore[arg-type]
