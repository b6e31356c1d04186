"""Node.js (must be there) and the tools from the npm registry."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolchain import cache, found
from toolchain.problem import SetupProblem
from toolchain.progress import run

MANIFESTS = Path(__file__).parent / "node"
MEND = "install Node.js ≥ 18 with npm: sudo apt-get install nodejs npm, or https://nodejs.org/"


def node(minimum: str) -> Path:
    """The Node.js on PATH, which runs edge/router.js and Azurite."""
    tool = found.new_enough("node", minimum)
    if tool is None:
        raise SetupProblem(
            f"node: Node.js ≥ {minimum} is not on PATH: edge/router.js and Azurite run on it", MEND
        )
    return tool


def packages(version: str) -> Path:
    """`node_modules/.bin` with Azurite and pyright, as package-lock.json pins them."""
    pins = [MANIFESTS / "package.json", MANIFESTS / "package-lock.json"]

    def make(scratch: Path) -> None:
        for pin in pins:
            shutil.copy(pin, scratch)
        run(
            "azurite",
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            doing="installing from the npm registry",
            mend=MEND,
            cwd=scratch,
        )

    return cache.provide(cache.directory("node", version, pins), make) / "node_modules" / ".bin"
