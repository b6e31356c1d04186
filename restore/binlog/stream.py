"""The source's binary log as it is written: the replication protocol, from an exact position, event by event.

We ask as a replica would (COM_BINLOG_DUMP) with a server id and a UUID of our own, so that a half-dead connection of
ours is replaced and nobody else's is. Heartbeats tell a quiet source from a dead connection.
https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication.html
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pymysql

from restore.binlog import events
from restore.binlog.events import Event
from restore.errors import ServerRefused, Unreachable
from restore.mysql import ACCESS_DENIED, Session, translated

if TYPE_CHECKING:
    from restore.models import BinlogPosition
    from restore.settings import Database

HEARTBEAT_S = 1.0
SILENCE_S = 15.0
"""No event and no heartbeat for so long: the connection is dead."""
COM_BINLOG_DUMP = 0x12
NON_BLOCKING = 1
PURGED = frozenset({1236, 1220, 1729})
"""ER_MASTER_FATAL_ERROR_READING_BINLOG and its kin: the position is not there any more."""
RECEIVE = 256 * 1024


class BinlogStream:
    """One connection that reads the log from `at`. Iterate; `close` from anywhere ends it.

    `checksum` is the number of bytes that events end with until a format description says otherwise.
    """

    def __init__(
        self,
        db: Database,
        at: BinlogPosition,
        *,
        server_id: int,
        heartbeat_s: float = HEARTBEAT_S,
        follow: bool = True,
    ) -> None:
        """Connect and ask.

        Args:
            server_id: unique among the source's replicas.
            follow: False ends at the log's end instead of waiting.

        Raises:
            DataPlaneError: no connection, or the privilege REPLICATION SLAVE is missing.
        """
        self._session = Session(db, schema=False, read_timeout_s=SILENCE_S)
        self._where = f"{db.host}:{db.port}/{at.file}"
        self._connection: Any = self._session._connection  # pyright: ignore[reportPrivateUsage]
        try:
            algorithm = self._session.variable("binlog_checksum") or "NONE"
            self.checksum = 0 if algorithm == "NONE" else events.CHECKSUM
            identity = uuid.uuid5(uuid.NAMESPACE_URL, f"planb-ship/{db.host}:{db.port}/{server_id}")
            for name in ("source", "replica"), ("master", "slave"):
                self._session.execute(f"SET @{name[0]}_binlog_checksum = %s", [algorithm])
                self._session.execute(f"SET @{name[0]}_heartbeat_period = {int(heartbeat_s * 1e9)}")
                self._session.execute(f"SET @{name[1]}_uuid = %s", [str(identity)])
            self._session.execute(
                "SET @mariadb_slave_capability = 4"
            )  # as its own replicas: GTID events as they are
            flags = 0 if follow else NON_BLOCKING
            payload = struct.pack("<IHI", at.position, flags, server_id) + at.file.encode()
            self._connection._execute_command(COM_BINLOG_DUMP, payload)
        except (pymysql.MySQLError, OSError) as problem:
            self.close()
            raise translated(problem, db) from None
        except BaseException:
            self.close()
            raise
        self._db = db

    def __iter__(self) -> Iterator[Event]:
        """Events in order, the source's artificial ones and heartbeats among them.

        Raises:
            Unreachable: the connection ended or fell silent.
            ServerRefused: the position is purged, or the privilege is missing (`code` 1236, 1227).
        """
        for packet in self._packets():
            first = packet[0]
            if first == 0:
                yield events.parse(packet[1:])
            elif first == 0xFF:
                self._refused(packet)
            elif first == 0xFE and len(packet) < 9:
                return
            else:
                raise Unreachable(f"an unknown packet ({first:#x}) came", where=self._where)

    def close(self) -> None:
        self._session.abort()
        self._session.close()

    def _packets(self) -> Iterator[bytes]:
        """Payloads of the protocol's packets; those of 16 MiB and more come in several."""
        source: Any = self._connection._rfile
        buffer, parts = bytearray(), bytearray()
        while True:
            at = 0
            while len(buffer) - at >= 4:
                size = int.from_bytes(buffer[at : at + 3], "little")
                if len(buffer) - at < 4 + size:
                    break
                piece = buffer[at + 4 : at + 4 + size]
                at += 4 + size
                if size == 0xFFFFFF:
                    parts += piece
                    continue
                yield bytes(parts + piece) if parts else bytes(piece)
                parts.clear()
            del buffer[:at]
            try:
                more = source.read1(RECEIVE)
            except (OSError, ValueError) as problem:
                what = "nothing came" if isinstance(problem, TimeoutError) else type(problem).__name__
                raise Unreachable(f"the stream ended ({what})", where=self._where) from None
            if not more:
                raise Unreachable("the server closed the stream", where=self._where)
            buffer += more

    def _refused(self, packet: bytes) -> None:
        code = int.from_bytes(packet[1:3], "little")
        text = (
            packet[9:].decode(errors="replace")
            if packet[3:4] == b"#"
            else packet[3:].decode(errors="replace")
        )
        next_step = "A new base backup starts a new chain." if code in PURGED else ""
        if code in ACCESS_DENIED:
            next_step = "Run `planb-agent bootstrap` to grant REPLICATION SLAVE."
        raise ServerRefused(
            f"the log cannot be read ({text})", code=code, where=self._where, next_step=next_step
        )
