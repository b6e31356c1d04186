"""A blob that grows by blocks and appears whole or not at all; bounded memory and concurrency, no temporary file."""

from __future__ import annotations

import base64
import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from restore.errors import UploadFailed

if TYPE_CHECKING:
    from restore.blobs import Container

BLOCK = 8 * 1024 * 1024
"""Bytes of a block; storage takes 50,000, so a blob may have 390 GiB."""
IN_FLIGHT = 3
MOST_BLOCKS = 50_000


class BlockUpload:
    """Write bytes, then `commit`. Without a commit nothing becomes visible and storage forgets the blocks in a week."""

    def __init__(self, container: Container, name: str, stop: threading.Event | None = None) -> None:
        self.bytes = 0
        self._container = container
        self._name = name
        self._stop = stop or threading.Event()
        self._abort = threading.Event()
        self._hash = hashlib.sha256()
        self._rest = bytearray()
        self._ids: list[str] = []
        self._slots = threading.BoundedSemaphore(IN_FLIGHT)
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="block-upload")
        self._pending: list[Future[None]] = []

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        """Take bytes; waits while enough blocks are on their way.

        Raises:
            DataPlaneError: an earlier block failed for good.
        """
        self._hash.update(data)
        self.bytes += len(data)
        self._rest += data
        while len(self._rest) >= BLOCK:
            block = bytes(self._rest[:BLOCK])
            del self._rest[:BLOCK]
            self._send(block)

    def finish(self) -> None:
        """Send what is left and wait until storage has every block; still nothing is visible."""
        if self._rest:
            self._send(bytes(self._rest))
            self._rest.clear()
        for future in self._pending:
            future.result()
        self._pending.clear()

    def commit(self) -> None:
        """Make the blob visible; `finish` must have returned.

        Raises:
            AlreadyExists: there is another blob of that name.
            UploadFailed: storage has not what we sent.
        """
        self._container.commit_blocks(self._name, self._ids, fingerprint=self.sha256)
        stored = self._container.stat(self._name)
        if stored is None or stored.size != self.bytes:
            size = stored.size if stored else 0
            raise UploadFailed(
                f"storage has {size} of {self.bytes} bytes", where=f"{self._container}/{self._name}"
            )

    def close(self) -> None:
        """Stop sending; blocks on their way are given up at their next retry."""
        self._abort.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _send(self, block: bytes) -> None:
        if len(self._ids) == MOST_BLOCKS:
            raise UploadFailed(
                f"more than {MOST_BLOCKS} blocks of {BLOCK} bytes", where=f"{self._container}/{self._name}"
            )
        self._slots.acquire()
        failed = [future for future in self._pending if future.done() and future.exception()]
        if failed:
            self._slots.release()
            failed[0].result()
        self._pending = [future for future in self._pending if not future.done()]
        block_id = base64.b64encode(f"{len(self._ids):08d}".encode()).decode()
        self._ids.append(block_id)
        self._pending.append(self._pool.submit(self._stage, block_id, block))

    def _stage(self, block_id: str, block: bytes) -> None:
        try:
            self._container.stage_block(self._name, block_id, block, stop=self._abort)
        finally:
            self._slots.release()
