"""upload.py: bytes arrive in order, never more than a few blocks are held, a failure shows at once."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from restore import upload
from restore.blobs import BlobInfo, Container
from restore.errors import Unreachable, UploadFailed
from restore.models import StoredData
from restore.upload import BlockUpload


class Store:
    """Blocks in memory; can be slow or broken."""

    def __init__(self, *, fails_at: int = -1, delay_s: float = 0.0) -> None:
        self.blocks: dict[str, bytes] = {}
        self.committed: bytes | None = None
        self.inflight = self.most = 0
        self._fails_at, self._delay = fails_at, delay_s
        self._lock = threading.Lock()

    def stage_block(self, name: str, block_id: str, data: bytes, *, stop: threading.Event) -> None:
        with self._lock:
            self.inflight += 1
            self.most = max(self.most, self.inflight)
            number = len(self.blocks)
            self.blocks[block_id] = data
        time.sleep(self._delay)
        with self._lock:
            self.inflight -= 1
        if number == self._fails_at:
            raise Unreachable("gone")

    def commit_blocks(self, name: str, block_ids: list[str], *, fingerprint: str) -> None:
        self.committed = b"".join(self.blocks[one] for one in block_ids)

    def stat(self, name: str) -> BlobInfo | None:
        return cast(
            Any, None if self.committed is None else type("Info", (), {"size": len(self.committed)})()
        )


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "BLOCK", 10)


def _upload(store: Store) -> BlockUpload:
    return BlockUpload(cast(Container, store), "b")


def test_bytes_arrive_whole_and_in_order() -> None:
    store = Store(delay_s=0.001)
    up = _upload(store)
    data = bytes(range(256)) * 3
    for start in range(0, len(data), 7):
        up.write(data[start : start + 7])
    up.finish()
    assert store.committed is None, "nothing is visible before the commit"
    up.commit()
    up.close()
    assert store.committed == data and up.bytes == len(data)
    assert store.most <= upload.IN_FLIGHT
    StoredData(blob="b", bytes=up.bytes, sha256=up.sha256, plain_bytes=1, plain_sha256=up.sha256)


def test_a_failed_block_stops_the_upload() -> None:
    store = Store(fails_at=2)
    up = _upload(store)
    with pytest.raises(Unreachable):
        for _ in range(100):
            up.write(b"x" * 10)
            time.sleep(0.002)
    up.close()
    assert store.committed is None and len(store.blocks) < 20


def test_a_late_failure_shows_at_the_end() -> None:
    up = _upload(Store(fails_at=0, delay_s=0.05))
    up.write(b"x" * 10)
    with pytest.raises(Unreachable):
        up.finish()
    up.close()


def test_storage_that_lost_bytes_is_not_believed() -> None:
    store = Store()
    up = _upload(store)
    up.write(b"x" * 25)
    up.finish()
    store.blocks.popitem()
    store.commit_blocks = lambda name, block_ids, *, fingerprint: setattr(store, "committed", b"x")  # type: ignore[method-assign]
    with pytest.raises(UploadFailed, match="1 of 25"):
        up.commit()
    up.close()


def test_too_many_blocks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MOST_BLOCKS", 3)
    up = _upload(Store())
    with pytest.raises(UploadFailed, match="more than 3"):
        up.write(b"x" * 50)
    up.close()
