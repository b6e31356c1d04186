"""What the simulated clouds remember: resources, small values, operations. SQLite, so that it outlives the process."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simcloud.kinds import Resource

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
  type TEXT NOT NULL, id TEXT NOT NULL, urn TEXT NOT NULL, cloud TEXT NOT NULL, region TEXT NOT NULL,
  inputs TEXT NOT NULL, outputs TEXT NOT NULL, status TEXT NOT NULL, created_at REAL NOT NULL,
  home TEXT NOT NULL, PRIMARY KEY (type, id, home));
CREATE INDEX IF NOT EXISTS resources_urn ON resources (urn);
CREATE TABLE IF NOT EXISTS kv (scope TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (scope, key));
CREATE TABLE IF NOT EXISTS operations (
  number INTEGER PRIMARY KEY AUTOINCREMENT, urn TEXT NOT NULL, type TEXT NOT NULL, op TEXT NOT NULL,
  region TEXT NOT NULL, started_at REAL NOT NULL, finished_at REAL NOT NULL, modelled_s REAL NOT NULL, error TEXT);
"""


@dataclass(frozen=True)
class Operation:
    """One call on a resource. Times are epoch seconds; `modelled_s` is what the cloud would take, unscaled."""

    urn: str
    type: str
    op: str  # "create" | "update" | "delete"
    region: str
    started_at: float
    finished_at: float
    modelled_s: float
    error: str | None = None


class State:
    """Thread-safe; every method is its own transaction."""

    def __init__(self, path: Path | str) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Holds off every other caller: check-then-act on names that must be unique."""
        with self._lock:
            yield

    # resources

    def put(self, resource: Resource) -> None:
        """Inserts or replaces by (type, id, home)."""
        row = (
            resource.type,
            resource.id,
            resource.urn,
            resource.cloud,
            resource.region,
            json.dumps(resource.inputs),
            json.dumps(resource.outputs),
            resource.status,
            resource.created_at or time.time(),
            resource.home,
        )
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO resources VALUES (?,?,?,?,?,?,?,?,?,?)", row)

    def remove(self, type_: str, id_: str, home: str = "") -> None:
        with self._lock:
            where = "WHERE type = ? AND id = ? AND home = ?"
            self._db.execute(f"DELETE FROM resources {where}", (type_, id_, home))

    def by_id(self, type_: str, id_: str, home: str = "") -> Resource | None:
        rows = self._select("WHERE type = ? AND id = ? AND home = ?", (type_, id_, home))
        return rows[0] if rows else None

    def by_urn(self, urn: str) -> list[Resource]:
        """Usually one; two while a replacement is under way."""
        return self._select("WHERE urn = ?", (urn,))

    def find(self, type_: str, **equal: Any) -> list[Resource]:
        """Resources of a type whose property (outputs before inputs; `region`, `status` of the record) equals."""

        def matches(resource: Resource) -> bool:
            for name, wanted in equal.items():
                have = (
                    getattr(resource, name)
                    if name in ("region", "status", "urn", "id")
                    else resource.get(name)
                )
                if have != wanted:
                    return False
            return True

        return [resource for resource in self._select("WHERE type = ?", (type_,)) if matches(resource)]

    def all(self) -> list[Resource]:
        return self._select("", ())

    def _select(self, where: str, arguments: tuple[Any, ...]) -> list[Resource]:
        with self._lock:
            rows = self._db.execute(
                "SELECT type, id, urn, cloud, region, inputs, outputs, status, created_at, home"
                f" FROM resources {where} ORDER BY created_at",
                arguments,
            ).fetchall()
        return [
            Resource(
                type=row[0],
                id=row[1],
                urn=row[2],
                cloud=row[3],
                region=row[4],
                inputs=json.loads(row[5]),
                outputs=json.loads(row[6]),
                status=row[7],
                created_at=row[8],
                home=row[9],
            )
            for row in rows
        ]

    # small values, by scope

    def kv_get(self, scope: str, key: str) -> Any:
        """The JSON value, or None."""
        with self._lock:
            row = self._db.execute(
                "SELECT value FROM kv WHERE scope = ? AND key = ?", (scope, key)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def kv_put(self, scope: str, key: str, value: Any) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO kv VALUES (?,?,?)", (scope, key, json.dumps(value)))

    def kv_delete(self, scope: str, key: str) -> None:
        with self._lock:
            self._db.execute("DELETE FROM kv WHERE scope = ? AND key = ?", (scope, key))

    def kv_items(self, scope: str) -> dict[str, Any]:
        with self._lock:
            rows = self._db.execute(
                "SELECT key, value FROM kv WHERE scope = ? ORDER BY key", (scope,)
            ).fetchall()
        return {key: json.loads(value) for key, value in rows}

    # the operations log

    def record(self, operation: Operation) -> None:
        row = asdict(operation)
        with self._lock:
            self._db.execute(
                "INSERT INTO operations (urn, type, op, region, started_at, finished_at, modelled_s, error)"
                " VALUES (:urn, :type, :op, :region, :started_at, :finished_at, :modelled_s, :error)",
                row,
            )

    def operations(self, *, since: float = 0.0) -> list[Operation]:
        """Operations that ended at or after `since`, in the order in which they ended."""
        with self._lock:
            rows = self._db.execute(
                "SELECT urn, type, op, region, started_at, finished_at, modelled_s, error FROM operations"
                " WHERE finished_at >= ? ORDER BY number",
                (since,),
            ).fetchall()
        return [Operation(*row) for row in rows]
