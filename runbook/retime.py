"""The schedule that the real clouds would have given: modelled provisioning, everything else as measured.

A step starts when the last of its dependencies has finished, plus the gap that was measured between the two here;
it lasts its modelled time if it has one, else its measured one. At speed 1 both agree and nothing moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """One step as it ran here. Times are seconds on one clock; `modelled_s` None means: measured work."""

    name: str
    depends_on: tuple[str, ...]
    started: float
    finished: float
    modelled_s: float | None = None


@dataclass(frozen=True)
class Slot:
    """The same step on the re-timed clock."""

    start: float
    finish: float
    after: str | None
    """The dependency that it waited for last; None when it waited for none."""


def retime(nodes: Sequence[Node], zero: float) -> dict[str, Slot]:
    """Slots by name, in seconds since `zero`. Dependencies that are not among the nodes are ignored.

    Raises ValueError for a cycle.
    """
    by_name = {node.name: node for node in nodes}
    slots: dict[str, Slot] = {}
    visiting: set[str] = set()

    def place(node: Node) -> Slot:
        if node.name in slots:
            return slots[node.name]
        if node.name in visiting:
            raise ValueError(f"{node.name} depends on itself")
        visiting.add(node.name)
        known = [by_name[name] for name in node.depends_on if name in by_name]
        for dependency in known:
            place(dependency)
        last = max(known, key=lambda d: slots[d.name].finish, default=None)
        if last is None:
            start = node.started - zero
        else:
            # The gap to what really held it up here; it cannot have started before that ended.
            gap = max(0.0, node.started - max(d.finished for d in known))
            start = slots[last.name].finish + gap
        duration = node.finished - node.started if node.modelled_s is None else node.modelled_s
        slots[node.name] = Slot(start, start + duration, last.name if last else None)
        return slots[node.name]

    for node in nodes:
        place(node)
    return slots


def critical_path(slots: dict[str, Slot], end: str) -> list[str]:
    """The chain of waits that ends with `end`, first step first."""
    path: list[str] = []
    name: str | None = end
    while name is not None:
        path.append(name)
        name = slots[name].after
    return path[::-1]
