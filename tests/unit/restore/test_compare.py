"""compare.py: what counts as a difference."""

from __future__ import annotations

import pytest

from restore.compare import TableDigest, differences, require_equal
from restore.errors import ContentDiffers

A = {"owners": TableDigest(2, "a"), "Pets": TableDigest(3, "b")}


def test_equal_is_equal_whatever_the_order_and_the_case_of_names() -> None:
    assert differences(A, {"pets": TableDigest(3, "b"), "owners": TableDigest(2, "a")}) == []
    require_equal(A, A, "db")


def test_each_difference_is_one_line() -> None:
    other = {"owners": TableDigest(2, "x"), "pets": TableDigest(4, "b"), "more": TableDigest(0, "0")}
    assert differences(A | {"vets": TableDigest(1, "c")}, other) == [
        "Pets: 4 rows, 3 expected",
        "owners: 2 rows as expected, but their content differs",
        "vets: missing, 1 rows expected",
        "more: not expected",
    ]


def test_many_differences_are_cut_short() -> None:
    many = {f"t{number}": TableDigest(1, "a") for number in range(9)}
    with pytest.raises(ContentDiffers, match="and 4 more"):
        require_equal(many, {}, "db")
