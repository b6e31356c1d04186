"""The mysqldump process: how it is started, read with a watchdog, judged and ended."""

from __future__ import annotations

import functools
import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from restore.errors import DumpFailed, Interrupted, Stalled, Unauthorized
from restore.mysql import option_file, program

if TYPE_CHECKING:
    from restore.settings import Database

CHUNK = 1024 * 1024
SILENCE_S = 120.0
"""No byte for so long means that the server or the network hangs."""
START_S = 5.0
"""Writers wait while the dump starts: longest time for that."""
POLL_S = 0.5
STDERR_KEPT = 8192
# Whatever of these comes first is written after START TRANSACTION WITH CONSISTENT SNAPSHOT has been answered.
BEGUN = (
    b"\n-- Table structure for",
    b"\n-- Temporary view structure",
    b"\n-- Dumping ",
    b"\n-- Dump completed",
)
OPTIONS = (
    "--single-transaction",
    "--quick",
    "--set-gtid-purged=OFF",  # else it wants FLUSH TABLES, which RDS denies
    "--no-tablespaces",  # else it wants PROCESS
    "--routines",
    "--triggers",
    "--events",
    "--hex-blob",
    "--tz-utc",
    "--default-character-set=utf8mb4",
    "--max-allowed-packet=1G",
    "--skip-column-statistics",
    "--skip-generated-invisible-primary-key",  # Azure makes them, RDS does not: they are nobody's data
)


class MysqlDump:
    """One dump of one database; `start` may be called again after `kill`."""

    def __init__(self, db: Database, stop: threading.Event) -> None:
        self.db = db
        self._stop = stop
        self._program = program("mysqldump")
        self._process: subprocess.Popen[bytes] | None = None
        self._head: list[bytes] = []
        self._ended = False
        self._stderr = bytearray()
        self._reading: threading.Thread | None = None

    @functools.cached_property
    def version(self) -> str:
        return _version(self._program)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and return when its snapshot is open.

        Raises:
            Stalled: not within START_S.
        """
        self._head.clear()
        self._stderr.clear()
        self._ended = False
        with option_file(self.db) as (argument, descriptor):
            self._process = subprocess.Popen(
                [self._program, argument, *OPTIONS, self.db.name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[descriptor],
                env=child_environment(),
                start_new_session=True,
                pipesize=CHUNK,
            )
        assert self._process.stderr is not None
        self._reading = threading.Thread(target=self._keep_stderr, args=[self._process.stderr], daemon=True)
        self._reading.start()
        until = time.monotonic() + START_S
        head = b""
        while not any(mark in head for mark in BEGUN):
            chunk = self._read(until - time.monotonic())
            if not chunk:
                return  # it ended at once: `check` will tell how
            self._head.append(chunk)
            head += chunk

    def chunks(self) -> Iterator[bytes]:
        """Its output until the end.

        Raises:
            Stalled: nothing came for SILENCE_S.
            Interrupted: asked to stop.
        """
        while self._head:
            yield self._head.pop(0)
        while not self._ended and (chunk := self._read(SILENCE_S)):
            yield chunk

    def check(self) -> None:
        """Raise unless it ended well."""
        assert self._process is not None and self._reading is not None
        try:
            code = self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            raise Stalled("mysqldump wrote everything but does not end", where=str(self.db)) from None
        self._reading.join(timeout=5)
        if code == 0:
            return
        said = bytes(self._stderr).decode(errors="replace").strip().splitlines()
        text = "; ".join(line for line in said if line) or "it said nothing"
        how = f"was killed by signal {-code}" if code < 0 else f"failed with status {code}"
        if "1045" in text:
            raise Unauthorized(f"mysqldump was refused ({text})", where=str(self.db))
        raise DumpFailed(
            f"mysqldump {how}: {text}",
            where=str(self.db),
            meaning="Nothing was published; the backup before this one stays the newest.",
            next_step="It is tried again at the next interval; for a missing privilege run `planb-agent bootstrap`.",
        )

    def kill(self) -> None:
        """End it if it runs; its output is lost. Safe to call at any time."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        process.wait()
        if self._reading is not None:
            self._reading.join(timeout=5)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        self._process = None

    def _read(self, patience_s: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        until = time.monotonic() + patience_s
        while True:
            if self._stop.is_set():
                raise Interrupted("stopped during the dump", where=str(self.db))
            if select.select([descriptor], [], [], POLL_S)[0]:
                chunk = os.read(descriptor, CHUNK)
                self._ended = not chunk
                return chunk
            if time.monotonic() > until:
                raise Stalled(f"mysqldump wrote nothing for {patience_s:.0f} s", where=str(self.db))

    def _keep_stderr(self, stream: IO[bytes]) -> None:
        while line := stream.readline():
            self._stderr += line
            del self._stderr[:-STDERR_KEPT]


def child_environment() -> dict[str, str]:
    """Ours, without what would override the option file or tell a secret to a child."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("MYSQL_", "PLANB_", "AZURE_", "AWS_"))}


@functools.cache
def _version(path: str) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip().rpartition("/")[2][:120]
