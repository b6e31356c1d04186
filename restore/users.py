"""Accounts on a server: what the backup user and the application may do, and how the application is fenced off.

Managed servers differ: RDS and Azure have no SUPER and kill other users' connections by a procedure.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from pydantic import SecretStr

from restore.errors import DataPlaneError, ServerRefused
from restore.mysql import ACCESS_DENIED, KILL_DENIED, NO_SUCH_ROUTINE, NO_SUCH_THREAD, Session, quoted

# `SELECT ON *.*` is what shows the bodies of routines (SHOW ROUTINE does not exist before 8.0.20 and cannot be granted
# everywhere); it tells this user nothing that the binary log, which it must read anyway, would not tell.
BACKUP_GLOBAL = "SELECT, REPLICATION CLIENT, REPLICATION SLAVE"
BACKUP_LOCAL = "SHOW VIEW, TRIGGER, EVENT, LOCK TABLES"
APP = "SELECT, INSERT, UPDATE, DELETE"
KILL_PROCEDURES = ("mysql.rds_kill", "mysql.az_kill")
GONE_S = 15.0
"""How long killed connections may take to roll back and go."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the server, from anywhere, over TLS only."""

    user: str
    password: SecretStr


def bootstrap(
    admin: Session, database: str, *, app: Account, backup: Account, binlog_retention_hours: int
) -> list[str]:
    """Make database, users and binlog retention what they must be; safe to repeat. Returns remarks for the log.

    A fenced application account stays fenced: a host that restarts must not undo a failover.
    """
    admin.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(database)}")
    ensure_app(admin, database, app, unlock=False)
    _ensure(admin, backup)
    admin.execute(f"GRANT {BACKUP_GLOBAL} ON *.* TO %s@'%%'", [backup.user])
    admin.execute(f"GRANT {BACKUP_LOCAL} ON {_granted(admin, database)}.* TO %s@'%%'", [backup.user])
    try:
        admin.execute(
            "CALL mysql.rds_set_configuration('binlog retention hours', %s)", [binlog_retention_hours]
        )
    except ServerRefused as problem:
        if problem.code != NO_SUCH_ROUTINE:
            raise
        return ["not RDS: binlog retention is the server's own (binlog_expire_logs_seconds)"]
    return []


def ensure_app(admin: Session, database: str, app: Account, *, unlock: bool) -> None:
    """Create the application's user or set its password, and grant it DML on the database."""
    _ensure(admin, app)
    admin.execute(f"GRANT {APP} ON {_granted(admin, database)}.* TO %s@'%%'", [app.user])
    if unlock:
        unfence(admin, app.user)


def fence(admin: Session, user: str) -> int:
    """Lock an account and end its connections; returns how many there were.

    After this returns no transaction of that user is open: what it had acknowledged is committed, all else rolled back.

    Raises:
        DataPlaneError: connections of the user remain; it is not fenced.
    """
    admin.execute("ALTER USER %s@'%%' ACCOUNT LOCK", [user])
    killed: set[int] = set()
    until = time.monotonic() + GONE_S
    while left := _connections(admin, user):
        for connection in left:
            _kill(admin, connection)
            killed.add(connection)
        if time.monotonic() > until:
            raise DataPlaneError(
                f"{len(left)} connections of {user} do not end",
                where=str(admin.db),
                meaning="It is not fenced: they may still write.",
                next_step="Restart the server, or stop the application first; then run this again.",
            )
        time.sleep(0.1)
    return len(killed)


def unfence(admin: Session, user: str) -> None:
    """Let a fenced account in again."""
    admin.execute("ALTER USER %s@'%%' ACCOUNT UNLOCK", [user])


def _ensure(admin: Session, account: Account) -> None:
    password = account.password.get_secret_value()
    admin.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s REQUIRE SSL", [account.user, password])
    admin.execute("ALTER USER %s@'%%' IDENTIFIED BY %s REQUIRE SSL", [account.user, password])


def _connections(admin: Session, user: str) -> list[int]:
    return [int(row[0]) for row in admin.query("SHOW PROCESSLIST") if row[1] == user]


def _kill(admin: Session, connection: int) -> None:
    refused = admin.try_execute(f"KILL {connection}", tolerate=ACCESS_DENIED | {KILL_DENIED, NO_SUCH_THREAD})
    if refused is None or refused.code == NO_SUCH_THREAD:
        return
    for procedure in KILL_PROCEDURES:
        unknown = admin.try_execute(
            f"CALL {procedure}({connection})", tolerate=ACCESS_DENIED | {NO_SUCH_ROUTINE, NO_SUCH_THREAD}
        )
        if unknown is None or unknown.code == NO_SUCH_THREAD:
            return
    raise refused


def _granted(admin: Session, database: str) -> str:
    """A database's name in GRANT: there _ and % are patterns, unless the server has partial revokes."""
    if admin.variable("partial_revokes") != "ON":
        database = database.replace("\\", "\\\\").replace("_", r"\_").replace("%", r"\%")
    return quoted(database).replace("%", "%%")
