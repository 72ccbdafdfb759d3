"""Call plain functions in threads that nobody has to wait for.

A thread of anyio's pool can be abandoned as well, but the process waits for it when
it ends. What a plugin does may never end; so these are daemons. One that is done waits
a while for the next function: to begin a thread costs more than most functions do.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

from ._isolation import contain

__all__ = ["in_thread"]

T = TypeVar("T")
_Work: TypeAlias = Callable[[], None]

_IDLE_SECONDS = 5.0
_ENDING = asyncio.CancelledError, KeyboardInterrupt
"""What is meant for a whole task or process, which a thread of its own is not."""
_idle: deque[SimpleQueue[_Work]] = deque()
"""Where the threads that wait for work get it, the latest last."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # it has none of these threads


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns that is called in another thread.

    It sees the context variables of the caller. When this is cancelled, the thread is
    left to itself.

    Raises:
        BaseException: What the function raises; a `RuntimeError` in the place of a
            cancellation or an interrupt.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = copy_context()

    def settle(result: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result((result, error))

    def work() -> None:
        if done.cancelled():
            return  # before it began
        result = None
        error: BaseException | None = RuntimeError("it would have ended us as well")
        try:
            with suppress(*_ENDING), contain() as caught:
                result = context.run(function, *arguments)
                error = None
            if not isinstance(caught.error, _ENDING):
                error = caught.error or error
        finally:
            with suppress(RuntimeError):  # nobody waits: the event loop is closed
                loop.call_soon_threadsafe(settle, result, error)

    _hand_over(work)
    result, error = await done
    if error is not None:
        raise error
    returned: T = result
    return returned


def _hand_over(work: _Work) -> None:
    """Give work to a thread that waits for some, or to a new one."""
    try:
        inbox = _idle.pop()
    except IndexError:
        inbox = SimpleQueue()
        threading.Thread(
            target=_serve, args=(inbox,), name="zg plugin", daemon=True
        ).start()
    inbox.put(work)


def _serve(inbox: SimpleQueue[_Work]) -> None:
    """Do what comes, until nothing has come for a while."""
    while True:
        try:
            work = inbox.get(timeout=_IDLE_SECONDS)
        except Empty:
            try:
                _idle.remove(inbox)
            except ValueError:
                continue  # somebody took it just now, and work is on its way
            return
        work()
        del work  # which holds what it was called with
        _idle.append(inbox)
