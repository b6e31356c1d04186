"""States in the shape that the engine exports, and a stack priced with the packaged snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from runbook.cost import snapshot, walk
from runbook.cost.model import Line, Sheet
from runbook.cost.usage import Usage

ON = date(2026, 11, 25)
SEOUL = "ap-northeast-2"
PRICES = snapshot.load([snapshot.PACKAGED])
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}


def made(kind: str, name: str = "it", /, *, id_: str = "", **properties: Any) -> dict[str, Any]:
    """One resource of a state; its properties are outputs."""
    cloud = {"location": "koreacentral"} if kind.startswith("azure-native:") else {"region": SEOUL}
    return {
        "urn": f"urn:pulumi:stack::planb::{kind}::{name}",
        "type": kind,
        "custom": True,
        "id": id_ or f"{name}-id",
        "inputs": {},
        "outputs": {**cloud, **properties},
    }


def bill(
    *entries: Mapping[str, Any], on: date = ON, facts: Mapping[str, Any] | None = None, **usage: Any
) -> Sheet:
    return walk.sheet(entries, PRICES, Usage.model_validate(usage), on, facts)


def lines(*entries: Mapping[str, Any], **more: Any) -> list[Line]:
    """All charges; everything must be priced."""
    found = bill(*entries, **more)
    assert found.unpriced == []
    return found.lines


def month(*entries: Mapping[str, Any], rows: tuple[str, ...] | None = None, **more: Any) -> float:
    found = bill(*entries, **more)
    assert found.unpriced == []
    return found.month_usd(rows)


def usd(item: str, region: str = SEOUL) -> float:
    """What one unit costs."""
    price = PRICES.price(item, region)
    return price.usd / price.per
