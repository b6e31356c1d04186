"""`planb sim`: starts, stops and describes the embedded clouds. One of two places that know that they exist."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from runbook.errors import PlanBError, Refused, UsageError

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Sim:
    """A running simulation: its directory, process, control API and environment."""

    directory: Path
    pid: int
    control: str
    speed: float
    latency: str
    env: dict[str, str]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call of the control API; PlanBError with its reason when it refuses."""
        answer = requests.request(
            method, self.control + path, json=body, timeout=(5, 60), proxies={"http": "", "https": ""}
        )
        if not answer.ok:
            raise PlanBError(str(answer.json().get("error", answer.status_code)), resource="embedded clouds")
        return answer.json()


def default_directory(project: Path) -> Path:
    return project / ".planb" / "sim"


def running(directory: Path) -> Sim | None:
    """The simulation in this directory, if its process lives."""
    facts = directory / "sim.json"
    if not facts.exists():
        return None
    try:
        found = json.loads(facts.read_text())
    except ValueError:
        return None  # half written: not ready yet
    if not _alive(int(found["pid"])):
        return None
    return Sim(directory, int(found["pid"]), found["control"], found["speed"], found["latency"], found["env"])


def must(directory: Path) -> Sim:
    """The running simulation, or a refusal that says how to start one."""
    found = running(directory)
    if found is None:
        raise Refused(
            f"no simulation runs in {directory}",
            meaning="nothing was done",
            next_step="start one: planb sim start",
        )
    return found


def start(directory: Path, *, speed: float, latency: str) -> Sim:
    """Starts the daemon in a session of its own; returns when everything in it answers."""
    if running(directory):
        raise Refused(
            f"a simulation already runs in {directory}", next_step="use it, or stop it: planb sim stop"
        )
    if not 0.01 <= speed <= 100_000:
        raise UsageError(f"--speed is {speed:g}: allowed is 0.01 to 100000")
    missing = [name for name in ("node", "mysqld", "azurite-blob", "pulumi") if shutil.which(name) is None]
    if missing:
        raise Refused(
            f"{', '.join(missing)} not on PATH",
            meaning="the embedded clouds run on them; nothing was started",
            next_step="make setup, then: export PATH=$PWD/.venv/bin:$PATH",
        )
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "daemon.log"
    command = [sys.executable, "-m", "simcloud", "serve", "--dir", str(directory)]
    command += ["--speed", f"{speed:g}", "--latency", latency]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True, cwd=directory
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        found = running(directory)
        if found:
            return found
        if process.poll() is not None:
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            raise Refused(
                lines[-1].removeprefix("simcloud: ") if lines else "the embedded clouds did not start",
                resource=str(log),
                meaning="nothing is left running",
                next_step="mend that, then run the same command again",
            )
        time.sleep(0.1)
    process.terminate()
    raise PlanBError(f"not ready within {START_TIMEOUT_S:.0f} s", resource=str(log))


def stop(directory: Path) -> bool:
    """Ends the simulation and everything it started; False when none ran."""
    found = running(directory)
    if found is None:
        return False
    found.call("POST", "/shutdown")
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        if not _alive(found.pid):
            return True
        time.sleep(0.1)
    raise PlanBError(
        f"process {found.pid} does not end",
        resource="embedded clouds",
        next_step=f"kill {found.pid}, then look at {directory}/daemon.log",
    )


def environment(found: Sim) -> dict[str, str]:
    """The standard variables, with this virtual environment leading PATH."""
    here = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", "")
    leading = path if path.split(os.pathsep)[0] == here else f"{here}{os.pathsep}{path}"
    return {**found.env, "PATH": leading}


def exports(found: Sim) -> str:
    """What `eval "$(planb sim env)"` reads."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment(found).items())


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    return state != "Z"
