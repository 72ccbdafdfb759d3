"""The one door: what an agent may ask for, and what it gets.

One file, since it is one door.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from offering import Offering, ask, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider, call

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")


async def run(
    agent: Any, *plugins: Any, tools: tuple[zg.ToolSpec, ...] = (), **kw: Any
) -> Any:
    """Run one agent and return its output."""
    options = kw.pop("options", OPTIONS if plugins else zg.RunOptions())
    async with zg.Engine.open(
        Offering(*tools, a=agent), *plugins, journal="memory", discover=False
    ) as engine:
        return (await engine.run(flow("a"), "x", options=options, **kw)).output


# -- Models -------------------------------------------------------------------------


async def test_an_answer_says_what_the_model_said_and_what_it_used() -> None:
    model = ScriptedProvider("well said")

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("speak up")])
        return zg.Reply(output=[answer.text, answer.usage.total_tokens])

    assert await run(agent, model) == ["well said", 4]


async def test_a_stream_ends_with_the_whole_answer() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        chunks = [c async for c in ctx.stream([zg.Message.user("x")])]
        last = chunks[-1].response
        assert last is not None
        return zg.Reply(output=[[c.text for c in chunks[:-1]], last.text])

    output = await run(agent, ScriptedProvider("two words"))

    assert output == [["two ", "words"], "two words"]


async def test_the_next_model_is_asked_when_the_first_cannot_be() -> None:
    model = ScriptedProvider(zg.ProviderAuthError("no key"), "second")

    output = await run(
        ask(), model, options=zg.RunOptions(model="scripted:one, scripted:two")
    )

    assert output == "second"
    assert [r.model for r in model.requests] == ["one", "two"]


async def test_a_refused_request_is_not_put_to_the_next_model() -> None:
    model = ScriptedProvider(zg.ProviderRequestError("nonsense"), "second")

    with pytest.raises(zg.ProviderRequestError, match="nonsense"):
        await run(
            ask(), model, options=zg.RunOptions(model="scripted:one, scripted:two")
        )
    assert len(model.requests) == 1


async def test_a_passing_fault_is_tried_again_as_the_provider_says() -> None:
    model = ScriptedProvider(
        zg.RateLimitError("slow down", retry_after=0.01),
        zg.ProviderUnavailableError("down", retry_after=0.0),
        "third time lucky",
    )

    assert await run(ask(), model) == "third time lucky"


async def test_attempts_end(monkeypatch: pytest.MonkeyPatch) -> None:
    down = zg.ProviderUnavailableError("down", retry_after=0.0)
    model = ScriptedProvider(down, repeat=True)

    with pytest.raises(zg.ProviderUnavailableError, match="down"):
        await run(ask(), model)
    assert len(model.requests) == 4


async def test_a_wait_longer_than_a_minute_is_not_waited_for() -> None:
    model = ScriptedProvider(zg.RateLimitError("tomorrow", retry_after=3600.0))

    with pytest.raises(zg.RateLimitError):
        await run(ask(), model)


async def test_a_stream_is_not_tried_again_after_its_first_piece() -> None:
    class Breaks(ScriptedProvider):
        async def stream(self, request: zg.Request) -> Any:
            self.requests.append(request)
            yield zg.Chunk(text="begun")
            raise zg.ProviderUnavailableError("cut off", retry_after=0.0)

    model = Breaks()

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=[c.text async for c in ctx.stream([])])

    with pytest.raises(zg.ProviderUnavailableError):
        await run(agent, model)
    assert len(model.requests) == 1


async def test_a_model_that_is_not_there_is_named_with_the_ways_to_get_one() -> None:
    with pytest.raises(zg.ConfigError, match="there is no model"):
        await run(ask(), options=zg.RunOptions())


async def test_the_users_word_goes_before_the_agents() -> None:
    model = ScriptedProvider("x", repeat=True)

    await run(ask(model="scripted:agents"), model, options=zg.RunOptions())
    await run(ask(model="scripted:agents"), model)

    assert [r.model for r in model.requests] == ["agents", "any"]


# -- Structured output --------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}


async def structured(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user("count")], output_schema=SCHEMA)
    return zg.Reply(output=answer.data)


@pytest.mark.parametrize("text", ['{"n": 3}', '```json\n{"n": 3}\n```', ' {"n":3}\n'])
async def test_an_answer_is_parsed_by_its_schema(text: str) -> None:
    assert await run(structured, ScriptedProvider(text)) == {"n": 3}


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_error() -> None:
    model = ScriptedProvider("no json", '{"n": "three"}', '{"n": 3}')

    assert await run(structured, model) == {"n": 3}
    assert "it is no JSON" in model.requests[1].messages[-1].text
    assert "n: 'three' is not of type 'integer'" in model.requests[2].messages[-1].text


async def test_asking_again_ends() -> None:
    model = ScriptedProvider("{}", repeat=True)

    with pytest.raises(zg.OutputError, match="'n' is a required property"):
        await run(structured, model)
    assert len(model.requests) == 3


async def test_a_model_without_schemas_is_shown_the_schema() -> None:
    info = zg.ModelInfo(output_schema=False, tools=False)
    model = ScriptedProvider('{"n": 1}', info=info)

    assert await run(structured, model) == {"n": 1}
    assert model.requests[0].output_schema is None
    assert '"additionalProperties"' in model.requests[0].messages[0].text


# -- Tools --------------------------------------------------------------------------


@zg.tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers.

    Args:
        a: The first.
        b: The second.
    """
    return a + b


def using(name: str, **arguments: Any) -> Any:
    async def agent(ctx: zg.Context) -> zg.Reply:
        result = await ctx.call_tool(name, arguments)
        return zg.Reply(output=[result.output, result.error])

    return agent


async def test_a_tool_is_called_with_its_arguments() -> None:
    assert await run(using("add", a=2, b=3), tools=(add,)) == [5, None]


async def test_arguments_that_do_not_fit_come_back_as_an_error_for_the_model() -> None:
    output = await run(using("add", a="two"), tools=(add,))

    assert output[0] is None
    assert "a: 'two' is not of type 'integer'" in output[1]


async def test_a_tool_that_is_not_there_is_named() -> None:
    with pytest.raises(zg.UnknownNameError, match="did you mean 'add'"):
        await run(using("ad", a=1), tools=(add,))


@zg.tool
def exits() -> None:
    """Try to end the process."""
    raise SystemExit(0)


@zg.tool
async def asks_better() -> None:
    """Ask for another try."""
    raise zg.Retry("use the English name")


@zg.tool
def too_much() -> str:
    """Return more than any model can read."""
    return "x" * 2_000_000


@zg.tool
def no_json() -> object:
    """Return what is no JSON."""
    return {1, 2}


@zg.tool(timeout_seconds=0.01)
async def sleeps() -> None:
    """Take too long."""
    await anyio.sleep_forever()


@pytest.mark.parametrize(
    ("tool", "error"),
    [
        (exits, "SystemExit"),
        (asks_better, "use the English name"),
        (too_much, "2,000,002 bytes"),
        (no_json, "no JSON value"),
        (sleeps, "longer than 0.01 s"),
    ],
)
async def test_whatever_goes_wrong_in_a_tool_is_told_to_the_model(
    tool: zg.ToolSpec, error: str
) -> None:
    output = await run(using(tool.name), tools=(tool,))

    assert output[0] is None
    assert error in output[1]


async def test_a_tool_may_reach_what_its_step_may() -> None:
    @zg.tool
    async def note(text: str, ctx: zg.Context) -> str:
        """Write a note."""
        return await ctx.write_artifact("note.txt", text)

    async def agent(ctx: zg.Context) -> zg.Reply:
        result = await ctx.call_tool("note", {"text": "hi"})
        return zg.Reply(output=[result.output, ctx.workspace.read("note.txt").decode()])

    assert await run(agent, tools=(note,)) == ["note.txt", "hi"]


async def test_models_see_wire_names_and_agents_qualified_ones() -> None:
    model = ScriptedProvider(call("add", a=1))

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")], tools=["add"])
        [wish] = answer.message.tool_calls
        result = await ctx.call_tool(wish.name, wish.arguments)
        return zg.Reply(output=[wish.name, result.output])

    assert await run(agent, model, tools=(add,)) == ["offering:add", 2]
    assert [tool.name for tool in model.requests[0].tools] == ["add"]


async def test_a_tool_that_ignores_being_cancelled_is_left_after_two_seconds() -> None:
    began, end = anyio.Event(), anyio.Event()

    @zg.tool
    async def stubborn() -> None:
        """End when it pleases."""
        with anyio.CancelScope(shield=True):
            began.set()
            await end.wait()

    async with zg.Engine.open(
        Offering(stubborn, a=using("stubborn")), journal="memory", discover=False
    ) as engine:
        with anyio.fail_after(10), pytest.raises(zg.RunCancelledError):
            async with aclosing(engine.stream(flow("a"), "x", run_id="r1")) as events:
                async for event in events:
                    if isinstance(event, zg.ToolStarted):
                        await began.wait()
                        await engine.cancel("r1")
        end.set()
        assert (await engine.result("r1")).status == "cancelled"


# -- Everything else ----------------------------------------------------------------


async def test_written_files_are_artifacts_of_the_run() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("deep/down.txt", "one")
        await ctx.write_artifact("deep/down.txt", "two!")
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(a=agent), journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("a"), "x")

    [artifact] = result.artifacts
    assert (artifact.path, artifact.size) == ("deep/down.txt", 4)


async def test_nothing_is_still_being_written_when_a_run_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, replace = threading.Event(), os.replace

    def slow_disk(*paths: Any, **folders: Any) -> None:
        writing.set()
        time.sleep(0.2)
        replace(*paths, **folders)

    async def writes(ctx: zg.Context) -> None:
        await ctx.write_artifact("large.txt", "text")

    async def fails(ctx: zg.Context) -> None:
        await anyio.to_thread.run_sync(writing.wait, 10)
        raise ValueError("no")

    monkeypatch.setattr(os, "replace", slow_disk)
    both = zg.Workflow(
        name="both", steps=[zg.Step(name=name, agent=name) for name in ("w", "f")]
    )
    async with zg.Engine.open(
        Offering(w=writes, f=fails), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(both, "x", options=zg.RunOptions(out=str(tmp_path)))

        assert [path.name for path in tmp_path.iterdir()] == ["large.txt"]


async def test_a_file_cannot_be_written_outside() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact("../outside", "x")
        return zg.Reply(output=None)

    with pytest.raises(zg.WorkspaceError):
        await run(agent)


async def test_time_and_chance_are_recorded() -> None:
    seen: list[tuple[datetime, object]] = []
    again = [True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        async def dice() -> object:
            return len(seen)

        seen.append((await ctx.now(), await ctx.once("dice", dice)))
        if again.pop():
            again.append(False)
            raise ValueError("cut")
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(a=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(flow("a"), "x", run_id="r1")
        await engine.resume("r1")

    assert seen[0] == seen[1]


async def test_a_name_that_is_used_twice_means_two_values_in_their_order() -> None:
    made: list[str] = []
    seen: list[list[object]] = []
    fail = [True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        async def make() -> object:
            made.append("made")
            if len(made) == 3 and fail.pop():
                raise ValueError("cut")
            return len(made), ctx.step

        seen.append([])
        for _ in range(3):
            seen[-1].append(await ctx.once("number", make))
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(a=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(flow("a"), "x", run_id="r1")
        await engine.resume("r1")

    # What it raised was not recorded; what it returned was, as JSON.
    assert seen == [[[1, "a"], [2, "a"]], [[1, "a"], [2, "a"], [4, "a"]]]


async def test_once_takes_nothing_but_json() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        async def make() -> object:
            return object()

        with pytest.raises(ValueError):
            await ctx.once("thing", make)
        return zg.Reply(output=None)

    await run(agent)


async def test_progress_is_an_event() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.progress("half way", 0.5)
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(a=agent), journal="memory", discover=False
    ) as engine:
        events = [e async for e in engine.stream(flow("a"), "x")]

    [progress] = [e for e in events if isinstance(e, zg.Progressed)]
    assert (progress.message, progress.fraction) == ("half way", 0.5)


async def test_an_agent_may_classify() -> None:
    class Always:
        async def classify(self, text: str) -> zg.Label | None:
            return zg.Label("technical", 0.9, "because") if text else None

    async def agent(ctx: zg.Context) -> zg.Reply:
        label = await ctx.classify("build", classifier="always")
        nothing = await ctx.classify("", classifier="always")
        assert label is not None
        return zg.Reply(output=[label.name, nothing])

    async with zg.Engine.open(
        Offering(a=agent, classifiers={"always": Always()}),
        journal="memory",
        discover=False,
    ) as engine:
        result = await engine.run(flow("a"), "x")

    assert result.output == ["technical", None]


# -- Limits -------------------------------------------------------------------------


async def twice(ctx: zg.Context) -> zg.Reply:
    for _ in range(2):
        await ctx.complete([zg.Message.user("x")], max_output_tokens=10)
    return zg.Reply(output=None)


@pytest.mark.parametrize(
    "limits", [zg.Limits(calls=1), zg.Limits(tokens=12)], ids=["calls", "tokens"]
)
async def test_a_call_that_could_pass_a_limit_is_not_made(limits: zg.Limits) -> None:
    model = ScriptedProvider("one two three", repeat=True)
    options = zg.RunOptions(model="scripted:any", limits=limits)

    with pytest.raises(zg.LimitError) as caught:
        await run(twice, model, options=options)

    assert len(model.requests) == 1
    assert caught.value.details["allowed"] in (1, 12)


async def test_the_output_is_clamped_to_what_is_left() -> None:
    model = ScriptedProvider("short")
    options = zg.RunOptions(model="scripted:any", limits=zg.Limits(tokens=500))

    await run(ask(), model, options=options)

    assert model.requests[0].max_output_tokens == 499
