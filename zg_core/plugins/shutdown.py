"""Have plugins let go of what they hold, when their host closes."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Iterable

import pluggy

from .._isolation import contained
from .._threads import in_thread
from ..specs import HostInfo

__all__ = ["at_once", "shut_down"]

_SECONDS = 2.0
"""What all that is waited for at once gets."""


async def shut_down(hooks: Iterable[pluggy.HookImpl], info: HostInfo) -> None:
    """Ask all plugins, `at_once`."""
    await at_once(_ask(hook, info) for hook in hooks)


async def at_once(works: Iterable[Awaitable[object]]) -> None:
    """Wait for all of them at once, and for two seconds at most.

    What goes wrong in one is its own affair, and what takes longer is left alone.
    """
    begun = [asyncio.ensure_future(contained(work)) for work in works]
    if begun:
        _, late = await asyncio.wait(begun, timeout=_SECONDS)
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
