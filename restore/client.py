"""The mysql client as a process: statements in on its input, stopped at the first that the server refuses."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from restore.errors import Interrupted, LoadFailed, Stalled
from restore.mysql import option_file, program
from restore.mysqldump import child_environment

if TYPE_CHECKING:
    from restore.settings import Database

SILENCE_S = 300.0
"""The server may take so long for one piece of the dump, seconds."""
PIECE = 1024 * 1024


class Client:
    """The mysql client: takes statements on stdin, stops at the first that the server refuses."""

    def __init__(self, db: Database, stop: threading.Event) -> None:
        self._db = db
        self._stop = stop
        # --binary-mode: no client commands but DELIMITER are obeyed, and bytes are taken as they are.
        options = ["--binary-mode", "--batch", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"]
        options += ["--skip-column-names", "--unbuffered"]  # for `sync`
        with option_file(db) as (argument, descriptor):
            self._process = subprocess.Popen(
                [program("mysql"), argument, *options, db.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[descriptor],
                env=child_environment(),
                start_new_session=True,
                bufsize=0,
                pipesize=PIECE,
            )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdout = self._process.stdout
        self._syncs = 0
        self._stdin: IO[bytes] = self._process.stdin
        os.set_blocking(self._stdin.fileno(), False)
        self._said = bytearray()
        self._reading = threading.Thread(target=self._keep_stderr, args=[self._process.stderr], daemon=True)
        self._reading.start()

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        since = time.monotonic()
        while rest:
            if self._stop.is_set():
                raise Interrupted(
                    "stopped during the load", where=str(self._db), next_step="Run the same again."
                )
            if not select.select([], [self._stdin], [], 0.5)[1]:
                if time.monotonic() - since > SILENCE_S:
                    raise Stalled(f"the server took nothing for {SILENCE_S:.0f} s", where=str(self._db))
                continue
            try:
                written = self._stdin.write(rest)  # takes what fits: the descriptor does not block
            except BrokenPipeError:
                self.finish()
                raise LoadFailed("the client ended early", where=str(self._db)) from None
            rest = rest[written or 0 :]
            since = time.monotonic()

    def sync(self) -> None:
        """Return when the server has done everything written so far (between two statements).

        Raises:
            LoadFailed: it refused one of them.
        """
        self._syncs += 1
        mark = f"planb-sync-{self._syncs}".encode()
        self.write(b"SELECT '" + mark + b"';\n")
        seen, since = b"", time.monotonic()
        while mark not in seen:
            if self._stop.is_set():
                raise Interrupted(
                    "stopped during the load", where=str(self._db), next_step="Run the same again."
                )
            if time.monotonic() - since > SILENCE_S:
                raise Stalled(f"the server took nothing for {SILENCE_S:.0f} s", where=str(self._db))
            if select.select([self._stdout], [], [], 0.5)[0]:
                more = os.read(self._stdout.fileno(), 65536)
                if not more:
                    self.finish()
                    raise LoadFailed("the client ended early", where=str(self._db))
                seen = (seen + more)[-4096:]

    def finish(self) -> None:
        """Close the input and wait for the last statement.

        Raises:
            LoadFailed: the server refused a statement.
        """
        with suppress(BrokenPipeError):
            self._stdin.close()
        until = time.monotonic() + SILENCE_S
        while self._process.poll() is None:
            if self._stop.wait(0.02):
                raise Interrupted(
                    "stopped during the load", where=str(self._db), next_step="Run the same again."
                )
            if time.monotonic() > until:
                raise Stalled("the server does not finish the last statement", where=str(self._db))
        self._reading.join(timeout=5)
        if self._process.returncode != 0:
            said = bytes(self._said).decode(errors="replace").strip() or f"status {self._process.returncode}"
            raise LoadFailed(
                f"the server refused the dump: {' '.join(said.split())[:500]}",
                where=str(self._db),
                meaning="The database is partly loaded and marked as unfinished; the application was not let in.",
                next_step="Mend the cause and run the same restore again: it starts over by itself.",
            )

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reading.join(timeout=5)
        with suppress(OSError):
            self._stdin.close()
        for stream in (self._stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _keep_stderr(self, stream: IO[bytes]) -> None:
        while line := stream.readline():
            self._said += line
            del self._said[:-4096]
