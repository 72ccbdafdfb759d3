"""A limit is a bound, whatever calls cost and however they end."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zg_core import LimitError, Limits, Usage
from zg_core.running.budget import Budget

CALL = st.fixed_dictionaries(
    {
        "worst": st.integers(1, 100),
        "real": st.integers(0, 100),
        "end": st.sampled_from(["settle", "forfeit", "nothing"]),
    }
)


@given(
    st.integers(1, 500),
    st.lists(CALL, max_size=60),
    st.lists(st.booleans(), max_size=60),
)
def test_spent_and_reserved_never_pass_the_limit(
    limit: int, calls: list[dict[str, Any]], overlaps: list[bool]
) -> None:
    budget = Budget(Limits(tokens=limit))
    spent = 0
    held: list[tuple[ExitStack, int]] = []

    def close(stack: ExitStack, cost: int) -> None:
        nonlocal spent
        stack.close()
        spent += cost

    for call, overlap in zip(calls, [*overlaps, *[False] * 60], strict=False):
        with suppress(LimitError), ExitStack() as stack:
            held_now = stack.enter_context(budget.reserve(call["worst"], None))
            real = min(call["real"], call["worst"])
            match call["end"]:
                case "settle":
                    held_now.settle(Usage(input_tokens=real), None)
                    cost = real
                case "forfeit":
                    held_now.forfeit()
                    cost = call["worst"]
                case _:
                    cost = 0
            held.append((stack.pop_all(), cost))
            reserved = limit - (budget.tokens_left or 0)
            assert spent <= reserved <= limit
        if not overlap:
            while held:
                close(*held.pop())
    while held:
        close(*held.pop())

    assert budget.tokens_left == limit - spent


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(calls=1), "calls"),
        (Limits(tokens=10), "tokens"),
        (Limits(usd=0.5), "usd"),
    ],
)
def test_the_limit_that_was_reached_is_named(limits: Limits, word: str) -> None:
    budget = Budget(limits, tokens=9, calls=1, usd=0.4)

    with pytest.raises(LimitError, match=word), budget.reserve(5, 0.2):
        raise AssertionError("it must not be reserved")


def test_without_limits_nothing_is_bounded() -> None:
    assert not Budget(Limits(seconds=3)).bounded
    assert Budget(Limits()).tokens_left is None
