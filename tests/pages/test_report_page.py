"""The drill report in a real browser: it draws, fits a phone, asks nobody, and prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from runbook.drill.report import write
from tests.unit.drill.sample import OUTAGE, report


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_report_opens(browser: Browser, tmp_path: Path, width: int, scheme: str) -> None:
    page_file = write(report(), tmp_path, OUTAGE - 60)
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(page_file.as_uri())
    assert asked == [page_file.as_uri()]
    assert troubles == []
    assert page.locator("svg.chart").count() == 2
    assert page.locator("svg.chart rect.critical").count() == 6
    assert "Passed" in page.locator(".verdict").inner_text()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, "the page scrolls sideways"
    picture = page.screenshot(full_page=True, path=str(tmp_path / "report.png"))
    assert len(picture) > 20_000
    page.close()


def test_report_prints(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(write(report(), tmp_path, OUTAGE - 60).as_uri())
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    page.close()
