"""What pricing a stack gives: lines with money, and what could not be priced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from runbook.errors import PlanBError

HOURS = 730
"""The month that both clouds' calculators reckon with."""


class UnknownPrice(PlanBError):
    """Something deployed that the price snapshot does not know; no sum is made up for it."""


@dataclass(frozen=True)
class Line:
    """One charge of one resource. `hour_usd` runs while it exists, `month_usd` is billed by the month or by use."""

    resource: str
    kind: str
    """The resource's type token."""
    row: str
    """Key of the row of the table (tables.toml) that it belongs to."""
    label: str
    quantity: float
    unit: str
    hour_usd: float = 0.0
    month_usd: float = 0.0
    least: float | None = None
    """Fewest and most of it that autoscaling may have, where the quantity is today's."""
    most: float | None = None

    @property
    def month_total_usd(self) -> float:
        return self.hour_usd * HOURS + self.month_usd

    @property
    def hour_total_usd(self) -> float:
        return self.month_total_usd / HOURS

    @property
    def basis(self) -> str:
        return counted(self.quantity, self.unit, self.label)

    @property
    def range_usd(self) -> tuple[float, float]:
        """A month at the fewest and at the most that autoscaling may have."""
        if self.least is None or self.most is None or not self.quantity:
            return self.month_total_usd, self.month_total_usd
        one = self.month_total_usd / self.quantity
        return one * self.least, one * self.most


@dataclass(frozen=True)
class Unpriced:
    """A resource whose charge is not known: an error, never zero."""

    resource: str
    kind: str
    why: str


@dataclass
class Sheet:
    """All charges of one stack."""

    lines: list[Line] = field(default_factory=list[Line])
    unpriced: list[Unpriced] = field(default_factory=list[Unpriced])
    notes: list[str] = field(default_factory=list[str])

    def month_usd(self, rows: Iterable[str] | None = None) -> float:
        """A month of the given rows, or of all."""
        wanted = None if rows is None else set(rows)
        return sum(line.month_total_usd for line in self.lines if wanted is None or line.row in wanted)


COUNTED = ("request", "query", "read", "invocation", "operation", "notification", "observation")
"""Units whose label says what is counted."""


def counted(quantity: float, unit: str, label: str) -> str:
    """ "4 × t3.medium node", "30 GB EBS gp3", "51,840 writes of backups"."""
    if unit in COUNTED:
        return f"{amount(quantity)} {label}"
    return f"{amount(quantity)} GB {label}" if unit.startswith("GB") else f"{amount(quantity)} × {label}"


def amount(value: float) -> str:
    """A quantity as people write it: 2, 0.5, 51,840, 1.2 million."""
    if value >= 1e6:
        return f"{value / 1e6:,.4g} million"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
