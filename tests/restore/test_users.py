"""users.py on a real server: what each account may do, and nothing beyond; binlog retention is set and checked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pymysql
import pytest
from pydantic import SecretStr

from restore import users
from restore.errors import ServerRefused
from restore.mysql import Session, option_file
from restore.settings import Database
from restore.users import Account
from tests.restore.conftest import APP_PASSWORD, BACKUP_PASSWORD, REPLICATION_PASSWORD, Server

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def grants(source: Server, user: str) -> list[str]:
    return [row[0] for row in source.root(f"SHOW GRANTS FOR {user}@'%'")]


def test_the_replication_user_reads_the_binlog_and_no_table(
    source: Server, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    backup_user(name)
    assert grants(source, "planb_replication") == [
        "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `planb_replication`@`%`"
    ]
    db = source.database(name, "planb_replication", REPLICATION_PASSWORD)
    with Session(db, schema=False) as session:
        assert session.query("SHOW BINARY LOG STATUS")
        with pytest.raises(ServerRefused) as caught:
            session.query(f"SELECT * FROM {name}.t")
        assert caught.value.code == 1142
    (log, *_) = source.root("SHOW BINARY LOGS")[0]
    with option_file(db) as (options, descriptor):
        command = ["mysqlbinlog", options, "--read-from-remote-server", "--connection-server-id=4711", log]
        done = subprocess.run(command, pass_fds=[descriptor], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert b"SET @@SESSION" in done.stdout


def test_every_account_needs_tls(
    source: Server, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    backup_user(make_database())
    kinds = source.root("SELECT user, ssl_type FROM mysql.user WHERE user LIKE 'planb\\_%' ORDER BY user")
    assert kinds == (("planb_app", "ANY"), ("planb_backup", "ANY"), ("planb_replication", "ANY"))


def test_what_an_account_has_beyond_its_list_is_taken_away(
    source: Server, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database()
    backup_user(name)
    before = grants(source, "planb_backup")
    source.root(
        "GRANT DELETE ON *.* TO planb_backup@'%'",
        "GRANT INSERT ON mysql.* TO planb_backup@'%'",
        "GRANT SELECT ON *.* TO planb_replication@'%' WITH GRANT OPTION",
    )
    with Session(source.admin(name), schema=False) as session:
        notes = users.bootstrap(
            session,
            name,
            app=Account("planb_app", SecretStr("App-canary-0000")),
            backup=Account("planb_backup", SecretStr(BACKUP_PASSWORD)),
            replication=Account("planb_replication", SecretStr(REPLICATION_PASSWORD)),
            binlog_retention_hours=24,
        )
    assert grants(source, "planb_backup") == before
    assert len(grants(source, "planb_replication")) == 1
    assert "SELECT" not in grants(source, "planb_replication")[0]
    assert [note.split()[0] for note in notes] == ["planb_backup", "planb_replication"]
    assert "DELETE on *.*" in notes[0] and "INSERT on `mysql`.*" in notes[0]


def test_a_bootstrap_keeps_the_fence(
    source: Server, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database()
    backup_user(name)
    with Session(source.admin(name), schema=False) as session:
        users.fence(session, "planb_app")
    backup_user(name)
    with pytest.raises(pymysql.MySQLError, match="locked"):
        pymysql.connect(
            host="127.0.0.1",
            port=source.port,
            user="planb_app",
            password=APP_PASSWORD,
            ssl_ca=str(source.tls.ca),
        )


def test_retention_is_checked_with_the_backup_users_own_rights(
    source: Server, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    db = backup_user(make_database())
    set_to = "UPDATE mysql.rds_configuration SET value = {} WHERE name = 'binlog retention hours'"
    with Session(db, schema=False) as session:
        assert users.retention_problem(session, 24) == ""
        assert users.retention_problem(session, 48) == "binlog retention hours is 24, wanted are 48"
        source.root(set_to.format("NULL"))
        assert users.retention_problem(session, 24) == "binlog retention hours is not set, wanted are 24"
        source.root("RENAME TABLE mysql.rds_configuration TO mysql.not_rds")
        try:
            assert users.retention_problem(session, 24) == ""
        finally:
            source.root("RENAME TABLE mysql.not_rds TO mysql.rds_configuration")
