"""The database to restore into: whether it may be touched, and the record of what was done to it.

The record is a table of its own schema on the target (`planb_restore.state`): written before the first change and
after the last check. A restore that was killed is recognised by it and simply done again; a finished one is not
repeated over what the application wrote since. Named locks keep two restores, or a restore and the leftover client of
a killed one, apart.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Literal

from restore.errors import LeaseHeld, ServerRefused, TargetIncompatible, TargetNotEmpty
from restore.mysql import ACCESS_DENIED, NO_SUCH_TABLE, UNKNOWN_VARIABLE, quoted

if TYPE_CHECKING:
    from restore.models import Manifest
    from restore.mysql import Session

SCHEMA = "planb_restore"
LEFTOVER_S = 30
NOT_TRUSTED = 1419
"""ER_BINLOG_CREATE_ROUTINE_NEED_SUPER"""

Standing = Literal["empty", "unfinished", "restored", "foreign"]
"""empty: nothing in it · unfinished: a restore began and did not end · restored: this backup, by a finished restore ·
foreign: content that no unfinished restore explains."""

_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.state (database_name VARCHAR(64) NOT NULL PRIMARY KEY,"
    " backup VARCHAR(255) NOT NULL, sha256 CHAR(64) NOT NULL, state VARCHAR(16) NOT NULL,"
    " started_at DATETIME(6) NOT NULL, finished_at DATETIME(6) NULL)"
)


class Target:
    """One database on the target, through an administrator's session that stays open during the restore."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.name = session.db.name
        tag = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        self._own_lock = f"planb-restore-{tag}"
        self._load_lock = f"planb-load-{tag}"

    def lock(self) -> None:
        """Be the only restore into this database, and wait for a killed one's client to go.

        Raises:
            LeaseHeld: another restore is at work.
        """
        for lock, patience in ((self._own_lock, 0), (self._load_lock, LEFTOVER_S)):
            if not self.session.one("SELECT GET_LOCK(%s, %s)", [lock, patience])[0]:
                raise LeaseHeld(
                    "another restore into this database is running",
                    where=str(self.session.db),
                    next_step="Follow that one, or wait for it to end.",
                )
        self.session.one("SELECT RELEASE_LOCK(%s)", [self._load_lock])

    def preamble(self) -> tuple[bytes, list[str]]:
        """What the loading session does first, and remarks on what it cannot do."""
        notes: list[str] = []
        lines = [f"DO GET_LOCK('{self._load_lock}', {LEFTOVER_S});"]
        setting = "SET SESSION sql_generate_invisible_primary_key = OFF"
        refused = self.session.try_execute(setting, tolerate=ACCESS_DENIED | {UNKNOWN_VARIABLE})
        if refused is None:
            lines.append(setting + ";")
        elif (
            refused.code != UNKNOWN_VARIABLE
            and self.session.variable("sql_generate_invisible_primary_key") == "ON"
        ):
            notes.append(
                "the target adds invisible primary keys to tables without one: their row events cannot be replayed"
            )
        return ("\n".join(lines) + "\n").encode(), notes

    def check_fits(self, manifest: Manifest) -> None:
        """Whether this server can take that dump at all.

        Raises:
            TargetIncompatible: it cannot; says which parameter or version.
        """
        version = str(self.session.one("SELECT VERSION()")[0])
        if _release(version) < _release(manifest.source.version):
            raise self._unfit(
                f"it runs {version}, the backup comes from {manifest.source.version}",
                "Create the target with the source's version or a newer one.",
            )
        packet = int(self.session.variable("max_allowed_packet") or 0)
        if manifest.data.longest_line >= packet:
            raise self._unfit(
                f"max_allowed_packet is {packet}, the longest statement has {manifest.data.longest_line} bytes",
                "Raise max_allowed_packet on the target (at most 1 GiB).",
            )
        if self.session.variable("lower_case_table_names") != "0":
            folded: dict[str, str] = {}
            for table in manifest.tables:
                if other := folded.get(table.lower()):
                    raise self._unfit(
                        f"it ignores case in table names, and there are both {other} and {table}",
                        "Rename one of them on the source, or create the target with lower_case_table_names = 0.",
                    )
                folded[table.lower()] = table

    def standing(self, manifest: Manifest) -> Standing:
        """What the database holds."""
        record = self._record()
        if record is not None and record[2] == "loading":
            return "unfinished"
        if not self._content():
            return "empty"
        if record is not None and record[:2] == (manifest.name, manifest.data.sha256):
            return "restored"
        return "foreign"

    def begin(self, manifest: Manifest, standing: Standing, *, replace: bool) -> None:
        """Record what is coming, then make the database exist and be empty.

        Raises:
            TargetNotEmpty: it has content that is not ours to drop, and `replace` is False.
        """
        if standing in ("foreign", "restored") and not replace:
            raise TargetNotEmpty(
                f"has content: {', '.join(self._content()[:5])}",
                where=str(self.session.db),
                meaning="Nothing was changed.",
                next_step="Restore with --replace to drop it first, or into another database.",
            )
        self.session.execute(f"CREATE DATABASE IF NOT EXISTS {SCHEMA}")
        self.session.execute(_CREATE)
        self._check_trust(manifest)
        self.session.execute(
            f"REPLACE INTO {SCHEMA}.state VALUES (%s, %s, %s, 'loading', UTC_TIMESTAMP(6), NULL)",
            [self.name, manifest.name, manifest.data.sha256],
        )
        # What a replay reached on the content that goes now says nothing of the content that comes.
        forget = (
            f"DELETE FROM {SCHEMA}.replay WHERE database_name = '{self.name.replace(chr(39), chr(39) * 2)}'"
        )
        self.session.try_execute(forget, tolerate=frozenset({NO_SUCH_TABLE}))
        if standing != "empty":
            self.session.execute(f"DROP DATABASE IF EXISTS {quoted(self.name)}")
        how = f"CHARACTER SET {manifest.source.character_set} COLLATE {manifest.source.collation}"
        self.session.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(self.name)} {how}")
        self.session.execute(f"ALTER DATABASE {quoted(self.name)} {how}")

    def finish(self) -> None:
        """Record that the restore ended and its content was checked."""
        self.session.execute(
            f"UPDATE {SCHEMA}.state SET state = 'loaded', finished_at = UTC_TIMESTAMP(6) WHERE database_name = %s",
            [self.name],
        )

    def objects(self) -> dict[str, int]:
        """Number of views, triggers, routines and events."""
        counts: dict[str, int] = {}
        for kind, (table, column, _) in _OBJECTS.items():
            counts[kind] = int(
                self.session.one(
                    f"SELECT COUNT(*) FROM information_schema.{table} WHERE {column} = %s", [self.name]
                )[0]
            )
        return counts

    def _content(self) -> list[str]:
        found = [
            str(row[0])
            for row in self.session.query(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [self.name]
            )
        ]
        for table, column, shown in (_OBJECTS["routines"], _OBJECTS["events"]):
            sql = f"SELECT {shown} FROM information_schema.{table} WHERE {column} = %s"
            found += [str(row[0]) for row in self.session.query(sql, [self.name])]
        return found

    def _record(self) -> tuple[str, str, str] | None:
        there = self.session.query(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = 'state'",
            [SCHEMA],
        )
        if not there:
            return None
        rows = self.session.query(
            f"SELECT backup, sha256, state FROM {SCHEMA}.state WHERE database_name = %s", [self.name]
        )
        return (str(rows[0][0]), str(rows[0][1]), str(rows[0][2])) if rows else None

    def _check_trust(self, manifest: Manifest) -> None:
        """Without SUPER a server with a binary log refuses functions and triggers unless it is told to trust us."""
        if not (manifest.objects.get("triggers") or manifest.objects.get("routines")):
            return
        probe = f"{SCHEMA}.probe"
        try:
            self.session.execute(f"DROP FUNCTION IF EXISTS {probe}")
            self.session.execute(f"CREATE FUNCTION {probe}() RETURNS INT DETERMINISTIC RETURN 1")
            self.session.execute(f"DROP FUNCTION {probe}")
        except ServerRefused as problem:
            if problem.code != NOT_TRUSTED:
                raise
            raise self._unfit(
                "it refuses triggers and functions without SUPER",
                "Set log_bin_trust_function_creators = ON in its parameters.",
            ) from None

    def _unfit(self, what: str, next_step: str) -> TargetIncompatible:
        return TargetIncompatible(
            what, where=str(self.session.db), meaning="Nothing was changed on it.", next_step=next_step
        )


_OBJECTS = {
    "views": ("views", "table_schema", "table_name"),
    "triggers": ("triggers", "trigger_schema", "trigger_name"),
    "routines": ("routines", "routine_schema", "routine_name"),
    "events": ("events", "event_schema", "event_name"),
}


def _release(version: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)
