"""Sets of ports, by protocol."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook.errors import Refused

TCP, UDP, ICMP, OTHER = range(4)
NAMES = ("tcp", "udp", "icmp", "other")
NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp"}
COUNT = 65536
_FULL = (1 << COUNT) - 1


class Unmodelled(Refused):
    """The state has something whose effect on reachability this package does not know."""

    def __init__(self, what: str, urn: str) -> None:
        super().__init__(
            what,
            resource=urn.rsplit("::", 1)[-1],
            meaning="the matrix would be a guess, so there is none",
            next_step="teach runbook/reachability what it does, or take it away",
        )


@dataclass(frozen=True)
class Ports:
    """One bit a port and protocol; what has no ports (ICMP, other protocols) is whole or absent."""

    masks: tuple[int, ...] = (0,) * len(NAMES)

    def __or__(self, other: Ports) -> Ports:
        return Ports(tuple(a | b for a, b in zip(self.masks, other.masks, strict=True)))

    def __and__(self, other: Ports) -> Ports:
        return Ports(tuple(a & b for a, b in zip(self.masks, other.masks, strict=True)))

    def __sub__(self, other: Ports) -> Ports:
        return Ports(tuple(a & ~b for a, b in zip(self.masks, other.masks, strict=True)))

    def __bool__(self) -> bool:
        return any(self.masks)

    def __str__(self) -> str:
        return ", ".join(self.labels()) or "nothing"

    def labels(self) -> list[str]:
        """["tcp 80", "tcp 8000-8080", "udp 53", "icmp"]; ["all"] for everything."""
        if self == ALL:
            return ["all"]
        found: list[str] = []
        for name, mask in zip(NAMES, self.masks, strict=True):
            if mask == _FULL:
                found.append(name)
                continue
            for low, high in _runs(mask):
                found.append(f"{name} {low}" + (f"-{high}" if high > low else ""))
        return found


def _runs(mask: int) -> Iterable[tuple[int, int]]:
    low = 0
    while mask:
        gap = (mask & -mask).bit_length() - 1
        mask >>= gap
        length = (~mask & (mask + 1)).bit_length() - 1
        yield low + gap, low + gap + length - 1
        mask >>= length
        low += gap + length


ALL = Ports((_FULL, _FULL, _FULL, _FULL))


def union(many: Iterable[Ports]) -> Ports:
    found = Ports()
    for one in many:
        found |= one
    return found


def ports(protocol: str, low: int = 0, high: int | None = None) -> Ports:
    """Ports `low` to `high` (one port without it) of "tcp" or "udp"."""
    high = low if high is None else high
    masks = [0, 0, 0, 0]
    masks[NAMES.index(protocol)] = ((1 << (high - low + 1)) - 1) << low
    return Ports(tuple(masks))


def tcp(*numbers: int) -> Ports:
    return union(ports("tcp", number) for number in numbers)


def of_rule(protocol: str, low: int | None, high: int | None, urn: str) -> Ports:
    """The ports of a security group's rule: "-1" is everything; ports count for tcp and udp only."""
    name = NUMBERS.get(protocol, protocol).lower()
    if name == "-1":
        return ALL
    if name in ("tcp", "udp"):
        first = 0 if low is None or low < 0 else low
        last = COUNT - 1 if high is None or high < 0 else high
        return ports(name, first, last)
    if name == "icmp" and low not in (None, -1):
        raise Unmodelled(f"a rule for ICMP type {low}: only all of ICMP is understood", urn)
    masks = [0, 0, 0, 0]
    masks[ICMP if name == "icmp" else OTHER] = _FULL
    return Ports(tuple(masks))
