"""The dated snapshot of list prices: `prices/<date>.json`, the newest of the package's and the user's own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runbook.cost.model import UnknownPrice
from runbook.errors import UsageError

PACKAGED = Path(__file__).parent / "prices"
STALE_DAYS = 90
GLOBAL = "global"


class Price(BaseModel):
    """`usd` for `per` units, in one region, as `source` said it on `date`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    region: str
    usd: Annotated[float, Field(ge=0)]
    unit: str
    per: Annotated[float, Field(gt=0)] = 1
    source: Annotated[str, Field(min_length=8)]
    date: date

    @property
    def hourly(self) -> bool:
        return self.unit.endswith("hour")

    @property
    def from_memory(self) -> bool:
        return self.source.startswith("from memory")


class Snapshot(BaseModel):
    """Prices by item and region; a region without its own price has the global one, if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    date: date
    currency: str = "USD"
    prices: list[Price]

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Price]:
        return {(price.item, price.region): price for price in self.prices}

    def price(self, item: str, region: str) -> Price:
        """UnknownPrice names what is missing and what there is instead."""
        found = self._by_key.get((item, region)) or self._by_key.get((item, GLOBAL))
        if found is None:
            family = item.rsplit(".", 1)[0]
            known = sorted(
                p.item for p in self.prices if p.item.startswith(family + ".") and p.region == region
            )
            raise UnknownPrice(
                f"no price for {item} in {region} in the snapshot of {self.date}",
                meaning="the cost cannot be stated; nothing else is affected",
                next_step=f"add it to runbook/cost/prices, or use one of {', '.join(known) or 'the regions it has'}",
            )
        return found

    def age_days(self, on: date) -> int:
        return (on - self.date).days

    def older(self) -> list[Price]:
        """Prices that are older than the snapshot: carried over, because no public list was asked for them."""
        return [price for price in self.prices if price.date < self.date]

    def text(self) -> str:
        """As a file: one price a line, so that a diff shows what changed."""
        rows = [
            json.dumps(p.model_dump(mode="json"), ensure_ascii=False) for p in sorted(self.prices, key=_key)
        ]
        body = ",\n".join("  " + row for row in rows)
        return f'{{\n "date": "{self.date}",\n "currency": "{self.currency}",\n "prices": [\n{body}\n ]\n}}\n'


def _key(price: Price) -> tuple[str, str]:
    return price.item, price.region


def own_directory() -> Path:
    """Where a refreshed snapshot goes: into the clone when this is one, else to the user's data."""
    clone = Path(__file__).parents[2]
    if (clone / "pyproject.toml").exists() and os.access(PACKAGED, os.W_OK):
        return PACKAGED
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "planb" / "prices"


def load(directories: Iterable[Path] | None = None) -> Snapshot:
    """The newest snapshot there is."""
    places = list(directories) if directories is not None else [PACKAGED, own_directory()]
    files = sorted({path for place in places for path in place.glob("*.json")}, key=lambda path: path.stem)
    if not files:
        raise UsageError(
            f"no price snapshot in {', '.join(map(str, places))}", next_step="planb cost --refresh"
        )
    try:
        return Snapshot.model_validate_json(files[-1].read_text(encoding="utf-8"))
    except (ValidationError, ValueError) as error:
        raise UsageError(
            f"{files[-1]} is not a price snapshot: {str(error).splitlines()[0]}",
            next_step="mend or remove it; planb cost --refresh writes a new one",
        ) from None
