"""`planb cost` as typed."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from runbook import engine
from runbook.cost import refresh, snapshot
from runbook.errors import Refused
from tests.unit.runbook.fakes import Planb

from .conftest import made
from .test_report import PROD, STANDBY

ROOT = Path(__file__).parents[4]


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {"prod": list(PROD), "dr": list(STANDBY)}

    def resources(self: Any, stack: str) -> list[dict[str, Any]]:
        if stack not in found:
            raise Refused("it does not exist", resource=f"stack {stack}")
        return found[stack]

    monkeypatch.setattr(engine.Engine, "resources", resources)
    return found


@pytest.fixture
def planb(
    stacks: dict[str, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Planb:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("PLANB_PROJECT_DIR", raising=False)
    return Planb(monkeypatch, capsys)


def test_both_stacks(planb: Planb) -> None:
    code, said, _ = planb("cost", "--on", "2026-11-25")
    assert code == 0
    assert "stack prod" in said and "stack dr" in said and "within its $10 (R18)" in said


def test_one_stack_as_json(planb: Planb) -> None:
    code, said, _ = planb("cost", "--stack", "dr", "--json")
    found = json.loads(said)
    assert code == 0 and [site["stack"] for site in found["sites"]] == ["dr"]


def test_assumptions_come_from_a_file_and_from_the_line(planb: Planb, tmp_path: Path) -> None:
    file = tmp_path / "usage.toml"
    file.write_text("requests = 5\nalb_lcu = 7\n", encoding="utf-8")
    _, said, _ = planb("cost", "--json", "--usage", str(file), "--assume", "alb_lcu=9")
    used = json.loads(said)["usage"]
    assert (used["requests"], used["alb_lcu"]) == (5, 9), "the line wins"


def test_a_stack_that_is_missing_is_told_and_the_other_priced(
    planb: Planb, stacks: dict[str, list[dict[str, Any]]]
) -> None:
    del stacks["dr"]
    code, said, _ = planb("cost")
    assert code == 0 and "Stack dr is not deployed" in said
    code, _, complaint = planb("cost", "--stack", "dr")
    assert code == 3 and "stack dr: it does not exist" in complaint


def test_what_is_not_priced_fails(planb: Planb, stacks: dict[str, list[dict[str, Any]]]) -> None:
    stacks["prod"].append(made("aws:kinesis/stream:Stream", "events"))
    code, said, _ = planb("cost")
    assert code == 1 and "NOT PRICED" in said and "$350.40" in said, "the rest is shown all the same"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stack", "test"], "--stack is 'test': allowed are prod and dr"),
        (["--on", "tomorrow"], "--on is 'tomorrow'"),
        (["--assume", "requests"], "--assume is 'requests'"),
        (["--assume", "clicks=5"], "there is no assumption 'clicks'"),
        (["--assume", "requests=-1"], "assumption requests is '-1'"),
        (["--assume", "requests=inf"], "assumption requests is 'inf'"),
        (["--assume", "backup_interval_s=0"], "assumption backup_interval_s is '0'"),
        (["--usage", "/nowhere/usage.toml"], "--usage /nowhere/usage.toml: No such file"),
    ],
)
def test_bad_input(planb: Planb, arguments: list[str], says: str) -> None:
    code, _, said = planb("cost", *arguments)
    assert code == 2 and says in said and "Traceback" not in said


def test_refresh_says_what_changed(planb: Planb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def ask(old: snapshot.Snapshot, today: date, say: Any) -> snapshot.Snapshot:
        say("asking")
        dearer = [
            price.model_copy(update={"usd": 9.0}) if price.item == "dashboard" else price
            for price in old.prices
        ]
        return old.model_copy(update={"date": today, "prices": dearer})

    monkeypatch.setattr(refresh, "ask", ask)
    monkeypatch.setattr(snapshot, "own_directory", lambda: tmp_path)
    code, said, progress = planb("cost", "--refresh")
    assert (
        code == 0 and "dashboard (global): 3 → 9 a dashboard-month" in said and "1 price(s) changed" in said
    )
    assert progress.strip() == "asking" and len(list(tmp_path.glob("*.json"))) == 1


def test_refresh_without_the_internet(planb: Planb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(refresh, "AWS_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(refresh, "WAIT_S", 0.001)
    monkeypatch.setattr(snapshot, "own_directory", lambda: tmp_path)
    code, _, said = planb("cost", "--refresh")
    assert code == 1 and "a price list cannot be read" in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_help_loads_no_cloud_sdk() -> None:
    import subprocess

    code = (
        "import sys; import runbook.cli_cost; "
        "print([m for m in ('pulumi', 'requests', 'rich.table') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
