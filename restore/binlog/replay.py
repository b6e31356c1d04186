"""Segments onto a restored base, up to a moment or a position, whole transactions only.

Row changes go through BINLOG statements, as mysqlbinlog would send them, but many source transactions are committed as
one, together with the position reached: a replay that was killed goes on where it stopped, and nothing is applied
twice. Everything else (DDL) is rendered by the real mysqlbinlog and run by the real client, one at a time. What the
server refuses stops the replay with the position kept and the event named; nothing is skipped.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from restore.binlog import events
from restore.binlog.apply import RowApplier, StatementApplier, concerns
from restore.binlog.events import Boundaries, Event
from restore.binlog.position import Progress, Store
from restore.errors import Interrupted
from restore.models import BinlogPosition
from restore.mysql import Session

if TYPE_CHECKING:
    from restore.binlog.segment import Header
    from restore.settings import Database

BATCH_BYTES = 4 * 1024 * 1024
BATCH_TRANSACTIONS = 2000
BATCH_S = 2.0
READ_S = 600.0


@dataclass
class Replayed:
    """What a replay did: where the target stands, and the newest commit in it by the source's clock."""

    position: BinlogPosition
    last_commit: datetime | None = None
    transactions: int = 0
    skipped: int = 0
    """Transactions of other databases."""
    seconds: float = 0.0
    ended: str = "end of the chain"


def replay(
    db: Database,
    source_database: str,
    begin: BinlogPosition,
    segments: Iterable[tuple[Header, bytes]],
    *,
    until: datetime | None = None,
    until_position: BinlogPosition | None = None,
    progress: Callable[[Replayed], None] | None = None,
    stop: threading.Event | None = None,
) -> Replayed:
    """Apply what the segments hold behind `begin` (or behind what an earlier, killed replay reached).

    Args:
        db: the target, as an administrator; `db.name` may differ from `source_database`.
        until: the last commit time (source's clock, UTC) that is applied; None takes all.
        until_position: the last position that is applied.

    Raises:
        PoisonTransaction: the target refused a transaction; its position is kept.
        Interrupted: asked to stop; the same call goes on.
    """
    stop = stop or threading.Event()
    began = time.monotonic()
    with Session(db, read_timeout_s=READ_S) as session:
        store = Store(session, db.name)
        reached = store.load(begin)
        work = _Replay(db, source_database, session, store, reached, stop)
        result = work.result
        for header, plain in segments:
            if not work.segment(header, plain, until, until_position):
                break
            if progress is not None:
                progress(result)
        work.flush()
    result.seconds = round(time.monotonic() - began, 3)
    return result


class _Replay:
    def __init__(
        self,
        db: Database,
        source_database: str,
        session: Session,
        store: Store,
        reached: Progress,
        stop: threading.Event,
    ) -> None:
        self._db, self._source, self._session, self._store, self._stop = (
            db,
            source_database,
            session,
            store,
            stop,
        )
        self._skip_until = reached.position.order
        self._pending_ddl = reached.pending
        self._bounds = Boundaries()
        self._current: list[Event] = []
        self._rows = RowApplier(session, source_database, db.name)
        self._statements = StatementApplier(db, source_database)
        self._batched = 0
        self._batch_began = time.monotonic()
        self.result = Replayed(reached.position, reached.committed_at)

    def segment(
        self, header: Header, plain: bytes, until: datetime | None, until_position: BinlogPosition | None
    ) -> bool:
        """Apply one segment; False when the end that was asked for is reached."""
        description = events.parse(bytes.fromhex(header.format_event))
        self._bounds.checksum = events.checksum_of(description)
        self._rows.describe(description)
        self._statements.describe(description)
        at = header.start
        for event in events.split(plain):
            at = event.end if event.end > at else at + len(event.data)
            if BinlogPosition(file=header.file, position=at).order <= self._skip_until:
                continue
            done = self._bounds.feed(event)
            if event.kind not in events.BETWEEN:
                self._current.append(event)
            if not done:
                continue
            position = BinlogPosition(file=header.file, position=at)
            if not self._current:
                continue
            commit = self._commit_time(self._current)
            if until_position is not None and position.order > until_position.order:
                self.result.ended = f"before {position.file}:{position.position}"
                return False
            if until is not None and commit > until:
                self.result.ended = f"before the commit of {commit:%Y-%m-%d %H:%M:%S.%f} UTC"
                return False
            transaction, self._current = self._current, []
            self._apply(transaction, position, commit)
            if self._stop.is_set():
                self.flush()
                raise Interrupted(
                    "stopped during the replay", where=str(self._db), next_step="Run the same again."
                )
        return True

    def _commit_time(self, transaction: list[Event]) -> datetime:
        first = transaction[0]
        if first.kind in events.GTIDS:
            return events.committed_at(first, self._bounds.checksum)
        return datetime.fromtimestamp(first.timestamp, UTC)

    def _apply(self, transaction: list[Event], position: BinlogPosition, commit: datetime) -> None:
        checksum = self._bounds.checksum
        kind = concerns(transaction, checksum, self._source)
        if kind == "rows":
            self._rows.add(transaction, checksum, position)
            self._batched += 1
        elif kind == "statements":
            self.flush()
            again = self._pending_ddl == position
            self._store.save(Progress(self.result.position, self.result.last_commit, pending=position))
            self._statements.run(transaction, position, repeated=again)
        else:
            self.result.skipped += 1
        self.result.position, self.result.last_commit = position, commit
        self.result.transactions += kind != "other"
        if kind == "statements":
            self._store.save(Progress(position, self.result.last_commit))
        late = time.monotonic() - self._batch_began > BATCH_S
        if self._rows.bytes >= BATCH_BYTES or self._batched >= BATCH_TRANSACTIONS or (self._batched and late):
            self.flush()

    def flush(self) -> None:
        """Commit what is batched, together with the position."""
        if self._batched:
            self._rows.commit(
                lambda: self._store.save(Progress(self.result.position, self.result.last_commit))
            )
        self._batched, self._batch_began = 0, time.monotonic()
