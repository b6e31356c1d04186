"""Lines that show that set-up is alive, and commands whose output is kept for the day they fail."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from toolchain.problem import SetupProblem

HEARTBEAT_S = 20.0
_started = time.monotonic()
_lock = threading.Lock()


def say(tool: str, text: str) -> None:
    """One line: elapsed time, tool, text."""
    elapsed = int(time.monotonic() - _started)
    with _lock:
        sys.stderr.write(f"[{elapsed // 60:2d}:{elapsed % 60:02d}] {tool:<11} {text}\n")
        sys.stderr.flush()


def run(
    tool: str,
    command: list[str],
    *,
    doing: str,
    mend: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    measure: Callable[[list[str]], str] | None = None,
) -> str:
    """Runs a command and returns its output; says every 20 s that it is still at it.

    `measure` turns the lines so far into a short progress text. Raises `SetupProblem` with the last lines.
    """
    say(tool, f"{doing} …")
    lines: list[str] = []
    begun = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise SetupProblem(f"{tool}: {command[0]} is not installed", mend) from error
    done = threading.Event()

    def heartbeat() -> None:
        while not done.wait(HEARTBEAT_S):
            extra = f", {measure(lines)}" if measure else ""
            say(tool, f"still {doing} ({int(time.monotonic() - begun)} s{extra})")

    ticker = threading.Thread(target=heartbeat, daemon=True)
    ticker.start()
    try:
        assert process.stdout is not None
        lines.extend(line.rstrip("\n") for line in iter(process.stdout.readline, ""))
        code = process.wait()
    finally:
        done.set()
        ticker.join()
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code != 0:
        tail = "\n    ".join(lines[-12:]) or "(no output)"
        raise SetupProblem(f"{tool}: {doing} failed with exit code {code}:\n    {tail}", mend)
    return "\n".join(lines)
