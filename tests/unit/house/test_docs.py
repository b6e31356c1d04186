"""The documentation keeps up: a page a verb with every option on it, and no link into nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.runbook.test_verbs import verbs

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "verbs"
SHARED = {"maintenance": "watch"}
"""Verbs that are told on another one's page."""
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def page_of(path: tuple[str, ...]) -> str:
    file = PAGES / f"{SHARED.get(path[0], path[0])}.md"
    assert file.exists(), f"planb {' '.join(path)} has no page {file.relative_to(ROOT)}"
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(verbs()), ids=" ".join)
def test_every_verb_is_on_its_page_with_every_option(path: tuple[str, ...]) -> None:
    text = page_of(path)
    assert f"planb {' '.join(path)}" in text
    options = {o for p in verbs()[path].params for o in p.opts if o.startswith("--")} - {"--help"}
    assert [option for option in sorted(options) if option not in text] == []


def test_every_page_is_a_verbs() -> None:
    known = {SHARED.get(path[0], path[0]) for path in verbs()} | {"README"}
    assert {page.stem for page in PAGES.glob("*.md")} == known
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    assert [name for name in known - {"README"} if f"({name}.md)" not in index] == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md")), ids=str)
def test_no_link_leads_into_nothing(page: Path) -> None:
    targets = [t for t in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in t]
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_what_messages_point_to_is_there() -> None:
    named = {
        path
        for source in (ROOT / "runbook").rglob("*.py")
        for path in re.findall(r"docs/[\w/.-]+\.md", source.read_text(encoding="utf-8"))
    }
    assert named, "the search finds something"
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("card", ["card.md", "card.ko.md"])
def test_the_card_stays_one_page_and_types_only_what_exists(card: str) -> None:
    text = (ROOT / "docs" / card).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) <= 160
    known = {" ".join(path) for path in verbs()}
    typed = {" ".join(words.split()) for words in re.findall(r"`planb ([a-z ]+)`", text)}
    assert typed and typed <= known
