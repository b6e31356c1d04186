"""The one event model behind the screen, `--json` and the report: what happened, when, to which step.

Sinks get every event; what a person sees and what a machine reads can therefore not drift apart.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol, TextIO

Kind = Literal[
    "run", "plan", "started", "progress", "finished", "failed", "skipped", "note", "customers", "done"
]


@dataclass(frozen=True)
class Event:
    """`at` is UTC epoch seconds; `step` is empty for events of the whole run; `data` is JSON."""

    kind: Kind
    text: str
    step: str = ""
    at: float = field(default_factory=time.time)
    data: dict[str, Any] = field(default_factory=dict[str, Any])


class Sink(Protocol):
    """Takes events in the order in which they happened."""

    def emit(self, event: Event) -> None: ...


class Bus:
    """Hands events to every sink, one at a time; steps run in threads."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks, self._lock = sinks, threading.RLock()

    def emit(self, kind: Kind, text: str, *, step: str = "", **data: Any) -> None:
        event = Event(kind, text, step, data=data)
        with self._lock:
            for sink in self._sinks:
                sink.emit(event)


class JsonLines:
    """One JSON object a line."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout

    def emit(self, event: Event) -> None:
        self._out.write(json.dumps(asdict(event), ensure_ascii=False) + "\n")
        self._out.flush()


class Recorder:
    """Keeps all events; the report is made from them."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)
