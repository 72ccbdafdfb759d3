"""A classifier says what an objective is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .contexts import Context

__all__ = ["Classifier", "ContextClassifier", "Label"]


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


@runtime_checkable
class ContextClassifier(Protocol):
    """Says what a text is, with what a step may reach: it asks a model, say.

    It has this in the place of `Classifier.classify`. Its calls count for the run
    like those of any agent, are bounded by the same limits, and are not made again
    when the run is resumed.
    """

    async def classify_in(self, ctx: Context, text: str) -> Label | None:
        """Return the text's category, or `None` to abstain.

        Args:
            ctx: The context of the step that wants to know; where agents are chosen
                for a run, one whose step is called ``route``.
            text: The text.
        """
        ...
