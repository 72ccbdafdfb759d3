"""A tool call waits for a person: who is asked, and what they may say."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from offering import Offering, flow, say
from paying import a_tool, act, buyer, events, opened, paid, paused, pay

import zg_core as zg
from zg_core.running.judging import call_digest

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_paid")]


# -- A tool call waits -----------------------------------------------------------------


async def test_a_run_that_waits_for_a_person_is_paused() -> None:
    async with opened() as engine:
        with pytest.raises(zg.RunPausedError, match="a question waits") as caught:
            await engine.run(flow("buyer"), "x", run_id="r")
        (summary,) = await engine.journal.list(status="paused")
        result = await engine.result("r")

    assert caught.value.exit_code == 5
    assert "zg runs resume r" in caught.value.remedy
    assert not summary.owned
    assert (result.status, paid) == ("paused", [])
    assert result.document()["questions"][0]["tool"] == "offering:pay"


async def test_what_is_asked_is_exactly_what_would_be_done() -> None:
    async with opened() as engine:
        question = await paused(engine)

    assert question.kind == "approval"
    assert (question.tool, question.arguments) == ("offering:pay", {"amount": 3})
    assert question.digest == call_digest("offering:pay", {"amount": 3})
    assert (question.step, question.agent) == ("buyer", "offering:buyer")
    assert len(question.call) == 8


async def test_what_a_person_allows_is_done_once() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.approve("r", question.call, by="Ann")
        result = await engine.resume("r")
        again = await engine.resume("r")

    assert result.output == again.output == "paid 3"
    assert paid == [3]


async def test_a_model_is_told_what_a_person_refuses_and_why() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.reject("r", question.call, reason="too dear")
        result = await engine.resume("r")

    assert result.output == (
        "tool 'pay' was not called, since a person did not allow it: too dear"
    )
    assert paid == []


async def test_a_person_may_have_something_else_done() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.approve("r", question.call, edit={"amount": 1})
        result = await engine.resume("r")
        (started,) = await events(engine, zg.ToolStarted)

    assert (result.output, paid) == ("paid 1", [1])
    assert started.arguments == {"amount": 1}


async def test_nobody_is_asked_again_by_a_run_that_is_resumed_undecided() -> None:
    async with opened() as engine:
        first = await paused(engine)
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        asked = await events(engine, zg.ApprovalRequested)
        (second,) = await engine.pending()

    assert len(asked) == 1
    assert first == second


async def test_other_steps_go_on_while_one_waits() -> None:
    reached = anyio.Event()

    async def other(ctx: zg.Context) -> zg.Reply:
        for number in range(3):
            await ctx.once(f"{number}", lambda: anyio.sleep(0.06))
        reached.set()
        return zg.Reply(output="other")

    offers = Offering(pay, buyer=buyer, other=other, last=say("last"))
    async with opened(offers) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(
                flow("buyer", "other", "last", last="other"), "x", run_id="r"
            )
        result = await engine.result("r")

    assert reached.is_set()
    assert [s.status for s in result.history] == ["waiting", "finished", "finished"]


async def test_a_run_that_fails_does_not_wait() -> None:
    async def fail(ctx: zg.Context) -> zg.Reply:
        raise zg.RunError("it went wrong")

    async with opened(Offering(pay, buyer=buyer, fail=fail)) as engine:
        with pytest.raises(zg.RunError, match="it went wrong"):
            await engine.run(flow("buyer", "fail"), "x", run_id="r")

        assert await engine.pending() == ()


async def test_whoever_attends_a_run_answers_while_it_goes_on() -> None:
    seen: list[zg.Event] = []
    async with opened() as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        async for event in engine.stream_run("r", attended=True):
            assert isinstance(event, zg.Event)
            seen.append(event)
            if isinstance(event, zg.ApprovalRequested):
                await engine.approve("r", event.call_key)

    assert isinstance(seen[-1], zg.RunFinished)
    assert not any(isinstance(event, zg.RunPaused) for event in seen)
    assert paid == [3]


async def test_a_stream_ends_with_the_pause() -> None:
    async with opened() as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        items = engine.stream_run("r")
        with pytest.raises(zg.RunPausedError):
            while not isinstance(await anext(items), zg.RunPaused):
                pass
            await anext(items)


# -- Who is asked about what -----------------------------------------------------------


@pytest.mark.parametrize(
    ("traits", "approve", "reason"),
    [
        ({"risk": "high"}, "risky", "risk is high"),
        ({"risk": "critical"}, "risky", "risk is critical"),
        ({"requires_approval": True}, "always", "each of its calls needs approval"),
        ({"effect": "idempotent"}, "always", "this one's is idempotent"),
        ({"effect": "once"}, "always", "this one's is once"),
    ],
)
async def test_a_person_is_asked(
    traits: dict[str, Any], approve: zg.Approve, reason: str
) -> None:
    async with opened(Offering(a_tool(**traits), act=act)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(
                flow("act"), "x", run_id="r", options=zg.RunOptions(approve=approve)
            )
        (question,) = await engine.pending("r")

    assert reason in question.reason


@pytest.mark.parametrize(
    ("traits", "approve"),
    [
        ({"effect": "once"}, "risky"),
        ({"effect": "read"}, "always"),
        ({"effect": "none"}, "always"),
        ({"effect": "once"}, "never"),
    ],
)
async def test_nobody_is_asked(traits: dict[str, Any], approve: zg.Approve) -> None:
    async with opened(Offering(a_tool(**traits), act=act)) as engine:
        options = zg.RunOptions(approve=approve)
        result = await engine.run(flow("act"), "x", options=options)

    assert result.output == "acted"


async def test_the_configuration_says_who_is_asked_unless_the_run_does() -> None:
    offers = Offering(a_tool(risk="high"), act=act)
    async with opened(offers, approve="never") as engine:
        result = await engine.run(flow("act"), "x", run_id="r")
        accepted = (await engine.journal.read("r"))[0]
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("act"), "x", options=zg.RunOptions(approve="risky"))

    assert result.output == (
        "tool 'act' needs a person's approval, and nobody may be asked"
    )
    assert isinstance(accepted, zg.RunAccepted)
    assert accepted.options.approve == "never"


async def test_what_there_is_no_word_for_is_not_taken_for_leave() -> None:
    async with opened() as engine:
        options = zg.RunOptions(approve="all")  # type: ignore[arg-type]
        with pytest.raises(zg.InputError, match="say one of: never, risky, always"):
            await engine.accept(flow("buyer"), "x", options=options)

        assert await engine.journal.list() == []


async def test_what_does_not_fit_is_refused_before_anybody_is_asked() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("pay", {"amount": "x"})).error)

    async with opened(Offering(pay, agent=agent)) as engine:
        result = await engine.run(flow("agent"), "x")

    assert "the arguments do not fit" in str(result.output)


async def test_a_person_is_shown_what_the_guardrails_left() -> None:
    def halve(payload: Any, inspection: zg.Inspection) -> zg.Verdict:
        if inspection.subject != "arguments":
            return zg.Verdict(allow=True)
        return zg.Verdict(allow=True, replacement={"amount": 2})

    offers = Offering(pay, buyer=buyer, guardrails={"halve": halve})
    async with opened(offers, guardrails_enabled=("halve",)) as engine:
        question = await paused(engine)
        await engine.approve("r", question.call)
        await engine.resume("r")

    assert question.arguments == {"amount": 2}
    assert paid == [2]


async def test_guardrails_hold_for_what_a_person_edited() -> None:
    def bound(payload: Any, inspection: zg.Inspection) -> zg.Verdict:
        much = inspection.subject == "arguments" and payload["amount"] > 100
        return zg.Verdict(allow=not much, reason="more than 100")

    offers = Offering(pay, buyer=buyer, guardrails={"bound": bound})
    async with opened(offers, guardrails_enabled=("bound",)) as engine:
        question = await paused(engine)
        await engine.approve("r", question.call, edit={"amount": 1000})
        result = await engine.resume("r")

    assert "more than 100" in str(result.output)
    assert paid == []


async def test_nobody_is_asked_about_arguments_that_hold_a_secret() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        word = ctx.settings.secret("key")
        told = await ctx.call_tool("say_it", {"text": word})
        return zg.Reply(output=told.error)

    @zg.tool(requires_approval=True)
    def say_it(text: str) -> None:
        """Say it."""
        paid.append(1)

    section = {"offering": {"key": "a-long-secret-word"}}
    async with opened(Offering(say_it, agent=agent), plugins_config=section) as engine:
        result = await engine.run(flow("agent"), "x")

    assert "hold a secret" in str(result.output)
    assert paid == []


async def test_what_an_agent_changes_while_it_waits_is_not_done() -> None:
    async def sly(ctx: zg.Context) -> zg.Reply:
        arguments: dict[str, Any] = {"amount": 3}
        told = None
        async with anyio.create_task_group() as tasks:

            async def call() -> None:
                nonlocal told
                told = await ctx.call_tool("pay", arguments)

            tasks.start_soon(call)
            await ctx.progress("x")
            await anyio.sleep(0.01)
            arguments["amount"] = 1_000_000
        assert told is not None
        return zg.Reply(output=told.output)

    async with opened(Offering(pay, buyer=sly)) as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        async for event in engine.stream_run("r", attended=True):
            if isinstance(event, zg.ApprovalRequested):
                await anyio.sleep(0.02)
                await engine.approve("r", event.call_key)

    assert paid == [3]


# -- What is refused -------------------------------------------------------------------


async def test_the_first_decision_holds() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.reject("r", question.call, by="Ann")
        before = await engine.journal.read("r")
        with pytest.raises(zg.InputError, match="decided before: refused by Ann"):
            await engine.approve("r", question.call)

        assert await engine.journal.read("r") == before


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"digest": "0" * 64}, "is not what was looked at"),
        ({"edit": {"amount": "all"}}, "amount: 'all' is not of type 'integer'"),
        ({"edit": {}}, "'amount' is a required property"),
        ({"by": "expiry"}, "nobody can be called 'expiry'"),
    ],
)
async def test_a_decision_that_cannot_be_taken_changes_nothing(
    given: dict[str, Any], problem: str
) -> None:
    async with opened() as engine:
        question = await paused(engine)
        before = await engine.journal.read("r")
        with pytest.raises(zg.InputError, match=problem):
            await engine.approve("r", question.call, **given)

        assert await engine.journal.read("r") == before


async def test_a_call_that_nobody_is_asked_about_cannot_be_decided() -> None:
    async with opened() as engine:
        await paused(engine)
        with pytest.raises(zg.InputError, match="asks nothing about a call 'nope'"):
            await engine.approve("r", "nope")
        with pytest.raises(zg.InputError, match="asks nothing about a call ''"):
            await engine.approve("r", "")
        with pytest.raises(zg.RunNotFoundError):
            await engine.approve("other", "nope")


async def test_a_run_that_has_ended_waits_for_nobody() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.cancel("r")
        with pytest.raises(zg.InputError, match="is cancelled, and waits for nobody"):
            await engine.approve("r", question.call)

        assert await engine.pending() == ()


async def test_what_was_asked_stays_asked_when_a_stopped_run_goes_on() -> None:
    async with opened() as engine:
        before = await paused(engine)
        await engine.cancel("r")
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        (after,) = await engine.pending("r")

    assert after == before


async def test_of_two_decisions_under_way_the_owner_takes_the_first() -> None:
    async with opened() as engine:
        await engine.accept(flow("buyer"), "x", run_id="r")
        async for event in engine.stream_run("r", attended=True):
            if isinstance(event, zg.ApprovalRequested):
                for allow in (False, True):
                    said = zg.ApprovalDecided(
                        call_key=event.call_key, digest=event.digest, allow=allow
                    )
                    await engine.journal.request("r", said)
        decided = await events(engine, zg.ApprovalDecided, zg.RequestRefused)

    assert [type(event).__name__ for event in decided][:1] == ["ApprovalDecided"]
    assert not decided[0].allow
    assert paid == []
