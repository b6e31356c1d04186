"""A local AWS token issuer and a local Entra: they really sign, publish keys, fetch and verify. HTTPS on loopback.

What Entra answers to an assertion it does not trust, by its own numbers:
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.request
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.restore.conftest import Tls

ROLE = "arn:aws:iam::123456789012:role/blue-backup"
TENANT, CLIENT = "00000000-0000-4000-8000-00000000e47a", "11111111-0000-4000-8000-00000000c11e"
EXCHANGE = "api://AzureADTokenExchange"


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Clouds:
    """One server: /issuer is AWS's, /<tenant> is Entra's, a POST to / is STS's. `trust` is Entra's credential."""

    tls: Tls
    url: str = ""
    caller: str = ROLE
    """The role that STS sees."""
    refusal: str = ""
    """The error code that STS answers instead of a token."""
    lifetime_s: int = 3600
    """Of the tokens that Entra gives."""
    trust: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """What STS was asked for."""
    exchanged: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Claims of the assertions that Entra took."""
    signing: rsa.RSAPrivateKey = field(default_factory=_key)
    published: rsa.RSAPrivateKey | None = None
    """The key in the issuer's JWKS where it is not the one that signs."""

    def __enter__(self) -> Clouds:
        clouds = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                clouds.get(self)

            def do_POST(self) -> None:
                clouds.post(self)

            def log_message(self, format: str, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.trust = {"issuer": self.issuer, "subject": ROLE, "audience": EXCHANGE}
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def issuer(self) -> str:
        return f"{self.url}/issuer"

    # -- what is published --

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        if path == "/issuer/.well-known/openid-configuration":
            self._json(request, 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks.json"})
        elif path == "/issuer/jwks.json":
            public = (self.published or self.signing).public_key()
            key = {**jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True), "kid": "1", "use": "sig"}
            self._json(request, 200, {"keys": [key]})
        elif path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            base = f"{self.url}/{TENANT}"
            self._json(
                request,
                200,
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                },
            )
        else:
            self._json(request, 404, {"error": path})

    def post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        if urlsplit(request.path).path == f"/{TENANT}/oauth2/v2.0/token":
            self._exchange(request, form)
        else:
            self._sts(request, form)

    # -- AWS --

    def _sts(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        assert form["Action"] == "GetWebIdentityToken", form
        self.asked.append(form)
        if self.refusal:
            text = f"<ErrorResponse><Error><Code>{self.refusal}</Code><Message>no</Message></Error></ErrorResponse>"
            self._send(request, 400, "text/xml", text)
            return
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.caller,
            "aud": form["Audience.member.1"],
            "iat": now,
            "exp": now + int(form["DurationSeconds"]),
            "jti": str(uuid.uuid4()),
        }
        token = jwt.encode(claims, self.signing, algorithm=form["SigningAlgorithm"], headers={"kid": "1"})
        result = f"<WebIdentityToken>{escape(token)}</WebIdentityToken><Expiration>2026-11-25T00:00:00Z</Expiration>"
        text = f"<GetWebIdentityTokenResult>{result}</GetWebIdentityTokenResult>"
        self._send(
            request, 200, "text/xml", f"<GetWebIdentityTokenResponse>{text}</GetWebIdentityTokenResponse>"
        )

    # -- Entra --

    def _exchange(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        assert form["grant_type"] == "client_credentials"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        problem = self._distrusted(form)
        if problem:
            self._json(request, 401, {"error": "invalid_client", "error_description": problem})
            return
        now = int(time.time())
        access = {
            "aud": form["scope"].removesuffix("/.default"),
            "iss": f"https://sts.windows.net/{TENANT}/",
            "iat": now,
            "nbf": now - 60,
            "exp": now + self.lifetime_s,
            "oid": CLIENT,
            "sub": CLIENT,
            "tid": TENANT,
        }
        token = jwt.encode(access, "azurite does not verify it, only its claims!", algorithm="HS256")
        answer = {"token_type": "Bearer", "expires_in": self.lifetime_s, "access_token": token}
        self._json(request, 200, answer)

    def _distrusted(self, form: dict[str, str]) -> str:
        """Why the assertion is not exchanged, or ""; keys are fetched from where its issuer publishes them."""
        assertion = form["client_assertion"]
        if form["client_id"] != CLIENT:
            return f"AADSTS700016: Application with identifier '{form['client_id']}' was not found in the directory."
        claims = jwt.decode(assertion, options={"verify_signature": False})
        for number, claim, name in (
            (700211, "iss", "issuer"),
            (700212, "aud", "audience"),
            (700213, "sub", "subject"),
        ):
            if claims[claim] != self.trust[name]:
                text = "No matching federated identity record found for presented assertion"
                return f"AADSTS{number}: {text} {name} '{claims[claim]}'."
        found = self._fetch(f"{claims['iss']}/.well-known/openid-configuration")
        (key,) = self._fetch(found["jwks_uri"])["keys"]
        try:
            verified = jwt.decode(
                assertion,
                jwt.algorithms.RSAAlgorithm.from_jwk(key),  # type: ignore[arg-type]
                algorithms=["RS256"],  # Entra's only one for federated credentials
                audience=self.trust["audience"],
                issuer=self.trust["issuer"],
                options={"require": ["exp", "iat", "sub"]},
            )
        except jwt.PyJWTError as error:
            text = "The certificate with identifier used to sign the client assertion is not registered"
            return f"AADSTS700027: {text}. {error}"
        self.exchanged.append(verified)
        return ""

    def _fetch(self, url: str) -> Any:
        context = ssl.create_default_context(cafile=str(self.tls.ca))
        with urllib.request.urlopen(url, context=context, timeout=10) as answer:
            return json.load(answer)

    def _json(self, request: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
        self._send(request, status, "application/json", json.dumps(body))

    def _send(self, request: BaseHTTPRequestHandler, status: int, kind: str, text: str) -> None:
        content = text.encode()
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
