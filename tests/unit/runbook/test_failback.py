"""failback.py: back to AWS with everything that Azure took; compared before the edge is switched."""

from __future__ import annotations

import pytest

from restore.fencing import Active
from restore.models import TableDigest
from runbook import failback, failover, journal
from runbook.edge_switch import EdgeState
from runbook.errors import PlanBError, Refused
from runbook.events import Recorder
from tests.unit.runbook.fakes import GATEWAY, TABLES, Clouds, Killed, texts

STEPS = [
    "ready",
    "fence_aws",
    "diverged",
    "maintenance",
    "ship",
    "restore",
    "compare",
    "cutover",
    "confirm",
    "stand_down",
]
BLOB = "journal/failback-000003.jsonl"


@pytest.fixture
def on_azure(clouds: Clouds) -> Clouds:
    """Azure serves since epoch 2; AWS is back, with outdated data."""
    clouds.aws_serves = True
    clouds.edge.state = EdgeState("azure", GATEWAY, 2, "e0")
    clouds.settings["tier"] = "full"
    clouds.aws_tables = {"owners": TableDigest(90, "9" * 64)}
    Active(epoch=2, site="azure").write(clouds.container)
    return clouds


def steps(clouds: Clouds, event: str) -> list[str]:
    return [e["step"] for e in journal.read(clouds.container, BLOB) if e["event"] == event]


def assert_on_aws(clouds: Clouds) -> None:
    active = Active.read(clouds.container)
    assert active is not None and (active.site, active.epoch) == ("aws", 3)
    state = clouds.edge.state
    assert (state.mode, state.azure_host, state.epoch) == ("aws", "none", 3)
    assert clouds.settings["tier"] == "pilot-light"
    assert clouds.settings["restoreJob"] == "none"
    assert clouds.aws_tables == TABLES
    assert clouds.jobs == ["failback-3"]
    assert journal.unfinished(clouds.container, "failback") is None
    assert clouds.store.held == {}


def test_the_whole_way(on_azure: Clouds) -> None:
    recorder = Recorder()
    result = failback.run(on_azure.engine, [recorder])
    assert_on_aws(on_azure)
    assert result.match and result.epoch == 3 and result.backup == "backups/from-azure"
    assert result.diverged == "diverged/x"
    assert on_azure.edge.writes == [("maintenance", GATEWAY, 3, "e0"), ("aws", "none", 3, "e2")]
    assert texts(recorder, "customers") == ["the maintenance page", "the service, on AWS"]
    assert [call[0] for call in on_azure.agent_calls] == ["digests", "fence", "backup", "restore", "digests"]
    assert on_azure.hosts[0] == "started" and on_azure.hosts[-1] == "dismissed"
    assert on_azure.agent_calls[2] == ["backup", "--once", "--prefix", "diverged/3/", "--accept-shrink"]


@pytest.mark.parametrize(
    ("mode", "aws_serves", "says"), [("aws", True, "AWS serves already"), ("azure", False, "not serve yet")]
)
def test_refused_and_nothing_changed(on_azure: Clouds, mode: str, aws_serves: bool, says: str) -> None:
    on_azure.edge.state = EdgeState(mode, GATEWAY, 2, "e0")
    on_azure.aws_serves = aws_serves
    with pytest.raises(Refused, match=says):
        failback.run(on_azure.engine, [])
    assert on_azure.edge.writes == [] and on_azure.agent_calls == []
    assert journal.unfinished(on_azure.container, "failback") is None


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_anywhere_it_is_resumed(
    on_azure: Clouds, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    real = getattr(failback.Failback, step)

    def killed(self: failback.Failback) -> object:
        if when == "after":
            real(self)
        raise Killed(step)

    with monkeypatch.context() as patch:
        patch.setattr(failback.Failback, step, killed)
        with pytest.raises(Killed):
            failback.run(on_azure.engine, [])
    before, begun = steps(on_azure, "verified"), len(steps(on_azure, "begin"))
    result = failback.run(on_azure.engine, [])
    assert_on_aws(on_azure)
    assert result.epoch == 3 and result.match
    assert [name.replace("_", "-") for name in STEPS] == before + steps(on_azure, "begin")[begun:]
    assert [mode for mode, *_ in on_azure.edge.writes] == ["maintenance", "aws"]


@pytest.mark.parametrize(
    "place",
    [
        "agent fence done",
        "agent backup done",
        "edge maintenance done",
        "up",
        "up done",
        "agent restore done",
        "edge aws",
        "edge aws done",
    ],
)
def test_killed_inside_a_step_it_is_resumed(on_azure: Clouds, place: str) -> None:
    on_azure.kill_at = place
    with pytest.raises(Killed):
        failback.run(on_azure.engine, [])
    failback.run(on_azure.engine, [])
    assert_on_aws(on_azure)


def test_a_difference_keeps_the_edge_where_it_is(on_azure: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(on_azure.aws_tables, "visits", TableDigest(1, "0" * 64))
    on_azure.kill_at = "agent restore"  # the restore never happens
    with pytest.raises(Killed):
        failback.run(on_azure.engine, [])
    monkeypatch.setattr(failback.Failback, "restore", lambda self: {})
    with pytest.raises(PlanBError, match="these tables differ from Azure's: owners, visits") as caught:
        failback.run(on_azure.engine, [])
    assert on_azure.edge.state.mode == "maintenance"
    assert "planb failback again" in caught.value.next_step


def test_a_failed_export_is_tried_again_under_a_new_name(on_azure: Clouds) -> None:
    on_azure.job_fails = 1
    with pytest.raises(PlanBError, match="the database is away"):
        failback.run(on_azure.engine, [])
    failback.run(on_azure.engine, [])
    assert on_azure.jobs == ["failback-3", "failback-3-2"]
    assert on_azure.edge.state.mode == "aws"


@pytest.mark.parametrize("before", ["pilot-light", "warm-standby"])
def test_the_standby_stands_as_before(clouds: Clouds, before: str) -> None:
    """Also when the database came first and the service in a second run."""
    clouds.settings["tier"] = before
    for to in ("emergency", "full"):
        failover.run(clouds.engine, failover.Options(to=to), [])
    assert clouds.settings["tier"] == "full"
    clouds.aws_serves = True
    recorder = Recorder()
    failback.run(clouds.engine, [recorder])
    assert clouds.settings["tier"] == before
    assert f"the standby is a {before} again" in texts(recorder, "done")[0]
