"""A small but complete report, for tests of its drawing."""

from __future__ import annotations

from runbook.drill.model import (
    Cost,
    Data,
    Edge,
    Event,
    Failback,
    Report,
    Requests,
    Rpo,
    Rto,
    Step,
    Table,
)

OUTAGE = 1_790_000_000.0


def step(name: str, start: float, finish: float, *, modelled: bool, critical: bool, after: list[str]) -> Step:
    return Step(
        name=name,
        depends_on=after,
        started_at=OUTAGE + start / 60,
        finished_at=OUTAGE + finish / 60,
        modelled_s=finish - start if modelled else None,
        measured_s=(finish - start) / 60,
        retimed_start_s=start,
        retimed_finish_s=finish,
        critical=critical,
    )


def report(*, passed: bool = True) -> Report:
    """A failover of 7 min 32 s in which everything went well, or a finding when `passed` is False."""
    steps = [
        step("assess", 8, 11, modelled=False, critical=True, after=[]),
        step("fence", 11, 12, modelled=False, critical=True, after=["assess"]),
        step("provision.database", 15, 390, modelled=True, critical=True, after=["fence"]),
        step("provision.cluster", 15, 326, modelled=True, critical=False, after=["fence"]),
        step("provision.gateway", 15, 375, modelled=True, critical=False, after=["fence"]),
        step("restore", 390, 430, modelled=False, critical=True, after=["provision.database"]),
        step("verify", 440, 446, modelled=False, critical=True, after=["restore"]),
        step("cutover", 446, 452, modelled=False, critical=True, after=["verify"]),
    ]
    digest = "f3b1c2d4e5a69788"
    return Report(
        passed=passed,
        verdict="Passed: service on Azure after 7:32, nothing lost outside the announced window"
        if passed
        else "Failed: 1 acknowledged write is missing and nobody announced it",
        findings=[] if passed else ["1 acknowledged write is missing: <b>drill-1</b>"],
        scenario="region-dark",
        refused=None,
        run="20261124-120000",
        seed=7,
        rows=50_000,
        speed=60,
        latency="typical",
        started_at=OUTAGE - 90,
        finished_at=OUTAGE + 120,
        outage_at=OUTAGE,
        steps=steps,
        events=[Event(at=OUTAGE, text="AWS dark"), Event(at=OUTAGE + 40, text="Azure serves")],
        rto=Rto(
            maintenance_page_s=4.2,
            database_s=430,
            service_s=452,
            wall_s=40,
            budget_s=900,
            critical_path=[s.name for s in steps if s.critical],
        ),
        rpo=Rpo(
            seconds=11.4,
            transactions_lost=9,
            unexplained=0 if passed else 1,
            last_committed_at=OUTAGE,
            last_restored_at=OUTAGE - 11.4,
            backup="backups/backup-20261124-115948.sql.zst",
            interval_s=15,
            production_worst_case_s=301.8,
            budget_s=300,
        ),
        data=Data(
            tables={
                name: Table(rows_source=n, rows_target=n, checksum_source=digest, checksum_target=digest)
                for name, n in (("owners", 10_000), ("pets", 12_500), ("visits", 27_300))
            },
            match=True,
        ),
        edge=Edge(
            cutover_s=0.4,
            failures={"POST 502": 5},
            requests=Requests(total=400, ok=300, maintenance=95, failed=5),
            per_second=[
                (float(s), 0 if 60 < s < 100 else 10, 8 if 60 < s < 100 else 0, 5 if s == 60 else 0)
                for s in range(140)
            ],
        ),
        failback=Failback(
            standby_writes=120,
            standby_writes_lost=0,
            match=True,
            diverged_backup="diverged/2/backup-20261124-120200.sql.zst",
            writes_stopped_s=9.8,
        ),
        cost=Cost(
            standby_month_usd=1.43,
            activated_hour_usd=0.66,
            budget_month_usd=10,
            lines=[("mysql-backups", "8,640 backups of 3.1 MB kept: 26.8 GB", 0.54)],
            prices_of="2026-11",
        ),
        versions={"pulumi": "3.250.0", "mysql": "9.7.4", "planb": "0.1.0"},
    )
