"""A restore: every check first, then the dump into an empty database, then the proof that it arrived.

Order: the whole backup is read and hashed before the server is asked for anything; the target is examined before it is
changed; the dump is hashed once more while it is loaded (storage could change under us); rows and checksums of every
table are compared with the manifest before anybody is let in. Killed at any point, the same call does it again.
"""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from restore import compare, verify
from restore.errors import ContentDiffers, Interrupted, LoadFailed, Stalled, Unreachable
from restore.models import Manifest, TableDigest
from restore.mysql import Session, option_file, program
from restore.mysqldump import child_environment
from restore.target import Target
from restore.users import Account, ensure_app

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.jobs import Phase
    from restore.settings import Database

SILENCE_S = 300.0
"""The server may take so long for one piece of the dump, seconds."""
PIECE = 1024 * 1024
ADMIN_READ_S = 600.0
"""DROP DATABASE of a big one takes a while."""
Report = Callable[["Phase", int, int], None]
"""phase, bytes done, bytes in all (compressed)"""


@dataclass
class Restored:
    """What a restore did. `tables` is what the target holds (for `already`: held when it was restored)."""

    manifest: Manifest
    tables: dict[str, TableDigest]
    already: bool = False
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)


def restore(
    db: Database,
    container: Container,
    backup: str,
    *,
    replace: bool = False,
    app: Account | None = None,
    wait_s: float = 0.0,
    report: Report | None = None,
    stop: threading.Event | None = None,
) -> Restored:
    """Restore a backup into `db.name` on the target and prove it.

    Args:
        db: the target, as an administrator.
        backup: its name.
        replace: drop what the database holds. Without it only an empty one, or one that an earlier restore left
            unfinished, is touched.
        app: the application's account, made (and unlocked) once the content is proven.
        wait_s: how long to wait for the server to accept connections.
        report: called as the work goes on.

    Raises:
        MissingBackup, CorruptBackup, TargetNotEmpty, TargetIncompatible: nothing was changed on the target.
        LoadFailed, ContentDiffers: the target holds an unfinished restore; the application was not let in.
    """
    stop = stop or threading.Event()
    report = report or (lambda phase, done, total: None)
    began = time.monotonic()
    manifest, info = verify.sound(container, backup)
    total = manifest.data.bytes
    report("verifying", 0, total)
    verify.verify_backup(container, backup, progress=lambda done: report("verifying", done, total), stop=stop)
    report("waiting", 0, total)
    wait_until_ready(db, wait_s, stop)
    report("preflight", 0, total)
    with Session(db, schema=False, read_timeout_s=ADMIN_READ_S) as session:
        target = Target(session)
        target.lock()
        target.check_fits(manifest)
        standing = target.standing(manifest)
        if standing == "restored" and not replace:
            result = Restored(manifest, dict(manifest.tables), already=True)
        else:
            target.begin(manifest, standing, replace=replace)
            preamble, notes = target.preamble()
            report("loading", 0, total)
            pieces = verify.plain_stream(
                container, manifest, info, progress=lambda done: report("loading", done, total), stop=stop
            )
            loader = _Loader(db, stop)
            try:
                loader.write(preamble)
                for piece in pieces:
                    loader.write(piece)
                loader.finish()
            finally:
                loader.close()
            report("comparing", total, total)
            tables = compare.table_digests(db)
            notes += _proven(manifest, tables, target)
            target.finish()
            result = Restored(manifest, tables, notes=notes)
        if app is not None:
            report("users", total, total)
            ensure_app(session, db.name, app, unlock=True)
    result.seconds = round(time.monotonic() - began, 2)
    return result


def wait_until_ready(db: Database, wait_s: float, stop: threading.Event) -> None:
    """Return when the server takes connections and answers; the cloud's API says so up to 30 s too early
    (azure-rest-api-specs#21178).

    Raises:
        Unreachable: not within `wait_s`.
    """
    until = time.monotonic() + wait_s
    while True:
        try:
            with Session(db, schema=False) as session:
                session.one("SELECT 1")
            return
        except Unreachable as problem:
            if time.monotonic() >= until:
                raise Unreachable(
                    f"{problem.what}, waited {wait_s:.0f} s", where=problem.where, next_step=problem.next_step
                ) from None
        if stop.wait(min(2.0, max(0.1, until - time.monotonic()))):
            raise Interrupted("stopped while waiting for the database", where=str(db))


def _proven(manifest: Manifest, tables: dict[str, TableDigest], target: Target) -> list[str]:
    where = str(target.session.db)
    if manifest.consistency == "approximate":
        lines = compare.differences(manifest.tables, tables)
        notes = [f"the backup's counts are approximate; {line}" for line in lines]
    else:
        compare.require_equal(manifest.tables, tables, where)
        notes = []
    found = target.objects()
    wrong = [
        f"{found[kind]} {kind}, {number} expected"
        for kind, number in manifest.objects.items()
        if found[kind] != number
    ]
    if wrong:
        raise ContentDiffers("; ".join(wrong), where=where, next_step="Restore again, or an older backup.")
    return notes


class _Loader:
    """The mysql client: takes statements on stdin, stops at the first that the server refuses."""

    def __init__(self, db: Database, stop: threading.Event) -> None:
        self._db = db
        self._stop = stop
        # --binary-mode: no client commands but DELIMITER are obeyed, and bytes are taken as they are.
        options = ["--binary-mode", "--batch", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"]
        with option_file(db) as (argument, descriptor):
            self._process = subprocess.Popen(
                [program("mysql"), argument, *options, db.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[descriptor],
                env=child_environment(),
                start_new_session=True,
                bufsize=0,
                pipesize=PIECE,
            )
        assert self._process.stdin is not None and self._process.stderr is not None
        self._stdin: IO[bytes] = self._process.stdin
        os.set_blocking(self._stdin.fileno(), False)
        self._said = bytearray()
        self._reading = threading.Thread(target=self._keep_stderr, args=[self._process.stderr], daemon=True)
        self._reading.start()

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        since = time.monotonic()
        while rest:
            if self._stop.is_set():
                raise Interrupted(
                    "stopped during the load", where=str(self._db), next_step="Run the same again."
                )
            if not select.select([], [self._stdin], [], 0.5)[1]:
                if time.monotonic() - since > SILENCE_S:
                    raise Stalled(f"the server took nothing for {SILENCE_S:.0f} s", where=str(self._db))
                continue
            try:
                written = self._stdin.write(rest)  # takes what fits: the descriptor does not block
            except BrokenPipeError:
                self.finish()
                raise LoadFailed("the client ended early", where=str(self._db)) from None
            rest = rest[written or 0 :]
            since = time.monotonic()

    def finish(self) -> None:
        """Close the input and wait for the last statement.

        Raises:
            LoadFailed: the server refused a statement.
        """
        with suppress(BrokenPipeError):
            self._stdin.close()
        until = time.monotonic() + SILENCE_S
        while self._process.poll() is None:
            if self._stop.wait(0.02):
                raise Interrupted(
                    "stopped during the load", where=str(self._db), next_step="Run the same again."
                )
            if time.monotonic() > until:
                raise Stalled("the server does not finish the last statement", where=str(self._db))
        self._reading.join(timeout=5)
        if self._process.returncode != 0:
            said = bytes(self._said).decode(errors="replace").strip() or f"status {self._process.returncode}"
            raise LoadFailed(
                f"the server refused the dump: {' '.join(said.split())[:500]}",
                where=str(self._db),
                meaning="The database is partly loaded and marked as unfinished; the application was not let in.",
                next_step="Mend the cause and run the same restore again: it starts over by itself.",
            )

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reading.join(timeout=5)
        with suppress(OSError):
            self._stdin.close()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _keep_stderr(self, stream: IO[bytes]) -> None:
        while line := stream.readline():
            self._said += line
            del self._said[:-4096]
