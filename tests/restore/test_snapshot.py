"""snapshot.py under write load: the counts, checksums and coordinates of a backup are those of one instant."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

import pymysql

from restore import compare
from restore.blobs import Container
from restore.dump import take_backup
from restore.load import restore
from restore.settings import Database
from tests.restore.conftest import Server
from tests.restore.contents import petclinic

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


class Writers:
    """Connections that move money between two tables and log it: the sum over both is constant at every instant."""

    def __init__(self, source: Server, name: str, number: int = 3) -> None:
        self._source, self._name = source, name
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[seed]) for seed in range(number)]
        self.commits = 0
        self.longest_s = 0.0

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        while self.commits < 20:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed: int) -> None:
        connection = pymysql.connect(unix_socket=self._source.socket, user="root", database=self._name)
        with closing(connection), connection.cursor() as cursor:
            turn = seed
            while not self._stop.is_set():
                turn += 7
                began = time.monotonic()
                cursor.execute("UPDATE a SET v = v - 1 WHERE id = %s", [turn % 50])
                cursor.execute("UPDATE b SET v = v + 1 WHERE id = %s", [turn % 50])
                cursor.execute("INSERT INTO moves (who, what) VALUES (%s, REPEAT('x', 200))", [seed])
                connection.commit()
                self.commits += 1
                self.longest_s = max(self.longest_s, time.monotonic() - began)


TABLES = [
    "CREATE TABLE a (id INT PRIMARY KEY, v BIGINT)",
    "CREATE TABLE b (id INT PRIMARY KEY, v BIGINT)",
    "CREATE TABLE moves (id INT AUTO_INCREMENT PRIMARY KEY, who INT, what VARCHAR(200))",
    "INSERT INTO a WITH RECURSIVE n AS (SELECT 0 i UNION ALL SELECT i+1 FROM n WHERE i < 49) SELECT i, 1000 FROM n",
    "INSERT INTO b SELECT id, 1000 FROM a",
]


def test_counts_and_checksums_are_exact_under_load(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*TABLES, *petclinic(30_000))
    user = backup_user(name)
    with Writers(source, name) as writers:
        manifests = [take_backup(user, container) for _ in range(3)]
        stall = writers.longest_s
        assert writers.commits > 100
    assert {manifest.consistency for manifest in manifests} == {"locked"}
    assert stall < 3, f"a writer waited {stall:.2f} s"
    assert len({manifest.tables["moves"].rows for manifest in manifests}) == 3, (
        "no write fell between the backups"
    )
    for number, manifest in enumerate(manifests):
        db = clean_target.admin(f"copy{number}")
        done = restore(
            db, container, manifest.name
        )  # raises unless equal to what was counted during the dump
        assert done.tables == manifest.tables
        (total,) = clean_target.root(
            f"SELECT (SELECT SUM(v) FROM copy{number}.a) + (SELECT SUM(v) FROM copy{number}.b)"
        )
        assert total == (100_000,)


def test_coordinates_are_those_of_the_data(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    """Every transaction is either in the dump or after the coordinates: replaying from there gives the source."""
    import subprocess

    from restore.mysql import option_file, program

    name = make_database(*TABLES)
    user = backup_user(name)
    with Writers(source, name):
        manifest = take_backup(user, container)
        time.sleep(0.3)
    assert manifest.binlog is not None
    db = clean_target.admin(name)
    restore(db, container, manifest.name)
    with option_file(user) as (argument, descriptor):
        stream = subprocess.run(
            [
                *(program("mysqlbinlog"), argument, "--read-from-remote-server", f"--database={name}"),
                *("--skip-gtids", "--disable-log-bin", f"--start-position={manifest.binlog.position}"),
                manifest.binlog.file,
            ],
            pass_fds=[descriptor],
            capture_output=True,
            check=True,
        ).stdout
    replay = ["mysql", "--no-defaults", "-uroot", f"--socket={clean_target.socket}"]
    subprocess.run(replay, input=stream, check=True, capture_output=True)
    assert compare.table_digests(db) == compare.table_digests(source.admin(name))


def test_a_long_transaction_does_not_stall_writers_for_long(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    """The lock cannot be had; the log does not move meanwhile, so the backup is exact all the same."""
    name = make_database(*TABLES)
    user = backup_user(name)
    with closing(pymysql.connect(unix_socket=source.socket, user="root", database=name)) as holder:
        holder.cursor().execute("UPDATE a SET v = v + 1 WHERE id = 1")  # open until the end
        manifest = take_backup(user, container)
        holder.rollback()
    assert manifest.consistency == "quiet"
    assert any("lock" in note.lower() for note in manifest.notes)
    assert restore(clean_target.admin(name), container, manifest.name).tables == manifest.tables


def test_without_a_lock_and_without_quiet_it_says_approximate(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database(*TABLES, "CREATE TABLE held (id INT PRIMARY KEY)", "INSERT INTO held VALUES (1)")
    user = backup_user(name)
    with closing(pymysql.connect(unix_socket=source.socket, user="root", database=name)) as holder:
        holder.cursor().execute("DELETE FROM held")
        with Writers(source, name):
            manifest = take_backup(user, container)
        holder.rollback()
    assert manifest.consistency == "approximate"


def test_exactly_the_documented_grants_are_enough(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database(*TABLES, "CREATE PROCEDURE p() SELECT 1")
    assert take_backup(backup_user(name), container).objects["routines"] == 1
    grants = [row[0] for row in source.root("SHOW GRANTS FOR planb_backup@'%'")]
    assert grants == [
        "GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `planb_backup`@`%`",
        f"GRANT LOCK TABLES, SHOW VIEW, EVENT, TRIGGER ON `{name.replace('_', chr(92) + '_')}`.* TO `planb_backup`@`%`",
    ]
    app = [row[0] for row in source.root("SHOW GRANTS FOR planb_app@'%'")]
    assert app[0] == "GRANT USAGE ON *.* TO `planb_app`@`%`"
    assert app[1].startswith("GRANT SELECT, INSERT, UPDATE, DELETE ON ") and len(app) == 2
