"""sim.py: a simulation is found by its file and its living process, and started only where it can run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from runbook import sim
from runbook.errors import PlanBError, Refused, UsageError
from runbook.sim import Sim

TOOLS = ("node", "mysqld", "azurite-blob", "pulumi")


def write(directory: Path, **changes: Any) -> None:
    facts = {
        "pid": os.getpid(),
        "control": "http://127.0.0.1:1",
        "speed": 60.0,
        "latency": "typical",
        "env": {"PULUMI_BACKEND_URL": "file:///x y", "A": "it's"},
    }
    (directory / "sim.json").write_text(json.dumps({**facts, **changes}))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with every tool that the embedded clouds run on."""
    (there := tmp_path / "bin").mkdir()
    for name in TOOLS:
        (there / name).write_text("#!/bin/sh\n")
        (there / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(there))
    return there


def test_running(tmp_path: Path) -> None:
    assert sim.running(tmp_path) is None
    (tmp_path / "sim.json").write_text('{"pid":')
    assert sim.running(tmp_path) is None, "half written"
    write(tmp_path)
    found = sim.running(tmp_path)
    assert found is not None and (found.pid, found.speed, found.latency) == (os.getpid(), 60.0, "typical")
    assert sim.must(tmp_path) == found


def test_a_dead_process_or_a_zombie_does_not_run(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, not yet reaped
    write(tmp_path, pid=process.pid)
    assert sim.running(tmp_path) is None
    process.wait()
    assert sim.running(tmp_path) is None


def test_none_runs_here(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no simulation runs in .*planb sim start"):
        sim.must(tmp_path)
    assert sim.stop(tmp_path) is False


def test_exports_are_read_back_by_a_shell(tmp_path: Path) -> None:
    write(tmp_path)
    text = sim.exports(sim.must(tmp_path))
    shown = subprocess.run(
        ["/bin/sh", "-c", 'eval "$1"; printf "%s|%s|%s" "$PULUMI_BACKEND_URL" "$A" "$PATH"', "sh", text],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    ).stdout
    backend, a, path = shown.split("|")
    assert (backend, a) == ("file:///x y", "it's")
    assert path.split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_the_virtual_environment_leads_path_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    once = sim.environment(sim.must(tmp_path))["PATH"]
    monkeypatch.setenv("PATH", once)
    assert sim.environment(sim.must(tmp_path))["PATH"] == once


def test_start_names_the_missing_tools_in_one_line(tools: Path, tmp_path: Path) -> None:
    (tools / "mysqld").unlink()
    (tools / "node").unlink()
    with pytest.raises(Refused) as caught:
        sim.start(tmp_path / "sim", speed=60, latency="typical")
    assert caught.value.what == "node, mysqld not on PATH"
    assert "make setup" in caught.value.next_step
    assert not (tmp_path / "sim").exists(), "nothing is left behind"


def test_start_beside_a_running_one_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(Refused, match="already runs"):
        sim.start(tmp_path, speed=60, latency="typical")


@pytest.mark.parametrize("speed", [0, -1, 1e9, float("nan")])
def test_speeds_that_make_no_sense(tmp_path: Path, speed: float) -> None:
    with pytest.raises(UsageError, match=r"--speed is .*: allowed is 0\.01 to 100000"):
        sim.start(tmp_path, speed=speed, latency="typical")


def test_a_daemon_that_dies_tells_its_last_words(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tools / "python"
    fake.write_text("#!/bin/sh\necho 'starting' >&2\necho 'simcloud: port taken' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    with pytest.raises(Refused) as caught:
        sim.start(tmp_path / "sim", speed=60, latency="typical")
    assert caught.value.what == "port taken"
    assert caught.value.resource == str(tmp_path / "sim" / "daemon.log")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Sim]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = (
                (200, {"dark": []}) if self.path == "/status" else (409, {"error": "no such fault"})
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Sim(tmp_path, 1, f"http://127.0.0.1:{server.server_port}", 60, "typical", {})
        server.shutdown()
        thread.join()


def test_the_control_api_answers_or_tells_why_not(control: Sim) -> None:
    assert control.call("GET", "/status") == {"dark": []}
    with pytest.raises(PlanBError, match="embedded clouds: no such fault"):
        control.call("GET", "/faults")
