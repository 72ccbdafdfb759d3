"""Choose which packages are installed together, so that any two have met."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, count
from math import comb
from typing import TypeVar

__all__ = ["groups"]

T = TypeVar("T")


def groups(things: Sequence[T]) -> list[list[T]]:
    """Return groups such that of any two things some group has both.

    There are as well groups with the one and without the other, and without both.
    The first group has all things; there are no more groups than necessary.

    Each thing is in half of the groups, in the first among them, and no two are in
    the same ones (Kleitman and Spencer, Families of k-independent sets, 1973).
    """
    size = next(n for n in count(4, 2) if comb(n - 1, n // 2 - 1) >= len(things))
    chosen: list[list[T]] = [[] for _ in range(size)]
    for thing, others in zip(
        things, combinations(range(1, size), size // 2 - 1), strict=False
    ):
        for number in (0, *others):
            chosen[number].append(thing)
    return chosen
