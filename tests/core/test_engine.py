"""An engine runs workflows and keeps what it promises about them.

One file, since it is one class, whose promises lean on each other.
"""

from __future__ import annotations

import contextvars
import gc
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core._run_state import RunState
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")


async def test_steps_run_after_what_they_need_and_see_its_output() -> None:
    seen: dict[str, str] = {}

    async def second(ctx: zg.Context) -> zg.Reply:
        seen["prompt"] = ctx.prompt
        return zg.Reply(output=f"after {ctx.outputs['first']}")

    plugin = Offering(first=say("one"), second=second)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        result = await engine.run(flow("first", "second", second="first"), "count")

    assert result.output == "after one"
    assert seen["prompt"] == "count\n\n## first\n\none"
    assert [step.status for step in result.history] == ["finished", "finished"]


async def test_independent_steps_run_at_once() -> None:
    both = anyio.Event(), anyio.Event()

    def meeting(mine: anyio.Event, other: anyio.Event):  # type: ignore[no-untyped-def]
        async def run(ctx: zg.Context) -> zg.Reply:
            mine.set()
            await other.wait()
            return zg.Reply(output="met")

        return run

    plugin = Offering(a=meeting(*both), b=meeting(*reversed(both)))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with anyio.fail_after(5):
            result = await engine.run(flow("a", "b"), "meet")

    assert result.output == {"a": "met", "b": "met"}


async def test_a_prompt_is_filled_with_plain_names_only() -> None:
    model = ScriptedProvider("{input} {x.__class__}", lambda r: r.messages[-1].text)
    work = zg.Workflow(
        "test",
        (
            zg.Step("one", agent="ask"),
            zg.Step(
                "two", agent="ask", needs=("one",), prompt="<{one}> {input} {other}"
            ),
        ),
    )

    async with zg.Engine.open(
        Offering(ask=ask()), model, journal="memory", discover=False
    ) as engine:
        result = await engine.run(work, "objective", options=OPTIONS)

    assert result.output == "<{input} {x.__class__}> objective {other}"


async def test_a_finished_run_is_returned_and_not_done_again() -> None:
    model = ScriptedProvider("once")
    async with zg.Engine.open(
        Offering(ask=ask()), model, journal="memory", discover=False
    ) as engine:
        first = await engine.run(flow("ask"), "x", options=OPTIONS, run_id="r1")
        again = await engine.run(flow("ask"), "x", options=OPTIONS, run_id="r1")

    assert again == first
    assert len(model.requests) == 1


BEGUN: dict[str, Any] = {
    "workflow": flow("a", "b"),
    "objective": "one",
    "options": zg.RunOptions(
        model="scripted:any",
        limits=zg.Limits(usd=5, calls=9),
        step_limits={"a": zg.Limits(tokens=9000)},
    ),
    "files": {"notes.txt": b"hello"},
}


@pytest.mark.parametrize(
    ("asked", "difference"),
    [
        ({"objective": "two"}, "another objective"),
        ({"workflow": zg.Workflow("other", flow("a").steps)}, "another workflow"),
        ({"workflow": flow("a", "b", b="a")}, "other steps of workflow 'test'"),
        ({"options": zg.RunOptions(model="scripted:two")}, "another option 'model'"),
        ({"options": zg.RunOptions(agents=("b",))}, "other steps of workflow 'test'"),
        ({"options": zg.RunOptions(approve="never")}, "another option 'approve'"),
        ({"options": zg.RunOptions(out="elsewhere")}, "another folder"),
        ({"options": zg.RunOptions(limits=zg.Limits(usd=9))}, "other limits"),
        ({"options": zg.RunOptions(limits=zg.Limits(seconds=9))}, "other limits"),
        (
            {"options": zg.RunOptions(step_limits={"b": zg.Limits(calls=1)})},
            "other limits",
        ),
        ({"files": {"other.txt": b""}}, "other files"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_run_id_belongs_to_what_was_begun_with_it(
    asked: dict[str, Any], difference: str
) -> None:
    plugin = Offering(a=say("x"), b=say("y"))
    model = ScriptedProvider("yes", repeat=True)
    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        begun = await engine.run(**BEGUN, run_id="r1")

        with pytest.raises(zg.InputError, match=f"was begun with {difference}"):
            await engine.run(**BEGUN | asked, run_id="r1")
        assert await engine.run(**BEGUN, run_id="r1") == begun
        assert await engine.run(flow("a", "b"), "one", run_id="r1") == begun


async def test_who_begins_a_run_that_another_has_just_begun_goes_on_with_it(
    tmp_path: Path,
) -> None:
    class Overtaken(zg.MemoryJournal):
        """Where another process is always a little faster."""

        async def create(self, accepted: zg.RunAccepted) -> None:
            await super().create(accepted)
            raise zg.InputError(f"there is a run {accepted.run_id!r} already", "go on")

    async def reads(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=ctx.workspace.read(ctx.files[0]).decode())

    begin: dict[str, Any] = {
        "run_id": "r",
        "files": {"notes.txt": b"hello"},
        "options": zg.RunOptions(out=str(tmp_path / "out")),
    }
    async with zg.Engine.open(
        Offering(a=reads), journal=Overtaken(), discover=False
    ) as engine:
        result = await engine.run(flow("a"), "x", **begin)
        with pytest.raises(zg.InputError, match="already"):
            await engine.accept(flow("a"), "x", **begin)

    assert result.output == "hello"
    assert (tmp_path / "out" / "inputs" / "notes.txt").read_bytes() == b"hello"


async def test_events_are_streamed_in_order_and_without_gaps() -> None:
    plugin = Offering(a=say("x"), b=say("y"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        events = [
            event
            async for event in engine.stream(flow("a", "b", b="a"), "x", run_id="r1")
            if isinstance(event, zg.Event)
        ]
        recorded = await engine.journal.read("r1")

    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events == recorded
    assert isinstance(events[-1], zg.RunFinished)


async def test_pieces_of_answers_are_streamed_but_not_journaled() -> None:
    model = ScriptedProvider("three small words")
    async with zg.Engine.open(
        Offering(ask=ask()), model, journal="memory", discover=False
    ) as engine:
        stream = engine.stream(flow("ask"), "x", options=OPTIONS, deltas=True)
        items = [item async for item in stream]

    told = "".join(item.text for item in items if isinstance(item, zg.TextDelta))
    assert told == "three small words"
    assert sum(isinstance(item, zg.TextDelta) for item in items) == 3


async def test_closing_a_stream_stops_the_run_which_can_be_resumed() -> None:
    reached = anyio.Event()
    go_on = anyio.Event()

    async def slow(ctx: zg.Context) -> zg.Reply:
        reached.set()
        await go_on.wait()
        return zg.Reply(output="done")

    async with zg.Engine.open(
        Offering(slow=slow), journal="memory", discover=False
    ) as engine:
        stream = engine.stream(flow("slow"), "x", run_id="r1")
        async for event in stream:
            if isinstance(event, zg.StepStarted):
                await reached.wait()
                break
        await stream.aclose()
        go_on.set()
        result = await engine.resume("r1")

    assert result.output == "done"


# -- When things go wrong -----------------------------------------------------------


async def broken(ctx: zg.Context) -> zg.Reply:
    raise ValueError("the agent's own fault")


async def test_a_failing_agent_fails_the_run_and_is_named() -> None:
    plugin = Offering(broken=broken)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with pytest.raises(zg.RunError, match=r"offering:broken.*own fault"):
            await engine.run(flow("broken"), "x", run_id="r1")
        result = await engine.result("r1")

    assert result.status == "failed"
    assert result.error is not None
    assert "own fault" in result.error.cause


@pytest.mark.parametrize("thrown", [SystemExit(0), RecursionError(), BaseException()])
async def test_nothing_an_agent_raises_ends_the_process(thrown: BaseException) -> None:
    async def exits(ctx: zg.Context) -> zg.Reply:
        raise thrown

    plugin = Offering(exits=exits)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with pytest.raises(zg.RunError, match="offering:exits"):
            await engine.run(flow("exits"), "x")


@pytest.mark.parametrize("returned", [None, "text", 42])
async def test_an_agent_must_return_a_reply(returned: object) -> None:
    async def wrong(ctx: zg.Context) -> object:
        return returned

    plugin = Offering(wrong=wrong)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with pytest.raises(zg.RunError, match="not a Reply"):
            await engine.run(flow("wrong"), "x")


async def test_an_output_must_be_json() -> None:
    async def wrong(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=object())

    plugin = Offering(wrong=wrong)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with pytest.raises(zg.RunError, match="no JSON"):
            await engine.run(flow("wrong"), "x")


@pytest.mark.parametrize(
    ("on_error", "status", "output"),
    [
        ("skip", "degraded", "went on without []"),
        ("fallback", "degraded", "went on without ['broken']"),
    ],
)
async def test_a_workflow_may_go_on_without_a_step(
    on_error: zg.OnError, status: str, output: str
) -> None:
    async def after(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=f"went on without {sorted(ctx.outputs)}")

    work = zg.Workflow(
        "test",
        (
            zg.Step("broken", agent="broken", on_error=on_error),
            zg.Step("after", agent="after", needs=("broken",)),
        ),
    )
    plugin = Offering(broken=broken, after=after)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        result = await engine.run(work, "x")

    assert (result.status, result.output) == (status, output)
    assert result.history[0].error is not None


async def test_a_fallback_says_what_is_missing_and_why() -> None:
    work = zg.Workflow("test", (zg.Step("a", agent="broken", on_error="fallback"),))
    async with zg.Engine.open(
        Offering(broken=broken), journal="memory", discover=False
    ) as engine:
        result = await engine.run(work, "x")

    assert result.output["role"] == "offering:broken"
    assert "own fault" in result.output["failed"]


async def test_a_step_has_a_time_limit() -> None:
    async def sleeps(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep_forever()
        raise AssertionError

    work = zg.Workflow("test", (zg.Step("a", agent="sleeps", timeout_seconds=0.01),))
    async with zg.Engine.open(
        Offering(sleeps=sleeps), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.LimitError, match=r"longer than 0\.01 s"):
            await engine.run(work, "x")


async def test_a_run_has_a_time_limit() -> None:
    async def sleeps(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep_forever()
        raise AssertionError

    options = zg.RunOptions(limits=zg.Limits(seconds=0.01))
    async with zg.Engine.open(
        Offering(sleeps=sleeps), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.LimitError, match=r"longer than 0\.01 s"):
            await engine.run(flow("sleeps"), "x", options=options, run_id="r1")
        result = await engine.result("r1")

    assert result.status == "failed"


async def test_a_failed_run_can_be_resumed_from_where_it_failed() -> None:
    faults = [ValueError("first time")]

    async def shaky(ctx: zg.Context) -> zg.Reply:
        if faults:
            raise faults.pop()
        return zg.Reply(output="second time")

    model = ScriptedProvider("kept")
    plugin = Offering(ask=ask(), shaky=shaky)
    async with zg.Engine.open(
        plugin, model, journal="memory", discover=False
    ) as engine:
        work = flow("ask", "shaky", shaky="ask")
        with pytest.raises(zg.RunError):
            await engine.run(work, "x", options=OPTIONS, run_id="r1")
        result = await engine.resume("r1")

    assert (result.status, result.output) == ("completed", "second time")
    assert len(model.requests) == 1
    assert result.history[0].output == "kept"


# -- Stopping -----------------------------------------------------------------------


async def test_a_run_is_cancelled_on_request() -> None:
    async def sleeps(ctx: zg.Context) -> zg.Reply:
        await anyio.sleep_forever()
        raise AssertionError

    async with zg.Engine.open(
        Offering(sleeps=sleeps), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunCancelledError):
            async for event in engine.stream(flow("sleeps"), "x", run_id="r1"):
                if isinstance(event, zg.StepStarted):
                    await engine.cancel("r1", "enough")
        recorded = await engine.journal.read("r1")

    assert isinstance(recorded[-1], zg.RunCancelled)
    [request] = [e for e in recorded if isinstance(e, zg.CancelRequested)]
    assert request.reason == "enough"


async def test_a_cancelled_run_can_be_resumed() -> None:
    wait = [True]

    async def sleeps(ctx: zg.Context) -> zg.Reply:
        if wait:
            await anyio.sleep_forever()
        return zg.Reply(output="woke up")

    async with zg.Engine.open(
        Offering(sleeps=sleeps), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunCancelledError):
            async for event in engine.stream(flow("sleeps"), "x", run_id="r1"):
                if isinstance(event, zg.StepStarted):
                    await engine.cancel("r1")
        wait.clear()
        result = await engine.resume("r1")

    assert (result.status, result.output) == ("completed", "woke up")


async def test_a_run_nobody_does_is_cancelled_at_once() -> None:
    plugin = Offering(a=say("x"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        run_id = await engine.accept(flow("a"), "x")
        await engine.cancel(run_id, "changed my mind")
        result = await engine.result(run_id)

    assert result.status == "cancelled"


async def test_what_was_cancelled_before_it_began_can_be_resumed() -> None:
    plugin = Offering(a=say("x"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        run_id = await engine.accept(flow("a"), "x")
        await engine.cancel(run_id)
        result = await engine.resume(run_id)

    assert (result.status, result.output) == ("completed", "x")


async def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    class Late(zg.MemoryJournal):
        """Somebody asks for the run to stop in the moment it ends."""

        async def append(self, run_id: str, *args: Any, **options: Any) -> None:
            if isinstance(args[1][-1], zg.RunFinished):
                await self.request(run_id, zg.CancelRequested())
                for _ in range(10):
                    await anyio.lowlevel.checkpoint()
            await super().append(run_id, *args, **options)

    journal = Late()
    plugin = Offering(a=say("x"))
    async with zg.Engine.open(plugin, journal=journal, discover=False) as engine:
        result = await engine.run(flow("a"), "x")

        assert result.status == "completed"
        assert (await engine.result(result.run_id)).status == "completed"


async def test_cancelling_what_has_ended_changes_nothing() -> None:
    plugin = Offering(a=say("x"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        done = await engine.run(flow("a"), "x")
        await engine.cancel(done.run_id)

        assert await engine.result(done.run_id) == done


async def test_two_engines_never_do_one_run_at_once() -> None:
    started, go_on = anyio.Event(), anyio.Event()

    async def slow(ctx: zg.Context) -> zg.Reply:
        started.set()
        await go_on.wait()
        return zg.Reply(output="done")

    journal = zg.MemoryJournal()
    plugin = Offering(slow=slow)
    async with (
        zg.Engine.open(plugin, journal=journal, discover=False) as one,
        zg.Engine.open(plugin, journal=journal, discover=False) as other,
        anyio.create_task_group() as tasks,
    ):
        run_id = await one.accept(flow("slow"), "x")
        tasks.start_soon(one.resume, run_id)
        await started.wait()
        with pytest.raises(zg.RunBusyError):
            await other.resume(run_id)
        go_on.set()


# -- Accepting ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objective", "why"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("x" * 100_001, "100,001"),
        ("bell \x07", r"U\+0007"),
        ("half \ud83d", r"U\+D83D"),
        ("next line \x85", r"U\+0085"),
    ],
)
async def test_what_no_agent_could_work_on_is_refused_whole(
    objective: str, why: str
) -> None:
    plugin = Offering(a=say("x"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with pytest.raises(zg.InputError, match=why):
            await engine.accept(flow("a"), objective)

        assert await engine.journal.list() == []


async def test_unknown_names_are_refused_before_anything_is_done() -> None:
    plugin = Offering(editor=say("x"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        with pytest.raises(zg.UnknownNameError, match="did you mean 'editor'"):
            await engine.accept(flow("edtor"), "x")
        with pytest.raises(zg.UnknownNameError, match="workflow"):
            await engine.accept("nowhere", "x")
        with pytest.raises(zg.UnknownNameError, match="provider"):
            await engine.accept(
                flow("editor"), "x", options=zg.RunOptions(model="nobody:m")
            )
        with pytest.raises(zg.InputError, match="cannot be a run's id"):
            await engine.accept(flow("editor"), "x", run_id="../evil")

        assert await engine.journal.list() == []


async def test_files_are_given_to_the_agents() -> None:
    async def reads(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=[ctx.workspace.read(p).decode() for p in ctx.files])

    plugin = Offering(reads=reads)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        result = await engine.run(flow("reads"), "x", files={"a.txt": b"hello"})

    assert result.output == ["hello"]


async def test_a_follow_up_goes_on_from_the_results_of_another_run() -> None:
    async def writes(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("page.html", "<b>red</b>")
        return zg.Reply(output="a red page")

    async def changes(ctx: zg.Context) -> zg.Reply:
        page = ctx.workspace.read("page.html").decode().replace("red", "blue")
        await ctx.write_artifact("page.html", page)
        return zg.Reply(output=ctx.prompt)

    plugin = Offering(writes=writes, changes=changes)
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        first = await engine.run(flow("writes"), "make a page")
        second = await engine.run(
            flow("changes"),
            "make it blue",
            options=zg.RunOptions(follows=first.run_id),
        )

    assert "make a page" in second.output
    assert "a red page" in second.output
    assert [a.path for a in second.artifacts] == ["page.html"]
    assert second.out != first.out


async def test_only_a_finished_run_can_be_followed() -> None:
    plugin = Offering(a=say("x"))
    async with zg.Engine.open(plugin, journal="memory", discover=False) as engine:
        run_id = await engine.accept(flow("a"), "x")

        with pytest.raises(zg.InputError, match="running"):
            await engine.accept(flow("a"), "y", options=zg.RunOptions(follows=run_id))


# -- Choosing agents ----------------------------------------------------------------


class Always:
    """A classifier with one answer."""

    def __init__(self, label: zg.Label | None) -> None:
        self._label = label

    async def classify(self, text: str) -> zg.Label | None:
        return self._label


ROUTED = zg.Workflow(
    "routed",
    (
        zg.Step("plan", agent="architect"),
        zg.Step("code", agent="engineer", needs=("plan",)),
        zg.Step("look", agent="designer", needs=("plan",)),
        zg.Step("ship", agent="operator", needs=("code", "look")),
    ),
    routed=True,
)
TEAM = {name: say(name) for name in ("architect", "engineer", "designer", "operator")}
CONFIG = zg.Config(classifier="always")


@pytest.mark.parametrize(
    ("label", "agents", "output"),
    [
        (zg.Label("technical"), ["architect", "engineer", "operator"], "operator"),
        (
            zg.Label("strategic"),
            ["architect", "engineer", "designer"],
            {"code": "engineer", "look": "designer"},
        ),
        (zg.Label("creative"), ["architect", "designer", "operator"], "operator"),
        (None, ["architect", "engineer", "designer", "operator"], "operator"),
        (zg.Label("unheard-of"), list(TEAM), "operator"),
    ],
)
async def test_a_routed_workflow_takes_the_agents_of_the_category(
    label: zg.Label | None, agents: list[str], output: object
) -> None:
    plugin = Offering(classifiers={"always": Always(label)}, **TEAM)
    async with zg.Engine.open(
        plugin, journal="memory", discover=False, config=CONFIG
    ) as engine:
        result = await engine.run(ROUTED, "x")

    assert result.route is not None
    assert [name.partition(":")[2] for name in result.route.agents] == agents
    assert result.output == output


async def test_a_restriction_keeps_to_the_named_agents_and_adds_strangers() -> None:
    plugin = Offering(
        classifiers={"always": Always(zg.Label("technical"))},
        critic=say("critic"),
        **TEAM,
    )
    options = zg.RunOptions(agents=("architect", "critic", "designer", "operator"))
    async with zg.Engine.open(
        plugin, journal="memory", discover=False, config=CONFIG
    ) as engine:
        result = await engine.run(ROUTED, "x", options=options)

    done = [step.step for step in result.history if step.status == "finished"]
    assert done == ["plan", "ship", "critic"]
    assert result.output == "operator"


async def test_a_classifier_that_breaks_fails_the_run_and_is_named() -> None:
    class Breaks:
        async def classify(self, text: str) -> zg.Label | None:
            raise KeyError("lost")

    plugin = Offering(classifiers={"always": Breaks()}, **TEAM)
    async with zg.Engine.open(
        plugin, journal="memory", discover=False, config=CONFIG
    ) as engine:
        with pytest.raises(zg.RunError, match=r"always.*KeyError"):
            await engine.run(ROUTED, "x")


# -- Secrets ------------------------------------------------------------------------


async def test_a_secret_of_the_process_is_in_no_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    canary = "sk-canary-0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", canary)

    async def leaks(ctx: zg.Context) -> zg.Reply:
        await ctx.progress(f"using {canary}")
        if ctx.step == "two":
            raise ValueError(f"{canary} was refused")
        return zg.Reply(output={"key": [canary]})

    work = zg.Workflow(
        "w",
        (
            zg.Step("one", agent="leaks"),
            zg.Step("two", agent="leaks", needs=("one",)),
        ),
    )
    async with zg.Engine.open(
        Offering(leaks=leaks), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(work, f"my key is {canary}", run_id="r1")
        events = await engine.journal.read("r1")

    assert canary not in "".join(zg.encode_event(event).decode() for event in events)
    assert "[secret]" in repr(events)


async def test_a_run_records_what_the_user_put_in_the_place_of_what_and_trusts() -> (
    None
):
    config = zg.Config(
        overrides_agents={"a": "offering:b"},
        plugins_policy="allowlist",
        plugins_allow=("offering",),
    )
    async with zg.Engine.open(
        Offering(a=say("a"), b=say("b")),
        config=config,
        journal="memory",
        discover=False,
    ) as engine:
        result = await engine.run(flow("a"), "x", run_id="r1")
        events = await engine.journal.read("r1")

    started = next(event for event in events if isinstance(event, zg.RunStarted))
    assert (started.overrides, started.policy) == (
        {"agent:a": "offering:b"},
        "allowlist",
    )
    assert result.output == "b"


async def test_what_a_run_leaves_behind_does_not_keep_what_it_said() -> None:
    # As a connection that is kept for others: with the context it was made in.
    left: list[contextvars.Context] = []

    async def leaving(_ctx: zg.Context) -> zg.Reply:
        left.append(contextvars.copy_context())
        return zg.Reply(output="something long")

    async with zg.Engine.open(
        Offering(a=leaving), journal="memory", discover=False
    ) as engine:
        await engine.run(flow("a"), "x", run_id="left")
        gc.collect()
        states = [known for known in gc.get_objects() if isinstance(known, RunState)]

    assert left
    assert not [state for state in states if state.accepted.run_id == "left"]
