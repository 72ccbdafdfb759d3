"""Patterns of a JSON Schema, matched in time that grows with the text alone.

Python's own engine takes exponential time for patterns like ``(a+)+$``; RE2 does
not, and knows no look-around and no back-references.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

__all__ = ["searcher"]

_MOST_MEMORY = 1 << 20
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


@lru_cache(maxsize=256)
def searcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a pattern is found in a text.

    Raises:
        ValueError: If RE2 does not know such a pattern, or it is too large.
    """
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    options.never_capture = True
    try:
        compiled = re2.compile(_ESCAPE.sub(_in_re2, pattern), options)
    except (re2.error, UnicodeEncodeError) as error:
        raise ValueError(_cause(error)) from error

    def found(text: str) -> bool:
        return compiled.search(text.encode("utf-8", "replace")) is not None

    return found


def _in_re2(escape: re.Match[str]) -> str:
    """Write JavaScript's four-digit escapes, which JSON Schema has, as RE2 does."""
    return f"\\x{{{escape[1]}}}" if escape[1] else escape[0]


def _cause(error: Exception) -> str:
    cause = error.args[0] if error.args else ""
    return cause.decode("utf-8", "replace") if isinstance(cause, bytes) else str(error)
