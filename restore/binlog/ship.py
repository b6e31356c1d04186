"""Continuous shipping: what the source commits is in storage `interval_s` seconds later, in a chain without gaps.

The stream is resumed at the exact position after the last stored segment, whatever ended it. Segments end between two
transactions (a transaction too big for memory is the one exception, and marked). Nothing is written while nothing
changed. A gap – the source purged or reset its log – is never papered over: it ends the chain, is told to the caller,
and a new chain begins at the newest base backup that the log still reaches, or now.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from restore import catalog, log, snapshot
from restore.binlog import chain as chains
from restore.binlog import events, segment
from restore.binlog.events import Boundaries, Event
from restore.binlog.segment import Header
from restore.binlog.stream import PURGED, BinlogStream
from restore.errors import CorruptBackup, DataPlaneError, Interrupted, Refused, ServerRefused, Unreachable
from restore.models import BinlogPosition
from restore.mysql import Session

if TYPE_CHECKING:
    from restore.blobs import Container
    from restore.settings import Database

INTERVAL_S = 5.0
LARGEST = 16 * 1024 * 1024
"""Bytes of events after which a segment is cut before its time, between two transactions."""
HUGE = 64 * 1024 * 1024
"""… and within one: memory stays bounded whatever the source does."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
LOCK = "locks/binlog.json"


@dataclass(frozen=True, slots=True)
class Shipped:
    """Where shipping stands. `lag_s`: age of the oldest transaction that is not yet in storage, 0 if there is none."""

    chain: str
    position: tuple[str, int]
    last_commit: datetime | None
    lag_s: float
    segments: int
    transactions: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A chain ended although the source went on: transactions after `after` are in no segment."""

    chain: str
    after: tuple[str, int]
    why: str


@dataclass
class Shipper:
    """Ships one source's log. `run` returns when `stop` is set.

    Args:
        db: the source, as a user with REPLICATION SLAVE and REPLICATION CLIENT.
        epoch: of the failover state; part of a new chain's name.
        may_publish: called before every write; raises if we may not (lease lost, another site is active).
        on_shipped: called after every write and every idle interval.
        on_gap: called when a chain ended; a base backup is needed.
    """

    db: Database
    container: Container
    stop: threading.Event
    epoch: int = 1
    interval_s: float = INTERVAL_S
    server_id: int = 20_261_125
    may_publish: Callable[[], None] = lambda: None
    on_shipped: Callable[[Shipped], None] = lambda state: None
    on_gap: Callable[[Gap], None] = lambda gap: None
    _chain: _Open | None = field(default=None, init=False)

    def run(self) -> None:
        """Ship until stopped; every failure is logged and tried again from the exact position.

        Raises:
            Refused: we may not publish any more.
        """
        wait = FIRST_WAIT_S
        while not self.stop.is_set():
            try:
                self.once()
                wait = FIRST_WAIT_S
            except Interrupted:
                return
            except Refused:
                raise
            except DataPlaneError as problem:
                log.get().warning("shipping interrupted", retry_s=round(wait, 1), **problem.as_fields())
                self.stop.wait(wait)
                wait = min(LONGEST_WAIT_S, wait * 2)

    def once(self, *, follow: bool = True) -> None:
        """One connection's worth of shipping; with `follow` False up to the log's present end."""
        if self._chain is None:
            self._chain = self._resume() or self._begin()
        current = self._chain
        try:
            stream = BinlogStream(self.db, current.position, server_id=self.server_id, follow=follow)
        except ServerRefused as problem:
            self._broken(current, problem)
            return
        try:
            cutter = _Cutter(current, stream.checksum)
            self._consume(stream, cutter)
            self._write(current, cutter, force=True)
        except ServerRefused as problem:
            self._broken(current, problem)
        finally:
            stream.close()

    def _consume(self, stream: BinlogStream, cutter: _Cutter) -> None:
        due = time.monotonic() + self.interval_s
        current = cutter.open
        for event in stream:
            cutter.feed(event)
            now = time.monotonic()
            while cutter.finished or cutter.too_big or (now >= due and cutter.ready):
                self._write(current, cutter)
                due = now + self.interval_s
            if now >= due:
                self.on_shipped(current.state(cutter))
                due = now + self.interval_s
            if self.stop.is_set():
                self._write(current, cutter, force=True)
                raise Interrupted("stopped while shipping", where=str(self.db))

    def _write(self, current: _Open, cutter: _Cutter, *, force: bool = False) -> None:
        if force and not cutter.ready:
            return
        header, plain = cutter.cut()
        blob, sha = segment.pack(header, plain)
        self.may_publish()
        self.container.write(header.name, blob)
        current.stored(header, sha)
        cutter.stored(header)
        self.on_shipped(current.state(cutter))

    # -- where to go on, and where to begin --

    def _resume(self) -> _Open | None:
        """The end of this server's newest chain of this epoch."""
        with Session(self.db, schema=False) as session:
            server = _identity(session)
        for one in reversed(chains.chains(self.container)):
            if not one.name.startswith(f"{self.epoch:04d}-"):
                continue
            header, sha = chains.last(self.container, one)
            if header.server_uuid == server:
                found = _Open(
                    one.name, server, BinlogPosition(file=header.after[0], position=header.after[1])
                )
                found.stored(header, sha)
                return found
        return None

    def _begin(self) -> _Open:
        with Session(self.db, schema=False) as session:
            server = _identity(session)
            now, _ = snapshot.coordinates(session)
            files = {str(row[0]) for row in session.query("SHOW BINARY LOGS")}
        if now is None:
            raise Refused(
                "it writes no binary log", where=str(self.db), next_step="Set backup_retention_period > 0."
            )
        start = now
        for base in catalog.list_backups(self.container):
            manifest = base.manifest
            if (
                base.state == "valid"
                and manifest
                and manifest.binlog
                and manifest.source.server_uuid == server
            ):
                if manifest.binlog.file in files and manifest.binlog.order <= now.order:
                    start = manifest.binlog
                break
        # Counted, not timed: a clock that was set back must not make an old chain the newest.
        name = f"{self.epoch:04d}-{len(chains.chains(self.container)) + 1:06d}-{server[:8]}"
        return _Open(name, server, BinlogPosition(file=start.file, position=start.position))

    def _broken(self, current: _Open, problem: ServerRefused) -> None:
        """The log does not go on where the chain ends."""
        if problem.code not in PURGED:
            raise problem
        self.on_gap(Gap(current.name, (current.position.file, current.position.position), problem.what))
        self._chain = self._begin()


def _identity(session: Session) -> str:
    return session.variable("server_uuid") or f"{session.db.host}:{session.db.port}"


class _Open:
    """The chain that is being written: its end, and the hash of its last segment."""

    def __init__(self, name: str, server: str, position: BinlogPosition) -> None:
        self.name, self.server, self.position = name, server, position
        self.number, self.sha = 0, ""
        self.created: tuple[str, int] | None = None
        """(file, its creation in seconds) of the last segment: the same name with another is another log."""
        self.last_commit: datetime | None = None
        self.segments = self.transactions = 0

    def stored(self, header: Header, sha: str) -> None:
        self.number, self.sha = header.number, sha
        file, position = header.after
        self.position = BinlogPosition(file=file, position=position)
        self.created = (header.file, events.parse(bytes.fromhex(header.format_event)).timestamp)
        self.last_commit = header.last_commit or self.last_commit
        self.segments += 1
        self.transactions += header.transactions

    def state(self, cutter: _Cutter) -> Shipped:
        position = (self.position.file, self.position.position)
        return Shipped(
            self.name, position, self.last_commit, cutter.lag_s(), self.segments, self.transactions
        )


class _Cutter:
    """Collects events and cuts them into segments."""

    def __init__(self, current: _Open, checksum: int) -> None:
        self.open = current
        self._file, self._start = current.position.file, current.position.position
        self._end = self._start
        self._bounds = Boundaries(checksum)
        self._data = bytearray()
        self._whole = 0
        """Bytes up to the last place between two transactions."""
        self._whole_end = self._start
        self._next_file = ""
        self._format: Event | None = None
        self._counted = 0
        self._commits: list[datetime] = []
        self._arrived: float | None = None
        """Monotonic time at which the oldest complete transaction not yet stored came."""

    @property
    def finished(self) -> bool:
        """The source's file has ended: its last segment is due."""
        return bool(self._next_file)

    @property
    def too_big(self) -> bool:
        return self._whole >= LARGEST or len(self._data) >= HUGE

    @property
    def ready(self) -> bool:
        """There is a transaction to store."""
        return self._bounds.transactions > self._counted and self._whole > 0

    def lag_s(self) -> float:
        return 0.0 if self._arrived is None else round(time.monotonic() - self._arrived, 3)

    def feed(self, event: Event) -> None:
        if event.kind in events.HEARTBEATS:
            return
        if event.flags & events.ARTIFICIAL or (event.kind == events.FORMAT and event.end == 0):
            self._made_up(event)
            return
        if event.kind == events.FORMAT:
            self._describe(event)
        if not events.intact(event, self._bounds.checksum):
            raise Unreachable("an event arrived damaged", where=f"{self._file}:{self._end}")
        between = self._bounds.feed(event)
        if event.kind in events.GTIDS:
            self._commits.append(events.committed_at(event, self._bounds.checksum))
            self._arrived = self._arrived or time.monotonic()
        self._data += event.data
        self._end = event.end or self._end + len(event.data)
        if between:
            self._whole, self._whole_end = len(self._data), self._end
        if event.kind == events.ROTATE:
            self._next_file = events.rotation(event, self._bounds.checksum)[0]

    def _made_up(self, event: Event) -> None:
        """The source says which file it reads from; after a crash it goes to the next without a rotate event."""
        if event.kind == events.FORMAT:
            self._describe(event)
        elif event.kind == events.ROTATE:
            file, _ = events.rotation(event, self._bounds.checksum)
            if file != self._file and not self._next_file and self._end > 4:
                self._next_file = file

    def _describe(self, event: Event) -> None:
        known = self.open.created
        if known and known[0] == self._file and known[1] != event.timestamp and self._start > 4:
            raise ServerRefused(
                f"{self._file} is another file than the one shipped before: the log was reset",
                code=1236, where=self._file,
            )  # fmt: skip
        self._format = event
        self._bounds.checksum = events.checksum_of(event)

    def cut(self) -> tuple[Header, bytes]:
        """The segment that is due: everything up to the last whole transaction, or all of a huge one."""
        size, end = (self._whole, self._whole_end) if self._whole else (len(self._data), self._end)
        if self._format is None:
            raise CorruptBackup("the log has no format description", where=self._file)
        plain = bytes(self._data[:size])
        complete = self._bounds.transactions - self._counted
        commits = self._commits[:complete]
        header = Header(
            chain=self.open.name,
            number=self.open.number + 1,
            server_uuid=self.open.server,
            file=self._file,
            start=self._start,
            end=end,
            next_file=self._next_file if size == len(self._data) else "",
            open=self._bounds.open and not self._whole,
            transactions=complete,
            first_commit=min(commits, default=None),
            last_commit=max(commits, default=None),
            format_event=self._format.data.hex(),
            plain_bytes=len(plain),
            plain_sha256=hashlib.sha256(plain).hexdigest(),
            previous=self.open.sha,
            shipped_at=datetime.now(UTC),
        )
        return header, plain

    def stored(self, header: Header) -> None:
        """Forget what is in storage now."""
        del self._data[: header.plain_bytes]
        del self._commits[: header.transactions]
        self._counted += header.transactions
        self._whole = 0
        self._arrived = time.monotonic() if self._commits else None
        self._file, self._start = header.after
        self._whole_end = self._start
        if header.next_file:
            self._next_file, self._end, self._format = "", 4, None
