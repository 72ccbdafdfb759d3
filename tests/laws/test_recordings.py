"""Recordings come back as they were written, and replay what was recorded."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from laws.strategies import KINDS, records
from offering import Offering

import zg_core as zg
from zg_core._secrets import Secrets
from zg_core.recordings import dump_recording, read_recording
from zg_core.running.recording import make_recording
from zg_core.testing import ScriptedProvider, call

_MOST = 3


@dataclass(frozen=True)
class Work:
    """What one step does: questions, tools, chance and files, in this order."""

    questions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    chance: bool = False
    file: str = ""
    needs: tuple[str, ...] = ()


@dataclass
class World:
    """Agents that do works, and what they reach outside of their journal."""

    works: dict[str, Work]
    called: list[str] = field(default_factory=list)
    chances: list[int] = field(default_factory=list)
    model: ScriptedProvider = field(
        default_factory=lambda: ScriptedProvider(_answer, repeat=True)
    )

    @property
    def workflow(self) -> zg.Workflow:
        return zg.Workflow(
            "random",
            tuple(zg.Step(n, agent=n, needs=w.needs) for n, w in self.works.items()),
        )

    def engine(self, journal: zg.MemoryJournal) -> Any:
        @zg.tool
        async def note(ctx: zg.Context, text: str) -> str:
            """Note something in a file."""
            self.called.append(text)
            return await ctx.write_artifact(f"{ctx.step}-{text}.txt", text)

        agents = {name: self._agent(work) for name, work in self.works.items()}
        return zg.Engine.open(
            Offering(note, **agents), self.model, journal=journal, discover=False
        )

    def _agent(self, work: Work) -> Callable[[zg.Context], Any]:
        async def run(ctx: zg.Context) -> zg.Reply:
            async def chance() -> int:
                self.chances.append(len(self.chances))
                return self.chances[-1]

            said: list[Any] = [dict(ctx.outputs)]
            if work.chance:
                said.append(await ctx.once("chance", chance))
            async with anyio.create_task_group() as tasks:
                for text in work.tools:
                    tasks.start_soon(ctx.call_tool, "note", {"text": text})
            for question in work.questions:
                asked = [zg.Message.user(f"{ctx.prompt} {question}")]
                said.append((await ctx.complete(asked, tools=["note"])).text)
            if work.file:
                await ctx.write_artifact(f"{ctx.step}/{work.file}", repr(said))
            # What tools wrote must be there for whoever comes later.
            said += [
                ctx.workspace.read(f"{ctx.step}-{t}.txt").decode() for t in work.tools
            ]
            return zg.Reply(output=said)

        return run


def _answer(request: zg.Request) -> Any:
    return f"answer to {request.messages[-1].text[-40:]}"


_WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=5)


@st.composite
def works(draw: st.DrawFn) -> dict[str, Work]:
    """Make up to four steps, each of which needs some of those before it."""
    found: dict[str, Work] = {}
    for number in range(draw(st.integers(1, 4))):
        found[f"step{number}"] = Work(
            questions=tuple(draw(st.lists(_WORDS, max_size=_MOST))),
            tools=tuple(draw(st.lists(_WORDS, max_size=_MOST, unique=True))),
            chance=draw(st.booleans()),
            file=draw(st.sampled_from(("", "report.md"))),
            needs=tuple(n for n in found if draw(st.booleans())),
        )
    return found


async def recorded(world: World) -> tuple[zg.RunResult, zg.Recording]:
    journal = zg.MemoryJournal()
    async with world.engine(journal) as engine:
        result = await engine.run(
            world.workflow, "do it", options=zg.RunOptions(model="scripted:any")
        )
        events = await journal.read(result.run_id)
        recording, missing = await make_recording(
            events, config=engine.config, host=engine.host, secrets=Secrets()
        )
    assert not missing
    return result, recording


def meaning(result: zg.RunResult) -> object:
    """Return what a replay has in common with what it replays."""
    return (
        result.status,
        result.output,
        [(s.step, s.agent, s.status, s.output, s.artifacts) for s in result.history],
        result.artifacts,
    )


@pytest.mark.usefixtures("clean_environment")
@given(works())
@settings(max_examples=15)
def test_a_replay_gives_the_same_and_reaches_nothing(made: dict[str, Work]) -> None:
    async def both() -> None:
        result, recording = await recorded(World(made))
        text = "".join(dump_recording(recording)).encode()
        again = read_recording(text, "run.zgrun")
        assert again == recording

        world = World(made)
        async with world.engine(zg.MemoryJournal()) as engine:
            replayed = await engine.run(again.workflow, again.objective, replay=again)

        assert meaning(replayed) == meaning(result)
        assert (world.model.requests, world.called, world.chances) == ([], [], [])
        assert replayed.replayed_calls == result.usage.calls
        assert replayed.usage == zg.Usage()

    anyio.run(both)


@pytest.mark.usefixtures("clean_environment")
@given(works().filter(lambda made: any(w.questions for w in made.values())), st.data())
@settings(max_examples=15)
def test_a_changed_request_is_named_at_the_first_call_that_differs(
    made: dict[str, Work], data: st.DataObject
) -> None:
    step = data.draw(st.sampled_from([n for n, w in made.items() if w.questions]))
    questions = list(made[step].questions)
    place = data.draw(st.integers(0, len(questions) - 1))
    questions[place] = "SOMETHING ELSE"
    changed = {**made, step: replace(made[step], questions=tuple(questions))}

    async def both() -> None:
        _, recording = await recorded(World(made))
        world = World(changed)
        async with world.engine(zg.MemoryJournal()) as engine:
            with pytest.raises(zg.ReplayMismatchError) as caught:
                await engine.run(recording.workflow, "do it", replay=recording)

        details = caught.value.details
        assert (details["step"], details["call"]) == (step, place + 1)
        assert f" {made[step].questions[place]}" in details["diff"]
        assert "SOMETHING ELSE" in details["diff"]
        assert world.model.requests == []

    anyio.run(both)


BEYOND = zg.ModelAnswered(
    step="a",
    call_key="k",
    model="p:m",
    response=zg.Response(message=zg.Message.assistant("dear")),
    cost_usd=1e300,
    duration_seconds=1e305,
)


@given(st.lists(st.sampled_from(KINDS).flatmap(records), max_size=4))
@example([BEYOND])
@settings(max_examples=40, deadline=None)
def test_events_come_back_as_they_were_written(events: list[zg.Event]) -> None:
    workflow = zg.Workflow("w", (zg.Step("a", agent="b"),))
    first = zg.RunAccepted(seq=1, at="t", run_id="r", objective="o", workflow=workflow)
    rest = [
        replace(event, seq=seq, at="t", run_id="r")
        for seq, event in enumerate(events, 2)
    ]
    recording = zg.Recording(events=(first, *rest), core="1")

    text = "".join(dump_recording(recording)).encode()

    assert read_recording(text, "x").events == recording.events


def test_a_model_that_wants_tools_is_replayed_with_its_wishes() -> None:
    async def wishing(ctx: zg.Context) -> zg.Reply:
        asked = [zg.Message.user(ctx.prompt)]
        wish = (await ctx.complete(asked, tools=["add"])).message.tool_calls[0]
        result = await ctx.call_tool(wish.name, wish.arguments)
        return zg.Reply(output=result.output)

    sums: list[int] = []

    @zg.tool
    def add(a: int, b: int) -> int:
        """Add."""
        sums.append(a + b)
        return a + b

    async def both() -> None:
        journal = zg.MemoryJournal()
        model = ScriptedProvider(call("add", a=1, b=2))
        flow = zg.Workflow("w", (zg.Step("s", agent="wishing"),))
        async with zg.Engine.open(
            Offering(add, wishing=wishing), model, journal=journal, discover=False
        ) as engine:
            options = zg.RunOptions(model="scripted:any")
            result = await engine.run(flow, "add", options=options)
            recording = zg.Recording(events=tuple(await journal.read(result.run_id)))
            again = await engine.run(flow, "add", replay=recording)

        assert again.output == result.output == 3
        assert sums == [3]

    anyio.run(both)
