"""One instant of a source database, seen alike by the dump, by the counting sessions and in the binary log.

RDS denies FLUSH TABLES WITH READ LOCK, so the instant is made with what the backup user may do: LOCK TABLES … READ on
every base table of the database, for as long as it takes to open the consistent snapshots (tens to hundreds of
milliseconds; writers wait, readers do not). Under the lock no transaction on these tables is half-way: all that
committed is in the binary log before the coordinates, all else comes after. The wait for the lock is bounded too, since
writers queue behind it. If the lock cannot be had, an unmoved binary log proves the same; if that fails as well the
backup says `approximate`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

from restore import compare
from restore.compare import QUERY_S, Table
from restore.errors import DataPlaneError, DumpFailed, Interrupted, ServerRefused, Stalled
from restore.models import BinlogPosition, SourceInfo, TableDigest
from restore.mysql import ACCESS_DENIED, LOCK_WAIT_TIMEOUT, NO_SUCH_THREAD, SYNTAX, Session, quoted
from restore.settings import Database

LOCK_ATTEMPTS = 3
LOCK_WAIT_S = 2
"""Longest wait for the lock, and so the longest stall of writers before it is given up, in seconds."""
QUIET_ATTEMPTS = 3
READERS = 2
CANCEL_S = 5.0
SAVEPOINT = "planb"

Consistency = Literal["locked", "quiet", "approximate"]


@dataclass
class Snapshot:
    """Open snapshots; closing it closes its sessions. The dump belongs to whoever started it."""

    source: SourceInfo
    server_utc: datetime
    binlog: BinlogPosition | None
    consistency: Consistency
    lock_ms: float
    tables: list[Table]
    notes: list[str]
    _readers: list[Session] = field(repr=False)
    _stack: ExitStack = field(repr=False)

    def digests(self) -> dict[str, TableDigest]:
        """Rows and checksum of every table as of the instant."""
        # Going back to the savepoint frees each table for DDL as soon as it is counted (mysqldump does the same).
        return compare.digests(self._readers, self.tables, after_each=f"ROLLBACK TO SAVEPOINT {SAVEPOINT}")

    def schema_changed(self) -> bool:
        """Whether the tables or their columns are others now than at the instant."""
        with Session(self._readers[0].db, read_timeout_s=CANCEL_S) as session:
            compare.prepare(session)
            now = {table.name: table.columns for table in compare.base_tables(session)}
        return now != {table.name: table.columns for table in self.tables}

    def cancel(self) -> None:
        """End the counting from another thread: its result is not wanted any more."""
        with suppress(DataPlaneError), Session(self._readers[0].db, read_timeout_s=CANCEL_S) as session:
            for reader in self._readers:
                session.try_execute(f"KILL {reader.connection_id()}", tolerate=frozenset({NO_SUCH_THREAD}))
        for reader in self._readers:
            reader.abort()  # the server may hang, too

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def take(
    db: Database,
    start_dump: Callable[[], None],
    discard_dump: Callable[[], None],
    *,
    stop: threading.Event | None = None,
) -> Snapshot:
    """Open the snapshots, the dump's among them.

    Args:
        start_dump: starts the dump and returns as soon as its own snapshot is surely open; raises Stalled if that
            takes too long for holding a lock.
        discard_dump: ends a dump whose start did not fit; it will be started again.

    Raises:
        DataPlaneError: the source is unreachable, lacks grants, or the dump does not start.
    """
    stop = stop or threading.Event()
    notes: list[str] = []
    for attempt in range(LOCK_ATTEMPTS):
        if attempt and stop.wait(random.uniform(0.5, 1.5) * attempt):
            raise Interrupted("stopped before the dump began", where=str(db))
        try:
            return _locked(db, start_dump, notes)
        except _NoLock as problem:
            notes.append(f"no table lock: {problem}")
            discard_dump()
            if problem.final:
                break
    for attempt in range(QUIET_ATTEMPTS):
        if stop.is_set():
            raise Interrupted("stopped before the dump began", where=str(db))
        found = _unlocked(db, start_dump, notes, accept=attempt == QUIET_ATTEMPTS - 1)
        if found is not None:
            return found
        discard_dump()
    raise AssertionError("the last attempt accepts what it finds")


class _NoLock(Exception):
    def __init__(self, why: str, *, final: bool) -> None:
        self.final = final
        super().__init__(why)


def _locked(db: Database, start_dump: Callable[[], None], notes: list[str]) -> Snapshot:
    with ExitStack() as stack:
        readers, tables = _open_readers(db, stack)
        locker = Session(db)
        stack.callback(locker.close)  # whatever happens below, the lock ends with its session
        compare.prepare(locker)
        locker.execute(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}")
        asked = time.monotonic()
        if tables:
            names = ", ".join(f"{quoted(table.name)} READ" for table in tables)
            try:
                locker.execute(f"LOCK TABLES {names}")
            except ServerRefused as problem:
                waited = problem.code == LOCK_WAIT_TIMEOUT
                if waited or problem.code in ACCESS_DENIED:
                    raise _NoLock(problem.what, final=not waited) from None
                raise
        if {table.name for table in compare.base_tables(locker)} != {table.name for table in tables}:
            raise _NoLock("tables were made or dropped meanwhile", final=False)
        for reader in readers:
            _open(reader)
        binlog, server_utc = coordinates(locker)
        try:
            start_dump()
        except Stalled as problem:
            raise _NoLock(problem.what, final=False) from None
        locker.execute("UNLOCK TABLES")
        lock_ms = (time.monotonic() - asked) * 1000
        return _described(db, readers, tables, binlog, server_utc, "locked", round(lock_ms, 1), notes, stack)


def _unlocked(
    db: Database, start_dump: Callable[[], None], notes: list[str], *, accept: bool
) -> Snapshot | None:
    with ExitStack() as stack:
        readers, tables = _open_readers(db, stack)
        watcher = stack.enter_context(Session(db))
        before, server_utc = coordinates(watcher)
        for reader in readers:
            _open(reader)
        try:
            start_dump()
        except Stalled as problem:
            raise DumpFailed(f"the dump did not start ({problem.what})", where=str(db)) from None
        quiet = before is not None and coordinates(watcher)[0] == before
        if not quiet and not accept:
            return None
        state: Consistency = "quiet" if quiet else "approximate"
        return _described(db, readers, tables, before, server_utc, state, 0.0, notes, stack)


def _open(reader: Session) -> None:
    reader.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    reader.execute(f"SAVEPOINT {SAVEPOINT}")


def _open_readers(db: Database, stack: ExitStack) -> tuple[list[Session], list[Table]]:
    readers: list[Session] = []
    for _ in range(READERS):
        reader = stack.enter_context(Session(db, read_timeout_s=QUERY_S))
        compare.prepare(reader)
        reader.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        readers.append(reader)
    return readers, compare.base_tables(readers[0])


def _described(
    db: Database,
    readers: list[Session],
    tables: list[Table],
    binlog: BinlogPosition | None,
    server_utc: datetime,
    consistency: Consistency,
    lock_ms: float,
    notes: list[str],
    stack: ExitStack,
) -> Snapshot:
    reader = readers[0]
    charset, collation = reader.one(
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
        " WHERE schema_name = %s",
        [db.name],
    )
    source = SourceInfo(
        server_uuid=reader.variable("server_uuid") or f"{db.host}:{db.port}",
        version=str(reader.one("SELECT VERSION()")[0]),
        database=db.name,
        character_set=str(charset),
        collation=str(collation),
        lower_case_table_names=int(reader.variable("lower_case_table_names") or 0),
        sql_mode=reader.variable("sql_mode") or "",
        gtid_mode=reader.variable("gtid_mode") or "OFF",
    )
    notes = list(notes)
    if binlog is None:
        notes.append("the source writes no binary log: nothing after this backup can be replayed")
    outside = sorted(table.name for table in tables if table.engine.lower() != "innodb")
    if outside:
        consistency = "approximate"
        notes.append(f"not InnoDB, so without snapshots: {', '.join(outside)}")
    floats = sorted(table.name for table in tables if any(kind == "float" for _, kind in table.columns))
    if floats:
        notes.append(f"FLOAT columns keep 6 digits in a dump: {', '.join(floats)}")
    return Snapshot(
        source, server_utc, binlog, consistency, lock_ms, tables, notes, readers, _stack=stack.pop_all()
    )


def coordinates(session: Session) -> tuple[BinlogPosition | None, datetime]:
    """Where the binary log stands, and the server's clock (UTC)."""
    try:
        rows = session.query("SHOW BINARY LOG STATUS")  # 8.2 and later
    except ServerRefused as problem:
        if problem.code != SYNTAX:
            raise
        rows = session.query("SHOW MASTER STATUS")
    now = session.one("SELECT UTC_TIMESTAMP(6)")[0]
    if not isinstance(now, datetime):
        raise ServerRefused("its clock cannot be read", code=0, where=str(session.db))
    utc = now.replace(tzinfo=UTC)
    if not rows:
        return None, utc
    file, position, *more = rows[0]  # Binlog_Do_DB, Binlog_Ignore_DB, Executed_Gtid_Set
    gtids = str(more[2]).replace("\n", "") if len(more) > 2 else ""
    return BinlogPosition(file=str(file), position=int(position), gtid_executed=gtids), utc
