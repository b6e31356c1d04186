"""Shipping and replay on real servers: what was committed is on the target, and nothing twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from restore import compare, pitr
from restore.binlog import chain as chains
from restore.binlog.replay import Replayed, replay
from restore.binlog.ship import Shipper
from restore.blobs import Container
from restore.dump import take_backup
from restore.errors import CorruptBackup, Interrupted, PoisonTransaction
from restore.load import restore
from restore.models import Manifest
from restore.settings import Database
from tests.restore.conftest import Server
from tests.restore.contents import EVERYTHING, petclinic

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def shipper(db: Database, container: Container) -> Shipper:
    return Shipper(db, container, threading.Event(), interval_s=0.2)


def replayed(
    target: Server, source: str, container: Container, manifest: Manifest, **until: object
) -> Replayed:
    assert manifest.binlog is not None
    (chain,) = chains.chains(container)
    assert chain.covers(manifest.binlog)
    segments = chains.read(container, chain.since(manifest.binlog))
    return replay(target.admin(source), source, manifest.binlog, segments, **until)  # type: ignore[arg-type]


def same(source: Server, target: Server, name: str) -> None:
    wanted, found = (compare.table_digests(server.admin(name)) for server in (source, target))
    assert compare.differences(wanted, found) == []


def test_what_is_written_after_the_base_arrives(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*EVERYTHING)
    db = backup_user(name)
    manifest = take_backup(db, container)
    source.root(
        f"USE {name}",
        "INSERT INTO kinds (tiny, word, raw, doc) VALUES (9, '나중 🐈', UNHEX('00FF'), '{\"k\": 1}')",
        "UPDATE kinds SET price = price + 1 WHERE tiny = 1",
        "DELETE FROM no_key WHERE a = 1 LIMIT 1",
        "CALL add_child(12, 1)",
        "CREATE TABLE later (id INT AUTO_INCREMENT PRIMARY KEY, at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6))",
        "INSERT INTO later () VALUES (), (), ()",
        "CREATE TABLE copy AS SELECT * FROM later",
        "ALTER TABLE later ADD COLUMN word VARCHAR(20) DEFAULT 'x', ADD KEY (word)",
        "FLUSH BINARY LOGS",
        "BEGIN",
        "INSERT INTO parent VALUES (3)",
        "INSERT INTO child VALUES (13, 3)",
        "COMMIT",
        "CREATE TRIGGER second AFTER DELETE ON child FOR EACH ROW INSERT INTO audit (what) VALUES ('gone; really')",
        "DELETE FROM child WHERE id = 13",
        "BEGIN",
        "INSERT INTO parent VALUES (99)",
        "ROLLBACK",
        "CREATE DATABASE IF NOT EXISTS elsewhere_x",
        "CREATE TABLE IF NOT EXISTS elsewhere_x.t (i INT)",
        "INSERT INTO elsewhere_x.t VALUES (1)",
        "DROP DATABASE elsewhere_x",
        "TRUNCATE TABLE empty_one",
    )
    shipper(db, container).once(follow=False)
    restore(clean_target.admin(name), container, manifest.name)

    done = replayed(clean_target, name, container, manifest)

    assert done.transactions > 10 and done.skipped >= 3
    same(source, clean_target, name)
    # Again: everything is known to be there, and nothing happens.
    assert replayed(clean_target, name, container, manifest).transactions == 0
    same(source, clean_target, name)


def test_shipping_goes_on_at_the_exact_position(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*petclinic(200))
    db = backup_user(name)
    manifest = take_backup(db, container)
    for number in range(5):
        source.root(f"USE {name}", f"INSERT INTO visits (description) VALUES ('v{number}')")
        if number == 2:
            source.root("FLUSH BINARY LOGS")
        shipper(db, container).once(follow=False)
        shipper(db, container).once(follow=False)  # nothing changed: nothing is written
    (chain,) = chains.chains(container)
    assert chain.missing == ""
    assert 5 <= len(chain.places) <= 6
    restore(clean_target.admin(name), container, manifest.name)
    assert replayed(clean_target, name, container, manifest).transactions == 5
    same(source, clean_target, name)


def test_a_reset_log_ends_the_chain(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database(*petclinic(50))
    db = backup_user(name)
    ship = shipper(db, container)
    gaps: list[object] = []
    ship.on_gap = gaps.append
    source.root(f"USE {name}", "INSERT INTO visits (description) VALUES ('one')")
    ship.once(follow=False)
    source.root(f"USE {name}", "INSERT INTO visits (description) VALUES ('two')")
    ship.once(follow=False)
    source.root(
        "RESET BINARY LOGS AND GTIDS", f"USE {name}", "INSERT INTO visits (description) VALUES ('three')"
    )
    ship.once(follow=False)
    ship.once(follow=False)
    assert len(gaps) == 1


def test_a_damaged_segment_ends_the_replay_before_it(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database(*petclinic(50))
    db = backup_user(name)
    take_backup(db, container)
    for number in range(3):
        source.root(f"USE {name}", f"INSERT INTO visits (description) VALUES ('v{number}')")
        shipper(db, container).once(follow=False)
    (chain,) = chains.chains(container)
    second = chain.places[1].info.name
    blob = container.read(second)
    assert blob
    container.write(second, blob[:-20] + bytes([blob[-20] ^ 1]) + blob[-19:], overwrite=True)
    with pytest.raises(CorruptBackup):
        list(chains.read(container, chain))


def _writes(source: Server, name: str, count: int) -> list[datetime]:
    """Rows v0, v1, … one a transaction; the source's clock after each."""
    moments: list[datetime] = []
    for number in range(count):
        ((now,),) = source.root(
            f"USE {name}", f"INSERT INTO visits (description) VALUES ('v{number}')", "SELECT UTC_TIMESTAMP(6)"
        )
        moments.append(now.replace(tzinfo=UTC))
        time.sleep(0.02)
    return moments


def _described(server: Server, name: str) -> list[str]:
    rows = server.root(f"SELECT description FROM {name}.visits WHERE description LIKE 'v_' ORDER BY id")
    return [str(row[0]) for row in rows]


def test_a_moment_in_between_has_what_was_committed_by_then_and_nothing_later(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*petclinic(100))
    db = backup_user(name)
    older = take_backup(db, container)
    moments = _writes(source, name, 3)
    shipper(db, container).once(follow=False)
    take_backup(db, container)  # a newer base lies before the later moments only
    moments += _writes(source, name, 6)
    shipper(db, container).once(follow=False)

    early = pitr.plan(container, until=moments[1])
    assert early.base.name == older.name
    pitr.restore_to(clean_target.admin(name), container, early)
    assert _described(clean_target, name) == ["v0", "v1"]

    late = pitr.plan(container, until=moments[7])
    assert late.base.name != older.name
    pitr.restore_to(clean_target.admin(name), container, late, replace=True)
    assert _described(clean_target, name) == ["v0", "v1", "v2", "v0", "v1", "v2", "v3", "v4"]

    # From the older base to the same moment: the same rows.
    again = pitr.plan(container, until=moments[7], base=older.name)
    assert again.base.name == older.name
    pitr.restore_to(clean_target.admin(name), container, again, replace=True)
    assert _described(clean_target, name) == ["v0", "v1", "v2", "v0", "v1", "v2", "v3", "v4"]

    newest = pitr.plan(container)
    pitr.restore_to(clean_target.admin(name), container, newest, replace=True)
    same(source, clean_target, name)
    assert newest.newest_commit <= datetime.now(UTC)


def test_a_replay_that_was_stopped_goes_on(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*petclinic(100))
    db = backup_user(name)
    take_backup(db, container)
    for _ in range(4):
        _writes(source, name, 3)
        source.root(f"USE {name}", "CREATE TABLE IF NOT EXISTS step (i INT)", "DROP TABLE step")
        shipper(db, container).once(follow=False)
    chosen = pitr.plan(container)
    stop, seen = threading.Event(), 0

    def after_two(done: Replayed) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            stop.set()

    with pytest.raises(Interrupted):
        pitr.restore_to(clean_target.admin(name), container, chosen, progress=after_two, stop=stop)
    partly = len(_described(clean_target, name))
    assert 0 < partly < 12
    done, result = pitr.restore_to(clean_target.admin(name), container, chosen)
    assert done.already and result is not None
    same(source, clean_target, name)


def test_f23_a_poison_transaction_stops_with_its_position(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*petclinic(100))
    db = backup_user(name)
    manifest = take_backup(db, container)
    restore(clean_target.admin(name), container, manifest.name)
    source.root(f"USE {name}", "INSERT INTO visits (id, description) VALUES (500001, 'v1')")
    source.root(f"USE {name}", "INSERT INTO visits (id, description) VALUES (500002, 'v2')")
    shipper(db, container).once(follow=False)
    clean_target.root(f"INSERT INTO {name}.visits (id, description) VALUES (500002, 'somebody was here')")
    with pytest.raises(PoisonTransaction, match="nothing was skipped"):
        replayed(clean_target, name, container, manifest)
    assert _described(clean_target, name) == []  # the batch went as a whole
    clean_target.root(f"DELETE FROM {name}.visits WHERE id = 500002")
    replayed(clean_target, name, container, manifest)
    same(source, clean_target, name)
