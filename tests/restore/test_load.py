"""load.py, verify.py and target.py: no damaged byte and no surprise reaches a target; a killed restore is repeated."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from restore import catalog, compare, verify
from restore.blobs import Container
from restore.dump import take_backup
from restore.errors import (
    ContentDiffers,
    CorruptBackup,
    LeaseHeld,
    LoadFailed,
    MissingBackup,
    NoBackup,
    TargetIncompatible,
    TargetNotEmpty,
    TlsRefused,
    Unreachable,
)
from restore.load import restore
from restore.models import Manifest
from restore.mysql import Session
from restore.settings import Database
from restore.target import Target
from restore.users import Account
from tests.restore.conftest import APP_PASSWORD, Azurite, Server, make_tls
from tests.restore.contents import petclinic

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def _put(azurite: Azurite, container: Container, name: str, data: bytes) -> None:
    service: BlobServiceClient = azurite.service
    service.get_blob_client(container.url.rpartition("/")[2], name).upload_blob(data, overwrite=True)


def _delete(azurite: Azurite, container: Container, name: str) -> None:
    azurite.service.get_blob_client(container.url.rpartition("/")[2], name).delete_blob()


def _databases(server: Server) -> set[str]:
    return {row[0] for row in server.root("SHOW DATABASES")}


def test_one_flipped_bit_anywhere_is_found_before_the_target_is_touched(
    azurite: Azurite,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(400))), container)
    db = clean_target.admin("petclinic")

    def flip_anywhere(blob: str, intact: bytes) -> None:
        @settings(max_examples=25, deadline=None, database=None)
        @given(position=st.integers(0, len(intact) - 1), bit=st.integers(0, 7))
        def flipped(position: int, bit: int) -> None:
            damaged = bytearray(intact)
            damaged[position] ^= 1 << bit
            _put(azurite, container, blob, bytes(damaged))
            with pytest.raises(CorruptBackup):
                restore(db, container, manifest.name)

        flipped()
        _put(azurite, container, blob, intact)

    for suffix in (".sql.zst", ".manifest.json"):
        intact = container.read(manifest.name + suffix)
        assert intact is not None
        flip_anywhere(manifest.name + suffix, intact)
    assert not _databases(clean_target) & {"petclinic", "planb_restore"}
    verify.verify_backup(container, manifest.name)  # and the repaired one is good again


def test_truncated_longer_or_missing_data(
    azurite: Azurite,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(400))), container)
    data, about = manifest.name + ".sql.zst", manifest.name + ".manifest.json"
    intact, sheet = container.read(data), container.read(about)
    assert intact and sheet
    for wrong in (intact[:-1], intact[: len(intact) // 2], b"", intact + b"\0", intact[1:] + intact[:1]):
        _put(azurite, container, data, wrong)
        with pytest.raises(CorruptBackup):
            restore(clean_target.admin("petclinic"), container, manifest.name)
        if len(wrong) != len(intact):
            assert catalog.find(container, manifest.name).state == "suspect"
    _delete(azurite, container, data)
    with pytest.raises(MissingBackup, match="missing"):
        restore(clean_target.admin("petclinic"), container, manifest.name)
    _put(azurite, container, data, intact)
    _delete(azurite, container, about)
    with pytest.raises(MissingBackup, match="never finished"):
        restore(clean_target.admin("petclinic"), container, manifest.name)
    _delete(azurite, container, data)
    with pytest.raises(MissingBackup, match="no such backup"):
        restore(clean_target.admin("petclinic"), container, manifest.name)
    with pytest.raises(NoBackup, match="nothing to restore from"):
        catalog.newest_valid(container)
    assert not _databases(clean_target) & {"petclinic", "planb_restore"}


def test_a_swapped_blob_is_not_the_other_backup(
    azurite: Azurite, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(200)))
    first, second = take_backup(user, container), take_backup(user, container)
    sheet = container.read(first.name + ".manifest.json")
    assert sheet is not None
    _put(azurite, container, second.name + ".manifest.json", sheet)
    assert catalog.find(container, second.name).state == "suspect"
    assert catalog.newest_valid(container).name == first.name
    with pytest.raises(CorruptBackup, match="belongs to"):
        verify.verify_backup(container, second.name)


def test_a_target_with_content_is_refused_and_left_alone(
    clean_target: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(200))), container)
    mine = ["CREATE TABLE petclinic.mine (v INT)", "INSERT INTO petclinic.mine VALUES (7)"]
    clean_target.root("CREATE DATABASE petclinic", *mine)
    with pytest.raises(TargetNotEmpty, match="mine") as caught:
        restore(clean_target.admin("petclinic"), container, manifest.name)
    assert "--replace" in str(caught.value) and caught.value.exit_code == 3
    assert clean_target.root("SELECT v FROM petclinic.mine") == ((7,),)
    restore(clean_target.admin("petclinic"), container, manifest.name, replace=True)
    assert {row[0] for row in clean_target.root("SHOW TABLES FROM petclinic")} == {"owners", "pets", "visits"}


def test_a_finished_restore_is_not_repeated_over_new_writes(
    clean_target: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(200))), container)
    db = clean_target.admin("pet_clinic")
    account = Account("planb_app", SecretStr(APP_PASSWORD))
    assert not restore(db, container, manifest.name, app=account).already
    with Session(clean_target.database("pet_clinic", "planb_app", APP_PASSWORD)) as session:
        session.execute("INSERT INTO owners (first_name) VALUES ('new customer')")
    again = restore(db, container, manifest.name, app=account)
    assert again.already and again.tables == manifest.tables
    assert clean_target.root("SELECT COUNT(*) FROM pet_clinic.owners WHERE first_name = 'new customer'") == (
        (1,),
    )


KILLED = """
import json, sys, time
from pathlib import Path
from pydantic import SecretStr
from restore.blobs import open_container
from restore import load
from restore.load import restore
from restore.settings import Database
spec = json.load(sys.stdin)
db = Database(spec["host"], spec["name"], "admin", SecretStr(spec["password"]), spec["port"], Path(spec["ca"]))
write, pieces = load.Client.write, []
def slow(self, data):
    write(self, data)
    pieces.append(len(data))
    if len(pieces) == 4:
        time.sleep(60)
load.Client.write = slow
restore(db, open_container(spec["url"], env={"AZURE_STORAGE_KEY": spec["key"]}), spec["backup"])
"""


def test_after_sigkill_the_same_call_does_it_again(
    azurite: Azurite,
    container_url: str,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    """F24: the half-loaded database is recognised as ours and started over, without --replace."""
    manifest = take_backup(backup_user(make_database(*petclinic(60_000))), container)
    db = clean_target.admin("petclinic")
    spec = {
        "host": db.host,
        "port": db.port,
        "name": db.name,
        "password": clean_target.password,
        "ca": str(db.ca_file),
        "url": container_url,
        "key": azurite.key,
        "backup": manifest.name,
    }
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(spec))
    process.stdin.close()
    there = (
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'petclinic' AND table_name = 'owners'"
    )
    until = time.monotonic() + 30
    try:
        while not clean_target.root(there):
            assert time.monotonic() < until and process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert clean_target.root("SELECT state FROM planb_restore.state") == (("loading",),)
    done = restore(db, container, manifest.name)
    assert not done.already and done.tables == manifest.tables
    assert clean_target.root("SELECT state FROM planb_restore.state") == (("loaded",),)


def test_two_restores_at_once_are_one_too_many(
    clean_target: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(200))), container)
    db = clean_target.admin("petclinic")
    with Session(db, schema=False) as session:
        Target(session).lock()
        with pytest.raises(LeaseHeld):
            restore(db, container, manifest.name)
    assert "petclinic" not in _databases(clean_target)


def test_wrong_ca_and_no_server(
    tmp_path: Path,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(200))), container)
    db = clean_target.admin("petclinic")
    wrong = Database(db.host, db.name, db.user, db.password, db.port, make_tls(tmp_path, "wrong").ca)
    with pytest.raises(TlsRefused):
        restore(wrong, container, manifest.name, wait_s=5)
    nobody = Database(db.host, db.name, db.user, db.password, 1, db.ca_file)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="waited 1 s"):
        restore(nobody, container, manifest.name, wait_s=1)
    assert time.monotonic() - began < 5


def _forged(azurite: Azurite, container: Container, manifest: Manifest, **changes: object) -> Manifest:
    forged = manifest.model_copy(update=changes)
    _put(azurite, container, manifest.name + ".manifest.json", forged.to_bytes())
    return forged


def test_a_server_that_cannot_take_it_is_refused_untouched(
    azurite: Azurite,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(200))), container)
    db = clean_target.admin("petclinic")
    newer = manifest.source.model_copy(update={"version": "99.1.0"})
    wide = manifest.data.model_copy(update={"longest_line": 2**30})
    digest = next(iter(manifest.tables.values()))
    for changes, message in (
        ({"source": newer}, r"99\.1\.0"),
        ({"data": wide}, "max_allowed_packet"),
        ({"tables": {**manifest.tables, "Owners": digest}}, "ignores case"),
    ):
        _forged(azurite, container, manifest, **changes)
        with pytest.raises(TargetIncompatible, match=message):
            restore(db, container, manifest.name)
    assert not _databases(clean_target) & {"petclinic", "planb_restore"}


def test_a_server_that_trusts_no_functions_is_refused(
    clean_target: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database("CREATE TABLE t (id INT)", "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1")
    manifest = take_backup(backup_user(name), container)
    clean_target.root("SET GLOBAL log_bin_trust_function_creators = OFF")
    try:
        with pytest.raises(TargetIncompatible, match="log_bin_trust_function_creators"):
            restore(clean_target.admin("petclinic"), container, manifest.name)
    finally:
        clean_target.root("SET GLOBAL log_bin_trust_function_creators = ON")
    assert "petclinic" not in _databases(clean_target)


def test_content_that_differs_from_the_manifest_is_told_and_nobody_let_in(
    azurite: Azurite,
    clean_target: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(200))), container)
    pets = manifest.tables["pets"]
    wrong = {**manifest.tables, "pets": compare.TableDigest(pets.rows + 1, pets.checksum)}
    _forged(azurite, container, manifest, tables=wrong)
    account = Account("planb_app", SecretStr(APP_PASSWORD))
    with pytest.raises(ContentDiffers, match="pets: 40 rows, 41 expected"):
        restore(clean_target.admin("petclinic"), container, manifest.name, app=account)
    assert clean_target.root("SELECT COUNT(*) FROM mysql.user WHERE user = 'planb_app'") == ((0,),)
    assert clean_target.root("SELECT state FROM planb_restore.state") == (("loading",),)


def test_a_statement_that_the_server_refuses_stops_the_load(
    clean_target: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    name = make_database("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)", *petclinic(200))
    manifest = take_backup(backup_user(name), container)
    clean_target.root("CREATE DATABASE IF NOT EXISTS planb_restore")
    clean_target.root("REVOKE INSERT ON *.* FROM admin@'%'", "GRANT INSERT ON planb_restore.* TO admin@'%'")
    try:
        with pytest.raises(LoadFailed, match="command denied") as caught:
            restore(clean_target.admin("petclinic"), container, manifest.name)
    finally:
        clean_target.root("GRANT INSERT ON *.* TO admin@'%' WITH GRANT OPTION")
    assert caught.value.exit_code == 4
    assert restore(clean_target.admin("petclinic"), container, manifest.name).tables == manifest.tables
