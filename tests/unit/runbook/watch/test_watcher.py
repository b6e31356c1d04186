"""The loop around the core: who leads, who is told, what is run; on clouds in memory."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from restore.errors import Unreachable
from runbook.chat import Chat
from runbook.errors import PlanBError, Refused
from runbook.sites import Sites
from runbook.watch import looking, windows
from runbook.watch.core import Rules, Sight
from runbook.watch.looking import Looker, Seen
from runbook.watch.watcher import LEADER, LOG, Watcher
from tests.unit.runbook.fakes import Clouds

DOWN = (Sight("me-alb", False, "ConnectTimeout"), Sight("me-edge", False, "504"), Sight("route53", False))
UP = (Sight("me-alb", True), Sight("me-edge", True), Sight("route53", True))


class Eyes:
    """A looker whose looks a test writes."""

    def __init__(self, *looks: Seen | Exception) -> None:
        self.looks, self.published = list(looks), list[Seen]()

    def look(self) -> Seen:
        now = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(now, Exception):
            raise now
        return now

    def publish(self, seen: Seen) -> None:
        self.published.append(seen)


class Ear:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.messages: list[str] = []

    def tell(self, kind: str, text: str, **facts: Any) -> None:
        self.said.append((kind, text))

    def say(self, text: str) -> None:
        self.messages.append(text)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.said if kind != "look"]


def seen(*sights: Sight, **more: Any) -> Seen:
    given: dict[str, Any] = {
        "network": True,
        "active": "aws",
        "window": None,
        "backup_late": False,
        "backup_age_s": 10.0,
    }
    return Seen(sights, **{**given, **more})


def watcher(
    clouds: Clouds, eyes: Eyes, ear: Ear, *, auto: bool = False, failover: Callable[[], None] | None = None
) -> Watcher:
    ticks = iter(range(0, 10_000, 30))
    site = Sites(clouds.engine)
    return Watcher(
        site,
        cast(Looker, eyes),
        Rules(auto=auto),
        ear.tell,
        cast(Chat, ear),
        failover,
        clock=lambda: float(next(ticks)),
    )


def rounds(made: Watcher, count: int) -> None:
    for _ in range(count):
        made.once()


def test_a_person_is_told_what_to_type(clouds: Clouds) -> None:
    ear = Ear()
    rounds(watcher(clouds, Eyes(seen(*DOWN)), ear), 4)
    assert ear.kinds() == ["lead", "suspect", "page", "paging"]
    (message,) = ear.messages
    assert message.startswith("🚨 planb watch: AWS is down for 90 s (me-alb: ConnectTimeout")
    assert message.endswith("Type: planb failover")


def test_a_look_says_who_saw_what_and_why(clouds: Clouds) -> None:
    ear = Ear()
    sights = (Sight("me-alb", False, "504"), Sight("me-edge", True), Sight("route53", None, "X"))
    watcher(clouds, Eyes(seen(*sights)), ear).once()
    assert ("look", "aws healthy, me-alb DOWN (504), me-edge up, route53 ? (X)") in ear.said


def test_on_azure_the_way_out_is_another(clouds: Clouds) -> None:
    ear = Ear()
    rounds(watcher(clouds, Eyes(seen(*DOWN, active="azure")), ear), 4)
    assert "Azure is down" in ear.messages[0] and "planb failback" in ear.messages[0]


def test_auto_runs_the_failover_once(clouds: Clouds) -> None:
    ear, ran = Ear(), list[int]()
    made = watcher(clouds, Eyes(seen(*DOWN)), ear, auto=True, failover=lambda: ran.append(1))
    rounds(made, 8)
    assert ran == [1]
    assert ear.messages[0].endswith("The failover starts by itself")
    assert "Failing over to Azure now" in ear.messages[1] and "runs on Azure" in ear.messages[2]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            Refused("AWS still serves", next_step="planb status"),
            "the failover was refused: AWS still serves. Type: planb status",
        ),
        (
            PlanBError("the database is away"),
            "the failover stopped: the database is away. Type: planb failover (it resumes)",
        ),
    ],
)
def test_a_failover_that_does_not_end_well_is_paged(clouds: Clouds, error: Exception, says: str) -> None:
    def fails() -> None:
        raise error

    ear = Ear()
    rounds(watcher(clouds, Eyes(seen(*DOWN)), ear, auto=True, failover=fails), 5)
    assert ear.messages[-1].endswith(says)


def test_two_watchers_one_decides(clouds: Clouds) -> None:
    ears, ran = [Ear(), Ear()], list[str]()
    first = watcher(clouds, Eyes(seen(*DOWN)), ears[0], auto=True, failover=lambda: ran.append("first"))
    second = watcher(clouds, Eyes(seen(*DOWN)), ears[1], auto=True, failover=lambda: ran.append("second"))
    for _ in range(6):
        first.once()
        second.once()
    assert ran == ["first"]
    assert ears[1].messages == [] and ears[1].kinds() == ["follow"]


def test_the_second_takes_over_when_the_first_dies_with_what_it_has_seen(clouds: Clouds) -> None:
    ears, ran = [Ear(), Ear()], list[str]()
    first = watcher(clouds, Eyes(seen(*DOWN)), ears[0], auto=True, failover=lambda: ran.append("first"))
    second = watcher(clouds, Eyes(seen(*DOWN)), ears[1], auto=True, failover=lambda: ran.append("second"))
    for _ in range(4):
        first.once()
        second.once()
    del clouds.store.held[LEADER]  # its lease ran out
    rounds(second, 2)
    assert ran == ["second"]


def test_a_lost_lease_stops_the_hand(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    from restore.lease import Lease

    ear, ran = Ear(), list[int]()
    made = watcher(clouds, Eyes(seen(*DOWN)), ear, auto=True, failover=lambda: ran.append(1))
    rounds(made, 4)
    checks = iter([True, False])

    def check(lease: Lease) -> None:
        if not next(checks):
            raise Unreachable("the lease was lost", where="watch/leader")

    monkeypatch.setattr(Lease, "check", check)
    made.once()
    assert ran == []
    assert "lost just before" in ear.messages[-1]


def test_every_decision_is_logged_with_what_it_was_based_on(clouds: Clouds) -> None:
    rounds(watcher(clouds, Eyes(seen(*DOWN)), Ear()), 4)
    lines = [json.loads(line) for line in (clouds.store.read(LOG) or b"").decode().splitlines()]
    assert [line["kind"] for line in lines] == ["suspect", "page"]
    assert lines[1]["votes"]["me-alb"] == [False, "ConnectTimeout"] and lines[1]["active"] == "aws"


def test_dark_storage_makes_nobody_leader_and_ends_nothing(clouds: Clouds) -> None:
    ear = Ear()
    made = watcher(clouds, Eyes(seen(*UP)), ear, auto=True)
    clouds.store.problem = Unreachable("storage does not answer", where="memory")
    made.once()
    assert ("problem", "nobody can be made leader: storage does not answer") in ear.said
    clouds.store.problem = None
    made.once()
    assert "lead" in ear.kinds()


def test_an_expected_failure_costs_a_round_and_a_bug_the_process(clouds: Clouds) -> None:
    ear = Ear()
    watcher(clouds, Eyes(PlanBError("the edge is dark"), seen(*UP)), ear).run(threading.Event(), rounds=1)
    assert ("problem", "the edge is dark") in ear.said
    with pytest.raises(ZeroDivisionError):
        watcher(clouds, Eyes(ZeroDivisionError()), ear).run(threading.Event(), rounds=1)
    assert clouds.store.held == {}, "the lease is given back"


def test_late_backups_are_paged(clouds: Clouds) -> None:
    ear = Ear()
    rounds(watcher(clouds, Eyes(seen(*UP, backup_late=True)), ear), 3)
    assert len(ear.messages) == 1 and "backups are late" in ear.messages[0]


def test_a_window_is_told_when_it_opens_and_ends(clouds: Clouds) -> None:
    now = datetime.now(UTC)
    open_ = windows.Window(since=now, until=now + timedelta(hours=1), why="upgrade", who="me")
    ear = Ear()
    rounds(watcher(clouds, Eyes(seen(*DOWN, window=open_), seen(*UP)), ear), 3)
    assert [kind for kind in ear.kinds() if kind == "window"] == ["window", "window"]
    assert ear.messages == []


# -- looking --


def looker(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch, route53: bool | None = True, **more: Any
) -> Looker:
    monkeypatch.setattr(Looker, "_route53", lambda self: Sight("route53", route53))
    return Looker(Sites(clouds.engine), "me", 30.0, **more)


def test_a_look_on_a_quiet_day(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    found = looker(clouds, monkeypatch).look()
    assert [(s.vantage, s.up) for s in found.sights] == [
        ("me-alb", True),
        ("me-edge", True),
        ("route53", True),
    ]
    assert found.network and found.active == "aws" and found.window is None
    assert found.backup_late is True, "the fakes' backups are from long ago"


def test_where_only_the_edge_is_let_in_the_balancer_is_not_asked(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = looker(clouds, monkeypatch, past_edge=False).look()
    assert [s.vantage for s in found.sights] == ["me-edge", "route53"]


def test_without_any_answer_it_is_our_own_network(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook import probes

    def nothing(url: str, timeout: object = None, headers: object = None) -> probes.Answer:
        return probes.Answer(0, 3.0, "ConnectTimeout")

    monkeypatch.setattr(probes, "get", nothing)
    clouds.store.problem = Unreachable("storage does not answer", where="memory")
    found = looker(clouds, monkeypatch, route53=None).look()
    assert not found.network and all(sight.up is None for sight in found.sights)
    clouds.store.problem = None
    found = looker(clouds, monkeypatch, route53=None).look()
    assert found.network, "Azure answers: it is not our network"
    assert [s.up for s in found.sights] == [False, False, None]


def test_a_slow_answer_is_none(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook import probes

    def slow(url: str, timeout: object = None, headers: object = None) -> probes.Answer:
        return probes.Answer(200, looking.SLOW_S + 1)

    monkeypatch.setattr(probes, "get", slow)
    assert [s.up for s in looker(clouds, monkeypatch).look().sights] == [False, False, True]


def test_what_other_watchers_saw_counts_while_it_is_fresh(
    clouds: Clouds, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = looker(clouds, monkeypatch), looker(clouds, monkeypatch)
    monkeypatch.setattr(other, "_name", "other")
    other.publish(seen(Sight("other-alb", False, "x"), Sight("route53", True)))
    mine.publish(seen(*UP))
    assert Sight("other-alb", False, "x") in mine.look().sights
    assert [s.vantage for s in mine.look().sights].count("route53") == 1, "each tells its own only"
    monkeypatch.setattr(mine, "_fresh", lambda then, now: False)
    assert not [s for s in mine.look().sights if s.vantage.startswith("other")]
    clouds.store.write("watch/other.json", b'[["other-alb", 7, ""', overwrite=True)
    monkeypatch.setattr(mine, "_fresh", lambda then, now: True)
    assert not [s for s in mine.look().sights if s.vantage.startswith("other")]


def test_freshness_is_by_storages_clock(clouds: Clouds) -> None:
    eyes, now = Looker(Sites(clouds.engine), "me", 30.0), datetime.now(UTC)
    assert eyes._fresh(now - timedelta(seconds=75), now)  # pyright: ignore[reportPrivateUsage]
    assert not eyes._fresh(now - timedelta(seconds=76), now)  # pyright: ignore[reportPrivateUsage]


def test_on_azure_the_gateway_is_asked(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    clouds.settings["tier"] = "full"
    clouds.edge.state = clouds.edge.state.__class__("azure", "gw.example", 2, "e2")
    found = looker(clouds, monkeypatch).look()
    assert [s.vantage for s in found.sights] == ["me-gateway", "me-edge"]


# -- windows --


def test_windows(clouds: Clouds) -> None:
    store, now = clouds.container, datetime.now(UTC)
    assert windows.current(store) is None
    window = windows.Window(since=now, until=now + timedelta(minutes=5), why="upgrade", who="me")
    windows.start(store, window)
    assert windows.current(store) == window
    windows.start(
        store, window.model_copy(update={"until": now + timedelta(seconds=-1), "since": now - timedelta(1)})
    )
    assert windows.current(store) is None, "it is over"
    windows.start(store, window)
    windows.end(store)
    assert windows.current(store) is None
    with pytest.raises(Refused):
        windows.start(store, window.model_copy(update={"until": now}))
    store.write(windows.BLOB, b"garbage", overwrite=True)
    with pytest.raises(PlanBError, match="does not say what window is open"):
        windows.current(store)
