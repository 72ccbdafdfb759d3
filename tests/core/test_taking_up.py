"""Runs that are taken up after more went wrong than that somebody died.

One file, since each begins with a journal that was cut.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from echoing import SCRIPTED, echo, opened
from offering import Offering, flow, say
from paying import buyer, paid

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio

Agent = Callable[[zg.Context], Awaitable[zg.Reply]]


@zg.tool(effect="once")
def pay(amount: int) -> str:
    """Pay, which nobody is asked about."""
    paid.append(amount)
    return f"paid {amount}"


def asks(*questions: str) -> Agent:
    """Make an agent that asks a model one question after the other."""

    async def agent(ctx: zg.Context) -> zg.Reply:
        answers = [await ctx.complete([zg.Message.user(q)]) for q in questions]
        return zg.Reply(output=[answer.text for answer in answers])

    return agent


async def cut(
    engine: zg.Engine, after: type[zg.Event], nth: int = 1
) -> zg.MemoryJournal:
    """Return a journal as if the owner of run ``r`` died after the nth such event."""
    events = await engine.journal.read("r")
    seqs = [event.seq for event in events if isinstance(event, after)]
    first, *others = events[: seqs[nth - 1]]
    assert isinstance(first, zg.RunAccepted)
    journal = zg.MemoryJournal()
    await journal.create(first)
    epoch = await journal.claim("r")
    await journal.append("r", epoch, others)
    await journal.release("r", epoch)
    return journal


async def begun(
    after: type[zg.Event], *plugins: object, workflow: zg.Workflow | None = None
) -> zg.MemoryJournal:
    """Return the journal of a run whose owner died after the first such event."""
    async with opened(*plugins) as engine:
        await engine.run(workflow or flow("a"), "x", options=SCRIPTED, run_id="r")
        return await cut(engine, after)


def taken_up(
    journal: zg.Journal, *plugins: object
) -> AbstractAsyncContextManager[zg.Engine]:
    return zg.Engine.open(*plugins, journal=journal, discover=False)


# -- Code that was changed ------------------------------------------------------------


async def test_a_change_that_is_undone_leaves_no_trace() -> None:
    plugin, changed = Offering(a=asks("one", "two")), Offering(a=asks("1", "two"))
    journal = await begun(zg.ModelAnswered, plugin, echo())
    model = echo()

    for _ in range(2):
        async with taken_up(journal, changed, model) as engine:
            with pytest.raises(zg.ReplayMismatchError, match="call '1'"):
                await engine.resume("r")
    asked = len(model.requests)
    async with taken_up(journal, plugin, model) as engine:
        result = await engine.resume("r")

    assert result.output == ["any: one", "any: two"]
    assert asked == len(model.requests) == 2  # what both ask is not paid twice


async def test_an_agent_that_was_asked_may_be_changed_and_changed_back() -> None:
    async def boss(ctx: zg.Context) -> zg.Reply:
        return await ctx.run_agent("sub", "do it")

    plugin = Offering(a=boss, sub=asks("one", "two"))
    journal = await begun(zg.ModelAnswered, plugin, echo())

    async with taken_up(journal, Offering(a=boss, sub=asks("1")), echo()) as engine:
        with pytest.raises(zg.ReplayMismatchError):
            await engine.resume("r")
    async with taken_up(journal, plugin, echo()) as engine:
        result = await engine.resume("r")

    assert result.output == ["any: one", "any: two"]


@pytest.mark.usefixtures("nothing_paid")
async def test_what_changed_code_did_once_is_not_done_twice() -> None:
    def buys(question: str) -> Offering:
        async def a(ctx: zg.Context) -> zg.Reply:
            await ctx.complete([zg.Message.user(question)])
            return await buyer(ctx)

        return Offering(pay, a=a)

    journal = await begun(zg.ModelAnswered, buys("one"), echo())
    paid.clear()

    async with taken_up(journal, buys("1"), echo()) as engine:
        with pytest.raises(zg.ReplayMismatchError):
            await engine.resume("r")
    async with taken_up(journal, buys("one"), echo()) as engine:
        result = await engine.resume("r")

    assert result.output == "paid 3"
    assert paid == [3]


@pytest.mark.parametrize("on_error", ["skip", "fallback"])
async def test_changed_code_fails_its_run_whatever_else_a_failure_means(
    on_error: zg.OnError,
) -> None:
    (step,) = flow("a").steps
    workflow = replace(flow("a"), steps=(replace(step, on_error=on_error),))
    before = Offering(a=asks("one", "two"))
    journal = await begun(zg.ModelAnswered, before, echo(), workflow=workflow)

    async with taken_up(journal, Offering(a=asks("1", "two")), echo()) as engine:
        with pytest.raises(zg.ReplayMismatchError):
            await engine.resume("r")
        assert (await engine.result("r")).status == "failed"


# -- Failures that an agent makes its own of -------------------------------------------


async def of_model(ctx: zg.Context) -> str:
    return (await ctx.complete([zg.Message.user("do it")])).text


async def of_agent(ctx: zg.Context) -> str:
    return str((await ctx.run_agent("sub", "do it")).output)


async def of_agents(ctx: zg.Context) -> str:
    call = zg.AgentCall(agent="sub", prompt="do it")
    (result,) = await ctx.run_agents([call])
    await ctx.now()  # it goes on for a while before it looks
    if result.reply is None:
        raise KeyError("sub") from result.error
    return str(result.reply.output)


@pytest.mark.parametrize("work", [of_model, of_agent, of_agents])
async def test_what_an_agent_made_an_error_of_its_own_of_is_tried_again(
    work: Callable[[zg.Context], Awaitable[str]],
) -> None:
    refused = [True]

    def answer(request: zg.Request) -> object:
        return zg.ProviderAuthError("no key") if refused else "done"

    async def sub(ctx: zg.Context) -> zg.Reply:
        try:
            return zg.Reply(output=await of_model(ctx))
        except zg.ProviderAuthError:
            raise ValueError("nor can I")  # noqa: B904 - as many write it

    async def a(ctx: zg.Context) -> zg.Reply:
        try:
            return zg.Reply(output=await work(ctx))
        except (zg.ZeroGravityError, KeyError) as error:
            raise RuntimeError("I cannot") from error

    model = ScriptedProvider(answer, repeat=True)
    async with opened(Offering(a=a, sub=sub), model) as engine:
        with pytest.raises(zg.RunError, match="I cannot"):
            await engine.run(flow("a"), "x", options=SCRIPTED, run_id="r")
        refused.clear()
        result = await engine.resume("r")

    assert result.output == "done"


async def test_what_was_gone_on_from_is_not_tried_again_for_an_error_of_the_agent() -> (
    None
):
    broken = [True]
    model = ScriptedProvider(
        zg.ProviderAuthError("no key"), "the other way", "never asked for", repeat=True
    )

    async def a(ctx: zg.Context) -> zg.Reply:
        try:
            said = await ctx.complete([zg.Message.user("first")])
        except zg.ProviderAuthError:
            said = await ctx.complete([zg.Message.user("second")])
        if broken:
            raise ValueError("a mistake")
        return zg.Reply(output=said.text)

    async with opened(Offering(a=a), model) as engine:
        with pytest.raises(zg.RunError, match="a mistake"):
            await engine.run(flow("a"), "x", options=SCRIPTED, run_id="r")
        broken.clear()
        result = await engine.resume("r")

    assert result.output == "the other way"
    assert len(model.requests) == 2


# -- Limits that came while it ran -----------------------------------------------------


async def test_what_was_left_before_a_limit_and_after_it_is_told_again() -> None:
    async def nothing() -> None:
        pass

    async def limit() -> None:
        await engine.retune("r", zg.Limits(calls=10))

    async def a(ctx: zg.Context) -> zg.Reply:
        said = []
        for number in range(3):
            left = await ctx.remaining()
            said.append(f"{number}: {left.calls} left")
            await ctx.complete([zg.Message.user(said[-1])])
            await ctx.once(f"limit {number}", limit if number == 0 else nothing)
        return zg.Reply(output=said)

    async with opened(Offering(a=a), echo()) as engine:
        first = await engine.run(flow("a"), "x", options=SCRIPTED, run_id="r")
        journal = await cut(engine, zg.ModelAnswered, nth=2)
    model = echo()
    async with taken_up(journal, Offering(a=a), model) as engine:
        result = await engine.resume("r")

    assert result.output == first.output == ["0: None left", "1: 9 left", "2: 8 left"]
    assert len(model.requests) == 1


async def test_whoever_was_not_told_yet_is_told_of_the_limits_that_hold() -> None:
    told: list[int | None] = []

    async def a(ctx: zg.Context) -> zg.Reply:
        if not dead:
            told.append((await ctx.remaining()).calls)
        await ctx.complete([zg.Message.user("one")])
        return zg.Reply(output=None)

    dead = [True]
    options = replace(SCRIPTED, limits=zg.Limits(calls=5))
    async with opened(Offering(a=a), echo()) as engine:
        await engine.run(flow("a"), "x", options=options, run_id="r")
        journal = await cut(engine, zg.ModelAnswered)
    dead.clear()
    async with taken_up(journal, Offering(a=a), echo()) as engine:
        await engine.resume("r")

    assert told == [4]


# -- What must not be repeated ---------------------------------------------------------


@pytest.mark.usefixtures("nothing_paid")
@pytest.mark.parametrize(
    "how", [("rewind",), ("fork",), ("rewind", "fork"), ("fork", "fork")], ids=" ".join
)
@pytest.mark.parametrize("after", [zg.ToolStarted, zg.ToolFinished, zg.StepFinished])
async def test_what_was_done_before_is_done_again_only_if_a_person_says_so(
    how: tuple[str, ...], after: type[zg.Event]
) -> None:
    plugin, run_id = Offering(pay, a=buyer), "r"
    journal = await begun(after, plugin, echo())
    paid.clear()

    async with taken_up(journal, plugin, echo()) as engine:
        for done in how:
            if done == "fork":
                run_id = await engine.fork(run_id, "a")
            else:
                await engine.rewind(run_id, "a")
            with pytest.raises(zg.RunPausedError):
                await engine.resume(run_id)
        (question,) = await engine.pending(run_id)
        assert paid == []
        await engine.approve(run_id, question.call)
        result = await engine.resume(run_id)

    known = "nobody knows" if after is zg.ToolStarted else "it was done before"
    assert question.reason.startswith(known)
    assert (result.output, paid) == ("paid 3", [3])


@pytest.mark.usefixtures("nothing_paid")
async def test_what_was_done_before_is_left_if_a_person_says_so() -> None:
    async with opened(Offering(pay, a=buyer)) as engine:
        await engine.run(flow("a"), "x", run_id="r")
        await engine.rewind("r", "a")
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        (question,) = await engine.pending("r")
        await engine.reject("r", question.call, reason="once is enough")
        result = await engine.resume("r")

    assert "not to be done again: once is enough" in str(result.output)
    assert paid == [3]


@pytest.mark.usefixtures("nothing_paid")
async def test_a_step_that_is_set_back_need_not_do_again_what_it_did() -> None:
    buyers = [buyer]

    async def a(ctx: zg.Context) -> zg.Reply:
        return await buyers.pop()(ctx) if buyers else zg.Reply(output="nothing to pay")

    async with opened(Offering(pay, a=a)) as engine:
        await engine.run(flow("a"), "x", run_id="r")
        await engine.rewind("r", "a")
        result = await engine.resume("r")
        forked = await engine.resume(await engine.fork("r", "a"))

    assert result.output == forked.output == "nothing to pay"
    assert paid == [3]


@pytest.mark.usefixtures("nothing_paid")
@pytest.mark.parametrize("how", ["other words", "another place in the list"])
async def test_what_was_done_by_another_path_is_asked_about_as_well(how: str) -> None:
    begun: list[str] = []

    async def asks(ctx: zg.Context) -> zg.Reply:
        begun.append(ctx.step)
        return await ctx.run_agent("buyer", f"buy it, please ({len(begun)})")

    async def lists(ctx: zg.Context) -> zg.Reply:
        begun.append(ctx.step)
        return zg.Reply(output=[4, 3][-len(begun) :])

    async def pays(ctx: zg.Context) -> zg.Reply:
        told = await ctx.call_tool("pay", {"amount": int(ctx.prompt)})
        return zg.Reply(output=told.output)

    plugin = Offering(pay, asks=asks, lists=lists, pays=pays, buyer=buyer)
    workflow = flow("asks")
    if how != "other words":
        each = zg.Step(
            "each", agent="pays", needs=("lists",), for_each="lists", prompt="{item}"
        )
        workflow = zg.Workflow("test", (*flow("lists").steps, each))
    async with opened(plugin) as engine:
        await engine.run(workflow, "x", run_id="r")
        await engine.rewind("r", workflow.steps[0].name)
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        (question,) = await engine.pending("r")

    assert question.reason.startswith("it was done before")
    assert paid == ([3] if how == "other words" else [3, 4])


@pytest.mark.usefixtures("nothing_paid")
async def test_what_was_asked_about_once_is_not_asked_about_for_another_call() -> None:
    times = [1]

    async def a(ctx: zg.Context) -> zg.Reply:
        # In other words each time, so that whoever is asked works at another path.
        words = [f"buy it ({times[-1]}, {n})" for n in range(times[-1])]
        told = [await ctx.run_agent("buyer", prompt) for prompt in words]
        return zg.Reply(output=[one.output for one in told])

    plugin = Offering(pay, a=a, buyer=buyer)
    async with opened(plugin) as engine:
        await engine.run(flow("a"), "x", run_id="r")
        times.append(2)
        await engine.rewind("r", "a")
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        (question,) = await engine.pending("r")
        await engine.approve("r", question.call)
        uncut = await engine.resume("r")
        journal = await cut(engine, zg.ToolFinished, 2)
    async with taken_up(journal, plugin) as engine:
        result = await engine.resume("r")

    assert result.output == uncut.output == ["paid 3", "paid 3"]


# -- A request to stop -----------------------------------------------------------------


async def test_a_run_whose_owner_died_as_it_was_stopped_is_stopped() -> None:
    wait = [True]

    async def a(ctx: zg.Context) -> zg.Reply:
        if wait:
            await anyio.sleep_forever()
        return zg.Reply(output="woke up")

    async with opened(Offering(a=a)) as engine:
        with pytest.raises(zg.RunCancelledError):
            async for event in engine.stream(flow("a"), "x", run_id="r"):
                if isinstance(event, zg.StepStarted):
                    await engine.cancel("r", "too dear")
        journal = await cut(engine, zg.CancelRequested)
    wait.clear()
    async with taken_up(journal, Offering(a=a)) as engine:
        with pytest.raises(zg.RunCancelledError):
            await engine.resume("r")
        (*_, ended) = await journal.read("r")
        stopped = await engine.result("r")
        result = await engine.resume("r")

    assert isinstance(ended, zg.RunCancelled)
    assert ended.reason == "too dear"
    assert (stopped.status, result.output) == ("cancelled", "woke up")


async def test_a_stopped_run_that_is_set_back_goes_on() -> None:
    async with opened(Offering(a=asks("one"), b=asks("two")), echo()) as engine:
        with pytest.raises(zg.RunCancelledError):
            async for event in engine.stream(
                flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r"
            ):
                if isinstance(event, zg.StepFinished):
                    await engine.cancel("r")
        await engine.rewind("r", "a")
        result = await engine.resume("r")

    assert result.status == "completed"


# -- A request to pause ----------------------------------------------------------------


async def test_a_run_whose_owner_died_as_it_was_put_aside_is_put_aside() -> None:
    async with opened(Offering(look, a=looks)) as engine:
        with pytest.raises(zg.RunPausedError):
            async for event in engine.stream(flow("a"), "x", run_id="r"):
                if isinstance(event, zg.ToolStarted):
                    await engine.pause("r", "let me look")
        journal = await cut(engine, zg.PauseRequested)
    async with taken_up(journal, Offering(look, a=looks)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        paused = await engine.result("r")
        result = await engine.resume("r")

    assert (paused.status, result.output) == ("paused", ["seen", "seen"])


@zg.tool
async def look(place: int) -> str:
    """Look."""
    await anyio.sleep(0.05)
    return "seen"


async def looks(ctx: zg.Context) -> zg.Reply:
    told = [await ctx.call_tool("look", {"place": place}) for place in range(2)]
    return zg.Reply(output=[result.output for result in told])


# -- A limit that is reached at the end ------------------------------------------------


async def test_what_is_done_is_done_though_its_end_is_written_too_late() -> None:
    class SlowAtTheEnd(zg.MemoryJournal):
        async def append(
            self,
            run_id: str,
            epoch: int,
            events: Sequence[zg.Event],
            *,
            durable: bool = True,
        ) -> None:
            if any(isinstance(event, zg.RunFinished) for event in events):
                await anyio.sleep(0.5)
            await super().append(run_id, epoch, events, durable=durable)

    limited = zg.RunOptions(limits=zg.Limits(seconds=0.3))
    async with taken_up(SlowAtTheEnd(), Offering(a=say("done"))) as engine:
        result = await engine.run(flow("a"), "x", options=limited, run_id="r")
        (*_, last) = await engine.journal.read("r")

    assert (result.status, result.output) == ("completed", "done")
    assert isinstance(last, zg.RunFinished)


# -- What was written ------------------------------------------------------------------


@zg.tool(effect="idempotent")
async def improve(ctx: zg.Context) -> str:
    """Improve the draft."""
    await ctx.write_artifact("draft.md", "improved")
    return "done"


async def edits(ctx: zg.Context) -> zg.Reply:
    await ctx.write_artifact("draft.md", "improved")
    return zg.Reply(output="done")


def drafts(how: str, wrong: list[str]) -> Agent:
    """Make an agent that has its draft improved, and then waits for a person."""

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("draft.md", "a draft")
        if how == "tool":
            await ctx.call_tool("improve", {})
        else:
            await ctx.run_agent("edits", "improve it")
        if how != "failed":
            await ctx.approve("Publish it?", {})
        elif wrong:
            raise ValueError(wrong.pop())
        return zg.Reply(output=ctx.workspace.read("draft.md").decode())

    return agent


@pytest.mark.parametrize("how", ["tool", "agent"])
async def test_what_was_written_since_is_not_written_over_by_an_earlier_version(
    how: str, tmp_path: Path
) -> None:
    plugin = Offering(improve, a=drafts(how, []), edits=edits)
    options = zg.RunOptions(out=str(tmp_path / "out"))
    async with opened(plugin) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("a"), "x", options=options, run_id="r")
        (question,) = await engine.pending("r")
        await engine.approve("r", question.call)
        result = await engine.resume("r")

    assert result.output == "improved"
    assert (tmp_path / "out" / "draft.md").read_text() == "improved"


async def test_a_file_that_is_lost_is_written_again(tmp_path: Path) -> None:
    plugin = Offering(improve, a=drafts("tool", []))
    options = zg.RunOptions(out=str(tmp_path / "out"))
    async with opened(plugin) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("a"), "x", options=options, run_id="r")
        (tmp_path / "out" / "draft.md").unlink()
        (question,) = await engine.pending("r")
        await engine.approve("r", question.call)
        result = await engine.resume("r")

    assert result.output == "a draft"


async def test_a_step_that_failed_writes_all_anew(tmp_path: Path) -> None:
    plugin = Offering(a=drafts("failed", ["no"]), edits=edits)
    options = zg.RunOptions(out=str(tmp_path / "out"))
    async with opened(plugin) as engine:
        with pytest.raises(zg.RunError, match="no"):
            await engine.run(flow("a"), "x", options=options, run_id="r")
        result = await engine.resume("r")

    assert result.status == "completed"
    assert result.output == "a draft"
