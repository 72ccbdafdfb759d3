"""An agent asks others: below it, out of its budget, and as if it were one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")
Run = Callable[[zg.Context], Awaitable[Any]]


@asynccontextmanager
async def engine(*plugins: Any, **options: Any) -> AsyncGenerator[zg.Engine, None]:
    options.setdefault("journal", zg.MemoryJournal())
    async with zg.Engine.open(*plugins, discover=False, **options) as opened:
        yield opened


async def events_of(
    *plugins: Any, options: zg.RunOptions | None = None, step: str = "boss"
) -> tuple[zg.RunResult | zg.ZeroGravityError, list[zg.Event]]:
    """Do a run of one step, and return what came of it and its events."""
    journal = zg.MemoryJournal()
    model = any(isinstance(plugin, ScriptedProvider) for plugin in plugins)
    options = options or (OPTIONS if model else zg.RunOptions())
    async with engine(*plugins, journal=journal) as opened:
        result: zg.RunResult | zg.ZeroGravityError
        try:
            result = await opened.run(flow(step), "x", options=options, run_id="r1")
        except zg.ZeroGravityError as error:
            result = error
    return result, await journal.read("r1")


async def given(*plugins: Any, **options: Any) -> Any:
    """Do a run of one step, and return its output."""
    result, _ = await events_of(*plugins, **options)
    if isinstance(result, zg.ZeroGravityError):
        raise result
    return result.output


def asking(agent: str, prompt: str = "look at this", **options: Any) -> Run:
    """Make an agent that asks another one, and replies what that one does."""

    async def run(ctx: zg.Context) -> zg.Reply:
        return await ctx.run_agent(agent, prompt, **options)

    return run


def calls(*prompts: str, agent: str = "critic") -> list[zg.AgentCall]:
    return [zg.AgentCall(agent=agent, prompt=prompt) for prompt in prompts]


def told(result: zg.AgentResult) -> Any:
    """Return what came of an agent in a word."""
    return (
        result.reply.output
        if result.reply
        else str(result.error and result.error.cause)
    )


async def repeat(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=ctx.prompt)


# -- What the one that is asked sees ---------------------------------------------------


async def test_an_agent_that_is_asked_sees_the_run_but_not_the_outputs() -> None:
    seen: list[Any] = []

    async def critic(ctx: zg.Context) -> zg.Reply:
        path = await ctx.write_artifact("critique.md", "better")
        seen.append((ctx.objective, ctx.prompt, dict(ctx.outputs), ctx.agent))
        return zg.Reply(output={"verdict": "good"}, artifacts=(path,))

    async def boss(ctx: zg.Context) -> zg.Reply:
        assert ctx.outputs == {"plan": "the plan"}
        reply = await ctx.run_agent("critic", "look")
        return zg.Reply(output=[reply.output, list(reply.artifacts)])

    offering = Offering(plan=say("the plan"), boss=boss, critic=critic)
    async with engine(offering) as opened:
        result = await opened.run(flow("plan", "boss", boss="plan"), "build it")

    assert result.output == [{"verdict": "good"}, ["critique.md"]]
    assert seen == [("build it", "look", {}, "offering:critic")]


async def test_an_agent_has_the_settings_of_its_own_plugin() -> None:
    async def critic(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=ctx.settings.get("tone"))

    offering = Offering(called="bosses", boss=asking("critic"))
    config = zg.Config(
        plugins_config={"bosses": {"tone": "mild"}, "critics": {"tone": "harsh"}}
    )
    async with engine(
        offering, Offering(called="critics", critic=critic), config=config
    ) as opened:
        result = await opened.run(flow("boss"), "x")

    assert result.output == "harsh"


async def test_a_short_name_means_the_agent_of_the_own_plugin_first() -> None:
    one = Offering(called="one", boss=asking("critic"), critic=say("of one"))
    other = Offering(called="other", critic=say("of other"))

    assert await given(one, other) == "of one"


async def test_an_unknown_agent_is_told_with_all_that_there_are() -> None:
    agents: list[Any] = []

    async def boss(ctx: zg.Context) -> zg.Reply:
        with pytest.raises(zg.UnknownNameError, match="no agent named 'critik'") as no:
            await ctx.run_agent("critik", "look")
        agents.append(no.value.details["agents"])
        return zg.Reply(output=no.value.details["did_you_mean"])

    assert await given(Offering(boss=boss, critic=say("x"))) == "critic"
    assert agents[0].keys() >= {"boss", "critic"}


async def test_a_prompt_that_is_no_text_is_refused() -> None:
    with pytest.raises(zg.RunError, match="the prompt of an agent is text"):
        await given(Offering(boss=asking("critic", 3), critic=say("x")))  # type: ignore[arg-type]


# -- Which model it asks ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "step", "chosen", "model"),
    [
        (zg.RunOptions(model="scripted:run"), "scripted:step", "scripted:asker", "run"),
        (zg.RunOptions(), "scripted:step", "scripted:asker", "step"),
        (zg.RunOptions(), None, "scripted:asker", "asker"),
        (zg.RunOptions(), None, None, "own"),
    ],
)
async def test_the_word_of_the_user_goes_first_then_the_askers_then_its_own(
    options: zg.RunOptions, step: str | None, chosen: str | None, model: str
) -> None:
    offering = Offering(
        boss=asking("critic", model=chosen), critic=ask(model="scripted:own")
    )
    provider = ScriptedProvider("good", repeat=True)
    workflow = zg.Workflow("w", (zg.Step("s", agent="boss", model=step),))
    async with engine(offering, provider) as opened:
        await opened.run(workflow, "x", options=options)

    assert provider.requests[0].model == model


# -- Its events, and what it spends ----------------------------------------------------


async def test_its_events_are_in_the_stream_of_the_run_at_a_path_of_their_own() -> None:
    offering = Offering(boss=asking("critic"), critic=ask())
    _, events = await events_of(offering, ScriptedProvider("good"))

    stream = [
        (type(e).__name__, e.step.partition(".")[0])
        for e in events
        if hasattr(e, "step")
    ]
    started = [e for e in events if isinstance(e, zg.StepStarted)][1]
    finished = next(e for e in events if isinstance(e, zg.StepFinished))
    assert stream == [
        ("StepStarted", "boss"),
        ("StepStarted", "boss/critic"),
        ("ModelCalled", "boss/critic"),
        ("ModelAnswered", "boss/critic"),
        ("StepFinished", "boss/critic"),
        ("StepFinished", "boss"),
    ]
    assert started.prompt == "look at this"
    assert started.agent == "offering:critic"
    assert started.call_key == finished.call_key
    assert started.call_key.startswith("boss:")


async def test_the_same_question_again_is_another_agent_at_work() -> None:
    async def boss(ctx: zg.Context) -> zg.Reply:
        replies = [await ctx.run_agent("critic", "look") for _ in range(3)]
        return zg.Reply(output=[reply.output for reply in replies])

    async def critic(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=ctx.step)

    first, second, third = await given(Offering(boss=boss, critic=critic))

    assert (second, third) == (f"{first}.2", f"{first}.3")


async def test_what_it_spends_is_the_steps_spending_and_the_runs() -> None:
    offering = Offering(boss=asking("critic"), critic=ask())
    result, _ = await events_of(offering, ScriptedProvider("good"))

    assert isinstance(result, zg.RunResult)
    (step,) = result.history
    assert step.usage == result.usage
    assert result.usage.calls == 1


@pytest.mark.parametrize("limited", ["run", "step", "agent"])
async def test_no_limit_above_it_can_be_passed(limited: str) -> None:
    two = zg.Limits(calls=2)

    async def boss(ctx: zg.Context) -> zg.Reply:
        limits = two if limited == "agent" else None
        for _ in range(2):
            await ctx.run_agent("critic", "twice", limits=limits)
        return zg.Reply(output="done")

    async def critic(ctx: zg.Context) -> zg.Reply:
        for letter in "ab" if limited != "agent" else "abc":
            await ctx.complete([zg.Message.user(letter)])
        return zg.Reply(output=None)

    options = zg.RunOptions(
        model="scripted:any",
        limits=two if limited == "run" else zg.Limits(),
        step_limits={"boss": two} if limited == "step" else {},
    )
    provider = ScriptedProvider("good", repeat=True)
    error, _ = await events_of(
        Offering(boss=boss, critic=critic), provider, options=options
    )

    assert isinstance(error, zg.LimitError)
    assert "2 model calls" in error.cause
    assert len(provider.requests) == 2


async def test_it_is_told_what_is_left_of_its_own_limit() -> None:
    async def critic(ctx: zg.Context) -> zg.Reply:
        left = await ctx.remaining()
        return zg.Reply(output=[left.calls, left.seconds is not None])

    limits = zg.Limits(calls=7, seconds=60)
    offering = Offering(boss=asking("critic", limits=limits), critic=critic)

    assert await given(offering) == [7, True]


async def test_what_takes_longer_than_it_was_given_fails_and_its_asker_goes_on() -> (
    None
):
    async def slow(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep_forever()
        return zg.Reply(output="never")

    async def boss(ctx: zg.Context) -> zg.Reply:
        with pytest.raises(zg.LimitError, match=r"took longer than 0\.001 s"):
            await ctx.run_agent("slow", "x", limits=zg.Limits(seconds=0.001))
        return zg.Reply(output="without it")

    assert await given(Offering(boss=boss, slow=slow)) == "without it"


# -- What goes wrong -------------------------------------------------------------------


async def fail(ctx: zg.Context) -> zg.Reply:
    raise ValueError("broken")


async def test_its_failure_is_raised_where_it_was_asked_as_what_it_was() -> None:
    async def refused(ctx: zg.Context) -> zg.Reply:
        raise zg.GuardrailError("not that", "something else", subject="reply")

    async def boss(ctx: zg.Context) -> zg.Reply:
        with pytest.raises(zg.RunError, match="agent 'offering:fail' failed: ValueErr"):
            await ctx.run_agent("fail", "x")
        with pytest.raises(zg.GuardrailError, match="not that"):
            await ctx.run_agent("refused", "x")
        return zg.Reply(output="done")

    result, events = await events_of(Offering(boss=boss, fail=fail, refused=refused))

    assert isinstance(result, zg.RunResult)
    assert result.status == "completed"
    failed = [e for e in events if isinstance(e, zg.StepFailed)]
    assert [e.error.type for e in failed] == ["RunError", "GuardrailError"]
    assert all(e.call_key for e in failed)


async def test_of_several_each_has_its_result_whatever_becomes_of_the_others() -> None:
    async def boss(ctx: zg.Context) -> zg.Reply:
        wanted = [
            zg.AgentCall(agent="critic", prompt="first"),
            zg.AgentCall(agent="fail", prompt="second"),
            zg.AgentCall(agent="nobody", prompt="third"),
            zg.AgentCall(agent="critic", prompt="fourth"),
        ]
        results = await ctx.run_agents(wanted)
        assert [r.agent for r in results] == ["critic", "fail", "nobody", "critic"]
        return zg.Reply(output=[told(result) for result in results])

    assert await given(Offering(boss=boss, critic=repeat, fail=fail)) == [
        "first",
        "agent 'offering:fail' failed: ValueError: broken",
        "there is no agent named 'nobody'",
        "fourth",
    ]


async def test_an_agent_that_asks_none_gets_no_results() -> None:
    async def boss(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=list(await ctx.run_agents([])))

    assert await given(Offering(boss=boss)) == []


async def test_guardrails_check_its_reply() -> None:
    def guard(payload: Any, about: zg.Inspection) -> zg.Verdict:
        if about.agent == "offering:critic" and about.subject == "reply":
            return zg.Verdict(True, replacement="something milder")
        return zg.Verdict(True)

    offering = Offering(
        boss=asking("critic"), critic=say("harsh"), guardrails={"mild": guard}
    )
    config = zg.Config(guardrails_enabled=("mild",))
    async with engine(offering, config=config) as opened:
        result = await opened.run(flow("boss"), "x")

    assert result.output == "something milder"


# -- People ----------------------------------------------------------------------------


async def test_an_agent_that_asks_a_person_has_the_run_pause_and_goes_on_there() -> (
    None
):
    began: list[str] = []

    async def shy(ctx: zg.Context) -> zg.Reply:
        began.append(ctx.prompt)
        return zg.Reply(output=await ctx.ask("Which colour?"))

    async def boss(ctx: zg.Context) -> zg.Reply:
        results = await ctx.run_agents(
            [*calls("first"), zg.AgentCall(agent="shy", prompt="second")]
        )
        return zg.Reply(output=[told(result) for result in results])

    journal = zg.MemoryJournal()
    offering = Offering(boss=boss, critic=repeat, shy=shy)
    async with engine(offering, journal=journal) as opened:
        with pytest.raises(zg.RunPausedError):
            await opened.run(flow("boss"), "x", run_id="r1")
        events = await journal.read("r1")
        question = next(e for e in events if isinstance(e, zg.InputRequested))
        answer = zg.InputGiven(
            seq=len(events) + 1,
            at=events[-1].at,
            run_id="r1",
            call_key=question.call_key,
            value="blue",
        )
        epoch = await journal.claim("r1")
        await journal.append("r1", epoch, (answer,))
        await journal.release("r1", epoch)
        result = await opened.resume("r1")

    assert result.output == ["first", "blue"]
    assert began == ["second", "second"]
