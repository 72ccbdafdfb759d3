"""Observers see what happens in runs, and can neither change nor delay it.

One file, since each hook is seen on the same paths of a run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from calling import Caller
from installing import Site
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core.testing import ScriptedProvider, call

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")
CONFIG = zg.Config(observers_enabled=("sees",))


class Sees:
    """Notes all it is told."""

    __name__ = "sees"

    def __init__(self) -> None:
        self.told: list[tuple[str, tuple[Any, ...]]] = []

    def _note(self, hook: str, *facts: Any) -> None:
        self.told.append((hook, facts))

    @zg.hookimpl
    def zg_run_started(self, run: zg.RunInfo) -> None:
        self._note("run_started", run)

    @zg.hookimpl
    async def zg_step_started(self, run: zg.RunInfo, step: zg.StepInfo) -> None:
        await anyio.lowlevel.checkpoint()
        self._note("step_started", run, step)

    @zg.hookimpl
    def zg_model_called(
        self, run: zg.RunInfo, step: zg.StepInfo, call: zg.ModelCallInfo
    ) -> None:
        self._note("model_called", run, step, call)

    @zg.hookimpl
    async def zg_tool_called(self, step: zg.StepInfo, call: zg.ToolCallInfo) -> None:
        self._note("tool_called", step, call)

    @zg.hookimpl
    def zg_step_finished(self, step: zg.StepInfo, outcome: zg.StepOutcome) -> Any:
        self._note("step_finished", step, outcome)
        return "which nobody wants to know"

    @zg.hookimpl
    async def zg_run_finished(self, run: zg.RunInfo, outcome: zg.RunOutcome) -> None:
        self._note("run_finished", run, outcome)

    @property
    def hooks(self) -> list[str]:
        return [hook for hook, _ in self.told]

    @property
    def last(self) -> Any:
        return self.told[-1][1][-1]


def opened(*plugins: Any, config: zg.Config = CONFIG, **kw: Any) -> Any:
    return zg.Engine.open(
        *plugins, config=config, journal=zg.MemoryJournal(), discover=False, **kw
    )


@zg.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def adder(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user("x")], tools=["add"])
    (wish,) = answer.message.tool_calls
    result = await ctx.call_tool(wish.name, wish.arguments)
    path = await ctx.write_artifact("sum.txt", str(result.output))
    return zg.Reply(output={"sum": result.output}, artifacts=(path,))


def adding() -> tuple[Offering, ScriptedProvider]:
    return Offering(add, a=adder), ScriptedProvider(call("add", a=1, b=2))


ALL = [
    "run_started",
    "step_started",
    "model_called",
    "tool_called",
    "step_finished",
    "run_finished",
]


async def test_an_agent_that_is_asked_is_told_of_at_its_path() -> None:
    async def boss(ctx: zg.Context) -> zg.Reply:
        return await ctx.run_agent("critic", "look")

    sees = Sees()
    offering = Offering(boss=boss, critic=ask())
    async with opened(offering, ScriptedProvider("good"), sees) as engine:
        await engine.run(flow("boss"), "x", options=OPTIONS)

    steps = [
        (hook, fact.agent, fact.name.partition(".")[0])
        for hook, facts in sees.told
        for fact in facts
        if isinstance(fact, zg.StepInfo)
    ]
    assert steps == [
        ("step_started", "offering:boss", "boss"),
        ("step_started", "offering:critic", "boss/critic"),
        ("model_called", "offering:critic", "boss/critic"),
        ("step_finished", "offering:critic", "boss/critic"),
        ("step_finished", "offering:boss", "boss"),
    ]


async def test_an_observer_is_told_all_in_order() -> None:
    sees = Sees()
    async with opened(sees, *adding()) as engine:
        result = await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")

    run = zg.RunInfo(run_id="r1", objective="x", workflow="test")
    step = zg.StepInfo(name="a", agent="offering:a")
    facts = dict(sees.told)
    model = facts["model_called"][2]
    tool = facts["tool_called"][1]
    assert sees.hooks == ALL
    assert facts["run_started"] == (run,)
    assert facts["step_started"] == (run, step)
    assert (model.model, model.attempt) == ("scripted:any", 1)
    assert (model.usage, model.cost_usd, model.error) == (result.usage, 0.0, None)
    assert (tool.tool, tool.result.output) == ("offering:add", 3)
    assert facts["step_finished"] == (
        step,
        zg.StepOutcome(status="finished", output={"sum": 3}, artifacts=("sum.txt",)),
    )
    assert facts["run_finished"] == (
        run,
        zg.RunOutcome(status="completed", output={"sum": 3}, usage=result.usage),
    )


async def test_one_that_is_installed_but_not_enabled_is_not_told() -> None:
    sees = Sees()
    async with opened(sees, *adding(), config=zg.Config()) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS)

    assert sees.told == []


def test_it_fires_where_nothing_is_asynchronous(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZG_OBSERVERS", "Sees")
    sees = Sees()

    zg.run_sync(flow("a"), "x", *adding(), sees, options=OPTIONS)

    assert sees.hooks == ALL


async def test_it_fires_in_a_stream() -> None:
    sees = Sees()
    async with opened(sees, *adding()) as engine:
        async with aclosing(engine.stream(flow("a"), "x", options=OPTIONS)) as items:
            assert [item async for item in items]
        assert sees.hooks == ALL


async def test_it_fires_when_a_run_fails_and_when_it_is_taken_up_again() -> None:
    sees = Sees()
    model = ScriptedProvider(zg.ProviderAuthError("no key"), "ok")
    async with opened(sees, Offering(a=ask()), model) as engine:
        with pytest.raises(zg.ProviderAuthError):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        first, sees.told = sees.told, []
        await engine.resume("r1")
        again, sees.told = sees.told, []
        await engine.resume("r1")  # there is nothing left to do, and nothing to see

    failed = zg.ErrorInfo(type="ProviderAuthError", cause="no key")
    facts = dict(first)
    hooks = [hook for hook in ALL if hook != "tool_called"]
    assert [hook for hook, _ in first] == hooks
    assert facts["model_called"][2].error == failed
    assert facts["model_called"][2].duration_seconds is None
    assert facts["step_finished"][1] == zg.StepOutcome(status="failed", error=failed)
    assert facts["run_finished"][1] == zg.RunOutcome(status="failed", error=failed)
    assert [hook for hook, _ in again] == hooks
    assert dict(again)["run_started"][0].resumed
    assert dict(again)["run_finished"][1].status == "completed"
    assert sees.told == []


@pytest.mark.parametrize(
    ("on_error", "status"), [("skip", "skipped"), ("fallback", "degraded")]
)
async def test_it_sees_what_a_step_that_failed_became(
    on_error: Any, status: str
) -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        raise zg.RunError("broken")

    sees = Sees()
    workflow = zg.Workflow("w", (zg.Step("a", agent="a", on_error=on_error),))
    async with opened(sees, Offering(a=agent)) as engine:
        await engine.run(workflow, "x")

    outcome = dict(sees.told)["step_finished"][1]
    assert (outcome.status, outcome.error.cause) == (status, "broken")
    assert sees.last.status == "degraded"


async def test_it_fires_when_a_run_is_cancelled() -> None:
    sees = Sees()
    begun = anyio.Event()

    async def agent(ctx: zg.Context) -> zg.Reply:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    async with opened(sees, Offering(a=agent)) as engine:

        async def stop() -> None:
            await begun.wait()
            await engine.cancel("r1")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop)
            with pytest.raises(zg.RunCancelledError):
                await engine.run(flow("a"), "x", run_id="r1")
        await engine.accept(flow("a"), "x", run_id="r2")
        await engine.cancel("r2")  # which nobody does

    assert sees.hooks == ["run_started", "step_started", "run_finished", "run_finished"]
    assert sees.last == zg.RunOutcome(status="cancelled")
    assert sees.told[-1][1][0].run_id == "r2"


async def test_it_fires_when_a_run_is_paused() -> None:
    sees = Sees()

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=await ctx.ask("What is it called?"))

    async with opened(sees, Offering(a=agent)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("a"), "x", run_id="r1")

    assert sees.hooks == ["run_started", "step_started", "run_finished"]
    assert sees.last == zg.RunOutcome(status="paused")


async def test_it_is_told_of_all_runs_of_an_engine_at_once() -> None:
    sees = Sees()
    async with (
        opened(sees, Offering(a=say("ok"))) as engine,
        anyio.create_task_group() as tasks,
    ):
        for number in range(5):
            tasks.start_soon(engine.run, flow("a"), str(number))

    assert sorted(sees.hooks) == sorted(
        ["run_started", "step_started", "step_finished", "run_finished"] * 5
    )


# -- Whatever becomes of it ------------------------------------------------------------


class Spoils(Sees):
    """Changes what it is told."""

    @zg.hookimpl
    def zg_step_finished(self, outcome: zg.StepOutcome) -> None:  # type: ignore[override]
        outcome.output["sum"] = 1000

    @zg.hookimpl
    def zg_tool_called(self, call: zg.ToolCallInfo) -> None:  # type: ignore[override]
        call.result.output.append(1000)


async def test_it_cannot_change_what_it_is_told() -> None:
    @zg.tool
    def two() -> list[int]:
        """Return two numbers."""
        return [1, 2]

    async def agent(ctx: zg.Context) -> zg.Reply:
        result = await ctx.call_tool("two", {})
        await anyio.sleep(0.05)
        return zg.Reply(output={"sum": result.output})

    async def second(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep(0.05)
        return zg.Reply(output=dict(ctx.outputs))

    async with opened(Spoils(), Offering(two, a=agent, b=second)) as engine:
        result = await engine.run(flow("a", "b", b="a"), "x")

    assert result.output == {"a": {"sum": [1, 2]}}


class Bad:
    """Has one hook, which is called when a step begins."""

    def __init__(self, name: str, function: Any) -> None:
        self.__name__ = name
        self.zg_step_started = zg.hookimpl(function)


def raises(step: zg.StepInfo) -> None:
    raise ValueError(f"at {step.name}")


def leaves() -> None:
    raise SystemExit(0)


async def generates() -> AsyncGenerator[int, None]:
    yield 1


def yields() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("function", [raises, leaves, generates, yields])
async def test_one_that_fails_three_times_is_off_for_the_run(function: Any) -> None:
    told: list[str] = []

    def counted(step: zg.StepInfo) -> Any:
        told.append(step.name)
        return function(step) if function is raises else function()

    config = zg.Config(observers_enabled=("bad",))
    steps = flow("a", "b", "c", "d", b="a", c="b", d="c")
    agents = Offering(**dict.fromkeys("abcd", say("ok")))
    async with opened(Bad("bad", counted), agents, config=config) as engine:
        for _ in range(2):
            result = await engine.run(steps, "x")
            assert result.status == "completed"
        (found,) = engine.host.diagnostics

    assert told == ["a", "b", "c"] * 2
    assert (found.code, found.severity, found.plugin) == ("ZG221", "warning", "bad")
    assert "failed 3 times" in found.message


def sleeps() -> None:
    threading.Event().wait(30)


async def waits() -> None:
    await anyio.sleep_forever()


@pytest.mark.heavy
async def test_one_that_hangs_is_off_after_five_seconds_and_others_are_told() -> None:
    """Once for all ways to hang, since each takes its five seconds."""
    sees = Sees()
    bad = (Bad("bad-thread", sleeps), Bad("bad-task", waits))
    names = "bad-thread", "bad-task", "sees"
    ended: dict[str, float] = {}

    async def agent(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep(5.5)
        return zg.Reply(output="ok")

    async def timed(engine: zg.Engine, step: str) -> None:
        await engine.run(flow(step), "x")
        ended[step] = time.monotonic() - began

    config = zg.Config(observers_enabled=names)
    agents = Offering(slow=agent, quick=say("ok"))
    async with opened(*bad, sees, agents, config=config) as engine:
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(timed, engine, "slow")
            tasks.start_soon(timed, engine, "quick")
        found = engine.host.diagnostics

    assert 4.5 < ended["quick"] < 9
    assert ended["slow"] < 9  # they were given up meanwhile
    assert len(sees.told) == 2 * 4
    assert {f.plugin for f in found} == {"bad-thread", "bad-task"}
    assert any("took longer than 5 s" in f.message for f in found)


async def test_one_that_is_not_there_is_said_and_does_no_harm() -> None:
    config = zg.Config(observers_enabled=("gone", "sees", "offering"))
    sees = Sees()
    async with opened(sees, Offering(a=say("ok")), config=config) as engine:
        result = await engine.run(flow("a"), "x")
        (found,) = engine.host.diagnostics

    assert result.output == "ok"
    assert sees.hooks[-1] == "run_finished"
    assert (found.code, "'gone'" in found.message) == ("ZG131", True)


def test_the_command_says_it_once_on_standard_error(
    zg: Caller, play: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_OBSERVERS", "zg-bad")
    play.install(
        "zg-bad",
        """
        import zg_core as zg

        @zg.hookimpl
        def zg_model_called(run, step, call):
            raise ValueError("no")

        @zg.hookimpl
        def zg_step_started():
            raise ValueError("no")
        """,
    )

    done = zg("run", "x", "--workflow", "pair", "--json")

    assert done.code == 0
    assert done.document["status"] == "completed"
    assert [line.split()[1] for line in done.err.splitlines() if "ZG" in line] == [
        "ZG221"
    ]
