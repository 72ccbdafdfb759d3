"""A model that says what it was asked, and an agent that keeps that in a file."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import zg_core as zg
from zg_core.testing import ScriptedProvider

__all__ = ["SCRIPTED", "echo", "fail", "opened", "write"]

SCRIPTED = zg.RunOptions(model="scripted:any")


def opened(*plugins: object, **settings: Any) -> AbstractAsyncContextManager[zg.Engine]:
    """Open an engine of these plugins alone, with a journal of its own."""
    return zg.Engine.open(
        *plugins, journal="memory", discover=(), config=zg.Config(**settings)
    )


def echo() -> ScriptedProvider:
    """Make a model that says its name and what it was asked."""
    return ScriptedProvider(
        lambda asked: f"{asked.model}: {asked.messages[-1].text}", repeat=True
    )


async def write(ctx: zg.Context) -> zg.Reply:
    """Ask, and keep the answer in a file."""
    answer = await ctx.complete([zg.Message.user(ctx.prompt)])
    await ctx.write_artifact(f"{ctx.step}.txt", answer.text)
    return zg.Reply(output=answer.text, artifacts=(f"{ctx.step}.txt",))


async def fail(ctx: zg.Context) -> zg.Reply:
    """Fail."""
    raise zg.RunError("it went wrong", "try something else")
