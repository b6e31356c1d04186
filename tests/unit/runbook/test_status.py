"""status: what can be known is shown, whichever cloud is dark; colours mean something."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from restore.errors import Unreachable
from restore.fencing import Active
from runbook import failover, status
from runbook.edge_switch import EdgeState
from runbook.errors import PlanBError
from runbook.status import aws, screen
from runbook.status import facts as facts_module
from runbook.watch import windows
from tests.unit.runbook.fakes import GATEWAY, Clouds


def drawn(facts: dict[str, Any]) -> str:
    console = Console(width=160, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as capture:
        console.print(status.table(facts))
    return capture.get()


def row(facts: dict[str, Any], label: str) -> tuple[str, str]:
    """(colour, text) of the row with this label."""
    return next((colour, text) for name, colour, text, _ in screen.rows(facts) if name == label)


ALARM = {
    "urn": "urn:a",
    "type": "aws:cloudwatch/metricAlarm:MetricAlarm",
    "inputs": {"name": "blue-node-cpu"},
}
RDS = {"urn": "urn:r", "type": "aws:rds/instance:Instance", "inputs": {"identifier": "blue"}}
GROUP = {"urn": "urn:g", "type": "aws:lb/targetGroup:TargetGroup", "id": "arn:tg"}


@pytest.fixture
def quiet(clouds: Clouds) -> Clouds:
    """AWS serves, everything is there and answers."""
    clouds.aws_serves = True
    clouds.deployed = {"prod": [ALARM, RDS, GROUP]}
    clouds.aws_answers = {
        "cloudwatch": [{"MetricAlarms": [{"AlarmName": "blue-node-cpu", "StateValue": "OK"}]}],
        "elbv2": {"TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}] * 2},
    }
    return clouds


def database(cpu: float | None, state: str = "available") -> dict[str, Any]:
    return {"status": state, "version": "8.0", "multi_az": True, "cpu_percent": cpu}


def test_a_quiet_day(quiet: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "database", lambda prod, name: database(12.0))
    facts = status.gather(quiet.engine)
    assert facts["edge"] == {"mode": "aws", "epoch": 1, "azure_host": "none"}
    assert (facts["customers"], facts["aws"]["serves"], facts["azure"]["serves"]) == ("service", True, False)
    assert facts["backup"]["newest"] == "backups/backup-20261124-031000"
    assert (facts["backup"]["count"], facts["backup"]["unusable"]) == (3, 0)
    assert facts["last_run"] is None and facts["stacks"] == {"dr": 1, "prod": 4}
    assert facts["alarms"] == {"firing": [], "ok": 1, "no_data": 0, "missing": [], "count": 1}
    assert facts["pods"]["healthy"] == 2
    for label in ("Customers", "Edge", "AWS", "Azure", "Alarms", "Pods", "Database"):
        assert row(facts, label)[0] == "good", label
    text = drawn(facts)
    assert "see the service" in text and "pilot light" in text and "Last run" not in text
    json.dumps(facts, default=str)


def test_aws_dark(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    def dark() -> EdgeState:
        raise PlanBError("the key-value store does not answer (X)", resource="edge")

    clouds.deployed = {"prod": [ALARM, RDS, GROUP]}
    monkeypatch.setattr(clouds.edge, "read", dark)
    clouds.service_serves = False
    facts = status.gather(clouds.engine)
    assert facts["edge"] == {"unknown": "the key-value store does not answer (X)"}
    assert facts["customers"] == "nothing"
    assert facts["backup"]["newest"], "the other cloud is asked all the same"
    for label in ("Edge", "Alarms", "Pods", "Database"):
        assert row(facts, label)[0] == "unknown", "nobody knows, which is not red and never green"
    text = drawn(facts)
    for part in ("see nothing at all", "unknown: it does not answer", "AWS             does not answer"):
        assert part in text


def test_azure_dark(clouds: Clouds) -> None:
    clouds.aws_serves = True
    clouds.store.problem = Unreachable("storage does not answer", where="memory")
    facts = status.gather(clouds.engine)
    assert facts["backup"] == facts["last_run"] == facts["watch"] == {"unknown": "storage does not answer"}
    assert row(facts, "Edge")[0] == "unknown", "half of what it takes to know who is active"
    text = drawn(facts)
    assert "storage does not answer" in text and "serves" in text


def test_after_a_failover(clouds: Clouds) -> None:
    failover.run(clouds.engine, failover.Options(), [])
    facts = status.gather(clouds.engine)
    assert facts["azure"] == {"tier": "full", "serves": True, "location": "koreacentral"}
    assert facts["edge"]["azure_host"] == GATEWAY and row(facts, "Edge") == ("good", "azure")
    assert (facts["last_run"]["kind"], facts["last_run"]["outcome"]) == ("failover", "done")
    assert "failover 2: done" in drawn(facts)
    assert row(facts, "AWS")[0] == "look", "dark, but nobody depends on it"


def test_an_interrupted_run_says_how_to_go_on(clouds: Clouds) -> None:
    clouds.job_fails = 1
    with pytest.raises(PlanBError):
        failover.run(clouds.engine, failover.Options(), [])
    facts = status.gather(clouds.engine)
    assert facts["last_run"]["outcome"] == "interrupted: run the same command again to resume"
    assert facts["customers"] == "maintenance page"


def test_the_last_run_is_the_latest_not_the_one_with_the_last_name(clouds: Clouds) -> None:
    failover.run(clouds.engine, failover.Options(to="emergency", accept_loss=True, switch=False), [])
    failover.run(clouds.engine, failover.Options(), [])
    assert status.gather(clouds.engine)["last_run"]["kind"] == "failover"


def test_unusable_backups_are_counted_and_none_is_told(clouds: Clouds) -> None:
    name = "backups/backup-20261124-031000.manifest.json"
    clouds.store.write(name, b"garbage", overwrite=True)
    text = drawn(status.gather(clouds.engine))
    assert "1 of 3 cannot be used" in text and "planb backup list" in text
    clouds.store.blobs.clear()
    assert "there is none that can be used" in drawn(status.gather(clouds.engine))


def test_edge_and_storage_that_disagree_are_red(clouds: Clouds) -> None:
    clouds.aws_serves = True
    Active(epoch=1, site="azure").write(clouds.container)
    facts = status.gather(clouds.engine)
    assert row(facts, "Edge") == ("bad", "aws")
    assert "storage says azure is active" in drawn(facts)


@pytest.mark.parametrize(
    ("found", "colour", "says"),
    [
        (database(12.0), "good", "CPU 12 %"),
        (database(71.0), "look", "CPU 71 % (limit 70 %)"),
        (database(None), "good", "CloudWatch has no data"),
        (database(None, "storage-full"), "bad", "RDS storage-full"),
    ],
)
def test_the_database(
    quiet: Clouds, monkeypatch: pytest.MonkeyPatch, found: dict[str, Any], colour: str, says: str
) -> None:
    monkeypatch.setattr(aws, "database", lambda prod, name: found)
    facts = status.gather(quiet.engine)
    assert row(facts, "Database")[0] == colour and says in drawn(facts)


def test_alarms(quiet: Clouds) -> None:
    quiet.aws_answers["cloudwatch"] = [
        {
            "MetricAlarms": [
                {"AlarmName": n, "StateValue": "ALARM"} for n in ("blue-node-cpu", "somebody-elses")
            ]
        }
    ]
    facts = status.gather(quiet.engine)
    assert facts["alarms"]["firing"] == ["blue-node-cpu"], "others' alarms are not ours"
    assert row(facts, "Alarms") == ("bad", "1 of 1 firing")
    quiet.aws_answers["cloudwatch"] = []
    assert row(status.gather(quiet.engine), "Alarms") == ("look", "1 of 1 are gone")


def test_pods(quiet: Clouds) -> None:
    sick = {"TargetHealth": {"State": "unhealthy", "Description": "Health checks failed"}}
    quiet.aws_answers["elbv2"]["TargetHealthDescriptions"].append(sick)
    facts = status.gather(quiet.engine)
    assert row(facts, "Pods") == ("look", "2 of 3 behind the balancer") and "Health checks failed" in drawn(
        facts
    )
    quiet.aws_answers["elbv2"]["TargetHealthDescriptions"] = [sick]
    assert row(status.gather(quiet.engine), "Pods")[0] == "bad"
    quiet.aws_answers["elbv2"]["TargetHealthDescriptions"] = []
    assert row(status.gather(quiet.engine), "Pods") == ("bad", "0 of 0 behind the balancer")


def test_drift_is_asked_only_when_wanted(quiet: Clouds) -> None:
    assert row(status.gather(quiet.engine), "Drift") == ("plain", "not asked")
    facts = status.gather(quiet.engine, drift=True)
    assert row(facts, "Drift") == ("good", "prod: none")
    quiet.changes = {"prod": {"update": 2, "delete": 1}}
    assert row(status.gather(quiet.engine, drift=True), "Drift") == ("look", "prod: 1 to delete, 2 to update")


def test_the_watch(quiet: Clouds) -> None:
    assert row(status.gather(quiet.engine), "Watch") == ("look", "nobody watches")
    quiet.store.write("watch/office.json", b"[]")
    now = datetime.now(UTC)
    facts = status.gather(quiet.engine)
    facts["watch"]["last_look_s"] = 12.0
    assert row(facts, "Watch") == ("good", "looked 12 s ago")
    window = windows.Window(since=now, until=now + timedelta(hours=1), why="upgrade", who="me")
    windows.start(quiet.container, window)
    assert "upgrade" in drawn(status.gather(quiet.engine))


def test_the_last_drill(quiet: Clouds, tmp_path: Path) -> None:
    quiet.directory = tmp_path
    assert row(status.gather(quiet.engine), "Last drill")[0] == "look"
    history = tmp_path / "build" / "drill" / "history.jsonl"
    history.parent.mkdir(parents=True)
    now = datetime.now(UTC).timestamp()
    good = {"finished_at": now - 86_400 * 30, "passed": True, "scenario": "region-dark"}
    history.write_text(json.dumps(good) + "\n{torn", encoding="utf-8")
    assert row(status.gather(quiet.engine), "Last drill") == ("good", "passed, 30 days ago")
    history.write_text(json.dumps({**good, "finished_at": now - 86_400 * 200}) + "\n", encoding="utf-8")
    assert row(status.gather(quiet.engine), "Last drill")[0] == "look"
    history.write_text(json.dumps({**good, "passed": False}) + "\n", encoding="utf-8")
    assert row(status.gather(quiet.engine), "Last drill")[0] == "bad"


def test_what_hangs_is_left_behind(quiet: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    never = threading.Event()
    monkeypatch.setattr(facts_module, "LIMIT_S", 0.5)
    monkeypatch.setattr(aws, "pods", lambda prod, group: never.wait(30))
    facts = status.gather(quiet.engine)
    never.set()
    assert facts["pods"] == {"unknown": "no answer within 0 s"}
    assert facts["customers"] == "service"
