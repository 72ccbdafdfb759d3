"""Do several things at once and wait for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

__all__ = ["together"]

T = TypeVar("T")


async def together(works: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Return the results in order; the first error ends all, and is raised alone."""
    if len(works) == 1:
        return [await works[0]()]
    results: dict[int, T] = {}

    async def do(place: int, work: Callable[[], Awaitable[T]]) -> None:
        results[place] = await work()

    try:
        async with anyio.create_task_group() as group:
            for place, work in enumerate(works):
                group.start_soon(do, place, work)
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [results[place] for place in range(len(works))]
