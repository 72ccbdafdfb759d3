"""A run cut after any event, and resumed, ends like one that was never cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from offering import Offering

import zg_core as zg
from zg_core.testing import ScriptedProvider, call

pytestmark = pytest.mark.anyio


class Cut(zg.MemoryJournal):
    """A journal whose owner dies right after one event is on disk."""

    after: int | None = None

    async def append(
        self,
        run_id: str,
        epoch: int,
        events: Sequence[zg.Event],
        *,
        durable: bool = True,
    ) -> None:
        await super().append(run_id, epoch, events, durable=durable)
        if self.after is not None and events[-1].seq >= self.after:
            raise zg.JournalError("the machine died")


@dataclass
class World:
    """A rich run, and what it does outside of its journal."""

    tool_calls: Counter[str] = field(default_factory=Counter)
    model: ScriptedProvider = field(
        default_factory=lambda: ScriptedProvider(answer, repeat=True)
    )

    def plugin(self) -> Offering:
        @zg.tool
        def look(at: str) -> str:
            """Look at something."""
            self.tool_calls[at] += 1
            return f"seen {at}"

        return Offering(look, planner=planner, worker=worker, closer=closer)

    @asynccontextmanager
    async def engine(self, journal: zg.Journal) -> AsyncGenerator[zg.Engine, None]:
        async with zg.Engine.open(
            self.plugin(), self.model, journal=journal, discover=False
        ) as engine:
            yield engine


def answer(request: zg.Request) -> Any:
    """Ask for two tools at once, then tell what came of it."""
    if request.tools and request.messages[-1].role == "user":
        about = request.messages[-1].text.split()[0]
        return (
            call("look", call_id="1", at=f"{about}-left"),
            call("look", call_id="2", at=f"{about}-right"),
        )
    return f"answer to {request.messages[-1].text}"


async def planner(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user("plan it")])
    await ctx.write_artifact("plan.md", answer.text)
    return zg.Reply(output=answer.text, artifacts=("plan.md",))


async def worker(ctx: zg.Context) -> zg.Reply:
    async def chance() -> str:
        return "a value that would differ"

    await ctx.once("chance", chance)
    prompt = zg.Message.user(f"{ctx.step} do it")
    wish = (await ctx.complete([prompt], tools=["look"])).message
    results: list[zg.ToolResult] = []

    async def look(wanted: zg.ToolCall) -> None:
        results.append(await ctx.call_tool(wanted.name, wanted.arguments))

    async with anyio.create_task_group() as tasks:
        for wanted in wish.tool_calls:
            tasks.start_soon(look, wanted)
    texts = sorted(result.text for result in results)
    last = await ctx.complete([prompt, zg.Message.user(" and ".join(texts))])
    await ctx.progress("nearly there", 0.9)
    return zg.Reply(output=last.text)


async def closer(ctx: zg.Context) -> zg.Reply:
    await ctx.write_artifact("README.md", ctx.prompt)
    return zg.Reply(output=dict(ctx.outputs), artifacts=("README.md",))


WORKFLOW = zg.Workflow(
    "rich",
    (
        zg.Step("plan", agent="planner"),
        zg.Step("left", agent="worker", needs=("plan",)),
        zg.Step("right", agent="worker", needs=("plan",)),
        zg.Step("close", agent="closer", needs=("left", "right")),
    ),
)
OPTIONS = zg.RunOptions(model="scripted:any")


async def whole() -> tuple[zg.RunResult, list[zg.Event], World]:
    world = World()
    journal = zg.MemoryJournal()
    async with world.engine(journal) as engine:
        result = await engine.run(WORKFLOW, "x", options=OPTIONS, run_id="r1")
    return result, await journal.read("r1"), world


def meaning(result: zg.RunResult) -> object:
    """Return what must not depend on where a run was cut."""
    return (
        result.status,
        result.output,
        [(s.step, s.agent, s.status, s.output, s.artifacts) for s in result.history],
        result.artifacts,
        result.usage,
    )


async def test_cut_anywhere_it_ends_the_same_and_repeats_nothing_recorded() -> None:
    expected, events, uncut = await whole()

    for cut in range(1, len(events)):
        world = World()
        journal = Cut()
        async with world.engine(journal) as engine:
            await engine.accept(WORKFLOW, "x", options=OPTIONS, run_id="r1")
            journal.after = max(cut, 2)
            with pytest.raises(zg.JournalError, match="died"):
                await engine.resume("r1")
            journal.after = None
            recorded = await journal.read("r1")
            asked, done = len(world.model.requests), world.tool_calls.copy()
            result = await engine.resume("r1")

        answers = sum(isinstance(e, zg.ModelAnswered) for e in recorded)
        results = [e for e in recorded if isinstance(e, zg.ToolFinished)]
        assert meaning(result) == meaning(expected)
        assert len(world.model.requests) - asked == len(uncut.model.requests) - answers
        assert (world.tool_calls - done).total() == 4 - len(results)


async def test_a_run_may_be_cut_again_and_again() -> None:
    expected, events, _ = await whole()
    world = World()
    journal = Cut()
    async with world.engine(journal) as engine:
        await engine.accept(WORKFLOW, "x", options=OPTIONS, run_id="r1")
        for _ in range(10 * len(events)):
            journal.after = len(await journal.read("r1")) + 12
            try:
                result = await engine.resume("r1")
                break
            except zg.JournalError:
                continue

    assert meaning(result) == meaning(expected)
    assert max(world.tool_calls.values()) <= 3


async def test_a_step_that_asks_something_else_than_recorded_is_refused() -> None:
    questions = ["first", "second"]

    async def fickle(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user(questions.pop(0))])
        if questions:
            raise ValueError("cut here")
        return zg.Reply(output=None)

    journal = zg.MemoryJournal()
    workflow = zg.Workflow("w", (zg.Step("a", agent="fickle"),))
    async with zg.Engine.open(
        Offering(fickle=fickle),
        ScriptedProvider("x", repeat=True),
        journal=journal,
        discover=False,
    ) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(workflow, "x", options=OPTIONS, run_id="r1")
        with pytest.raises(zg.ReplayMismatchError, match="no longer makes"):
            await engine.resume("r1")


async def test_a_tool_that_must_not_be_repeated_is_not() -> None:
    calls: list[str] = []

    @zg.tool(effect="once")
    def pay() -> str:
        """Pay."""
        calls.append("paid")
        return "paid"

    async def buyer(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("pay", {})).output)

    workflow = zg.Workflow("w", (zg.Step("buy", agent="buyer"),))
    journal = Cut()
    async with zg.Engine.open(
        Offering(pay, buyer=buyer), journal=journal, discover=False
    ) as engine:
        await engine.accept(workflow, "x", run_id="r1")
        journal.after = 4  # the intent is on disk, the receipt is not
        with pytest.raises(zg.JournalError):
            await engine.resume("r1")
        journal.after = None
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r1")
        (question,) = await engine.pending("r1")

    assert "nobody knows whether" in question.reason
    assert isinstance((await journal.read("r1"))[3], zg.ToolStarted)
    assert calls == []
