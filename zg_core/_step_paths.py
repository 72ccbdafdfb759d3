"""Which part of a run an event is about: the path of one execution in a step.

A step is its name; its second round ``draft@2``; one item of a list that it is done
for ``draft[0]``; and an agent that it asks ``draft/critic.1f2e3d``, with ``.2`` behind
for the second that is asked the same. They compose: ``draft@2[0]/critic.1f2e3d``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = [
    "ROUTE",
    "above",
    "asked",
    "base",
    "depth",
    "is_part",
    "item",
    "lies_in",
    "parts",
    "round_of",
    "whole",
]

ROUTE = "route"
"""The path of the calls by which agents are chosen, before the first step."""

_BASE = re.compile(r"[^@\[/]*")
_WHOLE = re.compile(r"[^\[/]*")
_PART = re.compile(r"\[\d+\]|/[^/]+")


def base(path: str) -> str:
    """Return the step of the workflow that a path belongs to."""
    return _BASE.match(path)[0]  # type: ignore[index]  # it matches anything


def round_of(name: str, number: int) -> str:
    """Return the path of a step's round, counted from 1."""
    return name if number == 1 else f"{name}@{number}"


def whole(path: str) -> str:
    """Return the round of its step that a path lies in."""
    return _WHOLE.match(path)[0]  # type: ignore[index]  # it matches anything


def item(path: str, index: int) -> str:
    """Return the path of one item of a list, counted from 0."""
    return f"{path}[{index}]"


def is_part(path: str) -> bool:
    """Tell whether a path is less than a whole round of its step."""
    return "[" in path or "/" in path


def depth(path: str) -> int:
    """Return how many agents deep it is; a step's own is 0."""
    return path.count("/")


def asked(path: str, agent: str, mark: str) -> str:
    """Return the path of an agent that is asked by the one at a path.

    Args:
        path: Where that one is.
        agent: The short name of the one that is asked.
        mark: What tells it from others that are asked something else.
    """
    return f"{path}/{agent}.{mark}"


def above(path: str) -> str:
    """Return what a part lies in next: a wider part, or a round of its step.

    A round, which is no part, lies in nothing wider, and is returned itself.
    """
    begins = [match.start() for match in _PART.finditer(path)]
    return path[: begins[-1]] if begins else path


def lies_in(path: str, other: str) -> bool:
    """Tell whether a path is another one, or a part of what is there."""
    return path == other or path.startswith((f"{other}/", f"{other}["))


def parts(path: str) -> Iterator[str]:
    """Yield the parts that a path lies in, the widest first, itself last."""
    for match in _PART.finditer(path):
        yield path[: match.end()]
