"""Call a plain function in a thread that nobody has to wait for.

A thread of anyio's pool can be abandoned as well, but the process waits for it when
it ends. What a plugin does may never end; so these are daemons.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from ._isolation import contain

__all__ = ["in_thread"]

T = TypeVar("T")

_ENDING = asyncio.CancelledError, KeyboardInterrupt
"""What is meant for a whole task or process, which a thread of its own is not."""


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Return what a function returns that is called in a thread of its own.

    When this is cancelled, the thread is left to itself.

    Raises:
        BaseException: What the function raises; a `RuntimeError` in the place of a
            cancellation or an interrupt.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result((result, error))

    def work() -> None:
        result = None
        error: BaseException | None = RuntimeError("it would have ended us as well")
        try:
            with suppress(*_ENDING), contain() as caught:
                result = function(*arguments)
                error = None
            if not isinstance(caught.error, _ENDING):
                error = caught.error or error
        finally:
            with suppress(RuntimeError):  # nobody waits: the event loop is closed
                loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name="zg plugin", daemon=True).start()
    result, error = await done
    if error is not None:
        raise error
    returned: T = result
    return returned
