"""`--refresh` against a local server with price lists in the shape of the real ones; the internet is not asked.

Shapes: AWS's bulk lists (region_index.json, then CSV: five lines about the file, then SKU …), Azure's Retail Prices
API (Items, NextPageLink): https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-bulk-api.html,
https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from runbook.cost import refresh, snapshot
from runbook.cost.snapshot import Price, Snapshot

TODAY = date(2026, 12, 24)
OLD = Snapshot(
    date=date(2026, 11, 25),
    prices=[
        Price(
            item=item,
            region=region,
            usd=usd,
            unit=unit,
            per=per,
            source="an old page",
            date=date(2026, 10, 1),
        )
        for item, region, usd, unit, per in (
            ("azure.blob.write", "koreacentral", 0.05, "operation", 10_000),
            ("cloudfront.request", "global", 0.012, "request", 10_000),
            ("dashboard", "global", 3.0, "dashboard-month", 1),
            ("ec2.t3.medium", "ap-northeast-2", 0.052, "hour", 1),
            ("nat.gb", "ap-northeast-2", 0.059, "GB", 1),
        )
    ],
)
QUERIES = """
[[aws]]
offer = "AmazonEC2"
region = "ap-northeast-2"
where = { operation = "RunInstances", tenancy = "Shared" }
items = { "ec2.t3.medium" = "APN2-BoxUsage:t3.medium" }
[[aws]]
offer = "AmazonEC2"
region = "ap-northeast-2"
items = { "nat.gb" = "APN2-NatGateway-Bytes" }
[[aws]]
offer = "AmazonCloudFront"
region = "global"
items = { "cloudfront.request" = "AP-Requests-Tier2-HTTPS" }
[[azure]]
item = "azure.blob.write"
region = "koreacentral"
where = { serviceName = "Storage", meterName = "Hot LRS Write Operations" }
unit = "10K"
of = 10000
"""
ABOUT = (
    '"FormatVersion","v1.0"\n"Disclaimer","This pricing list is for informational purposes only."\n'
    '"Publication Date","2026-12-20T16:02:58Z"\n"Version","20261220160258"\n"OfferCode","AmazonEC2"\n'
)
COLUMNS = (
    '"SKU","OfferTermCode","RateCode","TermType","PriceDescription","EffectiveDate","StartingRange","EndingRange",'
    '"Unit","PricePerUnit","Currency","Product Family","serviceCode","Tenancy","usageType","operation","Region Code"\n'
)


def row(
    usage: str, usd: str, *, start: str = "0", operation: str = "", tenancy: str = "", term: str = "OnDemand"
) -> str:
    about = f"${usd} per unit, with a comma"
    cells = [
        "SKU1",
        "T",
        "R",
        term,
        about,
        "2026-12-01",
        start,
        "Inf",
        "Hrs",
        usd,
        "USD",
        "F",
        "S",
        tenancy,
        usage,
    ]
    return ",".join(f'"{cell}"' for cell in [*cells, operation, "ap-northeast-2"]) + "\n"


def azure(price: float, **more: Any) -> dict[str, Any]:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": "koreacentral",
        "meterName": "Hot LRS Write Operations",
        "serviceName": "Storage",
        "unitOfMeasure": "10K",
        "type": "Consumption",
        **more,
    }


@dataclass
class Lists:
    """The two price lists, as a server gives them."""

    url: str = ""
    documents: dict[str, str] = field(default_factory=dict[str, str])
    pages: list[list[dict[str, Any]]] = field(default_factory=list[list[dict[str, Any]]])
    failures: int = 0
    """So many first answers are 503."""
    cut: bool = False
    """Lists end in the middle."""
    asked: list[str] = field(default_factory=list[str])

    def csv(self, path: str, *rows: str) -> None:
        self.documents[path] = ABOUT + COLUMNS + "".join(rows)

    def answer(self, path: str, query: dict[str, list[str]]) -> str | None:
        self.asked.append(path)
        if path == "/azure":
            at = int(query.get("page", ["0"])[0])
            more = f"{self.url}/azure?page={at + 1}" if at + 1 < len(self.pages) else None
            return json.dumps({"BillingCurrency": "USD", "Items": self.pages[at], "NextPageLink": more})
        return self.documents.get(path)


EC2 = "/offers/v1.0/aws/AmazonEC2/20261220160258/ap-northeast-2/index.csv"
EDGE = "/offers/v1.0/aws/AmazonCloudFront/current/index.csv"


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lists]:
    found = Lists()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = found.answer(parts.path, parse_qs(parts.query))
            status = 200 if body is not None else 404
            if found.failures:
                found.failures -= 1
                body, status = "busy", 503
            data = (body or "").encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if found.cut else data)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(refresh, "AWS_URL", found.url)
    monkeypatch.setattr(refresh, "AZURE_URL", f"{found.url}/azure")
    monkeypatch.setattr(refresh, "WAIT_S", 0.001)
    index = {
        "formatVersion": "v1.0",
        "regions": {"ap-northeast-2": {"currentVersionUrl": EC2.replace("csv", "json")}},
    }
    found.documents["/offers/v1.0/aws/AmazonEC2/current/region_index.json"] = json.dumps(index)
    found.csv(
        EC2,
        row("APN2-BoxUsage:t3.medium", "0.0546", operation="RunInstances", tenancy="Shared"),
        row("APN2-BoxUsage:t3.medium", "0.0730", operation="RunInstances:0002", tenancy="Shared"),
        row("APN2-BoxUsage:t3.medium", "0.0326", operation="RunInstances", tenancy="Shared", term="Reserved"),
        row("APN2-NatGateway-Bytes", "0.059"),
    )
    found.csv(
        EDGE,
        row("AP-Requests-Tier2-HTTPS", "0", start="0"),
        row("AP-Requests-Tier2-HTTPS", "0.0000013", start="10000000"),
    )
    found.pages = [[azure(0.0)], [azure(0.055), azure(0.0531, tierMinimumUnits=100.0)]]
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.toml"
    path.write_text(QUERIES, encoding="utf-8")
    return path


def test_new_prices_in_our_units(lists: Lists, queries: Path, tmp_path: Path) -> None:
    new = refresh.ask(OLD, TODAY, queries=queries)
    assert {price.item: price.usd for price in new.prices} == pytest.approx(
        {
            "azure.blob.write": 0.055,  # the first tier that costs, from the second page
            "cloudfront.request": 0.013,  # for ten thousand, past the free tier
            "dashboard": 3.0,
            "ec2.t3.medium": 0.0546,  # on demand, Linux
            "nat.gb": 0.059,
        }
    )
    assert {price.item for price in new.older()} == {"dashboard"}, "nobody was asked: it keeps its date"
    assert EC2 in new.price("ec2.t3.medium", "ap-northeast-2").source
    changed = refresh.changes(OLD, new)
    assert [change["item"] for change in changed] == [
        "azure.blob.write",
        "cloudfront.request",
        "ec2.t3.medium",
    ]
    path = refresh.write(new, tmp_path / "own")
    assert path.name == "2026-12-24.json" and snapshot.load([tmp_path / "own"]) == new
    assert [found.name for found in path.parent.iterdir()] == [path.name], "nothing half-written is left"


def test_a_busy_server_is_asked_again(lists: Lists, queries: Path) -> None:
    lists.failures = 2
    assert refresh.ask(OLD, TODAY, queries=queries).price("nat.gb", "ap-northeast-2").date == TODAY


def test_a_server_that_stays_busy(lists: Lists, queries: Path) -> None:
    lists.failures = 1000
    with pytest.raises(refresh.Incomplete, match="answers 503") as caught:
        refresh.ask(OLD, TODAY, queries=queries)
    assert len(lists.asked) == refresh.ATTEMPTS and "snapshot" in caught.value.meaning


def test_a_list_that_breaks_off_is_no_list(lists: Lists, queries: Path) -> None:
    lists.cut = True
    with pytest.raises(refresh.Incomplete, match="cannot be read"):
        refresh.ask(OLD, TODAY, queries=queries)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda it: it.csv(EC2, row("APN2-NatGateway-Bytes", "0.059")), "BoxUsage:t3.medium is not in"),
        (lambda it: it.csv(EDGE), "AP-Requests-Tier2-HTTPS is not in"),
        (
            lambda it: it.csv(EDGE, *(row("AP-Requests-Tier2-HTTPS", usd) for usd in ("0.001", "0.002"))),
            "has 2 prices",
        ),
        (
            lambda it: it.documents.update({EDGE: "<html>Sign in to the hotel's network</html>"}),
            "not a price list",
        ),
        (lambda it: it.documents.pop(EC2), "answers 404"),
        (
            lambda it: it.documents.update({"/offers/v1.0/aws/AmazonEC2/current/region_index.json": "{}"}),
            "no price list of AmazonEC2 in ap-northeast-2",
        ),
        (lambda it: it.pages.__setitem__(slice(None), [[]]), "no meter for"),
        (lambda it: it.pages[1].append(azure(0.9)), "2 meters for"),
        (lambda it: it.pages[1].__setitem__(0, azure(0.055, unitOfMeasure="100K")), "its unit is"),
    ],
)
def test_an_incomplete_answer_writes_nothing(
    lists: Lists, queries: Path, spoil: Callable[[Lists], None], says: str
) -> None:
    spoil(lists)
    with pytest.raises(refresh.Incomplete, match=says):
        refresh.ask(OLD, TODAY, queries=queries)


def test_without_the_internet(monkeypatch: pytest.MonkeyPatch, queries: Path) -> None:
    monkeypatch.setattr(refresh, "AWS_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(refresh, "WAIT_S", 0.001)
    with pytest.raises(refresh.Incomplete, match="cannot be read") as caught:
        refresh.ask(OLD, TODAY, queries=queries)
    assert "reaches the internet" in caught.value.next_step


def test_what_is_asked_is_in_the_snapshot() -> None:
    """A query for a price that nobody uses would be asked for nothing, or its name is misspelt."""
    import tomllib

    from .conftest import PRICES

    wanted = tomllib.loads((Path(refresh.__file__).parent / "queries.toml").read_text(encoding="utf-8"))
    asked = [(item, group["region"]) for group in wanted["aws"] for item in group["items"]]
    asked += [(query["item"], query["region"]) for query in wanted["azure"]]
    assert len(asked) == len(set(asked)) > 50
    known = {(price.item, price.region) for price in PRICES.prices}
    assert set(asked) <= known


def test_where_a_snapshot_goes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert snapshot.own_directory() == snapshot.PACKAGED, "this is a clone"
    installed = tmp_path / "lib" / "runbook" / "cost" / "snapshot.py"
    monkeypatch.setattr(snapshot, "__file__", str(installed))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert snapshot.own_directory() == tmp_path / "data" / "planb" / "prices"


def test_the_newest_snapshot_counts(tmp_path: Path) -> None:
    refresh.write(OLD, tmp_path)
    assert snapshot.load([snapshot.PACKAGED, tmp_path]).date == OLD.date
    newer = OLD.model_copy(update={"date": TODAY})
    refresh.write(newer, tmp_path)
    assert snapshot.load([snapshot.PACKAGED, tmp_path]).date == TODAY


def test_a_broken_snapshot_is_named(tmp_path: Path) -> None:
    from runbook.errors import UsageError

    (tmp_path / "2027-01-01.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"2027-01-01\.json is not a price snapshot"):
        snapshot.load([tmp_path])
    with pytest.raises(UsageError, match="no price snapshot"):
        snapshot.load([tmp_path / "empty"])
