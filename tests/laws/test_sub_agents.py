"""Whatever agents ask one another, a run is its journal and a limit is a bound."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from offering import Offering, flow

import zg_core as zg
from zg_core._machine import fold
from zg_core.running.recorded import Recorded
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")


class Cut(zg.MemoryJournal):
    """A journal whose owner dies right after one event is on disk."""

    after: int | None = None

    async def append(
        self,
        run_id: str,
        epoch: int,
        events: Sequence[zg.Event],
        *,
        durable: bool = True,
    ) -> None:
        await super().append(run_id, epoch, events, durable=durable)
        if self.after is not None and events[-1].seq >= self.after:
            raise zg.JournalError("the machine died")


def echo(request: zg.Request) -> str:
    return f"answer to {request.messages[-1].text}"


@dataclass
class World:
    """Agents that ask one another, at once and by tools, and what they do outside."""

    did: Counter[str] = field(default_factory=Counter)
    model: ScriptedProvider = field(
        default_factory=lambda: ScriptedProvider(echo, repeat=True)
    )

    def plugin(self) -> Offering:
        @zg.tool(effect="idempotent")
        async def review(ctx: zg.Context, what: str) -> str:
            """Have something reviewed."""
            self.did[what] += 1
            thought = await ctx.complete([zg.Message.user(f"think of {what}")])
            reply = await ctx.run_agent("critic", what)
            again = await ctx.run_agent("critic", what)
            return f"{thought.text}, {reply.output}, {again.output}"

        async def chief(ctx: zg.Context) -> zg.Reply:
            both = await ctx.run_agents(
                [
                    zg.AgentCall(agent="lead", prompt="left"),
                    zg.AgentCall(agent="faulty", prompt="middle"),
                    zg.AgentCall(agent="lead", prompt="right"),
                ]
            )
            seen = await ctx.call_tool("review", {"what": "all"})
            last = await ctx.run_agent("critic", "all")
            said = [r.reply.output if r.reply else str(r.error) for r in both]
            return zg.Reply(output=[*said, seen.text, last.output])

        async def lead(ctx: zg.Context) -> zg.Reply:
            path = await ctx.write_artifact(f"{ctx.prompt}.md", "begun")
            await ctx.call_tool("review", {"what": ctx.prompt})
            reply = await ctx.run_agent("critic", ctx.prompt)
            return zg.Reply(output=reply.output, artifacts=(path,))

        async def faulty(ctx: zg.Context) -> zg.Reply:
            await ctx.complete([zg.Message.user("before it fails")])
            raise zg.GuardrailError("it never works", "leave it", subject="reply")

        return Offering(review, chief=chief, lead=lead, faulty=faulty, critic=critic)

    @asynccontextmanager
    async def engine(self, journal: zg.Journal) -> AsyncGenerator[zg.Engine, None]:
        async with zg.Engine.open(
            self.plugin(), self.model, journal=journal, discover=False
        ) as engine:
            yield engine


async def critic(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user(f"judge {ctx.prompt}")])
    return zg.Reply(output=answer.text)


def meaning(events: Sequence[zg.Event]) -> object:
    """Return what must not depend on where a run was cut."""
    state = fold(events)
    return (
        state.status,
        state.output,
        state.usage,
        sorted(state.artifacts),
        {
            path: (part.agent, part.status, part.output, {*part.artifacts}, part.usage)
            for step in state.steps.values()
            for path, part in {step.name: step, **step.parts}.items()
        },
    )


async def test_cut_anywhere_it_ends_the_same_and_repeats_nothing_recorded() -> None:
    uncut, journal = World(), zg.MemoryJournal()
    async with uncut.engine(journal) as engine:
        await engine.run(flow("chief"), "x", options=OPTIONS, run_id="r1")
    events = await journal.read("r1")

    for cut in range(2, len(events)):
        world, dying = World(), Cut()
        async with world.engine(dying) as engine:
            await engine.accept(flow("chief"), "x", options=OPTIONS, run_id="r1")
            dying.after = cut
            with pytest.raises(zg.JournalError, match="died"):
                await engine.resume("r1")
            dying.after = None
            recorded = await dying.read("r1")
            asked = len(world.model.requests)
            await engine.resume("r1")

        answers = sum(isinstance(e, zg.ModelAnswered) for e in recorded)
        assert meaning(await dying.read("r1")) == meaning(events)
        assert len(world.model.requests) - asked == len(uncut.model.requests) - answers
        done = sum(isinstance(e, zg.ToolFinished) for e in recorded)
        assert world.did.total() <= 3 + (3 - done)


async def test_what_is_recorded_of_a_finished_agent_is_given_without_running_it() -> (
    None
):
    ran: list[str] = []

    async def once(ctx: zg.Context) -> zg.Reply:
        ran.append(ctx.prompt)
        return zg.Reply(output=f"{ctx.prompt} done", artifacts=("a.txt",))

    broken = [True]

    async def boss(ctx: zg.Context) -> zg.Reply:
        reply = await ctx.run_agent("once", "it")
        if broken.pop():
            raise ValueError("after it")
        return zg.Reply(output=[reply.output, *reply.artifacts])

    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(boss=boss, once=once), journal=journal, discover=False
    ) as engine:
        with pytest.raises(zg.RunError, match="after it"):
            await engine.run(flow("boss"), "x", run_id="r1")
        broken[:] = [False]
        result = await engine.resume("r1")

    assert ran == ["it"]
    assert result.output == ["it done", "a.txt"]


class Moody(zg.ProviderError):
    """A kind of error that no other process knows."""


async def test_an_error_that_only_its_plugin_knows_is_seen_again_as_what_it_is() -> (
    None
):
    handled: list[str] = []
    broken = [True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        try:
            await ctx.complete([zg.Message.user("x")])
        except zg.ProviderRequestError as error:
            handled.append(error.cause)
        if broken.pop():
            raise ValueError("after it")
        return zg.Reply(output="done")

    class Refusal(zg.ProviderRequestError):
        """A kind of error that no other process knows."""

    model = ScriptedProvider(Refusal("no"), repeat=True)
    async with zg.Engine.open(
        Offering(a=agent), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError, match="after it"):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        broken[:] = [False]
        await engine.resume("r1")

    assert handled == ["no", "no"]
    assert len(model.requests) == 1


@pytest.mark.parametrize("kind", [zg.RunError, zg.LimitError, zg.ProviderError, Moody])
async def test_a_failure_is_the_same_again_unless_the_step_failed_with_it(
    kind: type[zg.ZeroGravityError],
) -> None:
    tries: Counter[str] = Counter()
    faulty = {"handled", "fatal"}

    async def worker(ctx: zg.Context) -> zg.Reply:
        tries[ctx.prompt] += 1
        if ctx.prompt in faulty:
            raise kind(f"no {ctx.prompt}", "none", step="s")
        return zg.Reply(output=f"{ctx.prompt} done")

    async def boss(ctx: zg.Context) -> zg.Reply:
        seen = []
        try:
            await ctx.run_agent("worker", "handled")
        except zg.ZeroGravityError as error:
            seen += [error.cause, error.remedy, type(error).__name__]
        fatal = await ctx.run_agent("worker", "fatal")
        return zg.Reply(output=[*seen, fatal.output])

    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(boss=boss, worker=worker), journal=journal, discover=False
    ) as engine:
        with pytest.raises(zg.RunError, match="no fatal"):
            await engine.run(flow("boss"), "x", run_id="r1")
        faulty.clear()
        result = await engine.resume("r1")

    known = kind.__name__ if hasattr(zg, kind.__name__) else "ProviderError"
    assert result.output == ["no handled", "none", known, "fatal done"]
    assert tries == {"handled": 1, "fatal": 2}


async def test_what_the_agent_itself_failed_with_is_tried_again_with_it() -> None:
    model = ScriptedProvider(
        "first", zg.ProviderRequestError("too odd"), "second", repeat=True
    )

    async def worker(ctx: zg.Context) -> zg.Reply:
        one = await ctx.complete([zg.Message.user("one")])
        two = await ctx.complete([zg.Message.user("two")])
        return zg.Reply(output=[one.text, two.text])

    async def boss(ctx: zg.Context) -> zg.Reply:
        return await ctx.run_agent("worker", "both")

    journal = zg.MemoryJournal()
    async with zg.Engine.open(
        Offering(boss=boss, worker=worker), model, journal=journal, discover=False
    ) as engine:
        with pytest.raises(zg.ProviderRequestError, match="too odd"):
            await engine.run(flow("boss"), "x", options=OPTIONS, run_id="r1")
        result = await engine.resume("r1")

    assert result.output == ["first", "second"]
    assert len(model.requests) == 3


async def test_a_changed_agent_is_refused_whatever_its_asker_makes_of_it() -> None:
    questions = ["first", "second"]

    async def worker(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user(questions.pop(0))])
        if questions:
            raise SystemExit("cut here")
        return zg.Reply(output=None)

    async def boss(ctx: zg.Context) -> zg.Reply:
        (result,) = await ctx.run_agents([zg.AgentCall(agent="worker", prompt="x")])
        return zg.Reply(output=result.reply is None)

    dying = Cut()
    async with zg.Engine.open(
        Offering(boss=boss, worker=worker),
        ScriptedProvider("x", repeat=True),
        journal=dying,
        discover=False,
    ) as engine:
        await engine.accept(flow("boss"), "x", options=OPTIONS, run_id="r1")
        dying.after = 6  # the answer is on disk, the failure is not
        with pytest.raises(zg.JournalError, match="died"):
            await engine.resume("r1")
        dying.after = None
        with pytest.raises(zg.ReplayMismatchError, match="no longer makes"):
            await engine.resume("r1")


async def test_a_question_that_is_no_longer_asked_is_named() -> None:
    prompts = ["first", "second"]

    async def boss(ctx: zg.Context) -> zg.Reply:
        await ctx.run_agent("critic", prompts.pop(0))
        if prompts:
            raise ValueError("cut here")
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(boss=boss, critic=critic),
        ScriptedProvider("x", repeat=True),
        journal=zg.MemoryJournal(),
        discover=False,
    ) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("boss"), "x", options=OPTIONS, run_id="r1")
        with pytest.raises(zg.ReplayMismatchError) as refused:
            await engine.resume("r1")

    assert "the question to agent offering:critic 'first'" in refused.value.cause
    assert "instead it makes the question to agent" in refused.value.cause


@given(seed=st.integers(0, 2**32), count=st.integers(2, 14), cut=st.integers(3, 60))
@settings(max_examples=30, deadline=None)
async def test_parallel_agents_are_told_apart_in_whatever_order_they_finish(
    seed: int, count: int, cut: int
) -> None:
    """Equal questions too: each answer is given to one of those who asked it."""
    dice = random.Random(seed)
    prompts = [f"part {dice.randrange(4)}" for _ in range(count)]

    async def worker(ctx: zg.Context) -> zg.Reply:
        for _ in range(dice.randrange(4)):
            await anyio.lowlevel.checkpoint()
        reply = await ctx.complete([zg.Message.user(ctx.prompt)])
        for _ in range(dice.randrange(4)):
            await anyio.lowlevel.checkpoint()
        return zg.Reply(output=reply.text)

    async def boss(ctx: zg.Context) -> zg.Reply:
        wanted = [zg.AgentCall(agent="worker", prompt=prompt) for prompt in prompts]
        return zg.Reply(
            output=[r.reply and r.reply.output for r in await ctx.run_agents(wanted)]
        )

    model, journal = ScriptedProvider(echo, repeat=True), Cut()
    async with zg.Engine.open(
        Offering(boss=boss, worker=worker), model, journal=journal, discover=False
    ) as engine:
        await engine.accept(flow("boss"), "x", options=OPTIONS, run_id="r1")
        journal.after = cut
        try:
            await engine.resume("r1")
        except zg.JournalError:
            journal.after = None
        recorded = await journal.read("r1")
        asked = len(model.requests)
        result = await engine.resume("r1")

    answers = sum(isinstance(event, zg.ModelAnswered) for event in recorded)
    started = [e for e in await journal.read("r1") if isinstance(e, zg.StepStarted)]
    assert result.output == [f"answer to {prompt}" for prompt in prompts]
    assert len(model.requests) - asked == count - answers
    assert len({e.step for e in started}) == 1 + count
    assert len({e.call_key for e in started}) == 1 + count


async def test_a_step_that_is_set_back_asks_anew() -> None:
    uncut, journal = World(), zg.MemoryJournal()
    async with uncut.engine(journal) as engine:
        await engine.run(flow("chief"), "x", options=OPTIONS, run_id="r1")
    events = await journal.read("r1")
    keys = {e.call_key: e.step for e in events if isinstance(e, zg.StepFinished)}
    assert all(
        Recorded(events).known_place(key) == path for key, path in keys.items() if key
    )

    set_back = zg.RunRewound(step="chief", steps=("chief",))
    recorded = Recorded([*events, set_back])

    assert not any(recorded.known_place(key) for key in keys)
    assert not any(
        recorded.outcome(event.call_key)
        for event in events
        if isinstance(event, zg.ModelAnswered | zg.ToolFinished)
    )
