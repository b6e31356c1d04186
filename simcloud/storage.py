"""Storage accounts: one Azurite a piece, reached by their real names, and their static websites.

Azurite speaks HTTPS with a certificate for `<account>.blob.core.windows.net` and takes bearer tokens
(`--oauth basic`). Its account key is random and never given out; the control plane itself uses it.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ContentSettings, PublicAccess

from simcloud.kinds import CloudError
from simcloud.network import Network
from simcloud.processes import alive, end_group, kill_recorded
from simcloud.state import State
from simcloud.tlsserver import TlsServer

_SCOPE = "storage:accounts"
START_TIMEOUT_S = 30.0
WEB = "$web"


class StorageAccounts:
    """All storage accounts of one simulation; thread-safe."""

    def __init__(self, directory: Path, state: State, network: Network) -> None:
        self._dir = directory / "azurite"
        self._dir.mkdir(parents=True, exist_ok=True)
        self._state, self._network = state, network
        self._lock = threading.RLock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._sites: dict[str, StaticSite] = {}

    # -- what kinds use --

    def create(self, account: str, *, region: str, shared_key: bool = False) -> None:
        """Starts an Azurite for the account and publishes its names; returns when it answers."""
        record = {
            "region": region,
            "key": base64.b64encode(secrets.token_bytes(64)).decode(),
            "address": self._network.loopback_address(),
            "shared_key": shared_key,
        }
        self._state.kv_put(_SCOPE, account, record)
        self._start(account)

    def delete(self, account: str) -> None:
        self._stop(account)
        self._state.kv_delete(_SCOPE, account)
        for name in (self.blob_host(account), self.web_host(account)):
            self._network.unpublish(name)
        shutil.rmtree(self._dir / account, ignore_errors=True)

    def exists(self, account: str) -> bool:
        return self._state.kv_get(_SCOPE, account) is not None

    def create_container(self, account: str, name: str, public: bool = False) -> None:
        access = PublicAccess.CONTAINER if public else None
        try:
            self.service(account).create_container(name, public_access=access)
        except ResourceExistsError:
            raise CloudError("ContainerAlreadyExists", "The specified container already exists.") from None

    def delete_container(self, account: str, name: str) -> None:
        try:
            self.service(account).delete_container(name)
        except ResourceNotFoundError:
            return

    def holds_blobs(self, account: str, container: str) -> bool:
        try:
            return (
                next(iter(self.service(account).get_container_client(container).list_blobs()), None)
                is not None
            )
        except ResourceNotFoundError:
            return False

    def enable_static_website(self, account: str, index: str, error_404: str) -> None:
        """From now on `<account>.z12.web.core.windows.net` serves the container `$web`."""
        record = self._record(account)
        with contextlib.suppress(ResourceExistsError):
            self.service(account).create_container(WEB)  # as Azure does when the website is switched on
        record["website"] = {"index": index, "error_404": error_404}
        self._state.kv_put(_SCOPE, account, record)
        self._start_site(account)

    def disable_static_website(self, account: str) -> None:
        record = self._record(account)
        record.pop("website", None)
        self._state.kv_put(_SCOPE, account, record)
        site = self._sites.pop(account, None)
        if site:
            site.stop()
        self._network.unpublish(self.web_host(account))

    def put_blob(self, account: str, container: str, name: str, data: bytes, content_type: str = "") -> None:
        settings = ContentSettings(content_type=content_type or "application/octet-stream")
        client = self.service(account).get_blob_client(container, name)
        client.upload_blob(data, overwrite=True, content_settings=settings)

    def delete_blob(self, account: str, container: str, name: str) -> None:
        try:
            self.service(account).get_blob_client(container, name).delete_blob()
        except ResourceNotFoundError:
            return

    def read_blob(self, account: str, container: str, name: str) -> tuple[bytes, str] | None:
        """(content, content type), or None."""
        try:
            stream = self.service(account).get_blob_client(container, name).download_blob()
        except ResourceNotFoundError:
            return None
        return stream.readall(), stream.properties.content_settings.content_type or "application/octet-stream"

    @staticmethod
    def blob_host(account: str) -> str:
        return f"{account}.blob.core.windows.net"

    @staticmethod
    def web_host(account: str) -> str:
        return f"{account}.z12.web.core.windows.net"

    def service(self, account: str) -> BlobServiceClient:
        """The control plane's own client, by key, past proxy and darkness."""
        record = self._record(account)
        transport = RequestsTransport(
            connection_verify=str(self._network.ca_file),
            use_env_settings=False,
            connection_timeout=5,
            read_timeout=60,
        )
        return BlobServiceClient(
            f"https://{record['address']}:{record['port']}/{account}",
            credential={"account_name": account, "account_key": record["key"]},
            transport=transport,
        )

    # -- life --

    def start_all(self) -> None:
        for account in self._state.kv_items(_SCOPE):
            kill_recorded(self._dir / account / "pid", "azurite")
            self._start(account)

    def stop_all(self) -> None:
        for account in list(self._processes):
            self._stop(account)

    def _record(self, account: str) -> dict[str, Any]:
        record = self._state.kv_get(_SCOPE, account)
        if record is None:
            raise CloudError("ResourceNotFound", f"The storage account {account} was not found.")
        return record

    def _start(self, account: str) -> None:
        with self._lock:
            if alive(self._processes.get(account)):
                return
            record = self._record(account)
            program = shutil.which("azurite-blob")
            if program is None:
                raise CloudError("InternalError", "no azurite-blob on PATH: run make setup")
            home = self._dir / account
            home.mkdir(exist_ok=True)
            port = _free_port(record["address"])
            files = self._network.certificate(self.blob_host(account), record["address"])
            with (home / "azurite.log").open("ab") as log:
                process = subprocess.Popen(
                    [
                        program,
                        *(
                            "--blobHost",
                            record["address"],
                            "--blobPort",
                            str(port),
                            "--location",
                            str(home / "data"),
                        ),
                        *("--cert", str(files.cert), "--key", str(files.key), "--oauth", "basic"),
                        *("--skipApiVersionCheck", "--disableTelemetry", "--silent"),
                    ],
                    env={**os.environ, "AZURITE_ACCOUNTS": f"{account}:{record['key']}"},
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            (home / "pid").write_text(str(process.pid))
            self._processes[account] = process
            record["port"] = port
            self._state.kv_put(_SCOPE, account, record)
            self._wait(account, record["address"], port, process)
            self._network.publish(
                self.blob_host(account), record["address"], port, region=record["region"], tls=True
            )
            if record.get("website"):
                self._start_site(account)

    def _wait(self, account: str, address: str, port: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        end_group(process, now=True)
        log = (self._dir / account / "azurite.log").read_text(errors="replace")[-800:]
        raise RuntimeError(f"Azurite for {account} did not start: {log}")

    def _start_site(self, account: str) -> None:
        record = self._record(account)
        old = self._sites.pop(account, None)
        if old:
            old.stop()
        context = self._network.authority.server_context(self.web_host(account))
        site = StaticSite(self, account, record["website"], context)
        self._sites[account] = site
        self._network.publish(
            self.web_host(account), "127.0.0.1", site.port, region=record["region"], tls=True
        )

    def _stop(self, account: str) -> None:
        site = self._sites.pop(account, None)
        if site:
            site.stop()
        process = self._processes.pop(account, None)
        if process is not None:
            end_group(process)


class StaticSite:
    """The static website of one account: GET and HEAD only, an index, a 404 document, as Azure's."""

    def __init__(
        self, accounts: StorageAccounts, account: str, website: dict[str, str], tls: ssl.SSLContext
    ) -> None:
        self._accounts, self._account, self._website = accounts, account, website
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.answer(self, body=True)

            def do_HEAD(self) -> None:
                site.answer(self, body=False)

            def refuse(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                site.send(self, 405, b"", "text/plain", body=False)

            do_POST = do_PUT = do_PATCH = do_DELETE = refuse

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: the edge logs requests."""

        self._server = TlsServer(("127.0.0.1", 0), Handler)
        self._server.tls = tls
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name=f"web-{account}", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        path = request.path.split("?", 1)[0].lstrip("/")
        index = self._website["index"]
        candidates = [path] if path and not path.endswith("/") else [path + index]
        found = next(
            (f for name in candidates if (f := self._accounts.read_blob(self._account, WEB, name))), None
        )
        if found:
            self.send(request, 200, *found, body=body)
            return
        missing = self._accounts.read_blob(self._account, WEB, self._website["error_404"])
        content, kind = missing or (b"The requested content does not exist.", "text/plain")
        self.send(request, 404, content, kind, body=body)

    def send(
        self, request: BaseHTTPRequestHandler, status: int, content: bytes, kind: str, *, body: bool
    ) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if body:
            request.wfile.write(content)


def _free_port(address: str) -> int:
    """443 where we may bind it, else any; clients come by name through the proxy and never see it."""
    for port in (443, 0):
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError(f"no free port on {address}")
