"""The drill's data set: the size asked for, the same for the same seed, and fit for foreign keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.drill import data


@given(st.integers(data.MINIMUM_ROWS, 20_000), st.integers(0, 50))
def test_rows_add_up_and_keys_point_at_rows(total: int, seed: int) -> None:
    count: dict[str, int] = {}
    owners, pets = data.shares(total)["owners"], data.shares(total)["pets"]
    for table, columns, batch in data.rows(total, seed):
        count[table] = count.get(table, 0) + len(batch)
        assert all(len(row) == len(columns) for row in batch)
        if table == "pets":
            assert all(1 <= row[4] <= owners for row in batch)
        if table == "visits":
            assert all(1 <= row[1] <= pets for row in batch)
    assert sum(count.values()) == total
    assert all(count.values())


def test_the_seed_decides_the_rows() -> None:
    assert list(data.rows(1000, 7)) == list(data.rows(1000, 7))
    assert list(data.rows(1000, 7)) != list(data.rows(1000, 8))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 500 rows"):
        data.shares(10)
