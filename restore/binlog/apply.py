"""What one transaction of the log means for the target: row changes, statements, or nothing.

`RowApplier` sends row events as BINLOG statements; `StatementApplier` runs everything else through mysqlbinlog and the
client. Only the database that was backed up is followed; accounts are the target's own (as in Azure's and RDS's own
replication), so statements about them are left out.
"""

from __future__ import annotations

import base64
import re
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from restore.binlog import events
from restore.binlog.events import Event
from restore.errors import DataPlaneError, PoisonTransaction, ServerRefused, TargetIncompatible
from restore.mysql import ACCESS_DENIED, UNKNOWN_VARIABLE, option_file, program
from restore.mysqldump import child_environment

if TYPE_CHECKING:
    from restore.models import BinlogPosition
    from restore.mysql import Session
    from restore.settings import Database

Kind = Literal["rows", "statements", "other"]
STATEMENT_S = 3600
CLIENT = ("--binary-mode", "--batch", "--default-character-set=utf8mb4")
GIPK_OFF = "SET SESSION sql_generate_invisible_primary_key = OFF"
_ACCOUNTS = re.compile(
    r"\s*(?:/\*.*?\*/\s*)?(?:(?:CREATE|ALTER|DROP|RENAME)\s+(?:USER|ROLE)|GRANT|REVOKE|SET\s+(?:PASSWORD|DEFAULT\s+ROLE)|FLUSH)\b",
    re.IGNORECASE | re.DOTALL,
)
# A statement about an object that it names with its database; what this does not recognise is run, and refused aloud.
_ELSEWHERE = re.compile(
    r"\s*(?:CREATE|ALTER|DROP|TRUNCATE)\b[^(]*?\b(?:TABLE|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|ON)\s+"
    r"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?`?\w+`?\s*\.",
    re.IGNORECASE,
)
_QUIET = frozenset({events.ROWS_QUERY, events.MARIADB_ANNOTATE, events.XID, *events.GTIDS})
_DEFINER = re.compile(
    rb"^(CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?)DEFINER\s*=\s*(?:`(?:[^`]|``)*`@`(?:[^`]|``)*`|\S+@\S+)\s+",
    re.IGNORECASE | re.MULTILINE,
)
# Of a statement that had been done before a crash: the thing is there already, or gone already.
_DONE_BEFORE = frozenset(
    {1007, 1008, 1050, 1051, 1060, 1061, 1068, 1091, 1304, 1305, 1359, 1360, 1537, 1539, 1826, 3822}
)


def concerns(transaction: Sequence[Event], checksum: int, database: str) -> Kind:
    """What must be done about a transaction: nothing if it touches other databases only."""
    rows = False
    for event in transaction:
        if event.kind in _QUIET:
            continue
        if event.kind == events.TABLE_MAP:
            rows = rows or events.table_map(event, checksum)[1] == database
        elif event.kind in events.ROWS:
            continue
        elif event.kind == events.QUERY:
            found = events.query(event, checksum)
            word = found.text[:9].lstrip().upper()
            if word.startswith(("BEGIN", "COMMIT")):
                continue
            if _ACCOUNTS.match(found.text):
                continue
            named = re.search(rf"`?\b{re.escape(database)}\b`?\s*\.", found.text) is not None
            elsewhere = _ELSEWHERE.match(found.text)
            if named or (found.schema == database and not elsewhere):
                return "statements"
        elif event.kind == events.PAYLOAD:
            return "statements"  # compressed: mysqlbinlog opens it
        else:
            return "statements"
    return "rows" if rows else "other"


class RowApplier:
    """Collects transactions of row events and commits them together."""

    def __init__(self, session: Session, source: str, target: str) -> None:
        self._session, self._source, self._target = session, source, target
        self._statements: list[bytes] = []
        self._described = b""
        self._wanted = b""
        self.bytes = 0
        self._first: BinlogPosition | None = None
        self._last: BinlogPosition | None = None
        self._packet = int(session.variable("max_allowed_packet") or 0)

    def describe(self, event: Event) -> None:
        """The format description of the events to come."""
        self._wanted = events.format_without_checksum(event)

    def add(self, transaction: Sequence[Event], checksum: int, position: BinlogPosition) -> None:
        """One whole transaction; `position` is its end."""
        self._first = self._first or position
        self._last = position
        statement: list[bytes] = []
        maps: dict[int, bool] = {}
        for event in transaction:
            if event.kind == events.TABLE_MAP:
                number, schema, _ = events.table_map(event, checksum)
                maps[number] = schema == self._source
                if maps[number]:
                    body = event.body(checksum)
                    body = events.renamed(body, self._target) if self._target != self._source else body
                    statement.append(events.without_checksum(event, body, checksum))
            elif event.kind in events.ROWS:
                body = event.body(checksum)
                ends = bool(body[6] & events.STATEMENT_END)
                if maps.get(events.table_id(body)):
                    statement.append(events.without_checksum(event, body, checksum))
                if ends:
                    self._end(statement, maps)
                    statement = []
        assert not statement, "a transaction's last rows event ends its statement"

    def _end(self, statement: list[bytes], maps: dict[int, bool]) -> None:
        if not any(piece[4] in events.ROWS for piece in statement):
            return
        # Rows of another database may have carried the flag: the last one that is kept must.
        last = bytearray(statement[-1])
        last[events.HEADER.size + 6] |= events.STATEMENT_END
        statement[-1] = bytes(last)
        self._statements.append(b"".join(statement))
        self.bytes += len(self._statements[-1])
        size = self.bytes_of(self._statements[-1])
        if size >= self._packet:
            raise TargetIncompatible(
                f"max_allowed_packet is {self._packet}, one statement's rows have {size} bytes",
                where=str(self._session.db),
                next_step="Raise max_allowed_packet on the target (at most 1 GiB) and run the same again.",
            )
        maps.clear()

    @staticmethod
    def bytes_of(rows: bytes) -> int:
        """Bytes of the BINLOG statement for these events."""
        return (len(rows) + 2) // 3 * 4 + 64

    def commit(self, save: Callable[[], None]) -> None:
        """Everything collected, and what `save` does, in one transaction."""
        try:
            if self._described != self._wanted:
                self._session.execute(_binlog(self._wanted))
                # A format description leaves the session waiting for the source's GTID; ours are the target's own.
                self._session.try_execute(
                    "SET SESSION gtid_next = 'AUTOMATIC'", tolerate=frozenset({UNKNOWN_VARIABLE})
                )
                self._described = self._wanted
            self._session.execute("BEGIN")
            for chunk in self._chunks():
                self._session.execute(_binlog(chunk))
            save()
            self._session.execute("COMMIT")
        except ServerRefused as problem:
            self._session.try_execute("ROLLBACK", tolerate=frozenset())
            raise self._poison(problem) from None
        self._statements, self.bytes, self._first, self._last = [], 0, None, None

    def _chunks(self) -> list[bytes]:
        """Row events of as many statements as one packet takes."""
        limit, found, size = max(self._packet // 2, 1), [], 0
        current: list[bytes] = []
        for one in self._statements:
            if current and (size + self.bytes_of(one) > limit or size > 1_000_000):
                found.append(b"".join(current))
                current, size = [], 0
            current.append(one)
            size += self.bytes_of(one)
        return [*found, b"".join(current)] if current else found

    def _poison(self, problem: ServerRefused) -> DataPlaneError:
        if problem.code in ACCESS_DENIED:
            return ServerRefused(
                f"the replay needs REPLICATION_APPLIER ({problem.what})",
                code=problem.code,
                where=problem.where,
            )
        assert self._first is not None and self._last is not None
        return PoisonTransaction(
            f"the target refused a row change ({problem.code}: {problem.what})",
            where=f"{self._session.db}, transactions that end at {self._first.file}:{self._first.position}"
            f" to {self._last.file}:{self._last.position}",
            meaning="Everything before is applied, nothing of these; nothing was skipped.",
            next_step="Compare the target with the base (was it written to?); restore again into an empty database.",
        )


def _binlog(data: bytes) -> str:
    return f"BINLOG '{base64.b64encode(data).decode()}'"


class StatementApplier:
    """Statements as mysqlbinlog renders them, with the session settings that they were logged with."""

    def __init__(self, db: Database, source: str) -> None:
        self._db, self._source = db, source
        self._format = b""

    def describe(self, event: Event) -> None:
        self._format = event.data

    def run(self, transaction: Sequence[Event], position: BinlogPosition, *, repeated: bool) -> None:
        """One transaction; with `repeated`, an earlier try may have done it already."""
        text = self._rendered(transaction)
        with option_file(self._db) as (argument, descriptor):
            done = subprocess.run(
                [program("mysql"), argument, *CLIENT, self._db.name],
                input=text, capture_output=True, pass_fds=[descriptor], env=child_environment(),
                timeout=STATEMENT_S, check=False,
            )  # fmt: skip
        if done.returncode == 0:
            return
        said = " ".join(done.stderr.decode(errors="replace").split())
        code = re.search(r"ERROR (\d+)", said)
        if repeated and code and int(code[1]) in _DONE_BEFORE:
            return
        raise PoisonTransaction(
            f"the target refused a statement ({said[:400]})",
            where=f"{self._db}, transaction that ends at {position.file}:{position.position}",
            meaning="Everything before is applied; nothing was skipped.",
            next_step="Mend the cause on the target and run the same again: it goes on here.",
        )

    def _rendered(self, transaction: Sequence[Event]) -> bytes:
        # A file, since mysqlbinlog seeks; it holds customers' rows, so it is ours alone and gone at once.
        with tempfile.TemporaryDirectory(prefix="planb-replay-") as folder:
            path = Path(folder) / "transaction"
            path.write_bytes(events.MAGIC + self._format + b"".join(event.data for event in transaction))
            rewrite = (
                [f"--rewrite-db={self._source}->{self._db.name}"] if self._source != self._db.name else []
            )
            done = subprocess.run(
                [program("mysqlbinlog"), "--no-defaults", "--skip-gtids", *rewrite, str(path)],
                capture_output=True, env=child_environment(), timeout=STATEMENT_S, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())[:400]
            raise DataPlaneError(f"mysqlbinlog cannot read the transaction ({said})", where=str(self._db))
        return _head() + _DEFINER.sub(rb"\1", done.stdout)


def _head() -> bytes:
    return f"/*!80030 {GIPK_OFF} */;\n".encode()
