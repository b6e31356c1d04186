"""retime.py: at speed 1 nothing moves; modelled times move what waits for them, and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.retime import Node, critical_path, retime


@st.composite
def plans(draw: st.DrawFn) -> list[Node]:
    """Steps as a run would have done them: each starts after its dependencies have ended."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 7))):
        before = draw(st.sets(st.sampled_from(range(number)))) if number else set[int]()
        earliest = max((nodes[n].finished for n in before), default=100.0)
        start = earliest + draw(st.floats(0, 5))
        end = start + draw(st.floats(0, 50))
        nodes.append(Node(f"s{number}", tuple(f"s{n}" for n in sorted(before)), start, end))
    return nodes


@given(plans())
def test_measured_work_stays_where_it_was(nodes: list[Node]) -> None:
    for node in nodes:
        slot = retime(nodes, 100.0)[node.name]
        assert slot.start == pytest.approx(node.started - 100, abs=1e-6)
        assert slot.finish == pytest.approx(node.finished - 100, abs=1e-6)


@given(plans(), st.data())
def test_no_step_starts_before_its_dependencies_have_ended(nodes: list[Node], data: st.DataObject) -> None:
    modelled = [
        Node(n.name, n.depends_on, n.started, n.finished, data.draw(st.none() | st.floats(0, 900)))
        for n in nodes
    ]
    slots = retime(modelled, 100.0)
    for node in modelled:
        assert all(slots[name].finish <= slots[node.name].start + 1e-6 for name in node.depends_on)
        path = critical_path(slots, node.name)
        assert path[-1] == node.name and slots[path[0]].after is None
        assert all(slots[b].after == a for a, b in pairwise(path))


def test_the_slower_branch_decides() -> None:
    nodes = [
        Node("fence", (), 0, 1),
        Node("database", ("fence",), 1, 2, 360),
        Node("cluster", ("fence",), 1, 3, 300),
        Node("restore", ("database", "elsewhere"), 2.5, 12.5),
        Node("verify", ("restore", "cluster"), 13, 14),
    ]
    slots = retime(nodes, 0)
    assert slots["verify"].finish == pytest.approx(1 + 360 + 0.5 + 10 + 0.5 + 1)
    assert critical_path(slots, "verify") == ["fence", "database", "restore", "verify"]


def test_a_circle_is_an_error() -> None:
    with pytest.raises(ValueError, match="depends on itself"):
        retime([Node("a", ("b",), 0, 1), Node("b", ("a",), 0, 1)], 0)
