"""compute.py: an instance starts what its user data enables, services and timers, as systemd would."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from simcloud.compute import Compute, enabled, parse_unit, seconds
from simcloud.state import State

REGION = "ap-northeast-2"


class Machine:
    """A compute whose PATH has `planb-agent`, which writes down when it was started and ends with a code."""

    def __init__(self, place: Path) -> None:
        self.place, self.dark = place, set[str]()
        (place / "bin").mkdir()
        self.says("exit 0")
        network: Any = SimpleNamespace(is_dark=lambda region: region in self.dark)
        self.state = State(":memory:")
        env = {"PATH": f"{place}/bin:{os.environ['PATH']}"}
        self.compute = Compute(place, self.state, network, lambda: env)

    def says(self, script: str) -> None:
        path = self.place / "bin" / "planb-agent"
        path.write_text(f'#!/bin/sh\necho "$(date +%s.%N) $PLANB_ROOT $*" >> {self.place}/calls\n{script}\n')
        path.chmod(0o755)

    def boot(self, units: dict[str, str], *enable: str) -> None:
        files = [
            {"path": f"/etc/systemd/system/{name}", "permissions": "0644", "content": text}
            for name, text in units.items()
        ]
        run = [["systemctl", "daemon-reload"], *(["systemctl", "enable", "--now", name] for name in enable)]
        data = "#cloud-config\n" + json.dumps({"write_files": files, "runcmd": run})
        self.compute.start_instance("host", user_data=data, tags={"Name": "host"}, region=REGION)

    @property
    def calls(self) -> list[tuple[float, str]]:
        path = self.place / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(float(line.split()[0]), line.split(" ", 1)[1]) for line in lines]

    def until(self, met: Callable[[], bool], within_s: float = 10.0) -> None:
        deadline = time.monotonic() + within_s
        while not met():
            assert time.monotonic() < deadline, self.calls
            time.sleep(0.05)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.compute.stop_all()
    made.state.close()


SERVICE = "[Service]\nType=oneshot\nExecStart=/usr/local/bin/planb-agent run\n"
TIMER = "[Timer]\nOnActiveSec=0\nOnUnitActiveSec={}\n"


def test_a_timer_starts_its_service_again_and_again(machine: Machine) -> None:
    machine.boot({"b.service": SERVICE, "b.timer": TIMER.format(1)}, "b.timer")
    machine.until(lambda: len(machine.calls) >= 4)
    starts = [at for at, _ in machine.calls]
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(0.8 < pause < 1.9 for pause in pauses), pauses
    assert machine.calls[0][1].endswith("/host/root run")
    machine.compute.terminate("host")
    done = len(machine.calls)
    time.sleep(1.5)
    assert len(machine.calls) == done


def test_a_service_that_takes_longer_is_not_started_twice(machine: Machine) -> None:
    machine.says("sleep 1.5")
    machine.boot({"b.service": SERVICE, "b.timer": TIMER.format("500ms")}, "b.timer")
    machine.until(lambda: len(machine.calls) >= 3)
    starts = [at for at, _ in machine.calls]
    assert all(later - earlier >= 1.4 for earlier, later in itertools.pairwise(starts))


def test_what_is_not_enabled_does_not_run(machine: Machine) -> None:
    machine.boot({"a.service": SERVICE.replace(" run", " a"), "b.service": SERVICE}, "b.service")
    machine.until(lambda: bool(machine.calls))
    time.sleep(0.3)
    assert [call.split()[-1] for _, call in machine.calls] == ["run"]


@pytest.mark.parametrize(
    ("restart", "code", "again"),
    [("on-failure", 1, True), ("on-failure", 0, False), ("on-failure", 3, False), ("no", 1, False)],
)
def test_restart_as_the_unit_says(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, restart: str, code: int, again: bool
) -> None:
    monkeypatch.setattr("simcloud.compute.RESTART_S", 0.1)
    machine.says(f"exit {code}")
    machine.boot({"b.service": f"{SERVICE}Restart={restart}\nSuccessExitStatus=3\n"}, "b.service")
    machine.until(lambda: bool(machine.calls))
    time.sleep(1.0)
    assert (len(machine.calls) > 1) is again


def test_a_dark_region_stops_and_starts_its_timers(machine: Machine) -> None:
    machine.boot({"b.service": SERVICE, "b.timer": TIMER.format("300ms")}, "b.timer")
    machine.until(lambda: bool(machine.calls))
    machine.dark.add(REGION)
    machine.compute.power(REGION, on=False)
    assert machine.compute.online(("Name", "host")) == []
    done = len(machine.calls)
    time.sleep(0.8)
    assert len(machine.calls) == done
    machine.dark.clear()
    machine.compute.power(REGION, on=True)
    assert machine.compute.online(("Name", "host")) == ["host"]
    machine.until(lambda: len(machine.calls) > done)


def test_a_command_runs_where_the_tag_says(machine: Machine) -> None:
    machine.boot({})
    code, out, _ = machine.compute.run_command(("Name", "host"), "echo $PLANB_ROOT", 10) or (1, "", "")
    assert (code, out.strip().endswith("/host/root")) == (0, True)
    assert machine.compute.run_command(("Name", "other"), "true", 10) is None


def test_reading_units() -> None:
    assert seconds("90") == 90 and seconds("5min") == 300 and seconds("1h 30min") == 5400
    assert seconds("500ms") == 0.5
    assert parse_unit("[A]\nX=1\n# Y=2\nX=3 \\\n 4\n")["X"] == ["1", "3   4"]
    assert enabled("#!/bin/sh\nsystemctl enable --now x") == []
    data = "#cloud-config\nruncmd:\n- systemctl enable --now a.timer\n- [systemctl, enable, b]\n"
    assert enabled(data) == ["a.timer"]
