"""Where a run stands: what each step does, how long it usually takes, what is left on the longest way to the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook.events import Event

# Until this container has seen a run of its own: seconds of the slowest resource of a step (published figures, the
# design's RELIABILITY table), and a guess for what is ours.
PUBLISHED: dict[str, dict[str, float]] = {
    "failover": {
        "assess": 10,
        "preflight": 10,
        "fence": 5,
        "provision": 420,
        "provision.database": 375,
        "provision.cluster": 311,
        "provision.gateway": 360,
        "provision.restore-group": 45,
        "restore": 480,
        "verify": 30,
        "cutover": 10,
        "confirm": 10,
    },
    "failback": {"ready": 180, "ship": 120, "restore": 180, "compare": 60, "stand-down": 600},
    "restore": {"provision": 420, "restore": 480},
}
DONE = ("finished", "skipped")


@dataclass
class Row:
    """One step or sub-step. Times are epoch seconds; `began` is 0 until it starts."""

    name: str
    text: str
    depends_on: tuple[str, ...] = ()
    kind: str = "waiting"
    began: float = 0.0
    ended: float = 0.0
    result: dict[str, object] = field(default_factory=dict[str, object])

    def took(self, now: float) -> float:
        return (self.ended or now) - self.began if self.began else 0.0


class Progress:
    """A sink that knows the whole picture; screens draw it, Ctrl-C explains it."""

    def __init__(self, title: str) -> None:
        self.title, self.began = title, time.time()
        self.rows: dict[str, Row] = {}
        self.usual: dict[str, float] = dict(PUBLISHED.get(title, {}))
        self.customers, self.run = "", ""
        self.notes: list[str] = []

    def emit(self, event: Event) -> None:
        if event.kind == "plan":
            self.usual |= {str(k): float(v) for k, v in event.data.get("usual", {}).items()}
            for step in event.data.get("steps", []):
                row = Row(step["name"], step["text"], tuple(step["depends_on"]))
                self.rows.setdefault(row.name, row)
        elif event.kind == "customers":
            self.customers = event.text
        elif event.kind == "run":
            self.run = event.text
        elif event.step:
            row = self.rows.setdefault(event.step, Row(event.step, event.text))
            row.kind, row.text = event.kind, event.text
            row.began = row.began or event.at
            if event.kind in ("finished", "failed", "skipped"):
                row.ended = event.at
        else:
            self.notes.append(event.text)

    # -- how long still --

    def remaining_s(self, now: float) -> float | None:
        """Seconds on the longest way to the end; None when nobody knows how long what is left takes."""
        way = self.longest(now)
        return sum(left for _, left in way) if way else None

    def longest(self, now: float) -> list[tuple[str, float]]:
        """(step, seconds left) of the longest way through what is not done; empty when a step's time is unknown."""
        left: dict[str, float] = {}
        for name, row in self._main().items():
            if row.kind in DONE:
                left[name] = 0.0
                continue
            if name not in self.usual:
                return []
            left[name] = max(0.0, self.usual[name] - row.took(now))
        best: dict[str, list[tuple[str, float]]] = {}
        for name, row in self._main().items():  # a plan lists what it depends on first
            before = max(
                (best[d] for d in row.depends_on if d in best),
                key=lambda way: sum(s for _, s in way),
                default=[],
            )
            best[name] = [*before, (name, left[name])] if row.kind not in DONE else before
        return max(best.values(), key=lambda way: sum(s for _, s in way), default=[])

    def _main(self) -> Mapping[str, Row]:
        return {name: row for name, row in self.rows.items() if "." not in name}

    # -- what stopping means --

    def explain(self) -> str:
        """What Ctrl-C stops and what goes on."""
        running = [row.name for row in self.rows.values() if row.kind in ("started", "progress")]
        waiting = [name for name, row in self._main().items() if row.kind == "waiting"]
        lines = ["Stopping."]
        if running:
            lines.append(f"  ends first: {', '.join(running)} (what a cloud has begun goes on there)")
        if waiting:
            lines.append(f"  does not start: {', '.join(waiting)}")
        if self.customers:
            lines.append(f"  customers go on seeing {self.customers}")
        lines.append("  the same command resumes, on any machine. Ctrl-C again leaves at once.")
        return "\n".join(lines)
