"""Runs that begin with a part of another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from echoing import SCRIPTED, echo, fail, opened, write
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core._machine import fold
from zg_core._memory_journal import MemoryJournal
from zg_core.testing import ScriptedProvider
from zg_core.testing.wire import WireServer

pytestmark = pytest.mark.anyio


def steps_of(events: Sequence[zg.Event], kind: type[zg.Event]) -> list[str]:
    return [str(getattr(e, "step", "")) for e in events if isinstance(e, kind)]


# -- Forks ---------------------------------------------------------------------------


async def test_a_fork_does_its_step_in_another_way_and_the_rest_after_it() -> None:
    plugin = Offering(a=write, b=write, c=write, loud=say("LOUD"))
    workflow = flow("a", "b", "c", b="a", c="b")
    async with opened(plugin, echo()) as engine:
        first = await engine.run(workflow, "x", options=SCRIPTED, run_id="r")
        asked = await engine.resume(await engine.fork("r", "b", prompt="anew: {a}"))
        model = await engine.resume(await engine.fork("r", "b", model="scripted:two"))
        agent = await engine.resume(await engine.fork("r", "b", agent="loud"))

    a, b, _ = (step.output for step in first.history)
    assert asked.history[0].output == a
    assert asked.history[1].output == f"any: anew: {a}"
    assert f"anew: {a}" in str(asked.output)
    assert model.history[1].output == str(b).replace("any:", "two:", 1)
    assert model.history[2].models == ("scripted:any",)
    assert str(agent.output) == "any: x\n\n## b\n\nLOUD"
    assert agent.history[1].agent == "offering:loud"


async def test_a_fork_says_where_it_comes_from_and_begins_with_nothing_spent() -> None:
    async with opened(Offering(a=write, b=write), echo()) as engine:
        options = replace(SCRIPTED, limits=zg.Limits(calls=2))
        await engine.run(flow("a", "b", b="a"), "x", options=options, run_id="r")
        forked = await engine.fork("r", "b", new_id="f")
        at_first = await engine.result("f")
        result = await engine.resume("f")
        events = await engine.journal.read("f")

    assert forked == "f"
    assert at_first.status == "running"
    assert (at_first.usage, at_first.replayed_calls) == (zg.Usage(), 1)
    assert at_first.limits == zg.Limits(calls=2)
    assert result.forked_from == "r"
    assert result.document()["forked_from"] == "r"
    assert (result.usage.calls, result.history[0].usage.calls) == (1, 0)
    assert steps_of(events, zg.ModelCalled) == ["b"]
    assert len({event.at for event in events[:5]}) == 1
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.run_id for event in events} == {"f"}


async def test_only_the_calls_of_a_step_and_what_depends_on_it_reach_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-of-no-worth")
    workflow = flow("a", "b", "c", "d", b="a", c="a", d="b c")
    plugin = Offering(a=ask(), b=ask(), c=ask(), d=ask())
    options = zg.RunOptions(model="openai:gpt-test")
    async with WireServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        async with zg.Engine.open(plugin, journal="memory") as engine:
            first = await engine.run(workflow, "x", options=options, run_id="r")
            asked = len(server.requests)
            forked = await engine.resume(await engine.fork("r", "c"))
            of_fork = len(server.requests) - asked
            await engine.rewind("r", "c")
            rewound = await engine.resume("r")

        assert (asked, of_fork, len(server.requests)) == (4, 2, 8)
    assert forked.output == first.output == rewound.output


@pytest.mark.parametrize("on_error", ["fail", "skip", "fallback"])
async def test_a_run_is_forked_however_it_ended(on_error: zg.OnError) -> None:
    first, second, third = flow("a", "b", "c", b="a", c="b").steps
    workflow = zg.Workflow("w", (first, replace(second, on_error=on_error), third))
    plugin = Offering(a=write, b=fail, c=write, good=write)
    async with opened(plugin, echo()) as engine:
        await engine.accept(workflow, "x", options=SCRIPTED, run_id="r")
        try:
            await engine.resume("r")
        except zg.RunError:
            assert on_error == "fail"
        result = await engine.resume(await engine.fork("r", "b", agent="good"))

    assert result.status == "completed"
    assert result.replayed_calls == 1


async def test_a_cancelled_run_is_forked_with_what_its_other_steps_recorded() -> None:
    hanging = anyio.Event()

    async def one_then_none(ctx: zg.Context) -> zg.Reply:
        said = await ctx.complete([zg.Message.user("first")])
        if not hanging.is_set():
            hanging.set()
            await anyio.sleep_forever()
        return zg.Reply(output=said.text)

    model = echo()
    plugin = Offering(a=one_then_none, b=write, c=say("c"))
    async with opened(plugin, model) as engine:
        await engine.accept(flow("a", "b", "c", c="a b"), "x", options=SCRIPTED)
        run_id = (await engine.journal.list())[0].run_id
        async with anyio.create_task_group() as tasks:

            async def do() -> None:
                with pytest.raises(zg.RunCancelledError):
                    await engine.resume(run_id)

            tasks.start_soon(do)
            await hanging.wait()
            await anyio.wait_all_tasks_blocked()
            await engine.cancel(run_id)
        before = len(model.requests)
        result = await engine.resume(await engine.fork(run_id, "b"))

    assert result.status == "completed"
    assert result.history[0].output == "any: first"
    assert len(model.requests) == before + 1, "a's one call is recorded"


async def test_the_agents_that_were_chosen_are_those_of_a_fork() -> None:
    class Sure:
        async def classify(self, text: str) -> zg.Label:
            return zg.Label("technical", 0.9, "since I say so")

    chosen = {"technical": ("a", "c"), "general": ("a", "b", "c")}
    plugin = Offering(
        a=write,
        b=write,
        c=write,
        other=say("other"),
        classifiers={"sure": Sure()},
    )
    workflow = replace(flow("a", "b", "c", b="a", c="a b"), routed=True)
    settings = {"classifier": "sure", "routes": chosen}
    async with opened(plugin, echo(), **settings) as engine:
        first = await engine.run(workflow, "x", options=SCRIPTED, run_id="r")
        result = await engine.resume(await engine.fork("r", "c", agent="other"))
        events = await engine.journal.read(result.run_id)
        with pytest.raises(zg.InputError, match="step 'b' of run 'r' has not begun"):
            await engine.fork("r", "b")

    assert [s.step for s in first.history if s.status == "finished"] == ["a", "c"]
    assert [s.agent for s in result.history] == ["offering:a", "offering:other"]
    assert result.output == "other"
    assert result.route is not None
    assert result.route.reason == "since I say so"
    assert len(steps_of(events, zg.RouteChosen)) == 1


async def test_a_fork_has_the_files_of_what_it_copies_and_no_others() -> None:
    async def read(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=ctx.workspace.list())

    async def read_given(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=ctx.workspace.read("inputs/notes").decode())

    plugin = Offering(a=write, b=write, c=read, d=read_given)
    workflow = flow("a", "b", "c", "d", b="a", c="a", d="c")
    async with opened(plugin, echo()) as engine:
        await engine.run(
            workflow, "x", options=SCRIPTED, run_id="r", files={"notes": b"of mine"}
        )
        forked = await engine.fork("r", "b", out="mine")
        there = sorted(p.name for p in Path("mine").rglob("*") if p.is_file())
        result = await engine.resume(forked)

    assert there == ["a.txt", "notes"]
    assert [artifact.path for artifact in result.artifacts] == ["a.txt", "b.txt"]
    assert result.history[3].output == "of mine"
    assert result.out == str(Path("mine").absolute())


@pytest.mark.parametrize("changed", [b"something else", None])
async def test_a_file_that_is_not_as_it_was_refuses_a_fork(
    changed: bytes | None,
) -> None:
    async with opened(Offering(a=write, b=write), echo()) as engine:
        result = await engine.run(
            flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r"
        )
        file = Path(result.out, "a.txt")
        file.unlink() if changed is None else file.write_bytes(changed)
        with pytest.raises(
            zg.InputError, match=r"the file 'a.txt' of run 'r'"
        ) as error:
            await engine.fork("r", "b", new_id="f", out="f")
        runs = await engine.journal.list()
        await engine.resume(await engine.fork("r", "a"))

    assert error.value.remedy.startswith("fork from step 'a', which wrote it")
    assert [run.run_id for run in runs] == ["r"]
    assert not Path("f").exists()


async def test_a_file_that_the_step_wrote_over_refuses_a_fork_from_it() -> None:
    async def over(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("a.txt", "mine now")
        return zg.Reply(output="b")

    async with opened(Offering(a=write, b=over), echo()) as engine:
        await engine.run(flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r")
        with pytest.raises(zg.InputError, match="is not as it was before step 'b'"):
            await engine.fork("r", "b")


async def test_a_changed_model_goes_before_the_one_of_the_whole_run() -> None:
    async with opened(Offering(a=ask(), b=ask()), echo()) as engine:
        steps = [replace(s, model="scripted:own") for s in flow("a", "b", b="a").steps]
        workflow = zg.Workflow("w", tuple(steps))
        await engine.run(workflow, "x", options=SCRIPTED, run_id="r")
        result = await engine.resume(await engine.fork("r", "a", model="scripted:new"))

    assert [s.models for s in result.history] == [("scripted:new",), ("scripted:any",)]


async def test_of_a_loop_the_first_round_of_what_went_before_is_copied() -> None:
    async def judge(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user(ctx.prompt)])
        return zg.Reply(output=ctx.step.endswith("@2"))

    plan, draft, verdict, end = flow(
        "plan", "draft", "judge", "end", draft="plan", judge="draft", end="judge"
    ).steps
    repeat = zg.Repeat(until="output", back_to="draft")
    workflow = zg.Workflow("w", (plan, draft, replace(verdict, repeat=repeat), end))
    plugin = Offering(plan=ask(), draft=ask(), judge=judge, end=ask())
    calls: dict[str, list[str]] = {}
    async with opened(plugin, echo()) as engine:
        first = await engine.run(workflow, "x", options=SCRIPTED, run_id="r")
        for step in ("draft", "judge", "end"):
            result = await engine.resume(await engine.fork("r", step))
            events = await engine.journal.read(result.run_id)
            calls[step] = steps_of(events, zg.ModelCalled)
            assert result.output == first.output
        back = await engine.rewind("r", "judge")
        again = await engine.resume("r")

    assert calls == {
        "draft": ["draft", "judge", "draft@2", "judge@2", "end"],
        "judge": ["judge", "draft@2", "judge@2", "end"],
        "end": ["end"],
    }
    assert back == ("draft", "judge", "end")
    assert again.output == first.output


async def test_what_was_taken_back_is_not_copied() -> None:
    answers = iter(["one", "two", "three", "four"])
    model = ScriptedProvider(lambda _: next(answers), repeat=True)
    async with opened(Offering(a=ask(), b=ask()), model) as engine:
        await engine.run(flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r")
        await engine.rewind("r", "a")
        await engine.resume("r")
        forked = await engine.fork("r", "b")
        events = await engine.journal.read(forked)

    assert steps_of(events, zg.StepFinished) == ["a"]
    assert fold(events).steps["a"].output == "three"


async def test_a_fork_whose_making_was_cut_off_is_never_done_from_the_start() -> None:
    class Full(MemoryJournal):
        async def append(self, *args: Any, **options: Any) -> None:
            if broken:
                raise zg.JournalError("the disk is full", "make room")
            await super().append(*args, **options)

    broken = False
    journal = Full()
    plugin = Offering(a=write, b=say("b"))
    async with zg.Engine.open(plugin, echo(), journal=journal, discover=()) as engine:
        await engine.run(flow("a", "b", b="a"), "x", options=SCRIPTED, run_id="r")
        broken = True
        with pytest.raises(zg.JournalError, match="the disk is full"):
            await engine.fork("r", "b", new_id="f")
        broken = False
        runs = [run.run_id for run in await engine.journal.list()]
        first = (await engine.journal.read("r"))[0]
        assert isinstance(first, zg.RunAccepted)
        await journal.create(replace(first, run_id="half", forked_from="r"))
        with pytest.raises(zg.InputError, match="was being forked from 'r'"):
            await engine.resume("half")

    assert runs == ["r"]
    assert [path.name for path in Path("zg-runs").iterdir()] == ["r"]


# -- Bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "change", "error", "words"),
    [
        ("bb", {}, zg.UnknownNameError, "has no step 'bb'; did you mean 'b'"),
        ("zzz", {}, zg.UnknownNameError, "its steps are: a, b, c"),
        ("writer", {}, zg.UnknownNameError, "did you mean 'a'"),
        ("c", {}, zg.InputError, "step 'c' of run 'r' has not begun; name one"),
        ("b", {"agent": "writr"}, zg.UnknownNameError, "did you mean 'writer'"),
        ("b", {"model": "nobody:x"}, zg.UnknownNameError, "nobody"),
        ("b", {"prompt": "{c}"}, zg.WorkflowError, "need it; mention what it is given"),
        ("b", {"new_id": "r"}, zg.InputError, "there is a run 'r' already"),
        ("b", {"new_id": "-"}, zg.InputError, "cannot be a run's id"),
        ("b", {"out": "taken"}, zg.InputError, "taken"),
        ("b", {"step_limits": {"q": zg.Limits(calls=1)}}, zg.UnknownNameError, "q"),
    ],
)
async def test_a_fork_that_cannot_be_is_refused_and_nothing_is_changed(
    step: str, change: dict[str, Any], error: type[zg.ZeroGravityError], words: str
) -> None:
    Path("taken").write_text("a file")
    steps = [
        replace(s, agent="writer" if s.name != "b" else "b")
        for s in flow("a", "b", "c", b="a", c="b").steps
    ]
    workflow = zg.Workflow("w", tuple(steps))
    async with opened(Offering(writer=write, b=fail), echo()) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(workflow, "x", options=SCRIPTED, run_id="r")
        before = await engine.journal.read("r")
        with pytest.raises(error, match=words):
            await engine.fork("r", step, **change)

        assert await engine.journal.read("r") == before
        assert [run.run_id for run in await engine.journal.list()] == ["r"]
    assert [path.name for path in Path("zg-runs").iterdir()] == ["r"]


async def test_of_a_run_under_way_only_what_has_ended_is_copied() -> None:
    going = anyio.Event()

    async def wait(ctx: zg.Context) -> zg.Reply:
        going.set()
        await anyio.sleep_forever()
        return zg.Reply(output=None)

    plugin = Offering(a=say("a"), b=say("b"), w=wait)
    async with opened(plugin) as engine, anyio.create_task_group() as tasks:
        workflow = flow("a", "b", "w", b="a", w="a")
        await engine.accept(workflow, "x", run_id="r")
        tasks.start_soon(engine.resume, "r")
        await going.wait()
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(zg.RunBusyError, match="step 'w' of run 'r', which does"):
            await engine.fork("r", "b")
        forked = await engine.fork("r", "w", agent="b")
        result = await engine.resume(forked)
        tasks.cancel_scope.cancel()

    assert result.output == {"b": "b", "w": "b"}
