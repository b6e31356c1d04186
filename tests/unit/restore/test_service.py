"""service.py and dump.py's arithmetic: what the timer starts, and shrinkage."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from restore import service
from restore.catalog import BackupSet
from restore.dump import shrinkage
from restore.errors import DumpFailed, LeaseHeld, Refused, Unauthorized
from restore.models import TableDigest
from restore.settings import AgentConfig
from tests.unit.restore.test_models import manifest

CONFIG = AgentConfig.model_validate(
    {
        "container_url": "https://x.blob.core.windows.net/b",
        "region": "ap-northeast-2",
        "project": "blue",
        "database": {"host": "db", "name": "petclinic"},
        "backup_secret_arn": "arn:backup",
        "replication_secret_arn": "arn:replication",
    }
)


@pytest.mark.parametrize(
    ("before", "now", "shrunk"),
    [(1000, 1000, False), (1000, 501, False), (1000, 499, True), (99, 0, False), (100, 49, True)],
)
def test_losing_half_the_rows_is_an_accident(before: int, now: int, shrunk: bool) -> None:
    then = manifest(tables={"t": TableDigest(before, "a")})
    later = manifest(tables={"t": TableDigest(now, "b")})
    assert bool(shrinkage(then, later)) is shrunk


def test_losing_half_the_tables_is_too() -> None:
    then = manifest(tables={f"t{number}": TableDigest(0, "a") for number in range(5)})
    later = manifest(tables={f"t{number}": TableDigest(0, "a") for number in range(2)})
    assert shrinkage(then, later) == "only 2 tables, 5 in backups/backup-20261124-031500"


class Run:
    """A host whose parts only write down that they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **fails: Exception) -> None:
        self.done: list[str] = []
        self.ages: list[float] = []
        self.host = service.Host(CONFIG, cast("Any", object()), threading.Event())

        def part(name: str) -> Any:
            def act(*_: object, **__: object) -> Any:
                self.done.append(name)
                if name in fails:
                    raise fails[name]
                return manifest()

            return act

        monkeypatch.setattr(service.Host, "_check_retention", part("retention"))
        monkeypatch.setattr(service.Host, "backup", part("backup"))
        taken = manifest(server_utc=datetime.now(UTC) - timedelta(seconds=100))
        newest = BackupSet("backups/x", "valid", "", taken, None)
        monkeypatch.setattr(service.catalog, "newest_valid", lambda _: newest)

        def put(project: str, region: str, figures: dict[str, float]) -> None:
            assert (project, region, list(figures)) == ("blue", "ap-northeast-2", ["BackupAgeSeconds"])
            self.ages += figures.values()
            if "metrics" in fails:
                raise fails["metrics"]

        monkeypatch.setattr(service.aws, "put_metrics", put)


def test_the_age_is_published_after_a_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    assert run.host.run() is not None
    assert run.done == ["retention", "backup"]
    assert 100 <= run.ages[0] < 160 and len(run.ages) == 1


def test_the_age_is_published_after_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, backup=DumpFailed("the server went away"))
    with pytest.raises(DumpFailed):
        run.host.run()
    assert len(run.ages) == 1


@pytest.mark.parametrize("problem", [Refused("azure is active"), LeaseHeld("somebody else")])
def test_nothing_to_do_is_no_failure(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    run = Run(monkeypatch, backup=problem)
    assert run.host.run() is None and len(run.ages) == 1


def test_figures_never_stand_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, metrics=Unauthorized("no figure was published"))
    assert run.host.run() is not None


def test_the_backup_host_has_no_administrator() -> None:
    host = service.Host(CONFIG, cast("Any", object()), threading.Event())
    for ask in (host.admin, host.app, host.bootstrap):
        with pytest.raises(Refused, match=r"no access to the (master|app) account") as caught:
            ask()
        assert "administration host" in caught.value.next_step
