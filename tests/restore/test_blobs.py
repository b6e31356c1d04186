"""blobs.py, lease.py and jobs.py against Azurite: conditions, streams, appends, leases, and a network that is cut."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from restore import blobs
from restore.blobs import Container, open_container
from restore.errors import (
    AlreadyExists,
    Changed,
    ConfigurationError,
    LeaseHeld,
    Refused,
    Unauthorized,
    Unreachable,
)
from restore.jobs import Progress
from restore.models import TableDigest
from restore.upload import BLOCK, BlockUpload
from tests.restore.conftest import QUICK, Azurite


def test_write_once_and_guarded_overwrites(container: Container) -> None:
    assert container.read("a") is None and container.stat("a") is None
    etag = container.write("a", b"one")
    with pytest.raises(AlreadyExists):
        container.write("a", b"two")
    later = container.write("a", b"two", if_match=etag)
    with pytest.raises(Changed):
        container.write("a", b"three", if_match=etag)
    assert container.read_with_etag("a") == (b"two", later)
    container.write("a", b"four", overwrite=True)
    assert [(blob.name, blob.size) for blob in container.list("")] == [("a", 4)]


def test_a_stream_is_whole_in_order_and_of_one_version(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "RANGE", 1000)
    data = secrets.token_bytes(10_500)
    container.write("big", data)
    info = container.stat("big")
    assert info is not None
    assert b"".join(container.stream(info)) == data
    pieces = container.stream(info)
    next(pieces)
    container.write("big", data[::-1], overwrite=True)
    with pytest.raises(Changed):
        list(pieces)


def test_the_journal_grows_by_whole_records_only(container: Container) -> None:
    first = container.append("journal/7", b"one\n")
    assert first == 4
    assert container.append("journal/7", b"two\n", at=first) == 8
    with pytest.raises(Changed):
        container.append("journal/7", b"three\n", at=first)  # another process wrote "two" meanwhile
    assert container.read("journal/7") == b"one\ntwo\n"


def test_a_lease_keeps_others_out_and_names_its_holder(container: Container) -> None:
    with container.lease("locks/x", what="the first") as lease:
        lease.check()
        with pytest.raises(LeaseHeld, match=r"the first on .* \(pid \d+\) since 20"):
            container.lease("locks/x", what="the second")
        container.append("journal/8", b"ok\n")
    with pytest.raises(Refused, match="lost"):
        lease.check()
    container.lease("locks/x", what="the second").release()


def test_a_lease_that_ran_out_while_frozen_is_noticed(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = container.lease("locks/y", what="slow", duration_s=15)
    lease.check()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 16)
    with pytest.raises(Refused, match="lost"):
        lease.check()
    monkeypatch.undo()
    lease.release()


def test_progress_is_read_as_written(container: Container) -> None:
    assert Progress.read(container, "7") is None
    now = datetime.now(UTC)
    written = Progress(
        run="7",
        job="restore",
        started_at=now,
        updated_at=now,
        tables={"t": TableDigest(1, "a")},
        phase="loading",
    )
    written.write(container)
    written.write(container)
    assert Progress.read(container, "7") == written


def test_urls(azurite: Azurite) -> None:
    for wrong in (
        "",
        "ftp://x/y",
        "https://x.blob.core.windows.net",
        "https://x.blob.core.windows.net/c?sig=canary",
    ):
        with pytest.raises(ConfigurationError) as caught:
            open_container(wrong, env=azurite.env)
        assert "canary" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="loopback"):
        open_container("http://example.org/c", env=azurite.env)


def test_a_wrong_key_is_told_as_such(container_url: str) -> None:
    stranger = open_container(container_url, env={"AZURE_STORAGE_KEY": "d3Jvbmc="}, limits=QUICK)
    with pytest.raises(Unauthorized, match="credentials") as caught:
        stranger.read("a")
    assert "d3Jvbmc" not in str(caught.value) and caught.value.next_step


class FlakyWire:
    """A TCP forwarder that can be cut: open connections die and new ones are dropped."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut = threading.Event()
        self.cuts_after = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut_for_good(self) -> None:
        self.cut.set()
        self._drop()

    def close(self) -> None:
        self._listener.close()
        self._drop()

    def _drop(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.cut.is_set():
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._behind))
            self._open += [client, server]
            for a, b, counted in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=[a, b, counted], daemon=True).start()

    def _pump(self, a: socket.socket, b: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
                if counted and self.cuts_after:
                    self.cuts_after = max(0, self.cuts_after - len(data))
                    if not self.cuts_after:
                        self.cut.set()
                        self._drop()
                        threading.Timer(0.5, self.cut.clear).start()
        with contextlib.suppress(OSError):
            b.shutdown(socket.SHUT_WR)


@pytest.fixture
def wire(azurite: Azurite) -> Iterator[FlakyWire]:
    wire = FlakyWire(int(azurite.url.split(":")[2].split("/")[0]))
    yield wire
    wire.close()


def test_f01_a_cut_network_costs_a_block_not_the_upload(
    azurite: Azurite, container: Container, container_url: str, wire: FlakyWire
) -> None:
    through = open_container(
        f"http://127.0.0.1:{wire.port}/planbtest/{container_url.rpartition('/')[2]}",
        env=azurite.env,
        limits=QUICK,
    )
    data = secrets.token_bytes(BLOCK * 3 + 12345)
    up = BlockUpload(through, "cut")
    wire.cuts_after = BLOCK * 3 // 2
    for start in range(0, len(data), 1 << 20):
        up.write(data[start : start + (1 << 20)])
    up.finish()
    assert not wire.cuts_after, "the network was never cut"
    assert container.stat("cut") is None
    up.commit()
    up.close()
    assert container.read("cut") == data


def test_f01_a_network_that_stays_cut_publishes_nothing(
    azurite: Azurite, container: Container, container_url: str, wire: FlakyWire
) -> None:
    through = open_container(
        f"http://127.0.0.1:{wire.port}/planbtest/{container_url.rpartition('/')[2]}",
        env=azurite.env,
        limits=QUICK,
    )
    up = BlockUpload(through, "lost")
    up.write(secrets.token_bytes(BLOCK))
    wire.cut_for_good()
    with pytest.raises(Unreachable, match="does not answer"):
        up.write(secrets.token_bytes(BLOCK))
        up.finish()
    up.close()
    assert container.stat("lost") is None
