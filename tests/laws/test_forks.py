"""Laws of forks and rewinds: whatever the workflow, and whatever step it is."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from offering import Offering

import zg_core as zg
from zg_core._machine import fold
from zg_core.running.undoing import dependents
from zg_core.testing import ScriptedProvider

few = settings(max_examples=12, deadline=None)
OPTIONS = zg.RunOptions(model="scripted:any")


@st.composite
def workflows(draw: st.DrawFn) -> zg.Workflow:
    """Steps that need any of those before them."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 5)))]
    steps = []
    for i, name in enumerate(names):
        needs = draw(st.sets(st.sampled_from(names[:i]))) if i else set()
        steps.append(zg.Step(name, agent="twice", needs=tuple(sorted(needs))))
    return zg.Workflow("w", tuple(draw(st.permutations(steps))))


async def twice(ctx: zg.Context) -> zg.Reply:
    """Ask twice, the second time about the first answer, and write that down."""
    first = await ctx.complete([zg.Message.user(f"{ctx.step}? {ctx.prompt}")])
    second = await ctx.complete([zg.Message.user(f"{ctx.step}! {first.text}")])
    await ctx.write_artifact(f"{ctx.step}.txt", second.text)
    return zg.Reply(output=second.text, artifacts=(f"{ctx.step}.txt",))


class Play:
    """An engine whose model always answers the same to the same, and is counted."""

    def __init__(self, out: Path) -> None:
        self.asked: Counter[str] = Counter()
        self.out = out
        self.model = ScriptedProvider(self._answer, repeat=True)
        self.opened = zg.Engine.open(
            Offering(twice=twice),
            self.model,
            journal="memory",
            discover=(),
            config=zg.Config(out=str(out)),
        )

    def _answer(self, request: zg.Request) -> str:
        text = request.messages[-1].text
        self.asked[text.partition("?")[0].partition("!")[0]] += 1
        return f"<{hashlib.sha256(text.encode()).hexdigest()[:8]}>"

    def files(self, run_id: str) -> dict[str, str]:
        folder = self.out / run_id
        return {path.name: path.read_text() for path in folder.iterdir()}


def outputs(result: zg.RunResult) -> dict[str, object]:
    return {step.step: step.output for step in result.history}


@few
@given(workflow=workflows(), data=st.data())
def test_a_fork_without_a_change_gives_the_same_and_asks_for_its_step_and_on_alone(
    workflow: zg.Workflow, data: st.DataObject
) -> None:
    step = data.draw(st.sampled_from([s.name for s in workflow.steps]))

    async def work(out: Path) -> None:
        play = Play(out)
        async with play.opened as engine:
            first = await engine.run(workflow, "x", options=OPTIONS, run_id="first")
            play.asked.clear()
            before = await engine.journal.read("first")
            forked = await engine.fork("first", step, new_id="fork")
            result = await engine.resume(forked)

            assert await engine.journal.read("first") == before
        again = dependents(workflow, step)
        assert play.asked == dict.fromkeys(again, 2)
        assert result.output == first.output
        assert outputs(result) == outputs(first)
        assert play.files("fork") == play.files("first")
        assert result.artifacts == first.artifacts
        assert result.usage.calls == 2 * len(again)
        assert result.replayed_calls == 2 * (len(workflow.steps) - len(again))
        assert result.cost_usd == 0

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(work, Path(folder))


@few
@given(workflow=workflows(), data=st.data())
def test_a_run_that_is_set_back_ends_the_same_and_all_it_spent_is_counted(
    workflow: zg.Workflow, data: st.DataObject
) -> None:
    step = data.draw(st.sampled_from([s.name for s in workflow.steps]))

    async def work(out: Path) -> None:
        play = Play(out)
        async with play.opened as engine:
            first = await engine.run(workflow, "x", options=OPTIONS, run_id="r")
            play.asked.clear()
            again = await engine.rewind("r", step)
            paused = await engine.result("r")
            result = await engine.resume("r")
        assert paused.status == "paused"
        assert paused.usage == first.usage
        assert set(again) == dependents(workflow, step)
        assert play.asked == dict.fromkeys(again, 2)
        assert result.status == "completed"
        assert outputs(result) == outputs(first)
        assert result.artifacts == first.artifacts
        assert result.usage.calls == first.usage.calls + 2 * len(again)

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(work, Path(folder))


@few
@given(workflow=workflows(), data=st.data())
def test_a_run_that_was_cut_off_can_be_forked_wherever_a_step_began(
    workflow: zg.Workflow, data: st.DataObject
) -> None:
    cut_share = data.draw(st.floats(0, 1))

    async def work(out: Path) -> None:
        play = Play(out)
        async with play.opened as engine:
            first = await engine.run(workflow, "x", options=OPTIONS, run_id="first")
            events = await engine.journal.read("first")
            cut = 2 + round(cut_share * (len(events) - 2))
            began = [e.step for e in events[:cut] if isinstance(e, zg.StepStarted)]
            if not began:
                return
            step = data.draw(st.sampled_from(began))
            accepted, *others = [replace(e, run_id="cut") for e in events[:cut]]
            assert isinstance(accepted, zg.RunAccepted)
            await engine.journal.create(accepted)
            epoch = await engine.journal.claim("cut")
            await engine.journal.append("cut", epoch, others)
            await engine.journal.release("cut", epoch)
            recorded = Counter(
                e.step for e in events[:cut] if isinstance(e, zg.ModelAnswered)
            )
            play.asked.clear()
            result = await engine.resume(await engine.fork("cut", step))
        again = dependents(workflow, step)
        for name in outputs(first):
            known = 0 if name in again else recorded[name]
            assert play.asked[name] == 2 - known
        assert outputs(result) == outputs(first)
        assert fold(events).output == result.output

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(work, Path(folder))
