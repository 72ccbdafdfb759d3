"""Agents that ask agents: how deep, how many, for how much, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest
from offering import Offering, flow

import zg_core as zg
from zg_core._machine import fold
from zg_core._step_paths import base, depth
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio


def echo(request: zg.Request) -> str:
    return f"answer to {request.messages[-1].text}"


# -- How deep, and how many ------------------------------------------------------------


async def test_agents_ask_one_another_five_deep_and_the_chain_is_named() -> None:
    async def deeper(ctx: zg.Context) -> zg.Reply:
        return await ctx.run_agent("deeper", f"{ctx.prompt}!")

    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(deeper=deeper), journal=journal, discover=False
    ) as engine:
        with pytest.raises(zg.LimitError) as refused:
            await engine.run(flow("deeper"), "x", run_id="r1")

    events = await journal.read("r1")
    assert refused.value.details["limit"] == "depth"
    assert " → ".join(["deeper"] * 7) in refused.value.cause
    started = [depth(e.step) for e in events if isinstance(e, zg.StepStarted)]
    assert started == [0, 1, 2, 3, 4, 5]


async def test_ten_are_at_work_at_once_and_the_others_wait() -> None:
    at_work: set[str] = set()
    most = 0
    ten = anyio.Event()

    async def critic(ctx: zg.Context) -> zg.Reply:
        nonlocal most
        at_work.add(ctx.step)
        most = max(most, len(at_work))
        if most == 10:
            ten.set()
        await ten.wait()
        await anyio.lowlevel.checkpoint()
        at_work.discard(ctx.step)
        return zg.Reply(output=ctx.prompt)

    async def boss(ctx: zg.Context) -> zg.Reply:
        wanted = [zg.AgentCall(agent="critic", prompt=str(n)) for n in range(35)]
        found = await ctx.run_agents(wanted)
        return zg.Reply(output=[r.reply and r.reply.output for r in found])

    async with zg.Engine.open(
        Offering(boss=boss, critic=critic), journal=zg.MemoryJournal(), discover=False
    ) as engine:
        with anyio.fail_after(20):
            result = await engine.run(flow("boss"), "x")

    assert result.output == [str(number) for number in range(35)]
    assert most == 10


# -- Limits, and many at once --------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 7, 40])
async def test_a_tree_of_agents_spends_no_more_than_the_step_may(calls: int) -> None:
    async def node(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user(f"{ctx.prompt} before")])
        if len(ctx.prompt) < 4:
            parts = [
                zg.AgentCall(agent="node", prompt=ctx.prompt + letter)
                for letter in "abc"
            ]
            await ctx.run_agents(parts)
        await ctx.complete([zg.Message.user(f"{ctx.prompt} after")])
        return zg.Reply(output=None)

    model = ScriptedProvider(echo, repeat=True)
    limits = {"node": zg.Limits(calls=calls)}
    options = zg.RunOptions(model="scripted:any", step_limits=limits)
    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(node=node), model, journal=journal, discover=False
    ) as engine:
        with pytest.raises(zg.LimitError, match="model call"):
            await engine.run(flow("node"), "t", options=options, run_id="r1")

    assert len(model.requests) == calls
    state = fold(await journal.read("r1"))
    assert state.steps["node"].calls == calls


async def test_one_agent_does_two_hundred_runs_at_once_and_nothing_is_mixed() -> None:
    async def worker(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user(f"{ctx.objective} {ctx.prompt}")])
        name = f"{ctx.prompt}.txt"
        path = await ctx.write_artifact(name, answer.text)
        left = await ctx.remaining()
        return zg.Reply(output=[answer.text, left.calls], artifacts=(path,))

    async def boss(ctx: zg.Context) -> zg.Reply:
        wanted = [zg.AgentCall(agent="worker", prompt=letter) for letter in "ab"]
        found = await ctx.run_agents(wanted)
        return zg.Reply(output=[r.reply and r.reply.output for r in found])

    model = ScriptedProvider(echo, repeat=True)
    journal = zg.MemoryJournal()
    results: dict[int, zg.RunResult] = {}
    async with zg.Engine.open(
        Offering(boss=boss, worker=worker), model, journal=journal, discover=False
    ) as engine:

        async def do(number: int) -> None:
            limits = zg.Limits(calls=10 + number)
            options = zg.RunOptions(model="scripted:any", limits=limits)
            results[number] = await engine.run(
                flow("boss"), f"n{number}", options=options, run_id=f"r{number}"
            )

        async with anyio.create_task_group() as tasks:
            for number in range(200):
                tasks.start_soon(do, number)

    for number, result in results.items():
        events = await journal.read(f"r{number}")
        assert [e.run_id for e in events] == [f"r{number}"] * len(events)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        texts = [text for text, _ in result.output]
        assert texts == [f"answer to n{number} {letter}" for letter in "ab"]
        assert {left for _, left in result.output} <= {8 + number, 9 + number}
        assert [artifact.path for artifact in result.artifacts] == ["a.txt", "b.txt"]
        assert result.usage.calls == 2


# -- Stopping -------------------------------------------------------------------------


async def deep(ctx: zg.Context, ended: Callable[[str], Awaitable[None]]) -> zg.Reply:
    """Ask one below, three at once, until that is as deep as can be; then wait."""
    try:
        if depth(ctx.step) < 5:
            prompts = [
                f"{ctx.prompt}{n}" for n in range(3 if not depth(ctx.step) else 1)
            ]
            wanted = [zg.AgentCall(agent="deep", prompt=prompt) for prompt in prompts]
            await ctx.run_agents(wanted)
        else:
            await ended("begun")
            await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await ended("stopped")
    return zg.Reply(output=None)


async def test_when_a_run_is_stopped_so_are_the_deepest_of_its_agents() -> None:
    count: Counter[str] = Counter()
    all_begun = anyio.Event()

    async def note(what: str) -> None:
        count[what] += 1
        if count["begun"] == 3:
            all_begun.set()

    async def run(ctx: zg.Context) -> zg.Reply:
        return await deep(ctx, note)

    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(deep=run), journal=journal, discover=False
    ) as engine:

        async def stop() -> None:
            await all_begun.wait()
            await engine.cancel("r1")

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stop)
                with pytest.raises(zg.RunCancelledError):
                    await engine.run(flow("deep"), "x", run_id="r1")

    assert count == {"begun": 3, "stopped": 1 + 3 * 5}
    assert isinstance((await journal.read("r1"))[-1], zg.RunCancelled)


async def test_who_is_not_waited_for_is_left_out_once_its_asker_is_done() -> None:
    began = anyio.Event()

    async def slow(ctx: zg.Context) -> zg.Reply:
        began.set()
        await anyio.sleep_forever()
        return zg.Reply(output=None)

    async def boss(ctx: zg.Context) -> zg.Reply:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ctx.run_agent, "slow", "x")
            await began.wait()
            tasks.cancel_scope.cancel()
        return zg.Reply(output="without it")

    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(boss=boss, slow=slow), journal=journal, discover=False
    ) as engine:
        result = await engine.run(flow("boss"), "x", run_id="r1")

    (part,) = fold(await journal.read("r1")).steps["boss"].parts.values()
    assert result.output == "without it"
    assert part.status == "skipped"
    assert base(part.name) == "boss"
