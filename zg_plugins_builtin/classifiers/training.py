"""Make the file of the `trained` classifier: run this module to write it anew.

It learns from the part `train` of the labelled objectives alone, and chooses by
cross-validation in that part what it chooses. The same files give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ._features import Feature, features_of
from ._linear import CATEGORIES, Model, key_of, softmax
from ._regression import Fitted, Row, fit
from ._words import WORDS, read_vocabulary
from .trained import MODEL

__all__ = ["OBJECTIVES", "digest", "make_model", "training_part"]

OBJECTIVES = Path(__file__).with_name("objectives.jsonl")
"""The file of the labelled objectives."""

_GENERAL = CATEGORIES.index("general")
_FOLDS = 5
_LOOSENESS = (0.1, 0.3, 1.0)
_TEMPERATURES = [n / 20 for n in range(10, 61)]
_THRESHOLDS = [n / 50 for n in range(15, 36)]


def make_model() -> Model:
    """Return the model that the files of this package make; it takes seconds."""
    vocabulary = read_vocabulary()
    labelled = training_part()
    texts = [features_of(text, vocabulary) for text, _ in labelled]
    categories = [CATEGORIES.index(label) for _, label in labelled]
    names = _known(texts)
    numbers = {name: number for number, name in enumerate(names)}
    rows: list[Row] = [
        ([(numbers[f.name], f.value) for f in text if f.name in numbers], category)
        for text, category in zip(texts, categories, strict=True)
    ]
    tried = [
        (_loss(scores, categories, temperature), looseness, temperature, scores)
        for looseness in _LOOSENESS
        for scores in [_held_out(rows, len(names), looseness)]
        for temperature in _TEMPERATURES
    ]
    _, looseness, temperature, scores = min(tried)
    threshold = max(_THRESHOLDS, key=lambda t: _f1(scores, categories, temperature, t))
    fitted = fit(rows, len(names), looseness)
    return _quantised(names, fitted, temperature, threshold)


def digest() -> bytes:
    """Return the SHA-256 of all that a model is made from."""
    made = hashlib.sha256(json.dumps(training_part()).encode())
    made.update(WORDS.read_text(encoding="utf-8").encode())
    return made.digest()


def training_part() -> list[tuple[str, str]]:
    """Return the objectives to learn from, with their labels."""
    content = OBJECTIVES.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in content.splitlines()]
    return [(row["text"], row["label"]) for row in rows if row["part"] == "train"]


def _known(texts: Sequence[Sequence[Feature]]) -> list[str]:
    """Return the features worth a weight, those of two texts or more, by their keys."""
    counts = Counter(feature.name for text in texts for feature in text)
    return sorted((name for name, count in counts.items() if count > 1), key=key_of)


def _held_out(
    rows: Sequence[Row], features: int, looseness: float
) -> list[list[float]]:
    """Return each row's scores by a model that has not seen it."""
    folds = _folds(rows)
    scores: list[list[float]] = [[] for _ in rows]
    for fold in range(_FOLDS):
        seen = [row for row, place in zip(rows, folds, strict=True) if place != fold]
        fitted = fit(seen, features, looseness)
        for number, (known, _) in enumerate(rows):
            if folds[number] == fold:
                scores[number] = fitted.scores(known)
    return scores


def _folds(rows: Sequence[Row]) -> list[int]:
    """Return each row's fold, every category spread evenly over them."""
    counted: Counter[int] = Counter()
    folds = []
    for _, category in rows:
        folds.append(counted[category] % _FOLDS)
        counted[category] += 1
    return folds


def _loss(
    scores: Sequence[Sequence[float]],
    categories: Sequence[int],
    temperature: float,
) -> float:
    """Return how surprised scores are by what is true."""
    return -math.fsum(
        math.log(softmax([score / temperature for score in row])[category])
        for row, category in zip(scores, categories, strict=True)
    )


def _f1(
    scores: Sequence[Sequence[float]],
    categories: Sequence[int],
    temperature: float,
    threshold: float,
) -> float:
    """Return the macro-F1 where less than a threshold counts as general."""
    pairs: Counter[tuple[int, int]] = Counter()
    for row, category in zip(scores, categories, strict=True):
        probabilities = softmax([score / temperature for score in row])
        most = max(probabilities)
        said = probabilities.index(most) if most >= threshold else _GENERAL
        pairs[category, said] += 1
    everywhere = range(len(CATEGORIES))
    return math.fsum(
        2 * pairs[k, k] / sum(pairs[k, other] + pairs[other, k] for other in everywhere)
        for k in everywhere
    )


def _quantised(
    names: Sequence[str], fitted: Fitted, temperature: float, threshold: float
) -> Model:
    scale = max(abs(w) for held in fitted.weights for w in held) / 127
    return Model(
        digest=digest(),
        keys=array("I", map(key_of, names)),
        weights=array("b", (round(w / scale) for held in fitted.weights for w in held)),
        scale=scale,
        biases=tuple(fitted.biases),
        temperature=temperature,
        threshold=threshold,
    )


def _main() -> None:
    content = make_model().pack()
    MODEL.write_bytes(content)
    print(f"{MODEL}: {len(content):,} bytes")  # noqa: T201


if __name__ == "__main__":
    _main()
