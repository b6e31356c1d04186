"""How far a target has replayed: one row in its own schema, saved in the transaction whose changes it speaks of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from restore.models import BinlogPosition
from restore.target import SCHEMA

if TYPE_CHECKING:
    from restore.mysql import Session

_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.replay (database_name VARCHAR(64) NOT NULL PRIMARY KEY,"
    " file VARCHAR(255) NOT NULL, position BIGINT UNSIGNED NOT NULL, committed_at DATETIME(6) NULL,"
    " pending_file VARCHAR(255) NULL, pending_position BIGINT UNSIGNED NULL, base_file VARCHAR(255) NOT NULL,"
    " base_position BIGINT UNSIGNED NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """`pending` is the end of a DDL statement that was begun: after a crash nobody knows whether it was done."""

    position: BinlogPosition
    committed_at: datetime | None = None
    pending: BinlogPosition | None = None


class Store:
    """The record of one database, made at the first `load`."""

    def __init__(self, session: Session, database: str) -> None:
        self._session = session
        self._database = database
        self._base: BinlogPosition | None = None

    def load(self, base: BinlogPosition) -> Progress:
        """Where to go on: at `base`, or where a replay onto the same base got to."""
        self._base = base
        self._session.execute(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}")
        self._session.execute(_CREATE)
        rows = self._session.query(
            "SELECT file, position, committed_at, pending_file, pending_position"
            f" FROM {SCHEMA}.replay WHERE database_name = %s AND base_file = %s AND base_position = %s",
            [self._database, base.file, base.position],
        )
        if not rows:
            found = Progress(base)
            self.save(found)
            return found
        file, position, committed, pending_file, pending_position = rows[0]
        return Progress(
            BinlogPosition(file=str(file), position=int(position)),
            committed.replace(tzinfo=UTC) if isinstance(committed, datetime) else None,
            BinlogPosition(file=str(pending_file), position=int(pending_position)) if pending_file else None,
        )

    def save(self, progress: Progress) -> None:
        """Within the session's open transaction, if there is one."""
        assert self._base is not None
        at, pending = progress.position, progress.pending
        committed = progress.committed_at.replace(tzinfo=None) if progress.committed_at else None
        self._session.execute(
            f"REPLACE INTO {SCHEMA}.replay VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                *(self._database, at.file, at.position, committed),
                *((pending.file, pending.position) if pending else (None, None)),
                *(self._base.file, self._base.position),
            ],
        )
