"""The tool cache: one directory a tool, outside the clone, keyed by everything that pins it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

COMPLETE = ".complete"


def root() -> Path:
    """Where tools live: `PLANB_CACHE`, else `~/.cache/planb`."""
    return Path(os.environ.get("PLANB_CACHE") or Path.home() / ".cache" / "planb")


def directory(name: str, version: str, pins: list[Path]) -> Path:
    """The directory of a tool; another byte in a pin file is another directory."""
    digest = hashlib.sha256()
    for pin in pins:
        digest.update(pin.name.encode() + b"\0" + pin.read_bytes() + b"\0")
    return root() / f"{name}-{version}-{digest.hexdigest()[:10]}"


def provide(target: Path, build: Callable[[Path], None]) -> Path:
    """Builds into `target` unless it is there whole; two clones that need it at once build it once.

    `build` gets a scratch directory which is renamed in one step, so a killed build leaves nothing usable.
    What it writes must therefore not depend on its own absolute path.
    """
    if (target / COMPLETE).exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(target.name + ".lock")):
        if (target / COMPLETE).exists():
            return target
        shutil.rmtree(target, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            build(scratch)
            (scratch / COMPLETE).touch()
            scratch.chmod(0o755)  # mkdtemp's 0700 would hide the tools from the user that mysqld runs as
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
