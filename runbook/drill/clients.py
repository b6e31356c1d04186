"""Clients that read and write through the edge for the whole drill, and what they saw."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass

import requests

from runbook.drill.ledger import Ledger, Write

MAINTENANCE_MARK = "시스템 점검 중입니다"
TIMEOUT_S = (5.0, 15.0)  # longer than the edge's own origin timeouts, which are what is measured
SITE_HEADER = "X-PlanB-Site"


@dataclass(frozen=True)
class Observation:
    """One request as a customer saw it. `outcome` is "ok", "maintenance" or "failed"."""

    started_at: float
    finished_at: float
    method: str
    path: str
    status: int  # 0 when no answer came
    outcome: str
    site: str


class Clients:
    """`workers` threads, each sending `rate` requests a second: half of them writes that the ledger keeps."""

    def __init__(
        self, edge_url: str, ledger: Ledger, *, workers: int, rate: float, pets: int, seed: int
    ) -> None:
        self._url = edge_url.rstrip("/")
        self._ledger = ledger
        self._pets = pets
        self._pause = 1.0 / rate
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._observations: list[Observation] = []
        self._threads = [
            threading.Thread(
                target=self._work, args=(random.Random(seed * 1000 + n),), name=f"client-{n}", daemon=True
            )
            for n in range(workers)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends all of them; returns when the last answer is in."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=sum(TIMEOUT_S) + 5)

    def observations(self, *, since: float = 0.0) -> list[Observation]:
        """What was seen, oldest first."""
        with self._lock:
            return [seen for seen in self._observations if seen.started_at >= since]

    def wait_for(
        self, outcome: str, *, since: float, timeout_s: float, site: str | None = None, count: int = 1
    ) -> Observation:
        """The `count`-th request begun after `since` with this outcome (of this site); TimeoutError if none comes."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            hits = [
                seen
                for seen in self.observations(since=since)
                if seen.outcome == outcome and (site is None or seen.site == site)
            ]
            if len(hits) >= count:
                return sorted(hits, key=lambda seen: seen.finished_at)[count - 1]
            time.sleep(0.05)
        recent = Counter(
            (seen.status, seen.outcome, seen.site) for seen in self.observations(since=since)[-50:]
        )
        raise TimeoutError(
            f"no {count} requests with outcome {outcome!r} from {site or 'any site'}: {dict(recent)}"
        )

    def _work(self, dice: random.Random) -> None:
        session = requests.Session()
        time.sleep(dice.random() * self._pause)
        due = time.monotonic()
        while not self._stop.is_set():
            self._request(session, dice)
            # An open loop would pile up during the outage; like a person, a client waits for its answer.
            due = max(due + self._pause, time.monotonic())
            self._stop.wait(max(0.0, due - time.monotonic()))

    def _request(self, session: requests.Session, dice: random.Random) -> None:
        marker = self._ledger.next_marker() if dice.random() < 0.5 else None
        if marker:
            method, path = "POST", "/api/visits"
            body = {"pet_id": dice.randint(1, self._pets), "visit_date": "2026-11-24", "description": marker}
        else:
            method, path, body = "GET", f"/api/owners/{dice.randint(1, self._pets // 2)}", None
        started_at = time.time()
        try:
            answer = session.request(
                method, self._url + path, json=body, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException:
            seen = Observation(started_at, time.time(), method, path, 0, "failed", "")
        else:
            finished_at = time.time()
            site = answer.headers.get(SITE_HEADER, "")
            seen = Observation(
                started_at, finished_at, method, path, answer.status_code, classify(answer), site
            )
            if marker and seen.outcome == "ok":
                self._ledger.acknowledge(
                    Write(marker, int(answer.json()["id"]), site, started_at, finished_at)
                )
        with self._lock:
            self._observations.append(seen)


def classify(answer: requests.Response) -> str:
    """ "ok" for 2xx of the service, "maintenance" for a 503 that shows our page, "failed" for all else."""
    if 200 <= answer.status_code < 300:
        return "ok"
    if answer.status_code == 503:
        answer.encoding = "utf-8"
        if MAINTENANCE_MARK in answer.text:
            return "maintenance"
    return "failed"
