"""No tool does what no person allowed, in whatever order people and calls come."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offering import Offering, flow

import zg_core as zg
from zg_core.running.judging import call_digest

pytestmark = pytest.mark.anyio

TOOL = "offering:act"


@dataclass(frozen=True)
class Said:
    """What a person does next: to which of the open calls, and what."""

    which: int
    what: str
    number: int


SAID = st.builds(
    Said,
    which=st.integers(0, 5),
    what=st.sampled_from(
        ["allow", "allow", "refuse", "edit", "stale", "misfit", "forged", "twice"]
    ),
    number=st.integers(0, 3),
)
CALLS = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=3
)


class Person:
    """Decides what is asked, well or badly, one thing after the other."""

    def __init__(self, engine: zg.Engine, plan: Sequence[Said]) -> None:
        self._engine = engine
        self._plan = [*plan]

    async def act(self) -> None:
        """Do the next thing; in the end, refuse what is still asked."""
        open_ones = await self._engine.pending("r")
        if not open_ones:
            return
        if not self._plan:
            with suppress(zg.InputError):
                await self._engine.reject("r", open_ones[0].call_key)
            return
        said = self._plan.pop(0)
        await self._say(open_ones[said.which % len(open_ones)], said)

    async def _say(self, asked: zg.OpenQuestion, said: Said) -> None:
        engine, key = self._engine, asked.call_key
        match said.what:
            case "allow":
                with suppress(zg.InputError):  # unless what was forged came first
                    await engine.approve("r", key)
            case "refuse":
                with suppress(zg.InputError):
                    await engine.reject("r", key)
            case "edit":
                with suppress(zg.InputError):
                    await engine.approve("r", key, edit={"number": said.number})
            case "stale":
                digest = call_digest(TOOL, {"number": said.number + 100})
                with pytest.raises(zg.InputError):
                    await engine.approve("r", key, digest=digest)
            case "misfit":
                with pytest.raises(zg.InputError):
                    await engine.approve("r", key, edit={"number": "x"})
            case "forged":  # by somebody who writes into the journal
                digest = call_digest(TOOL, {"number": said.number})
                forged = zg.ApprovalDecided(call_key=key, digest=digest, allow=True)
                await engine.journal.request("r", forged)
            case "twice":
                with suppress(zg.InputError):
                    await engine.reject("r", key)
                    await engine.approve("r", key)


def allowed(events: Sequence[zg.Event]) -> Counter[tuple[str, int]]:
    """Return what was allowed: the call, and with which number."""
    asked = {e.call_key: e for e in events if isinstance(e, zg.ApprovalRequested)}
    found: Counter[tuple[str, int]] = Counter()
    for event in events:
        if isinstance(event, zg.ApprovalDecided) and event.allow:
            question = asked[event.call_key]
            assert event.digest == question.digest
            arguments = event.arguments or question.arguments
            found[event.call_key, arguments["number"]] += 1
    return found


@settings(deadline=None, max_examples=30)
@given(calls=CALLS, plan=st.lists(SAID, max_size=12))
async def test_nothing_is_done_that_nobody_allowed(
    calls: list[list[int]], plan: list[Said]
) -> None:
    done: Counter[tuple[str, int]] = Counter()

    @zg.tool(requires_approval=True, effect="once")
    def act(ctx: zg.Context, number: int) -> int:
        """Act."""
        done[ctx.call_key, number] += 1
        return number

    def agent(numbers: list[int]) -> Any:
        async def run(ctx: zg.Context) -> zg.Reply:
            told = await asyncio.gather(
                *(ctx.call_tool("act", {"number": number}) for number in numbers)
            )
            return zg.Reply(output=[each.output for each in told])

        return run

    agents = {f"a{place}": agent(numbers) for place, numbers in enumerate(calls)}
    async with zg.Engine.open(
        Offering(act, **agents), journal="memory", discover=False
    ) as engine:
        await engine.accept(flow(*agents), "x", run_id="r")
        person = Person(engine, plan)

        async def decide() -> None:
            while True:
                await person.act()
                await asyncio.sleep(0)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(decide)
            async for _ in engine.stream_run("r", attended=True):
                pass
            tasks.cancel_scope.cancel()
        events = await engine.journal.read("r")

    assert isinstance(events[-1], zg.RunFinished)
    assert done == allowed(events)
    assert all(count == 1 for count in done.values())
