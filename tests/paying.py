"""Tools that need a person's leave, agents that call them, and an engine for both."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from offering import Offering, flow

import zg_core as zg

__all__ = ["a_tool", "act", "buyer", "events", "opened", "paid", "paused", "pay"]

paid: list[int] = []
"""What was paid; the fixture ``nothing_paid`` empties it."""


@zg.tool(requires_approval=True, effect="once")
def pay(amount: int) -> str:
    """Pay."""
    paid.append(amount)
    return f"paid {amount}"


async def buyer(ctx: zg.Context) -> zg.Reply:
    told = await ctx.call_tool("pay", {"amount": 3})
    return zg.Reply(output=told.output or told.error)


@asynccontextmanager
async def opened(
    *offers: Any, journal: zg.Journal | None = None, **config: Any
) -> AsyncGenerator[zg.Engine, None]:
    async with zg.Engine.open(
        *(offers or (Offering(pay, buyer=buyer),)),
        config=zg.Config(**config),
        journal=journal or zg.MemoryJournal(),
        discover=False,
    ) as engine:
        yield engine


async def paused(engine: zg.Engine, **options: Any) -> zg.OpenQuestion:
    """Run the buyer until it waits, and return what for."""
    with pytest.raises(zg.RunPausedError):
        await engine.run(
            flow("buyer"), "x", run_id="r", options=zg.RunOptions(**options)
        )
    (question,) = await engine.pending("r")
    return question


async def events(engine: zg.Engine, *kinds: type[zg.Event]) -> list[Any]:
    return [e for e in await engine.journal.read("r") if isinstance(e, kinds)]


def a_tool(**traits: Any) -> zg.ToolSpec:
    @zg.tool(**traits)
    def act() -> str:
        """Act."""
        return "acted"

    return act


async def act(ctx: zg.Context) -> zg.Reply:
    told = await ctx.call_tool("act", {})
    return zg.Reply(output=told.output or told.error)
