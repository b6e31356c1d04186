"""Child processes: are they alive, and how to end one that a dead daemon left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def alive(process: subprocess.Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is None


def end_group(process: subprocess.Popen[bytes], *, grace_s: float = 5.0, now: bool = False) -> None:
    """Ends a process started in a session of its own, with all that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL if now else signal.SIGTERM)
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def kill_recorded(pid_file: Path, program: str) -> None:
    """Ends the process of a pid file if it still runs that program; a recycled pid is left alone."""
    if not pid_file.exists():
        return
    text = pid_file.read_text().strip()
    command = Path(f"/proc/{text}/cmdline")
    if text.isdigit() and command.exists() and program in command.read_bytes().decode(errors="replace"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(text), signal.SIGKILL)
        for _ in range(100):
            if not Path(f"/proc/{text}").exists():
                break
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)
