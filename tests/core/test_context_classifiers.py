"""Classifiers that ask models: through the same door as agents, and once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from offering import Offering, say

import zg_core as zg
from zg_core._machine import fold
from zg_core._secrets import Secrets
from zg_core.running.recording import make_recording
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio

OPTIONS = zg.RunOptions(model="scripted:any")
ROUTED = zg.Workflow(
    "test",
    (zg.Step("a", agent="a"), zg.Step("b", agent="b", needs=("a",))),
    routed=True,
)


class Asking:
    """Asks a model two things, and takes the second answer for the label."""

    async def classify_in(self, ctx: zg.Context, text: str) -> zg.Label | None:
        await ctx.complete([zg.Message.user("are you there?")])
        answer = await ctx.complete([zg.Message.user(f"what is this: {text}")])
        return None if answer.text == "?" else zg.Label(answer.text, 0.9, ctx.step)


def plugin(**agents: Any) -> Offering:
    agents = {"a": say("done by a"), "b": say("done by b"), **agents}
    return Offering(called="o", classifiers={"asking": Asking()}, **agents)


def config(**more: Any) -> zg.Config:
    routes = {"one": ("o:a",), "general": ("o:a", "o:b")}
    return zg.Config(classifier="asking", routes=routes, **more)


@asynccontextmanager
async def opened(
    model: ScriptedProvider,
    *,
    journal: zg.Journal | None = None,
    settings: zg.Config | None = None,
    offering: Offering | None = None,
) -> AsyncGenerator[zg.Engine, None]:
    async with zg.Engine.open(
        offering or plugin(),
        model,
        journal=journal or zg.MemoryJournal(),
        config=settings or config(),
        discover=False,
    ) as engine:
        yield engine


async def test_its_calls_count_for_the_run_and_are_told_apart_from_the_steps() -> None:
    async with opened(ScriptedProvider("yes", "one")) as engine:
        result = await engine.run(ROUTED, "do it", options=OPTIONS, run_id="r")
        events = await engine.journal.read("r")

    assert result.route is not None
    assert (result.route.label, result.route.probability) == ("one", 0.9)
    assert result.route.reason == "route"  # the step its context names
    assert [step.step for step in result.history if step.status != "skipped"] == ["a"]
    assert result.routing is not None
    assert (result.routing.agent, result.routing.status) == ("o:asking", "finished")
    assert result.usage.calls == result.routing.usage.calls == 2
    assert [m.usage.calls for m in result.models] == [2]
    called = [e.step for e in events if isinstance(e, zg.ModelCalled)]
    assert called == ["route", "route"]
    assert result.document()["routing"]["spent"][0]["usage"]["calls"] == 2


async def test_it_may_abstain() -> None:
    async with opened(ScriptedProvider("yes", "?")) as engine:
        result = await engine.run(ROUTED, "do it", options=OPTIONS)

    assert result.route is not None
    assert (result.route.label, result.route.probability) == ("general", None)
    assert result.output == "done by b"


async def cut(events: list[zg.Event], keep: int) -> zg.MemoryJournal:
    """Return a journal with the first events of a run, as a crash leaves them."""
    journal = zg.MemoryJournal()
    first = events[0]
    assert isinstance(first, zg.RunAccepted)
    await journal.create(first)
    epoch = await journal.claim(first.run_id)
    await journal.append(first.run_id, epoch, events[1:keep])
    await journal.release(first.run_id, epoch)
    return journal


async def test_a_resumed_run_pays_for_no_answer_twice_wherever_it_was_cut() -> None:
    async with opened(ScriptedProvider("yes", "one")) as engine:
        whole = await engine.run(ROUTED, "do it", options=OPTIONS, run_id="r")
        events = await engine.journal.read("r")

    for keep in range(1, len(events) + 1):
        known = sum(isinstance(e, zg.ModelAnswered) for e in events[:keep])
        model = ScriptedProvider(*["yes", "one"][known:])
        journal = await cut(events, keep)
        async with opened(model, journal=journal) as engine:
            result = await engine.resume("r")
            state = fold(await journal.read("r"))

        assert len(model.requests) == 2 - known
        assert (result.route, result.output) == (
            replace(whole.route, seq=result.route.seq, at=result.route.at)
            if whole.route and result.route
            else None,
            whole.output,
        )
        assert (result.usage.calls, state.steps["route"].status) == (2, "finished")


async def test_what_it_failed_with_is_tried_again_when_the_run_is_resumed() -> None:
    error = zg.ProviderRequestError("no", "ask otherwise")
    journal = zg.MemoryJournal()
    async with opened(ScriptedProvider("yes", error), journal=journal) as engine:
        with pytest.raises(zg.ProviderRequestError):
            await engine.run(ROUTED, "do it", options=OPTIONS, run_id="r")
        failed = await engine.result("r")

    model = ScriptedProvider("one")
    async with opened(model, journal=journal) as engine:
        result = await engine.resume("r")

    assert failed.routing is not None
    assert (failed.status, failed.routing.status) == ("failed", "failed")
    assert result.status == "completed"
    assert len(model.requests) == 1


async def test_a_limit_of_the_run_bounds_it() -> None:
    async with opened(ScriptedProvider("yes", "one")) as engine:
        options = replace(OPTIONS, limits=zg.Limits(calls=1))

        with pytest.raises(zg.LimitError):
            await engine.run(ROUTED, "do it", options=options)


async def test_what_it_spent_is_not_there_for_the_steps() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        left = await ctx.remaining()
        return zg.Reply(output=left.calls)

    model = ScriptedProvider("yes", "one")
    async with opened(model, offering=plugin(a=a)) as engine:
        options = replace(OPTIONS, limits=zg.Limits(calls=5))
        result = await engine.run(ROUTED, "do it", options=options)

    assert result.output == 3


async def test_what_goes_wrong_in_it_is_its_fault() -> None:
    class Broken:
        async def classify_in(self, ctx: zg.Context, text: str) -> zg.Label | None:
            raise KeyError("oh")

    broken = Offering(classifiers={"asking": Broken()}, a=say("a"), b=say("b"))
    settings = zg.Config(classifier="asking", routes={"general": ("a", "b")})
    async with opened(ScriptedProvider(), offering=broken, settings=settings) as engine:
        with pytest.raises(zg.RunError, match="classifier 'offering:asking' failed"):
            await engine.run(ROUTED, "do it", options=OPTIONS)


# -- In a step -----------------------------------------------------------------------


async def classifying(ctx: zg.Context) -> zg.Reply:
    """Classify with the model, and then go on asking it."""
    label = await ctx.classify("some text", classifier="asking")
    more = await ctx.complete([zg.Message.user("and now?")])
    return zg.Reply(output=[label.name if label else None, more.text])


ONE = zg.Workflow("test", (zg.Step("a", agent="a"),))


async def test_in_a_step_its_calls_are_the_steps() -> None:
    model = ScriptedProvider("yes", "one", "more")
    async with opened(model, offering=plugin(a=classifying)) as engine:
        result = await engine.run(ONE, "do it", options=OPTIONS)

    assert result.output == ["one", "more"]
    assert result.history[0].usage.calls == 3
    assert result.routing is None


async def test_in_a_step_they_are_not_made_again_when_it_is_resumed() -> None:
    async with opened(
        ScriptedProvider("yes", "one", "more"), offering=plugin(a=classifying)
    ) as engine:
        await engine.run(ONE, "do it", options=OPTIONS, run_id="r")
        events = await engine.journal.read("r")

    for keep in range(1, len(events) + 1):
        known = sum(isinstance(e, zg.ModelAnswered) for e in events[:keep])
        model = ScriptedProvider(*["yes", "one", "more"][known:])
        journal = await cut(events, keep)
        async with opened(
            model, journal=journal, offering=plugin(a=classifying)
        ) as engine:
            assert (await engine.resume("r")).output == ["one", "more"]
        assert len(model.requests) == 3 - known


# -- Recorded runs -------------------------------------------------------------------


async def test_a_recorded_run_knows_what_it_said_without_asking() -> None:
    async with opened(ScriptedProvider("yes", "one")) as engine:
        await engine.run(ROUTED, "do it", options=OPTIONS, run_id="r")
        recording, missing = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )

    nobody = ScriptedProvider()
    async with opened(nobody) as engine:
        result = await engine.run(ROUTED, "do it", replay=recording)

    assert missing == ()
    assert result.route is not None
    assert (result.route.label, nobody.requests) == ("one", [])


# -- Outside of runs -----------------------------------------------------------------


async def test_outside_of_a_run_it_leaves_nothing_in_the_journal() -> None:
    model = ScriptedProvider("yes", "one", "yes", "?")
    async with opened(model, settings=config(model="scripted:any")) as engine:
        async with engine.classifying() as asked:
            first = await asked.route("do it")
            second = await asked.label("o:asking", "do that")
            spent = asked.result
        runs = await engine.journal.list()

    assert (first.label, second) == ("one", None)
    assert spent.usage.calls == 4
    assert runs == []


async def test_outside_of_a_run_the_configured_limits_hold() -> None:
    model = ScriptedProvider("yes", "one", "yes", "one")
    settings = config(model="scripted:any", limits=zg.Limits(calls=3))
    async with (
        opened(model, settings=settings) as engine,
        engine.classifying() as asked,
    ):
        await asked.route("do it")
        with pytest.raises(zg.LimitError):
            await asked.route("do that")

    assert len(model.requests) == 3


async def test_one_with_the_wrong_arguments_is_refused_when_it_is_made() -> None:
    class Wrong:
        async def classify_in(self, text: str) -> zg.Label | None:
            return None

    wrong = Offering(classifiers={"asking": Wrong()}, a=say("a"), b=say("b"))
    async with opened(ScriptedProvider(), offering=wrong) as engine:
        with pytest.raises(zg.PluginError, match="`classify_in` does not take the 2"):
            await engine.route("do it")


def test_a_step_of_a_routed_workflow_is_not_called_as_what_chooses() -> None:
    with pytest.raises(zg.WorkflowError, match="called 'route'"):
        zg.Workflow("test", (zg.Step("route", agent="a"),), routed=True)
    assert zg.Workflow("test", (zg.Step("route", agent="a"),)).steps
