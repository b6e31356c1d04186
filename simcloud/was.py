"""The PetClinic stand-in: reads and writes the application's tables in its site's database.

It is configured as Spring is (SPRING_DATASOURCE_*), verifies the server's certificate when the JDBC URL says so,
and answers a write only after COMMIT.
"""

from __future__ import annotations

import json
import queue
import re
import ssl
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pymysql
import pymysql.cursors

_JDBC = re.compile(
    r"jdbc:mysql://(?P<host>[^:/]+)(?::(?P<port>\d+))?/(?P<database>\w+)(?:\?(?P<options>.*))?$"
)
POOL = 8
SITE_HEADER = "X-PlanB-Site"
_INSERTS = {
    "owners": ("first_name", "last_name", "address", "city", "telephone"),
    "pets": ("name", "birth_date", "type_id", "owner_id"),
    "visits": ("pet_id", "visit_date", "description"),
}
_HEALTH_TTL_S = 0.5
Answer = tuple[int, dict[str, str], bytes]


class PetClinic:
    """One site's application: a small connection pool and the HTTP API."""

    def __init__(self, env: dict[str, str], site: str, ca_file: str) -> None:
        match = _JDBC.match(env.get("SPRING_DATASOURCE_URL", ""))
        if match is None:
            raise ValueError(
                f"SPRING_DATASOURCE_URL is no MySQL JDBC URL: {env.get('SPRING_DATASOURCE_URL')!r}"
            )
        options = {key: values[-1] for key, values in parse_qs(match["options"] or "").items()}
        self.site = site
        self._ssl: ssl.SSLContext | None = None
        mode = options.get("sslMode", "PREFERRED")
        if mode != "DISABLED":
            self._ssl = ssl.create_default_context(cafile=ca_file)
            self._ssl.check_hostname = mode == "VERIFY_IDENTITY"
            if mode not in ("VERIFY_CA", "VERIFY_IDENTITY"):
                self._ssl.verify_mode = ssl.CERT_NONE
        self._where = {
            "host": match["host"],
            "port": int(match["port"] or 3306),
            "database": match["database"],
        }
        self._who = {
            "user": env.get("SPRING_DATASOURCE_USERNAME", ""),
            "password": env.get("SPRING_DATASOURCE_PASSWORD", ""),
        }
        self._idle: queue.LifoQueue[pymysql.Connection[Any]] = queue.LifoQueue()
        self._slots = threading.Semaphore(POOL)
        self._health = (0.0, False)

    def stop(self) -> None:
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def healthy(self) -> bool:
        """Whether the database answers with the application's tables (asked at most twice a second)."""
        checked_at, verdict = self._health
        if time.monotonic() - checked_at > _HEALTH_TTL_S:
            try:
                self._query("SELECT id FROM visits LIMIT 1", ())
                verdict = True
            except (pymysql.MySQLError, OSError):
                verdict = False
            self._health = (time.monotonic(), verdict)
        return verdict

    def handle(self, method: str, path: str, body: bytes) -> Answer:
        """One HTTP request; never a 2xx for a write that is not committed."""
        try:
            return self._route(method, urlsplit(path), body)
        except (pymysql.err.IntegrityError, pymysql.err.DataError, KeyError, ValueError) as error:
            return self._json(400, {"error": type(error).__name__})
        except (pymysql.MySQLError, OSError) as error:
            return self._json(503, {"error": "the database does not answer", "cause": type(error).__name__})

    def _route(self, method: str, url: Any, body: bytes) -> Answer:
        parts = [part for part in url.path.split("/") if part]
        if url.path in ("/actuator/health", "/actuator/health/readiness"):
            up = self.healthy()
            return self._json(200 if up else 503, {"status": "UP" if up else "DOWN"})
        if not parts and method in ("GET", "HEAD"):
            page = f"<!doctype html><title>PetClinic</title><h1>PetClinic</h1><p>served by {self.site}</p>"
            return 200, {"Content-Type": "text/html; charset=utf-8", SITE_HEADER: self.site}, page.encode()
        if len(parts) < 2 or parts[0] != "api":
            return self._json(404, {"error": "not found"})
        table = parts[1]
        if method == "POST" and table in _INSERTS and len(parts) == 2:
            record: dict[str, Any] = json.loads(body)
            columns = _INSERTS[table]
            marks = ", ".join(["%s"] * len(columns))
            sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            return self._json(201, {"id": self._write(sql, tuple(record[column] for column in columns))})
        if method not in ("GET", "HEAD"):
            return self._json(405, {"error": "method not allowed"})
        if table in ("owners", "pets", "visits", "vets") and len(parts) == 3:
            rows = self._query(f"SELECT * FROM {table} WHERE id = %s", (int(parts[2]),))
            return self._json(200, rows[0]) if rows else self._json(404, {"error": "not found"})
        if table == "owners":
            last = parse_qs(url.query).get("lastName", [""])[0]
            return self._json(
                200, self._query("SELECT * FROM owners WHERE last_name LIKE %s LIMIT 20", (last + "%",))
            )
        if table == "vets":
            return self._json(200, self._query("SELECT * FROM vets LIMIT 50", ()))
        return self._json(404, {"error": "not found"})

    def _query(self, sql: str, arguments: tuple[Any, ...]) -> list[dict[str, Any]]:
        def run(connection: pymysql.Connection[Any]) -> list[dict[str, Any]]:
            with connection.cursor(pymysql.cursors.DictCursor) as cursor:
                cursor.execute(sql, arguments)
                rows = list(cursor.fetchall())
            connection.rollback()  # a pooled session must not keep reading an old snapshot
            return rows

        return self._with_connection(run)

    def _write(self, sql: str, arguments: tuple[Any, ...]) -> int:
        def run(connection: pymysql.Connection[Any]) -> int:
            with connection.cursor() as cursor:
                cursor.execute(sql, arguments)
                row = int(cursor.lastrowid)
            connection.commit()
            return row

        return self._with_connection(run)

    def _with_connection(self, run: Any) -> Any:
        with self._slots:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._connect()
            try:
                result = run(connection)
            except (pymysql.err.IntegrityError, pymysql.err.DataError):
                connection.rollback()
                self._idle.put(connection)
                raise
            except BaseException:
                connection.close()
                raise
            self._idle.put(connection)
            return result

    def _connect(self) -> pymysql.Connection[Any]:
        limits = {"connect_timeout": 2, "read_timeout": 10, "write_timeout": 10}
        return pymysql.connect(**self._where, **self._who, **limits, ssl=self._ssl, charset="utf8mb4")  # type: ignore[arg-type]

    def _json(self, status: int, body: Any) -> Answer:
        # As Spring's Jackson writes it: Route 53's health check looks for the string "status":"UP".
        content = json.dumps(body, default=str, ensure_ascii=False, separators=(",", ":")).encode()
        return status, {"Content-Type": "application/json", SITE_HEADER: self.site}, content
