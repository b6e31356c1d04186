"""The embedded clouds and a copy of the program's surroundings, for tests that run the real `pulumi`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook import sim, workspace

ROOT = Path(__file__).parents[2]
SPEED = 2000.0


@dataclass(frozen=True)
class Site:
    """One simulation with a directory in which `pulumi` and `planb` are typed by hand."""

    found: sim.Sim
    directory: Path
    env: dict[str, str]

    def run(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.directory,
            env=self.env,
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )

    def must(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("sim")
    old = os.environ["PATH"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{old}"
    try:
        found = sim.start(directory, speed=SPEED, latency="typical")
        try:
            work = workspace.farm(ROOT, directory / "work")
            env = {**os.environ, **sim.environment(found)}
            one = Site(found, work, env)
            for stack in ("dr", "prod"):
                one.must("pulumi", "stack", "init", stack)
                one.must("pulumi", "config", "set", "planb:protectData", "false", "-s", stack)
            yield one
        finally:
            sim.stop(directory)
        assert sim.running(directory) is None
    finally:
        os.environ["PATH"] = old
