"""The keyword classifier: the client's patterns, in time that stays linear."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zg_core as zg
from zg_plugins_builtin.classifiers.keyword import PATTERNS, KeywordClassifier

WORDS = sorted({word for ps in PATTERNS.values() for p in ps for word in p.split(".*")})


async def label_of(text: str) -> str | None:
    label = await KeywordClassifier().classify(text)
    return label.name if label else None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Build a booking application", "technical"),
        ("CREATE a Web shop APP", "technical"),
        ("develop our billing system", "technical"),
        ("implement the search feature", "technical"),
        ("code me a solution", "technical"),
        ("Analyze the market for e-bikes", "strategic"),
        ("plan a pricing strategy", "strategic"),
        ("evaluate our options", "strategic"),
        ("research a topic", "strategic"),
        ("design an interface", "creative"),
        ("create a visual", "creative"),
        ("develop our brand", "creative"),
        ("generate content", "creative"),
        ("Build a booking site for a yoga studio", None),
        ("build\nan application", None),
        ("application to build", None),
        ("design the interface and code a solution", None),
        ("", None),
    ],
)
async def test_an_objective_gets_the_only_category_that_matches(
    text: str, label: str | None
) -> None:
    assert await label_of(text) == label


@pytest.mark.anyio
async def test_the_reason_names_the_first_pattern_that_matched() -> None:
    label = await KeywordClassifier().classify("code a solution, build an application")

    assert label == zg.Label("technical", 0.8, "it matches 'build.*application'")


@given(
    st.lists(
        st.sampled_from(
            [*WORDS, *map(str.upper, WORDS), " ", "\n", "\r", "x", "\u2028"]
        ),
        max_size=12,
    ).map("".join)
)
def test_words_are_found_exactly_as_the_regular_expressions_find_them(
    text: str,
) -> None:
    found = [
        name
        for name, patterns in PATTERNS.items()
        if any(re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    ]

    classified = KeywordClassifier().classify(text)
    with pytest.raises(StopIteration) as stopped:
        classified.send(None)  # it never waits
    label = stopped.value.value
    assert (label.name if label else None) == (found[0] if len(found) == 1 else None)


@pytest.mark.anyio
async def test_an_objective_made_to_be_slow_is_not() -> None:
    began = time.process_time()

    assert await label_of("create web " * 90_000) is None

    assert time.process_time() - began < 2
