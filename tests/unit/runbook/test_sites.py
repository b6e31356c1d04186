"""sites.py and backups.py: following a job, naming its attempts, choosing what to restore."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from restore.errors import Unreachable
from restore.jobs import JobError, Progress
from runbook import backups, sites
from runbook.engine import Operation
from runbook.errors import Consequence, PlanBError, Refused, UsageError
from runbook.events import Bus, Recorder
from runbook.sites import Sites
from tests.unit.runbook.fakes import TABLES, Clouds, texts

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)


def progress(run: str = "failover-2", **changes: Any) -> Progress:
    return Progress(run=run, job="restore", started_at=NOW, updated_at=NOW, **changes)


def follow(clouds: Clouds, *, failed: bool = False, timeout_s: float = 5) -> tuple[Progress, list[str]]:
    event, recorder = threading.Event(), Recorder()
    if failed:
        event.set()
    site = Sites(clouds.engine)
    done = sites.follow(site, Bus(recorder), "restore", "failover-2", event, timeout_s=timeout_s)
    return done, texts(recorder, "progress")


def test_a_job_is_followed_to_its_end(clouds: Clouds) -> None:
    progress(phase="loading", bytes_done=30, bytes_total=40).write(clouds.container)

    def end() -> None:
        progress(state="succeeded", phase="done", tables=TABLES).write(clouds.container)

    timer = threading.Timer(0.1, end)
    timer.start()
    done, shown = follow(clouds)
    timer.join()
    assert done.tables == TABLES
    assert shown[0] == "loading 75%" and shown[-1] == "done"


def test_a_job_that_failed_tells_its_own_reason(clouds: Clouds) -> None:
    error = JobError(error_class="X", what="no space", where="mysql", meaning="m", next_step="n", exit_code=1)
    progress(state="failed", error=error).write(clouds.container)
    with pytest.raises(PlanBError) as caught:
        follow(clouds)
    assert str(caught.value) == "mysql: no space — m — n"
    progress(state="failed").write(clouds.container)
    with pytest.raises(PlanBError, match=r"failed without a reason.*planb backup list"):
        follow(clouds)


def test_a_job_that_never_starts(clouds: Clouds) -> None:
    with pytest.raises(Consequence, match="its container never started"):
        follow(clouds, failed=True)
    with pytest.raises(PlanBError, match="no result within 0 s"):
        follow(clouds, timeout_s=0.05)


def test_a_job_that_runs_is_followed_although_the_update_failed(clouds: Clouds) -> None:
    progress(state="succeeded").write(clouds.container)
    assert follow(clouds, failed=True)[0].state == "succeeded"


def test_attempts_are_named_past_those_that_failed(clouds: Clouds) -> None:
    site = Sites(clouds.engine)
    assert sites.attempt(site, "failover-2") == "failover-2"
    progress().write(clouds.container)
    assert sites.attempt(site, "failover-2") == "failover-2", "it still runs"
    progress(state="failed").write(clouds.container)
    progress("failover-2-2", state="failed").write(clouds.container)
    assert sites.attempt(site, "failover-2") == "failover-2-3"
    progress("failover-2-3", state="succeeded").write(clouds.container)
    assert sites.attempt(site, "failover-2") == "failover-2-3"


def test_an_update_shows_what_a_person_wants_to_see(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    def up(stack: str, show: Any) -> str:
        show(Operation("urn::db", "azure-native:dbformysql:Server", "create", 1))
        show(Operation("urn::was", "azure-native:containerservice:AgentPool", "delete", 1, 2))
        show(Operation("urn::subnet", "azure-native:network:Subnet", "create", 1))
        return "update"

    site, recorder, failed = Sites(clouds.engine), Recorder(), threading.Event()
    monkeypatch.setattr(clouds.engine, "up", up)
    assert sites.provision(site, Bus(recorder), "provision", failed) == "update"
    assert [(e.kind, e.step, e.text) for e in recorder.events] == [
        ("started", "provision.database", "creating db"),
        ("finished", "provision.was", "deleting was"),
    ]
    assert not failed.is_set()
    monkeypatch.setattr(clouds.engine, "up", lambda *_: (_ for _ in ()).throw(PlanBError("quota")))
    with pytest.raises(PlanBError, match="quota"):
        sites.provision(site, Bus(), "provision", failed)
    assert failed.is_set()


BALANCER, THROUGH = "http://alb/actuator/health", "https://edge/planb/health/aws"


@pytest.mark.parametrize(
    ("answers", "serves"),
    [
        ({BALANCER: 200}, True),
        ({BALANCER: 301}, False),
        ({BALANCER: 403, THROUGH: 503}, False),
        ({THROUGH: 200}, True),  # albIngress cloudfront: the balancer lets only the edge in
        ({BALANCER: 200, THROUGH: 503}, True),  # the edge alone does not decide
        ({}, False),
    ],
)
def test_aws_is_asked_past_the_router(
    monkeypatch: pytest.MonkeyPatch, answers: dict[str, int], serves: bool
) -> None:
    asked: dict[str, dict[str, Any]] = {}

    def get(url: str, **options: Any) -> requests.Response:
        asked[url] = options
        if url not in answers:
            raise requests.ConnectTimeout("dark")
        response = requests.Response()
        response.status_code = answers[url]
        response._content = b"{}"  # pyright: ignore[reportPrivateUsage]
        return response

    monkeypatch.setattr(requests, "get", get)
    with monkeypatch.context() as patch:
        site = Sites(_clouds(patch).engine)
    site.prod["awsHealthUrl"] = THROUGH
    assert site.aws_serves() is serves
    assert set(asked) == {BALANCER, THROUGH}
    assert asked[BALANCER]["headers"] == {"X-PlanB-Origin-Key": "k"}
    assert not asked[THROUGH]["headers"], "the secret is the balancer's alone"
    for options in asked.values():
        assert sum(options["timeout"]) <= 10
        assert options["allow_redirects"] is False


def test_the_name_of_the_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        site = Sites(_clouds(patch).engine)
    assert site.origin_url == "http://alb"
    site.prod["originUrl"] = "https://origin-aws.bank.example.com"
    assert site.origin_url == "https://origin-aws.bank.example.com"


def _clouds(patch: pytest.MonkeyPatch) -> Clouds:
    return Clouds().install(patch)


@pytest.mark.parametrize(("stack", "name"), [("prod", "keyValueStoreArn"), ("dr", "backupContainerUrl")])
def test_a_stack_without_its_outputs_is_refused(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch, stack: str, name: str
) -> None:
    real = clouds.engine.outputs
    monkeypatch.setattr(clouds.engine, "outputs", lambda one: {} if one == stack else real(one))
    with pytest.raises(Refused, match=f"stack {stack}: it has no output {name}.*pulumi up -s {stack}"):
        Sites(clouds.engine)


def test_the_newest_whole_backup_is_chosen_and_each_skipped_one_explained(clouds: Clouds) -> None:
    clouds.store.publish(15, corrupt=True)
    unfinished = clouds.store.publish(20)
    del clouds.store.blobs[f"{unfinished.name}.manifest.json"]
    shrunk = clouds.store.publish(25).model_copy(update={"quarantine": "it shrank"})
    clouds.store.write(f"{shrunk.name}.manifest.json", shrunk.to_bytes(), overwrite=True)
    choice = backups.choose(clouds.container)
    assert choice.name == "backups/backup-20261124-031000"
    assert [name[-6:] for name, _ in choice.skipped] == ["032500", "032000", "031500"]
    assert choice.skipped[0][1] == "it shrank" and "never finished" in choice.skipped[1][1]
    assert choice.cost_s == 15 * 60


def test_before_the_first_backup_there_is_none(clouds: Clouds) -> None:
    with pytest.raises(Refused, match="there is none at all"):
        backups.choose(clouds.container, at=datetime(2026, 11, 24, 2, tzinfo=UTC))


def test_storage_that_does_not_answer_is_no_reason_to_take_an_older_one(clouds: Clouds) -> None:
    clouds.store.problem = Unreachable("away", where="memory")
    with pytest.raises(PlanBError, match="memory: away") as caught:
        backups.choose(clouds.container)
    assert not isinstance(caught.value, Refused)


def test_what_storage_cannot_be_asked_with_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="is not a container's URL"):
        backups.container("ftp://x")
    with pytest.raises(UsageError, match=r"only supported with HTTPS.*AZURE_STORAGE_KEY"):
        backups.container("http://127.0.0.1:1/account/container")


def test_patience_bounds_each_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    short = backups.container("http://127.0.0.1:1/account/container", patience_s=3)
    assert short.limits.deadline_s == 3
    assert backups.container("http://127.0.0.1:1/account/container").limits.deadline_s > 60
