"""The network between everything: names, a forward proxy that resolves them, and regions that go dark.

Clients reach simulated names by the standard HTTP_PROXY and HTTPS_PROXY variables. The proxy knows only names
that were published; a name of a dark region swallows connections until the client gives up, as a dead region does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from simcloud.certificates import Authority, CertFiles
from simcloud.state import State

_NAMES = "network:names"
_ADDRESSES = "network:addresses"
_CHUNK = 65536


@dataclass(frozen=True)
class Endpoint:
    """Where a name really is; `region` decides when it is dark."""

    host: str
    port: int
    region: str
    tls: bool


class Network:
    """Name table, certificate authority, proxy. Thread-safe; the proxy runs in a thread of its own."""

    def __init__(self, directory: Path, state: State) -> None:
        self._state = state
        self._authority = Authority(directory)
        self._dark: set[str] = set()
        self._lock = threading.Lock()
        self._tunnels: dict[asyncio.StreamWriter, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self.proxy_port = 0
        self.edge_endpoint: tuple[str, int] = ("127.0.0.1", 0)
        self.alb_endpoint: tuple[str, int] = ("127.0.0.1", 0)
        self.alb_tls_endpoint: tuple[str, int] = ("127.0.0.1", 0)
        self.appgw_endpoint: tuple[str, int] = ("127.0.0.1", 0)
        self._subnet = self._own_subnet()

    # -- life --

    def start(self) -> None:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self._server = started.result(10)
        self.proxy_port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        async def close() -> None:
            if self._server:
                self._server.close()
            for writer in list(self._tunnels):
                writer.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    # -- names --

    def publish(self, name: str, host: str, port: int, *, region: str, tls: bool) -> None:
        """From now on `name` is at this address. Port 0 means: ask `resolve` each time for the role's endpoint."""
        self._state.kv_put(_NAMES, name.lower(), {"host": host, "port": port, "region": region, "tls": tls})

    def unpublish(self, name: str) -> None:
        self._state.kv_delete(_NAMES, name.lower())

    def resolve(self, name: str, port: int | None = None) -> Endpoint | None:
        """The endpoint of a published name. Roles (`edge`, `alb`, `appgw` as host) follow our own listeners.

        Only a load balancer listens on two ports; other names have one, whatever port is asked for.
        """
        entry = self._state.kv_get(_NAMES, name.lower())
        if entry is None:
            return None
        if entry["host"] == "alb" and port == 443:
            return Endpoint(*self.alb_tls_endpoint, entry["region"], tls=True)
        roles = {"edge": self.edge_endpoint, "alb": self.alb_endpoint, "appgw": self.appgw_endpoint}
        host, port = roles.get(entry["host"], (entry["host"], entry["port"]))
        return Endpoint(host, port, entry["region"], entry["tls"])

    # -- certificates --

    def certificate(self, *names: str) -> CertFiles:
        return self._authority.issue(*names)

    @property
    def authority(self) -> Authority:
        return self._authority

    @property
    def ca_file(self) -> Path:
        return self._authority.ca_file

    @property
    def ca_bundle(self) -> Path:
        return self._authority.bundle

    @property
    def proxy_url(self) -> str:
        return f"http://127.0.0.1:{self.proxy_port}"

    # -- addresses --

    def _own_subnet(self) -> str:
        """A /24 of 127/8 that no other daemon on this machine uses; kept over restarts where possible."""
        wanted = self._state.kv_get(_ADDRESSES, "subnet")
        candidates = ([str(wanted)] if wanted else []) + [f"127.77.{n}" for n in range(1, 255)]
        for subnet in candidates:
            guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                guard.bind((f"{subnet}.1", 47077))
                guard.listen(1)
            except OSError:
                guard.close()
                continue
            self._guard = guard  # held as long as the daemon lives
            if wanted not in (None, subnet):
                raise RuntimeError(
                    f"{wanted}.0/24 is in use by another PlanB simulation; stop it: planb sim stop"
                )
            self._state.kv_put(_ADDRESSES, "subnet", subnet)
            return subnet
        raise RuntimeError("no free loopback subnet 127.77.x.0/24: too many simulations run here")

    def loopback_address(self) -> str:
        """A fresh address for a server of its own, never given out twice in this state directory."""
        with self._state.exclusive():
            number = int(self._state.kv_get(_ADDRESSES, "next") or 10)
            self._state.kv_put(_ADDRESSES, "next", number + 1)
        if number > 254:
            raise RuntimeError(
                "this simulation has used up its loopback addresses; start a new one: planb sim stop"
            )
        return f"{self._subnet}.{number}"

    # -- darkness --

    def is_dark(self, region: str) -> bool:
        with self._lock:
            return region in self._dark

    def set_dark(self, region: str, dark: bool) -> None:
        """New connections hang; those that exist are cut, since the other end is gone."""
        with self._lock:
            (self._dark.add if dark else self._dark.discard)(region)
        if dark:
            self._loop.call_soon_threadsafe(self._cut, region)

    def _cut(self, region: str) -> None:
        for writer, where in list(self._tunnels.items()):
            if where == region:
                writer.transport.abort()

    # -- the forward proxy --

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._request(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that goes away is no event
        finally:
            self._tunnels.pop(writer, None)
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            rest = b""
        else:
            parts = urlsplit(target)
            host, port = parts.hostname or "", str(parts.port or 80)
            path = parts.path or "/"
            line = f"{method} {path}{'?' + parts.query if parts.query else ''} HTTP/1.1\r\n".encode()
            headers = [
                h
                for h in head.split(b"\r\n")[1:]
                if h and not h.lower().startswith((b"proxy-", b"connection:"))
            ]
            rest = line + b"\r\n".join([*headers, b"Connection: close", b"", b""])
        endpoint = self._target(host, int(port))
        if endpoint is None:
            reason = f"the simulated network has no name {host}\n".encode()
            writer.write(
                b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(reason)
                + reason
            )
            await writer.drain()
            return
        self._tunnels[writer] = endpoint.region
        while self.is_dark(endpoint.region):
            if reader.at_eof():
                return
            await asyncio.sleep(0.2)
        try:
            far_reader, far_writer = await asyncio.open_connection(endpoint.host, endpoint.port)
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        self._tunnels[far_writer] = endpoint.region
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.drain()
            else:
                far_writer.write(rest)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._tunnels.pop(far_writer, None)
            far_writer.close()

    def _target(self, host: str, port: int) -> Endpoint | None:
        if host.startswith("127.") or host == "localhost":
            return Endpoint(host, port, "", False)
        return self.resolve(host, port)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        writer.transport.abort()
        return
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
