"""The classifier: it says which category an objective is of, or that it cannot."""

from __future__ import annotations

import re

import zg_core.plugin_api as zg

WORDS = {
    "creative": {"drawing", "logo", "poem", "song", "story"},
    "technical": {"api", "code", "database", "program", "server"},
}


class ExampleClassifier:
    """Counts the words of each category; the one with more than half of them wins."""

    async def classify(self, text: str) -> zg.Label | None:
        """Return the category, with the words that speak for it as the reason."""
        said = set(re.findall(r"\w+", text.casefold()))
        found = {name: sorted(words & said) for name, words in WORDS.items()}
        count = sum(map(len, found.values()))
        for name, words in found.items():
            if len(words) * 2 > count:
                reason = f"it says {', '.join(words)}"
                return zg.Label(name, len(words) / count, reason)
        return None
