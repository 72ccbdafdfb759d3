"""What code that is not ours may raise, keep and hand over: no run is lost by it.

One file, since it is one list: each error and each thing, in each kind of plugin.
"""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from offering import Offering, flow, say
from ticking import Ticking

import zg_core as zg
from zg_core.running import grace
from zg_core.running.traffic import Traffic
from zg_core.testing import ScriptedProvider, call
from zg_plugins_builtin.agents.llm import LLMAgent

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")
OF_ANOTHER_RUN = [
    zg.JournalError("the disk of another journal is full"),
    zg.RunNotFoundError("there is no run 'other'"),
    zg.RunBusyError("somebody else owns run 'other'"),
    zg.RunCancelledError("run 'other' was cancelled"),
    zg.RunPausedError("run 'other' is paused"),
]
Error = pytest.mark.parametrize("error", OF_ANOTHER_RUN, ids=lambda e: type(e).__name__)


def opened(*plugins: object, **options: Any) -> zg.Engine:
    return zg.Engine.open(
        *plugins, journal=zg.MemoryJournal(), discover=False, **options
    )


def raises(error: BaseException) -> Any:
    async def agent(ctx: zg.Context) -> zg.Reply:
        raise error

    return agent


async def kinds(engine: zg.Engine) -> list[str]:
    return [type(event).__name__ for event in await engine.journal.read("r")]


async def cut_after(engine: zg.Engine, kind: type[zg.Event]) -> zg.MemoryJournal:
    """Return the journal as if the engine had died after the last event of a kind."""
    events = await engine.journal.read("r")
    last = max(n for n, event in enumerate(events) if isinstance(event, kind))
    journal = zg.MemoryJournal()
    await journal.create(events[0])
    epoch = await journal.claim("r")
    await journal.append("r", epoch, events[1 : last + 1])
    await journal.release("r", epoch)
    return journal


# -- Errors of another run or journal ------------------------------------------------


@Error
async def test_a_run_fails_with_what_its_agent_says_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    async with opened(Offering(a=raises(error))) as engine:
        with pytest.raises(zg.RunError, match=error.cause) as caught:
            await engine.run(flow("a"), "x", run_id="r")
        result = await engine.result("r")

    assert type(caught.value) is zg.RunError
    assert caught.value.__cause__ is error
    assert (result.status, result.history[0].status) == ("failed", "failed")


@Error
async def test_a_step_that_may_fail_may_fail_with_the_error_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    steps = (
        zg.Step("a", agent="a", on_error="skip"),
        zg.Step("b", agent="b", needs=("a",)),
    )
    async with opened(Offering(a=raises(error), b=say("fine"))) as engine:
        result = await engine.run(zg.Workflow("w", steps), "x", run_id="r")

    assert (result.status, result.output) == ("degraded", "fine")


@Error
async def test_an_item_may_fail_with_the_error_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    async def list_two(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=[1, 2])

    async def each(ctx: zg.Context) -> zg.Reply:
        if ctx.prompt == "1":
            raise error
        return zg.Reply(output="fine")

    steps = (
        zg.Step("plan", agent="plan"),
        zg.Step(
            "each",
            agent="each",
            needs=("plan",),
            for_each="plan",
            prompt="{item}",
            on_error="skip",
        ),
    )
    async with opened(Offering(plan=list_two, each=each)) as engine:
        result = await engine.run(zg.Workflow("w", steps), "x", run_id="r")

    assert result.output == [None, "fine"]


@Error
async def test_a_model_is_told_what_its_tool_says_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    @zg.tool
    def show() -> str:
        """Show a run."""
        raise error

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("show", {})).error)

    async with opened(Offering(show, a=agent)) as engine:
        result = await engine.run(flow("a"), "x", run_id="r")

    assert error.cause in result.output


@Error
async def test_an_agent_that_is_asked_fails_alone_with_the_error_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    async def boss(ctx: zg.Context) -> zg.Reply:
        calls = [zg.AgentCall(agent=name, prompt="do it") for name in ("bad", "good")]
        bad, good = await ctx.run_agents(calls)
        assert good.reply is not None
        return zg.Reply(output=[str(bad.error), good.reply.output])

    agents = Offering(boss=boss, bad=raises(error), good=say("fine"))
    async with opened(agents) as engine:
        result = await engine.run(flow("boss"), "x", run_id="r")
        failed = [e for e in await engine.journal.read("r") if type(e) is zg.StepFailed]

    assert error.cause in result.output[0]
    assert result.output[1] == "fine"
    assert [event.error.type for event in failed] == ["RunError"]


@Error
async def test_a_provider_fails_as_a_provider_with_the_error_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        try:
            await ctx.complete([zg.Message.user("x")])
        except zg.ProviderError as caught:
            return zg.Reply(output=caught.cause)
        raise AssertionError("it answered")

    def answer(request: zg.Request) -> str:
        raise error

    async with opened(Offering(a=agent), ScriptedProvider(answer)) as engine:
        result = await engine.run(flow("a"), "x", options=OPTIONS, run_id="r")

    assert error.cause in result.output


@Error
async def test_a_classifier_fails_with_the_error_of_another_run(
    error: zg.ZeroGravityError,
) -> None:
    class Broken:
        async def classify(self, text: str) -> zg.Label | None:
            raise error

    config = zg.Config(classifier="broken", routes={"general": ("offering:a",)})
    broken = Offering(classifiers={"broken": Broken()}, a=say("a"))
    async with opened(broken, config=config) as engine:
        routed = zg.Workflow("w", (zg.Step("a", agent="a"),), routed=True)
        with pytest.raises(zg.RunError, match=error.cause):
            await engine.run(routed, "x", run_id="r")

        assert (await kinds(engine))[-1] == "RunFailed"


# -- What a tool is called with ------------------------------------------------------


async def test_a_tool_that_changes_its_arguments_changes_nobody_elses() -> None:
    @zg.tool
    def enrich(order: dict[str, Any]) -> str:
        """Enrich an order."""
        order["items"].append("gift")
        return "ok"

    def offering() -> Offering:
        agent = LLMAgent(name="a", instructions="Enrich.", tools=("enrich",))
        return Offering(enrich, a=agent)

    model = ScriptedProvider(call("enrich", order={"items": ["a"]}), "done")
    async with opened(offering(), model) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS, run_id="r")
        events = await engine.journal.read("r")
        journal = await cut_after(engine, zg.ModelAnswered)

    again = ScriptedProvider()
    async with zg.Engine.open(
        offering(), again, journal=journal, discover=False
    ) as engine:
        result = await engine.resume("r")

    (started,) = [event for event in events if isinstance(event, zg.ToolStarted)]
    assert started.arguments == {"order": {"items": ["a"]}}
    assert model.requests[1].messages[-2].tool_calls[0].arguments == started.arguments
    assert (result.output, again.requests) == ("done", [])


async def test_a_tool_can_do_nothing_more_once_it_has_ended() -> None:
    kept: list[zg.Context] = []

    @zg.tool
    def keep(ctx: zg.Context) -> str:
        """Keep the context."""
        kept.append(ctx)
        return "kept"

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("keep", {})
        with pytest.raises(zg.RunError, match="a tool of step 'a' has ended"):
            await kept[0].complete([zg.Message.user("x")])
        return zg.Reply(output=(await ctx.complete([zg.Message.user("y")])).text)

    model = ScriptedProvider("answered")
    async with opened(Offering(keep, a=agent), model) as engine:
        result = await engine.run(flow("a"), "x", options=OPTIONS, run_id="r")

    assert (result.output, len(model.requests)) == ("answered", 1)


async def test_what_a_tool_gives_is_measured_in_bytes() -> None:
    @zg.tool
    def write(letter: str) -> str:
        """Write a letter often."""
        return letter * 600_000

    async def agent(ctx: zg.Context) -> zg.Reply:
        results = [await ctx.call_tool("write", {"letter": c}) for c in "aü"]
        return zg.Reply(output=[result.error for result in results])

    async with opened(Offering(write, a=agent)) as engine:
        result = await engine.run(flow("a"), "x", run_id="r")

    assert result.output == [
        None,
        "the tool's result has 1,200,002 bytes; 1,000,000 is most",
    ]


async def test_a_guardrail_sees_an_edit_that_only_to_python_is_no_change() -> None:
    ran: list[int | bool] = []

    @zg.tool(requires_approval=True)
    def wipe(everything: int | bool) -> str:
        """Wipe."""
        ran.append(everything)
        return "wiped"

    def never_all(payload: Any, about: zg.Inspection) -> zg.Verdict:
        everything = about.subject == "arguments" and payload["everything"] is True
        return zg.Verdict(not everything, "never everything")

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("wipe", {"everything": 1})).text)

    config = zg.Config(guardrails_enabled=("never",))
    offering = Offering(wipe, a=agent, guardrails={"never": never_all})
    async with opened(offering, config=config) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("a"), "x", run_id="r")
        (question,) = await engine.pending("r")
        await engine.approve("r", question.call, edit={"everything": True})
        result = await engine.resume("r")

    assert ran == []
    assert "never everything" in result.output


# -- What could not be read again ----------------------------------------------------


async def asks_a_number(ctx: zg.Context) -> Any:
    return await ctx.ask(123)  # type: ignore[arg-type]


async def asks_nothing(ctx: zg.Context) -> Any:
    return await ctx.approve(None, {})  # type: ignore[arg-type]


async def asks_with_a_list(ctx: zg.Context) -> Any:
    return await ctx.approve("May I?", ["a"])  # type: ignore[arg-type]


async def tells_a_number(ctx: zg.Context) -> Any:
    return await ctx.progress(123)  # type: ignore[arg-type]


async def gives_no_limits(ctx: zg.Context) -> Any:
    return await ctx.run_agent("b", "x", limits={"calls": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("agent", "cause"),
    [
        (asks_a_number, "step 'a' asks people 123, which is no text"),
        (asks_nothing, "step 'a' asks people None, which is no text"),
        (asks_with_a_list, r"asks people with \['a'\], which is no JSON object"),
        (tells_a_number, "message is 123: .* it came from step 'a'"),
        (gives_no_limits, "the limits of an agent are Limits, and not dict"),
    ],
)
async def test_what_could_not_be_read_again_is_not_written(
    agent: Any, cause: str
) -> None:
    async with opened(Offering(a=agent, b=say("b"))) as engine:
        with pytest.raises(zg.RunError, match=cause):
            await engine.run(flow("a"), "x", run_id="r")

        assert (await kinds(engine))[2:] == ["StepStarted", "StepFailed", "RunFailed"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"model": 5}, "model is 5"),
        ({"stop_reason": "because"}, "stop_reason is 'because'"),
        ({"usage": None}, "counted what cannot be: None"),
    ],
)
async def test_an_answer_that_could_not_be_read_again_is_the_fault_of_its_provider(
    fields: dict[str, Any], problem: str
) -> None:
    odd = zg.Response(message=zg.Message.assistant("x"), **{"model": "m", **fields})

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.complete([zg.Message.user("x")])).text)

    async with opened(Offering(a=agent), ScriptedProvider(odd, "well")) as engine:
        engine.traffic = Traffic(engine.config.concurrency, clock=Ticking().clock)
        result = await engine.run(flow("a"), "x", options=OPTIONS, run_id="r")
        events = await engine.journal.read("r")

    failed = [event for event in events if isinstance(event, zg.ModelFailed)]
    assert problem in failed[0].error.cause
    assert result.output == "well"


async def test_a_list_will_do_for_a_tuple() -> None:
    message = zg.Message(role="assistant", parts=[zg.Text(text="x")])  # type: ignore[arg-type]
    listed = zg.Response(message=message, model="m")

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.complete([zg.Message.user("x")])).text)

    async with opened(Offering(a=agent), ScriptedProvider(listed)) as engine:
        result = await engine.run(flow("a"), "x", options=OPTIONS, run_id="r")

    assert result.output == "x"


# -- Agents that do not want to end --------------------------------------------------


class Stubborn:
    """An agent that does not end before it wants to."""

    def __init__(self, *, hides: bool) -> None:
        self._hides = hides
        self.ended = anyio.Event()
        self.may_end = False
        self.refused = ""

    async def run(self, ctx: zg.Context) -> zg.Reply:
        with anyio.CancelScope(shield=self._hides):
            while not self.may_end:
                try:
                    await anyio.sleep(0.01)
                except asyncio.CancelledError:
                    continue
        try:
            await ctx.complete([zg.Message.user("x")])
        except zg.RunError as error:
            self.refused = error.cause
        self.ended.set()
        return zg.Reply(output="late")

    async def end(self) -> None:
        """Wait until it has ended, so that nothing is left of it."""
        self.may_end = True
        await self.ended.wait()


@pytest.fixture(params=[False, True], ids=["swallows", "hides"])
def stubborn(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Stubborn:
    monkeypatch.setattr(grace, "_SECONDS", 0.05)
    return Stubborn(hides=request.param)


async def test_a_time_limit_holds_for_an_agent_that_does_not_want_to_end(
    stubborn: Stubborn,
) -> None:
    step = zg.Step("a", agent="a", timeout_seconds=0.05)
    model = ScriptedProvider("paid")
    async with opened(Offering(a=stubborn), model) as engine:
        with pytest.raises(zg.LimitError, match=r"step 'a' took longer than 0\.05 s"):
            await engine.run(
                zg.Workflow("w", (step,)), "x", options=OPTIONS, run_id="r"
            )
        with anyio.fail_after(5):
            await stubborn.end()

    assert stubborn.refused == "step 'a' has ended, and can do nothing any more"
    assert model.requests == []


async def test_a_run_is_cancelled_whose_agent_does_not_want_to_end(
    stubborn: Stubborn,
) -> None:
    async with opened(Offering(a=stubborn)) as engine:
        with pytest.raises(zg.RunCancelledError):
            async for event in engine.stream(flow("a"), "x", run_id="r"):
                if isinstance(event, zg.StepStarted):
                    await engine.cancel("r")
        result = await engine.result("r")
        with anyio.fail_after(5):
            await stubborn.end()

    assert result.status == "cancelled"


async def test_an_agent_is_told_what_remains_of_the_limits_around_it() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.remaining()).seconds)

    step = zg.Step("a", agent="a", timeout_seconds=50)
    run = zg.RunOptions(limits=zg.Limits(seconds=40))
    async with opened(Offering(a=agent)) as engine:
        alone = await engine.run(zg.Workflow("w", (step,)), "x")
        within = await engine.run(zg.Workflow("w", (step,)), "x", options=run)

    assert 40 < alone.output <= 50
    assert within.output <= 40
