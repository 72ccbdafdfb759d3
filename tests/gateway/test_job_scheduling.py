"""Whose job is next: nobody starves, and shares are kept."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from zg_plugins_builtin.gateway.jobs.scheduling import RANKS, Turns, Waiting, in_order

NOW = datetime(2026, 11, 29, tzinfo=UTC)
AGEING = timedelta(minutes=5)
WEIGHTS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.integers(1, 9), min_size=1, max_size=8
)


def job(
    name: str, tenant: str = "a", priority: str = "normal", ago: int = 0
) -> Waiting:
    return Waiting(name, tenant, priority, NOW - timedelta(seconds=ago))


@given(WEIGHTS, st.integers(1, 120))
def test_nobody_is_a_turn_ahead_of_their_share(
    weights: dict[str, int], turns: int
) -> None:
    waiting = {t: [job(f"{t}{n}", t) for n in range(turns)] for t in weights}
    chosen = Turns(weights, at_once=turns).choose(waiting, {}, turns)
    served = Counter(one.tenant for one in chosen)
    whole = sum(weights.values())

    assert sum(served.values()) == turns
    for tenant, weight in weights.items():
        share = turns * weight / whole
        assert served[tenant] - share < 1
        assert share - served[tenant] < len(weights)


@given(WEIGHTS, st.lists(st.integers(0, 4), max_size=40))
def test_who_waits_is_served_within_a_round(
    weights: dict[str, int], frees: list[int]
) -> None:
    """However few jobs are begun at a time, it is as if they were begun at once."""
    turns = sum(frees)
    names = {t: [job(f"{t}{n}", t) for n in range(turns)] for t in weights}
    at_once = Turns(weights, turns).choose(names, {}, turns)
    piecewise, slowly = Turns(weights, turns), []
    for free in frees:
        waiting = {t: [j for j in js if j not in slowly] for t, js in names.items()}
        slowly += piecewise.choose(waiting, {}, free)

    assert slowly == at_once
    rounds = len(weights) * sum(weights.values())
    if turns >= rounds:
        assert {one.tenant for one in slowly[:rounds]} == set(weights)


@given(WEIGHTS, st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 5)))
def test_no_tenant_runs_more_than_it_may(
    weights: dict[str, int], running: dict[str, int]
) -> None:
    waiting = {t: [job(f"{t}{n}", t) for n in range(6)] for t in weights}
    chosen = Turns(weights, at_once=3).choose(waiting, running, 100)
    served = Counter(one.tenant for one in chosen)

    for tenant in weights:
        assert served[tenant] == max(3 - running.get(tenant, 0), 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(RANKS)), st.integers(0, 3_600)), max_size=30
    )
)
def test_the_oldest_is_first_once_it_has_waited_long(
    jobs: list[tuple[str, int]],
) -> None:
    waiting = [job(str(n), "a", p, ago) for n, (p, ago) in enumerate(jobs)]
    ordered = in_order(waiting, NOW, AGEING)
    long = [one for one in ordered if NOW - one.since >= 2 * AGEING]

    assert sorted(ordered, key=lambda j: j.id) == sorted(waiting, key=lambda j: j.id)
    assert [one.since for one in long] == sorted(one.since for one in long)


def test_low_counts_as_normal_after_five_minutes() -> None:
    aged = job("aged", priority="low", ago=300)
    fresh = job("fresh", priority="low", ago=299)
    normal = job("normal", priority="normal", ago=0)
    high = job("high", priority="high", ago=0)

    ordered = in_order([fresh, normal, aged, high], NOW, AGEING)

    assert [one.id for one in ordered] == ["high", "aged", "normal", "fresh"]


def test_who_comes_late_has_saved_up_nothing() -> None:
    turns = Turns({}, at_once=100)
    for n in range(50):
        turns.choose({"a": [job(str(n))]}, {}, 1)
    both = {t: [job(f"{t}{n}", t) for n in range(10)] for t in "ab"}

    served = Counter(one.tenant for one in turns.choose(both, {}, 10))

    assert served == {"a": 5, "b": 5}
