"""A warm standby's feeder: the database holds the newest whole base, loaded anew whenever AWS has stored a newer one.

It follows base backups only: the database is as old as the newest base and its load. What AWS writes in between lies
in the shipped binlog, which this does not replay yet.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from restore import catalog, load, log
from restore.errors import DataPlaneError, Interrupted, NoBackup, TargetNotEmpty
from restore.users import Account

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.jobs import Progress
    from restore.settings import Database, JobSettings

POLL_S = 30.0
"""How often storage is asked for a newer base; each question is a billed list operation."""


def follow(
    settings: JobSettings,
    db: Database,
    container: Container,
    progress: Progress,
    report: load.Report,
    stop: threading.Event,
) -> None:
    """Return when `stop` is set. What fails is logged and tried again, since the next base may do."""
    while not stop.is_set():
        try:
            newest = catalog.newest_valid(container).name
            if newest != progress.backup:
                done = _load(settings, db, container, newest, report, stop)
                progress.backup, progress.tables, progress.notes = newest, done.tables, done.notes
                report("done", done.manifest.data.bytes, done.manifest.data.bytes)
                log.get().info("followed", backup=newest, seconds=done.seconds, already=done.already)
        except Interrupted:
            return
        except NoBackup as none:
            log.get().info("nothing to follow yet", **none.as_fields())
        except DataPlaneError as problem:
            log.get().warning("not followed", **problem.as_fields())
        stop.wait(POLL_S)


def _load(
    settings: JobSettings,
    db: Database,
    container: Container,
    backup: str,
    report: load.Report,
    stop: threading.Event,
) -> load.Restored:
    app = Account(settings.app_user, settings.app_password)

    def restore(*, replace: bool) -> load.Restored:
        return load.restore(
            db, container, backup, replace=replace, app=app, wait_s=settings.wait_s, report=report, stop=stop
        )

    try:
        return restore(replace=False)  # after a restart it may be there already
    except TargetNotEmpty:
        if not settings.replace:
            raise
        return restore(replace=True)
