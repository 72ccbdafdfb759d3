"""The trained classifier: better than the patterns, and never against them."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zg_core as zg
from zg_core.route_examples import Example, of_part, read_examples
from zg_core.route_scores import Answer, RouteScores, score
from zg_plugins_builtin.classifiers import training
from zg_plugins_builtin.classifiers._linear import CATEGORIES, Model
from zg_plugins_builtin.classifiers.keyword import PATTERNS, KeywordClassifier
from zg_plugins_builtin.classifiers.trained import MODEL, TrainedClassifier

CONTENT = training.OBJECTIVES.read_bytes()
EXAMPLES = read_examples(CONTENT, "objectives.jsonl", CATEGORIES)
BYTES = MODEL.read_bytes()
TRAINED = TrainedClassifier()
SEED = "zerogravity-objectives-1"
KINDS = {"plain", "mixed", "negated", "long", "misspelt", "rephrased"}
WORDS = sorted({word for ps in PATTERNS.values() for p in ps for word in p.split(".*")})


def asked(classifier: Any, text: str) -> zg.Label | None:
    """Return the answer of a classifier that never waits."""
    with pytest.raises(StopIteration) as stopped:
        classifier.classify(text).send(None)
    label: zg.Label | None = stopped.value.value
    return label


def scored(classifier: Any, examples: tuple[Example, ...]) -> RouteScores:
    labels = [asked(classifier, example.text) for example in examples]
    answers = [
        Answer(category=label.name, probability=label.probability)
        if label
        else Answer(category="general")
        for label in labels
    ]
    return score(examples, answers)


# -- The labelled objectives ---------------------------------------------------------


def test_there_are_many_objectives_of_every_category_and_kind() -> None:
    counts = Counter(example.label for example in EXAMPLES)
    hard = [example for example in EXAMPLES if example.kind != "plain"]

    assert len(EXAMPLES) >= 400
    assert set(counts) == set(CATEGORIES)
    assert max(counts.values()) <= 1.15 * min(counts.values())
    assert {example.kind for example in EXAMPLES} == KINDS
    assert len(hard) >= len(EXAMPLES) / 4


def test_the_parts_are_what_the_seed_says_for_each_category_and_kind() -> None:
    groups: dict[tuple[str, str], list[Example]] = {}
    for example in EXAMPLES:
        groups.setdefault((example.label, example.kind), []).append(example)

    for group in groups.values():
        group.sort(
            key=lambda example: sha256(f"{SEED}\n{example.text}".encode()).digest()
        )
        tested = round(0.4 * len(group))

        assert {example.part for example in group[:tested]} == {"test"}
        assert {example.part for example in group[tested:]} == {"train"}


def test_what_is_rephrased_has_no_word_of_the_patterns() -> None:
    for example in EXAMPLES:
        if example.kind == "rephrased":
            assert not set(WORDS) & set(example.text.casefold().split()), example.text


@pytest.mark.heavy
def test_no_objective_is_nearly_another() -> None:
    grams = [_grams(example.text) for example in EXAMPLES]

    nearest = max(len(a & b) / len(a | b) for a, b in combinations(grams, 2))

    assert nearest < 0.6


def _grams(text: str) -> set[str]:
    text = " ".join(text.casefold().split())
    return {text[at : at + 5] for at in range(max(1, len(text) - 4))}


# -- The model -----------------------------------------------------------------------


def test_the_model_was_made_from_the_files_that_are_here() -> None:
    assert Model.unpack(BYTES).digest == training.digest(), (
        "run python -m zg_plugins_builtin.classifiers.training"
    )


@pytest.mark.heavy
def test_the_same_files_make_the_same_model() -> None:
    assert training.make_model().pack() == BYTES


def test_the_model_is_small() -> None:
    assert len(BYTES) < 100_000


def test_a_model_is_read_as_it_was_written() -> None:
    assert Model.unpack(BYTES).pack() == BYTES


@pytest.mark.parametrize("content", [b"", b"ZGLINEAR1", BYTES[:-1], b"X" + BYTES[1:]])
def test_what_is_no_whole_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="model of objectives"):
        Model.unpack(content)


def test_it_learns_from_the_part_train_alone() -> None:
    texts = {example.text for example in of_part(EXAMPLES, "test")}

    seen = {text for text, _ in training.training_part()}

    assert len(seen) == len(EXAMPLES) - len(texts)
    assert not seen & texts


# -- What it says --------------------------------------------------------------------


def test_it_is_far_better_than_the_patterns_on_objectives_it_never_saw() -> None:
    unseen = of_part(EXAMPLES, "test")

    trained, patterns = scored(TRAINED, unseen), scored(KeywordClassifier(), unseen)

    assert trained.macro_f1 >= patterns.macro_f1 + 0.15
    assert trained.macro_f1 >= 0.8
    assert trained.calibration_error is not None
    assert trained.calibration_error < 0.1
    assert all(kind.accuracy > 0.6 for kind in trained.kinds.values())


@given(
    st.lists(
        st.sampled_from([*WORDS, "poem", "database", "help", " ", "\n", ", "]),
        max_size=12,
    ).map("".join)
)
def test_what_matches_one_category_alone_is_the_patterns_to_say(text: str) -> None:
    claimed = asked(KeywordClassifier(), text)

    label = asked(TRAINED, text)

    assert claimed is None or label == claimed


@given(st.text(max_size=300) | st.text("aé\u0301\ufdfa-'.\n", max_size=3000))
def test_any_text_gets_a_category_or_none(text: str) -> None:
    label = asked(TRAINED, text)

    assert label is None or (label.name in CATEGORIES and 0 < label.probability <= 1)
    assert label == asked(TRAINED, text)


@pytest.mark.parametrize(
    ("text", "category", "told"),
    [
        ("Migrate the orders API to PostgreSQL", "technical", "'API'"),
        ("Should we lease or buy our vans?", "strategic", "'Should'"),
        ("A poem and a poster for our choir", "creative", "'poster'"),
        ("Make me laugh and help me to sleep", "general", "'help'"),
    ],
)
def test_the_reason_names_the_words_that_told(
    text: str, category: str, told: str
) -> None:
    label = asked(TRAINED, text)

    assert label is not None
    assert label.name == category
    assert label.reason.startswith("it speaks of ")
    assert told in label.reason


@pytest.mark.parametrize(
    "text",
    ["", " \n", "!?", "\ud800", "\N{FIRE}", "\u5e2e\u6211\u5199\u6545\u4e8b", "xyzzy"],
)
def test_it_abstains_where_it_knows_no_word(text: str) -> None:
    assert asked(TRAINED, text) is None


def test_it_reads_misspelt_words_as_what_they_are_meant_to_be() -> None:
    label = asked(TRAINED, "implemnt the autentication for our databse")

    assert label is not None
    assert label.name == "technical"


def test_only_the_beginning_of_a_long_objective_is_read() -> None:
    beginning = "Write a poem about the sea. " * 100

    label = asked(TRAINED, beginning + "Migrate the database. " * 4000)

    assert label is not None
    assert label == asked(TRAINED, beginning)


@pytest.mark.anyio
async def test_it_is_the_classifier_of_runs_that_name_none() -> None:
    async with zg.Engine.open(journal="memory", config=zg.Config()) as engine:
        chosen = await engine.route("Fix the login of our web shop")
        claimed = await engine.route("Design an interface for the login")

    assert (chosen.classifier, chosen.label) == ("builtin:trained", "technical")
    assert (claimed.label, claimed.reason) == (
        "creative",
        "it matches 'design.*interface'",
    )


def test_each_line_of_the_set_says_everything() -> None:
    for line in CONTENT.decode().splitlines():
        assert list(json.loads(line)) == ["text", "label", "part", "kind"]
