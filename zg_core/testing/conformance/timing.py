"""Wait for what may never end, without never ending."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar

import anyio
import pytest

from ..._isolation import contain, contained

__all__ = ["stops", "within"]

T = TypeVar("T")


def within(seconds: float, work: Callable[[], Awaitable[T]], what: str) -> T:
    """Do *work* in an event loop of its own, and return what it gives.

    A thread is left behind where it does not come to an end.

    Raises:
        pytest.fail.Exception: If it takes longer.
    """
    future = _begin(work)
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():
            raise
    pytest.fail(f"{what} took longer than {seconds:g} s")


def stops(
    work: Callable[[], Awaitable[object]],
    what: str,
    *,
    after: float = 0.1,
    seconds: float = 1.0,
    patience: float = 30.0,
) -> None:
    """Do *work*, cancel it, and fail if it then goes on; what it raises is let be.

    Args:
        work: What to do.
        what: What it is, for people.
        after: How long it is let be.
        seconds: How long it may take to stop.
        patience: How long to wait until it can be told to.
    """
    told = threading.Event()

    async def cancelled() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(contained, work())
            await anyio.sleep(after)
            told.set()
            group.cancel_scope.cancel()

    future = _begin(cancelled)
    if not told.wait(after + patience):
        pytest.fail(f"{what} blocks the event loop: nothing else can go on")
    try:
        future.result(seconds)
    except TimeoutError:
        pytest.fail(
            f"{what} goes on for more than {seconds:g} s after it was cancelled"
        )


def _begin(work: Callable[[], Awaitable[T]]) -> Future[T]:
    future: Future[T] = Future()

    async def awaited() -> T:
        return await work()

    def run() -> None:
        with contain() as caught:
            future.set_result(anyio.run(awaited))
        if caught.error is not None:
            future.set_exception(caught.error)

    threading.Thread(target=run, daemon=True, name="conformance").start()
    return future
