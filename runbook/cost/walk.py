"""From a stack's resources to charges: a function for each priced type, a list of free ones, an error for the rest."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from runbook.cost.model import Line, Sheet, UnknownPrice, Unpriced
from runbook.cost.snapshot import Snapshot
from runbook.cost.state import Resource, Stack
from runbook.cost.usage import Usage

HERE = Path(__file__).parent
Pricer = Callable[["Bill", Resource], Iterator[Line]]
PRICERS: dict[str, Pricer] = {}
MODULES = ("aws_compute", "aws_data", "aws_network", "aws_watch", "azure", "inside")


def priced(*kinds: str) -> Callable[[Pricer], Pricer]:
    """Registers what prices these types."""

    def register(pricer: Pricer) -> Pricer:
        for kind in kinds:
            assert kind not in PRICERS, f"{kind} is priced twice"
            PRICERS[kind] = pricer
        return pricer

    return register


@dataclass
class Bill:
    """What a pricer may use: its stack, the prices, the usage, the day, and the other stack's outputs."""

    stack: Stack
    prices: Snapshot
    usage: Usage
    on: date
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Outputs of both stacks: how often production backs up is not in the standby's state."""
    notes: list[str] = field(default_factory=list[str])

    def line(
        self,
        resource: Resource,
        row: str,
        label: str,
        quantity: float,
        item: str,
        *,
        span: tuple[float, float] | None = None,
        region: str | None = None,
    ) -> Line:
        """`quantity` units of `item` at the price of the resource's region; hours are a whole month's."""
        price = self.prices.price(item, region or self.stack.region_of(resource))
        usd = quantity / price.per * price.usd
        return Line(
            resource=resource.name,
            kind=resource.kind,
            row=row,
            label=label,
            quantity=quantity,
            unit=price.unit,
            hour_usd=usd if price.hourly else 0.0,
            month_usd=0.0 if price.hourly else usd,
            least=span and span[0],
            most=span and span[1],
        )

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@cache
def free_types() -> dict[str, str]:
    """Types (or patterns) that cost nothing by themselves, each with the reason (free.toml)."""
    found = tomllib.loads((HERE / "free.toml").read_text(encoding="utf-8"))
    return {kind: group["why"] for group in found["free"] for kind in group["types"]}


@cache
def _pricers() -> dict[str, Pricer]:
    for module in MODULES:
        importlib.import_module(f"runbook.cost.{module}")
    return PRICERS


def pricer_of(kind: str) -> Pricer | None:
    return _pricers().get(kind)


def is_free(kind: str) -> bool:
    return any(fnmatchcase(kind, pattern) for pattern in free_types())


def known(kind: str) -> bool:
    """Whether the type is priced or known to be free."""
    return pricer_of(kind) is not None or is_free(kind)


def sheet(
    entries: Iterable[Mapping[str, Any]],
    prices: Snapshot,
    usage: Usage,
    on: date,
    facts: Mapping[str, Any] | None = None,
) -> Sheet:
    """Everything that the resources of an exported state (`deployment.resources`) cost."""
    stack = Stack(entries)
    bill = Bill(stack, prices, usage, on, {**(facts or {}), **stack.outputs})
    found = Sheet(notes=bill.notes)
    for resource in stack.resources:
        pricer = pricer_of(resource.kind)
        try:
            if pricer is not None:
                found.lines += pricer(bill, resource)
            elif not is_free(resource.kind):
                found.unpriced.append(
                    Unpriced(resource.name, resource.kind, "neither priced nor known to be free")
                )
        except UnknownPrice as error:
            found.unpriced.append(Unpriced(resource.name, resource.kind, error.what))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            # A shape that no pricer expected must not pass for nothing.
            found.unpriced.append(Unpriced(resource.name, resource.kind, f"cannot be read: {error!r}"))
    return found
