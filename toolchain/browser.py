"""Chromium, with which tests open the maintenance page and the drill report. The drill itself needs none."""

from __future__ import annotations

import os
from pathlib import Path

from toolchain import found
from toolchain.problem import SetupProblem
from toolchain.progress import run, say

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ["chromium", "fonts-nanum"]  # a Korean font, or the page that customers see is drawn as boxes
MEND = f"sudo apt-get install {' '.join(PACKAGES)}"


def provide() -> Path:
    """A Chromium from PATH, else from Debian's packages when we are root there."""
    there = next((tool for name in NAMES if (tool := found.which(name))), None)
    if there:
        return there
    if os.geteuid() != 0 or not found.which("apt-get"):
        raise SetupProblem("chromium: no Chromium on PATH: tests open pages and reports in it", MEND)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("chromium", ["apt-get", "update"], doing="reading Debian's package lists", mend=MEND, env=env)
    run(
        "chromium",
        ["apt-get", "install", "-y", *PACKAGES],
        doing="installing Debian's Chromium",
        mend=MEND,
        env=env,
    )
    tool = found.which("chromium")
    if tool is None:
        raise SetupProblem("chromium: Debian's package brought no chromium", MEND)
    say("chromium", str(tool))
    return tool
