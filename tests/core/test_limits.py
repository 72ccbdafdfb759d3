"""Limits of runs and of their steps, as agents and users meet them.

One file, since a step's limit is a part of its run's.
"""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import anyio
import pytest
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core._machine import fold
from zg_core.testing import ScriptedProvider, call
from zg_plugins_builtin.agents import LLMAgent
from zg_plugins_builtin.agents.llm import FINISH

pytestmark = pytest.mark.anyio
SCRIPTED = "scripted:any"


def counted(tokens: int, **response: Any) -> zg.Response:
    """An answer that took so many tokens."""
    return zg.Response(
        message=zg.Message.assistant("yes"),
        usage=zg.Usage(output_tokens=tokens, calls=1),
        **response,
    )


async def run(
    workflow: zg.Workflow,
    offering: Offering,
    model: object,
    *,
    config: zg.Config | None = None,
    model_name: str = SCRIPTED,
    **options: Any,
) -> tuple[zg.RunResult, list[zg.Event]]:
    chosen = zg.RunOptions(model=model_name, **options)
    async with zg.Engine.open(
        offering, model, journal="memory", discover=(), config=config or zg.Config()
    ) as engine:
        with suppress(zg.RunError):
            await engine.run(workflow, "x", options=chosen, run_id="r1")
        return await engine.result("r1"), await engine.journal.read("r1")


async def three(ctx: zg.Context) -> zg.Reply:
    """Ask three times."""
    for number in range(3):
        await ctx.complete([zg.Message.user(f"q{number}")], max_output_tokens=50)
    return zg.Reply(output="three")


# -- Steps ------------------------------------------------


@pytest.mark.parametrize(
    ("on_error", "status"),
    [("fail", "failed"), ("skip", "degraded"), ("fallback", "degraded")],
)
async def test_a_step_that_reaches_its_limit_ends_as_its_workflow_says(
    on_error: zg.OnError, status: str
) -> None:
    steps = flow("a", "b").steps
    limited = replace(steps[0], limits=zg.Limits(calls=2), on_error=on_error)
    workflow = zg.Workflow("test", (limited, steps[1]))
    model = ScriptedProvider("yes", repeat=True)

    result, _ = await run(workflow, Offering(a=three, b=say("b")), model)

    error = result.history[0].error
    assert result.status == status
    assert error is not None
    assert error.type == "LimitError"
    assert error.cause.startswith("step 'a' has made the 2 model calls")
    assert len(model.requests) == 2


async def test_of_all_who_limit_a_step_the_strictest_holds() -> None:
    step = replace(flow("a").steps[0], limits=zg.Limits(calls=3, tokens=900))
    config = zg.Config(limits_steps={"a": zg.Limits(calls=2, tokens=5000)})

    result, _ = await run(
        zg.Workflow("test", (step,)),
        Offering(a=three),
        ScriptedProvider("yes", repeat=True),
        config=config,
        step_limits={"a": zg.Limits(tokens=800)},
    )

    assert result.history[0].limits == zg.Limits(calls=2, tokens=800)


async def test_a_step_that_takes_longer_than_its_limit_is_stopped() -> None:
    async def sleep(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep(60)
        return zg.Reply(output=None)

    result, _ = await run(
        flow("a"),
        Offering(a=sleep),
        ScriptedProvider(),
        step_limits={"a": zg.Limits(seconds=0.01)},
    )

    assert result.error is not None
    assert result.error.cause == "step 'a' took longer than 0.01 s"


@pytest.mark.parametrize(("name", "meant"), [("buld", "build"), ("engineer", "build")])
async def test_a_limit_of_no_step_is_refused_before_anything_is_done(
    name: str, meant: str
) -> None:
    options = zg.RunOptions(model=SCRIPTED, step_limits={name: zg.Limits(calls=1)})
    async with zg.Engine.open(
        ScriptedProvider(), journal="memory", discover=()
    ) as engine:
        with pytest.raises(zg.UnknownNameError, match=f"did you mean '{meant}'"):
            await engine.accept("sequential", "x", options=options)

        assert await engine.journal.list() == []


async def test_a_limit_in_the_configuration_may_be_of_another_workflows_step() -> None:
    config = zg.Config(limits_steps={"build": zg.Limits(calls=1)})

    result, _ = await run(
        flow("a"), Offering(a=say("a")), ScriptedProvider(), config=config
    )

    assert result.status == "completed"


async def test_steps_at_once_share_what_the_run_may_spend() -> None:
    model = ScriptedProvider(counted(10), repeat=True)
    names = [f"s{n}" for n in range(12)]
    agent = ask(max_output_tokens=100)

    result, _ = await run(
        flow(*names),
        Offering(**dict.fromkeys(names, agent)),
        model,
        limits=zg.Limits(tokens=300),
    )

    assert result.status == "completed"
    assert result.usage.total_tokens == 120


# -- What a resumed run may still spend ------------------------------------------------


async def test_a_resumed_step_may_spend_what_it_had_left() -> None:
    model = ScriptedProvider("yes", repeat=True)
    options = zg.RunOptions(model=SCRIPTED, step_limits={"a": zg.Limits(calls=2)})
    async with zg.Engine.open(
        Offering(a=three), model, journal="memory", discover=False
    ) as engine:
        await engine.accept(flow("a"), "x", options=options, run_id="r1")
        for _ in range(3):
            with pytest.raises(zg.LimitError):
                await engine.resume("r1")
        assert len(model.requests) == 2

        result = await engine.resume("r1", step_limits={"a": zg.Limits(calls=3)})
        events = await engine.journal.read("r1")

    assert result.status == "completed"
    assert len(model.requests) == 3
    assert any(isinstance(event, zg.LimitsChanged) for event in events)


async def test_a_run_resumed_with_other_limits_keeps_those_that_are_not_named() -> None:
    options = zg.RunOptions(model=SCRIPTED, limits=zg.Limits(calls=2, tokens=9000))
    async with zg.Engine.open(
        Offering(a=three),
        ScriptedProvider("yes", repeat=True),
        journal="memory",
        discover=False,
    ) as engine:
        with pytest.raises(zg.LimitError):
            await engine.run(flow("a"), "x", options=options, run_id="r1")
        with pytest.raises(zg.UnknownNameError, match="'b'"):
            await engine.resume("r1", step_limits={"b": zg.Limits(calls=1)})

        result = await engine.resume("r1", limits=zg.Limits(calls=9))

    assert result.limits == zg.Limits(calls=9, tokens=9000)


async def test_a_call_that_its_agent_gave_up_counts_at_its_worst() -> None:
    async def hasty(ctx: zg.Context) -> zg.Reply:
        with anyio.move_on_after(0.01):
            await ctx.complete([zg.Message.user("x")], max_output_tokens=90)
        return zg.Reply(output="gave up")

    class Slow(ScriptedProvider):
        async def complete(self, request: zg.Request) -> zg.Response:
            await anyio.sleep_forever()
            raise AssertionError

    result, events = await run(
        flow("a"), Offering(a=hasty), Slow("never"), limits=zg.Limits(tokens=1000)
    )

    assert result.status == "completed"
    assert fold(events).lost_tokens > 90


async def test_what_a_step_lost_counts_against_it_and_no_other() -> None:
    model = ScriptedProvider(zg.ProviderTimeoutError("too long"), repeat=True)
    slow = zg.Workflow(
        "test", tuple(replace(s, on_error="skip") for s in flow("a", "b").steps)
    )

    _, events = await run(
        slow,
        Offering(a=ask(max_output_tokens=90), b=say("b")),
        model,
        limits=zg.Limits(tokens=150),
    )

    state = fold(events)
    assert state.steps["a"].lost_tokens == state.lost_tokens > 90
    assert state.steps["b"].lost_tokens == 0


class VendorTimeout(zg.ProviderTimeoutError):
    """A kind of error that its plugin alone knows."""


_LOST = [
    zg.ProviderTimeoutError("too long"),
    VendorTimeout("too long"),
    zg.ProviderResponseError("cut short"),
    zg.ProviderUnavailableError("reset", may_be_billed=True),
    KeyError("no such field in a good answer"),
]
_NEVER_DONE = [
    zg.ProviderUnavailableError("no connection"),
    zg.RateLimitError("too many"),
    zg.ProviderAuthError("no key"),
    zg.ProviderTimeoutError("nobody took the call", may_be_billed=False),
]


@pytest.mark.parametrize(
    ("error", "counts"),
    [*((error, True) for error in _LOST), *((error, False) for error in _NEVER_DONE)],
    ids=[f"{type(e).__name__}-{n}" for n, e in enumerate((*_LOST, *_NEVER_DONE))],
)
async def test_what_may_be_billed_all_the_same_counts_at_its_worst_now_and_later(
    error: Exception, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)  # no wait between two tries
    left: list[int | None] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        with suppress(zg.ProviderError):
            await ctx.complete([zg.Message.user("x")], max_output_tokens=90)
        left.append((await ctx.remaining()).tokens)
        return zg.Reply(output="gave up")

    _, events = await run(
        flow("a"),
        Offering(a=agent),
        ScriptedProvider(error, repeat=True),
        limits=zg.Limits(tokens=5000),
    )

    lost = fold(events).lost_tokens
    assert (lost > 90) is counts
    assert left == [5000 - lost]


async def test_what_broke_off_once_it_was_heard_of_counts_at_its_worst() -> None:
    class BreaksOff(ScriptedProvider):
        async def stream(self, request: zg.Request) -> AsyncGenerator[zg.Chunk, None]:
            yield zg.Chunk(text="Once upon a time")
            raise zg.ProviderUnavailableError("overloaded")

    async def agent(ctx: zg.Context) -> zg.Reply:
        with pytest.raises(zg.ProviderUnavailableError):
            async for _ in ctx.stream([zg.Message.user("x")], max_output_tokens=90):
                pass
        return zg.Reply(output="gave up")

    _, events = await run(
        flow("a"), Offering(a=agent), BreaksOff("never"), limits=zg.Limits(tokens=5000)
    )

    assert fold(events).lost_tokens > 90


@pytest.mark.parametrize(
    ("of_workflow", "of_caller", "remedy"),
    [
        (zg.Limits(tokens=50), zg.Limits(), "raise its limit in the workflow"),
        (zg.Limits(tokens=50), zg.Limits(tokens=99), "raise its limit in the workflow"),
        (zg.Limits(tokens=99), zg.Limits(tokens=50), "resume the run with a higher"),
        (zg.Limits(calls=1), zg.Limits(tokens=50), "resume the run with a higher"),
    ],
    ids=["of the workflow alone", "of both", "the caller's is lower", "another"],
)
async def test_a_limit_says_who_can_raise_it(
    of_workflow: zg.Limits, of_caller: zg.Limits, remedy: str
) -> None:
    limited = replace(flow("a").steps[0], limits=of_workflow)

    result, _ = await run(
        zg.Workflow("test", (limited,)),
        Offering(a=three),
        ScriptedProvider("yes", repeat=True),
        step_limits={"a": of_caller},
    )

    assert result.error is not None
    assert result.error.details["limit"] == "tokens"
    assert remedy in result.error.remedy


# -- Providers that miscount ------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        counted(-5),
        counted(5, cost_usd=-1.0),
        counted(5, cost_usd=math.nan),
        counted(5, cost_usd=math.inf),
        counted(5, cost_usd=1e300),
        counted(2.5),  # type: ignore[arg-type]
    ],
    ids=["negative", "refund", "nan", "infinite", "astronomic", "fraction"],
)
async def test_a_count_that_cannot_be_is_refused_and_gives_nothing_back(
    answer: zg.Response,
) -> None:
    model = ScriptedProvider(answer, repeat=True)

    result, events = await run(
        flow("a"),
        Offering(a=ask(max_output_tokens=90)),
        model,
        limits=zg.Limits(tokens=150),
    )

    assert result.status == "failed"
    failed = [event for event in events if isinstance(event, zg.ModelFailed)]
    assert "counted what cannot be" in failed[0].error.cause
    assert fold(events).lost_tokens > 90


@pytest.mark.parametrize("cost_usd", [None, 0.5], ids=["no cost", "a cost"])
async def test_an_answer_that_does_not_say_what_it_used_counts_at_its_worst(
    cost_usd: float | None,
) -> None:
    left: list[int | None] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        for number in range(2):
            question = [zg.Message.user(f"q{number}")]
            await ctx.complete(question, max_output_tokens=90)
            left.append((await ctx.remaining()).tokens)
        return zg.Reply(output="done")

    class Priced(ScriptedProvider):
        @zg.hookimpl
        def zg_register_providers(self) -> list[zg.ProviderSpec]:
            (spec,) = super().zg_register_providers()
            return [replace(spec, free=False)]

    result, events = await run(
        flow("a"),
        Offering(a=agent),
        Priced(counted(0, cost_usd=cost_usd), repeat=True),
        limits=zg.Limits(tokens=5000),
    )

    state = fold(events)
    assert left == [5000 - state.lost_tokens // 2, 5000 - state.lost_tokens]
    assert state.lost_tokens > 180
    assert (result.usage.total_tokens, result.lost_calls) == (0, 2)
    assert (result.cost_usd, result.unpriced_calls) == (0.0, 2)


async def test_calls_that_were_cut_off_are_told_however_often_and_to_the_end() -> None:
    class HangsTwice(ScriptedProvider):
        asked = 0

        async def complete(self, request: zg.Request) -> zg.Response:
            self.asked += 1
            if self.asked <= 2:
                cutting.cancel()
                await anyio.sleep_forever()
            return await super().complete(request)

    options = zg.RunOptions(model=SCRIPTED)
    async with zg.Engine.open(
        Offering(a=ask()), HangsTwice("yes"), journal="memory", discover=False
    ) as engine:
        await engine.accept(flow("a"), "x", options=options, run_id="r1")
        for lost in (1, 2):
            with anyio.CancelScope() as cutting:
                await engine.resume("r1")
            assert (await engine.result("r1")).lost_calls == lost
        result = await engine.resume("r1")

    assert (result.status, result.lost_calls, result.usage.calls) == ("completed", 2, 1)
    assert result.document()["lost_calls"] == 2


@pytest.mark.parametrize("limits", [zg.Limits(), zg.Limits(calls=5)])
async def test_a_call_that_is_limited_is_on_disk_before_it_is_made(
    limits: zg.Limits,
) -> None:
    recorded: list[bool] = []

    class Watched(zg.MemoryJournal):
        async def append(
            self,
            run_id: str,
            epoch: int,
            events: Sequence[zg.Event],
            *,
            durable: bool = True,
        ) -> None:
            if any(isinstance(event, zg.ModelCalled) for event in events):
                recorded.append(durable)
            await super().append(run_id, epoch, events, durable=durable)

    options = zg.RunOptions(model=SCRIPTED, limits=limits)
    async with zg.Engine.open(
        Offering(a=ask()), ScriptedProvider("yes"), journal=Watched(), discover=False
    ) as engine:
        await engine.run(flow("a"), "x", options=options)

    assert recorded == [limits != zg.Limits()]


# -- What agents are told ------------------------------------------------


async def test_an_agent_is_told_what_is_left_and_is_told_the_same_again() -> None:
    told: list[zg.Remaining] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        told.append(await ctx.remaining())
        await ctx.complete([zg.Message.user("q")], max_output_tokens=50)
        told.append(await ctx.remaining())
        await ctx.complete([zg.Message.user("q")], max_output_tokens=50)
        return zg.Reply(output=None)

    options = zg.RunOptions(model=SCRIPTED, limits=zg.Limits(calls=1, tokens=500))
    async with zg.Engine.open(
        Offering(a=agent),
        ScriptedProvider(counted(20), repeat=True),
        journal="memory",
        discover=False,
    ) as engine:
        with pytest.raises(zg.LimitError):
            await engine.run(flow("a"), "x", options=options, run_id="r1")
        await engine.resume("r1", limits=zg.Limits(calls=5))

    assert told[:2] == [
        zg.Remaining(calls=1, tokens=500),
        zg.Remaining(calls=0, tokens=480),
    ]
    assert told[2:] == told[:2]


async def test_the_time_that_is_left_is_the_shorter_of_step_and_run() -> None:
    told: list[zg.Remaining] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        told.append(await ctx.remaining())
        return zg.Reply(output=None)

    await run(
        flow("a"),
        Offering(a=agent),
        ScriptedProvider(),
        limits=zg.Limits(seconds=500),
        step_limits={"a": zg.Limits(seconds=50)},
    )

    assert told[0].seconds is not None
    assert 0 < told[0].seconds <= 50


async def test_without_limits_nothing_is_recorded_of_what_is_left() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        assert await ctx.remaining() == zg.Remaining()
        return zg.Reply(output=None)

    _, events = await run(flow("a"), Offering(a=agent), ScriptedProvider())

    assert not any(isinstance(event, zg.ValueRecorded) for event in events)


async def test_limits_that_came_later_do_not_lead_a_replayed_step_elsewhere() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        for number in range(3):
            if (await ctx.remaining()).calls == 1:
                break
            await ctx.complete([zg.Message.user(f"q{number}")])
        return zg.Reply(output=number)

    model = ScriptedProvider("yes", "yes", zg.ProviderAuthError("no key"), "yes")
    async with zg.Engine.open(
        Offering(a=agent), model, journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(model=SCRIPTED)
        with pytest.raises(zg.ProviderAuthError):
            await engine.run(flow("a"), "x", options=options, run_id="r1")

        result = await engine.resume("r1", limits=zg.Limits(calls=4))

    assert result.status == "completed"
    assert result.output == 2


@zg.tool
async def look(ctx: zg.Context) -> str:
    """Look around."""
    return "nothing new"


async def test_near_its_limit_an_agent_asks_for_the_final_answer() -> None:
    def wants(request: zg.Request) -> object:
        if any(m.text == FINISH for m in request.messages):
            return "the end"
        return call(request.tools[0].name)

    agent = LLMAgent(name="a", instructions="Go on.", tools=("look",))
    model = ScriptedProvider(wants, repeat=True)

    result, _ = await run(
        flow("a"), Offering(look, a=agent), model, limits=zg.Limits(calls=3)
    )

    assert result.output == "the end"
    assert len(model.requests) == 3


async def test_a_model_that_will_not_end_near_its_limit_is_refused_tools() -> None:
    calls: list[str] = []

    @zg.tool
    async def peek() -> str:
        """Look around."""
        calls.append("peek")
        return "nothing new"

    def wants(request: zg.Request) -> object:
        return call(request.tools[0].name)

    agent = LLMAgent(name="a", instructions="Go on.", tools=("peek",))
    model = ScriptedProvider(wants, repeat=True)

    result, _ = await run(
        flow("a"), Offering(peek, a=agent), model, limits=zg.Limits(calls=3)
    )

    assert result.error is not None
    assert result.error.type == "LimitError"
    assert calls == ["peek", "peek"]


# -- Money ------------------------------------------------


class Priced:
    """A provider that is not free, and whose models no table knows."""

    def __init__(self) -> None:
        self.requests: list[zg.Request] = []

    @zg.hookimpl
    def zg_register_providers(self) -> list[zg.ProviderSpec]:
        return [zg.ProviderSpec(name="priced", description="x", factory=lambda: self)]

    def info(self, model: str) -> zg.ModelInfo:
        return zg.ModelInfo()

    def estimate(self, request: zg.Request) -> int:
        return 1000

    async def complete(self, request: zg.Request) -> zg.Response:
        self.requests.append(request)
        usage = zg.Usage(input_tokens=1000, output_tokens=500, calls=1)
        return zg.Response(message=zg.Message.assistant("yes"), usage=usage)

    async def stream(self, request: zg.Request) -> AsyncGenerator[zg.Chunk, None]:
        yield zg.Chunk(response=await self.complete(request))

    async def close(self) -> None: ...


STATED = {"priced:m": {"input_per_million": 1.0, "output_per_million": 10.0}}


async def test_a_price_that_the_user_states_is_used_and_recorded() -> None:
    result, _ = await run(
        flow("a"),
        Offering(a=ask()),
        Priced(),
        model_name="priced:m",
        config=zg.Config(prices=STATED),
        limits=zg.Limits(usd=1.0),
    )

    assert result.cost_usd == pytest.approx(0.006)
    assert result.unpriced_calls == 0
    assert result.stated_prices == STATED
    assert result.prices.startswith("genai-prices ")


async def test_without_a_price_money_cannot_be_limited() -> None:
    model = Priced()

    result, _ = await run(
        flow("a"),
        Offering(a=ask()),
        model,
        model_name="priced:m",
        limits=zg.Limits(usd=1.0),
    )

    assert result.error is not None
    assert '[prices."priced:m"]' in result.error.remedy
    assert model.requests == []


async def test_output_is_cut_to_the_money_that_is_left() -> None:
    model = Priced()

    await run(
        flow("a"),
        Offering(a=ask(max_output_tokens=9000)),
        model,
        model_name="priced:m",
        config=zg.Config(prices=STATED),
        limits=zg.Limits(usd=0.011),
    )

    assert model.requests[0].max_output_tokens == 1000


async def test_what_each_model_did_is_told_by_step_and_in_all() -> None:
    result, _ = await run(
        flow("a", "b"),
        Offering(a=ask(), b=ask()),
        Priced(),
        model_name="priced:m",
    )

    document = result.document()
    (model,) = document["models"]
    assert model["usage"]["input_tokens"] == 2000
    assert model["unpriced_calls"] == 2
    assert [step["spent"][0]["usage"]["calls"] for step in document["history"]] == [
        1,
        1,
    ]


async def test_a_provider_that_knows_the_price_is_believed() -> None:
    class Knowing(Priced):
        async def complete(self, request: zg.Request) -> zg.Response:
            return replace(await super().complete(request), cost_usd=0.25)

    result, events = await run(
        flow("a"),
        Offering(a=ask()),
        Knowing(),
        model_name="priced:m",
        limits=zg.Limits(tokens=9000),
    )

    (called,) = (event for event in events if isinstance(event, zg.ModelCalled))
    assert result.cost_usd == 0.25
    assert called.reserved_usd is None


async def test_a_call_that_was_refused_spends_nothing_but_is_a_call() -> None:
    told: list[zg.Remaining] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        with suppress(zg.ProviderError):
            await ctx.complete([zg.Message.user("q")], max_output_tokens=50)
        told.append(await ctx.remaining())
        return zg.Reply(output=None)

    model = ScriptedProvider(zg.ProviderAuthError("no key"))
    limits = zg.Limits(tokens=500, calls=5)

    await run(flow("a"), Offering(a=agent), model, limits=limits)

    assert told == [zg.Remaining(tokens=500, calls=4)]
