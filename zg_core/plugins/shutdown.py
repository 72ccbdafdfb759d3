"""Ask plugins to let go of what they hold, when their host closes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable

import pluggy

from .._isolation import contained
from .._threads import in_thread
from ..specs import HostInfo

__all__ = ["shut_down"]

_SECONDS = 2.0
"""What all plugins together get."""


async def shut_down(hooks: Iterable[pluggy.HookImpl], info: HostInfo) -> None:
    """Ask all plugins at once, and wait for two seconds at most.

    What goes wrong in one is its own affair, and what takes longer is left alone.
    """
    asked = [asyncio.ensure_future(contained(_ask(hook, info))) for hook in hooks]
    if asked:
        _, late = await asyncio.wait(asked, timeout=_SECONDS)
        for task in late:
            task.cancel()


async def _ask(hook: pluggy.HookImpl, info: HostInfo) -> None:
    told = {"host": info}
    arguments = [told[name] for name in hook.argnames]
    if inspect.iscoroutinefunction(hook.function):
        await hook.function(*arguments)
        return
    answer: object = await in_thread(hook.function, *arguments)
    if inspect.isawaitable(answer):
        await answer
