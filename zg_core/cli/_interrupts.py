"""Ctrl-C: the first stops a run cleanly, the second ends the process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context

__all__ = ["INTERRUPTED", "interruptible"]

INTERRUPTED = 130
"""The exit code: 128 and the number of the signal, as shells count."""


@contextmanager
def interruptible(
    stop: Callable[[], None], leave: Callable[[], None]
) -> Iterator[None]:
    """Call *stop* in the event loop at the first Ctrl-C; at the second, go.

    Going at once is safe: a run that is cut off anywhere can be resumed.

    Args:
        stop: Asks for a clean end.
        leave: Puts the terminal in order; the last thing that is called.
    """
    loop = asyncio.get_running_loop()
    # That of whatever a signal interrupts may know nothing of the loop.
    context = copy_context()
    asked = False

    def interrupt(*_: object) -> None:
        nonlocal asked
        if asked:
            leave()
            os._exit(INTERRUPTED)
        asked = True
        loop.call_soon_threadsafe(stop, context=context)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
