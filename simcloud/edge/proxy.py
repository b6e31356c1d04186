"""The edge: an HTTPS server that treats each request as the deployed distribution says.

Behaviour by path, allowed methods, the viewer-request function, origin timeouts in real seconds, custom error
responses for every method. Caching is left out: our behaviours disable it, and simcloud's rules insist on that.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from simcloud.edge import behaviours, kvs
from simcloud.edge.functions import FunctionError, FunctionRunner
from simcloud.kinds import Resource
from simcloud.network import Endpoint, Network
from simcloud.state import State

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
HEADERS_POLICY = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
FUNCTION = "aws:cloudfront/function:Function"
MAX_BODY = 20 * 2**20
_DROPPED = {"content-length", "transfer-encoding", "connection", "content-encoding", "keep-alive"}
_CONFIG_TTL_S = 0.2


class Edge:
    """One listener for every distribution; plain HTTP and TLS on two ports."""

    def __init__(self, state: State, network: Network) -> None:
        self._state, self._network = state, network
        self._functions = FunctionRunner()
        self._client: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._tls = ssl.create_default_context(cafile=str(network.ca_file))
        self._cached: tuple[float, list[Resource]] = (0.0, [])

    async def start(self) -> int:
        """Returns the TLS port (the proxy sends every CONNECT there)."""
        self._client = aiohttp.ClientSession(
            auto_decompress=False,
            trust_env=False,
            connector=aiohttp.TCPConnector(limit=200, keepalive_timeout=15),
        )
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        context = self._network.authority.sni_context("*.cloudfront.net", self._has_certificate)
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        return int(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        if self._client:
            await self._client.close()
        await self._functions.stop()

    # -- one viewer request --

    def _has_certificate(self, host: str) -> bool:
        """An alias: simcloud's rules let a distribution have it only with a certificate that covers it."""
        found = self._distribution(host)
        return found is not None and host in (found.inputs.get("aliases") or [])

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        host = (request.host or "").split(":")[0].lower()
        distribution = self._distribution(host)
        if distribution is None or not distribution.get("enabled"):
            return self._answer(
                403, b"The request could not be satisfied.", {"X-Cache": "Error from cloudfront"}
            )
        config: dict[str, Any] = distribution.inputs
        path = request.path
        behaviour = behaviours.behaviour_for(config, path)
        if request.method not in behaviour["allowedMethods"]:
            return self._answer(
                403, b"This distribution is not configured to allow the HTTP request method.", {}
            )
        body = await request.read()
        origin = behaviours.origin_by_id(config, str(behaviour["targetOriginId"]))
        assert origin is not None, "simcloud's rules refuse a behaviour without its origin"
        query = f"?{request.query_string}" if request.query_string else ""
        function = behaviours.function_of(behaviour)
        if function:
            try:
                outcome = await self._run(function, request, host)
            except FunctionError as error:
                text = f"The CloudFront function returned an error: {error}".encode()
                return self._answer(503, text, {"X-Cache": "FunctionExecutionError from cloudfront"})
            result: dict[str, Any] = outcome["result"]
            if "statusCode" in result:
                return self._generated(result)
            path = str(result.get("uri", path))
            asked = {name: item["value"] for name, item in (result.get("querystring") or {}).items()}
            if asked != dict(request.query):
                query = f"?{urlencode(asked)}" if asked else ""
            change = outcome.get("origin") or {}
            if "select" in change:
                selected = behaviours.origin_by_id(config, str(change["select"]))
                if selected is None:
                    return self._answer(
                        503, b"origin not found", {"X-Cache": "FunctionExecutionError from cloudfront"}
                    )
                origin = selected
            elif "update" in change:
                origin = behaviours.updated_origin(origin, change["update"])
        headers = behaviours.origin_headers(
            behaviour, origin, dict(request.headers), request.remote or "127.0.0.1"
        )
        status, answer_headers, content = await self._fetch(
            origin, request.method, path + query, headers, body
        )
        custom = behaviours.error_response(config, status)
        if custom:
            return await self._error_page(config, custom)
        mark = "Error from cloudfront" if status >= 400 else "Miss from cloudfront"
        shown = behaviours.viewer_headers(self._policy(behaviour), answer_headers)
        return self._answer(status, content, {**shown, "X-Cache": mark})

    def _policy(self, behaviour: dict[str, Any]) -> dict[str, Any] | None:
        """The behaviour's own response headers policy; what AWS's managed ones add is not known here."""
        found = self._state.by_id(HEADERS_POLICY, str(behaviour.get("responseHeadersPolicyId")))
        return found.inputs if found else None

    async def _run(self, function_arn: str, request: web.Request, host: str) -> dict[str, Any]:
        function = next((f for f in self._state.find(FUNCTION) if f.get("arn") == function_arn), None)
        if function is None:
            raise FunctionError("function not found")
        stores = function.inputs.get("keyValueStoreAssociations") or []
        store = str(stores[0]) if stores else None
        keys = kvs.at_edge(self._state, store) if store else {}
        event = behaviours.event(
            request.method,
            request.path,
            dict(request.query),
            dict(request.headers),
            request.remote or "127.0.0.1",
            host,
        )
        return await self._functions.run(str(function.inputs["code"]), event, store, keys)

    async def _error_page(self, config: dict[str, Any], custom: dict[str, Any]) -> web.Response:
        """The page of a custom error response: fetched by GET from the behaviour that its path matches."""
        path = str(custom["responsePagePath"])
        behaviour = behaviours.behaviour_for(config, path)
        origin = behaviours.origin_by_id(config, str(behaviour["targetOriginId"]))
        status = int(custom.get("responseCode") or custom["errorCode"])
        assert origin is not None
        headers = behaviours.origin_headers(behaviour, origin, {}, "127.0.0.1")
        got, answer_headers, content = await self._fetch(origin, "GET", path, headers, b"")
        if got != 200:  # then CloudFront shows the original error
            code = int(custom["errorCode"])
            return self._answer(
                code, b"The request could not be satisfied.", {"X-Cache": "Error from cloudfront"}
            )
        shown = behaviours.viewer_headers(self._policy(behaviour), answer_headers)
        return self._answer(status, content, {**shown, "X-Cache": "Error from cloudfront"})

    # -- origins --

    async def _fetch(
        self, origin: dict[str, Any], method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Asks the origin. 502: it refused or broke off, 504: it did not answer within the origin's timeouts."""
        domain = str(origin["domainName"])
        custom = origin.get("customOriginConfig") or {}
        secure = custom.get("originProtocolPolicy") == "https-only"
        endpoint = self._network.resolve(domain, 443 if secure else 80)
        attempts = int(origin.get("connectionAttempts") or 3)
        connect_s = float(origin.get("connectionTimeout") or 10)
        read_s = float(custom.get("originReadTimeout") or 30)
        if endpoint is None:
            return 502, {}, b"origin DNS error"
        started = time.monotonic()
        if self._network.is_dark(endpoint.region):
            await asyncio.sleep(connect_s * attempts)
            return 504, {}, b"origin connect timeout"
        try:
            answer = await asyncio.wait_for(
                self._ask(
                    endpoint,
                    domain,
                    custom,
                    method,
                    str(origin.get("originPath") or "") + target,
                    headers,
                    body,
                ),
                read_s,
            )
        except TimeoutError:
            return 504, {}, b"origin read timeout"
        except (aiohttp.ClientError, OSError):
            return 502, {}, b"origin connection failed"
        if self._network.is_dark(endpoint.region):  # the answer never made it out of the region
            await asyncio.sleep(max(0.0, read_s - (time.monotonic() - started)))
            return 504, {}, b"origin read timeout"
        return answer

    async def _ask(
        self,
        endpoint: Endpoint,
        domain: str,
        custom: dict[str, Any],
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
    ) -> tuple[int, dict[str, str], bytes]:
        assert self._client is not None
        secure = custom.get("originProtocolPolicy") == "https-only"
        if secure != endpoint.tls:
            raise aiohttp.ClientConnectionError("the origin does not listen with this protocol")
        scheme = "https" if secure else "http"
        async with self._client.request(
            method,
            f"{scheme}://{endpoint.host}:{endpoint.port}{target}",
            data=body or None,
            headers={**headers, "Host": domain},
            allow_redirects=False,
            ssl=self._tls if secure else False,
            server_hostname=domain if secure else None,
        ) as answer:
            content = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
            return answer.status, kept, content

    # -- answers --

    def _distribution(self, host: str) -> Resource | None:
        at, known = self._cached
        if time.monotonic() - at > _CONFIG_TTL_S:
            known = self._state.find(DISTRIBUTION, status="ready")
            self._cached = (time.monotonic(), known)
        return next(
            (d for d in known if host in (d.get("domainName"), *(d.inputs.get("aliases") or []))), None
        )

    def _generated(self, result: dict[str, Any]) -> web.Response:
        headers = {name: str(item["value"]) for name, item in (result.get("headers") or {}).items()}
        body = result.get("body") or ""
        text = body if isinstance(body, str) else str(body.get("data", ""))
        return self._answer(
            int(result["statusCode"]),
            text.encode(),
            {**headers, "X-Cache": "FunctionGeneratedResponse from cloudfront"},
        )

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> web.Response:
        names = {name.lower() for name in headers}
        if "content-type" not in names:
            headers = {**headers, "Content-Type": "text/plain; charset=utf-8"}
        return web.Response(status=status, body=body, headers=headers)
