"""status.py: what can be known is shown, whichever cloud is dark."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from restore.errors import Unreachable
from runbook import failover, status
from runbook.edge_switch import EdgeState
from runbook.errors import PlanBError
from tests.unit.runbook.fakes import GATEWAY, Clouds


def drawn(facts: dict[str, Any]) -> str:
    console = Console(width=160, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as capture:
        console.print(status.table(facts))
    return capture.get()


def test_a_quiet_day(clouds: Clouds) -> None:
    clouds.aws_serves = True
    facts = status.gather(clouds.engine)
    assert facts["edge"] == {"mode": "aws", "epoch": 1, "azure_host": "none"}
    assert (facts["customers"], facts["aws"]["serves"], facts["azure"]["serves"]) == ("service", True, False)
    assert facts["backup"]["newest"] == "backups/backup-20261124-031000"
    assert (facts["backup"]["count"], facts["backup"]["unusable"]) == (3, 0)
    assert facts["last_run"] is None and facts["stacks"] == {"dr": 1, "prod": 1}
    text = drawn(facts)
    assert "see the service" in text and "pilot light" in text and "Last run" not in text


def test_aws_dark(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    def dark() -> EdgeState:
        raise PlanBError("the key-value store does not answer (X)", resource="edge")

    monkeypatch.setattr(clouds.edge, "read", dark)
    clouds.service_serves = False
    facts = status.gather(clouds.engine)
    assert facts["edge"] == {"unknown": "the key-value store does not answer (X)"}
    assert facts["customers"] == "nothing"
    assert facts["backup"]["newest"], "the other cloud is asked all the same"
    text = drawn(facts)
    for part in ("see nothing at all", "unknown: it does not answer", "AWS             does not answer"):
        assert part in text


def test_azure_dark(clouds: Clouds) -> None:
    clouds.aws_serves = True
    clouds.store.problem = Unreachable("storage does not answer", where="memory")
    facts = status.gather(clouds.engine)
    assert facts["backup"] == {"unknown": "storage does not answer"}
    assert facts["last_run"] == {"unknown": "storage does not answer"}
    text = drawn(facts)
    assert "storage does not answer" in text and "serves" in text


def test_after_a_failover(clouds: Clouds) -> None:
    failover.run(clouds.engine, failover.Options(), [])
    facts = status.gather(clouds.engine)
    assert facts["azure"] == {"tier": "full", "serves": True, "location": "koreacentral"}
    assert facts["edge"]["azure_host"] == GATEWAY
    assert (facts["last_run"]["kind"], facts["last_run"]["outcome"]) == ("failover", "done")
    assert "failover 2: done" in drawn(facts)


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
