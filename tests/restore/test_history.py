"""Random histories: whatever happens before the outage, each acknowledged write is restored or in the reported loss."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restore import pitr
from restore.binlog.ship import Gap, Shipper
from restore.blobs import Container, open_container
from restore.dump import take_backup
from restore.settings import Database
from tests.restore.conftest import QUICK, Azurite, Server

EVENTS = ("write", "write", "write", "big", "rolled back", "ddl", "rotate", "ship", "ship", "killed", "base")
Histories = st.lists(st.sampled_from(EVENTS), min_size=4, max_size=16)


@dataclass
class History:
    """A source that is written to, and a shipper that comes and goes."""

    source: Server
    db: Database
    container: Container
    acknowledged: dict[int, datetime] = field(default_factory=dict[int, datetime])
    gaps: list[Gap] = field(default_factory=list[Gap])
    columns: int = 0

    def __post_init__(self) -> None:
        self.name = self.db.name
        self.root("CREATE TABLE ledger (id INT AUTO_INCREMENT PRIMARY KEY, note LONGTEXT)")
        self._shipper = self._new()
        self.happen("base")

    def _new(self) -> Shipper:
        return Shipper(self.db, self.container, threading.Event(), interval_s=0.1, on_gap=self.gaps.append)

    def root(self, *statements: str) -> tuple[tuple[object, ...], ...]:
        return self.source.root(f"USE {self.name}", *statements)

    def happen(self, event: str) -> None:
        if event in ("write", "big"):
            size = 300_000 if event == "big" else 10
            ((id_, now),) = self.root(
                f"INSERT INTO ledger (note) VALUES (REPEAT('x', {size}))",
                "SELECT LAST_INSERT_ID(), UTC_TIMESTAMP(6)",
            )
            assert isinstance(id_, int) and isinstance(now, datetime)
            self.acknowledged[id_] = now.replace(tzinfo=UTC)
        elif event == "rolled back":
            self.root("BEGIN", "INSERT INTO ledger (note) VALUES ('never')", "ROLLBACK")
        elif event == "ddl":
            self.columns += 1
            self.root(f"ALTER TABLE ledger ADD COLUMN c{self.columns} INT DEFAULT {self.columns}")
        elif event == "rotate":
            self.source.root("FLUSH BINARY LOGS")
        elif event == "ship":
            self._shipper.once(follow=False)
        elif event == "killed":
            self._shipper = self._new()  # what it had not stored is gone with it
        elif event == "base":
            take_backup(self.db, self.container)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(Histories)
def test_every_acknowledged_write_is_restored_or_in_the_reported_loss(
    source: Server,
    clean_target: Server,
    azurite: Azurite,
    backup_user: Callable[[str], Database],
    events: list[str],
) -> None:
    name, store = f"pet_{uuid.uuid4().hex[:8]}", f"t{uuid.uuid4().hex[:20]}"
    source.root(f"CREATE DATABASE {name}")
    azurite.service.create_container(store)
    try:
        container = open_container(f"{azurite.url}/{store}", env=azurite.env, limits=QUICK)
        history = History(source, backup_user(name), container)
        for event in events:
            history.happen(event)
        # The outage: nothing more comes. What can be had, and what is said about it?
        plan = pitr.plan(container)
        pitr.restore_to(clean_target.admin(name), container, plan)
        restored = {int(row[0]) for row in clean_target.root(f"SELECT id FROM {name}.ledger")}
        lost = {id_: at for id_, at in history.acknowledged.items() if id_ not in restored}
        assert restored <= set(history.acknowledged)
        assert all(at > plan.newest_commit for at in lost.values()), (plan.newest_commit, lost)
        assert all(id_ < min(lost, default=10**9) for id_ in restored), "a hole in the middle"
        last = max((index for index, event in enumerate(events) if event in ("ship", "base")), default=-1)
        assert bool(lost) == bool({"write", "big"} & set(events[last + 1 :]))
        assert not history.gaps
    finally:
        source.root(f"DROP DATABASE {name}")
        clean_target.root(f"DROP DATABASE IF EXISTS {name}")
        azurite.service.delete_container(store)
