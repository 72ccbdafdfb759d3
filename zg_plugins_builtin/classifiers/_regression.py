"""Fit a logistic regression over named features, in plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ._linear import CATEGORIES, softmax

__all__ = ["Fitted", "Row", "fit"]

Row = tuple[Sequence[tuple[int, float]], int]
"""A text: its features' numbers and values, and its category's."""

_PASSES = 30
_FIRST_STEP = 0.05
_WIDTH = len(CATEGORIES)


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights that were fitted: for each feature and each category; and the biases."""

    weights: list[list[float]]
    biases: list[float]

    def scores(self, features: Sequence[tuple[int, float]]) -> list[float]:
        """Return each category's score, given features' numbers and values."""
        return [
            self.biases[k] + math.fsum(v * self.weights[i][k] for i, v in features)
            for k in range(_WIDTH)
        ]


def fit(rows: Sequence[Row], features: int, looseness: float) -> Fitted:
    """Fit weights to rows by gradient descent, one row after another.

    Args:
        rows: What to learn from; the same rows in the same order give the same result.
        features: How many features there are.
        looseness: How far weights may go for a row: the inverse of the L2 penalty.
    """
    weights = [[0.0] * _WIDTH for _ in range(features)]
    biases = [0.0] * _WIDTH
    penalty = 1 / (looseness * len(rows))
    shrunk, step_number = 1.0, 0  # every weight is to be taken times *shrunk*
    for _ in range(_PASSES):
        for known, category in rows:
            step = _FIRST_STEP / (1 + _FIRST_STEP * penalty * step_number)
            step_number += 1
            scores = [
                biases[k] + shrunk * sum([v * weights[i][k] for i, v in known])
                for k in range(_WIDTH)
            ]
            errors = softmax(scores)
            errors[category] -= 1
            shrunk *= 1 - step * penalty
            pulls = [step * error / shrunk for error in errors]
            for i, value in known:
                held = weights[i]
                for k, pull in enumerate(pulls):
                    held[k] -= pull * value
            for k, error in enumerate(errors):
                biases[k] -= step * error
    return Fitted([[shrunk * w for w in held] for held in weights], biases)
