"""Extended Support: until when a version is supported for nothing, from the dated table support.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from runbook.cost.model import UnknownPrice


@dataclass(frozen=True)
class Support:
    """One version's dates. `year3_from` is when the price of Extended Support rises, where it does."""

    product: str
    version: str
    standard_until: date
    extended_until: date | None
    year3_from: date | None
    source: str

    def charged(self, on: date) -> bool:
        """Whether Extended Support is billed that day."""
        return on > self.standard_until

    def dear(self, on: date) -> bool:
        return self.year3_from is not None and on >= self.year3_from


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "support.toml").read_text(encoding="utf-8"))


def of(product: str, version: str) -> Support | None:
    """The dates of the version's release line (8.0.39 is of 8.0); None when the table does not have it."""
    for row in _table()["support"]:
        line = str(row["version"])
        if row["product"] == product and (version == line or version.startswith(line + ".")):
            return Support(
                product,
                line,
                row["standard_until"],
                row.get("extended_until"),
                row.get("year3_from"),
                row["source"],
            )
    return None


def vcpus(size: str) -> int:
    """Virtual CPUs of a database size; UnknownPrice when the table does not have it."""
    found = _table()["vcpus"].get(size)
    if found is None:
        raise UnknownPrice(
            f"nobody has said how many vCPUs {size} has",
            meaning="Extended Support is charged by the vCPU, so its cost cannot be stated",
            next_step="add it to runbook/cost/support.toml",
        )
    return int(found)
