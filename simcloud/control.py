"""The control API of the embedded clouds: what tests and the drill ask for. Loopback only, JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simcloud.faults import BadFault, Faults
from simcloud.provider import Cloud

OUTSIDE = ("bucket", "certificate", "hosted-zone")
"""What an account has, or the world takes, besides what programs deploy: kept in the scope `outside:<what>`."""


class Control:
    """Serves the API; `power` carries darkness to everything that lives in a region."""

    def __init__(
        self, cloud: Cloud, faults: Faults, power: Callable[[str, bool], None], shutdown: Callable[[], None]
    ) -> None:
        self._cloud, self._faults, self._power, self._shutdown = cloud, faults, power, shutdown
        control = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                control.answer(self, "GET")

            def do_POST(self) -> None:
                control.answer(self, "POST")

            def do_DELETE(self) -> None:
                control.answer(self, "DELETE")

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the caller knows what it asked."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="control", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, method: str) -> None:
        url = urlsplit(request.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        raw = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        try:
            body: dict[str, Any] = json.loads(raw) if raw else {}
            status, answer = self._route(method, url.path, query, body)
        except (BadFault, ValueError, KeyError) as error:
            status, answer = 400, {"error": str(error)}
        content = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _route(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        state, clock = self._cloud.state, self._cloud.clock
        match method, path.strip("/").split("/"):
            case "GET", ["status"]:
                resources = state.all()
                return 200, {
                    "speed": clock.speed,
                    "latency": clock.profile,
                    "resources": len(resources),
                    "dark": [f.details["region"] for f in self._faults.active() if f.kind == "region_dark"],
                }
            case "GET", ["resources"]:
                kind = query.get("type")
                return 200, [asdict(r) for r in state.all() if kind in (None, r.type)]
            case "GET", ["operations"]:
                return 200, [asdict(o) for o in state.operations(since=float(query.get("since", "0")))]
            case "GET", ["faults"]:
                return 200, [asdict(fault) for fault in self._faults.active()]
            case "POST", ["faults"]:
                fault = self._faults.add(str(body.pop("kind", "")), body)
                if fault.kind == "region_dark":
                    self._power(str(fault.details["region"]), False)
                return 200, {"id": fault.id}
            case "DELETE", ["faults", fault_id]:
                fault = self._faults.remove(fault_id)
                if fault is None:
                    return 404, {"error": f"no active fault {fault_id}"}
                if fault.kind == "region_dark":
                    self._power(str(fault.details["region"]), True)
                return 200, {}
            case "POST", ["speed"]:
                speed = float(body["speed"])
                if not 0.01 <= speed <= 100_000:
                    raise ValueError(f"speed is between 0.01 and 100000, not {speed:g}")
                clock.speed = speed
                return 200, {"speed": speed}
            case "POST", ["outside", what] if what in OUTSIDE:
                state.kv_put(f"outside:{what}", str(body["id"]), body.get("facts") or {})
                return 200, {}
            case "POST", ["shutdown"]:
                threading.Thread(target=self._shutdown, daemon=True).start()
                return 200, {}
            case _:
                return 404, {"error": f"{method} {path} is not part of the control API"}
