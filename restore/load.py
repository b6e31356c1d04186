"""A restore: every check first, then the dump into an empty database, then the proof that it arrived.

Order: the whole backup is read and hashed before the server is asked for anything; the target is examined before it is
changed; the dump is hashed once more while it is loaded (storage could change under us); rows and checksums of every
table are compared with the manifest before anybody is let in. Killed at any point, the same call does it again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restore import compare, verify
from restore.client import Client
from restore.errors import ContentDiffers, Interrupted, Unreachable
from restore.models import Manifest, TableDigest
from restore.mysql import Session
from restore.parallel import ParallelLoad
from restore.target import Target
from restore.users import Account, ensure_app

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.jobs import Phase
    from restore.settings import Database

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
            with ExitStack() as stack:
                client = Client(db, stop)
                stack.callback(client.close)
                client.write(preamble)
                loader = ParallelLoad(db, client, stop)
                stack.callback(loader.close)
                for piece in pieces:
                    loader.write(piece)
                loader.finish()
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
