"""A base backup: mysqldump → without DEFINERs → zstd → blocks in storage, as one stream; then its manifest, last.

Nothing becomes visible until mysqldump has ended well, its last line has passed, every block has arrived and every
table was counted in the same snapshot. A killed or failing producer leaves no blob, so the backup before it stays the
newest. Memory does not grow with the data.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from restore import catalog, snapshot
from restore.errors import AlreadyExists, DataPlaneError, DumpFailed, Interrupted, NoBackup, ServerRefused
from restore.models import DATA_SUFFIX, DEFAULT_PREFIX, MANIFEST_SUFFIX, Manifest, StoredData
from restore.mysqldump import MysqlDump
from restore.portable import DefinerFilter
from restore.upload import BlockUpload
from restore.verify import TAIL, TRAILER

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.models import TableDigest
    from restore.settings import Database
    from restore.snapshot import Snapshot

LEVEL = 3
THREADS = 2
SCHEMA_CHANGED = 1412
ATTEMPTS = 3
"""A schema change during the dump (ER_TABLE_DEF_CHANGED) spoils it: begin again so often."""
SHRUNK = 0.5
"""Losing more than this share of rows or tables since the last good backup is taken for an accident."""
ENOUGH_ROWS = 100


def take_backup(
    db: Database,
    container: Container,
    *,
    prefix: str = DEFAULT_PREFIX,
    accept_shrink: bool = False,
    may_publish: Callable[[], None] | None = None,
    progress: Callable[[int], None] | None = None,
    stop: threading.Event | None = None,
) -> Manifest:
    """Back the database up and publish it.

    Args:
        prefix: folder in the container, with its slash.
        accept_shrink: publish as good although it is much smaller than the one before.
        may_publish: called right before the backup becomes visible; raises if we may not (a lost lease).
        progress: called with the number of dumped bytes so far.
        stop: set from elsewhere to abandon the work.

    Returns:
        The manifest as stored. Its `quarantine` says if it must not be chosen by itself.

    Raises:
        DataPlaneError: nothing was published.
    """
    stop = stop or threading.Event()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(db, container, prefix, accept_shrink, may_publish, progress, stop)
        except _SchemaChanged as problem:
            if attempt == ATTEMPTS:
                raise problem.cause from None
    raise AssertionError("unreachable: the last attempt raises")


def _attempt(
    db: Database,
    container: Container,
    prefix: str,
    accept_shrink: bool,
    may_publish: Callable[[], None] | None,
    progress: Callable[[int], None] | None,
    stop: threading.Event,
) -> Manifest:
    started = datetime.now(UTC)
    dump = MysqlDump(db, stop)
    try:
        with (
            snapshot.take(db, dump.start, dump.kill, stop=stop) as instant,
            ThreadPoolExecutor(1) as counting,
        ):
            name = _free_name(container, prefix, instant.server_utc)
            upload = BlockUpload(container, name + DATA_SUFFIX, stop)
            try:
                tables = counting.submit(instant.digests)
                plain = _stream(dump, upload, progress, stop)
                digests = tables.result()
                manifest = _manifest(name, instant, digests, plain, upload, started, dump)
                manifest = _guarded(manifest, container, prefix, accept_shrink)
                if stop.is_set():
                    raise Interrupted("stopped before the backup was published", where=name)
                if may_publish is not None:
                    may_publish()
                upload.commit()
            except BaseException as problem:
                instant.cancel()
                if isinstance(problem, DumpFailed | ServerRefused) and _schema_changed(problem, instant):
                    raise _SchemaChanged(problem) from None
                raise
            finally:
                upload.close()
        container.write(name + MANIFEST_SUFFIX, manifest.to_bytes())
        return manifest
    finally:
        dump.kill()


class _SchemaChanged(Exception):
    def __init__(self, cause: DataPlaneError) -> None:
        self.cause = cause
        super().__init__(str(cause))


def _schema_changed(problem: DataPlaneError, instant: Snapshot) -> bool:
    """Whether DDL explains a failure. It shows in many ways: error 1412, a wrong field count, a missing table."""
    if getattr(problem, "code", 0) == SCHEMA_CHANGED or f" {SCHEMA_CHANGED} " in problem.what:
        return True
    try:
        return instant.schema_changed()
    except DataPlaneError:
        return False


class _Plain:
    """What passed on its way into the compressor."""

    def __init__(self) -> None:
        self.bytes = 0
        self.hash = hashlib.sha256()
        self.tail = b""
        self.definers = DefinerFilter()


def _stream(
    dump: MysqlDump, upload: BlockUpload, progress: Callable[[int], None] | None, stop: threading.Event
) -> _Plain:
    import zstandard

    plain = _Plain()
    packer = zstandard.ZstdCompressor(level=LEVEL, threads=THREADS, write_checksum=True).compressobj()

    def push(piece: bytes) -> None:
        plain.hash.update(piece)
        plain.bytes += len(piece)
        plain.tail = (plain.tail + piece[-TAIL:])[-TAIL:]
        if packed := packer.compress(piece):
            upload.write(packed)

    for chunk in dump.chunks():
        push(plain.definers.feed(chunk))
        if progress is not None:
            progress(plain.bytes)
        if stop.is_set():
            raise Interrupted("stopped during the dump", where=str(dump.db))
    push(plain.definers.finish())
    dump.check()
    if TRAILER not in plain.tail:
        raise DumpFailed(
            "the dump ended without its last line", where=str(dump.db), meaning="It is not complete."
        )
    upload.write(packer.flush())
    upload.finish()
    return plain


def _manifest(
    name: str,
    instant: Snapshot,
    tables: dict[str, TableDigest],
    plain: _Plain,
    upload: BlockUpload,
    started: datetime,
    dump: MysqlDump,
) -> Manifest:
    import zstandard

    return Manifest(
        name=name,
        source=instant.source,
        server_utc=instant.server_utc,
        consistency=instant.consistency,
        binlog=instant.binlog,
        lock_ms=instant.lock_ms,
        tables=tables,
        objects=plain.definers.objects,
        data=StoredData(
            blob=name + DATA_SUFFIX,
            bytes=upload.bytes,
            sha256=upload.sha256,
            plain_bytes=plain.bytes,
            plain_sha256=plain.hash.hexdigest(),
            longest_line=plain.definers.longest_line,
        ),
        started_at=started,
        finished_at=datetime.now(UTC),
        tools={"mysqldump": dump.version, "zstd": ".".join(map(str, zstandard.ZSTD_VERSION))},
        notes=instant.notes,
    )


def _guarded(manifest: Manifest, container: Container, prefix: str, accept_shrink: bool) -> Manifest:
    """Quarantine a backup that lost much since the last good one: a dropped schema must not become "the newest"."""
    if accept_shrink:
        return manifest
    reason = ""
    if not manifest.tables:
        reason = "the database has no tables"
    else:
        try:
            before = catalog.newest_valid(container, prefix).manifest
        except NoBackup:
            before = None
        if before is not None:
            reason = shrinkage(before, manifest)
    return manifest.model_copy(update={"quarantine": reason}) if reason else manifest


def shrinkage(before: Manifest, now: Manifest) -> str:
    """What shrank too much between two backups, or an empty text."""
    if len(now.tables) < len(before.tables) * SHRUNK:
        return f"only {len(now.tables)} tables, {len(before.tables)} in {before.name}"
    if before.rows >= ENOUGH_ROWS and now.rows < before.rows * SHRUNK:
        return f"only {now.rows} rows, {before.rows} in {before.name}"
    return ""


def _free_name(container: Container, prefix: str, instant: datetime) -> str:
    """`backup-YYYYMMDD-HHMMSS` of the source's clock; a second later if that is taken."""
    for seconds in range(60):
        name = f"{prefix}backup-{instant + timedelta(seconds=seconds):%Y%m%d-%H%M%S}"
        if container.stat(name + DATA_SUFFIX) is None and container.stat(name + MANIFEST_SUFFIX) is None:
            return name
    raise AlreadyExists("sixty backups of this minute exist", where=f"{container}/{prefix}")


def describe(manifest: Manifest) -> dict[str, object]:
    """The facts of a finished backup for one log line."""
    return {
        "backup": manifest.name,
        "rows": manifest.rows,
        "tables": len(manifest.tables),
        "bytes": manifest.data.bytes,
        "plain_bytes": manifest.data.plain_bytes,
        "consistency": manifest.consistency,
        "lock_ms": manifest.lock_ms,
        "seconds": round((manifest.finished_at - manifest.started_at).total_seconds(), 2),
        "quarantine": manifest.quarantine,
        "notes": manifest.notes,
    }
