"""Running checks: at once, bounded, and without an answer never fine."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from rich.console import Console

from runbook.errors import PlanBError
from runbook.preflight import screen
from runbook.preflight.model import Asked, Check, Finding, NotAsked, Once, Report, ok, run, unasked


def check(name: str, *findings: Finding, vital: bool = False) -> Check:
    return Check(name, "azure", "about it", lambda: findings, vital=vital)


def test_what_takes_too_long_could_not_be_asked_and_holds_up_nobody() -> None:
    never = threading.Event()

    def hangs() -> Sequence[Finding]:
        never.wait(60)
        return [ok("too late")]

    report = run([Check("dark", "aws", "a dark cloud", hangs, limit_s=0.2), check("fine", ok("yes"))])
    never.set()
    assert [one.severity for one in report.asked] == ["unasked", "ok"]
    assert report.asked[0].findings[0].what == "no answer within 0 s"


def test_an_expected_failure_could_not_be_asked_and_says_what_helps() -> None:
    def fails() -> Sequence[Finding]:
        raise PlanBError("storage does not answer", next_step="check the network")

    (one,) = run([Check("storage", "azure", "", fails)]).asked
    (finding,) = one.findings
    assert (finding.severity, finding.what) == ("unasked", "storage does not answer")
    assert finding.next_step == "check the network"


def test_a_bug_is_not_taken_for_a_dark_cloud() -> None:
    def bug() -> Sequence[Finding]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run([Check("bug", "here", "", bug)])


def test_they_are_asked_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)

    def meets() -> Sequence[Finding]:
        both.wait()
        return [ok("met")]

    report = run([Check("a", "here", "", meets), Check("b", "here", "", meets)])
    assert report.ready and len(report.having("ok")) == 2


@pytest.mark.parametrize(
    ("finding", "vital", "ready"),
    [
        (ok("x"), False, True),
        (Finding("warning", "x"), True, True),
        (Finding("blocker", "x"), False, False),
        (unasked("x"), False, True),
        (unasked("x"), True, False),
    ],
)
def test_ready(finding: Finding, vital: bool, ready: bool) -> None:
    report = run([check("a", ok("y"), finding, vital=vital)])
    assert report.ready is ready
    assert report.json()["ready"] is ready
    assert report.verdict.startswith("NOT READY" if not ready else "a failover can go ahead")
    assert report.asked[0].severity == finding.severity, "the worst finding counts"


def test_the_verdict_counts() -> None:
    report = run([check("a", ok("")), check("b", unasked("")), check("c", Finding("warning", ""))])
    assert report.verdict == (
        "a failover can go ahead: 1 of 3 checks are fine, 1 to mend, 1 could not be asked"
    )


def test_once_asks_once_and_its_failure_is_everybodys() -> None:
    asked: list[int] = []

    def make() -> int:
        asked.append(1)
        raise PlanBError("the state cannot be read", next_step="pulumi login")

    fact = Once(make)
    with pytest.raises(PlanBError):
        fact()
    with pytest.raises(NotAsked, match="the state cannot be read"):
        fact()
    assert len(asked) == 1
    value = Once(lambda: asked.append(1) or len(asked))
    assert value() == value() == 2


def test_the_screen_tells_the_worst_last_with_what_mends_it() -> None:
    report = Report(
        (
            Asked(check("cores"), (Finding("blocker", "no cores", "no cluster", "az quota update"),), 1.0),
            Asked(check("names"), (ok("free"),), 1.0),
        )
    )
    console = Console(width=120)
    with console.capture() as capture:
        console.print(screen.draw(report))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert lines[0].startswith("✓") and lines[1].startswith("✗")
    assert "what it means: no cluster" in lines[2] and "mend it: az quota update" in lines[3]
    assert lines[-1].startswith("NOT READY")
