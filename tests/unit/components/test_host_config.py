"""What a host is told at its first boot, judged by the programs that will read it: cloud-init, systemd, sh."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.aws import host_config
from components.aws.host_config import (
    AGENT,
    INSTALL,
    Artefact,
    HostConfig,
    Unit,
    admin_units,
    backup_units,
    user_data,
)

ARTEFACT = Artefact("blue-artefacts", "agent/x.zip", "0" * 64, "123456789012", "ap-northeast-2")
UNITS = {"backup": backup_units(300), "db-admin": admin_units()}


def text(units: tuple[Unit, ...], agent: dict[str, object] | None = None) -> str:
    return user_data(HostConfig(agent or {"region": "ap-northeast-2"}, ARTEFACT, units, "/planb/blue"))


def cloud_init(path: Path) -> subprocess.CompletedProcess[str]:
    command = ["cloud-init", "schema", "--config-file", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("host", UNITS)
def test_cloud_init_takes_it(tmp_path: Path, host: str) -> None:
    path = tmp_path / "user-data"
    path.write_text(text(UNITS[host]))
    done = cloud_init(path)
    assert done.returncode == 0 and "Valid schema" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("wrong", ['"run_cmd": []', '"runcmd": "x"', '"write_files": [{"content": "x"}]'])
def test_cloud_init_would_refuse_a_slip(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "user-data"
    path.write_text("#cloud-config\n{" + wrong + "}\n")
    assert cloud_init(path).returncode != 0


def root(tmp_path: Path, units: tuple[Unit, ...]) -> Path:
    """A root directory with what the units refer to, as the host has it."""
    made = tmp_path / "root"
    (made / "etc/systemd/system").mkdir(parents=True)
    for unit in units:
        for name, content in unit.files().items():
            (made / "etc/systemd/system" / name).write_text(content)
    agent = made / AGENT.lstrip("/")
    agent.parent.mkdir(parents=True)
    agent.write_text("#!/bin/sh\n")
    agent.chmod(0o755)
    # systemd's own targets, which every unit is ordered against.
    own = made / "usr/lib/systemd/system"
    own.mkdir(parents=True)
    for name in (
        "basic",
        "sysinit",
        "shutdown",
        "network-online",
        "multi-user",
        "timers",
        "time-sync",
        "time-set",
    ):
        (own / f"{name}.target").write_text("[Unit]\nDescription=x\nDefaultDependencies=no\n")
    return made


def verify(made: Path, names: list[str]) -> str:
    """What systemd has to say; it ends with 0 after unknown keys, so its words count too."""
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", f"--root={made}", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return (done.stdout + done.stderr).strip() + (
        f" (exit code {done.returncode})" if done.returncode else ""
    )


@pytest.mark.parametrize("host", UNITS)
def test_systemd_takes_every_unit(tmp_path: Path, host: str) -> None:
    made = root(tmp_path, UNITS[host])
    names = [name for unit in UNITS[host] for name in unit.files()]
    assert verify(made, names) == ""


@pytest.mark.parametrize(
    ("line", "wrong", "says"),
    [
        ("NoNewPrivileges=yes", "NoNewPriviledges=yes", "Unknown key name 'NoNewPriviledges'"),
        ("ProtectSystem=strict", "ProtectSystem=very", "Failed to parse"),
        ("SystemCallFilter=@system-service", "SystemCallFilter=@sytem", "Unknown system call group"),
    ],
)
def test_systemd_would_tell_a_slip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, wrong: str, says: str
) -> None:
    assert line in host_config.HARDENED
    monkeypatch.setattr(host_config, "HARDENED", host_config.HARDENED.replace(line, wrong))
    made = root(tmp_path, UNITS["backup"])
    words = verify(made, ["planb-backup.service"])
    assert says.split(" '")[0].split(" name")[0] in words, words


@pytest.mark.parametrize("interval", [5, 300, 86_400])
def test_the_timer_is_the_setting(interval: int) -> None:
    """The seed's cron job, with its interval; the service itself ends after each backup."""
    (unit,) = backup_units(interval)
    files = unit.files()
    assert re.search(rf"^OnUnitActiveSec={interval}$", files["planb-backup.timer"], re.MULTILINE)
    service = files["planb-backup.service"]
    assert "Type=oneshot" in service and "DynamicUser=yes" in service
    assert f"ExecStart={AGENT} run --config /etc/planb/agent.json" in service
    assert "[Install]" not in service  # or it would run at boot beside its timer


def test_the_bootstrap_is_tried_again_and_the_host_retires() -> None:
    files = {name: content for unit in admin_units() for name, content in unit.files().items()}
    assert "Restart=on-failure" in files["planb-bootstrap.service"]
    assert "OnActiveSec=7200" in files["planb-retire.timer"]
    assert "DynamicUser" not in files["planb-retire.service"]  # it shares a lock with verbs that root runs


@pytest.mark.parametrize("host", UNITS)
def test_the_agent_is_installed_before_it_is_started(host: str) -> None:
    run: list[Any] = yaml.safe_load(text(UNITS[host]))["runcmd"]
    words = [" ".join(command) for command in run]
    installed = next(i for i, command in enumerate(words) if host_config.INSTALLER in command)
    started = [i for i, command in enumerate(words) if command.startswith("systemctl enable")]
    assert started and min(started) > installed > 0
    assert {command.split()[-1] for command in words if "enable" in command} == {
        unit.enabled for unit in UNITS[host]
    }


def test_any_configuration_survives_the_quoting() -> None:
    agent: dict[str, object] = {"a": "quote \" ' : # {{ \\ \n 한국어"}
    files = {
        item["path"]: item["content"]
        for item in yaml.safe_load(text(backup_units(300), agent))["write_files"]
    }
    assert json.loads(files["/etc/planb/agent.json"]) == agent


class TestInstaller:
    """The script run for real, with the machine's tools replaced by such as write down how they were called."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        fake = tmp_path / "bin"
        fake.mkdir()
        with zipfile.ZipFile(tmp_path / "stored.zip", "w") as archive:
            archive.writestr("install.sh", f"echo installed >> {tmp_path}/calls\n")
        tools = {
            "aws": f'for last; do :; done; cp "{tmp_path}/stored.zip" "$last"',
            "python3.11": f'echo "python $*" >> {tmp_path}/calls; exec {sys.executable} "$@"',
            "curl": f'echo "curl $*" >> {tmp_path}/calls',
        }
        for name, script in tools.items():
            (fake / name).write_text(f"#!/bin/sh\n{script}\n")
            (fake / name).chmod(0o755)
        return tmp_path

    def install(self, place: Path, sha256: str) -> subprocess.CompletedProcess[str]:
        moved = INSTALL.replace("/opt/planb", f"{place}/opt")
        moved = moved.replace("/etc/planb", f"{place}/etc").replace("/var/log", f"{place}/log")
        (place / "etc").mkdir(exist_ok=True)
        (place / "etc/artefact").write_text(
            f"BUCKET=b\nKEY=k\nSHA256={sha256}\nOWNER=1\nREGION=ap-northeast-2\n"
        )
        env = {"PATH": f"{place}/bin:{os.environ['PATH']}"}
        return subprocess.run(["sh"], input=moved, env=env, capture_output=True, text=True, check=False)

    def test_other_bytes_are_not_installed(self, place: Path) -> None:
        done = self.install(place, "0" * 64)
        assert done.returncode == 1
        assert "s3://b/k is not the artefact of this launch template" in done.stderr
        assert not (place / "calls").exists(), "something was unpacked before the check"

    def test_the_right_bytes_are(self, place: Path) -> None:
        digest = hashlib.sha256((place / "stored.zip").read_bytes()).hexdigest()
        done = self.install(place, digest)
        assert done.returncode == 0, done.stderr
        calls = (place / "calls").read_text().splitlines()
        assert calls[-1] == "installed"
        assert "https://truststore.pki.rds.amazonaws.com/ap-northeast-2/ap-northeast-2-bundle.pem" in calls[0]
        assert self.install(place, digest).returncode == 0  # again, after a try that failed half-way


def test_the_programs_that_judge_are_here() -> None:
    for name in ("cloud-init", "systemd-analyze"):
        assert shutil.which(name), f"{name}: python -m toolchain.bootstrap --tests"
