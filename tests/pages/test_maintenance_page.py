"""The maintenance page in a real browser: readable, quiet, and gone by itself when the service is back."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "site" / "maintenance" / "index.html").read_text(encoding="utf-8")
HEADLINE = "시스템 점검 중입니다"
BACK = "<!doctype html><html lang=ko><link rel=icon href='data:,'><title>bank</title><h1>계좌 조회</h1>"
FORM = "<!doctype html><link rel=icon href='data:,'><form method=post action=/x><button>이체</button></form>"
SCREENS = [(390, 844, "dark"), (1280, 800, "light")]
# Ten seconds become 50 ms; what the page does then stays its own.
HURRY = (
    "const later = window.setTimeout; window.setTimeout = (f, ms, ...a) => later(f, Math.min(ms, 50), ...a)"
)


class Site:
    """A service that is away (503 with the page) until it is not."""

    def __init__(self) -> None:
        self.up = False
        self.page = PAGE
        self.asked: list[tuple[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.split("?")[0]
                site.asked.append((self.command, self.path))
                status, text = (200, BACK) if site.up else (503, site.page)
                if path.startswith("/maintenance/"):
                    status, text = 200, site.page
                elif path == "/form":
                    status, text = 200, FORM
                body = text.encode()
                self.send_response(status)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.send_header("cache-control", "no-store")
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_HEAD = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on the tests' output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def count(self, method: str, path: str = "/x") -> int:
        return self.asked.count((method, path))


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    thread = Thread(target=found.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


CONTRAST = """
() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || ['SCRIPT', 'STYLE'].includes(node.tagName)) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    found.push([walk.currentNode.data.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
  }
  return found;
}
"""


@pytest.mark.parametrize(("width", "height", "scheme"), SCREENS)
def test_it_can_be_read(
    browser: Browser, site: Site, tmp_path: Path, width: int, height: int, scheme: Any
) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    asked: list[str] = []
    troubles: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(f"{site.origin}/maintenance/index.html", wait_until="networkidle")

    korean, english = page.locator("h1"), page.get_by_text("We are under maintenance", exact=True)
    expect(korean).to_have_text(HEADLINE)
    for part in (korean, english):
        expect(part).to_be_in_viewport(ratio=1)
    above, below = korean.bounding_box(), english.bounding_box()
    assert above and below and above["y"] + above["height"] < below["y"]
    assert page.title().startswith(HEADLINE)

    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert page.locator("html").get_attribute("lang") == "ko"
    assert page.locator("[lang=en]").filter(has=english).count() == 1
    foreign = page.evaluate(
        "[...document.querySelectorAll('h1,h2,p')].filter(n => (n.closest('[lang]').lang === 'ko')"
        " !== /[가-힣]/.test(n.textContent)).map(n => n.textContent)"
    )
    assert foreign == []  # every text says its language

    contrast = dict(page.evaluate(CONTRAST))
    assert len(contrast) >= 6
    assert {text: ratio for text, ratio in contrast.items() if ratio < 4.5} == {}
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor").startswith("rgb(16, 22, 29")
    assert dark == (scheme == "dark")

    picture = page.screenshot(path=str(tmp_path / f"maintenance-{width}.png"))
    assert struct.unpack(">II", picture[16:24]) == (width, height)
    assert len(picture) > 15_000  # an empty page of this size is under 6 kB
    assert troubles == []
    assert asked and all(url.startswith(site.origin) for url in asked)
    context.close()


def test_without_scripts_it_says_the_same(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.origin}/maintenance/index.html")
    expect(page.locator("h1")).to_have_text(HEADLINE)
    context.close()


def test_it_stays_while_the_service_is_away_and_goes_when_it_is_back(page: Page, site: Site) -> None:
    page.add_init_script(HURRY)
    answer = page.goto(f"{site.origin}/x")
    assert answer and answer.status == 503
    while site.count("HEAD") < 3:  # it asks, and asks again
        page.wait_for_timeout(20)
    assert site.count("GET") == 1
    expect(page.locator("h1")).to_have_text(HEADLINE)
    site.up = True
    expect(page.locator("h1")).to_have_text("계좌 조회")
    assert page.url == f"{site.origin}/x"
    assert site.count("GET") == 2


def test_it_asks_every_ten_seconds_or_so(page: Page, site: Site) -> None:
    page.clock.install()
    page.goto(f"{site.origin}/x")
    page.clock.run_for(9_000)
    page.wait_for_timeout(100)
    assert site.count("HEAD") == 0
    page.clock.run_for(1_500)
    page.wait_for_timeout(300)
    assert site.count("HEAD") == 1
    page.clock.run_for(15_500)
    page.wait_for_timeout(300)
    assert site.count("HEAD") == 2  # customers' browsers do not storm a service that is coming up


def test_it_keeps_the_address(page: Page, site: Site) -> None:
    page.add_init_script(HURRY)
    page.goto(f"{site.origin}/x?account=7#history")
    expect(page.locator("h1")).to_have_text(HEADLINE)
    site.up = True
    expect(page.locator("h1")).to_have_text("계좌 조회")
    assert page.url == f"{site.origin}/x?account=7#history"


def test_its_own_address_is_no_sign_of_the_service(page: Page, site: Site) -> None:
    """The static site always answers 200: reloading there would go on for ever."""
    page.add_init_script(HURRY)
    page.goto(f"{site.origin}/maintenance/index.html")
    page.wait_for_timeout(600)
    assert site.count("GET", "/maintenance/index.html") == 1


@pytest.mark.parametrize("whose", ["site", "router"])
def test_a_transfer_is_not_sent_again(page: Page, site: Site, whose: str) -> None:
    """The page may be the answer to a POST: coming back must not repeat what the customer ordered."""
    if whose == "router":
        source = (ROOT / "edge" / "router.js").read_text(encoding="utf-8")
        block = re.search(r"var PAGE =\n(.*?);\n\n", source, re.S)
        assert block
        site.page = "".join(re.findall(r"^  '(.*?)' ?\+?$", block[1], re.M)).replace(
            'content="15"', 'content="1"'
        )
        assert 'http-equiv="refresh" content="1"' in site.page
    page.add_init_script(HURRY)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{site.origin}/form")
    page.get_by_role("button").click()
    expect(page.locator("h1")).to_have_text(HEADLINE)
    assert site.count("POST") == 1
    site.up = True
    expect(page.locator("h1")).to_have_text("계좌 조회")
    assert site.count("POST") == 1
    assert site.count("GET") == 1
