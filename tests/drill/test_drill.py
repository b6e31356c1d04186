"""The whole loop as a newcomer runs it, and its two scenarios with damaged backups."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PLANB = Path(sys.executable).with_name("planb")
pytestmark = [pytest.mark.drill, pytest.mark.timeout(900)]


def drill(scenario: str, seed: int, out: Path) -> tuple[int, dict[str, Any], str]:
    """Exit code, report.json and everything printed."""
    command = [
        PLANB,
        "drill",
        "--rows",
        "20000",
        "--seed",
        str(seed),
        "--report",
        out,
        "--scenario",
        scenario,
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=800,
        check=False,
    )
    report = out / "report.json"
    assert report.exists(), done.stdout[-4000:]
    assert "Traceback" not in done.stdout
    return done.returncode, json.loads(report.read_text()), done.stdout


def test_failover_and_failback(tmp_path: Path) -> None:
    code, report, printed = drill("region-dark", 11, tmp_path)
    assert code == 0 and report["passed"], printed[-3000:]
    assert report["rto"]["service_s"] <= report["rto"]["budget_s"] == 900
    assert report["rto"]["maintenance_page_s"] <= 10
    assert report["rpo"]["unexplained"] == 0
    assert (
        report["data"]["match"] and sum(t["rows_target"] for t in report["data"]["tables"].values()) >= 20_000
    )
    assert report["failback"]["standby_writes"] > 0 == report["failback"]["standby_writes_lost"]
    assert report["cost"]["standby_month_usd"] < 10
    assert {"name", "depends_on", "started_at", "finished_at", "modelled_s", "measured_s"} <= report["steps"][
        0
    ].keys()
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_a_flipped_bit_costs_one_backup(tmp_path: Path) -> None:
    code, report, printed = drill("corrupt-newest", 12, tmp_path)
    assert code == 0 and report["passed"], printed[-3000:]
    assert "falling back to backups/" in printed and "more are lost than with the newest one" in printed


def test_nothing_whole_is_left(tmp_path: Path) -> None:
    code, report, printed = drill("corrupt-all", 13, tmp_path)
    assert code == 3, printed[-3000:]
    assert report["passed"] and "no backup can be restored" in report["refused"]
