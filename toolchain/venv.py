"""The project's virtual environment, `.venv`, with exactly what toolchain/requirements.lock says."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from toolchain import cache
from toolchain.progress import run

HERE = Path(__file__).parent
PROJECT = HERE.parent
LOCK = HERE / "requirements.lock"
UV_LOCK = HERE / "uv.lock.txt"
BASE_PYTHON = str(getattr(sys, "_base_executable", None) or sys.executable)
"""The interpreter below a virtual environment: it has pip, which ours has not."""
MEND = "check the network to your package index (pip's own settings are honoured), then run make again"


def provide(uv_version: str) -> Path:
    """Creates or brings up to date `.venv`; returns its bin directory. Nothing is done when nothing changed."""
    home = PROJECT / ".venv"
    stamp = home / ".planb-stamp"
    wanted = hashlib.sha256(LOCK.read_bytes() + (PROJECT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and (home / "bin" / "planb").exists():
        return home / "bin"
    uv = cache.provide(cache.directory("uv", uv_version, [UV_LOCK]), _install_uv) / "bin" / "uv"
    # uv does not read pip's environment; a machine behind a mirror has told pip, not us.
    env = {**os.environ, "VIRTUAL_ENV": str(home)}
    for ours, pips in (
        ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"),
        ("UV_INDEX", "PIP_EXTRA_INDEX_URL"),
        ("SSL_CERT_FILE", "PIP_CERT"),
    ):
        if pips in os.environ and ours not in env:
            env[ours] = os.environ[pips]
    if not (home / "bin" / "python").exists():
        run(
            "python",
            [str(uv), "venv", "--clear", "--python", sys.executable, str(home)],
            doing="making .venv",
            mend=MEND,
            env=env,
        )
    install = [str(uv), "pip", "install", "--no-progress"]
    run(
        "python",
        [*install, "--require-hashes", "-r", str(LOCK)],
        doing="installing the locked packages",
        mend=MEND,
        env=env,
    )
    run(
        "python",
        [*install, "--no-deps", "-e", str(PROJECT)],
        doing="installing planb itself",
        mend=MEND,
        env=env,
    )
    stamp.write_text(wanted)
    return home / "bin"


def _install_uv(scratch: Path) -> None:
    pip = [
        BASE_PYTHON,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
    ]
    run("python", [*pip, "--target", str(scratch), "-r", str(UV_LOCK)], doing="getting uv", mend=MEND)
