"""The embedded clouds and a copy of the program's surroundings, for tests that run the real `pulumi`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@contextlib.contextmanager
def simulated(directory: Path) -> Generator[Site]:
    """The embedded clouds with two empty stacks; everything is stopped at the end."""
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For tests that deploy, change and destroy: they leave both stacks empty."""
    with simulated(tmp_path_factory.mktemp("sim")) as one:
        yield one


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Both stacks up (the standby as a pilot light), for tests that only look: they change nothing."""
    with simulated(tmp_path_factory.mktemp("deployed")) as one:
        for stack in ("dr", "prod"):
            one.must("pulumi", "up", "-s", stack, "--yes", "--skip-preview")
        yield one


def resources(site: Site, stack: str) -> list[dict[str, Any]]:
    """The stack's resources as `pulumi stack export` gives them."""
    state = json.loads(site.must("pulumi", "stack", "export", "-s", stack))
    return state["deployment"]["resources"]
