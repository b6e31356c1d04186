"""Reads a whole backup and proves that it is what was written, before anything trusts it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, cast

from restore import catalog
from restore.errors import Changed, CorruptBackup, MissingBackup
from restore.models import DATA_SUFFIX, MANIFEST_SUFFIX, Manifest

if TYPE_CHECKING:
    from restore.blobs import BlobInfo, Container
    from restore.catalog import BackupSet

TRAILER = b"\n-- Dump completed"
TAIL = 256
"""The trailer lies within so many last bytes of a dump."""
PIECE = 1024 * 1024
"""Bytes handled at once, packed and unpacked."""


def verify_backup(
    container: Container,
    backup: BackupSet | str,
    *,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Download all of it and compare sizes, both sha256 and the dump's trailer with the manifest.

    Args:
        backup: from the catalogue, or a name.
        progress: called with the number of compressed bytes checked so far.

    Raises:
        MissingBackup: data or manifest is not there.
        CorruptBackup: anything differs from what was written.
    """
    manifest, info = sound(container, backup)
    for _ in plain_stream(container, manifest, info, progress=progress, stop=stop):
        pass


def sound(container: Container, backup: BackupSet | str) -> tuple[Manifest, BlobInfo]:
    """Manifest and data blob of a backup, read afresh from storage, sizes compared. A quarantined one is accepted:
    who names it wants it.

    Raises:
        MissingBackup, CorruptBackup: as `verify_backup`.
    """
    name = backup if isinstance(backup, str) else backup.name
    found = catalog.find(container, name)
    where = f"{container}/{found.name}"
    if found.manifest is None and found.state == "suspect":
        raise _corrupt(where + MANIFEST_SUFFIX, found.reason)
    if found.manifest is None or found.data is None:
        missing = MANIFEST_SUFFIX if found.manifest is None else DATA_SUFFIX
        raise MissingBackup(
            found.reason,
            where=where + missing,
            meaning="This backup is not complete; nothing was restored from it.",
            next_step="Use the backup before it (planb backup list).",
        )
    if found.state == "suspect" and found.manifest.quarantine != found.reason:
        raise _corrupt(where, found.reason)
    return found.manifest, found.data


def plain_stream(
    container: Container,
    manifest: Manifest,
    info: BlobInfo,
    *,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Iterator[bytes]:
    """The decompressed dump, checked while it flows; the last check is made before the iterator ends.

    Raises:
        CorruptBackup: at the latest after the last byte.
    """
    import zstandard

    where = f"{container}/{info.name}"
    packed = _Hashed(container.stream(info, stop=stop), progress)
    plain = hashlib.sha256()
    plain_bytes = 0
    tail = b""
    try:
        # A reader hands out bounded pieces, however well a piece of the input was compressed.
        with zstandard.ZstdDecompressor().stream_reader(cast("IO[bytes]", packed), read_size=PIECE) as reader:
            while piece := reader.read(PIECE):
                plain.update(piece)
                plain_bytes += len(piece)
                if plain_bytes > manifest.data.plain_bytes:
                    raise _corrupt(where, "it unpacks to more bytes than were dumped")
                tail = (tail + piece[-TAIL:])[-TAIL:]
                yield piece
        packed.drain()
    except zstandard.ZstdError as problem:
        raise _corrupt(where, f"it cannot be unpacked ({problem})") from None
    except (Changed, MissingBackup) as problem:
        raise _corrupt(where, f"it changed while it was read ({problem.what})") from None
    if packed.bytes != manifest.data.bytes or packed.hexdigest() != manifest.data.sha256:
        raise _corrupt(where, "its sha256 is not the manifest's")
    if plain_bytes != manifest.data.plain_bytes or plain.hexdigest() != manifest.data.plain_sha256:
        raise _corrupt(where, "the unpacked dump's sha256 is not the manifest's")
    if TRAILER not in tail:
        raise _corrupt(where, "the dump lacks its last line")


class _Hashed:
    """File-like over an iterator of chunks; hashes and counts what passes."""

    def __init__(self, chunks: Iterator[bytes], progress: Callable[[int], None] | None) -> None:
        self.bytes = 0
        self._chunks = chunks
        self._progress = progress
        self._rest = memoryview(b"")
        self._hash = hashlib.sha256()

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def read(self, size: int) -> bytes:
        if not self._rest:
            chunk = next(self._chunks, b"")
            self._hash.update(chunk)
            self.bytes += len(chunk)
            self._rest = memoryview(chunk)
            if chunk and self._progress is not None:
                self._progress(self.bytes)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)

    def drain(self) -> None:
        """Bytes behind the compressed frame count too: there must be none."""
        while self.read(PIECE):
            pass


def _corrupt(where: str, what: str) -> CorruptBackup:
    return CorruptBackup(
        what,
        where=where,
        meaning="This backup is not what was written; nothing of it is used.",
        next_step="Use the backup before it (planb backup list).",
    )
