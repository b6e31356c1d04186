"""The decision core: the seed's timeline, and what must never happen, whatever is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook.watch.core import Decision, Round, Rules, Sight, State, step

AUTO = Rules(auto=True)
DOWN = (Sight("alb", False), Sight("edge", False), Sight("route53", False))
UP = tuple(replace(sight, up=True) for sight in DOWN)


def play(rounds: list[Round], rules: Rules = AUTO) -> list[tuple[float, str]]:
    """(when, what) was decided."""
    state, decided = State(), list[tuple[float, str]]()
    for one in rounds:
        state, decisions = step(state, one, rules)
        decided += [(one.at, decision.kind) for decision in decisions]
    return decided


def every(seconds: float, *sights: tuple[Sight, ...], start: float = 0.0) -> list[Round]:
    return [Round(start + number * seconds, seen) for number, seen in enumerate(sights)]


def test_the_seeds_timeline() -> None:
    assert play(every(30, UP, *[DOWN] * 6)) == [(30, "suspect"), (120, "page"), (150, "act")]


def test_without_auto_a_person_is_paged_and_again_while_nobody_acts() -> None:
    decided = play(every(30, *[DOWN] * 40), Rules())
    assert decided == [(0, "suspect"), (90, "page"), (990, "page")]


def test_one_bad_probe_is_nothing() -> None:
    one = (Sight("alb", False), Sight("edge", True), Sight("route53", True))
    assert play(every(30, *[one] * 20)) == []
    alone = (Sight("alb", False), Sight("edge", None), Sight("route53", None))
    assert play(every(30, *[alone] * 20)) == [(0, "blind")]


def test_a_tie_is_no_majority() -> None:
    tie = (Sight("alb", False), Sight("edge", False), Sight("route53", True), Sight("other", True))
    assert play(every(30, *[tie] * 20)) == []


def test_our_own_network_is_not_their_outage() -> None:
    rounds = [replace(one, network=False) for one in every(30, *[DOWN] * 20)]
    assert play(rounds) == [(0, "blind")]


def test_a_machine_that_slept_starts_over() -> None:
    before, after = every(30, DOWN, DOWN, DOWN), every(30, *[DOWN] * 5, start=4000)
    decided = play(before + after)
    assert decided == [(0, "suspect"), (4090, "page"), (4120, "act")]


def test_a_good_answer_in_between_starts_the_count_again() -> None:
    decided = play(every(30, DOWN, DOWN, DOWN, UP, DOWN, DOWN, DOWN, DOWN, DOWN))
    assert (210, "page") in decided and (240, "act") in decided
    assert [at for at, kind in decided if kind == "act"] == [240]


def test_recovery_takes_more_than_one_good_answer() -> None:
    rounds = every(30, *[DOWN] * 4, UP, DOWN, UP, UP, UP, *[DOWN] * 5)
    decided = play(rounds, Rules())
    assert decided == [(0, "suspect"), (90, "page"), (240, "recovered"), (270, "suspect"), (360, "page")]


def test_flapping_after_it_was_unhealthy_acts_only_on_a_whole_series() -> None:
    rounds = every(30, *[DOWN] * 4, *[UP, DOWN] * 20)
    assert "act" not in [kind for _, kind in play(rounds)]


def test_one_failover_an_outage() -> None:
    decided = play(every(30, *[DOWN] * 100))
    assert [kind for _, kind in decided].count("act") == 1
    assert [kind for _, kind in decided].count("page") >= 2, "and if it stays down somebody is told"


@pytest.mark.parametrize("active", ["azure", None])
def test_a_site_that_cannot_be_failed_over_from_is_paged(active: str | None) -> None:
    rounds = [replace(one, active=active) for one in every(30, *[DOWN] * 10)]
    kinds = [kind for _, kind in play(rounds)]
    assert "page" in kinds and "act" not in kinds


def test_a_run_under_way_is_left_alone() -> None:
    rounds = [replace(one, active="maintenance") for one in every(30, *[DOWN] * 20)]
    assert play(rounds) == []


def test_a_window_proves_nothing_afterwards() -> None:
    inside = [replace(one, window=True) for one in every(30, *[DOWN] * 10)]
    assert play(inside + every(30, *[DOWN] * 5, start=300)) == [
        (300, "suspect"),
        (390, "page"),
        (420, "act"),
    ]


def test_late_backups_are_told_once() -> None:
    late = [Round(30 * n, UP, backup_late=value) for n, value in enumerate([False, True, True, None, False])]
    assert play(late) == [(30, "stale-backup"), (120, "fresh-backup")]


# -- what must never happen --

SIGHTS = st.lists(
    st.builds(Sight, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from([True, False, False, None])),
    min_size=0,
    max_size=4,
    unique_by=lambda sight: sight.vantage,
)
LOOKS = st.lists(
    st.tuples(
        st.sampled_from([30.0, 30.0, 30.0, 29.0, 31.0, 1.0, 60.0, 400.0]),
        st.one_of(st.just(list(DOWN)), SIGHTS),
        st.sampled_from([True] * 9 + [False]),
        st.sampled_from(["aws"] * 8 + ["azure", "maintenance", None]),
        st.sampled_from([False] * 15 + [True]),
    ),
    min_size=1,
    max_size=60,
)


def built(looks: list[tuple[float, list[Sight], bool, str | None, bool]]) -> list[Round]:
    at, rounds = 0.0, list[Round]()
    for gap, sights, network, active, window in looks:
        at += gap
        rounds.append(Round(at, sights, network, active, window))
    return rounds


def cast_votes(one: Round) -> list[bool]:
    return [s.up for s in one.sights if s.up is not None]


def down(one: Round) -> bool:
    votes = cast_votes(one)
    return one.network and votes.count(False) >= 2 and votes.count(False) * 2 > len(votes)


@settings(max_examples=600, deadline=None)
@given(LOOKS)
def test_acting_is_always_justified(looks: list[tuple[float, list[Sight], bool, str | None, bool]]) -> None:
    """Written independently of the core: the last two minutes must have been nothing but a proven outage."""
    rounds, state = built(looks), State()
    acted_at: list[int] = []
    for number, one in enumerate(rounds):
        state, decisions = step(state, one, AUTO)
        if not any(decision.kind == "act" for decision in decisions):
            continue
        assert down(one) and one.active == "aws" and not one.window and one.network
        evidence = [r for r in rounds[: number + 1] if one.at - r.at <= AUTO.act_after_s]
        judged = [r for r in evidence if r.network and len(cast_votes(r)) >= 2]
        assert all(down(r) for r in judged), "nobody saw it up in the last two minutes"
        assert all(r.active != "maintenance" and not r.window for r in evidence)
        votes = [r for r in rounds[: number + 1] if r.network and len(cast_votes(r)) >= 2]
        assert len(votes) >= 4 and all(down(r) for r in votes[-4:]), "four rounds in a row, not fewer"
        for before in acted_at:
            between = rounds[before + 1 : number]
            ups = [r for r in between if r.network and not down(r) and len(cast_votes(r)) >= 2]
            calm = [r for r in between if r.window or r.active == "maintenance"]
            assert len(ups) >= AUTO.recover_rounds or calm, "once an outage"
        acted_at.append(number)


@settings(max_examples=200, deadline=None)
@given(LOOKS, st.sampled_from([20.0, 30.0, 45.0]))
def test_a_real_outage_is_always_acted_on(
    looks: list[tuple[float, list[Sight], bool, str | None, bool]], gap: float
) -> None:
    """Whatever happened before: three good rounds, then an outage, and it is acted on in time."""
    rounds = built(looks)
    last = rounds[-1].at
    calm = [Round(last + gap * n, UP) for n in range(1, 4)]
    began = calm[-1].at + gap
    outage = [Round(began + gap * n, DOWN) for n in range(10)]
    decided = [at for at, kind in play(rounds + calm + outage) if kind == "act" and at >= began]
    assert len(decided) == 1
    assert AUTO.act_after_s <= decided[0] - began <= AUTO.act_after_s + gap


@settings(max_examples=200, deadline=None)
@given(LOOKS)
def test_without_auto_nothing_is_ever_done(
    looks: list[tuple[float, list[Sight], bool, str | None, bool]],
) -> None:
    assert "act" not in [kind for _, kind in play(built(looks), Rules())]


def test_every_decision_says_why() -> None:
    state, texts = State(), list[Decision]()
    for one in every(30, *[DOWN] * 6):
        state, decisions = step(state, one, AUTO)
        texts += decisions
    assert all(decision.text for decision in texts)
    assert "down for 120 s (alb: down, edge: down, route53: down)" in [d.text for d in texts]
