"""Show a JSON value exactly as it is, with nothing in it that a terminal would obey."""

from __future__ import annotations

import json
from collections.abc import Iterator

from zg_core._json import Json

__all__ = ["exactly", "visibly"]


def exactly(value: Json, *, indent: int | None = 2) -> str:
    """Return a JSON value as JSON that can be read: keys sorted, nothing left out.

    Characters that nobody sees, or that would do something to a terminal, such as turn
    the direction of writing, are escaped as JSON escapes them.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent)
    return "".join(_escaped(text, keep="\n"))


def visibly(text: str) -> str:
    """Return a text of several lines with the same characters escaped."""
    return "".join(_escaped(text, keep="\n"))


def _escaped(text: str, *, keep: str) -> Iterator[str]:
    for letter in text:
        if letter.isprintable() or letter in keep:
            yield letter
        else:
            yield json.dumps(letter)[1:-1]
