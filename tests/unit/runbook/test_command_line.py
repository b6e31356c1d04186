"""`planb` as typed: one clear line for bad input, nothing heavy behind its help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.runbook.fakes import Planb

ROOT = Path(__file__).parents[3]


@pytest.fixture
def planb(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Planb:
    monkeypatch.delenv("PLANB_PROJECT_DIR", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    monkeypatch.chdir(ROOT)
    return Planb(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["failover", "--to", "everything"], "--to is 'everything': allowed are full and emergency"),
        (["failover", "--at", "yesterday"], "--at is 'yesterday'"),
        (["failover"], "add --yes"),
        (["edge", "set", "gcp"], "unknown mode 'gcp'"),
        (["drill", "--rows", "3"], "--rows is 3"),
        (["drill", "--scenario", "flood"], "--scenario is 'flood'"),
        (["drill", "--latency", "odd"], "--latency is 'odd'"),
        (["sim", "start", "--latency", "odd"], "--latency is 'odd'"),
        (["sim", "start", "--speed", "0"], "--speed is 0"),
        (["fail-over"], "No such command"),
        (["drill", "--rows", "many"], "--rows"),
    ],
)
def test_bad_input(planb: Planb, arguments: list[str], says: str) -> None:
    code, _, said = planb(*arguments)
    assert code == 2, said
    assert said.count("planb:") == 1 and says in said and "Traceback" not in said


def test_outside_a_project(planb: Planb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, said = planb("status")
    assert code == 2 and "no Pulumi.yaml" in said


def test_without_a_simulation(planb: Planb, tmp_path: Path) -> None:
    code, _, said = planb("sim", "env", "--dir", str(tmp_path))
    assert code == 3 and "planb sim start" in said


def test_a_missing_tool_is_named(planb: Planb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, said = planb("sim", "start", "--dir", str(tmp_path))
    assert code == 3 and "node" in said and "make setup" in said


def test_help_waits_for_no_cloud_sdk() -> None:
    code = (
        "import sys; sys.argv = ['planb', '--help']\nfrom runbook.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'pulumi', 'boto3', 'azure', 'pymysql', 'kubernetes', 'requests'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
