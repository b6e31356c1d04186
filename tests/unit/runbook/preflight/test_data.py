"""The data's checks, on backups in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restore.errors import Unauthorized
from restore.models import TableDigest
from runbook import backups
from runbook.preflight import data
from runbook.preflight.look import Planned
from tests.unit.runbook.preflight.looks import FakeLook, found, planned, severities

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> FakeLook:
    """Two whole backups; the newest is two minutes old."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return NOW

    monkeypatch.setattr(backups, "datetime", Clock)
    made = FakeLook()
    made.container.publish(5, version="8.0.39")
    made.container.publish(10, version="8.0.39")
    return made


def test_storage_that_can_be_used_is_left_as_it_was(look: FakeLook) -> None:
    before = set(look.container.blobs)
    assert severities(data.storage, look) == ["ok"]
    assert set(look.container.blobs) - before == {"journal/preflight"}
    assert look.container.blobs["journal/preflight"][0] == b""
    assert severities(data.storage, look) == ["ok"], "and it can be asked again"


def test_storage_that_refuses(look: FakeLook) -> None:
    look.container.problem = Unauthorized("storage refuses our credentials (AuthorizationFailure)", where="m")
    ((severity, what),) = found(data.storage, look)
    assert severity == "blocker" and "refuses our credentials" in what


@pytest.mark.parametrize("read_all", [True, False])
def test_a_fresh_backup(look: FakeLook, read_all: bool) -> None:
    ((severity, what),) = found(data.newest, look, read_all=read_all)
    assert severity == "ok" and what.startswith("backups/backup-20261124-031000 is 120 s old")
    assert what.endswith("every byte read" if read_all else "its data not read")


def test_a_stale_one(look: FakeLook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.runbook.preflight.test_data.NOW", NOW + timedelta(hours=1))
    assert severities(data.newest, look, read_all=True) == ["warning"]


def test_a_damaged_newest_one_is_told_and_passed(look: FakeLook) -> None:
    look.container.publish(11, corrupt=True)
    told = found(data.newest, look, read_all=True)
    assert [severity for severity, _ in told] == ["warning", "ok"]
    assert told[0][1].startswith("backups/backup-20261124-031100 cannot be used")


def test_none(look: FakeLook) -> None:
    look.container.blobs.clear()
    for read_all in (True, False):
        assert severities(data.newest, look, read_all=read_all) == ["blocker"]
    assert severities(data.portable, look) == ["unasked"]


def with_server(version: str, **parameters: str) -> list[Planned]:
    kept = [p for p in planned() if not p.type.startswith("azure-native:dbformysql")]
    server = Planned(data.MYSQL, "db", {"version": version}, True)
    set_ = {"sql_generate_invisible_primary_key": "OFF", **parameters}
    return [
        *kept,
        server,
        *(
            Planned("azure-native:dbformysql:Configuration", n, {"configurationName": n, "value": v}, True)
            for n, v in set_.items()
        ),
    ]


def test_it_fits(look: FakeLook) -> None:
    look.resources = with_server("8.0.21")
    assert severities(data.portable, look) == ["ok"]


def test_an_older_server_does_not_take_it(look: FakeLook) -> None:
    look.resources = with_server("5.7")
    assert "the standby would run 5.7" in found(data.portable, look)[0][1]
    assert severities(data.portable, look) == ["blocker"]


def test_a_server_that_is_not_what_it_is_called_is_not_judged(look: FakeLook) -> None:
    """Embedded clouds run one MySQL under every name."""
    look.resources = with_server("8.0.21")
    rds = {"type": "aws:rds/instance:Instance", "inputs": {"engineVersion": "8.0"}}
    look.prod_deployment = {"resources": [rds]}
    assert severities(data.portable, look) == ["ok"]
    look.container.publish(11, version="9.7.0")
    ((severity, what),) = found(data.portable, look)
    assert severity == "unasked" and "9.7.0" in what


def test_the_name_of_a_line_is_no_older_release() -> None:
    assert data._line("8.0.21") == data._line("8.0.39-log") < data._line("8.4")  # pyright: ignore[reportPrivateUsage]


def test_invisible_keys(look: FakeLook) -> None:
    look.resources = with_server("8.0.21", sql_generate_invisible_primary_key="ON")
    assert severities(data.portable, look) == ["warning"]


def test_a_statement_that_is_too_long(look: FakeLook) -> None:
    look.container.publish(11, longest_line=2**20, version="8.0.39")
    look.resources = with_server("8.0.21", max_allowed_packet=str(2**20))
    assert severities(data.portable, look) == ["blocker"]
    look.resources = with_server("8.0.21", max_allowed_packet=str(2**20 + 1))
    assert severities(data.portable, look) == ["ok"]


def test_names_that_differ_by_case_only(look: FakeLook) -> None:
    digest = TableDigest(1, "a" * 64)
    look.container.publish(11, tables={"Owners": digest, "owners": digest}, version="8.0.39")
    look.resources = with_server("8.0.21")
    ((severity, what),) = found(data.portable, look)
    assert (severity, what) == ("blocker", "tables Owners and owners differ by case only")
    look.resources = with_server("8.0.21", lower_case_table_names="0")
    assert severities(data.portable, look) == ["ok"]
