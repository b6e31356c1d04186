"""The report's drawings as SVG, by hand: two charts need no library and must work from one file, on paper too."""

from __future__ import annotations

import math
from html import escape

from runbook.drill.model import Edge, Event, Step

WIDTH = 960
LABEL = 210
ROW = 24
TOP = 30


def clock(seconds: float) -> str:
    """ "7:05" for 425 s; one decimal below a minute."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _grid(horizon: float) -> float:
    """A step between grid lines that leaves five to ten of them."""
    for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600):
        if horizon / step <= 10:
            return float(step)
    return horizon / 10


def timeline(steps: list[Step], budget_s: float) -> str:
    """Bars from the outage to the confirmed service; the critical path is the strong colour."""
    if not steps:
        return ""
    last = max(step.retimed_finish_s for step in steps)
    horizon = max(last, budget_s) * 1.02
    scale = (WIDTH - LABEL - 60) / horizon
    height = TOP + ROW * len(steps) + 12
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Timeline of the failover, '
        f'{clock(last)} from outage to service" class="chart">'
    ]
    tick = _grid(horizon)
    for n in range(int(horizon // tick) + 1):
        x = LABEL + n * tick * scale
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 8}" class="grid"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP - 12}" class="tick">{n * tick / 60:g} min</text>')
    x = LABEL + budget_s * scale
    parts.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 8}" class="budget"/>')
    for n, step in enumerate(sorted(steps, key=lambda s: (s.retimed_start_s, s.retimed_finish_s))):
        y = TOP + n * ROW
        left = LABEL + max(0.0, step.retimed_start_s) * scale
        wide = max(2.0, (step.retimed_finish_s - step.retimed_start_s) * scale)
        kind = "critical" if step.critical else ("modelled" if step.modelled_s is not None else "measured")
        text = clock(step.retimed_finish_s - step.retimed_start_s)
        parts.append(
            f'<text x="{LABEL - 8}" y="{y + 16}" class="name">{escape(step.name)}</text>'
            f'<rect x="{left:.1f}" y="{y + 4}" width="{wide:.1f}" height="16" rx="2" class="{kind}">'
            f"<title>{escape(step.name)}: {text}, from {clock(step.retimed_start_s)}</title></rect>"
            f'<text x="{left + wide + 5:.1f}" y="{y + 16}" class="value">{text}</text>'
        )
    parts.append("</svg>")
    return "".join(parts)


def requests(edge: Edge, events: list[Event], first_at: float) -> str:
    """Requests a second as customers saw them: served, maintenance page, failed."""
    if not edge.per_second:
        return ""
    horizon = max(second for second, *_ in edge.per_second) + 1
    top_value = max(ok + page + bad for _, ok, page, bad in edge.per_second)
    plot, left = 170, 46
    scale_x, scale_y = (WIDTH - left - 10) / horizon, plot / max(1, top_value)
    lanes = 3
    base = TOP + lanes * 14 + plot
    height = base + 26
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Requests a second through the edge: '
        f"{edge.requests.ok} served, {edge.requests.maintenance} shown the maintenance page, "
        f'{edge.requests.failed} failed" class="chart">'
    ]
    for second, ok, page, bad in edge.per_second:
        x, y = left + second * scale_x, float(base)
        for count, kind in ((ok, "ok"), (page, "page"), (bad, "bad")):
            if count:
                y -= count * scale_y
                parts.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.8, scale_x - 0.4):.2f}" '
                    f'height="{count * scale_y:.1f}" class="{kind}"/>'
                )
    tick = _grid(horizon)
    for n in range(int(horizon // tick) + 1):
        x = left + n * tick * scale_x
        parts.append(f'<text x="{x:.1f}" y="{base + 16}" class="tick">{clock(n * tick)}</text>')
    for value in {math.ceil(top_value / 2), top_value}:
        y = base - value * scale_y
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" class="name">{value}</text>')
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{WIDTH - 10}" y2="{y:.1f}" class="grid"/>')
    for n, event in enumerate(sorted(events, key=lambda e: e.at)):
        x = left + (event.at - first_at) * scale_x
        y = 16 + (n % lanes) * 14
        end = x > WIDTH * 0.8
        parts.append(f'<line x1="{x:.1f}" y1="{y + 2}" x2="{x:.1f}" y2="{base}" class="mark"/>')
        parts.append(
            f'<text x="{x - 4 if end else x + 4:.1f}" y="{y + 2}" class="event{" end" if end else ""}">'
            f"{escape(event.text)}</text>"
        )
    parts.append("</svg>")
    return "".join(parts)
