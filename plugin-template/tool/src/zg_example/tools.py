"""The tool: a function, whose schema comes from its signature and docstring."""

from __future__ import annotations

import zg_core.plugin_api as zg


@zg.tool(name="example")
def count_words(text: str) -> int:
    """Count the words of a text.

    Args:
        text: Any text; line breaks count as spaces.
    """
    return len(text.split())
