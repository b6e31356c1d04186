"""Writes the report: `report.json` and `report.html`, both from one `Report`."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from runbook.drill import charts
from runbook.drill.clients import Observation
from runbook.drill.model import Edge, Report, Requests


def edge_view(observations: list[Observation], cutover_s: float) -> Edge:
    """Counts and the request graph from what the clients saw; seconds count from the first request."""
    total = Counter(seen.outcome for seen in observations)
    first = min((seen.started_at for seen in observations), default=0.0)
    seconds: dict[int, Counter[str]] = {}
    for seen in observations:
        seconds.setdefault(int(seen.started_at - first), Counter())[seen.outcome] += 1
    failed = Counter(
        f"{seen.method} {seen.status or 'no answer'}" for seen in observations if seen.outcome == "failed"
    )
    return Edge(
        cutover_s=cutover_s,
        failures=dict(failed),
        requests=Requests(
            total=len(observations), ok=total["ok"], maintenance=total["maintenance"], failed=total["failed"]
        ),
        per_second=[(float(s), c["ok"], c["maintenance"], c["failed"]) for s, c in sorted(seconds.items())],
    )


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def html(report: Report, first_request_at: float) -> str:
    """The page: one self-contained file that prints well."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    budget = report.rto.budget_s if report.rto else 900.0
    return environment.get_template("report.html.j2").render(
        r=report,
        clock=charts.clock,
        utc=_utc,
        timeline=charts.timeline(report.steps, budget),
        requests=charts.requests(report.edge, report.events, first_request_at),
    )


def write(report: Report, directory: Path, first_request_at: float) -> Path:
    """Writes both files into `directory` (made if missing); returns the HTML's path."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    page = directory / "report.html"
    page.write_text(html(report, first_request_at), encoding="utf-8")
    return page
