"""Both clouds in memory, as far as the runbook sees them: a container, the edge's store, the engine, the host."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import zstandard

from restore.blobs import BlobInfo, Container
from restore.errors import AlreadyExists, Changed, LeaseHeld
from restore.jobs import JobError, Progress
from restore.lease import Lease
from restore.models import Manifest, StoredData, TableDigest
from runbook import adminhost, cli, probes, sites, ssm
from runbook.edge_switch import EdgeState
from runbook.engine import Engine, Operation, Update
from runbook.errors import PlanBError, Refused
from runbook.events import Recorder
from runbook.preflight import checks
from runbook.preflight.model import Report
from runbook.status import aws as status_aws
from tests.unit.restore.test_models import manifest

GATEWAY = "gw.example"
ADMIN = {"key": "Name", "value": "planb-db-admin"}
TABLES = {"owners": TableDigest(100, "a" * 64), "visits": TableDigest(7, "b" * 64)}


class Killed(BaseException):
    """The process dies here; no handler of the program sees it."""


class Store:
    """`restore.blobs.Container` in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, tuple[bytes, int]] = {}
        self.held: dict[str, str] = {}
        self.problem: Exception | None = None
        self._lock, self._serial = threading.RLock(), 0

    def __str__(self) -> str:
        return "memory"

    def list(self, prefix: str) -> list[BlobInfo]:
        self._ask()
        return [self._info(name) for name in sorted(self.blobs) if name.startswith(prefix)]

    def stat(self, name: str) -> BlobInfo | None:
        self._ask()
        return self._info(name) if name in self.blobs else None

    def read(self, name: str) -> bytes | None:
        found = self.read_with_etag(name)
        return found[0] if found else None

    def read_with_etag(self, name: str) -> tuple[bytes, str] | None:
        self._ask()
        return (self.blobs[name][0], str(self.blobs[name][1])) if name in self.blobs else None

    def stream(self, info: BlobInfo, *, stop: threading.Event | None = None) -> Iterator[bytes]:
        yield self.blobs[info.name][0]

    def write(
        self, name: str, data: bytes, *, overwrite: bool = False, if_match: str = "", lease: Any = None
    ) -> str:
        self._ask()
        with self._lock:
            if if_match and (name not in self.blobs or str(self.blobs[name][1]) != if_match):
                raise Changed("somebody else wrote it", where=name)
            if name in self.blobs and not (overwrite or if_match):
                raise AlreadyExists("there is one", where=name)
            self._serial += 1
            self.blobs[name] = (data, self._serial)
            return str(self._serial)

    def append(self, name: str, data: bytes) -> int:
        with self._lock:
            whole = (self.read(name) or b"") + data
            self.write(name, whole, overwrite=True)
            return len(whole)

    def ensure(self, name: str) -> None:
        self.append(name, b"")

    def lease(self, name: str, *, what: str) -> Lease:
        return Lease.acquire(cast(Container, self), name, what=what)

    def lease_acquire(self, name: str, duration_s: int) -> str:
        if name in self.held:
            raise LeaseHeld("taken", where=name)
        self.held[name] = "lease-1"
        return "lease-1"

    def lease_renew(self, name: str, lease_id: str) -> None: ...

    def lease_release(self, name: str, lease_id: str) -> None:
        self.held.pop(name, None)

    def publish(
        self,
        minute: int,
        *,
        corrupt: bool = False,
        longest_line: int = 0,
        version: str = "8.4.5",
        **changes: Any,
    ) -> Manifest:
        """A whole backup of that minute; `corrupt` flips a byte behind the catalogue's back."""
        at = datetime(2026, 11, 24, 3, tzinfo=UTC) + timedelta(minutes=minute)
        plain = f"data of minute {minute}\n-- Dump completed\n".encode()
        packed = zstandard.compress(plain)
        name = f"backups/backup-{at:%Y%m%d-%H%M%S}"
        data = StoredData(
            blob=f"{name}.sql.zst",
            bytes=len(packed),
            sha256=hashlib.sha256(packed).hexdigest(),
            plain_bytes=len(plain),
            plain_sha256=hashlib.sha256(plain).hexdigest(),
            longest_line=longest_line,
        )
        given: dict[str, Any] = {"server_utc": at, "binlog": None, "tables": TABLES, "data": data, **changes}
        made = manifest(name, **given)
        made = made.model_copy(update={"source": made.source.model_copy(update={"version": version})})
        self.write(data.blob, packed[:-1] + bytes([packed[-1] ^ 1]) if corrupt else packed)
        self.write(f"{name}.manifest.json", made.to_bytes())
        return made

    def _ask(self) -> None:
        if self.problem:
            raise self.problem

    def _info(self, name: str) -> BlobInfo:
        data, serial = self.blobs[name]
        return BlobInfo(name, len(data), str(serial), datetime(2026, 11, 24, tzinfo=UTC))


class FakeEdge:
    """`EdgeSwitch` in memory; remembers every write as (mode, host, epoch, ETag given)."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds
        self.state = EdgeState("aws", "none", 1, "e1")
        self.writes: list[tuple[str, str, int, str]] = []

    def read(self) -> EdgeState:
        return self.state

    def write(self, before: EdgeState, *, mode: str, epoch: int, azure_host: str | None = None) -> EdgeState:
        self._clouds.hit(f"edge {mode}")
        assert epoch >= self.state.epoch
        if before.etag != self.state.etag:
            raise Refused("somebody else switched the edge at this moment", resource="edge")
        host = before.azure_host if azure_host is None else azure_host
        self.writes.append((mode, host, epoch, before.etag))
        self.state = EdgeState(mode, host, epoch, f"e{len(self.writes) + 1}")
        self._clouds.hit(f"edge {mode} done")
        return self.state


class FakeEngine:
    """Outputs and configuration of the two stacks; `up` of dr runs the container job that is configured."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds
        self.settings: dict[str, str] = {"tier": "pilot-light"}
        self.jobs_started: list[str] = []

    def outputs(self, stack: str) -> dict[str, Any]:
        if stack == "prod":
            return {
                "keyValueStoreArn": "arn:store",
                "edgeUrl": "http://edge",
                "albDnsName": "alb",
                "originKey": "k",
                "region": "ap-northeast-2",
                "backupHostTag": {"key": "Name", "value": "planb-backup"},
                "backupInterval": 300,
            }
        tier = self.settings["tier"]
        return {
            "backupContainerUrl": "http://127.0.0.1/account/container",
            "tier": tier,
            "location": "koreacentral",
            "gatewayHost": GATEWAY if tier == "full" else None,
            "databaseHost": None if tier == "pilot-light" else "db",
        }

    def resources(self, stack: str) -> list[dict[str, Any]]:
        return [
            {"urn": f"urn::{stack}", "type": "pulumi:pulumi:Stack"},
            *self._clouds.deployed.get(stack, []),
        ]

    @property
    def directory(self) -> Path:
        return self._clouds.directory

    def drift(self, stack: str) -> dict[str, int]:
        return self._clouds.changes.get(stack, {})

    def set_config(self, stack: str, **values: str) -> None:
        assert stack == "dr"
        self.settings |= values

    def up(self, stack: str, on_operation: Callable[[Operation], None] | None = None) -> Update:
        assert stack == "dr"
        self._clouds.hit("up")
        if on_operation:
            done = Operation("urn::db", "azure-native:dbformysql:Server", "create", 1.0, 2.0)
            on_operation(done)
        job, run = self.settings.get("restoreJob", "none"), self.settings.get("restoreRun", "none")
        if job != "none" and run not in self.jobs_started:
            self.jobs_started.append(run)
            self._clouds.job(job, run, self.settings.get("restoreBackup", ""))
        self._clouds.hit("up done")
        return Update()


@dataclass
class Clouds:
    """What the runbook can touch. `hit` raises Killed at `kill_at`, once."""

    store: Store = field(default_factory=Store)
    aws_serves: bool = False
    service_serves: bool = True
    kill_at: str = ""
    job_fails: int = 0
    agent_calls: list[list[str]] = field(default_factory=list[list[str]])
    hosts: list[str] = field(default_factory=list[str])
    """What became of the administration host."""
    deployed: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, Any])
    """What a stack's state holds besides the stack itself."""
    changes: dict[str, dict[str, int]] = field(default_factory=dict[str, Any])
    directory: Path = Path("/nowhere")
    aws_answers: dict[str, Any] = field(default_factory=dict[str, Any])
    """What status hears from AWS, by service; an exception is raised."""
    first_look: Report = field(default_factory=lambda: Report(()))
    """What preflight tells a failover."""
    aws_tables: dict[str, TableDigest] = field(default_factory=lambda: dict(TABLES))

    def __post_init__(self) -> None:
        self.edge, self._engine = FakeEdge(self), FakeEngine(self)

    @property
    def engine(self) -> Engine:
        return cast(Engine, self._engine)

    @property
    def container(self) -> Container:
        return cast(Container, self.store)

    @property
    def settings(self) -> dict[str, str]:
        return self._engine.settings

    @property
    def jobs(self) -> list[str]:
        return self._engine.jobs_started

    def hit(self, place: str) -> None:
        if place == self.kill_at:
            self.kill_at = ""
            raise Killed(place)

    def job(self, kind: str, run: str, backup: str) -> None:
        now = datetime(2026, 11, 24, 4, tzinfo=UTC)
        progress = Progress(run=run, job=cast(Any, kind), started_at=now, updated_at=now, state="succeeded")
        progress.tables, progress.backup = TABLES, backup or "backups/from-azure"
        if self.job_fails:
            self.job_fails -= 1
            progress.state = "failed"
            progress.error = JobError(error_class="Unreachable", what="the database is away", exit_code=1)
        progress.write(self.container)

    def administrator(self, prod: dict[str, Any]) -> tuple[dict[str, str], str]:
        self.hosts.append("started")
        return ADMIN, "ap-northeast-2"

    def agent(self, tag: dict[str, str], region: str, arguments: list[str], *, timeout_s: float) -> Any:
        self.hit(f"agent {arguments[0]}")
        # The backup host has neither the master's nor the application's password.
        assert (tag == ADMIN) == (arguments[0] in ("fence", "unfence", "restore", "bootstrap")), arguments
        self.agent_calls.append(arguments)
        if arguments[0] == "restore":
            self.aws_tables = dict(TABLES)
        self.hit(f"agent {arguments[0]} done")
        if arguments[0] == "digests":
            rows = {n: {"rows": t.rows, "checksum": t.checksum} for n, t in self.aws_tables.items()}
            return {"tables": rows}
        return {"backup": "diverged/x"} if arguments[0] == "backup" else {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Clouds:
        """Puts these clouds in the place of the real ones, and makes waiting short."""

        def container(url: str, *, patience_s: float | None = None) -> Container:
            return self.container

        def get(
            url: str, timeout: tuple[float, float] = (1, 1), headers: dict[str, str] | None = None
        ) -> probes.Answer:
            if url.startswith("http://edge") and self.edge.state.mode == "maintenance":
                return probes.Answer(503, 0.0)
            return probes.Answer(200 if self.service_serves else 502, 0.0)

        def wait_until(true: Callable[[], bool], *, timeout_s: float, every_s: float = 0.5) -> bool:
            return true()

        def aws_serves(_: sites.Sites) -> bool:
            return self.aws_serves

        def ask(service: str, region: str, question: Any) -> Any:
            answer = self.aws_answers.get(service, PlanBError(f"AWS does not answer in {region}"))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(status_aws, "ask", ask)
        monkeypatch.setattr(checks, "first_look", lambda site: self.first_look)
        monkeypatch.setattr(sites.backups, "container", container)
        monkeypatch.setattr(sites, "EdgeSwitch", lambda arn: self.edge)
        monkeypatch.setattr(sites.Sites, "aws_serves", aws_serves)
        monkeypatch.setattr(sites, "JOB_POLL_S", 0.01)
        monkeypatch.setattr(probes, "get", get)
        monkeypatch.setattr(probes, "wait_until", wait_until)
        monkeypatch.setattr(ssm, "run", self.agent)
        monkeypatch.setattr(adminhost, "started", self.administrator)
        monkeypatch.setattr(adminhost, "dismissed", lambda prod: self.hosts.append("dismissed"))
        return self


def texts(recorder: Recorder, kind: str) -> list[str]:
    return [event.text for event in recorder.events if event.kind == kind]


__all__ = ["GATEWAY", "TABLES", "Clouds", "FakeEdge", "FakeEngine", "Killed", "PlanBError", "Store", "texts"]


class Planb:
    """Runs `planb` in this process; exit code, stdout, stderr."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["planb", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = self._capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err
