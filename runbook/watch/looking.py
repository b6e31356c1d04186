"""One look at the active site from everywhere: here past the edge, here through it, Route 53, other watchers."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook import backups, probes
from runbook.errors import PlanBError
from runbook.failures import translating
from runbook.sites import Sites
from runbook.watch import windows
from runbook.watch.core import Round, Sight

SLOW_S = 5.0
"""An answer that takes longer is none: customers do not wait for it (a slow brown-out)."""
REPORTS = "watch/"
LATE_S = 60.0
# A tenth of Route 53's checkers decides about an endpoint, with 18 % its own rule:
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
HEALTHY_SHARE = 0.18


@dataclass(frozen=True)
class Seen:
    """A round without its time, and what a person may want to know besides."""

    sights: tuple[Sight, ...]
    network: bool
    active: str | None
    window: windows.Window | None
    backup_late: bool | None
    backup_age_s: float | None
    notes: tuple[str, ...] = ()

    def at(self, now: float) -> Round:
        return Round(now, self.sights, self.network, self.active, self.window is not None, self.backup_late)


class Looker:
    """Looks once a round; everything it asks is bounded, and asked at the same time."""

    def __init__(self, site: Sites, name: str, every_s: float, *, past_edge: bool = True) -> None:
        """`past_edge` is False where the load balancer lets nobody in but the edge."""
        self._sites, self._name, self._every_s, self._past_edge = site, name, every_s, past_edge

    def look(self) -> Seen:
        notes: list[str] = []

        def kept(question: Callable[[], Any]) -> Any:
            try:
                return question()
            except PlanBError as error:
                notes.append(f"{error.resource + ': ' if error.resource else ''}{error.what}")
                return None

        edge = kept(self._sites.edge.read)
        active = edge.mode if edge else None
        with ThreadPoolExecutor(8) as pool:
            sights = [
                pool.submit(self._ask, f"{self._name}-{where}", url, headers)
                for where, url, headers in self._targets(active)
            ]
            checkers = pool.submit(self._route53) if active != "azure" else None
            page = pool.submit(probes.get, str(self._sites.dr.get("staticSiteUrl") or ""), (2.0, 5.0))
            window = pool.submit(kept, lambda: windows.current(self._sites.store))
            age = pool.submit(kept, self._backup_age)
            others = pool.submit(kept, self._others)
            own = [sight.result() for sight in sights]
            # Azure's page or its storage answering, or the site itself, shows that our own network is there.
            network = page.result().status > 0 or others.result() is not None or any(s.up for s in own)
            own = own if network else [Sight(s.vantage, None, "own network") for s in own]
            from_afar = [checkers.result()] if checkers else []
            backup_age = age.result()
            return Seen(
                sights=(*own, *from_afar, *(others.result() or ())),
                network=network,
                active=active,
                window=window.result(),
                backup_late=None if backup_age is None else backup_age > self.late_after_s,
                backup_age_s=backup_age,
                notes=tuple(notes),
            )

    @property
    def late_after_s(self) -> float:
        return 2.0 * int(self._sites.prod.get("backupInterval") or 300) + LATE_S

    def _targets(self, active: str | None) -> list[tuple[str, str, dict[str, str]]]:
        """(vantage, URL, headers) of the active site, past the edge and through it."""
        prod, host = self._sites.prod, self._sites.dr.get("gatewayHost")
        if active == "azure":
            past = [("gateway", probes.gateway_url(str(host)) + "/actuator/health", {})] if host else []
            return [*past, ("edge", self._sites.edge_url + "/actuator/health", {})]
        key = {"X-PlanB-Origin-Key": str(prod.get("originKey"))}
        found = [("alb", f"{self._sites.origin_url}/actuator/health", key)] if self._past_edge else []
        through = str(prod.get("awsHealthUrl") or f"{self._sites.edge_url}/actuator/health")
        return [*found, ("edge", through, {})]

    def _ask(self, vantage: str, url: str, headers: dict[str, str]) -> Sight:
        answer = probes.get(url, (3.0, SLOW_S), headers)
        if answer.status == 200 and answer.took_s <= SLOW_S:
            return Sight(vantage, True)
        if answer.status == 0:
            return Sight(vantage, False, answer.body)
        slow = f" after {answer.took_s:.0f} s" if answer.took_s > SLOW_S else ""
        return Sight(vantage, False, f"{answer.status}{slow}")

    def _route53(self) -> Sight:
        """What Route 53's checkers all over the world say of their probe of AWS (a global service)."""
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=3, read_timeout=5, retries={"max_attempts": 1})
        client: Any = boto3.client("route53", region_name="us-east-1", config=config)
        try:
            found = client.get_health_check_status(HealthCheckId=str(self._sites.prod.get("healthCheckId")))
        except (BotoCoreError, ClientError) as error:
            return Sight("route53", None, type(error).__name__)
        said = [
            o["StatusReport"]["Status"] for o in found["HealthCheckObservations"] if o.get("StatusReport")
        ]
        if not said:
            return Sight("route53", None, "no checker has reported")
        good = sum(text.startswith("Success") for text in said)
        return Sight(
            "route53", good / len(said) > HEALTHY_SHARE, f"{len(said) - good} of {len(said)} checkers fail"
        )

    def _backup_age(self) -> float | None:
        from restore import catalog

        with translating():
            listed = catalog.list_backups(self._sites.store)
        newest = next((b for b in listed if b.state == "valid" and b.manifest), None)
        return backups.age_s(newest.manifest) if newest and newest.manifest else None

    # -- other watchers --

    def _others(self) -> list[Sight]:
        """What watchers on other machines saw within two rounds and a half, by storage's clock."""
        store = self._sites.store
        with translating():
            blobs = [b for b in store.list(REPORTS) if b.name.endswith(".json")]
            own = next((b for b in blobs if b.name == self.report), None)
            newest = max((b.modified for b in blobs), default=None)
            found: list[Sight] = []
            for blob in blobs:
                now = own.modified if own else newest
                if blob.name == self.report or now is None or not self._fresh(blob.modified, now):
                    continue
                found += _sights(store.read(blob.name) or b"")
        return found

    def _fresh(self, then: datetime, now: datetime) -> bool:
        return (now - then).total_seconds() <= 2.5 * self._every_s

    @property
    def report(self) -> str:
        return f"{REPORTS}{self._name}.json"

    def publish(self, seen: Seen) -> None:
        """Our own view, for the leader on another machine."""
        mine = [[s.vantage, s.up, s.detail] for s in seen.sights if s.vantage.startswith(f"{self._name}-")]
        with translating():
            self._sites.store.write(self.report, json.dumps(mine).encode(), overwrite=True)


def _sights(raw: bytes) -> list[Sight]:
    try:
        parsed: Any = json.loads(raw)
        return [
            Sight(str(vantage), up, str(detail))
            for vantage, up, detail in parsed
            if up in (True, False, None)
        ]
    except (ValueError, TypeError):
        return []  # half a report is none
