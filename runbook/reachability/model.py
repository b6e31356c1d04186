"""Reachability without a cloud: paths through gates, the matrix that they make, its comparison with a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal, Protocol

from runbook.reachability.ports import ALL, Ports, union


@dataclass(frozen=True)
class Permit:
    """What lets ports through, and which resource says so.

    `partial`: not for every address of both sides. `lent`: the platform's own default, which we do not decide.
    """

    ports: Ports
    urn: str
    text: str
    partial: bool = False
    lent: bool = False


@dataclass(frozen=True)
class Gate:
    """One thing that must let a connection through; `urn` is where a missing permit would have to stand."""

    urn: str
    text: str
    permits: tuple[Permit, ...]

    def open(self, *, everywhere: bool = False, ours: bool = False) -> Ports:
        """What some permit lets through; with `everywhere` none that is partial, with `ours` none that is lent."""
        return union(
            p.ports for p in self.permits if not (everywhere and p.partial) and not (ours and p.lent)
        )


@dataclass(frozen=True)
class Path:
    """From one place of the source to one place of the target: what every gate lets through."""

    gates: tuple[Gate, ...]

    def open(self, *, everywhere: bool = False, ours: bool = False) -> Ports:
        found = ALL
        for gate in self.gates:
            found &= gate.open(everywhere=everywhere, ours=ours)
            if not found:
                break
        return found


class Site(Protocol):
    """A deployed site: its actors, and the paths between any two (none, when there is no way at all)."""

    def actors(self) -> Sequence[str]: ...

    def paths(self, source: str, target: str) -> Sequence[Path]: ...


@dataclass(frozen=True)
class Flow:
    """What `source` can reach at `target`: from some of its places (`ports`), from each to each (`everywhere`), and
    so by rules of ours alone (`ours`)."""

    source: str
    target: str
    ports: Ports
    everywhere: Ports
    ours: Ports
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Row:
    """A decision. `seed`: a row of the design, which rules of ours must carry; else a necessity of the platforms.
    `required`: it must be so; else it may."""

    source: str
    target: str
    ports: Ports
    why: str
    seed: bool = False
    required: bool = True


@dataclass(frozen=True)
class Cause:
    urn: str
    text: str


@dataclass(frozen=True)
class Difference:
    """Deployed and decided disagree on these ports, because of these resources."""

    kind: Literal["unexpected", "missing"]
    source: str
    target: str
    ports: Ports
    causes: tuple[Cause, ...]


def matrix(site: Site) -> list[Flow]:
    """Every ordered pair of actors, each with itself too, whether anything passes or not."""
    found: list[Flow] = []
    for source in site.actors():
        for target in site.actors():
            paths = tuple(site.paths(source, target))
            everywhere = ours = ALL if paths else Ports()
            for path in paths:
                everywhere &= path.open(everywhere=True)
                ours &= path.open(everywhere=True, ours=True)
            found.append(Flow(source, target, union(p.open() for p in paths), everywhere, ours, paths))
    return found


def compare(flows: Iterable[Flow], table: Sequence[Row]) -> list[Difference]:
    """Everything that is open without a row, and every row that is not (fully) open."""
    found: list[Difference] = []
    present: set[str] = set()
    for flow in flows:
        present |= {flow.source, flow.target}
        rows = [row for row in table if (row.source, row.target) == (flow.source, flow.target)]
        extra = flow.ports - union(row.ports for row in rows)
        if extra:
            found.append(Difference("unexpected", flow.source, flow.target, extra, _openers(flow, extra)))
        for seed, open_ in ((True, flow.ours), (False, flow.everywhere)):
            lacking = union(r.ports for r in rows if r.required and r.seed == seed) - open_
            if lacking:
                causes = _closers(flow, lacking, ours=seed)
                found.append(Difference("missing", flow.source, flow.target, lacking, causes))
    for row in table:
        if row.required and (absent := {row.source, row.target} - present):
            cause = Cause("", f"the stack has no {' and no '.join(sorted(absent))}")
            found.append(Difference("missing", row.source, row.target, row.ports, (cause,)))
    return found


def _openers(flow: Flow, extra: Ports) -> tuple[Cause, ...]:
    """Every permit on the way that lets some of it through; those that no resource is to blame for are left out."""
    causes = [
        Cause(permit.urn, permit.text)
        for path in flow.paths
        if path.open() & extra
        for gate in path.gates
        for permit in gate.permits
        if permit.ports & extra and permit.urn
    ]
    return tuple(dict.fromkeys(causes))


def _closers(flow: Flow, lacking: Ports, *, ours: bool) -> tuple[Cause, ...]:
    if not flow.paths:
        return (Cause("", f"there is no way from {flow.source} to {flow.target}"),)
    causes = [
        Cause(gate.urn, f"{gate.text}: {closed} is closed, or open for some addresses only")
        for path in flow.paths
        for gate in path.gates
        if (closed := lacking - gate.open(everywhere=True, ours=ours))
    ]
    return tuple(dict.fromkeys(causes))


PRIVATE = [IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]


def meets(block: IPv4Network, place: IPv4Network | None) -> tuple[bool, bool]:
    """Whether a block has addresses of a place, and whether it has all; None is the public internet."""
    if place is None:
        some = not any(block.subnet_of(private) for private in PRIVATE)
        return some, some and block.prefixlen == 0
    return block.overlaps(place), place.subnet_of(block)
