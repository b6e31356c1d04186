"""The managed identity endpoint: what `DefaultAzureCredential` asks for a token when IDENTITY_ENDPOINT is set.

App Service's protocol (https://learn.microsoft.com/azure/app-service/overview-managed-identity, REST endpoint
reference). The tokens carry the claims that Azurite checks (issuer, audience, lifetime); nobody verifies a signature.
"""

from __future__ import annotations

import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

LIFETIME_S = 3600
TENANT = "00000000-0000-4000-8000-0000000e47ab"


class IdentityEndpoint:
    """Serves tokens on loopback to whoever knows the header's secret."""

    def __init__(self) -> None:
        self.header = secrets.token_urlsafe(24)
        self._key = secrets.token_bytes(32)
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: requests for tokens are not worth a line."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/msi/token"
        self._thread = Thread(target=self._server.serve_forever, name="identity", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}
        if not secrets.compare_digest(request.headers.get("X-IDENTITY-HEADER", ""), self.header):
            self._send(
                request, 401, {"error": "unauthorized_client", "error_description": "missing identity header"}
            )
        elif "resource" not in query:
            self._send(
                request, 400, {"error": "invalid_request", "error_description": "resource is required"}
            )
        else:
            now = int(time.time())
            token = self.token(
                query["resource"], query.get("client_id") or query.get("mi_res_id") or "operator", now
            )
            body = {
                "access_token": token,
                "expires_on": str(now + LIFETIME_S),
                "resource": query["resource"],
                "token_type": "Bearer",
                "client_id": query.get("client_id", ""),
            }
            self._send(request, 200, body)

    def token(self, resource: str, who: str, now: int) -> str:
        claims = {
            "aud": resource.rstrip("/"),
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": now,
            "nbf": now - 60,
            "exp": now + LIFETIME_S,
            "oid": who,
            "sub": who,
            "tid": TENANT,
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def _send(self, request: BaseHTTPRequestHandler, status: int, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
