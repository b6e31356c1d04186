"""dump.py: nothing half-done becomes visible, memory stays bounded, secrets stay secret."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest
from pydantic import SecretStr

from restore import catalog, dump, mysqldump
from restore.blobs import Container, open_container
from restore.dump import take_backup
from restore.errors import (
    AlreadyExists,
    DataPlaneError,
    DumpFailed,
    Interrupted,
    TlsRefused,
    Unauthorized,
    Unreachable,
)
from restore.models import Manifest
from restore.mysqldump import MysqlDump
from restore.settings import Database
from tests.restore.conftest import APP_PASSWORD, BACKUP_PASSWORD, QUICK, Azurite, Server, make_tls
from tests.restore.contents import petclinic

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def test_a_killed_dump_publishes_nothing(
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F2: SIGKILL of mysqldump mid-way; `mysqldump | gzip` would have left a valid archive of half the data."""
    user = backup_user(make_database(*petclinic(60_000)))
    good = take_backup(user, container)
    dumps: list[MysqlDump] = []
    start = MysqlDump.start

    def remember(self: MysqlDump) -> None:
        dumps.append(self)
        start(self)

    def kill(done: int) -> None:
        if done > 1_000_000:
            pid = dumps[-1].pid
            assert pid is not None
            os.killpg(pid, signal.SIGKILL)

    monkeypatch.setattr(MysqlDump, "start", remember)
    with pytest.raises(DumpFailed, match="killed by signal 9"):
        take_backup(user, container, progress=kill)
    assert [one.name for one in catalog.list_backups(container)] == [good.name]
    assert {blob.name for blob in container.list("backups/")} == {
        good.name + ".sql.zst",
        good.name + ".manifest.json",
    }


def test_a_dump_without_its_last_line_publishes_nothing(
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dump, "TRAILER", b"\n-- never written")
    with pytest.raises(DumpFailed, match="last line"):
        take_backup(backup_user(make_database(*petclinic(100))), container)
    assert container.list("") == []


def test_asked_to_stop_it_stops_and_publishes_nothing(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(60_000)))
    stop = threading.Event()
    with pytest.raises(Interrupted):
        take_backup(user, container, stop=stop, progress=lambda done: stop.set())
    assert container.list("") == []
    until = time.monotonic() + 10
    while source.root("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'planb_backup'") != (
        (0,),
    ):
        assert time.monotonic() < until, "sessions of the abandoned backup remain"
        time.sleep(0.1)


def test_a_schema_change_during_the_dump_begins_again(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    """F19: ALTER TABLE between the snapshot and a table's turn (error 1412)."""
    name = make_database(
        *petclinic(60_000), "CREATE TABLE z_last (id INT PRIMARY KEY)", "INSERT INTO z_last VALUES (1)"
    )
    user = backup_user(name)
    altered = threading.Event()

    def alter(done: int) -> None:
        if not altered.is_set():
            altered.set()
            source.root(
                "SET SESSION lock_wait_timeout = 5", f"ALTER TABLE {name}.z_last ADD COLUMN v INT, FORCE"
            )

    manifest = take_backup(user, container, progress=alter)
    assert altered.is_set()
    assert manifest.tables["z_last"].rows == 1
    assert len(catalog.list_backups(container)) == 1


def test_a_second_of_the_same_second_gets_the_next_name(
    container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(10)))
    names = [take_backup(user, container).name for _ in range(3)]
    assert len(set(names)) == 3 and names == sorted(names)
    assert [one.name for one in catalog.list_backups(container)] == names[::-1]


def test_a_published_backup_is_never_overwritten(container: Container) -> None:
    container.stage_block("b", "AAAA", b"first")
    container.commit_blocks("b", ["AAAA"], fingerprint="1")
    container.stage_block("b", "AAAA", b"other")
    with pytest.raises(AlreadyExists):
        container.commit_blocks("b", ["AAAA"], fingerprint="2")
    assert container.read("b") == b"first"


def test_losing_most_rows_quarantines(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    """F18: the last good backup stays the newest."""
    name = make_database(*petclinic(1000))
    user = backup_user(name)
    good = take_backup(user, container)
    source.root(f"DELETE FROM {name}.visits")
    bad = take_backup(user, container)
    assert bad.quarantine is not None and good.name in bad.quarantine
    assert catalog.newest_valid(container).name == good.name
    assert take_backup(user, container, accept_shrink=True).quarantine is None


def test_an_empty_database_is_not_a_good_backup(
    container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    assert take_backup(backup_user(make_database()), container).quarantine == "the database has no tables"


def test_a_wrong_ca_is_refused(
    tmp_path: Path, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(10)))
    wrong = Database(
        user.host, user.name, user.user, user.password, user.port, make_tls(tmp_path, "wrong").ca
    )
    with pytest.raises(TlsRefused, match="not trusted"):
        take_backup(wrong, container)
    # and the client program, on its own, refuses it too
    process = MysqlDump(wrong, threading.Event())
    process.start()
    with pytest.raises(DumpFailed, match="certificate"):
        process.check()
    process.kill()


def test_a_wrong_password_names_no_password(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(10)))
    wrong = source.database(user.name, user.user, "wrong-canary-7431")
    with pytest.raises(Unauthorized) as caught:
        take_backup(wrong, container)
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.as_fields()} {wrong!r}"


def test_no_storage_means_no_backup_and_a_clear_error(
    azurite: Azurite, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(10)))
    gone = open_container("http://127.0.0.1:1/planbtest/none", env=azurite.env, limits=QUICK)
    with pytest.raises(Unreachable, match="does not answer"):
        take_backup(user, gone)
    missing = open_container(f"{azurite.url}/nosuchcontainer", env=azurite.env, limits=QUICK)
    with pytest.raises(DataPlaneError, match="container does not exist"):
        take_backup(user, missing)


def test_a_hung_server_does_not_hang_the_backup(
    source: Server,
    container: Container,
    make_database: MakeDatabase,
    backup_user: BackupUser,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F28: a frozen mysqld sends nothing and closes nothing."""
    user = backup_user(make_database(*petclinic(60_000)))
    monkeypatch.setattr(mysqldump, "SILENCE_S", 1.5)
    monkeypatch.setattr("restore.snapshot.QUERY_S", 4)
    monkeypatch.setattr("restore.mysql.CONNECT_S", 2)
    assert source.process is not None
    frozen = False

    def freeze(done: int) -> None:
        nonlocal frozen
        if not frozen:
            frozen = True
            assert source.process is not None
            source.process.send_signal(signal.SIGSTOP)

    began = time.monotonic()
    try:
        with pytest.raises(DataPlaneError):
            take_backup(user, container, progress=freeze)
    finally:
        source.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 20
    assert container.list("") == []


def test_no_secret_is_seen_anywhere(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    """Canary: neither argv nor environment of any process, nor what is stored, holds a password."""
    user = backup_user(make_database(*petclinic(60_000)))
    seen: list[str] = []

    def look(done: int) -> None:
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                for kind in ("cmdline", "environ"):
                    try:
                        seen.append((process / kind).read_bytes().decode(errors="replace"))
                    except OSError:
                        continue  # it ended, or is not ours

    manifest = take_backup(user, container, progress=look)
    text = "\n".join(seen)
    assert "mysqldump" in text
    for canary in (BACKUP_PASSWORD, APP_PASSWORD, source.password):
        assert canary not in text
        assert canary.encode() not in manifest.to_bytes()
        assert canary not in repr(user)


MEASURE = """
import json, sys
from pathlib import Path
from pydantic import SecretStr
from restore.blobs import open_container
from restore.dump import take_backup
from restore.settings import Database
spec = json.load(sys.stdin)
db = Database(spec["host"], spec["name"], spec["user"], SecretStr(spec["password"]), spec["port"], Path(spec["ca"]))
manifest = take_backup(db, open_container(spec["url"], env={"AZURE_STORAGE_KEY": spec["key"]}))
# not getrusage: its maximum is inherited from the process that forked us
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) // 1024
print(json.dumps({"peak_mb": peak, "plain": manifest.data.plain_bytes, "packed": manifest.data.bytes}))
"""


def test_memory_does_not_grow_with_the_data(
    source: Server, azurite: Azurite, container_url: str, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    """F20: ten times the data, incompressible, in a process of its own."""
    peaks: list[int] = []
    for rows in (300, 3000):  # of 64 KiB: 19 MB and 190 MB
        filled = [
            "CREATE TABLE noise (id INT PRIMARY KEY, v MEDIUMBLOB)",
            "SET SESSION cte_max_recursion_depth = 100000",
            "INSERT INTO noise WITH RECURSIVE n AS (SELECT 1 i UNION ALL SELECT i + 1 FROM n WHERE i < "
            f"{rows}) SELECT i, REPEAT(RANDOM_BYTES(1024), 64) FROM n",
        ]
        user = backup_user(make_database(*filled))
        spec = {
            "host": user.host,
            "port": user.port,
            "name": user.name,
            "user": user.user,
            "password": user.password.get_secret_value(),
            "ca": str(user.ca_file),
            "url": container_url,
            "key": azurite.key,
        }
        done = subprocess.run(
            [sys.executable, "-c", MEASURE],
            input=json.dumps(spec),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result["plain"] > rows * 64 * 1024
        peaks.append(result["peak_mb"])
    small, large = peaks
    assert large <= small * 1.10 + 16, peaks
    print(f"peak memory of the backup: {small} MB, {large} MB at ten times the data")
    assert large <= 150, peaks


def test_a_lease_lost_during_the_dump_publishes_nothing(
    container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    def lost() -> None:
        raise Interrupted("lost")

    with pytest.raises(Interrupted, match="lost"):
        take_backup(backup_user(make_database(*petclinic(10))), container, may_publish=lost)
    assert container.list("") == []


def test_the_manifest_says_what_was_done(
    container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database(*petclinic(1000)))
    manifest = take_backup(user, container)
    raw = container.read(manifest.name + ".manifest.json")
    assert raw is not None
    assert Manifest.from_bytes(raw, "here") == manifest
    assert manifest.source.version.startswith("9.")
    assert manifest.rows == 1000
    assert manifest.name == f"backups/backup-{manifest.server_utc:%Y%m%d-%H%M%S}"
    assert manifest.binlog is not None and manifest.binlog.position > 4


def test_unknown_host(container: Container) -> None:
    nobody = Database("127.0.0.1", "x", "u", SecretStr("p"), 1)
    with pytest.raises(Unreachable):
        take_backup(nobody, container)


def test_unknown_database(
    source: Server, container: Container, make_database: MakeDatabase, backup_user: BackupUser
) -> None:
    user = backup_user(make_database())
    with pytest.raises(DataPlaneError, match=r"(?i)unknown database|denied"):
        take_backup(user.named("nonexistent"), container)


def test_pymysql_is_verified(source: Server) -> None:
    """The server refuses plain connections, as RDS and Azure do."""
    with pytest.raises(pymysql.MySQLError, match=r"(?i)secure"):
        pymysql.connect(
            host="127.0.0.1", port=source.port, user="admin", password=source.password, ssl_disabled=True
        )
