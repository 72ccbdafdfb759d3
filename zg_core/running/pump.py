"""Turn work that emits as it goes into an async generator of what it emits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

import anyio

__all__ = ["pumped"]

T = TypeVar("T")


async def pumped(
    work: Callable[[Callable[[T], None]], Awaitable[None]],
) -> AsyncGenerator[T, None]:
    """Yield what *work* emits; raise what it raises; stop it when closed.

    The work is a task of its own, so that nothing is yielded from within a task
    group or cancel scope, which would confuse cancellation.
    """
    queue: asyncio.Queue[tuple[T] | None] = asyncio.Queue()

    async def run() -> None:
        try:
            await work(lambda item: queue.put_nowait((item,)))
        finally:
            queue.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        while (item := await queue.get()) is not None:
            yield item[0]
        await task
    finally:
        if not task.done():
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # whoever left early has no use for it
