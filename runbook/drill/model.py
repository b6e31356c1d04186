"""The drill report's shape: what `report.json` holds and `report.html` is drawn from.

Times are UTC epoch seconds in `started_at`/`finished_at` and durations in seconds everywhere else. Provisioning
times of the clouds are modelled (`modelled_s`, sources in simcloud/latency.py); all else is measured.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Part):
    """One step of the failover on the re-timed clock, zero being the moment the region went dark."""

    name: str
    depends_on: list[str]
    started_at: float
    finished_at: float
    modelled_s: float | None
    """Duration that the cloud would take; None for work that is measured."""
    measured_s: float
    """Duration on this machine's wall clock, provisioning scaled by `speed`."""
    retimed_start_s: float
    retimed_finish_s: float
    critical: bool


class Rto(_Part):
    """Seconds from the outage on the re-timed clock: modelled provisioning, measured everything else."""

    maintenance_page_s: float
    database_s: float
    service_s: float
    wall_s: float
    budget_s: float
    critical_path: list[str]


class Rpo(_Part):
    """What was lost. `seconds` is from the restored instant to the last acknowledged write on AWS."""

    seconds: float
    transactions_lost: int
    unexplained: int
    last_committed_at: float | None
    last_restored_at: float | None
    backup: str | None
    interval_s: float
    """Backup interval in this drill."""
    production_worst_case_s: float
    """What the configured interval promises: that interval plus the measured duration of a dump."""
    budget_s: float


class Table(_Part):
    """One table on both sides; equal checksums mean equal content."""

    rows_source: int
    rows_target: int
    checksum_source: str
    checksum_target: str


class Data(_Part):
    """The restored database against the backup's own picture of the source."""

    tables: dict[str, Table]
    match: bool


class Requests(_Part):
    total: int
    ok: int
    maintenance: int
    failed: int


class Edge(_Part):
    """`cutover_s`: from the mode key being written to the last request that did not reach the new site."""

    cutover_s: float
    requests: Requests
    failures: dict[str, int]
    """Failed requests by what the customer got, for example "POST 502"."""
    per_second: list[tuple[float, int, int, int]]
    """(seconds since the first request, ok, maintenance, failed): the request graph."""


class Failback(_Part):
    standby_writes: int
    standby_writes_lost: int
    match: bool
    diverged_backup: str | None
    """Where the writes that AWS had and Azure never got are kept."""
    writes_stopped_s: float


class Cost(_Part):
    standby_month_usd: float
    activated_hour_usd: float
    budget_month_usd: float
    lines: list[tuple[str, str, float]]
    """(resource, basis, USD): how the two sums come about."""
    unpriced: list[str] = []
    """What is deployed and has no known price: the sums leave it out, so the drill does not pass."""
    prices_of: str


class Event(_Part):
    """A moment worth a mark on the timeline."""

    at: float
    text: str


class Report(_Part):
    """One drill."""

    schema_version: int = 1
    passed: bool
    verdict: str
    findings: list[str]
    """Why it did not pass; empty when it did."""
    scenario: str
    refused: str | None
    """The refusal, when the scenario left nothing safe to restore."""
    run: str
    seed: int
    rows: int
    speed: float
    latency: str
    started_at: float
    finished_at: float
    outage_at: float
    steps: list[Step]
    events: list[Event]
    rto: Rto | None
    rpo: Rpo | None
    data: Data | None
    edge: Edge
    failback: Failback | None
    cost: Cost
    versions: dict[str, str]
