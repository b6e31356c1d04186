"""The feeder of a warm standby: it holds the newest base, takes a newer one over it, and outlives what fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from restore import compare, follow
from restore.blobs import Container
from restore.dump import take_backup
from restore.jobs import Progress
from restore.settings import Database, JobSettings
from tests.restore.conftest import Server
from tests.restore.contents import petclinic

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def until(true: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "not within the time"
        time.sleep(0.1)


@pytest.fixture
def feeder(
    clean_target: Server, container: Container, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Progress, threading.Thread]]:
    monkeypatch.setattr(follow, "POLL_S", 0.2)
    db = clean_target.admin("petclinic")
    settings = JobSettings(
        job="follow",
        run="follow",
        container_url=container.url,
        db_host=db.host,
        db_port=db.port,
        db_name=db.name,
        db_user=db.user,
        db_password=db.password,
        app_user="planb_app",
        app_password=SecretStr("canary-app-password"),
        replace=True,
        wait_s=5,
    )
    now = datetime.now(UTC)
    progress = Progress(run="follow", job="follow", started_at=now, updated_at=now)
    stop = threading.Event()
    arguments = (settings, db, container, progress, lambda phase, done, total: None, stop)
    thread = threading.Thread(target=follow.follow, args=arguments)
    thread.start()
    yield progress, thread
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


def test_it_waits_for_the_first_base_and_takes_each_newer_one(
    feeder: tuple[Progress, threading.Thread],
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    progress, thread = feeder
    time.sleep(1)
    assert thread.is_alive() and progress.backup == ""
    source = make_database(*petclinic(500))
    first = take_backup(backup_user(source), container)
    until(lambda: progress.backup == first.name)
    time.sleep(1.1)  # a backup's name has a resolution of one second
    second = take_backup(backup_user(make_database(*petclinic(700))), container)
    until(lambda: progress.backup == second.name)
    assert second.tables != first.tables
    assert compare.table_digests(clean_target.admin("petclinic")) == second.tables == progress.tables
    assert clean_target.root("SELECT account_locked FROM mysql.user WHERE user = 'planb_app'") == (("N",),)


def test_a_damaged_base_does_not_end_it(
    feeder: tuple[Progress, threading.Thread],
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    progress, thread = feeder
    first = take_backup(backup_user(make_database(*petclinic(500))), container)
    until(lambda: progress.backup == first.name)
    time.sleep(1.1)
    bad = take_backup(backup_user(make_database(*petclinic(600))), container)
    container.write(bad.data.blob, b"\0" * bad.data.bytes, overwrite=True)
    time.sleep(1.1)
    last = take_backup(backup_user(make_database(*petclinic(800))), container)
    until(lambda: progress.backup == last.name)
    assert thread.is_alive()
