"""Give foreign code some time to end when it is cancelled, and then go without it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

__all__ = ["CancelledItself", "to_its_end", "with_grace"]

T = TypeVar("T")

_SECONDS = 2.0


class CancelledItself(Exception):  # noqa: N818 - what happened, and no error of ours
    """The work ended as if it had been cancelled, and nobody had."""


async def with_grace(work: Coroutine[Any, Any, T], *, finish: bool = False) -> T:
    """Wait for *work*; when cancelled meanwhile, for two more seconds at most.

    The work must be contained: a `SystemExit` in a task would end the event loop.
    What does not end even then is left to itself.

    Args:
        work: What to wait for.
        finish: Whether it may go on in these seconds, rather than be cancelled at
            their beginning.

    Raises:
        CancelledItself: If it did.
    """
    task = asyncio.create_task(work)
    try:
        await _ended(task)
    except asyncio.CancelledError:
        if finish:
            with anyio.move_on_after(_SECONDS, shield=True):
                await _ended(task)
        task.cancel()
        with anyio.move_on_after(_SECONDS, shield=True):
            await _ended(task)
        task.add_done_callback(_forget)
        raise
    if task.cancelled():
        raise CancelledItself("it cancelled itself")
    return task.result()


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Wait for *work*, also when cancelled meanwhile; then be cancelled.

    For what a thread does, which cancelling would only leave to itself: it must be
    over when the run is.
    """
    task = asyncio.create_task(work)
    try:
        await _ended(task)
    except asyncio.CancelledError:
        await _ended(task)
        _forget(task)
        raise
    return task.result()


async def _ended(task: asyncio.Task[Any]) -> None:
    """Wait for a task, without cancelling it when cancelled.

    As `asyncio.wait` of it alone does, at a third of the price: every step, tool and
    plugin is waited for so.
    """
    if task.done():
        return
    ended = asyncio.get_running_loop().create_future()

    def tell(_: object) -> None:
        if not ended.done():
            ended.set_result(None)

    task.add_done_callback(tell)
    try:
        await ended
    finally:
        task.remove_done_callback(tell)


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at how it ended, so that nobody is told that nobody did."""
    if not task.cancelled():
        task.exception()
