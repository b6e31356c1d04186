"""dump.py, load.py and compare.py together: what comes out of a restore is what was in the source."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from restore import catalog, compare
from restore.blobs import Container
from restore.dump import take_backup
from restore.errors import Unauthorized
from restore.load import restore
from restore.mysql import Session
from restore.settings import Database
from restore.users import Account
from tests.restore.conftest import APP_PASSWORD, Server
from tests.restore.contents import EVERYTHING

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def test_everything_survives(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    name = make_database(*EVERYTHING)
    manifest = take_backup(backup_user(name), container)
    assert manifest.consistency == "locked"
    assert manifest.objects == {"views": 2, "triggers": 1, "routines": 2, "events": 1}

    db = clean_target.admin("petclinic")
    done = restore(db, container, manifest.name, app=Account("planb_app", SecretStr(APP_PASSWORD)))

    assert done.tables.keys() == manifest.tables.keys()
    assert compare.differences(compare.table_digests(source.admin(name)), done.tables) == []
    with Session(source.admin(name)) as before, Session(db) as after:
        for table in ("kinds", "no_key", "`odd ``name``%`", "child", "audit", "parted"):
            # A second opinion that shares no code with the digests: the values themselves.
            sql = f"SELECT * FROM {table} ORDER BY 1, 2"
            assert after.query(sql) == before.query(sql)
        assert after.query("SELECT hidden, HEX(picture), ST_AsText(place) FROM kinds") == before.query(
            "SELECT hidden, HEX(picture), ST_AsText(place) FROM kinds"
        )
        # Indexes and foreign keys are put off until the rows are in: all of them must be there in the end.
        for sql in (
            "SELECT table_name, index_name, non_unique, seq_in_index, column_name, index_type FROM"
            " information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1, 2, 4",
            "SELECT constraint_name, table_name, referenced_table_name, delete_rule FROM"
            " information_schema.referential_constraints WHERE constraint_schema = DATABASE() ORDER BY 1",
        ):
            wanted = before.query(sql)
            assert len(wanted) >= 1 and after.query(sql) == wanted
        for sql in (
            "SHOW CREATE PROCEDURE add_child",
            "SHOW CREATE FUNCTION doubled",
            "SHOW CREATE EVENT nightly",
            "SHOW CREATE TRIGGER child_added",
            "SHOW CREATE VIEW grandchildren",
        ):
            assert _without_definer(after.query(sql)) == _without_definer(before.query(sql))
        after.execute("CALL add_child(12, 1)")
        assert after.query("SELECT what FROM audit") == [("child 12;",)]
        assert after.query("SELECT * FROM grandchildren ORDER BY id") == [(11, 22), (12, 24)]
        assert after.query(
            "SELECT COUNT(*) FROM information_schema.columns WHERE column_name = 'my_row_id'"
        ) == [(0,)]
    app = clean_target.database("petclinic", "planb_app", APP_PASSWORD)
    with Session(app) as session:
        session.execute("INSERT INTO parent VALUES (3)")


def test_and_back_again(
    source: Server,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    """Failback: what the other side wrote replaces what we had, invisible primary keys or not."""
    name = make_database(*EVERYTHING)
    there = clean_target.admin(name)
    restore(there, container, take_backup(backup_user(name), container).name)
    with Session(there) as session:
        session.execute("INSERT INTO no_key VALUES (99, 'from elsewhere')")
        session.execute("CREATE TABLE keyless (v INT)")  # the server gives it an invisible key
        session.execute("INSERT INTO keyless VALUES (1), (1)")
    back = take_backup(there, container)
    assert back.source.server_uuid != catalog.list_backups(container)[1].manifest.source.server_uuid  # type: ignore[union-attr]
    done = restore(source.admin(name), container, back.name, replace=True)
    assert done.tables == compare.table_digests(there)
    assert source.root(f"SELECT * FROM {name}.keyless") == ((1,), (1,))


def test_the_application_cannot_enter_before_the_proof(
    clean_target: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database(*EVERYTHING)
    manifest = take_backup(backup_user(name), container)
    seen: list[str] = []

    def try_to_enter(phase: str, done: int, total: int) -> None:
        seen.append(phase)
        if phase == "comparing":
            with pytest.raises(Unauthorized):
                Session(clean_target.database("petclinic", "planb_app", APP_PASSWORD))

    account = Account("planb_app", SecretStr(APP_PASSWORD))
    restore(clean_target.admin("petclinic"), container, manifest.name, app=account, report=try_to_enter)
    assert list(dict.fromkeys(seen)) == ["verifying", "waiting", "preflight", "loading", "comparing", "users"]


def _without_definer(rows: list[tuple[object, ...]]) -> list[list[str]]:
    kept = [[str(value) for value in row if "20" not in str(value)[:2]] for row in rows]
    return [[re.sub(r"DEFINER=`[^`]*`@`[^`]*` ", "", value) for value in row] for row in kept]
