"""The ledger decides whether a drill passed, so its arithmetic has to be right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runbook.drill.ledger import Audit, Ledger, Write, audit

writes = st.lists(
    st.builds(
        Write,
        marker=st.integers(0, 10_000).map(str),
        row_id=st.just(1),
        site=st.sampled_from(["aws", "azure"]),
        sent_at=st.just(0.0),
        acknowledged_at=st.floats(0, 1000),
    ),
    unique_by=lambda write: write.marker,
)


@given(writes, st.sets(st.integers(0, 10_000).map(str)), st.floats(0, 1000))
def test_every_write_is_present_or_lost_and_loss_is_explained_only_after_the_restored_instant(
    done: list[Write], present: set[str], restored_to: float
) -> None:
    result = audit(done, present, restored_to=restored_to)
    assert result.present + len(result.lost) == result.acknowledged == len(done)
    assert {write.marker for write in result.lost} == {w.marker for w in done} - present
    assert all(write.acknowledged_at <= restored_to for write in result.unexplained)
    assert all(w.acknowledged_at > restored_to for w in set(result.lost) - set(result.unexplained))


def test_without_a_restored_instant_no_loss_is_explained() -> None:
    write = Write("m1", 1, "azure", 1.0, 2.0)
    assert audit([write], set()) == Audit(1, 0, (write,), (write,))
    assert audit([write], {"m1"}) == Audit(1, 1, (), ())


def test_markers_are_unique_and_carry_the_run() -> None:
    ledger = Ledger("r1")
    markers = {ledger.next_marker() for _ in range(50)}
    assert len(markers) == 50
    assert all(marker.startswith("drill-r1-") for marker in markers)


def test_writes_are_told_apart_by_site() -> None:
    ledger = Ledger("r1")
    ledger.acknowledge(Write("a", 1, "aws", 1.0, 2.0))
    ledger.acknowledge(Write("b", 2, "azure", 3.0, 4.0))
    assert [write.marker for write in ledger.writes(site="azure")] == ["b"]
    assert ledger.last_acknowledged_at("aws") == 2.0
    assert ledger.last_acknowledged_at("elsewhere") is None
