"""Scores of classifiers: what they are, said once more in the plainest way."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from fractions import Fraction
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zg_core.errors import InputError
from zg_core.route_examples import GENERAL, Example, of_part, read_examples
from zg_core.route_scores import FAILED, Answer, RouteScores, score

LABELS = ("technical", "strategic", "creative", GENERAL)
labels = st.sampled_from(LABELS)
sure = st.floats(0, 1)
examples = st.builds(
    Example,
    text=st.just("x"),
    label=labels,
    kind=st.sampled_from(["", "long", "mixed"]),
)
answers = st.one_of(
    st.builds(
        Answer, category=labels, probability=sure, seconds=st.floats(0, 10, width=16)
    ),
    st.just(Answer(category=GENERAL, seconds=0.001)),
    st.just(Answer(category=FAILED)),
)
pairs = st.lists(st.tuples(examples, answers), min_size=1, max_size=40)
Pairs = list[tuple[Example, Answer]]


def scores_of(told: Pairs) -> RouteScores:
    return score([example for example, _ in told], [answer for _, answer in told])


def f1(told: Pairs, label: str) -> Fraction:
    """The harmonic mean of precision and recall, from their definitions."""
    true = {n for n, (example, _) in enumerate(told) if example.label == label}
    said = {n for n, (_, answer) in enumerate(told) if answer.category == label}
    if not true & said:
        return Fraction(0)
    precision = Fraction(len(true & said), len(said))
    recall = Fraction(len(true & said), len(true))
    return 2 * precision * recall / (precision + recall)


def calibration_error(told: Pairs) -> float | None:
    """Guo et al. (2017), equation 3, word by word."""
    sure = [(e, a, a.probability) for e, a in told if a.probability is not None]
    if not sure:
        return None
    error = 0.0
    for m in range(10):
        held = [
            (e, a, p)
            for e, a, p in sure
            if m <= int(p * 10) < m + 1 or (m == 9 and p == 1)
        ]
        if held:
            accuracy = sum(a.category == e.label for e, a, _ in held) / len(held)
            confidence = math.fsum(p for _, _, p in held) / len(held)
            error += len(held) / len(sure) * abs(accuracy - confidence)
    return error


@given(pairs)
def test_f1_and_its_mean_are_what_they_are_by_definition(told: Pairs) -> None:
    scores = scores_of(told)
    named = {e.label for e, _ in told} | {a.category for _, a in told} - {FAILED}

    expected = {label: f1(told, label) for label in named}

    assert scores.classes.keys() == named
    for label, value in expected.items():
        assert scores.classes[label].f1 == pytest.approx(float(value))
    mean = sum(expected.values()) / len(expected)
    assert scores.macro_f1 == pytest.approx(float(mean))


@given(pairs)
def test_the_calibration_error_is_what_it_is_by_definition(told: Pairs) -> None:
    scores, expected = scores_of(told), calibration_error(told)

    assert (scores.calibration_error is None) == (expected is None)
    if expected is not None and scores.calibration_error is not None:
        assert scores.calibration_error == pytest.approx(expected, abs=1e-9)
        assert 0 <= scores.calibration_error <= 1 + 1e-9


@given(pairs)
def test_the_confusion_has_every_example_once(told: Pairs) -> None:
    scores = scores_of(told)

    cells = [count for row in scores.confusion.values() for count in row.values()]
    assert sum(cells) == scores.count == len(told)
    for label, row in scores.confusion.items():
        assert sum(row.values()) == scores.classes[label].count
    right = sum(row.get(label, 0) for label, row in scores.confusion.items())
    assert scores.accuracy == right / len(told)
    failed = sum(row.get(FAILED, 0) for row in scores.confusion.values())
    assert scores.failed == failed


@given(pairs)
def test_abstentions_are_right_where_the_example_is_general(told: Pairs) -> None:
    scores = scores_of(told)
    said_nothing = [
        e.label for e, a in told if a == Answer(category=GENERAL, seconds=0.001)
    ]
    general = sum(e.label == GENERAL for e, _ in told)
    right = said_nothing.count(GENERAL)

    assert scores.abstained == len(said_nothing)
    assert scores.abstention_precision == (
        right / len(said_nothing) if said_nothing else None
    )
    assert scores.abstention_recall == (right / general if general else None)


@given(pairs, st.integers())
def test_their_order_does_not_matter(told: Pairs, seed: int) -> None:
    mixed = list(told)
    Random(seed).shuffle(mixed)

    assert scores_of(mixed).document() == scores_of(told).document()


@given(st.lists(examples, min_size=1))
def test_who_is_always_right_and_sure_of_it_has_the_best_scores(
    asked: list[Example],
) -> None:
    told = [(e, Answer(category=e.label, probability=1.0)) for e in asked]

    scores = scores_of(told)

    assert (scores.accuracy, scores.macro_f1) == (1, 1)
    assert (scores.calibration_error, scores.failed, scores.abstained) == (0, 0, 0)
    assert all(kind.accuracy == 1 for kind in scores.kinds.values())


@given(pairs)
def test_a_percentile_is_the_least_time_that_so_many_did_not_exceed(
    told: Pairs,
) -> None:
    times = [a.seconds * 1000 for _, a in told if a.category != FAILED]
    assume(times)
    scores = scores_of(told)

    for part, found in ((0.5, scores.p50_ms), (0.95, scores.p95_ms)):
        assert found in times
        assert found is not None
        assert sum(t <= found for t in times) >= part * len(times)
        assert sum(t < found for t in times) < part * len(times)


@given(pairs)
def test_kinds_are_scored_by_themselves(told: Pairs) -> None:
    scores = scores_of(told)

    for kind, found in scores.kinds.items():
        own = [(e, a) for e, a in told if e.kind == kind]
        assert (found.count, found.accuracy) == (len(own), scores_of(own).accuracy)
    assert set(scores.kinds) == {e.kind for e, _ in told} - {""}


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="an answer to each of one or more"):
        score([], [])
    with pytest.raises(ValueError, match="an answer to each of one or more"):
        score([Example(text="x", label="general")], [])


# -- The files -----------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_reason(content: bytes) -> None:
    problem = "file"
    found: tuple[Example, ...] = ()
    try:
        found = read_examples(content, "file")
    except InputError as error:
        problem = error.cause

    assert problem.startswith("file")
    assert bool(found) == (problem == "file")


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1
).filter(str.strip)


@given(
    st.lists(
        st.builds(
            Example,
            text=texts,
            label=labels,
            part=st.sampled_from(["", "train", "test"]),
            kind=st.sampled_from(["", "long"]),
        ),
        min_size=1,
        unique_by=lambda e: " ".join(e.text.casefold().split()),
    )
)
def test_what_is_written_is_read_again(wanted: list[Example]) -> None:
    lines = [json.dumps(asdict(example)) for example in wanted]

    found = read_examples("\n".join(lines).encode(), "file", LABELS)

    assert list(found) == wanted
    parted = any(example.part for example in wanted)
    if not parted:
        assert of_part(found, None) == found
    elif any(example.part == "test" for example in wanted):
        assert {e.part for e in of_part(found, None)} == {"test"}
    assert of_part(found, "all") == found
