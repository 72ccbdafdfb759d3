"""Call what a plugin offers, and wait no longer for it than we want."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import anyio

from .._isolation import contained
from .._threads import in_thread
from .grace import CancelledItself, with_grace

__all__ = ["TooSlow", "ask"]


class TooSlow(Exception):  # noqa: N818 - what happened, and no error of ours
    """Nobody waits any longer."""


async def ask(
    seconds: float | None, function: Callable[..., Any], *arguments: Any
) -> tuple[Any, BaseException | None]:
    """Return what a plugin's function returns and no error, or `None` and its error.

    One that is no coroutine function is called in a thread. What takes too long is
    cancelled, or abandoned; the error then is `TooSlow`.

    Args:
        seconds: How long it may take; `None` is for ever.
        function: What to call.
        *arguments: What with.
    """
    if seconds is None:
        return await _asked(function, arguments)
    with anyio.move_on_after(seconds):
        return await _asked(function, arguments)
    return None, TooSlow(f"it took longer than {seconds:g} s")


async def _asked(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> tuple[Any, BaseException | None]:
    try:
        return await with_grace(contained(_called(function, arguments)))
    except CancelledItself as error:
        return None, error


async def _called(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    found = await in_thread(function, *arguments)
    return await found if inspect.isawaitable(found) else found
