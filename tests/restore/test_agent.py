"""agent.py, jobrun.py and service.py as processes: what the container and the backup host really start."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pymysql
import pytest
from moto.server import ThreadedMotoServer

from restore import catalog, compare
from restore.blobs import Container
from restore.dump import take_backup
from restore.errors import LeaseHeld, Refused
from restore.fencing import Active
from restore.jobs import Progress
from restore.settings import Database
from tests.restore.conftest import (
    ACCOUNTS,
    APP_PASSWORD,
    BACKUP_PASSWORD,
    REPLICATION_PASSWORD,
    Azurite,
    Server,
)
from tests.restore.contents import petclinic

MakeDatabase = Callable[..., str]
BackupUser = Callable[[str], Database]


def _environment(azurite: Azurite, server: Server, **extra: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AWS_", "PLANB_"))
    }
    return kept | {"PLANB_MYSQL_CA_FILE": str(server.tls.ca), **azurite.env} | extra


def _agent(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "restore.agent", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=90, check=False)


def _job_environment(
    azurite: Azurite, server: Server, url: str, job: str, run: str, **extra: str
) -> dict[str, str]:
    return _environment(
        azurite,
        server,
        PLANB_JOB=job,
        PLANB_RUN=run,
        PLANB_CONTAINER_URL=url,
        PLANB_DB_HOST="127.0.0.1",
        PLANB_DB_PORT=str(server.port),
        PLANB_DB_NAME="petclinic",
        PLANB_DB_USER="admin",
        PLANB_DB_PASSWORD=server.password,
        PLANB_APP_USER="planb_app",
        PLANB_APP_PASSWORD=APP_PASSWORD,
        PLANB_WAIT_S="5",
        **extra,
    )


def test_the_restore_job_reports_and_ends_well(
    azurite: Azurite,
    clean_target: Server,
    container: Container,
    container_url: str,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    manifest = take_backup(backup_user(make_database(*petclinic(2000))), container)
    bare = manifest.name.removeprefix("backups/")
    done = _agent(
        "job", env=_job_environment(azurite, clean_target, container_url, "restore", "7", PLANB_BACKUP=bare)
    )
    assert done.returncode == 0, done.stderr
    progress = Progress.read(container, "7")
    assert progress is not None and progress.state == "succeeded" and progress.phase == "done"
    assert progress.tables == manifest.tables and progress.backup == manifest.name
    assert progress.bytes_done == progress.bytes_total == manifest.data.bytes
    assert progress.finished_at is not None
    assert json.loads(done.stdout)["state"] == "succeeded"
    for line in done.stderr.splitlines():
        assert json.loads(line)["level"] in ("info", "warning")
    for canary in (APP_PASSWORD, clean_target.password, azurite.key):
        assert canary not in done.stdout + done.stderr


def test_a_failing_job_says_why_and_with_which_code(
    azurite: Azurite, clean_target: Server, container: Container, container_url: str
) -> None:
    env = _job_environment(
        azurite, clean_target, container_url, "restore", "8", PLANB_BACKUP="backup-20260101-000000"
    )
    done = _agent("job", env=env)
    assert done.returncode == 3
    progress = Progress.read(container, "8")
    assert progress is not None and progress.state == "failed" and progress.error is not None
    assert (progress.error.error_class, progress.error.exit_code) == ("MissingBackup", 3)
    (line,) = [json.loads(line) for line in done.stderr.splitlines() if "failed" in line]
    assert line["class"] == "MissingBackup" and line["next_step"]


def test_a_missing_variable_is_named(azurite: Azurite, clean_target: Server, container_url: str) -> None:
    env = _job_environment(azurite, clean_target, container_url, "restore", "9", PLANB_BACKUP="x")
    del env["PLANB_DB_HOST"]
    done = _agent("job", env=env)
    assert done.returncode == 2 and "PLANB_DB_HOST" in done.stderr
    assert clean_target.password not in done.stderr


def test_the_backup_job_fences_and_names_what_it_made(
    azurite: Azurite,
    clean_target: Server,
    container: Container,
    container_url: str,
    make_database: MakeDatabase,
    backup_user: BackupUser,
) -> None:
    first = take_backup(backup_user(make_database(*petclinic(500))), container)
    env = _job_environment(azurite, clean_target, container_url, "restore", "1", PLANB_BACKUP=first.name)
    assert _agent("job", env=env).returncode == 0
    app = pymysql.connect(
        host="127.0.0.1",
        port=clean_target.port,
        user="planb_app",
        password=APP_PASSWORD,
        database="petclinic",
        ssl_ca=str(clean_target.tls.ca),
    )
    with app.cursor() as cursor:
        cursor.execute("INSERT INTO owners (first_name) VALUES ('acknowledged')")
        app.commit()
        cursor.execute("INSERT INTO owners (first_name) VALUES ('never committed')")
    done = _agent("job", env=_job_environment(azurite, clean_target, container_url, "backup", "2"))
    assert done.returncode == 0, done.stderr
    with pytest.raises(pymysql.MySQLError):
        app.commit()
    progress = Progress.read(container, "2")
    assert progress is not None and progress.backup == catalog.newest_valid(container).name
    assert progress.tables["owners"].rows == first.tables["owners"].rows + 1
    assert progress.tables == compare.table_digests(clean_target.admin("petclinic"))
    assert clean_target.root("SELECT account_locked FROM mysql.user WHERE user = 'planb_app'") == (("Y",),)
    assert (
        _agent("job", env=_job_environment(azurite, clean_target, container_url, "unlock", "3")).returncode
        == 0
    )
    assert clean_target.root("SELECT account_locked FROM mysql.user WHERE user = 'planb_app'") == (("N",),)


def test_a_failed_backup_job_lets_the_application_in_again(
    azurite: Azurite, clean_target: Server, container: Container, container_url: str
) -> None:
    clean_target.root("CREATE DATABASE petclinic", "CREATE USER planb_app@'%' IDENTIFIED BY 'x'")
    done = _agent("job", env=_job_environment(azurite, clean_target, container_url, "backup", "4"))
    assert done.returncode == 3 and "no tables" in done.stderr
    assert clean_target.root("SELECT account_locked FROM mysql.user WHERE user = 'planb_app'") == (("N",),)


@pytest.fixture(scope="module")
def secrets_manager() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def host_setup(
    tmp_path: Path,
    secrets_manager: str,
    azurite: Azurite,
    source: Server,
    container_url: str,
    make_database: MakeDatabase,
) -> Iterator[tuple[dict[str, str], str]]:
    """A backup host's environment and the name of its database."""
    aws = {
        "AWS_ENDPOINT_URL": secrets_manager,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
    }
    client: Any = boto3.client(
        "secretsmanager",
        region_name="ap-northeast-2",
        endpoint_url=secrets_manager,
        aws_access_key_id="test",
        aws_secret_access_key="test-secret",
    )
    arns: dict[str, str] = {}
    for kind, user, password in (
        ("master", "admin", source.password),
        ("backup", "planb_backup", BACKUP_PASSWORD),
        ("app", "planb_app", APP_PASSWORD),
        ("replication", "planb_replication", REPLICATION_PASSWORD),
    ):
        text = json.dumps({"username": user, "password": password})
        name = f"{kind}-{tmp_path.name}"
        arns[f"{kind}_secret_arn"] = client.create_secret(Name=name, SecretString=text)["ARN"]
    name = make_database(*petclinic(1000))
    config = {
        "container_url": container_url,
        "region": "ap-northeast-2",
        "database": {"host": "127.0.0.1", "port": source.port, "name": name},
        "project": "blue",
        "group": "blue-db-admin",
        **arns,
    }
    (tmp_path / "etc/planb").mkdir(parents=True)
    (tmp_path / "etc/planb/agent.json").write_text(json.dumps(config))
    yield _environment(azurite, source, PLANB_ROOT=str(tmp_path), **aws), name
    source.root(*(f"DROP USER IF EXISTS {user}@'%'" for user in ACCOUNTS))


def ages(url: str) -> list[float]:
    """Backup ages that CloudWatch has."""
    client: Any = boto3.client(
        "cloudwatch",
        region_name="ap-northeast-2",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test-secret",
    )
    found = client.get_metric_statistics(
        Namespace="PlanB",
        MetricName="BackupAgeSeconds",
        Dimensions=[{"Name": "Project", "Value": "blue"}],
        StartTime=time.time() - 3600,
        EndTime=time.time() + 60,
        Period=60,
        Statistics=["SampleCount", "Maximum"],
    )["Datapoints"]
    return [one["Maximum"] for one in found for _ in range(int(one["SampleCount"]))]


def test_what_the_timer_starts(
    host_setup: tuple[dict[str, str], str], source: Server, container: Container, secrets_manager: str
) -> None:
    """One backup a start, its age told to CloudWatch, silence while the other site is active."""
    env, _ = host_setup
    assert _agent("bootstrap", env=env).returncode == 0
    assert source.root("SELECT value FROM mysql.rds_configuration") == (("24",),)
    done = _agent("run", env=env)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == ["backup done"]
    assert json.loads(done.stdout)["backup"] == catalog.newest_valid(container).name
    assert len(ages(secrets_manager)) == 1 and 0 <= ages(secrets_manager)[0] < 60
    source.root("UPDATE mysql.rds_configuration SET value = NULL")
    again = _agent("run", env=env)
    told = [json.loads(line) for line in again.stderr.splitlines()]
    assert [line["event"] for line in told] == ["binlog retention is wrong", "backup done"]
    assert "not set, wanted are 24" in told[0]["what"] and "bootstrap" in told[0]["next_step"]
    Active(epoch=1, site="azure").write(container)  # a failover happened: this side must fall silent
    made = len(catalog.list_backups(container))
    silent = _agent("run", env=env)
    assert silent.returncode == 0 and "azure is active" in silent.stderr
    assert len(catalog.list_backups(container)) == made
    assert len(ages(secrets_manager)) == 3, "the age is told also when there is no new backup"
    for canary in (APP_PASSWORD, BACKUP_PASSWORD, source.password):
        assert canary not in done.stderr + again.stderr + silent.stderr


def test_it_stops_at_sigterm(
    host_setup: tuple[dict[str, str], str], source: Server, container: Container
) -> None:
    env, name = host_setup
    assert _agent("bootstrap", env=env).returncode == 0
    with pymysql.connect(unix_socket=source.socket, user="root", database=name) as holder:
        holder.cursor().execute("LOCK TABLES owners WRITE")  # the backup waits
        process = subprocess.Popen(
            [sys.executable, "-m", "restore.agent", "run"], env=env, stderr=subprocess.PIPE, text=True
        )
        try:
            time.sleep(3)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=45)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert process.returncode in (1, 4), errors
    assert catalog.list_backups(container) == []


def test_the_backup_host_cannot_administer(
    host_setup: tuple[dict[str, str], str], tmp_path: Path, source: Server
) -> None:
    """With the configuration of the backup host: no ARN of the master's or the application's secret."""
    env, _ = host_setup
    assert _agent("bootstrap", env=env).returncode == 0
    path = tmp_path / "etc/planb/agent.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in config.items() if k[:6] not in ("master", "app_se")}))
    for verb in (("bootstrap",), ("fence",), ("unfence",), ("restore", "--backup", "x")):
        done = _agent(*verb, env=env)
        assert done.returncode == 3 and "administration host" in done.stderr, done.stderr
    assert _agent("run", env=env).returncode == 0
    digests = json.loads(_agent("digests", env=env).stdout)
    assert digests["tables"]["owners"]["rows"] == 100


def test_a_busy_host_does_not_retire(host_setup: tuple[dict[str, str], str], tmp_path: Path) -> None:
    env, _ = host_setup
    lock = tmp_path / "run/planb/verbs.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_SH)  # as a verb holds it
        busy = _agent("retire", env=env)
        assert busy.returncode == 3 and "a verb runs on this host" in busy.stderr
    idle = _agent("retire", env=env)
    assert idle.returncode == 0 and json.loads(idle.stdout) == {"retired": False}  # no such group here


def test_verbs_of_the_host(
    host_setup: tuple[dict[str, str], str], source: Server, container: Container
) -> None:
    env, name = host_setup
    assert _agent("bootstrap", env=env).returncode == 0
    assert _agent("bootstrap", env=env).returncode == 0
    made = _agent("backup", "--once", "--prefix", "diverged/7/", env=env)
    assert made.returncode == 0, made.stderr
    result = json.loads(made.stdout)
    assert result["backup"].startswith("diverged/7/backup-") and result["tables"]["owners"]["rows"] == 100
    listed = json.loads(_agent("list", "--prefix", "diverged/7/", env=env).stdout)
    assert [one["state"] for one in listed["backups"]] == ["valid"]
    assert _agent("verify", env=env).returncode == 3  # nothing under backups/
    refused = _agent("restore", "--backup", result["backup"], env=env)
    assert refused.returncode == 3 and "TargetNotEmpty" in refused.stderr
    source.root(f"DELETE FROM {name}.visits")
    back = _agent("restore", "--backup", result["backup"], "--replace", env=env)
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["tables"] == result["tables"]
    assert json.loads(_agent("fence", env=env).stdout)["fenced"] == "planb_app"
    assert _agent("bootstrap", env=env).returncode == 0
    locked = "SELECT account_locked FROM mysql.user WHERE user = 'planb_app'"
    assert source.root(locked) == (("Y",),), "a bootstrap must not lift the fence"
    assert _agent("unfence", env=env).returncode == 0
    assert source.root(locked) == (("N",),)


def test_never_two_backups_at_once(host_setup: tuple[dict[str, str], str], container: Container) -> None:
    env, _ = host_setup
    assert _agent("bootstrap", env=env).returncode == 0
    with container.lease("locks/backups.json", what="another backup"):
        done = _agent("backup", "--once", env=env)
        with pytest.raises(LeaseHeld, match="another backup on"):
            container.lease("locks/backups.json", what="mine")
    assert done.returncode == 3 and "locked by another backup on" in done.stderr
    assert container.list("backups/") == []
    assert _agent("backup", "--once", env=env).returncode == 0


def test_usage() -> None:
    for arguments in ((), ("nonsense",), ("backup",), ("restore",)):
        assert _agent(*arguments, env=dict(os.environ)).returncode == 2
    lost = _agent("run", "--config", "/nonexistent/agent.json", env=dict(os.environ))
    assert lost.returncode == 2 and "/nonexistent/agent.json" in lost.stderr


def test_an_epoch_is_never_taken_back(container: Container) -> None:
    Active(epoch=4, site="azure").write(container)
    Active(epoch=4, site="azure").write(container)
    for wrong in (Active(epoch=4, site="aws"), Active(epoch=3, site="aws")):
        with pytest.raises(Refused, match="epoch 4"):
            wrong.write(container)
    Active(epoch=5, site="aws").write(container)
    now = Active.read(container)
    assert now is not None and (now.epoch, now.site) == (5, "aws")
