"""Content of a database as one digest a table: equal digests mean equal rows, whatever the server and the order.

The server computes it: every row becomes a SHA-256 of an unambiguous rendering (text quoted and as utf8mb4, long
values by their own SHA-256, NULL apart from empty, times in UTC), and the first 64 bits of these are summed without
overflow. A sum needs no order and, unlike XOR, sees rows that are there twice. MD5 and SHA1 are not used: MySQL 9.6
moved them out into a component. Invisible primary keys that the server made are not data and left out.

FLOAT is compared as clients see it (6 digits); mysqldump keeps no more. All other types are compared exactly.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore.errors import ContentDiffers, DataPlaneError, ServerRefused
from restore.models import TableDigest
from restore.mysql import UNKNOWN_VARIABLE, Session, quoted

if TYPE_CHECKING:
    from restore.settings import Database

__all__ = [
    "Table",
    "TableDigest",
    "base_tables",
    "differences",
    "digests",
    "prepare",
    "require_equal",
    "table_digests",
]

QUERY_S = 3600
"""Longest time that one table may take, seconds."""
GIPK = "my_row_id"
_QUOTED = {"char", "varchar", "enum", "set"}
_HASHED_TEXT = {"tinytext", "text", "mediumtext", "longtext"}
_HASHED_BYTES = {
    *("tinyblob", "blob", "mediumblob", "longblob", "vector"),
    *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
    *("geomcollection", "geometrycollection"),
}
_PLAIN = {
    *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"),
    *("date", "datetime", "timestamp", "time", "year"),
}


@dataclass(frozen=True, slots=True)
class Table:
    """A base table and what its digest needs: (column, data type) in order. `bytes` is the server's estimate."""

    name: str
    columns: tuple[tuple[str, str], ...]
    bytes: int
    engine: str


def table_digests(db: Database, *, connections: int = 2) -> dict[str, TableDigest]:
    """Digest of every base table of the database; about a second a million short rows.

    Not one instant: nobody should write meanwhile. (`restore.snapshot` takes it inside consistent snapshots.)

    Raises:
        DataPlaneError: the server is unreachable or refuses.
    """
    with ExitStack() as stack:
        sessions = [stack.enter_context(Session(db, read_timeout_s=QUERY_S)) for _ in range(connections)]
        for session in sessions:
            prepare(session)
        return digests(sessions, base_tables(sessions[0]))


def prepare(session: Session) -> None:
    """Make a session render values the same way on every server."""
    session.execute("SET SESSION sql_mode = ''")
    for setting in ("show_gipk_in_create_table_and_information_schema = OFF", "max_execution_time = 0"):
        session.try_execute(f"SET SESSION {setting}", tolerate=frozenset({UNKNOWN_VARIABLE}))


def base_tables(session: Session) -> list[Table]:
    """The tables of the session's database, biggest first."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind, extra in session.query(
        "SELECT table_name, column_name, data_type, extra FROM information_schema.columns"
        " WHERE table_schema = %s ORDER BY table_name, ordinal_position",
        [session.db.name],
    ):
        if not (column == GIPK and "INVISIBLE" in str(extra).upper()):
            columns.setdefault(str(table), []).append((str(column), str(kind).lower()))
    found = session.query(
        "SELECT table_name, COALESCE(data_length, 0), COALESCE(engine, '') FROM information_schema.tables"
        " WHERE table_schema = %s AND table_type = 'BASE TABLE'",
        [session.db.name],
    )
    tables = [
        Table(str(name), tuple(columns.get(str(name), ())), int(size), str(engine))
        for name, size, engine in found
    ]
    return sorted(tables, key=lambda table: (-table.bytes, table.name))


def digests(
    sessions: Sequence[Session], tables: Sequence[Table], *, after_each: str = ""
) -> dict[str, TableDigest]:
    """Digest of each table, the sessions sharing the work; `after_each` is a statement to run behind every table."""
    work: queue.SimpleQueue[Table] = queue.SimpleQueue()
    for table in tables:
        work.put(table)
    done: dict[str, TableDigest] = {}
    problems: list[DataPlaneError] = []

    def run(session: Session) -> None:
        while not problems:
            try:
                table = work.get_nowait()
            except queue.Empty:
                return
            try:
                done[table.name] = _digest(session, table)
                if after_each:
                    session.execute(after_each)
            except DataPlaneError as problem:
                problems.append(problem)

    threads = [threading.Thread(target=run, args=[session], name="digest") for session in sessions[1:]]
    for thread in threads:
        thread.start()
    run(sessions[0])
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return dict(sorted(done.items()))


def differences(expected: Mapping[str, TableDigest], actual: Mapping[str, TableDigest]) -> list[str]:
    """One line for each table that is missing, too many, or has other content; empty means equal.

    Names are compared without case: Azure stores them in lower case, RDS as written.
    """
    there = {name.lower(): digest for name, digest in actual.items()}
    lines: list[str] = []
    for name, wanted in sorted(expected.items()):
        found = there.pop(name.lower(), None)
        if found is None:
            lines.append(f"{name}: missing, {wanted.rows} rows expected")
        elif found.rows != wanted.rows:
            lines.append(f"{name}: {found.rows} rows, {wanted.rows} expected")
        elif found.checksum != wanted.checksum:
            lines.append(f"{name}: {found.rows} rows as expected, but their content differs")
    return lines + [f"{name}: not expected" for name in sorted(there)]


def require_equal(expected: Mapping[str, TableDigest], actual: Mapping[str, TableDigest], where: str) -> None:
    """Raise `ContentDiffers` naming the tables unless both are equal."""
    if lines := differences(expected, actual):
        shown = "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")
        raise ContentDiffers(
            shown,
            where=where,
            meaning="What is in the database is not what the manifest says.",
            next_step="Do not cut over to it. Restore again, or an older backup.",
        )


def _digest(session: Session, table: Table) -> TableDigest:
    row = "CONCAT_WS('|'," + ",".join(_rendered(quoted(column), kind) for column, kind in table.columns) + ")"
    rows, total = session.one(
        f"SELECT COUNT(*), COALESCE(SUM(CAST(CONV(LEFT(SHA2({row}, 256), 16), 16, 10) AS UNSIGNED)), 0)"
        f" FROM {quoted(session.db.name)}.{quoted(table.name)}"
    )
    # A value too long for a function becomes NULL with a warning: that would hide a difference.
    if warnings := session.query("SHOW WARNINGS"):
        level, code, text = warnings[0][:3]
        raise ServerRefused(
            f"the checksum of {table.name} is not exact ({level} {code}: {text})",
            code=int(code),
            where=str(session.db),
        )
    names = [name for name, _ in table.columns]
    canonical = json.dumps([names, int(rows), int(total)], separators=(",", ":"), ensure_ascii=False)
    return TableDigest(rows=int(rows), checksum=hashlib.sha256(canonical.encode()).hexdigest())


def _rendered(column: str, kind: str) -> str:
    """SQL that renders one value so that no two values look the same and none holds an unquoted `|`."""
    if kind in _PLAIN:
        return f"IFNULL({column},'~')"
    if kind in _QUOTED:
        return f"QUOTE(CONVERT({column} USING utf8mb4))"  # QUOTE(NULL) is the word NULL without quotes
    if kind in _HASHED_TEXT:
        return f"IFNULL(SHA2(CONVERT({column} USING utf8mb4),256),'~')"
    if kind in _HASHED_BYTES:
        return f"IFNULL(SHA2(CAST({column} AS BINARY),256),'~')"
    if kind in ("binary", "varbinary"):
        return f"IFNULL(HEX({column}),'~')"
    if kind == "bit":
        return f"IFNULL({column}+0,'~')"
    return (
        f"IFNULL(SHA2(CAST({column} AS CHAR CHARACTER SET utf8mb4),256),'~')"  # json, and types yet to come
    )
