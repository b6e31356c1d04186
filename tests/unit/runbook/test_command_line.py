"""`planb` as typed: help, options that every verb must have, and one clear line for bad input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from runbook.cli import app, main

READS = {"status", "edge show", "backup list", "sim status"}
WRITES = {"failover", "failback", "restore", "edge set", "backup run"}


def commands() -> dict[str, set[str]]:
    """Every verb with the options it takes."""
    found: dict[str, set[str]] = {}

    def walk(group: object, prefix: str) -> None:
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            if hasattr(command, "commands"):
                walk(command, f"{prefix}{name} ")
            else:
                assert command.help, f"planb {prefix}{name} has no help"
                found[prefix + name] = {option for p in command.params for option in p.opts}

    walk(typer.main.get_command(app), "")
    return found


def test_reads_report_as_json_and_writes_can_be_tried() -> None:
    known = commands()
    assert known.keys() >= READS | WRITES
    assert [verb for verb in READS if "--json" not in known[verb]] == []
    assert [verb for verb in WRITES if not {"--yes", "--dry-run"} <= known[verb]] == []


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
def test_bad_input(
    arguments: list[str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(sys, "argv", ["planb", *arguments])
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    monkeypatch.chdir(Path(__file__).parents[3])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 2, said
    assert said.count("planb:") == 1 and says in said and "Traceback" not in said


def test_outside_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["planb", "status"])
    monkeypatch.delenv("PLANB_PROJECT_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2 and "no Pulumi.yaml" in capsys.readouterr().err


def test_without_a_simulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["planb", "sim", "env", "--dir", str(tmp_path)])
    monkeypatch.chdir(Path(__file__).parents[3])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 3 and "planb sim start" in capsys.readouterr().err


def test_a_missing_tool_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["planb", "sim", "start", "--dir", str(tmp_path)])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(Path(__file__).parents[3])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 3 and "node" in said and "make setup" in said


def test_help_waits_for_no_cloud_sdk() -> None:
    code = (
        "import sys; sys.argv = ['planb', '--help']\nfrom runbook.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'pulumi', 'boto3', 'azure', 'pymysql', 'kubernetes', 'requests'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
