"""Contain what code that is not ours may raise.

The only file that catches everything, for whoever calls a plugin. A plugin may
raise anything at any time: at import too, and `SystemExit` too, for which a
dependency that calls ``sys.exit()`` is enough. The caller says whose fault it
was and goes on; so an exit code of ours is never a plugin's.

Two things pass, since they are not the plugin's: `KeyboardInterrupt`, and the
cancellation of the task we run in.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

from ._names import clean_description

__all__ = ["contain", "contained", "describe", "traceback_of"]

T = TypeVar("T")


class contain:  # noqa: N801 - read as a verb: ``with contain() as caught``
    """Catch what the block raises.

    Attributes:
        error: What it raised; `None` if all went well.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if error is None or _passes(error):
            return False
        self.error = error
        return True


async def contained(work: Awaitable[T]) -> tuple[T, None] | tuple[None, BaseException]:
    """Wait for *work*; return its result and no error, or `None` and its error.

    A cancellation that nobody asked of this task comes from *work* itself, from
    a task it waits for, say, and is an error like any other.
    """
    try:
        return await work, None
    except GeneratorExit:
        # We are being closed, and must not go on.
        raise
    except BaseException as error:
        if _passes(error):
            raise
        return None, error


def describe(error: BaseException) -> str:
    """Return an error's type and text on one line, safe for a terminal."""
    text = ""
    with contain():
        text = clean_description(str(error))
    name = type(error).__name__
    return f"{name}: {' '.join(text.split())[:300]}" if text else name


def traceback_of(error: BaseException) -> str:
    """Return an error's traceback as text."""
    import traceback

    lines = [describe(error)]
    with contain():
        lines = traceback.format_exception(error)
    return "".join(lines)


def _passes(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(map(_passes, error.exceptions))
    # A cancellation that nobody asked of this task is an error like any other.
    return isinstance(error, KeyboardInterrupt) or (
        _cancellation(error) and _cancelling()
    )


def _cancellation(error: BaseException) -> bool:
    # Where asyncio was never imported nothing was cancelled; importing it here
    # would cost every command more than all of discovery does.
    asyncio = sys.modules.get("asyncio.exceptions")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _cancelling() -> bool:
    import asyncio

    try:
        task = asyncio.current_task()
    except RuntimeError:  # there is no event loop in this thread
        return False
    return task is not None and task.cancelling() > 0
