"""A run is put aside where nothing is lost by it, and goes on from there."""

from __future__ import annotations

import anyio
import pytest
from offering import Offering, flow, say

import zg_core as zg
from zg_core._run_state import RunState
from zg_core.running.pausing import Gate
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio

OPTIONS = zg.RunOptions(model="scripted:any")


async def names(engine: zg.Engine) -> list[str]:
    return [type(event).__name__ for event in await engine.journal.read("r")]


# -- On request ------------------------------------------------------------------------


async def test_a_call_under_way_is_finished_before_a_run_is_put_aside() -> None:
    calls: list[str] = []

    @zg.tool
    async def work(what: str) -> str:
        """Work."""
        calls.append(what)
        await engine.pause("r", "tea")
        await anyio.sleep(0.02)
        return what

    async def agent(ctx: zg.Context) -> zg.Reply:
        first = await ctx.call_tool("work", {"what": "one"})
        second = await ctx.call_tool("work", {"what": "two"})
        return zg.Reply(output=[first.output, second.output])

    async with zg.Engine.open(
        Offering(work, agent=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunPausedError, match="is paused: tea"):
            await engine.run(flow("agent"), "x", run_id="r")
        result = await engine.result("r")
        assert (calls, result.status, result.paused_for) == (["one"], "paused", "tea")
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")
        done = await engine.resume("r")

    assert done.output == ["one", "two"]
    assert calls == ["one", "two"]


async def test_an_agent_that_makes_no_call_is_cut_off_and_begins_anew() -> None:
    begun: list[int] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        begun.append(1)
        if len(begun) == 1:
            await engine.pause("r")
            await anyio.sleep(60)
        return zg.Reply(output="done")

    async with zg.Engine.open(
        Offering(agent=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        result = await engine.resume("r")

    assert (result.output, len(begun)) == ("done", 2)


async def test_no_step_begins_once_a_run_is_to_be_put_aside() -> None:
    @zg.tool
    async def wait() -> None:
        """Wait."""
        await engine.pause("r")
        await anyio.sleep(0.02)

    async def first(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("wait", {})
        return zg.Reply(output="first")

    async with zg.Engine.open(
        Offering(wait, first=first, second=say("second")),
        journal="memory",
        discover=False,
    ) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("first", "second", second="first"), "x", run_id="r")
        paused = await engine.result("r")
        done = await engine.resume("r")

    assert paused.history[1].status == "waiting"
    assert done.output == "second"


async def test_a_tool_that_must_not_be_repeated_is_never_cut_off() -> None:
    """Nor is what it calls: it would be parked for ever."""

    @zg.tool(effect="once")
    async def act(ctx: zg.Context) -> str:
        """Act."""
        await engine.pause("r")
        await anyio.sleep(0.02)
        return str(await ctx.once("inner", inner))

    async def inner() -> zg.Json:
        return "inner"

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("act", {})).output)

    async with zg.Engine.open(
        Offering(act, agent=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        assert "ToolFinished" in await names(engine)
        result = await engine.resume("r")

    assert result.output == "inner"


async def test_a_model_is_not_asked_again_once_a_run_is_to_be_put_aside() -> None:
    class Busy(ScriptedProvider):
        async def complete(self, request: zg.Request) -> zg.Response:
            if not self.requests:
                await engine.pause("r")
            await super().complete(request)
            raise zg.RateLimitError("busy", retry_after=30.0)

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")])
        return zg.Reply(output=answer.text)

    model = Busy("x", repeat=True)
    async with zg.Engine.open(
        Offering(agent=agent), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r", options=OPTIONS)
        assert len(model.requests) == 1


async def test_a_run_that_nobody_has_begun_is_put_aside_at_once() -> None:
    async with zg.Engine.open(
        Offering(a=say("done")), journal="memory", discover=False
    ) as engine:
        await engine.accept(flow("a"), "x", run_id="r")
        await engine.pause("r", "not yet")
        await engine.pause("r", "again")
        paused = await engine.result("r")
        happened = await names(engine)
        result = await engine.resume("r")

    assert (paused.status, paused.paused_for) == ("paused", "not yet")
    assert happened == ["RunAccepted", "PauseRequested", "RunPaused"]
    assert result.output == "done"


async def test_a_run_that_has_ended_cannot_be_put_aside() -> None:
    async with zg.Engine.open(
        Offering(a=say("done")), journal="memory", discover=False
    ) as engine:
        await engine.run(flow("a"), "x", run_id="r")
        with pytest.raises(zg.InputError, match="is completed, and there is nothing"):
            await engine.pause("r")


async def test_a_wish_from_before_a_run_went_on_is_over() -> None:
    @zg.tool
    async def wait() -> None:
        """Wait."""
        await engine.pause("r", "first")
        await engine.pause("r", "second")
        await anyio.sleep(0.02)

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("wait", {})
        await ctx.call_tool("other", {})
        return zg.Reply(output="done")

    @zg.tool
    async def other() -> None:
        """Let requests be heeded."""
        await anyio.sleep(0.02)

    async with zg.Engine.open(
        Offering(wait, other, agent=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("agent"), "x", run_id="r")
        seen = zg.PauseRequested(reason="late", seq=2)
        await engine.journal.request("r", seen)
        result = await engine.resume("r")
        happened = await engine.journal.read("r")

    (refused,) = [e for e in happened if isinstance(e, zg.RequestRefused)]
    assert refused.reason == "the run was taken up again since"
    assert result.output == "done"


async def test_a_run_that_is_stopped_and_put_aside_is_stopped() -> None:
    @zg.tool
    async def wait() -> None:
        """Wait."""
        await engine.pause("r")
        await engine.cancel("r")
        await anyio.sleep(60)

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("wait", {})
        raise AssertionError

    async with zg.Engine.open(
        Offering(wait, agent=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunCancelledError):
            await engine.run(flow("agent"), "x", run_id="r")


# -- What rests ------------------------------------------------------------------------


class Going:
    """A run of which only its wish to be paused matters."""

    def __init__(self) -> None:
        accepted = zg.RunAccepted(objective="x", workflow=flow("a"))
        self.state = RunState(
            accepted=accepted, workflow=flow("a"), objective="x", steps={}
        )


@pytest.fixture
def gate() -> Gate:
    going = Going()
    return Gate(lambda: going.state)


async def put_aside(gate: Gate) -> bool:
    with anyio.move_on_after(0.3):
        while not await gate.settled():
            await anyio.sleep(0.01)
    return bool(gate.reason)


async def waits(gate: Gate) -> None:
    await gate.park(lambda: False, None)


async def test_nothing_that_goes_on_is_no_reason_to_put_a_run_aside(gate: Gate) -> None:
    assert not await put_aside(gate)


async def test_a_run_of_which_all_waits_is_put_aside(gate: Gate) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waits, gate)
        tasks.start_soon(waits, gate)
        await anyio.sleep(0)

        assert await put_aside(gate)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("held", [True, False])
async def test_a_run_of_which_a_part_goes_on_is_not(gate: Gate, held: bool) -> None:
    async def works() -> None:
        with gate.work():
            if held:
                async with gate.call():
                    await anyio.sleep_forever()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waits, gate)
        tasks.start_soon(works)
        await anyio.sleep(0)

        assert not await put_aside(gate)
        tasks.cancel_scope.cancel()


async def test_an_agent_that_waits_in_one_of_its_calls_rests(gate: Gate) -> None:
    async def agent() -> None:
        with gate.work():
            async with anyio.create_task_group() as calls:
                calls.start_soon(waits, gate)
                async with gate.call():
                    await anyio.sleep(0.1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent)
        await anyio.sleep(0)

        assert await put_aside(gate)
        tasks.cancel_scope.cancel()


async def test_the_time_of_what_rests_stands_still(gate: Gate) -> None:
    with gate.limit(0.15) as whole, gate.work(), gate.limit(0.15) as own:
        await gate.park(lambda: False, 0.3)
        await anyio.sleep(0.01)

    assert not whole.reached
    assert not own.reached


async def test_the_time_of_what_goes_on_again_runs_on(gate: Gate) -> None:
    with gate.limit(0.05) as whole, gate.work():
        await gate.park(lambda: False, 0.1)
        await anyio.sleep(60)

    assert whole.reached
