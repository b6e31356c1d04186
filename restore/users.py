"""Accounts on a server: what the backup user and the application may do, and how the application is fenced off.

Managed servers differ: RDS and Azure have no SUPER and kill other users' connections by a procedure.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from pydantic import SecretStr

from restore.errors import DataPlaneError, ServerRefused
from restore.mysql import (
    ACCESS_DENIED,
    KILL_DENIED,
    NO_SUCH_ROUTINE,
    NO_SUCH_TABLE,
    NO_SUCH_THREAD,
    Session,
    quoted,
)

# `SELECT ON *.*` is what shows the bodies of routines (SHOW ROUTINE does not exist before 8.0.20 and cannot be granted
# everywhere); it tells this user nothing that the binary log, which it must read anyway, would not tell.
BACKUP_GLOBAL = "SELECT, REPLICATION CLIENT, REPLICATION SLAVE"
BACKUP_LOCAL = "SHOW VIEW, TRIGGER, EVENT, LOCK TABLES"
APP = "SELECT, INSERT, UPDATE, DELETE"
REPLICATION = "REPLICATION CLIENT, REPLICATION SLAVE"
RETENTION = "binlog retention hours"
KILL_PROCEDURES = ("mysql.rds_kill", "mysql.az_kill")
_GRANT = re.compile(r"GRANT (.+?) ON (.+) TO ")
GONE_S = 15.0
"""How long killed connections may take to roll back and go."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the server, from anywhere, over TLS only."""

    user: str
    password: SecretStr


def bootstrap(
    admin: Session,
    database: str,
    *,
    app: Account,
    backup: Account,
    replication: Account,
    binlog_retention_hours: int,
) -> list[str]:
    """Make database, users and binlog retention what they must be; safe to repeat. Returns remarks for the log.

    A fenced application account stays fenced: a host that restarts must not undo a failover. What an account may do
    beyond its list is taken away.
    """
    admin.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(database)}")
    local = f"{_granted(admin, database)}.*"
    notes = [
        *_ensure(admin, app, {local: APP}),
        *_ensure(admin, backup, {"*.*": BACKUP_GLOBAL, local: BACKUP_LOCAL}),
        *_ensure(admin, replication, {"*.*": REPLICATION}),
    ]
    try:
        admin.execute("CALL mysql.rds_set_configuration(%s, %s)", [RETENTION, binlog_retention_hours])
    except ServerRefused as problem:
        if problem.code != NO_SUCH_ROUTINE:
            raise
        notes.append("not RDS: binlog retention is the server's own (binlog_expire_logs_seconds)")
    return notes


def retention_problem(session: Session, wanted_hours: int) -> str:
    """Why RDS would purge binary logs too early, or ""; the backup user can see it, not mend it."""
    try:
        rows = session.query("SELECT value FROM mysql.rds_configuration WHERE name = %s", [RETENTION])
    except ServerRefused as problem:
        if problem.code == NO_SUCH_TABLE:
            return ""  # not RDS
        raise
    hours = int(rows[0][0]) if rows and rows[0][0] is not None else None
    if hours is not None and hours >= wanted_hours:
        return ""
    return f"{RETENTION} is {'not set' if hours is None else hours}, wanted are {wanted_hours}"


def ensure_app(admin: Session, database: str, app: Account, *, unlock: bool) -> None:
    """Create the application's user or set its password, and let it do DML on the database and nothing else."""
    _ensure(admin, app, {f"{_granted(admin, database)}.*": APP})
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


def _ensure(admin: Session, account: Account, grants: dict[str, str]) -> list[str]:
    """The account with its password and exactly these grants (object → privileges); remarks if it had others."""
    password = account.password.get_secret_value()
    admin.execute("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s REQUIRE SSL", [account.user, password])
    admin.execute("ALTER USER %s@'%%' IDENTIFIED BY %s REQUIRE SSL", [account.user, password])
    wanted = {on.replace("%%", "%"): _privileges(text) for on, text in grants.items()}
    more = [
        f"{', '.join(sorted(beyond))} on {on}"
        for on, has in _granted_to(admin, account.user).items()
        if (beyond := has - wanted.get(on, set()))
    ]
    if more:
        admin.execute("REVOKE ALL PRIVILEGES, GRANT OPTION FROM %s@'%%'", [account.user])
    for on, text in grants.items():
        admin.execute(f"GRANT {text} ON {on} TO %s@'%%'", [account.user])
    return [f"{account.user} had more than it needs, which was revoked: {'; '.join(more)}"] if more else []


def _granted_to(admin: Session, user: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line, *_ in admin.query("SHOW GRANTS FOR %s@'%%'", [user]):
        match = _GRANT.match(str(line))
        if match:
            option = {"GRANT OPTION"} if str(line).endswith("WITH GRANT OPTION") else set[str]()
            found.setdefault(match[2], set()).update(_privileges(match[1]) | option)
    return found


def _privileges(text: str) -> set[str]:
    return {one.strip() for one in text.split(",")} - {"USAGE"}


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
