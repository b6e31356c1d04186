"""A real Chromium, headless, closed to the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Not for the session: while Playwright runs, its event loop is the main thread's, and no other test could run one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert chromium, "Chromium is missing; mend it: sudo apt-get install chromium"
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium, args=QUIET)
        yield running
        running.close()
