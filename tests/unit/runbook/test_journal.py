"""journal.py: append-only, written ahead, readable after any crash."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from restore.errors import Unreachable
from restore.lease import Lease
from runbook import journal
from runbook.errors import PlanBError, Stopped
from runbook.journal import Journal, JournalLock
from tests.unit.runbook.fakes import Store

BLOB = "journal/failover-000002.jsonl"


@pytest.fixture
def store() -> Any:
    return Store()


def opened(store: Any, lease: Lease, kind: str = "failover", epoch: int = 2) -> Journal:
    return Journal(store, kind, epoch, lease)


def events(store: Any) -> list[str]:
    return [entry["event"] for entry in journal.read(store, BLOB)]


def test_entries_are_appended_with_their_time(store: Any) -> None:
    with JournalLock(store, "t") as lease:
        log = opened(store, lease)
        sizes: list[int] = []
        began = time.time()
        for act in (
            lambda: log.begin("a"),
            lambda: log.verified("a", {"x": 1}),
            lambda: log.failed("b", "no"),
            lambda: log.note("hint", of="한글"),
            lambda: log.close(outcome="done"),
        ):
            before = store.read(BLOB)
            act()
            assert store.read(BLOB).startswith(before), "nothing that was written changes"
            sizes.append(len(store.read(BLOB)))
    assert sizes == sorted(set(sizes))
    assert events(store) == ["opened", "begin", "verified", "failed", "hint", "closed"]
    assert all(began - 1 <= entry["at"] <= time.time() for entry in journal.read(store, BLOB))


def test_a_torn_last_line_is_left_out(store: Any) -> None:
    with JournalLock(store, "t") as lease:
        opened(store, lease).verified("a", {"x": 1})
        store.append(BLOB, '{"at": 1, "event": "verified", "step": "b", "res소'.encode()[:-1])
        assert opened(store, lease).results == {"a": {"x": 1}}
    assert events(store)[:2] == ["opened", "verified"]


def test_results_of_the_interrupted_run_only(store: Any) -> None:
    with JournalLock(store, "t") as lease:
        first = opened(store, lease)
        first.verified("a", {"n": 1})
        first.close(outcome="refused")
        assert opened(store, lease).result_of("a") is None
        opened(store, lease).verified("b", {"n": 2})
        again = opened(store, lease)
    assert (again.result_of("b"), again.result_of("a")) == ({"n": 2}, None)


def test_unfinished_until_closed(store: Any) -> None:
    assert journal.unfinished(store, "failover") is None
    with JournalLock(store, "t") as lease:
        log = opened(store, lease)
        assert journal.unfinished(store, "failover") == 2
        assert journal.unfinished(store, "failback") is None
        log.close(outcome="done")
        assert journal.unfinished(store, "failover") is None
        opened(store, lease)
        assert journal.unfinished(store, "failover") == 2, "opened again after its end"
        opened(store, lease, epoch=4).close(outcome="done")
    assert journal.unfinished(store, "failover") is None, "only the newest of its kind counts"


def test_runs_are_told_by_kind_and_epoch(store: Any) -> None:
    with JournalLock(store, "t") as lease:
        opened(store, lease, "failback", 3)
        opened(store, lease, "failover", 10)
        opened(store, lease, "failover", 2)
    store.write("journal/stray.txt", b"x")
    assert [(kind, epoch) for kind, epoch, _ in journal.runs(store)] == [
        ("failover", 2),
        ("failback", 3),
        ("failover", 10),
    ]


def test_current_is_what_follows_the_last_end() -> None:
    entries = [{"event": e} for e in ("opened", "closed", "opened", "begin")]
    assert journal.current(entries) == entries[2:]
    assert journal.current(entries[:2]) == []
    assert journal.current(entries[2:]) == entries[2:]


def test_without_the_lease_nothing_begins(store: Any) -> None:
    """A process that was frozen while another took over must not act."""
    with JournalLock(store, "t") as lease:
        log = opened(store, lease)
    with pytest.raises(Stopped, match="the lease was lost") as caught:
        log.begin("a")
    assert "run the same command again" in caught.value.next_step
    assert events(store) == ["opened"]


def test_the_lock_says_what_is_done_under_it(store: Any) -> None:
    with JournalLock(store, "planb failover"):
        assert json.loads(store.read(journal.LOCK))["what"] == "planb failover"
    assert store.held == {}


def test_storage_that_does_not_answer_is_told_in_our_words(store: Any) -> None:
    with JournalLock(store, "t") as lease:
        log = opened(store, lease)
        store.problem = Unreachable("does not answer", where="memory")
        for act in (
            lambda: log.verified("a", {}),
            lambda: journal.read(store, BLOB),
            lambda: journal.runs(store),
            lambda: JournalLock(store, "u").__enter__(),
        ):
            with pytest.raises(PlanBError, match="memory: does not answer"):
                act()
        store.problem = None


def test_how_long_steps_usually_take(store: Any) -> None:
    lines = [
        {"at": 100.0, "event": "begin", "step": "fence"},
        {"at": 103.0, "event": "verified", "step": "fence"},
        {"at": 104.0, "event": "begin", "step": "provision"},
        {"at": 200.0, "event": "failed", "step": "provision", "error": "x"},
    ]
    newer = [
        {"at": 10.0, "event": "begin", "step": "fence"},
        {"at": 11.5, "event": "verified", "step": "fence"},
    ]
    for epoch, entries in ((2, lines), (3, newer)):
        for entry in entries:
            store.append(f"journal/failover-{epoch:06d}.jsonl", (json.dumps(entry) + "\n").encode())
    assert journal.usual(store, "failover") == {"fence": 1.5}, "the newest; what failed is no measure"
    assert journal.usual(store, "failback") == {}
