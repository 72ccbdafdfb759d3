"""Decisions that come late, or after a crash, or never."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
from offering import Offering, flow
from paying import a_tool, act, buyer, events, opened, paid, paused, pay

import zg_core as zg

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_paid")]


# -- Time ------------------------------------------------------------------------------


async def test_what_nobody_decides_in_time_is_refused(
    later: Callable[[float], None],
) -> None:
    async with opened() as engine:
        question = await paused(engine)
        later(23)
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        later(2)
        with pytest.raises(zg.InputError, match="was over at 20"):
            await engine.approve("r", question.call)
        result = await engine.resume("r")
        (decided,) = await events(engine, zg.ApprovalDecided)

    assert (decided.allow, decided.by) == (False, "expiry")
    assert "nobody decided in time" in str(result.output)
    assert paid == []


async def test_an_approval_given_in_time_holds_for_ever(
    later: Callable[[float], None],
) -> None:
    async with opened() as engine:
        question = await paused(engine)
        later(1)
        await engine.approve("r", question.call)
        later(1000)
        await engine.resume("r")

    assert paid == [3]


async def test_nobody_deciding_in_time_may_be_a_failure(
    later: Callable[[float], None],
) -> None:
    async with opened(approvals_on_expiry="fail") as engine:
        first = await paused(engine)
        later(25)
        with pytest.raises(zg.RunError, match="time was up at") as caught:
            await engine.resume("r")
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        (second,) = await engine.pending("r")
        await engine.approve("r", second.call)
        await engine.resume("r")

    assert not isinstance(caught.value, zg.RunPausedError)
    assert first.asked_at < second.asked_at
    assert paid == [3]


async def test_an_attended_run_waits_no_longer_than_it_may() -> None:
    async with opened(approvals_expire_seconds=0.05) as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        seen = [event async for event in engine.stream_run("r", attended=True)]

    assert isinstance(seen[-1], zg.RunFinished)
    assert "nobody decided in time" in str(seen[-1].output)


async def test_the_time_that_a_person_takes_is_not_counted() -> None:
    step = zg.Step("buyer", agent="buyer", timeout_seconds=0.2)
    options = zg.RunOptions(limits=zg.Limits(seconds=0.3))
    async with opened() as engine:
        await engine.accept(
            zg.Workflow("test", (step,)), "x", run_id="r", options=options
        )
        async for event in engine.stream_run("r", attended=True):
            if isinstance(event, zg.ApprovalRequested):
                await anyio.sleep(0.5)
                await engine.approve("r", event.call_key)

    assert paid == [3]


async def test_the_time_of_a_step_runs_while_another_waits() -> None:
    async def slow(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep(60)
        raise AssertionError

    steps = (
        zg.Step("buyer", agent="buyer"),
        zg.Step("slow", agent="slow", timeout_seconds=0.1),
    )
    async with opened(Offering(pay, buyer=buyer, slow=slow)) as engine:
        with pytest.raises(zg.LimitError, match="step 'slow' took longer"):
            await engine.run(zg.Workflow("test", steps), "x")


# -- Done, or not? ---------------------------------------------------------------------


class Cut(zg.MemoryJournal):
    """A journal that is broken after so many events."""

    after: int | None = None

    async def append(self, *arguments: Any, **options: Any) -> None:
        if self.after is not None and arguments[2][0].seq > self.after:
            raise zg.JournalError("the disk is full")
        await super().append(*arguments, **options)


async def cut_within_the_call(engine: zg.Engine, journal: Cut) -> zg.OpenQuestion:
    """Have a tool called whose result is lost, and return what is asked of it."""
    question = await paused(engine)
    await engine.approve("r", question.call)
    journal.after = (await journal.read("r"))[-1].seq + 3  # up to the intent
    with pytest.raises(zg.JournalError):
        await engine.resume("r")
    journal.after = None
    assert isinstance((await journal.read("r"))[-1], zg.ToolStarted)
    with pytest.raises(zg.RunPausedError):
        await engine.resume("r")
    (question,) = await engine.pending("r")
    return question


async def test_an_approval_is_used_up_by_the_call() -> None:
    journal = Cut()
    async with opened(journal=journal) as engine:
        question = await cut_within_the_call(engine, journal)

    assert "nobody knows whether it was done" in question.reason
    assert question.arguments == {"amount": 3}
    assert paid == [3]


async def test_what_may_have_been_done_is_done_again_only_if_a_person_says_so() -> None:
    journal = Cut()
    async with opened(journal=journal) as engine:
        question = await cut_within_the_call(engine, journal)
        await engine.approve("r", question.call)
        result = await engine.resume("r")

    assert result.output == "paid 3"
    assert paid == [3, 3]


async def test_what_may_have_been_done_is_left_if_a_person_says_so() -> None:
    journal = Cut()
    async with opened(journal=journal) as engine:
        question = await cut_within_the_call(engine, journal)
        await engine.reject("r", question.call, reason="the bank has it")
        result = await engine.resume("r")

    assert "it is not to be done again: the bank has it" in str(result.output)
    assert paid == [3]


async def test_where_nobody_may_be_asked_nothing_is_done_twice() -> None:
    once = a_tool(effect="once")
    journal = Cut()
    async with opened(Offering(once, act=act), journal=journal) as engine:
        options = zg.RunOptions(approve="never")
        await engine.accept(flow("act"), "x", run_id="r", options=options)
        journal.after = 4
        with pytest.raises(zg.JournalError):
            await engine.resume("r")
        journal.after = None
        result = await engine.resume("r")

    assert "nobody knows whether it was done" in str(result.output)


async def test_a_tool_that_may_be_repeated_keeps_its_key_and_its_approval() -> None:
    keys: list[str] = []

    @zg.tool(effect="idempotent", risk="high")
    def act(ctx: zg.Context) -> str:
        """Act."""
        keys.append(ctx.call_key)
        return "acted"

    async def agent(ctx: zg.Context) -> zg.Reply:
        assert ctx.call_key == ""
        return zg.Reply(output=(await ctx.call_tool("act", {})).output)

    journal = Cut()
    async with opened(Offering(act, agent=agent), journal=journal) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        (question,) = await engine.pending()
        await engine.approve("r", question.call)
        journal.after = (await journal.read("r"))[-1].seq + 3
        with pytest.raises(zg.JournalError):
            await engine.resume("r")
        journal.after = None
        await engine.resume("r")

    assert keys == [question.call_key] * 2


async def asks_much(ctx: zg.Context) -> zg.Reply:
    name = await ctx.ask("What is it called?")
    told = await ctx.call_tool("pay", {"amount": 3})
    leave = await ctx.approve("Go on", {"name": name})
    return zg.Reply(output=[name, told.output or told.error, leave])


async def attended(engine: zg.Engine) -> None:
    """Do what is left of a run, and say yes to all but to what may be done already."""
    async for event in engine.stream_run("r", attended=True):
        for question in await engine.pending("r"):
            if not isinstance(event, zg.Event):
                continue
            if question.kind == "input":
                await answered(engine.answer("r", question.call_key, "Zen"))
            elif "nobody knows" in question.reason:
                await answered(engine.reject("r", question.call_key))
            else:
                await answered(engine.approve("r", question.call_key))


async def answered(saying: Awaitable[None]) -> None:
    """Say it, unless it was said already and is on its way."""
    with suppress(zg.InputError):
        await saying


async def test_cut_after_any_event_a_run_with_people_ends_the_same() -> None:
    journal = Cut()
    async with opened(Offering(pay, buyer=asks_much), journal=journal) as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        await attended(engine)
        whole = await engine.journal.read("r")
        output = (await engine.result("r")).output
    assert paid == [3]
    begun = next(e.seq for e in whole if isinstance(e, zg.ToolStarted))

    for after in range(1, len(whole)):
        paid.clear()
        journal = Cut()
        async with opened(Offering(pay, buyer=asks_much), journal=journal) as engine:
            await engine.accept(flow("buyer"), "x", run_id="r")
            journal.after = after
            with suppress(zg.JournalError):
                await attended(engine)
            journal.after = None
            await attended(engine)
            result = await engine.result("r")

        if after == begun:  # when it was done, but nobody had noted it
            assert "it is not to be done again" in str(result.output)
        else:
            assert result.output == output
        assert paid == [3], after
