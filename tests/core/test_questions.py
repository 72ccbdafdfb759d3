"""What agents ask people for, and who answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from offering import Offering, flow
from paying import buyer, opened, paid, paused, pay

import zg_core as zg
from zg_core._secrets import Secrets
from zg_core.running.recording import make_recording

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_paid")]


# -- What agents ask for ---------------------------------------------------------------


async def test_an_agent_asks_for_what_only_people_know() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}}
        return zg.Reply(output=await ctx.ask("Which colour?", schema))

    async with opened(Offering(agent=agent)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        (question,) = await engine.pending()
        with pytest.raises(zg.InputError, match="colour: 'pink' is not one of"):
            await engine.answer("r", question.call, {"colour": "pink"})
        with pytest.raises(zg.InputError, match="asks for an answer, and not"):
            await engine.approve("r", question.call)
        await engine.answer("r", question.call, {"colour": "red"}, by="Ann")
        with pytest.raises(zg.InputError, match="decided before: answered by Ann"):
            await engine.answer("r", question.call, {"colour": "blue"})
        result = await engine.resume("r")

    assert (question.kind, question.question) == ("input", "Which colour?")
    assert result.output == {"colour": "red"}


async def test_an_answer_without_a_schema_is_text() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=await ctx.ask("What is it called?"))

    async with opened(Offering(agent=agent)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        (question,) = await engine.pending()
        with pytest.raises(zg.InputError, match="5 is not of type 'string'"):
            await engine.answer("r", question.call, 5)
        await engine.answer("r", question.call, "Zen")

        assert (await engine.resume("r")).output == "Zen"


async def test_an_answer_is_given_again_when_the_step_is_run_again() -> None:
    failing = [True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        name = await ctx.ask("What is it called?")
        leave = await ctx.approve("Use the name", {"name": name})
        if failing.pop() if failing else False:
            raise zg.RunError("cut here")
        return zg.Reply(output=[name, leave])

    async with opened(Offering(agent=agent)) as engine:
        await engine.accept(flow("agent"), "x", run_id="r")
        with pytest.raises(zg.RunError, match="cut here"):
            async for event in engine.stream_run("r", attended=True):
                if isinstance(event, zg.InputRequested):
                    await engine.answer("r", event.call_key, "Zen")
                if isinstance(event, zg.ApprovalRequested):
                    await engine.approve("r", event.call_key)
        result = await engine.resume("r")

    assert result.output == ["Zen", True]


async def test_an_agent_that_no_longer_asks_does_not_pass() -> None:
    asking = [True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        if asking:
            asking.clear()
            await ctx.ask("What is it called?")
        return zg.Reply(output="x")

    async with opened(Offering(agent=agent)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        (question,) = await engine.pending()
        await engine.answer("r", question.call, "Zen")
        with pytest.raises(zg.ReplayMismatchError, match="no longer makes"):
            await engine.resume("r")


async def test_an_agent_asks_for_leave_of_its_own() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=await ctx.approve("Publish", {"page": "index.html"}))

    async with opened(Offering(agent=agent)) as engine:
        for run_id, allow in (("yes", True), ("no", False)):
            with pytest.raises(zg.RunPausedError):
                await engine.run(flow("agent"), "x", run_id=run_id)
            (question,) = await engine.pending(run_id)
            with pytest.raises(zg.InputError, match="nothing in it can be edited"):
                await engine.approve(run_id, question.call, edit={})
            decide = engine.approve if allow else engine.reject
            await decide(run_id, question.call)

            assert (await engine.resume(run_id)).output is allow
        options = zg.RunOptions(approve="never")
        refused = await engine.run(flow("agent"), "x", options=options)

    assert question.arguments == {
        "what": "Publish",
        "details": {"page": "index.html"},
    }
    assert refused.output is False


async def test_a_tool_may_ask_and_is_called_again_for_the_answer() -> None:
    @zg.tool
    async def name_it(ctx: zg.Context) -> str:
        """Name it."""
        return f"called {await ctx.ask('What is it called?')}"

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("name_it", {})).output)

    async with opened(Offering(name_it, agent=agent)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        (question,) = await engine.pending()
        await engine.answer("r", question.call, "Zen")

        assert (await engine.resume("r")).output == "called Zen"


async def test_a_tool_that_must_not_be_cut_off_cannot_ask() -> None:
    @zg.tool(effect="once")
    async def name_it(ctx: zg.Context) -> str:
        """Name it."""
        return str(await ctx.ask("What is it called?"))

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("name_it", {})).error)

    async with opened(Offering(name_it, agent=agent)) as engine:
        result = await engine.run(flow("agent"), "x")

    assert "nobody can be asked while a tool is at work" in str(result.output)


async def test_a_question_that_nobody_answers_in_time_fails_the_step(
    later: Callable[[float], None],
) -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=await ctx.ask("What is it called?"))

    async with opened(Offering(agent=agent)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        later(25)
        with pytest.raises(zg.RunError, match="nobody answered what step 'agent'"):
            await engine.resume("r")


async def test_agents_that_are_asked_wait_for_people_too() -> None:
    async def chief(ctx: zg.Context) -> zg.Reply:
        first = await ctx.run_agent("buyer", "buy")
        return zg.Reply(output=f"{first.output}, thanks")

    async with opened(Offering(pay, buyer=buyer, chief=chief)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("chief"), "x", run_id="r")
        (question,) = await engine.pending()
        await engine.approve("r", question.call)
        result = await engine.resume("r")

    assert question.agent == "offering:buyer"
    assert question.step.startswith("chief/buyer.")
    assert result.output == "paid 3, thanks"


# -- Who decided -----------------------------------------------------------------------


async def test_the_journal_says_who_decided_what() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.approve(
            "r", question.call, edit={"amount": 1}, by="Ann", reason="cheaper"
        )
        await engine.resume("r")
        found = zg.explain(await engine.journal.read("r"))

    (deed,) = [deed for deed in found.deeds if deed.kind == "person"]
    assert (deed.name, deed.verb, deed.what) == ("Ann", "changed", "offering:pay")
    assert (deed.step, deed.why, deed.plugin) == ("buyer", "cheaper", None)


async def test_a_replayed_run_is_given_the_decisions_again() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        name = await ctx.ask("What is it called?")
        told = await ctx.call_tool("pay", {"amount": 3})
        leave = await ctx.approve("Go on", {})
        return zg.Reply(output=[name, told.output, leave])

    async with opened(Offering(pay, buyer=agent)) as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        async for event in engine.stream_run("r", attended=True):
            if isinstance(event, zg.InputRequested):
                await engine.answer("r", event.call_key, "Zen", by="Ann")
            if isinstance(event, zg.ApprovalRequested):
                edit = {"amount": 1} if event.tool else None
                await engine.approve("r", event.call_key, edit=edit, by="Ann")
        original = await engine.result("r")
        recording, missing = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )
        paid.clear()
        replayed = await engine.run(
            flow("buyer"), "x", run_id="again", replay=recording
        )
        found = zg.explain(await engine.journal.read("again"))

    assert replayed.output == original.output == ["Zen", "paid 1", True]
    assert (paid, missing) == ([], ())
    assert [d.verb for d in found.deeds if d.kind == "person"] == [
        "answered",
        "changed",
        "allowed",
    ]
