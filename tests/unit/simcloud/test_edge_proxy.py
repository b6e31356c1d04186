"""The embedded edge with the real functions in Node: which origin gets what, in which mode, with which headers."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simcloud.edge import kvs
from simcloud.edge.proxy import Edge
from simcloud.kinds import Resource
from simcloud.network import Network
from simcloud.state import State

SOURCES = Path(__file__).parents[3] / "edge"
STORE = "arn:aws:cloudfront::123456789012:key-value-store/1"
HOST, ALIAS, ALB, GATEWAY = "d1.cloudfront.net", "bank.example.com", "alb.example.com", "gw.example.com"
SECRET = "X-PlanB-Origin-Key"


def put(state: State, token: str, id_: str, inputs: dict[str, Any], **outputs: Any) -> None:
    urn = f"urn:pulumi:prod::planb::{token}::{id_}"
    state.put(Resource(urn, token, id_, "aws", "global", inputs, outputs, "ready", time.time()))


def function(state: State, name: str, **more: Any) -> dict[str, str]:
    code = (SOURCES / f"{name}.js").read_text(encoding="utf-8")
    put(state, "aws:cloudfront/function:Function", name, {"code": code, **more}, arn=name)
    return {"eventType": "viewer-request", "functionArn": name}


def distribution(state: State) -> None:
    everything = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    common = {"targetOriginId": "aws-alb", "allowedMethods": everything}
    custom = {"originProtocolPolicy": "http-only", "originReadTimeout": 5}
    router = function(state, "router", keyValueStoreAssociations=[STORE])
    headers = {"frameOptions": {"frameOption": "DENY", "override": True}}
    put(
        state,
        "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
        "p",
        {"securityHeadersConfig": headers},
    )
    inputs = {
        "enabled": True,
        "aliases": [ALIAS],
        "origins": [
            {
                "originId": "aws-alb",
                "domainName": ALB,
                "customHeaders": [{"name": SECRET, "value": "secret"}],
                "customOriginConfig": custom,
            }
        ],
        "defaultCacheBehavior": {
            **common,
            "responseHeadersPolicyId": "p",
            "functionAssociations": [router],
        },
        "orderedCacheBehaviors": [
            {
                **common,
                "pathPattern": "/planb/health/aws",
                "allowedMethods": ["GET", "HEAD"],
                "functionAssociations": [function(state, "health")],
            }
        ],
    }
    put(state, "aws:cloudfront/distribution:Distribution", "E1", inputs, domainName=HOST)


@dataclass
class Origin:
    """Says what it was asked."""

    asked: list[web.Request] = field(default_factory=list[web.Request])

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        return web.Response(text='{"status":"UP"}', headers={"X-Frame-Options": "SAMEORIGIN"})

    def last(self) -> tuple[str, str | None]:
        """Path and the secret that came with it."""
        return self.asked[-1].path_qs, self.asked[-1].headers.get(SECRET)


Ask = Callable[..., Awaitable[tuple[int, dict[str, str], str]]]


@asynccontextmanager
async def edge(state: State, directory: Path, origins: dict[str, Origin]) -> AsyncGenerator[Ask]:
    network = Network(directory, state)
    runners: list[web.AppRunner] = []
    for name, origin in origins.items():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", origin.answer)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        site = web.TCPSite(runners[-1], "127.0.0.1", 0)
        await site.start()
        port = int(site._server.sockets[0].getsockname()[1])  # type: ignore[union-attr]
        network.publish(name, "127.0.0.1", port, region="r", tls=False)
    server = Edge(state, network)
    port = await server.start()
    trusted = ssl.create_default_context(cafile=str(network.ca_file))

    async def ask(path: str, method: str = "GET", host: str = HOST) -> tuple[int, dict[str, str], str]:
        url = f"https://127.0.0.1:{port}{path}"
        given: Any = {"ssl": trusted, "server_hostname": host, "headers": {"Host": host}}
        async with aiohttp.ClientSession() as client, client.request(method, url, **given) as answer:
            return answer.status, dict(answer.headers), await answer.text()

    try:
        yield ask
    finally:
        await server.stop()
        for runner in runners:
            await runner.cleanup()


def write(state: State, **keys: str) -> None:
    for key, value in keys.items():
        kvs.put(state, STORE, key, value, 0.0)


@pytest.fixture
def state() -> State:
    made = State(":memory:")
    kvs.create(made, STORE)
    distribution(made)
    return made


def test_each_mode_asks_its_origin(state: State, tmp_path: Path) -> None:
    alb, gateway = Origin(), Origin()

    async def whole() -> None:
        async with edge(state, tmp_path, {ALB: alb, GATEWAY: gateway}) as ask:
            write(state, mode="aws", azureHost=GATEWAY)
            status, headers, _ = await ask("/a?b=c", "POST", ALIAS)
            assert (status, headers["X-Frame-Options"]) == (200, "DENY")
            assert alb.last() == ("/a?b=c", "secret")
            write(state, mode="azure")
            assert (await ask("/a?b=c", "POST"))[0] == 200
            assert gateway.last() == ("/a?b=c", None), "the load balancer's secret is not Azure's to know"
            write(state, mode="maintenance")
            assert (await ask("/a", "POST"))[0] == 503
            assert (len(alb.asked), len(gateway.asked)) == (1, 1)

    asyncio.run(whole())


@pytest.mark.parametrize("mode", ["aws", "azure", "maintenance"])
def test_the_probe_asks_aws_in_every_mode(state: State, tmp_path: Path, mode: str) -> None:
    alb, gateway = Origin(), Origin()

    async def whole() -> None:
        async with edge(state, tmp_path, {ALB: alb, GATEWAY: gateway}) as ask:
            write(state, mode=mode, azureHost=GATEWAY)
            status, _, text = await ask("/planb/health/aws?x=1")
            assert (status, '"status":"UP"' in text) == (200, True)
            assert alb.last() == ("/actuator/health", "secret")
            assert not gateway.asked
            assert (await ask("/planb/health/aws", "POST"))[0] == 403

    asyncio.run(whole())


def test_a_name_without_a_certificate_is_refused_by_clients(state: State, tmp_path: Path) -> None:
    async def whole() -> None:
        async with edge(state, tmp_path, {}) as ask:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await ask("/", host="other.example.com")

    asyncio.run(whole())
