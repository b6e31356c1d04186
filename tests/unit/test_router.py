"""edge/router.js: its own tests in Node, and that its page says what site/maintenance says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADLINE = "시스템 점검 중입니다"


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    binary = shutil.which("node")
    assert binary, "node is missing; mend it: sudo apt-get install nodejs"
    # Inside another `node --test` this variable would turn the report into its binary form.
    environment = {key: value for key, value in os.environ.items() if key != "NODE_TEST_CONTEXT"}
    return subprocess.run(
        [binary, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_routers_own_tests() -> None:
    done = node("--test", "--test-reporter=tap", "edge/router.test.mjs")
    counts = {key: int(value) for key, value in re.findall(r"^# (\w+) (\d+)$", done.stdout, re.M)}
    assert done.returncode == 0, done.stdout + done.stderr
    assert counts["pass"] > 25
    assert counts["pass"] == counts["tests"]
    assert counts["fail"] == counts["skipped"] == counts["todo"] == counts["cancelled"] == 0


def headlines(page: str) -> tuple[str, str]:
    title, headline = re.search(r"<title>(.*?)</title>", page), re.search(r"<h1>(.*?)</h1>", page)
    assert title and headline
    return title[1].split(" · ")[0], headline[1]


def test_both_pages_say_the_same() -> None:
    router = (ROOT / "edge" / "router.js").read_text(encoding="utf-8")
    page = (ROOT / "site" / "maintenance" / "index.html").read_text(encoding="utf-8")
    assert headlines(router) == headlines(page) == (HEADLINE, HEADLINE)
    for text in (router, page):
        assert '<html lang="ko">' in text
        assert "We are under maintenance" in text
