"""Processes that stand for instances and container groups: they run the very commands that the clouds would run.

A container's image is not pulled; its command is found on PATH, which the virtual environment leads. An instance
boots from its user data: `write_files` land under a root directory of its own, and of its `runcmd` what systemd is told
to enable is started, services and timers. Its programs see that root as PLANB_ROOT.
"""

from __future__ import annotations

import base64
import gzip
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from simcloud.kinds import CloudError
from simcloud.network import Network
from simcloud.processes import end_group, kill_recorded
from simcloud.state import State

_INSTANCES = "compute:instances"
LOG_TAIL = 4000
RESTART_S = 2.0


class Compute:
    """All processes of one simulation. `environment` gives the simulated environment once ports are known."""

    def __init__(
        self, directory: Path, state: State, network: Network, environment: Callable[[], dict[str, str]]
    ) -> None:
        self._dir = directory / "compute"
        self._dir.mkdir(parents=True, exist_ok=True)
        self._state, self._network, self._environment = state, network, environment
        self._lock = threading.RLock()
        self._groups: dict[str, _Job] = {}
        self._units: dict[str, list[_Service | _Timer]] = {}

    # -- container groups --

    def start_container_group(
        self, id_: str, containers: list[dict[str, Any]], *, region: str, restart_policy: str
    ) -> None:
        """Starts the first container's command (our groups have one); CloudError when its command does not exist."""
        container = containers[0]
        command = [str(part) for part in container["command"]]
        env = {**self._base_env(), **container["env"]}
        if shutil.which(command[0], path=env["PATH"]) is None:
            raise CloudError(
                "InaccessibleImage",
                f"The image '{container['image']}' has no executable {command[0]} on its PATH.",
            )
        folder = self._dir / _safe(id_)
        folder.mkdir(exist_ok=True)
        with self._lock:
            self._groups[id_] = _Job(command, env, folder, region, retry=restart_policy == "Always")

    def status(self, id_: str) -> dict[str, Any]:
        """{"state": "Running" | "Succeeded" | "Failed" | "Unknown", "exit_code": int | None, "logs": tail}."""
        job = self._groups.get(id_)
        return job.status() if job else {"state": "Unknown", "exit_code": None, "logs": ""}

    def stop(self, id_: str) -> None:
        with self._lock:
            job = self._groups.pop(id_, None)
        if job:
            job.end()
        shutil.rmtree(self._dir / _safe(id_), ignore_errors=True)

    # -- instances --

    def start_instance(self, id_: str, *, user_data: str, tags: dict[str, str], region: str) -> None:
        self._state.kv_put(_INSTANCES, id_, {"user_data": user_data, "tags": tags, "region": region})
        self._boot(id_)

    def terminate(self, id_: str) -> None:
        self._state.kv_delete(_INSTANCES, id_)
        self._end_units(id_)
        shutil.rmtree(self._dir / _safe(id_), ignore_errors=True)

    def online(self, tag: tuple[str, str]) -> list[str]:
        """Ids of the instances with this tag whose agent would answer."""
        return [
            id_
            for id_, record in self._state.kv_items(_INSTANCES).items()
            if record["tags"].get(tag[0]) == tag[1] and not self._network.is_dark(record["region"])
        ]

    def run_command(self, tag: tuple[str, str], script: str, timeout_s: float) -> tuple[int, str, str] | None:
        """Runs a shell script on the instance with this tag; None when there is none that runs."""
        for id_ in self.online(tag):
            env = {**self._base_env(), "PLANB_ROOT": str(self._dir / _safe(id_) / "root")}
            process = subprocess.Popen(
                ["sh", "-c", script],
                env=env,
                cwd=self._dir,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            try:
                stdout, stderr = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                end_group(process, now=True)  # type: ignore[arg-type]
                return 124, "", "Execution timed out"
            return process.returncode, stdout, stderr
        return None

    # -- darkness and life --

    def power(self, region: str, *, on: bool) -> None:
        for id_, record in self._state.kv_items(_INSTANCES).items():
            if record["region"] == region:
                if on:
                    self._boot(id_)
                else:
                    self._end_units(id_, now=True)
        if not on:
            for job in list(self._groups.values()):
                if job.region == region:
                    job.end(now=True)

    def start_all(self) -> None:
        for pid_file in [*self._dir.glob("*/pid"), *self._dir.glob("*/*.pid")]:
            kill_recorded(pid_file, "planb-agent")
        for id_ in self._state.kv_items(_INSTANCES):
            self._boot(id_)

    def stop_all(self) -> None:
        for job in list(self._groups.values()):
            job.end()
        for id_ in list(self._units):
            self._end_units(id_)

    def _base_env(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**keep, **self._environment()}

    def _boot(self, id_: str) -> None:
        record = self._state.kv_get(_INSTANCES, id_)
        if self._network.is_dark(record["region"]):
            return
        folder = self._dir / _safe(id_)
        root = folder / "root"
        root.mkdir(parents=True, exist_ok=True)
        write_files(record["user_data"], root)
        self._end_units(id_)
        where, env = root / "etc/systemd/system", self._base_env()
        with self._lock:
            self._units[id_] = [
                _Timer(where / unit, root, folder, env)
                if unit.endswith(".timer")
                else _Service(where / unit, root, folder, env)
                for unit in enabled(record["user_data"])
                if (where / unit).exists()  # the system's own units are none of ours
            ]

    def _end_units(self, id_: str, *, now: bool = False) -> None:
        with self._lock:
            units = self._units.pop(id_, [])
        for unit in units:
            unit.end(now=now)


class _Job:
    """One container: a process with its log, started once (or again and again)."""

    def __init__(
        self, command: list[str], env: dict[str, str], folder: Path, region: str, *, retry: bool
    ) -> None:
        self.region = region
        self._log = folder / "log"
        self._retry = retry
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=folder, stdout=log, stderr=log, start_new_session=True
            )
        (folder / "pid").write_text(str(self._process.pid))

    def status(self) -> dict[str, Any]:
        code = self._process.poll()
        state = "Running" if code is None else ("Succeeded" if code == 0 else "Failed")
        return {"state": state, "exit_code": code, "logs": _tail(self._log)}

    def end(self, *, now: bool = False) -> None:
        end_group(self._process, now=now)


class _Service:
    """systemd's part: ExecStart with its environment, restarted as Restart= says. `start` False waits for a timer."""

    def __init__(
        self, unit: Path, root: Path, folder: Path, env: dict[str, str], *, start: bool = True
    ) -> None:
        settings = parse_unit(unit.read_text())
        self._command = shlex.split(settings.get("ExecStart", ["/bin/false"])[-1])
        self._command[0] = Path(self._command[0]).name  # /usr/local/bin/planb-agent: found on PATH here
        self._env = {**env, "PLANB_ROOT": str(root)}
        for line in settings.get("Environment", []):
            self._env |= dict(part.split("=", 1) for part in shlex.split(line))
        for name in settings.get("EnvironmentFile", []):
            path = root / name.removeprefix("-").lstrip("/")
            if path.exists():
                pairs = (line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
                self._env |= {key.strip(): value.strip().strip('"') for key, value in pairs}
        self._restart = settings.get("Restart", ["no"])[-1]
        self._fine = {
            0,
            *(int(code) for line in settings.get("SuccessExitStatus", []) for code in line.split()),
        }
        self._folder, self._name = folder, unit.stem
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name=f"unit-{unit.stem}", daemon=True)
        if start:
            self._thread.start()

    def run(self) -> int:
        """Starts it once and waits; its exit code."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._env,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        (self._folder / f"{self._name}.pid").write_text(str(self._process.pid))
        while self._process.poll() is None and not self._ended.is_set():
            time.sleep(0.1)
        return self._process.poll() or 0

    def _supervise(self) -> None:
        while not self._ended.is_set():
            failed = self.run() not in self._fine
            again = self._restart == "always" or (self._restart == "on-failure" and failed)
            if not again or self._ended.wait(RESTART_S):
                return

    def end(self, *, now: bool = False) -> None:
        self._ended.set()
        if self._process is not None:
            end_group(self._process, now=now)
        if self._thread.is_alive():
            self._thread.join(10)


class _Timer:
    """systemd's part: a service started OnActiveSec after the boot, then OnUnitActiveSec after each start; never twice
    at once. In true time: the interval is the program's own setting."""

    def __init__(self, unit: Path, root: Path, folder: Path, env: dict[str, str]) -> None:
        settings = parse_unit(unit.read_text())
        self._first = seconds(settings.get("OnActiveSec", ["0"])[-1])
        self._every = seconds(settings["OnUnitActiveSec"][-1])
        self._service = _Service(unit.with_suffix(".service"), root, folder, env, start=False)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, name=f"unit-{unit.name}", daemon=True)
        self._thread.start()

    def _tick(self) -> None:
        pause = self._first
        while not self._ended.wait(pause):
            started = time.monotonic()
            self._service.run()
            pause = max(0.0, started + self._every - time.monotonic())

    def end(self, *, now: bool = False) -> None:
        self._ended.set()
        self._service.end(now=now)
        self._thread.join(10)


def enabled(user_data: str) -> list[str]:
    """Units that the instance's runcmd enables and starts: `systemctl enable --now UNIT …`."""
    if not user_data.startswith("#cloud-config"):
        return []
    found: list[str] = []
    for command in (yaml.safe_load(user_data) or {}).get("runcmd") or []:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
        if words[:2] == ["systemctl", "enable"] and "--now" in words:
            found += [word for word in words[2:] if not word.startswith("-")]
    return found


def seconds(span: str) -> float:
    """A time span of systemd's (`90`, `5min`, `1h 30min`) in seconds."""
    units = {"": 1, "s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "hr": 3600, "d": 86400, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)\s*([a-z]*)", span))


def write_files(user_data: str, root: Path) -> list[Path]:
    """cloud-init's write_files under `root`; CloudError when the user data is no cloud-config."""
    if not user_data.startswith("#cloud-config"):
        return []
    config: dict[str, Any] = yaml.safe_load(user_data) or {}
    written: list[Path] = []
    for entry in config.get("write_files") or []:
        content = str(entry.get("content", "")).encode()
        encoding = str(entry.get("encoding", ""))
        if "b64" in encoding or "base64" in encoding:
            content = base64.b64decode(content)
        if "gz" in encoding:
            content = gzip.decompress(content)
        path = root / str(entry["path"]).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(int(str(entry.get("permissions", "0644")), 8))
        written.append(path)
    return written


def parse_unit(text: str) -> dict[str, list[str]]:
    """Every key of a unit file with its values in order; continuation lines joined."""
    settings: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, separator, value = line.strip().partition("=")
        if separator and not key.startswith(("#", ";", "[")):
            settings.setdefault(key.strip(), []).append(value.strip())
    return settings


def _safe(id_: str) -> str:
    return id_.strip("/").replace("/", "_")[-120:]


def _tail(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - LOG_TAIL))
        return handle.read().decode(errors="replace")
