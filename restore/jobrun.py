"""A container job: restore, backup or unlock once, or follow; a blob tells the runbook how it goes and how it ended."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from restore import dump, follow, load, log, users
from restore.errors import DataPlaneError, Refused
from restore.jobs import JobError, Phase, Progress
from restore.models import DEFAULT_PREFIX
from restore.mysql import Session
from restore.service import guarded_backup
from restore.users import Account

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.settings import Database, JobSettings

EVERY_S = 1.0
"""Progress is written no more often than this."""


class Reporter:
    """Writes the job's progress blob: on every change of phase, and every EVERY_S while bytes move or nothing does."""

    def __init__(self, container: Container, settings: JobSettings) -> None:
        now = datetime.now(UTC)
        self.progress = Progress(
            run=settings.run, job=settings.job, started_at=now, updated_at=now, backup=settings.backup
        )
        self._container = container
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._beats, name="progress", daemon=True)
        self._write()
        self._beat.start()

    def report(self, phase: Phase, done: int, total: int) -> None:
        """Note where the work is; cheap, writes at most once a second."""
        fresh = phase != self.progress.phase
        with self._lock:
            self.progress.phase, self.progress.bytes_done, self.progress.bytes_total = phase, done, total
        if fresh:
            log.get().info("phase", phase=phase, run=self.progress.run)

    def end(self, error: DataPlaneError | None) -> None:
        """Write the final state; raises if storage does not take it."""
        self._ended.set()
        self._beat.join()
        with self._lock:
            self.progress.finished_at = datetime.now(UTC)
            self.progress.state = "failed" if error else "succeeded"
            self.progress.error = JobError.of(error) if error else None
            if error is None:
                self.progress.phase = "done"
        self._write()

    def _beats(self) -> None:
        while not self._ended.wait(EVERY_S):
            with suppress(DataPlaneError):  # a lost beat is made good by the next; the end is not suppressed
                self._write()

    def _write(self) -> None:
        with self._lock:
            self.progress.updated_at = datetime.now(UTC)
            state = self.progress.model_copy(deep=True)
        state.write(self._container)


def run(settings: JobSettings, db: Database, container: Container, stop: threading.Event) -> Progress:
    """Do the job and record its result.

    Raises:
        DataPlaneError: as recorded in the progress blob.
    """
    reporter = Reporter(container, settings)
    try:
        if settings.job == "restore":
            _restore(settings, db, container, reporter, stop)
        elif settings.job == "backup":
            _backup(settings, db, container, reporter, stop)
        elif settings.job == "follow":
            follow.follow(settings, db, container, reporter.progress, reporter.report, stop)
        else:
            load.wait_until_ready(db, settings.wait_s, stop)
            with Session(db, schema=False) as session:
                users.unfence(session, settings.app_user)
    except DataPlaneError as problem:
        _failed(reporter, problem)
        raise
    except BaseException as problem:
        _failed(
            reporter,
            DataPlaneError(f"unexpected {type(problem).__name__}: {log.redact(str(problem))}", where=str(db)),
        )
        raise
    reporter.end(None)
    return reporter.progress


def _failed(reporter: Reporter, problem: DataPlaneError) -> None:
    try:
        reporter.end(problem)
    except DataPlaneError as lost:  # storage is gone as well: the log and the exit code must do
        log.get().error("the result could not be stored", **lost.as_fields())


def _restore(
    settings: JobSettings, db: Database, container: Container, reporter: Reporter, stop: threading.Event
) -> None:
    done = load.restore(
        db,
        container,
        settings.backup,
        replace=settings.replace,
        app=Account(settings.app_user, settings.app_password),
        wait_s=settings.wait_s,
        report=reporter.report,
        stop=stop,
    )
    reporter.progress.tables = done.tables
    reporter.progress.already_restored = done.already
    reporter.progress.notes = done.notes
    reporter.progress.backup = done.manifest.name
    log.get().info(
        "restored", backup=done.manifest.name, seconds=done.seconds, already=done.already, notes=done.notes
    )


def _backup(
    settings: JobSettings, db: Database, container: Container, reporter: Reporter, stop: threading.Event
) -> None:
    """Fence the application, then take the base that goes back. If it fails the application is let in again: the
    failback did not happen."""
    load.wait_until_ready(db, settings.wait_s, stop)
    with Session(db, schema=False) as session:
        reporter.report("fencing", 0, 0)
        try:
            ended = users.fence(session, settings.app_user)
            log.get().info("application fenced", user=settings.app_user, connections_ended=ended)
            reporter.report("backup", 0, 0)
            manifest = guarded_backup(
                db,
                container,
                DEFAULT_PREFIX,
                site="azure",
                progress=lambda done: reporter.report("backup", done, 0),
                stop=stop,
            )
            if manifest.quarantine:
                raise Refused(
                    manifest.quarantine,
                    where=manifest.name,
                    meaning="This backup was put aside; the application was let in again.",
                    next_step="If the loss is intended, take it by hand with --accept-shrink.",
                )
        except BaseException:
            with suppress(DataPlaneError), Session(db, schema=False) as fresh:
                users.unfence(fresh, settings.app_user)
            raise
    reporter.progress.backup = manifest.name
    reporter.progress.tables = manifest.tables
    reporter.progress.bytes_total = manifest.data.bytes
    reporter.progress.notes = manifest.notes
    log.get().info("backup done", **dump.describe(manifest))
