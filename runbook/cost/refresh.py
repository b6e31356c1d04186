"""A new price snapshot from the clouds' public price lists: all that was asked for, or nothing is written."""

from __future__ import annotations

import csv
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import requests
import tenacity

from runbook.cost import snapshot
from runbook.cost.snapshot import GLOBAL, Price, Snapshot
from runbook.errors import PlanBError

AWS_URL = "https://pricing.us-east-1.amazonaws.com"
AZURE_URL = "https://prices.azure.com/api/retail/prices"
AZURE_API = "2023-01-01-preview"
TIMEOUT_S = (5, 60)
ATTEMPTS = 4
WAIT_S = 1.0
MOST_PAGES = 50
CHUNK = 1 << 16

Say = Callable[[str], None]
Key = tuple[str, str]
T = TypeVar("T")


class Incomplete(PlanBError):
    """A price list did not answer, or not with exactly one price for each that was asked."""


class _Passing(Exception):
    """A fault that another attempt may not meet."""


@dataclass(frozen=True)
class Found:
    """A list's price for `of` units, and where it stood."""

    usd: float
    of: float
    source: str


def ask(old: Snapshot, today: date, say: Say = lambda text: None, queries: Path | None = None) -> Snapshot:
    """`old` with today's prices for everything that queries.toml knows how to ask; Incomplete names what is missing."""
    path = queries or Path(__file__).parent / "queries.toml"
    wanted = tomllib.loads(path.read_text(encoding="utf-8"))
    found: dict[Key, Found] = {}
    lacking: list[str] = []
    with requests.Session() as session:
        for group in wanted.get("aws", []):
            say(f"AWS {group['offer']} in {group['region']} …")
            _collect(_aws(session, group), found, lacking)
        for query in wanted.get("azure", []):
            say(f"Azure {query['item']} in {query['region']} …")
            _collect([((query["item"], query["region"]), _azure(session, query))], found, lacking)
    if lacking:
        raise Incomplete(
            f"the price lists did not give every price: {'; '.join(lacking)}",
            meaning=f"nothing was written; the snapshot of {old.date} stays",
            next_step="try again later; if a price has moved for good, mend runbook/cost/queries.toml",
        )
    return Snapshot(date=today, currency=old.currency, prices=[_renewed(p, found, today) for p in old.prices])


def _renewed(price: Price, found: Mapping[Key, Found], today: date) -> Price:
    new = found.get((price.item, price.region))
    if new is None:
        return price
    usd = round(new.usd * price.per / new.of, 12)
    return price.model_copy(update={"usd": usd, "date": today, "source": new.source})


def _collect(answers: Iterable[tuple[Key, Found | str]], found: dict[Key, Found], lacking: list[str]) -> None:
    for key, answer in answers:
        if isinstance(answer, str):
            lacking.append(f"{key[0]} ({answer})")
        else:
            found[key] = answer


def _aws(session: requests.Session, group: Mapping[str, Any]) -> list[tuple[Key, Found | str]]:
    """Reads a region's list once, row by row: that of EC2 is hundreds of megabytes."""
    region, offer = str(group["region"]), str(group["offer"])
    by_usage = {usage: item for item, usage in group["items"].items()}
    where = {_plain(name): value for name, value in group.get("where", {}).items()}

    def read() -> tuple[str, dict[str, list[dict[str, str]]]]:
        url = _aws_list(session, offer, region)
        rows: dict[str, list[dict[str, str]]] = {}
        with _get(session, url, stream=True) as answer:
            for row in _csv(answer):
                # A column that this list leaves empty says nothing (storage is for every engine).
                fits = all(row.get(name) in (value, "", "Any", None) for name, value in where.items())
                if fits and row.get("usagetype") in by_usage and row.get("termtype") == "OnDemand":
                    rows.setdefault(row["usagetype"], []).append(row)
        return url, rows

    url, rows = _patient(read)
    return [
        (
            (item, region),
            _first_tier(rows.get(usage, []), usage, url, float(group.get("of", {}).get(item, 1))),
        )
        for usage, item in by_usage.items()
    ]


def _aws_list(session: requests.Session, offer: str, region: str) -> str:
    if region == GLOBAL:
        return f"{AWS_URL}/offers/v1.0/aws/{offer}/current/index.csv"
    index = _json(_get(session, f"{AWS_URL}/offers/v1.0/aws/{offer}/current/region_index.json"))
    try:
        return AWS_URL + str(index["regions"][region]["currentVersionUrl"]).removesuffix(".json") + ".csv"
    except (KeyError, TypeError):
        raise Incomplete(f"AWS has no price list of {offer} in {region}") from None


def _csv(answer: requests.Response) -> Iterator[dict[str, str]]:
    """The rows under the line that begins with SKU; names of columns without blanks and case (AWS writes both)."""
    answer.encoding = "utf-8"
    lines = (str(line) for line in answer.iter_lines(chunk_size=CHUNK, decode_unicode=True))
    header: list[str] | None = None
    for cells in csv.reader(lines):
        if header is not None:
            yield dict(zip(header, cells, strict=False))
        elif cells and cells[0] == "SKU":
            header = [_plain(cell) for cell in cells]
    if header is None:
        raise _Passing(f"{answer.url} is not a price list")


def _plain(name: str) -> str:
    return name.replace(" ", "").lower()


def _first_tier(rows: list[dict[str, str]], usage: str, url: str, of: float) -> Found | str:
    """The price of the first tier that costs anything; the tiers below it are the free ones."""
    paid = [row for row in rows if float(row["priceperunit"]) > 0 and row.get("currency") == "USD"]
    if not paid:
        return f"{usage} is not in {url}"
    start = min(float(row.get("startingrange") or 0) for row in paid)
    prices = {float(row["priceperunit"]) for row in paid if float(row.get("startingrange") or 0) == start}
    if len(prices) > 1:
        return f"{usage} has {len(prices)} prices in {url}"
    return Found(prices.pop(), of, f"{url} ({usage})")


def _azure(session: requests.Session, query: Mapping[str, Any]) -> Found | str:
    where = {"armRegionName": query["region"], "priceType": "Consumption", **query["where"]}
    terms = " and ".join(f"{name} eq '{value}'" for name, value in where.items())

    def read() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        url: str | None = AZURE_URL
        parameters: dict[str, str] | None = {"api-version": AZURE_API, "$filter": terms}
        for _ in range(MOST_PAGES):
            page = _json(_get(session, str(url), params=parameters))
            rows += page["Items"]
            url, parameters = page.get("NextPageLink"), None
            if not url:
                return rows
        raise Incomplete(f"Azure's answer for {terms} does not end")

    rows = [row for row in _patient(read) if row["retailPrice"] > 0 and row.get("type") == "Consumption"]
    if not rows:
        return f"no meter for {terms}"
    units = {str(row["unitOfMeasure"]) for row in rows}
    if units != {query["unit"]}:
        return f"its unit is {', '.join(sorted(units))}, not {query['unit']}"
    start = min(float(row["tierMinimumUnits"]) for row in rows)
    prices = {float(row["retailPrice"]) for row in rows if float(row["tierMinimumUnits"]) == start}
    if len(prices) > 1:
        return f"{len(prices)} meters for {terms}"
    return Found(prices.pop(), float(query.get("of", 1)), f"{AZURE_URL} ({terms})")


def _get(session: requests.Session, url: str, **more: Any) -> requests.Response:
    answer = session.get(url, timeout=TIMEOUT_S, **more)
    if answer.status_code == 429 or answer.status_code >= 500:
        raise _Passing(f"{url} answers {answer.status_code}")
    if answer.status_code != 200:
        raise Incomplete(f"{url} answers {answer.status_code}", meaning="nothing was written")
    return answer


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise _Passing(f"{answer.url} is not JSON") from None


def _patient(work: Callable[[], T]) -> T:
    """Tries again what may pass: a broken connection, a half answer, a busy server."""
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=WAIT_S, max=20),
        retry=tenacity.retry_if_exception_type((_Passing, requests.RequestException)),
        reraise=True,
    )
    try:
        return retrying(work)
    except (_Passing, requests.RequestException, csv.Error, KeyError, TypeError, ValueError) as error:
        raise Incomplete(
            f"a price list cannot be read: {error}",
            meaning="nothing was written; the snapshot that is there stays",
            next_step="check that this machine reaches the internet, then try again",
        ) from None


def changes(old: Snapshot, new: Snapshot) -> list[dict[str, Any]]:
    """What is dearer or cheaper than before."""
    return [
        {
            "item": after.item,
            "region": after.region,
            "before": before.usd,
            "after": after.usd,
            "unit": after.unit if after.per == 1 else f"{after.per:,.0f} {after.unit}s",
        }
        for before, after in zip(old.prices, new.prices, strict=True)
        if abs(before.usd - after.usd) > 1e-12
    ]


def write(new: Snapshot, directory: Path | None = None) -> Path:
    """Whole or not at all."""
    place = directory or snapshot.own_directory()
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{new.date}.json"
    half = place / f".{new.date}.{os.getpid()}"
    try:
        half.write_text(new.text(), encoding="utf-8")
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    return path
