"""Rewinds, other limits and watching, as callers of the engine meet them."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from echoing import SCRIPTED, echo, fail, opened, write
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio


# -- Rewinds -------------------------------------------------------------------------


async def test_a_run_that_is_set_back_is_paused_and_goes_on_from_there() -> None:
    answers = iter(["one", "two", "three", "four"])
    model = ScriptedProvider(lambda _: next(answers), repeat=True)
    async with opened(Offering(a=ask(), b=ask()), model) as engine:
        first = await engine.run(
            flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r"
        )
        back = await engine.rewind("r", "b")
        paused = await engine.result("r")
        result = await engine.resume("r")

    assert first.output == "two"
    assert back == ("b",)
    assert (paused.status, paused.output) == ("paused", None)
    assert [step.status for step in paused.history] == ["finished", "waiting"]
    assert (result.status, result.output) == ("completed", "three")
    assert result.usage.calls == 3


async def test_files_stay_until_they_are_written_anew() -> None:
    async with opened(Offering(a=write), echo()) as engine:
        first = await engine.run(flow("a"), "x", options=SCRIPTED, run_id="r")
        await engine.rewind("r", "a")
        paused = await engine.result("r")
        file = Path(first.out, "a.txt")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()

    assert [a.sha256 for a in paused.artifacts] == [digest]


async def test_a_run_can_be_set_back_again_and_further() -> None:
    async with opened(Offering(a=ask(), b=ask(), c=ask()), echo()) as engine:
        workflow = flow("a", "b", "c", b="a", c="b")
        first = await engine.run(workflow, "x", options=SCRIPTED, run_id="r")
        assert await engine.rewind("r", "c") == ("c",)
        with pytest.raises(zg.InputError, match="step 'c' of run 'r' has not begun"):
            await engine.rewind("r", "c")
        assert await engine.rewind("r", "b") == ("b", "c")
        result = await engine.resume("r")
        explained = zg.explain(await engine.journal.read("r"))

    assert result.output == first.output
    assert explained.rewinds == ("c", "b")


async def test_what_is_no_run_cannot_be_steered() -> None:
    async with opened() as engine:
        for steer in (
            engine.fork("none", "a"),
            engine.rewind("none", "a"),
            engine.retune("none", zg.Limits(calls=1)),
            anext(engine.watch("none")),
        ):
            with pytest.raises(zg.RunNotFoundError):
                await steer


async def test_nothing_is_set_back_that_never_ran_or_is_under_way() -> None:
    async with opened(Offering(a=say("a"), b=fail, c=say("c"))) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(flow("a", "b", "c", b="a", c="b"), "x", run_id="r")
        before = await engine.journal.read("r")
        with pytest.raises(zg.InputError, match="not begun; name one that has: a, b"):
            await engine.rewind("r", "c")
        with pytest.raises(zg.UnknownNameError, match="its steps are: a, b, c"):
            await engine.rewind("r", "zzz")
        epoch = await engine.journal.claim("r")
        with pytest.raises(zg.RunBusyError, match="zg runs pause r"):
            await engine.rewind("r", "a")
        await engine.journal.release("r", epoch)

        assert await engine.journal.read("r") == before


# -- Limits --------------------------------------------------------------------------


class Between:
    """What an agent passes after each call, so that a test may act after the first."""

    def __init__(self, act: Callable[[], Awaitable[None]]) -> None:
        self._act = act
        self._passed = False

    async def several(self, ctx: zg.Context) -> zg.Reply:
        """Ask as often as the prompt says, fifty tokens at most each."""
        for number in range(int(ctx.prompt)):
            await ctx.complete([zg.Message.user(f"q{number}")], max_output_tokens=50)
            if not self._passed:
                self._passed = True
                await self._act()
        return zg.Reply(output="done")


@pytest.fixture
def forty() -> ScriptedProvider:
    """A model each answer of which takes forty tokens."""
    answer = zg.Response(
        message=zg.Message.assistant("yes"),
        usage=zg.Usage(output_tokens=40, calls=1),
    )
    return ScriptedProvider(answer, repeat=True)


def _as_argument(named: str, limits: zg.Limits) -> dict[str, Any]:
    """Return limits as those of the run, or of step ``a``."""
    return {named: limits if named == "limits" else {"a": limits}}


async def changed(engine: zg.Engine, run_id: str) -> None:
    """Wait until the owner of a run has taken other limits up."""
    async for event in engine.watch(run_id):
        if isinstance(event, zg.LimitsChanged | zg.RequestRefused):
            break
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("named", ["limits", "step_limits"])
@pytest.mark.parametrize("before", [zg.Limits(), zg.Limits(tokens=100_000)])
async def test_limits_that_are_lowered_refuse_the_next_call(
    forty: ScriptedProvider, before: zg.Limits, named: str
) -> None:
    lower = zg.Limits(tokens=60)
    asked = _as_argument(named, lower)

    async def act() -> None:
        assert await engine.retune("r", **asked)
        await changed(engine, "r")

    async with opened(Offering(a=Between(act).several), forty) as engine:
        options = replace(SCRIPTED, limits=before)
        with pytest.raises(zg.LimitError) as error:
            await engine.run(flow("a"), "3", options=options, run_id="r")
        result = await engine.result("r")

    assert len(forty.requests) == 1
    assert "60 tokens" in error.value.cause
    assert result.limits == (lower if named == "limits" else before)
    assert result.history[0].limits == (
        lower if named == "step_limits" else zg.Limits()
    )


async def test_limits_that_are_raised_let_a_run_go_on(forty: ScriptedProvider) -> None:
    async def act() -> None:
        await engine.retune("r", zg.Limits(calls=3))
        await changed(engine, "r")

    async with opened(Offering(a=Between(act).several), forty) as engine:
        options = replace(SCRIPTED, limits=zg.Limits(calls=1, tokens=10_000))
        result = await engine.run(flow("a"), "3", options=options, run_id="r")

    assert result.status == "completed"
    assert result.limits == zg.Limits(calls=3, tokens=10_000)


async def test_a_call_that_waits_for_budget_goes_on_when_there_is_more(
    forty: ScriptedProvider,
) -> None:
    gate, waiting = anyio.Event(), anyio.Event()

    class Slow(ScriptedProvider):
        """A model whose first answer waits until the test lets it come."""

        async def complete(self, request: zg.Request) -> zg.Response:
            answer = await super().complete(request)
            if len(self.requests) == 1:
                waiting.set()
                await gate.wait()
            return answer

    model = Slow("yes", repeat=True)
    plugin = Offering(a=ask(max_output_tokens=50), b=ask(max_output_tokens=50))
    options = replace(SCRIPTED, limits=zg.Limits(tokens=100))
    async with opened(plugin, model) as engine:
        await engine.accept(flow("a", "b"), "x", options=options, run_id="r")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.resume, "r")
            await waiting.wait()
            await anyio.wait_all_tasks_blocked()
            assert len(model.requests) == 1, "the other waits for what this may take"
            await engine.retune("r", zg.Limits(tokens=1000))
            await changed(engine, "r")
            assert len(model.requests) == 2
            gate.set()
        result = await engine.result("r")

    assert result.status == "completed"


@pytest.mark.parametrize("named", ["limits", "step_limits"])
async def test_a_time_limit_that_is_lowered_ends_what_took_longer(named: str) -> None:
    lower = zg.Limits(seconds=0.01)
    asked = _as_argument(named, lower)

    async def hang(ctx: zg.Context) -> zg.Reply:
        await engine.retune("r", **asked)
        await anyio.sleep_forever()
        return zg.Reply(output=None)

    async with opened(Offering(a=hang)) as engine:
        with pytest.raises(zg.LimitError, match=r"took longer than 0\.01 s"):
            await engine.run(flow("a"), "x", run_id="r")


async def test_a_time_limit_that_is_raised_gives_what_is_under_way_more() -> None:
    async def look(ctx: zg.Context) -> zg.Reply:
        before = (await ctx.remaining()).seconds
        await engine.retune("r", zg.Limits(seconds=2000))
        await changed(engine, "r")
        of_run = (await ctx.remaining()).seconds
        await engine.retune("r", step_limits={"a": zg.Limits(seconds=500)})
        await anyio.wait_all_tasks_blocked()
        of_step = (await ctx.remaining()).seconds
        return zg.Reply(output=[before, of_run, of_step])

    options = zg.RunOptions(limits=zg.Limits(seconds=100))
    async with opened(Offering(a=look)) as engine:
        result = await engine.run(flow("a"), "x", options=options, run_id="r")

    assert isinstance(result.output, list)
    before, of_run, of_step = result.output
    assert before <= 100 < of_step < 500 < of_run < 2000


async def test_two_who_change_limits_at_once_undo_nothing_of_each_other(
    forty: ScriptedProvider,
) -> None:
    async def act() -> None:
        await engine.retune("r", zg.Limits(calls=5))
        await engine.retune("r", zg.Limits(tokens=5000))
        await changed(engine, "r")

    async with opened(Offering(a=Between(act).several), forty) as engine:
        result = await engine.run(flow("a"), "2", options=SCRIPTED, run_id="r")

    assert result.limits == zg.Limits(calls=5, tokens=5000)


async def test_limits_of_a_run_nobody_does_hold_at_once() -> None:
    async with opened(Offering(a=say("a"))) as engine:
        await engine.accept(flow("a"), "x", run_id="r")
        assert await engine.retune("r", step_limits={"a": zg.Limits(calls=1)})
        with pytest.raises(zg.UnknownNameError, match="no step 'b'"):
            await engine.retune("r", step_limits={"b": zg.Limits(calls=1)})
        result = await engine.result("r")
        await engine.resume("r")
        with pytest.raises(zg.InputError, match="spends nothing any more"):
            await engine.retune("r", zg.Limits(calls=1))

    assert result.history[0].limits == zg.Limits(calls=1)


async def test_limits_of_a_step_there_is_not_are_refused_by_the_owner_too() -> None:
    async def request(ctx: zg.Context) -> zg.Reply:
        asked = zg.LimitsChanged(limits=zg.Limits(), step_limits={"b": zg.Limits()})
        await engine.journal.request("r", asked)
        await changed(engine, "r")
        return zg.Reply(output="done")

    async with opened(Offering(a=request)) as engine:
        result = await engine.run(flow("a"), "x", run_id="r")
        events = await engine.journal.read("r")

    (refused,) = [e for e in events if isinstance(e, zg.RequestRefused)]
    assert "no step 'b'" in refused.reason
    assert result.status == "completed"


# -- Watching ------------------------------------------------------------------------


async def test_whoever_watches_sees_all_and_can_come_back_where_they_left() -> None:
    async with opened(Offering(a=ask(), b=ask()), echo()) as engine:
        await engine.accept(flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r")
        seen: list[zg.Event] = []

        async def watch() -> None:
            while not seen or not isinstance(seen[-1], zg.RunFinished):
                after = seen[-1].seq if seen else 0
                watched = engine.watch("r", after)
                seen.append(await anext(watched))  # one, and cut off
                await watched.aclose()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            tasks.start_soon(engine.resume, "r")
        events = await engine.journal.read("r")

    assert seen == events
