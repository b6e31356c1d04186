"""Sets of ports behave as sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.reachability.ports import ALL, Ports, Unmodelled, of_rule, ports, tcp, union

numbers = st.integers(0, 65535)
spans = st.tuples(st.sampled_from(["tcp", "udp"]), numbers, numbers).map(
    lambda s: ports(s[0], min(s[1:]), max(s[1:]))
)
sets = st.lists(spans, max_size=4).map(union)


@given(sets, sets)
def test_sets(a: Ports, b: Ports) -> None:
    assert (a - b) | (a & b) == a
    assert not (a - b) & b
    assert (a | b) - a == b - a
    assert a & ALL == a and not a - ALL and a | ALL == ALL


@given(st.sets(numbers, min_size=1, max_size=8))
def test_labels_say_it_all(chosen: set[int]) -> None:
    again: set[int] = set()
    for label in tcp(*chosen).labels():
        low, _, high = label.removeprefix("tcp ").partition("-")
        again |= set(range(int(low), int(high or low) + 1))
    assert again == chosen


def test_words() -> None:
    assert str(tcp(80, 443)) == "tcp 80, tcp 443"
    assert str(tcp(1, 2, 3) | ports("udp", 53)) == "tcp 1-3, udp 53"
    assert str(Ports()) == "nothing" and str(ALL) == "all"
    assert str(ports("tcp", 0, 65535)) == "tcp"


def test_rules() -> None:
    assert of_rule("-1", None, None, "u") == ALL == of_rule("-1", 80, 80, "u")
    assert of_rule("tcp", 80, 82, "u") == of_rule("6", 80, 82, "u") == tcp(80, 81, 82)
    assert of_rule("tcp", None, None, "u") == ports("tcp", 0, 65535)
    assert str(of_rule("icmp", -1, -1, "u")) == "icmp"
    assert str(of_rule("50", None, None, "u")) == "other"
    with pytest.raises(Unmodelled, match="ICMP type 8"):
        of_rule("icmp", 8, 0, "urn::x")
