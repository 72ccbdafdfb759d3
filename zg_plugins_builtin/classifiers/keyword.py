"""Tell objectives apart by the words that stand in them."""

from __future__ import annotations

import zg_core.plugin_api as zg

__all__ = ["PATTERNS", "KeywordClassifier"]

PATTERNS = {
    "technical": (
        "build.*application",
        "create.*web.*app",
        "develop.*system",
        "implement.*feature",
        "code.*solution",
    ),
    "strategic": (
        "analyze.*market",
        "plan.*strategy",
        "evaluate.*options",
        "research.*topic",
    ),
    "creative": (
        "design.*interface",
        "create.*visual",
        "develop.*brand",
        "generate.*content",
    ),
}
"""The patterns of each category: words with anything on the same line between."""

_PROBABILITY = 0.8  # 26 of the 33 that it labels in the part train are right


class KeywordClassifier:
    """Gives an objective the one category whose patterns it matches, in any case.

    It abstains where none does, and where several categories do.
    """

    async def classify(self, text: str) -> zg.Label | None:
        """Return the category, with the pattern that matched as the reason."""
        lines = text.casefold().split("\n")
        found = {
            name: pattern
            for name, patterns in PATTERNS.items()
            for pattern in reversed(patterns)
            if any(_matches(pattern, line) for line in lines)
        }
        if len(found) != 1:
            return None
        ((name, pattern),) = found.items()
        return zg.Label(name, _PROBABILITY, f"it matches {pattern!r}")


def _matches(pattern: str, line: str) -> bool:
    """Search a line like `re.search`, but in time that grows with its length alone.

    A regular expression would try every beginning with every end, which a long
    objective made for it can turn into hours.
    """
    at = 0
    for word in pattern.split(".*"):
        at = line.find(word, at)
        if at < 0:
            return False
        at += len(word)
    return True
