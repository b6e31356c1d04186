"""Shipping and replay on real servers: what was committed is on the target, and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from restore import compare
from restore.binlog import chain as chains
from restore.binlog.replay import Replayed, replay
from restore.binlog.ship import Shipper
from restore.blobs import Container
from restore.dump import take_backup
from restore.errors import CorruptBackup
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
