"""Laws of whole workflows: whatever their steps, the order they end in, and faults.

Runs are done by the real engine. What an agent says depends on nothing but what it is
asked and where; how long it takes is drawn, as a number of turns of the event loop.
One file, since all laws are of the same drawn workflows.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
from hypothesis import given, settings
from hypothesis import strategies as st
from offering import Offering

import zg_core as zg
from zg_core._expressions import evaluate, is_true
from zg_core._machine import RunState, advance, fold, outcome, ready
from zg_core._memory_journal import MemoryJournal
from zg_core._step_paths import base, item, round_of
from zg_core._workflow_graph import loops
from zg_core.testing import ScriptedProvider

few = settings(max_examples=20, deadline=None)
OPTIONS = zg.RunOptions(model="scripted:any")
ENDS = zg.StepFinished | zg.StepDegraded | zg.StepSkipped


# -- Random workflows ----------------------------------------------------------------


@st.composite
def workflows(draw: st.DrawFn) -> zg.Workflow:
    """Steps that need any before them, are left out, repeated, and done for lists."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 6)))]
    steps: list[zg.Step] = []
    for place, name in enumerate(names):
        needs = draw(st.sets(st.sampled_from(names[:place]))) if place else set()
        options: dict[str, Any] = {}
        if needs and draw(st.booleans()):
            options["when"] = f"{draw(st.sampled_from(sorted(needs)))}.ok"
        if draw(st.integers(0, 2)) == 0:
            source = draw(st.sampled_from([*sorted(needs), "objective"]))
            options["for_each"] = f"{source}.items || `[7, 8, 9]`"
            options["parallel"] = draw(st.integers(1, 3))
        on_error = draw(st.sampled_from(["fail", "skip", "fallback"]))
        step = zg.Step(
            name, agent="a", needs=tuple(sorted(needs)), on_error=on_error, **options
        )
        steps.append(step)
    for end in draw(st.sets(st.sampled_from(names), max_size=2)):
        steps = _with_loop(steps, end, draw(st.integers(0, 3)))
    return zg.Workflow("w", tuple(draw(st.permutations(steps))))


def _with_loop(steps: list[zg.Step], end: str, back: int) -> list[zg.Step]:
    """Repeat a step, from one before it on, if its loop crosses no other."""
    needs = {step.name: step.needs for step in steps}
    first = end
    for _ in range(back):
        first = needs[first][back % len(needs[first])] if needs[first] else first
    repeat = zg.Repeat(until="output.ok", back_to=first, rounds=2 + back % 2)
    tried = [replace(s, repeat=repeat) if s.name == end else s for s in steps]
    within = loops(tried)[end]
    moved = [
        s
        if s.name in within
        else replace(
            s, needs=_moved(s.needs, within, end), when="", for_each="", parallel=10
        )
        if within & {*s.needs}
        else s
        for s in tried
    ]
    try:
        return list(zg.Workflow("w", tuple(moved)).steps)
    except zg.WorkflowError:
        return steps


def _moved(needs: Iterable[str], within: frozenset[str], end: str) -> tuple[str, ...]:
    """Need the end of a loop, instead of another step of it or as well."""
    stay = {need for need in needs if need not in within or need == min(within)}
    return tuple(sorted({*stay, end}))


# -- Played --------------------------------------------------------------------------


@dataclass
class Play:
    """Does a workflow: what happens is drawn by *seed*, in which order by *order*.

    Attributes:
        asked: How often a model was asked, by path.
        now: How many items of each step are under way.
        most: How many of each were at once.
    """

    workflow: zg.Workflow
    seed: int
    order: int
    asked: Counter[str] = field(default_factory=Counter)
    failed: set[str] = field(default_factory=set)
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    async def agent(self, ctx: zg.Context) -> zg.Reply:
        name = base(ctx.step)
        self.now[name] += 1
        self.most[name] = max(self.most[name], self.now[name])
        try:
            return await self._work(ctx)
        finally:
            self.now[name] -= 1

    async def _work(self, ctx: zg.Context) -> zg.Reply:
        await self._wait(f"{ctx.step} before")
        answer = await ctx.complete([zg.Message.user(f"{ctx.step}|{ctx.prompt}")])
        await self._wait(f"{ctx.step} after")
        self._break(ctx.step)
        chance = Random(f"{self.seed} {ctx.step}")
        saw = hashlib.sha256(answer.text.encode()).hexdigest()[:8]
        items = list(range(chance.randint(0, 3)))
        return zg.Reply(
            output={"ok": chance.random() < 0.6, "items": items, "saw": saw}
        )

    async def _wait(self, what: str) -> None:
        for _ in range(Random(f"{self.order} {what}").randint(0, 12)):
            await anyio.lowlevel.checkpoint()

    def _break(self, path: str) -> None:
        """Fail: for good where the run goes on without it, else the first time."""
        if Random(f"{self.seed} fault {path}").random() > 0.25:
            return
        if self.workflow.step(base(path)).on_error == "fail":
            if path in self.failed:
                return
            self.failed.add(path)
        raise zg.RunError(f"{path} broke", "try again")

    def answer(self, request: zg.Request) -> str:
        text = request.messages[-1].text
        self.asked[text.partition("|")[0]] += 1
        return text

    async def run(self, events: Sequence[zg.Event] = ()) -> list[zg.Event]:
        """Do a run, or what is left of one, to its end; return its events."""
        journal = MemoryJournal()
        model = ScriptedProvider(self.answer, repeat=True)
        with tempfile.TemporaryDirectory() as folder:
            async with zg.Engine.open(
                Offering(a=self.agent),
                model,
                journal=journal,
                discover=False,
                config=zg.Config(out=str(Path(folder))),
            ) as engine:
                if events:
                    await _copied(journal, events)
                else:
                    await engine.accept(self.workflow, "x", run_id="r", options=OPTIONS)
                for _ in range(200):
                    try:
                        await engine.resume("r")
                    except zg.RunError:
                        continue
                    return list(await journal.read("r"))
        raise AssertionError("it comes to no end")

    def play(self, events: Sequence[zg.Event] = ()) -> list[zg.Event]:
        return anyio.run(self.run, events)


async def _copied(journal: MemoryJournal, events: Sequence[zg.Event]) -> None:
    first, *rest = events
    assert isinstance(first, zg.RunAccepted)
    await journal.create(first)
    epoch = await journal.claim("r")
    for event in rest:
        await journal.append("r", epoch, (event,), durable=True)
    await journal.release("r", epoch)


def meaning(state: RunState) -> object:
    """Return what a run came to, without times, attempts, and what it took."""
    return (
        state.status,
        state.output,
        {
            name: (s.status, s.round, s.items, s.output, _parts(s.parts), _cause(s))
            for name, s in state.steps.items()
        },
    )


def _parts(parts: Any) -> object:
    return {path: (p.status, p.output, _cause(p)) for path, p in parts.items()}


def _cause(step: Any) -> str:
    return step.error.cause if step.error else ""


SEEDS = st.integers(0, 2**32)


# -- Laws ----------------------------------------------------------------------------


@few
@given(workflows(), SEEDS, SEEDS)
def test_each_step_round_and_item_ends_once_and_after_its_needs(
    workflow: zg.Workflow, seed: int, order: int
) -> None:
    play = Play(workflow, seed, order)
    events = play.play()

    ended: set[str] = set()
    rounds: Counter[str] = Counter()
    for event in events:
        if isinstance(event, zg.StepStarted) and "[" not in event.step:
            for need in workflow.step(base(event.step)).needs:
                assert round_of(need, 1 + rounds[need]) in ended
        if isinstance(event, ENDS):
            assert event.step not in ended
            ended.add(event.step)
        if isinstance(event, zg.StepFinished):
            rounds.update(event.again)

    state = fold(events)
    for step in workflow.steps:
        assert state.steps[step.name].path in ended
        for index, _ in enumerate(state.steps[step.name].items or ()):
            assert item(state.steps[step.name].path, index) in ended


@few
@given(workflows(), SEEDS, SEEDS)
def test_no_step_does_anything_after_its_run_ended(
    workflow: zg.Workflow, seed: int, order: int
) -> None:
    over = False
    for event in Play(workflow, seed, order).play():
        if isinstance(event, zg.RunResumed | zg.RunStarted):
            over = False
        assert not over
        over = isinstance(event, zg.RunFinished | zg.RunFailed)

    assert over


@few
@given(workflows(), SEEDS, SEEDS)
def test_no_more_items_are_under_way_than_may_be(
    workflow: zg.Workflow, seed: int, order: int
) -> None:
    play = Play(workflow, seed, order)
    play.play()

    for step in workflow.steps:
        most = step.parallel if step.for_each else 1
        assert play.most[step.name] <= most


@few
@given(workflows(), SEEDS, SEEDS, SEEDS)
def test_the_result_does_not_depend_on_the_order_in_which_steps_end(
    workflow: zg.Workflow, seed: int, one: int, other: int
) -> None:
    first, second = (fold(Play(workflow, seed, order).play()) for order in (one, other))

    assert meaning(first) == meaning(second)


@few
@given(workflows(), SEEDS, SEEDS)
def test_a_loop_goes_on_while_its_result_is_not_good_and_there_are_rounds(
    workflow: zg.Workflow, seed: int, order: int
) -> None:
    state = fold(Play(workflow, seed, order).play())

    for end, within in loops(workflow.steps).items():
        last = state.steps[end]
        repeat = workflow.step(end).repeat
        assert repeat is not None
        assert {state.steps[name].round for name in within} == {last.round}
        assert last.round <= repeat.rounds
        if last.status == "finished":
            assert is_true(evaluate(repeat.until, {"output": last.output}, "it"))
        elif last.status == "degraded" and last.error.type == "LimitError":
            assert last.round == repeat.rounds
            assert not is_true(evaluate(repeat.until, {"output": last.output}, "it"))


@few
@given(workflows(), SEEDS, SEEDS, st.data())
def test_a_run_cut_anywhere_and_resumed_ends_the_same_and_repeats_nothing(
    workflow: zg.Workflow, seed: int, order: int, data: st.DataObject
) -> None:
    whole = Play(workflow, seed, order).play()
    cut = data.draw(st.integers(1, len(whole) - 1))

    again = Play(workflow, seed, data.draw(SEEDS))
    again.failed |= {e.step for e in whole[:cut] if isinstance(e, zg.StepFailed)}
    resumed = again.play(whole[:cut])

    assert meaning(fold(resumed)) == meaning(fold(whole))
    answered = {e.step for e in whole[:cut] if isinstance(e, zg.ModelAnswered)}
    assert not answered & again.asked.keys()
    assert all(count == 1 for count in again.asked.values())


@few
@given(workflows(), SEEDS, SEEDS)
def test_every_beginning_of_it_is_a_state(
    workflow: zg.Workflow, seed: int, order: int
) -> None:
    events = Play(workflow, seed, order).play()

    for length in range(1, len(events) + 1):
        assert fold(events[:length]).seq == length


# -- The machine alone ----------------------------------------------------------------


def begun(workflow: zg.Workflow) -> list[zg.Event]:
    agents = {step.name: "p:a" for step in workflow.steps}
    return [
        zg.RunAccepted(seq=1, objective="x", workflow=workflow),
        zg.RunStarted(
            seq=2, model="m", model_reason="", agents=agents, core="", api=1, python=""
        ),
    ]


def machine(
    workflow: zg.Workflow, seed: int, draw: Any, events: list[zg.Event]
) -> list[zg.Event]:
    """Begin what is ready and end what runs, in any order, until nothing is left."""
    state = fold(events)
    while True:
        running = [s.path for s in state.steps.values() if s.status == "running"]
        startable = [state.steps[step.name].path for step in ready(state)]
        if not running and not startable:
            break
        path = draw(st.sampled_from([*running, *startable]))
        event = (
            _ended(workflow, seed, path, state)
            if path in running
            else zg.StepStarted(step=path, agent="p:a")
        )
        event = replace(event, seq=state.seq + 1)
        state = advance(state, event)
        events.append(event)
    finished = outcome(state)
    assert finished is not None
    return [*events, replace(finished, seq=state.seq + 1)]


def _ended(
    workflow: zg.Workflow, seed: int, path: str, state: RunState
) -> zg.StepFinished | zg.StepDegraded | zg.StepSkipped:
    """End a round as the seed has it; in a loop there may be another."""
    chance = Random(f"{seed} {path}")
    repeat = workflow.step(base(path)).repeat
    last = state.steps[base(path)].round
    if repeat is not None and last < repeat.rounds and chance.random() < 0.7:
        within = loops(workflow.steps)[base(path)]
        return zg.StepFinished(step=path, output=path, again=tuple(sorted(within)))
    fault = zg.ErrorInfo(type="RunError", cause=f"{path} broke")
    return chance.choice(
        [
            zg.StepFinished(step=path, output=path),
            zg.StepDegraded(step=path, output={}, error=fault),
            zg.StepSkipped(step=path, reason="", error=fault),
        ]
    )


@given(workflows(), SEEDS, st.data())
def test_the_machine_does_each_round_once_after_its_needs_in_any_order(
    workflow: zg.Workflow, seed: int, data: st.DataObject
) -> None:
    events = machine(workflow, seed, data.draw, begun(workflow))

    ended: list[str] = []
    rounds: Counter[str] = Counter()
    for event in events:
        if isinstance(event, zg.StepStarted):
            needs = workflow.step(base(event.step)).needs
            assert {round_of(need, 1 + rounds[need]) for need in needs} <= {*ended}
        if isinstance(event, ENDS):
            ended.append(event.step)
        if isinstance(event, zg.StepFinished):
            rounds.update(event.again)

    assert len(ended) == len({*ended}) == len(workflow.steps) + sum(rounds.values())
    assert ready(fold(events)) == ()


@given(workflows(), SEEDS, st.data())
def test_the_machine_ends_the_same_in_any_order_and_wherever_it_was_cut(
    workflow: zg.Workflow, seed: int, data: st.DataObject
) -> None:
    whole = machine(workflow, seed, data.draw, begun(workflow))
    cut = data.draw(st.integers(2, len(whole) - 1))

    resumed = [*whole[:cut], zg.RunResumed(seq=cut + 1, epoch=2)]
    resumed = machine(workflow, seed, data.draw, resumed)

    assert meaning(fold(resumed)) == meaning(fold(whole))
