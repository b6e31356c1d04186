"""service.py and dump.py's arithmetic: intervals and shrinkage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.dump import shrinkage
from restore.models import TableDigest
from restore.service import until_next
from tests.unit.restore.test_models import manifest


@given(st.floats(0, 4e9), st.integers(1, 3600))
def test_the_next_run_is_at_a_multiple_of_the_interval(now: float, interval: int) -> None:
    pause = until_next(now, interval)
    assert 0 < pause <= interval
    rest = (now + pause) % interval
    assert min(rest, interval - rest) < 1e-3


def test_exactly_on_the_hour_waits_a_whole_interval() -> None:
    assert until_next(3600.0, 300) == 300


@pytest.mark.parametrize(
    ("before", "now", "shrunk"),
    [(1000, 1000, False), (1000, 501, False), (1000, 499, True), (99, 0, False), (100, 49, True)],
)
def test_losing_half_the_rows_is_an_accident(before: int, now: int, shrunk: bool) -> None:
    then = manifest(tables={"t": TableDigest(before, "a")})
    later = manifest(tables={"t": TableDigest(now, "b")})
    assert bool(shrinkage(then, later)) is shrunk


def test_losing_half_the_tables_is_too() -> None:
    then = manifest(tables={f"t{number}": TableDigest(0, "a") for number in range(5)})
    later = manifest(tables={f"t{number}": TableDigest(0, "a") for number in range(2)})
    assert shrinkage(then, later) == "only 2 tables, 5 in backups/backup-20261124-031500"
