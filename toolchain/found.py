"""Tools that the machine already has: where, and which version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

Version = tuple[int, ...]


def which(name: str, *, without: Path | None = None) -> Path | None:
    """The tool on PATH, not counting the directory `without` (our own links in the virtual environment)."""
    skip = without.resolve() if without else None
    directories = [d for d in os.environ.get("PATH", "").split(os.pathsep) if d and Path(d).resolve() != skip]
    found = shutil.which(name, path=os.pathsep.join(directories))
    return Path(found) if found else None


def version_of(tool: Path, *arguments: str) -> Version:
    """The first dotted number that the tool prints; empty when it does not answer."""
    try:
        answer = subprocess.run(
            [str(tool), *(arguments or ("--version",))],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", answer.stdout + answer.stderr)
    return tuple(int(part) for part in match.groups() if part) if match else ()


def parse(text: str) -> Version:
    """ "3.250.0" as numbers that compare."""
    return tuple(int(part) for part in text.split("."))


def new_enough(name: str, minimum: str, *arguments: str, without: Path | None = None) -> Path | None:
    """The tool on PATH if its version is at least `minimum`."""
    tool = which(name, without=without)
    return tool if tool and version_of(tool, *arguments) >= parse(minimum) else None
