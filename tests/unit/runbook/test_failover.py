"""failover.py: refuses before it changes anything, survives being killed anywhere, leaves a known state."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from restore.fencing import Active
from runbook import failover, journal
from runbook.errors import ExitCode, PlanBError, Refused, Stopped
from runbook.events import Recorder
from runbook.failover import Options
from runbook.preflight.model import Asked, Check, Finding, Report
from tests.unit.runbook.fakes import GATEWAY, TABLES, Clouds, Killed, texts

FULL = Options()


def entries(clouds: Clouds, event: str, kind: str = "failover", epoch: int = 2) -> list[str]:
    found = journal.read(clouds.container, f"journal/{kind}-{epoch:06d}.jsonl")
    return [str(entry["step"]) for entry in found if entry["event"] == event]


def assert_on_azure(clouds: Clouds) -> None:
    active = Active.read(clouds.container)
    assert active is not None and (active.site, active.epoch) == ("azure", 2)
    state = clouds.edge.state
    assert (state.mode, state.azure_host, state.epoch) == ("azure", GATEWAY, 2)
    assert clouds.settings["tier"] == "full"
    assert clouds.jobs == ["failover-2"], "the data was restored once"
    assert journal.unfinished(clouds.container, "failover") is None
    assert clouds.store.held == {}, "the lease was given back"


def test_the_whole_way(clouds: Clouds) -> None:
    recorder = Recorder()
    result = failover.run(clouds.engine, FULL, [recorder])
    assert_on_azure(clouds)
    assert result.backup == "backups/backup-20261124-031000"
    assert result.restored_to == datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
    assert result.tables == {name: (t.rows, t.checksum) for name, t in TABLES.items()}
    assert (result.epoch, result.resumed, result.skipped, result.cost_s) == (2, False, [], 0)
    assert texts(recorder, "customers") == ["the maintenance page", "the service, on Azure"]
    assert texts(recorder, "done") == ["the service runs on Azure, restored to 03:10:00 UTC"]


def test_the_edge_is_written_with_epoch_and_etag(clouds: Clouds) -> None:
    failover.run(clouds.engine, FULL, [])
    assert clouds.edge.writes == [("maintenance", "none", 2, "e1"), ("azure", GATEWAY, 2, "e2")]


@pytest.mark.parametrize(
    ("mode", "aws_serves", "says"),
    [("azure", False, "Azure serves already"), ("aws", True, "AWS still serves.*--accept-loss")],
)
def test_refused_and_nothing_changed(clouds: Clouds, mode: str, aws_serves: bool, says: str) -> None:
    clouds.edge.state = clouds.edge.state.__class__(mode, "h", 1, "e1")
    clouds.aws_serves = aws_serves
    with pytest.raises(Refused, match=says) as caught:
        failover.run(clouds.engine, FULL, [])
    assert caught.value.exit_code == ExitCode.REFUSED
    assert clouds.edge.writes == [] and clouds.jobs == []
    assert Active.read(clouds.container) is None
    assert journal.unfinished(clouds.container, "failover") is None, "a refusal is not to be resumed"


def look(*findings: Finding) -> Report:
    check = Check("cores", "azure", "quota", lambda: findings)
    return Report((Asked(check, findings, 0.1),))


def test_what_makes_it_impossible_is_refused_before_anything_is_touched(clouds: Clouds) -> None:
    clouds.first_look = look(
        Finding(
            "blocker", "quota cores: 10 vCPUs, a failover needs 8 more", "QuotaExceeded", "az quota update"
        )
    )
    with pytest.raises(Refused, match=r"cores: quota cores.*nothing was changed.*az quota update"):
        failover.run(clouds.engine, FULL, [])
    assert clouds.edge.writes == [] and clouds.jobs == []
    assert journal.unfinished(clouds.container, "failover") is None
    clouds.first_look = Report(())
    failover.run(clouds.engine, FULL, [])
    assert_on_azure(clouds)


def test_what_gives_no_answer_stops_nothing_and_is_told(clouds: Clouds) -> None:
    clouds.first_look = look(Finding("unasked", "no answer"), Finding("warning", "1.35 is the oldest"))
    recorder = Recorder()
    failover.run(clouds.engine, FULL, [recorder])
    assert_on_azure(clouds)
    notes = texts(recorder, "note")
    assert "could not be asked: cores" in notes and "cores: 1.35 is the oldest" in notes


def test_accepting_the_loss_goes_on_although_aws_serves(clouds: Clouds) -> None:
    clouds.aws_serves = True
    failover.run(clouds.engine, Options(accept_loss=True), [])
    assert_on_azure(clouds)


def test_a_corrupt_newest_backup_is_passed_and_its_cost_told(clouds: Clouds) -> None:
    clouds.store.publish(15, corrupt=True)
    recorder = Recorder()
    result = failover.run(clouds.engine, FULL, [recorder])
    assert result.backup == "backups/backup-20261124-031000"
    assert result.cost_s == 300
    assert [name for name, _ in result.skipped] == ["backups/backup-20261124-031500"]
    notes = texts(recorder, "note")
    assert any("031500 cannot be used: " in note for note in notes)
    assert any("300 s more are lost than with the newest one" in note for note in notes)


def test_no_valid_backup_is_refused_and_nothing_changed(clouds: Clouds) -> None:
    clouds.store.blobs.clear()
    clouds.store.publish(0, corrupt=True)
    with pytest.raises(Refused, match="no backup can be restored"):
        failover.run(clouds.engine, FULL, [])
    assert clouds.edge.writes == [] and clouds.jobs == []


def test_an_earlier_moment_chooses_an_earlier_backup(clouds: Clouds) -> None:
    result = failover.run(clouds.engine, Options(at=datetime(2026, 11, 24, 3, 7, tzinfo=UTC)), [])
    assert result.backup == "backups/backup-20261124-030500"
    assert result.cost_s == 0


PLACES = ["edge maintenance", "edge maintenance done", "up", "up done", "edge azure", "edge azure done"]


@pytest.mark.parametrize("place", PLACES)
def test_killed_before_or_after_a_side_effect_it_is_resumed(clouds: Clouds, place: str) -> None:
    clouds.kill_at = place
    with pytest.raises(Killed):
        failover.run(clouds.engine, FULL, [])
    verified = set(entries(clouds, "verified"))
    begun = len(entries(clouds, "begin"))
    result = failover.run(clouds.engine, FULL, [])
    assert_on_azure(clouds)
    assert result.resumed and result.epoch == 2
    again = entries(clouds, "begin")[begun:]
    assert not verified & set(again), "what was verified is not repeated"
    assert sorted(verified | set(again)) == sorted(entries(clouds, "verified"))


@pytest.mark.parametrize(
    "step", ["assess", "preflight", "fence", "provision", "restore", "verify", "cutover", "confirm"]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_before_a_step_or_before_its_verification_was_noted(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    """The kill matrix by step: before its act, and between its act and its entry in the journal."""
    real = getattr(failover.Failover, step)

    def killed(self: failover.Failover) -> object:
        if when == "after":
            real(self)
        raise Killed(step)

    with monkeypatch.context() as patch:
        patch.setattr(failover.Failover, step, killed)
        with pytest.raises(Killed):
            failover.run(clouds.engine, FULL, [])
    assert step not in entries(clouds, "verified")
    begun = len(entries(clouds, "begin"))
    verified = set(entries(clouds, "verified"))
    failover.run(clouds.engine, FULL, [])
    assert_on_azure(clouds)
    assert not verified & set(entries(clouds, "begin")[begun:])
    assert [mode for mode, *_ in clouds.edge.writes] == ["maintenance", "azure"], "no switch was made twice"


def test_a_failed_restore_job_is_tried_again_under_a_new_name(clouds: Clouds) -> None:
    """A container that has ended does not start again by itself, and its report of failure stays in storage."""
    clouds.job_fails = 1
    with pytest.raises(PlanBError, match="the database is away"):
        failover.run(clouds.engine, FULL, [])
    assert failover.run(clouds.engine, FULL, []).resumed
    assert clouds.jobs == ["failover-2", "failover-2-2"]
    assert clouds.edge.state.mode == "azure"


def test_an_interrupted_emergency_run_goes_on_to_full(clouds: Clouds) -> None:
    clouds.job_fails = 1
    with pytest.raises(PlanBError):
        failover.run(clouds.engine, Options(to="emergency"), [])
    failover.run(clouds.engine, FULL, [])
    assert clouds.edge.state.azure_host == GATEWAY
    assert clouds.settings["tier"] == "full"


def test_emergency_brings_the_database_only(clouds: Clouds) -> None:
    recorder = Recorder()
    failover.run(clouds.engine, Options(to="emergency"), [recorder])
    assert clouds.edge.state.mode == "maintenance"
    assert entries(clouds, "verified")[-1] in ("provision", "restore")
    assert "the standby's database is there" in texts(recorder, "done")[0]


def test_an_application_that_does_not_answer_leaves_the_edge_alone(clouds: Clouds) -> None:
    clouds.service_serves = False
    with pytest.raises(PlanBError, match=r"does not answer \(last status 502\)"):
        failover.run(clouds.engine, FULL, [])
    assert clouds.edge.state.mode == "maintenance"
    assert journal.unfinished(clouds.container, "failover") == 2


def test_a_second_runbook_is_told_who_holds_the_lock(clouds: Clouds) -> None:
    with (
        journal.JournalLock(clouds.container, "planb failback"),
        pytest.raises(Refused, match=r"locked by planb failback on .*\(pid \d+\) since"),
    ):
        failover.run(clouds.engine, FULL, [])


RESTORE = Options(to="emergency", accept_loss=True, switch=False)


def test_restore_leaves_the_edge_and_the_active_site_alone(clouds: Clouds) -> None:
    """AWS serves and goes on serving: `planb restore` only fills the standby's database."""
    clouds.aws_serves = True
    recorder = Recorder()
    failover.run(clouds.engine, RESTORE, [recorder])
    assert clouds.edge.writes == []
    assert Active.read(clouds.container) is None
    assert texts(recorder, "customers") == []
    assert clouds.jobs == ["restore-2"]


def test_a_second_restore_is_a_run_of_its_own(clouds: Clouds) -> None:
    failover.run(clouds.engine, RESTORE, [])
    clouds.store.publish(20)
    result = failover.run(clouds.engine, RESTORE, [])
    assert clouds.jobs == ["restore-2", "restore-3"]
    assert result.backup == clouds.settings["restoreBackup"] == "backups/backup-20261124-032000"


def test_a_stop_ends_between_steps_and_is_resumed(clouds: Clouds) -> None:
    import threading

    stop = threading.Event()

    class AfterAssess(Recorder):
        def emit(self, event: object) -> None:
            if getattr(event, "kind", "") == "started":
                stop.set()

    with pytest.raises(Stopped, match="stopped before"):
        failover.run(clouds.engine, FULL, [AfterAssess()], stop)
    assert clouds.edge.writes == []
    assert failover.run(clouds.engine, FULL, []).resumed
    assert_on_azure(clouds)


def test_a_standby_that_cannot_be_configured_does_not_leave_the_restore_waiting(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(stack: str, **values: str) -> None:
        raise Refused("another update of it is running", resource=f"stack {stack}")

    monkeypatch.setattr(clouds.engine, "set_config", locked)
    with pytest.raises(Refused, match="another update"):
        failover.run(clouds.engine, FULL, [])
    assert set(entries(clouds, "failed")) == {"provision", "restore"}
    assert journal.unfinished(clouds.container, "failover") == 2, "fenced already: to be resumed"


def test_a_resumed_run_keeps_the_backup_that_was_chosen_and_says_so(clouds: Clouds) -> None:
    clouds.kill_at = "edge maintenance"
    with pytest.raises(Killed):
        failover.run(clouds.engine, FULL, [])
    recorder = Recorder()
    clouds.store.publish(15)
    result = failover.run(clouds.engine, Options(at=datetime(2026, 11, 24, 3, 1, tzinfo=UTC)), [recorder])
    assert result.backup == "backups/backup-20261124-031000"
    assert any("--at is not asked again" in note for note in texts(recorder, "note"))
