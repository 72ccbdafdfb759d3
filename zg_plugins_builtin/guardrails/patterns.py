"""Refuse objectives that hold what an attack on a web application is made of."""

from __future__ import annotations

import json
import re

import zg_core.plugin_api as zg

__all__ = ["PATTERNS", "Patterns"]

PATTERNS = {
    "a <script> element": re.compile(r"<\s*script(?=[\s/>]|\Z)", re.IGNORECASE),
    "a path that climbs: ../ repeated": re.compile(r"\.\.[/\\]+\.\.[/\\]"),
    "ten or more quotes or brackets in a row": re.compile(r"[\"'()\[\]{}<>]{10}"),
    "an SQL condition that always holds": re.compile(
        r"'\s*or\s*'\s*1\s*'\s*=\s*'\s*1", re.IGNORECASE
    ),
}
"""What is refused, by what it is called.

None of them tries one place of a text more than a few times: what may repeat is
followed by what it cannot match.
"""


class Patterns:
    """Goes by how a text is written, and knows nothing of what it means."""

    def check(self, payload: zg.Json, ctx: zg.Inspection) -> zg.Verdict:
        """Refuse a text with one of the patterns, which the reason names."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        for name, pattern in PATTERNS.items():
            if pattern.search(text):
                return zg.Verdict(False, f"it holds {name}")
        return zg.Verdict(True)
