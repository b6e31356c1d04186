"""Connections to MySQL, and option files for its client programs. TLS is verified, name included, always.

Passwords reach client programs through a pipe that only they inherit (`--defaults-file=/dev/fd/N`): never through
argv, the environment or a file on disk.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pymysql

from restore.errors import (
    ConfigurationError,
    DataPlaneError,
    ServerRefused,
    TlsRefused,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    from restore.settings import Database

CONNECT_S = 10
READ_S = 60
Row = tuple[Any, ...]

# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
ACCESS_DENIED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1698})
LOCK_WAIT_TIMEOUT = 1205
UNKNOWN_DATABASE = 1049
UNKNOWN_VARIABLE = 1193
SYNTAX = 1064
NO_SUCH_THREAD = 1094
KILL_DENIED = 1095
NO_SUCH_ROUTINE = 1305
NO_SUCH_TABLE = 1146
GONE = frozenset({2003, 2005, 2006, 2013, 2014, 2055, 0})


def quoted(identifier: str) -> str:
    """An identifier in backticks."""
    return "`" + identifier.replace("`", "``") + "`"


class Session:
    """One connection, autocommit, UTC, utf8mb4; every error is a `DataPlaneError`."""

    def __init__(self, db: Database, *, schema: bool = True, read_timeout_s: float = READ_S) -> None:
        """Connect.

        Args:
            schema: False connects to the server without choosing the database.
            read_timeout_s: longest silence that a statement may cause.

        Raises:
            TlsRefused, Unauthorized, Unreachable, ServerRefused: why there is no connection.
        """
        self.db = db
        try:
            self._connection: Any = pymysql.connect(
                host=db.host,
                port=db.port,
                user=db.user,
                password=db.password.get_secret_value(),
                database=db.name if schema else None,
                charset="utf8mb4",
                autocommit=True,
                ssl=_tls(db),
                connect_timeout=CONNECT_S,
                read_timeout=read_timeout_s,
                write_timeout=READ_S,
                program_name="planb-agent",
            )
        except (pymysql.MySQLError, OSError) as problem:
            raise translated(problem, db) from None
        self.execute("SET SESSION time_zone = '+00:00'")

    def query(self, sql: str, args: Sequence[object] = ()) -> list[Row]:
        """Every row of a statement's result."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, args or None)
                return list(cursor.fetchall())
        except (pymysql.MySQLError, OSError) as problem:
            raise translated(problem, self.db) from None

    def one(self, sql: str, args: Sequence[object] = ()) -> Row:
        """The first row; the statement must have one."""
        return self.query(sql, args)[0]

    def execute(self, sql: str, args: Sequence[object] = ()) -> None:
        """Run a statement for its effect."""
        self.query(sql, args)

    def execute_bytes(self, sql: bytes) -> None:
        """Run a statement as it came, in whatever bytes: rows of a dump."""
        try:
            self._connection.query(sql)
        except (pymysql.MySQLError, OSError) as problem:
            raise translated(problem, self.db) from None

    def try_execute(self, sql: str, *, tolerate: frozenset[int]) -> ServerRefused | None:
        """Run a statement that this server may not know or not allow us: its refusal is returned, not raised."""
        try:
            self.execute(sql)
        except ServerRefused as problem:
            if problem.code not in tolerate:
                raise
            return problem
        return None

    def variable(self, name: str) -> str | None:
        """A global variable's value as text, or None if this server has no such variable."""
        rows = self.query("SHOW GLOBAL VARIABLES WHERE Variable_name = %s", [name])
        return str(rows[0][1]) if rows else None

    def connection_id(self) -> int:
        """The server's number of this connection, for KILL."""
        return int(self._connection.thread_id())

    def abort(self) -> None:
        """Cut the connection from another thread: whoever waits for an answer on it gets an error at once."""
        sock: socket.socket | None = getattr(self._connection, "_sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._connection.open:
            with suppress(pymysql.MySQLError, OSError):
                self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def translated(problem: Exception, db: Database) -> DataPlaneError:
    """The driver's exception as one of ours; never with the statement, which may hold a password."""
    code = problem.args[0] if problem.args and isinstance(problem.args[0], int) else 0
    text = str(problem.args[1]) if len(problem.args) > 1 else str(problem)
    where = f"{db.host}:{db.port}"
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return TlsRefused(
            f"the server's certificate is not trusted ({text.partition('(')[2].rstrip(')') or text})",
            where=where,
            meaning="Either this is not the database, or the CA bundle is not its CA's. Nothing was sent to it.",
            next_step="Point PLANB_MYSQL_CA_FILE to the database's CA bundle.",
        )
    if code in ACCESS_DENIED:
        return _denied(code, text, where)
    if code in GONE or isinstance(problem, OSError):
        return Unreachable(
            f"no answer ({text})",
            where=where,
            next_step="Check the address, the network rules and the server.",
        )
    return ServerRefused(text, code=code, where=f"{where}/{db.name}")


def _denied(code: int, text: str, where: str) -> DataPlaneError:
    if code in (1045, 1698):
        return Unauthorized(
            f"login refused ({text})", where=where, next_step="Check the secret; it may have been rotated."
        )
    return ServerRefused(
        f"a privilege is missing ({text})",
        code=code,
        where=where,
        next_step="Run `planb-agent bootstrap` to grant what the backup needs.",
    )


def _tls(db: Database) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(db.ca_file) if db.ca_file else None)
    except (ssl.SSLError, OSError) as problem:
        raise ConfigurationError(f"is no CA bundle ({problem})", where=str(db.ca_file)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def program(*names: str) -> str:
    """Path of the first of these programs that there is.

    Raises:
        ConfigurationError: none is on PATH.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    raise ConfigurationError(
        "is not on PATH", where=names[0], next_step="Install MySQL's client programs (≥ 8.0)."
    )


@contextmanager
def option_file(db: Database) -> Generator[tuple[str, int]]:
    """An option file for a client program: its `--defaults-file=…` argument and the descriptor to pass on.

    It is a pipe and can be read once. Our copy of the descriptor is closed at the end of the block.
    """
    lines = [
        "[client]",
        "protocol=tcp",
        f"host={_option(db.host)}",
        f"port={db.port}",
        f"user={_option(db.user)}",
        f"password={_option(db.password.get_secret_value())}",
        "ssl-mode=VERIFY_IDENTITY",
        f"ssl-ca={_option(str(db.ca_file or ssl.get_default_verify_paths().cafile or ''))}",
        "tls-version=TLSv1.2,TLSv1.3",
    ]
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")  # far below a pipe's 64 KiB: never blocks
        yield f"--defaults-file=/dev/fd/{reader}", reader
    finally:
        os.close(reader)


def _option(value: str) -> str:
    """A value as MySQL's option files want it: quoted, with their escapes."""
    escaped = (
        value.replace("\\", "\\\\")
        .replace('"', '\\"')
        .replace("\n", "\\n")
        .replace("\r", "\\r")
        .replace("\t", "\\t")
    )
    return f'"{escaped}"'
