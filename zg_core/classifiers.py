"""A classifier says what an objective is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["Classifier", "Label"]


@dataclass(frozen=True, slots=True)
class Label:
    """What a text is.

    Attributes:
        name: The category.
        probability: How sure the classifier is, 0 to 1.
        reason: Why, for people.
    """

    name: str
    probability: float = 1.0
    reason: str = ""


@runtime_checkable
class Classifier(Protocol):
    """Says what a text is."""

    async def classify(self, text: str) -> Label | None:
        """Return the text's category, or `None` to abstain."""
        ...
