"""Tell objectives apart by what a set of labelled ones has taught."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import zg_core.plugin_api as zg

from ._features import Feature, features_of
from ._linear import CATEGORIES, Model
from ._words import Vocabulary, read_vocabulary
from .keyword import KeywordClassifier

__all__ = ["MODEL", "TrainedClassifier"]

MODEL = Path(__file__).with_name("trained.bin")
"""The file of the model."""
_MOST_WORDS = 3


class TrainedClassifier:
    """Gives an objective the category that its words make likely.

    What matches the patterns of one category alone is `KeywordClassifier`'s to say.
    It abstains where no category is likely enough, and where it knows no word.
    """

    def __init__(self) -> None:
        self._patterns = KeywordClassifier()

    @cached_property
    def _model(self) -> Model:
        return Model.unpack(MODEL.read_bytes())

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return read_vocabulary()

    async def classify(self, text: str) -> zg.Label | None:
        """Return the category, with the words that told most as the reason."""
        if claimed := await self._patterns.classify(text):
            return claimed
        features = features_of(text, self._vocabulary)
        known = [(f, effects) for f in features if (effects := self._model.effects(f))]
        if not any(feature.words for feature, _ in known):
            return None
        probabilities = self._model.probabilities(effects for _, effects in known)
        most = max(probabilities)
        if most < self._model.threshold:
            return None
        category = probabilities.index(most)
        silent = frozenset().union(*self._vocabulary.marks.values())
        reason = _reason(known, category, silent)
        return zg.Label(CATEGORIES[category], round(most, 3), reason)


def _reason(
    known: list[tuple[Feature, list[float]]], category: int, silent: frozenset[str]
) -> str:
    """Name the words that speak for a category more than for the others."""
    told: dict[str, float] = {}
    for feature, effects in known:
        others = (sum(effects) - effects[category]) / (len(effects) - 1)
        for word in feature.words:
            more = (effects[category] - others) / len(feature.words)
            told[word] = told.get(word, 0.0) + more
    telling = [w for w in told if told[w] > 0 and w.casefold() not in silent]
    telling.sort(key=lambda word: -told[word])
    if not telling:
        return "no single word tells, but all of it together does"
    return "it speaks of " + ", ".join(repr(word) for word in telling[:_MOST_WORDS])
