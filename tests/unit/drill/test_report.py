"""The report: complete, self-contained, honest about failure, and safe with hostile text."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from runbook.drill import charts
from runbook.drill.clients import Observation
from runbook.drill.report import edge_view, html, write
from tests.unit.drill.sample import OUTAGE, report


def test_json_and_html_come_from_one_report(tmp_path: Path) -> None:
    page = write(report(), tmp_path / "out", OUTAGE - 60)
    data = json.loads((tmp_path / "out" / "report.json").read_text())
    assert data["rto"]["service_s"] == 452
    assert "7:32" in page.read_text()
    assert {"passed", "speed", "steps", "rto", "rpo", "data", "edge", "failback", "cost", "versions"} <= set(
        data
    )
    assert {"name", "depends_on", "started_at", "finished_at", "modelled_s", "measured_s"} <= set(
        data["steps"][0]
    )


def test_html_asks_nobody_for_anything() -> None:
    text = html(report(), OUTAGE)
    assert not re.search(r"""(src|href)\s*=|url\(|@import|<script""", text)


def test_failure_is_said_first_and_text_is_escaped() -> None:
    text = html(report(passed=False), OUTAGE)
    assert text.index("Failed: 1 acknowledged write") < text.index("RTO")
    assert "&lt;b&gt;drill-1" in text
    assert "<b>drill-1" not in text


def test_charts_are_wellformed_and_show_every_step() -> None:
    whole = report()
    picture = ET.fromstring(charts.timeline(whole.steps, 900))
    bars = [r for r in picture.iter("rect") if r.get("class") in {"critical", "modelled", "measured"}]
    assert len(bars) == len(whole.steps)
    graph = ET.fromstring(charts.requests(whole.edge, whole.events, OUTAGE - 60))
    assert {"ok", "page", "bad"} <= {r.get("class") for r in graph.iter("rect")}
    assert charts.timeline([], 900) == ""


def test_request_graph_counts_every_observation() -> None:
    seen = [
        Observation(10.0, 10.1, "GET", "/", 200, "ok", "aws"),
        Observation(10.9, 11.1, "POST", "/", 503, "maintenance", ""),
        Observation(12.2, 12.3, "GET", "/", 0, "failed", ""),
    ]
    view = edge_view(seen, 0.5)
    assert (view.requests.total, view.requests.ok, view.requests.maintenance, view.requests.failed) == (
        3,
        1,
        1,
        1,
    )
    assert view.per_second == [(0.0, 1, 1, 0), (2.0, 0, 0, 1)]
