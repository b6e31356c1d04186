"""Loads a dump through several connections: rows in parallel, secondary indexes after them.

The mysql client runs everything that is not rows, in order, as it always did. Rows go round to the workers as soon as
the client has made their table. A table's indexes are built when its rows are in, while other tables still load;
foreign keys come last. Triggers wait for every row before them, or they would fire.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from restore.errors import DataPlaneError, Interrupted, LoadFailed, ServerRefused, Stalled
from restore.mysql import Session
from restore.statements import Deferred, Rows, Splitter, Text

if TYPE_CHECKING:
    from restore.client import Client
    from restore.settings import Database

CONNECTIONS = 4
WAITING = 2
"""Statements (about 1 MiB each) that wait for every connection: bounds memory."""
SILENCE_S = 600.0
SETTINGS = (
    "SET NAMES utf8mb4",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION foreign_key_checks = 0",
    "SET SESSION unique_checks = 0",
)
"""What a dump's own head sets before its rows."""


class ParallelLoad:
    """`write` the dump, then `finish`; `close` in any case. Errors of any connection come out of whichever is next."""

    def __init__(
        self, db: Database, client: Client, stop: threading.Event, *, connections: int = CONNECTIONS
    ) -> None:
        self._db, self._client, self._stop = db, client, stop
        self._splitter = Splitter()
        self._queue: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(connections * WAITING)
        self._changed = threading.Condition()
        self._open: Counter[bytes] = Counter()
        self._failure: DataPlaneError | None = None
        self._deferred: dict[bytes, list[Deferred]] = {}
        self._last: list[Deferred] = []
        self._table = b""
        self._stack = ExitStack()
        sessions = [
            self._stack.enter_context(Session(db, read_timeout_s=SILENCE_S)) for _ in range(connections)
        ]
        for session in sessions:
            for setting in SETTINGS:
                session.execute(setting)
        self._threads = [threading.Thread(target=self._work, args=[one], daemon=True) for one in sessions]
        for thread in self._threads:
            thread.start()

    def write(self, piece: bytes) -> None:
        """The next piece of the dump, cut anywhere."""
        for part in self._splitter.feed(piece):
            self._take(part)

    def finish(self) -> None:
        """Wait for everything, and add what was put off."""
        for part in self._splitter.finish():
            self._take(part)
        self._leave_table()
        self._drain()
        for one in self._last:
            self._put(one.table, one.sql)
        self._drain()
        self._client.finish()

    def close(self) -> None:
        """End the connections, whatever they do."""
        self._fail(Interrupted("the load was given up", where=str(self._db)))
        for _ in self._threads:
            try:
                self._queue.put_nowait(None)
            except queue.Full:
                break
        for thread in self._threads:
            thread.join(timeout=5)
        self._stack.close()

    # -- the dump, in order --

    def _take(self, part: Rows | Text | Deferred) -> None:
        if isinstance(part, Rows):
            if part.table != self._table:
                self._leave_table()
                self._client.sync()  # the table is there
                self._table = part.table
            self._put(part.table, part.sql)
        elif isinstance(part, Deferred):
            if part.last:
                self._last.append(part)
            else:
                self._deferred.setdefault(part.table, []).append(part)
        else:
            if part.barrier:
                self._leave_table()
                self._drain()
            self._client.write(part.sql)

    def _leave_table(self) -> None:
        """The table's rows have all been handed out: its indexes follow them."""
        for one in self._deferred.pop(self._table, ()):
            self._index(one)
        self._table = b""

    def _index(self, one: Deferred) -> None:
        self._client.sync()
        with self._changed:
            self._wait(lambda: self._open[one.table] == 0)
        self._put(one.table, one.sql)

    def _drain(self) -> None:
        for table in list(self._deferred):  # tables without rows
            for one in self._deferred.pop(table):
                self._index(one)
        with self._changed:
            self._wait(lambda: not +self._open)

    # -- hand-over --

    def _put(self, table: bytes, sql: bytes) -> None:
        with self._changed:
            self._raise()
            self._open[table] += 1
        waited = 0.0
        while True:
            try:
                self._queue.put((table, sql), timeout=0.5)
                return
            except queue.Full:
                waited += 0.5
                self._look(waited)

    def _wait(self, until: Callable[[], bool]) -> None:
        waited = 0.0
        while not until():
            self._changed.wait(0.5)
            waited += 0.5
            self._look(waited)
        self._raise()

    def _look(self, waited_s: float) -> None:
        self._raise()
        if self._stop.is_set():
            raise Interrupted("stopped during the load", where=str(self._db), next_step="Run the same again.")
        if waited_s > SILENCE_S:
            raise Stalled(f"the server took nothing for {SILENCE_S:.0f} s", where=str(self._db))

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _fail(self, problem: DataPlaneError) -> None:
        with self._changed:
            self._failure = self._failure or problem
            self._changed.notify_all()

    def _work(self, session: Session) -> None:
        while (one := self._queue.get()) is not None:
            table, sql = one
            if self._failure is not None:
                return
            try:
                session.execute_bytes(sql)
            except ServerRefused as problem:
                self._fail(
                    LoadFailed(
                        f"the server refused rows or indexes of {table.decode(errors='replace')} ({problem.what})",
                        where=str(self._db),
                        meaning="The database is partly loaded and marked as unfinished; nobody was let in.",
                        next_step="Mend the cause and run the same restore again: it starts over by itself.",
                    )
                )
                return
            except DataPlaneError as problem:
                self._fail(problem)
                return
            with self._changed:
                self._open[table] -= 1
                self._changed.notify_all()
