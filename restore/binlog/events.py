"""Events of the binary log as bytes: their headers, where transactions begin and end, when they committed.

Both engines write version 4 of the format; what differs between them is in this module and nowhere else.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
https://mariadb.com/docs/server/reference/clientserver-protocol/replication-protocol/2-binlog-event-header
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from restore.errors import CorruptBackup

MAGIC = b"\xfebin"
HEADER = struct.Struct("<IBIIIH")  # timestamp, type, server id, size, end position, flags
CHECKSUM = 4

QUERY, STOP, ROTATE, FORMAT, XID, TABLE_MAP = 2, 3, 4, 15, 16, 19
ROWS = frozenset({20, 21, 22, 23, 24, 25, 30, 31, 32, 39})
ROWS_QUERY, GTID, ANONYMOUS_GTID, PREVIOUS_GTIDS, XA_PREPARE, PAYLOAD, TAGGED_GTID = (
    29,
    33,
    34,
    35,
    38,
    40,
    42,
)
INCIDENT, HEARTBEATS = 26, frozenset({27, 41})
MARIADB_ANNOTATE, MARIADB_CHECKPOINT, MARIADB_GTID, MARIADB_GTID_LIST = 160, 161, 162, 163
GTIDS = frozenset({GTID, ANONYMOUS_GTID, TAGGED_GTID, MARIADB_GTID})
BETWEEN = frozenset({STOP, ROTATE, FORMAT, PREVIOUS_GTIDS, INCIDENT, MARIADB_CHECKPOINT, MARIADB_GTID_LIST})
"""Events that stand between transactions and belong to none."""
ARTIFICIAL = 0x20  # made up for the stream; not in the file
STATEMENT_END = 1  # flag of a rows event
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(NamedTuple):
    """One event; `data` is all of it, header and checksum included. `end` is its end's position in the file, or 0."""

    kind: int
    timestamp: int
    end: int
    flags: int
    data: bytes

    def body(self, checksum: int) -> bytes:
        """What follows the header, without `checksum` bytes at the end."""
        return self.data[HEADER.size : len(self.data) - checksum]


def parse(data: bytes) -> Event:
    """One event from its bytes; CorruptBackup when they are no event."""
    if len(data) < HEADER.size:
        raise CorruptBackup(f"an event of {len(data)} bytes is too short", where="binary log")
    timestamp, kind, _, size, end, flags = HEADER.unpack_from(data)
    if size != len(data):
        raise CorruptBackup(f"an event says {size} bytes and has {len(data)}", where="binary log")
    return Event(kind, timestamp, end, flags, data)


def split(data: bytes | memoryview) -> Iterator[Event]:
    """The events of a piece of a binary log that begins and ends at an event; CorruptBackup when it does not."""
    view, at = memoryview(data), 0
    while at < len(view):
        if len(view) - at < HEADER.size:
            raise CorruptBackup("the log ends within an event", where="binary log")
        size = HEADER.unpack_from(view, at)[3]
        if size < HEADER.size or at + size > len(view):
            raise CorruptBackup("the log ends within an event", where="binary log")
        yield parse(bytes(view[at : at + size]))
        at += size


def checksum_of(format_event: Event) -> int:
    """Bytes of checksum that the events after this format description end with: 4 (CRC32) or 0."""
    # Its last five bytes are the algorithm and its own checksum, whatever the algorithm (both engines).
    algorithm = format_event.data[-5]
    if algorithm not in (0, 1):
        raise CorruptBackup(f"the log uses checksum algorithm {algorithm}", where="binary log")
    return CHECKSUM if algorithm == 1 else 0


def intact(event: Event, checksum: int) -> bool:
    """Whether the event's own CRC32 holds (always true where the log has none)."""
    if not checksum or event.kind in HEARTBEATS:
        return True
    return zlib.crc32(event.data[:-CHECKSUM]) == struct.unpack("<I", event.data[-CHECKSUM:])[0]


def without_checksum(event: Event, body: bytes | None = None, checksum: int = CHECKSUM) -> bytes:
    """The event's bytes, with another body if given, for a log that has no checksums."""
    content = event.body(checksum) if body is None else body
    timestamp, kind, server, _, end, flags = HEADER.unpack_from(event.data)
    return HEADER.pack(timestamp, kind, server, HEADER.size + len(content), end, flags) + content


def format_without_checksum(event: Event) -> bytes:
    """The format description for a log whose events have no checksums."""
    # The algorithm byte says "off"; the four bytes behind it stay, as both engines write them.
    return event.data[:-5] + b"\x00" + event.data[-4:]


def rotation(event: Event, checksum: int) -> tuple[str, int]:
    """(next file, position) of a rotate event."""
    body = event.body(checksum)
    return body[8:].decode(), int.from_bytes(body[:8], "little")


class Query(NamedTuple):
    """A statement and its default database."""

    schema: str
    text: str


def query(event: Event, checksum: int) -> Query:
    """The statement of a query event."""
    body = event.body(checksum)
    schema_length, variables = body[8], int.from_bytes(body[11:13], "little")
    at = 13 + variables
    schema = body[at : at + schema_length].decode(errors="replace")
    return Query(schema, body[at + schema_length + 1 :].decode(errors="replace"))


def table_map(event: Event, checksum: int) -> tuple[int, str, str]:
    """(table id, database, table) of a table map."""
    body = event.body(checksum)
    length = body[8]
    schema = body[9 : 9 + length].decode()
    at = 9 + length + 1
    return table_id(body), schema, body[at + 1 : at + 1 + body[at]].decode()


def renamed(body: bytes, schema: str) -> bytes:
    """A table map's body for a table of the same name in another database."""
    name = schema.encode()
    return body[:8] + bytes([len(name)]) + name + body[9 + body[8] :]


def table_id(body: bytes) -> int:
    """The number that a rows event and its table map share."""
    return int.from_bytes(body[:6], "little")


def committed_at(event: Event, checksum: int) -> datetime:
    """When the transaction that this GTID event opens committed, by the source's clock.

    MySQL 8 writes microseconds (immediate_commit_timestamp); elsewhere the header's second is all there is, taken at
    its end so that it is never earlier than the truth.
    """
    if event.kind in (GTID, ANONYMOUS_GTID):
        body = event.body(checksum)
        if len(body) >= 49:
            micros = int.from_bytes(body[42:49], "little") & ((1 << 55) - 1)
            return _EPOCH + timedelta(microseconds=micros)
    return _EPOCH + timedelta(seconds=event.timestamp + 1) - timedelta(microseconds=1)


@dataclass
class Boundaries:
    """Follows events in order and knows after which of them the log stands between two transactions.

    `feed` returns True when the event completes a transaction or stands between two. `gtid` is the event that opened
    the last transaction, where the engine writes one.
    """

    checksum: int = CHECKSUM
    open: bool = False
    """Within a transaction."""
    explicit: bool = False
    """… that has begun with BEGIN and ends with a commit of its own."""
    gtid: Event | None = None
    transactions: int = 0

    def feed(self, event: Event) -> bool:
        kind = event.kind
        if kind == FORMAT:
            self.checksum = checksum_of(event)
        if kind in HEARTBEATS or kind in BETWEEN:
            return not self.open
        if kind in GTIDS:
            self.open, self.gtid = True, event
            # MariaDB: no flag "standalone" means that the GTID is also the BEGIN.
            self.explicit = kind == MARIADB_GTID and not event.body(self.checksum)[12] & 1
            return False
        self.open = True
        if kind in (XID, XA_PREPARE) or (kind == PAYLOAD and not self.explicit):
            return self._ended()
        if kind == QUERY:
            return self._statement(query(event, self.checksum).text)
        return False

    def _statement(self, text: str) -> bool:
        word = text[:12].lstrip().upper()
        if word.startswith(("BEGIN", "XA START")):
            self.explicit = True
            return False
        if word.startswith(("COMMIT", "ROLLBACK")) and not word.startswith("ROLLBACK TO"):
            return self._ended()
        if self.explicit:
            return False
        return self._ended()  # DDL, or XA COMMIT: a transaction by itself

    def _ended(self) -> bool:
        self.open = self.explicit = False
        self.transactions += 1
        return True
