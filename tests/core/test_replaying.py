"""Runs that are given the answers of a recorded one.

One file, since each kind of call is answered from the same record.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace as changed
from typing import Any

import pytest
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core._secrets import Secrets
from zg_core.running.recording import make_recording
from zg_core.testing import ScriptedProvider, call

pytestmark = pytest.mark.anyio

OPTIONS = zg.RunOptions(model="scripted:any")
Plugin = Callable[[], Offering]


@asynccontextmanager
async def opened(
    *plugins: object, journal: zg.Journal | None = None, config: zg.Config | None = None
) -> AsyncGenerator[zg.Engine, None]:
    async with zg.Engine.open(
        *plugins,
        journal=journal or zg.MemoryJournal(),
        config=config or zg.Config(),
        discover=False,
    ) as engine:
        yield engine


async def record(
    plugin: object,
    workflow: zg.Workflow,
    *answers: Any,
    config: zg.Config | None = None,
    **options: Any,
) -> zg.Recording:
    """Do a run, whatever comes of it, and record it."""
    model = ScriptedProvider(*(answers or ("Yes.",)), repeat=not answers[1:])
    async with opened(plugin, model, config=config) as engine:
        with suppress(zg.RunError):
            await engine.run(workflow, "do it", options=OPTIONS, run_id="r", **options)
        recording, _ = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )
    return recording


async def replay(
    recording: zg.Recording,
    *plugins: object,
    workflow: zg.Workflow | None = None,
    config: zg.Config | None = None,
    journal: zg.Journal | None = None,
    **options: Any,
) -> zg.RunResult:
    async with opened(*plugins, config=config, journal=journal) as engine:
        return await engine.run(
            workflow or recording.workflow, "do it", replay=recording, **options
        )


# -- What is the same ----------------------------------------------------------------


async def test_agents_that_asked_one_another_do_so_again() -> None:
    """By tools too, whose files are written again with what they asked left out."""

    @zg.tool
    async def look(ctx: zg.Context) -> str:
        """Look at it."""
        return str((await ctx.run_agent("critic", "look")).output)

    async def critic(ctx: zg.Context) -> zg.Reply:
        await ctx.write_artifact(f"{ctx.prompt}.md", "seen")
        answer = await ctx.complete([zg.Message.user(f"judge {ctx.prompt}")])
        return zg.Reply(output=answer.text)

    async def fails(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user("it fails")])
        raise zg.RunError("it failed")

    async def boss(ctx: zg.Context) -> zg.Reply:
        seen = (await ctx.call_tool("look", {})).text
        wanted = [
            zg.AgentCall(agent="critic", prompt="look"),
            zg.AgentCall(agent="fails", prompt="x"),
            zg.AgentCall(agent="critic", prompt="again"),
        ]
        found = await ctx.run_agents(wanted)
        said = [r.reply.output if r.reply else str(r.error) for r in found]
        return zg.Reply(output=[seen, *said])

    plugin = Offering(look, boss=boss, critic=critic, fails=fails)
    recording = await record(plugin, flow("boss"), "1", "2", "3", "4")
    model = ScriptedProvider()

    result = await replay(recording, plugin, model)

    assert result.output == recording.state.output
    assert {a.path for a in result.artifacts} == {"look.md", "again.md"}
    assert model.requests == []


async def test_an_agent_that_hides_what_the_one_it_asks_does_otherwise_fails() -> None:
    words = ["first", "second"]

    async def critic(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user(words[0])])
        return zg.Reply(output="fine")

    async def boss(ctx: zg.Context) -> zg.Reply:
        with suppress(zg.ZeroGravityError):
            await ctx.run_agent("critic", "x")
        return zg.Reply(output="done")

    plugin = Offering(boss=boss, critic=critic)
    recording = await record(plugin, flow("boss"))
    words.pop(0)

    with pytest.raises(zg.ReplayMismatchError, match="agent offering:critic"):
        await replay(recording, plugin)


async def test_no_provider_need_be_there() -> None:
    recording = await record(Offering(a=ask()), flow("a"))

    result = await replay(recording, Offering(a=ask()))

    assert result.output == "Yes."
    assert (result.model, result.model_reason) == ("scripted:any", "as recorded in r")
    assert (result.replays, result.replayed_calls) == ("r", 1)


async def test_another_model_makes_no_difference() -> None:
    recording = await record(Offering(a=ask()), flow("a"))
    other = ScriptedProvider("No.")

    result = await replay(
        recording,
        Offering(a=ask()),
        other,
        options=zg.RunOptions(model="scripted:other"),
    )

    assert (result.output, result.model) == ("Yes.", "scripted:other")
    assert other.requests == []


async def test_what_a_model_could_do_is_recorded_too() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        info = await ctx.model_info()
        said = await ctx.complete([zg.Message.user("small" if info.small else "big")])
        return zg.Reply(output=said.text)

    model = ScriptedProvider("Yes.", info=zg.ModelInfo(small=True), repeat=True)
    async with opened(Offering(a=a), model) as engine:
        await engine.run(flow("a"), "do it", options=OPTIONS, run_id="r")
        recording, missing = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )

    assert not missing
    assert (await replay(recording, Offering(a=a))).output == "Yes."


async def test_a_stream_has_the_text_of_its_answer() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        stream = ctx.stream([zg.Message.user("?")])
        return zg.Reply(output="".join([chunk.text async for chunk in stream]))

    recording = await record(Offering(a=a), flow("a"))

    assert (await replay(recording, Offering(a=a))).output == "Yes."


async def test_a_failure_that_the_agent_survived_comes_again() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        try:
            await ctx.complete([zg.Message.user("?")])
        except zg.ProviderRequestError as error:
            return zg.Reply(output=error.cause)
        return zg.Reply(output=None)

    recording = await record(
        Offering(a=a), flow("a"), zg.ProviderRequestError("too rude")
    )

    result = await replay(recording, Offering(a=a))

    assert result.output == "too rude"
    assert result.history[0].failed_attempts == 0


async def test_a_run_that_failed_fails_again() -> None:
    recording = await record(
        Offering(a=ask()), flow("a"), zg.ProviderRequestError("too rude")
    )

    assert recording.state.status == "failed"
    with pytest.raises(zg.ProviderRequestError, match="too rude"):
        await replay(recording, Offering(a=ask()))


async def test_given_files_are_there_again() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        text = ctx.workspace.read(ctx.files[0]).decode()
        return zg.Reply(output=(await ctx.complete([zg.Message.user(text)])).text)

    recording = await record(Offering(a=a), flow("a"), files={"x.txt": b"a file"})

    assert (await replay(recording, Offering(a=a))).output == "Yes."
    with pytest.raises(zg.ReplayMismatchError):
        await replay(recording, Offering(a=a), files={"x.txt": b"another file"})


async def test_a_tool_is_not_called_and_its_files_are_there() -> None:
    called: list[str] = []

    @zg.tool
    async def save(ctx: zg.Context, path: str) -> str:
        """Save something."""
        called.append(path)
        return await ctx.write_artifact(path, f"content of {path}")

    async def a(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("save", {"path": "x.md"})
        return zg.Reply(output=ctx.workspace.read("x.md").decode())

    plugin = Offering(save, a=a)
    recording = await record(plugin, flow("a"))
    called.clear()

    result = await replay(recording, plugin)

    assert result.output == "content of x.md"
    assert [artifact.path for artifact in result.artifacts] == ["x.md"]
    assert called == []


async def test_verdicts_of_guardrails_are_given_again() -> None:
    asked: list[Any] = []

    def guard(payload: Any, about: zg.Inspection) -> zg.Verdict:
        asked.append(payload)
        change = f"{payload}!" if isinstance(payload, str) else None
        return zg.Verdict(True, "loud", replacement=change)

    config = zg.Config(guardrails_enabled=("loud",))
    plugin = Offering(a=ask(), guardrails={"loud": guard})
    recording = await record(plugin, flow("a"), config=config)
    asked.clear()

    result = await replay(recording, plugin, config=config)

    assert result.output == "Yes.!!"
    assert asked == []
    assert recording.requests


async def test_a_refusal_by_a_guardrail_comes_again_without_it() -> None:
    def guard(payload: Any, about: zg.Inspection) -> zg.Verdict:
        return zg.Verdict(about.subject != "answer", "no answers")

    config = zg.Config(guardrails_enabled=("strict",))
    plugin = Offering(a=ask(), guardrails={"strict": guard})
    recording = await record(plugin, flow("a"), config=config)

    with pytest.raises(zg.GuardrailError, match="no answers"):
        await replay(recording, plugin)


@pytest.mark.parametrize("label", [zg.Label("technical", 0.9, "sure"), None])
async def test_a_classifier_is_not_asked_again(label: zg.Label | None) -> None:
    asked: list[str] = []

    class Judge:
        async def classify(self, text: str) -> zg.Label | None:
            asked.append(text)
            return label

    routes = {"general": ("offering:maker",), "technical": ("offering:maker",)}
    config = zg.Config(classifier="judge", routes=routes)
    plugin = Offering(classifiers={"judge": Judge()}, maker=ask(), other=say("x"))
    workflow = changed(flow("maker", "other"), routed=True)
    recording = await record(plugin, workflow, config=config)

    result = await replay(recording, plugin, config=config)

    route = recording.state.route
    assert asked == ["do it"]
    assert result.status == "completed"
    assert result.route is not None
    assert route is not None
    assert (result.route.label, result.route.probability, result.route.agents) == (
        route.label,
        route.probability,
        route.agents,
    )


# -- What is different ---------------------------------------------------------------


async def test_the_first_call_that_differs_is_named() -> None:
    def asking(*questions: str) -> Callable[[zg.Context], Any]:
        async def run(ctx: zg.Context) -> zg.Reply:
            for question in questions:
                await ctx.complete(
                    [zg.Message.system("Be kind."), zg.Message.user(question)],
                    max_output_tokens=9,
                )
            return zg.Reply(output=None)

        return run

    recording = await record(Offering(a=asking("one", "two", "three")), flow("a"))

    with pytest.raises(zg.ReplayMismatchError) as caught:
        await replay(recording, Offering(a=asking("one", "zwei", "three")))

    error = caught.value
    assert error.cause.startswith("the 2nd model call of step 'a' is not in the")
    assert error.cause.endswith("(agent offering:a, model scripted:any)")
    assert error.details["diff"] == "\n".join(
        (
            "--- recorded",
            "+++ asked now",
            "@@ -1,5 +1,5 @@",
            " [system]",
            " Be kind.",
            " [user]",
            "-two",
            "+zwei",
            " [max_output_tokens] 9",
        )
    )
    assert error.__notes__ == [error.details["diff"]]
    with pytest.raises(zg.ReplayMismatchError, match="where the record of it ends"):
        await replay(recording, Offering(a=asking("one", "two", "three", "four")))


async def test_a_tool_call_that_differs_is_named() -> None:
    @zg.tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    def adding(b: int) -> Offering:
        async def a(ctx: zg.Context) -> zg.Reply:
            return zg.Reply(
                output=(await ctx.call_tool("add", {"a": 1, "b": b})).output
            )

        return Offering(add, a=a)

    recording = await record(adding(2), flow("a"))

    with pytest.raises(zg.ReplayMismatchError) as caught:
        await replay(recording, adding(3))

    assert 'the tool call offering:add {"a": 1, "b": 3} of step' in caught.value.cause
    assert '-  "b": 2\n+  "b": 3' in caught.value.details["diff"]
    live = changed(recording, live=True)
    assert (await replay(live, adding(3))).output == 4


async def test_a_value_that_is_not_recorded_is_named() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=str(await ctx.now()))

    recording = await record(Offering(a=say("x")), flow("a"))

    with pytest.raises(zg.ReplayMismatchError, match="the call of once for 'now'"):
        await replay(recording, Offering(a=a))


@pytest.mark.parametrize("on_error", ["skip", "fallback", "fail"])
async def test_neither_agent_nor_workflow_can_hide_a_difference(on_error: Any) -> None:
    def hiding(question: str) -> Offering:
        async def a(ctx: zg.Context) -> zg.Reply:
            try:
                await ctx.complete([zg.Message.user(question)])
            except zg.ZeroGravityError:
                if on_error != "fail":
                    raise
            return zg.Reply(output="done")

        return Offering(a=a)

    workflow = zg.Workflow("w", (zg.Step("a", agent="a", on_error=on_error),))
    recording = await record(hiding("one"), workflow)

    journal = zg.MemoryJournal()
    with pytest.raises(zg.ReplayMismatchError):
        await replay(recording, hiding("two"), journal=journal, run_id="again")

    last = (await journal.read("again"))[-1]
    assert isinstance(last, zg.RunFailed)
    assert last.error.type == "ReplayMismatchError"


async def test_what_differs_is_real_with_live_and_the_rest_is_not() -> None:
    plugin = Offering(a=ask(), b=ask())
    recording = await record(plugin, flow("a", "b"), "Yes.", "Yes.")
    model = ScriptedProvider("No.")
    prompts = {"a": "something else", "b": ""}
    steps = tuple(zg.Step(n, agent=n, prompt=p) for n, p in prompts.items())
    journal = zg.MemoryJournal()
    result = await replay(
        changed(recording, live=True),
        plugin,
        model,
        workflow=zg.Workflow("test", steps),
        journal=journal,
        run_id="again",
    )

    assert result.output == {"a": "No.", "b": "Yes."}
    assert (result.usage.calls, result.replayed_calls) == (1, 1)
    (said,) = (
        e for e in await journal.read("again") if isinstance(e, zg.ReplayDiverged)
    )
    assert said.step == "a"
    assert "+something else" in said.diff


async def test_a_replay_is_not_charged_to_its_budget() -> None:
    recording = await record(Offering(a=ask(), b=ask()), flow("a", "b", b="a"))

    result = await replay(
        recording,
        Offering(a=ask(), b=ask()),
        options=zg.RunOptions(limits=zg.Limits(calls=1, tokens=1, usd=1e-9)),
    )

    assert (result.status, result.cost_usd) == ("completed", 0.0)


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [(zg.Limits(), 2), (zg.Limits(calls=9), 9), (zg.Limits(tokens=9000), 2)],
    ids=["nothing said", "more said", "another said"],
)
async def test_a_limit_is_as_it_was_recorded_unless_another_is_asked_for(
    wanted: zg.Limits, calls: int
) -> None:
    model = ScriptedProvider("Yes.", repeat=True)
    bound = zg.RunOptions(model="scripted:any", limits=zg.Limits(calls=2))
    async with opened(Offering(a=ask()), model) as engine:
        await engine.run(flow("a"), "do it", options=bound, run_id="r")
        recording, _ = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )

    result = await replay(
        recording, Offering(a=ask()), options=zg.RunOptions(limits=wanted)
    )

    assert result.limits == changed(wanted, calls=calls)


async def test_another_agent_can_be_put_in_the_place_of_one_that_was_asked_for() -> (
    None
):
    plugin = Offering(a=say("a"), b=say("b"), c=say("c"))
    asked_for = zg.RunOptions(model="scripted:any", agents=("b", "c"))
    async with opened(plugin, ScriptedProvider("Yes.")) as engine:
        await engine.run(flow("a", "b"), "do it", options=asked_for, run_id="r")
        recording, _ = await make_recording(
            await engine.journal.read("r"),
            config=engine.config,
            host=engine.host,
            secrets=Secrets(),
        )

    config = zg.Config(overrides_agents={"c": "offering:a"})
    result = await replay(recording, plugin, config=config)

    assert [step.agent for step in result.history] == ["offering:b", "offering:a"]


async def test_without_the_requests_equal_ones_are_answered_all_the_same() -> None:
    recording = await record(Offering(a=ask()), flow("a"))
    bare = changed(recording, requests={}, models={})

    assert (await replay(bare, Offering(a=ask()))).output == "Yes."
    with pytest.raises(zg.ReplayMismatchError) as caught:
        await replay(bare, Offering(a=ask(max_output_tokens=3)))
    assert "diff" not in caught.value.details


async def test_what_cannot_be_asked_again_is_said() -> None:
    model = ScriptedProvider("Yes.", repeat=True)
    async with opened(Offering(a=ask()), model) as engine:
        await engine.run(flow("a"), "do it", options=OPTIONS, run_id="r")
        events = await engine.journal.read("r")
    async with opened(Offering(a=say("I ask no more"), b=say("x"))) as engine:
        recording, missing = await make_recording(
            events, config=engine.config, host=engine.host, secrets=Secrets()
        )
    assert missing == (
        "1 of 1 requests could not be told again: equal ones are answered all the "
        "same, but of one that differs no diff can be shown",
    )
    assert not recording.requests
    async with opened() as engine:
        _, missing = await make_recording(
            events, config=engine.config, host=engine.host, secrets=Secrets()
        )
    assert "there is no agent named 'a'" in missing[0]


async def test_a_replay_that_was_cut_off_goes_on() -> None:
    """With the record it is a replay again; without it is done for real."""
    recording = await record(
        Offering(a=ask(), b=ask()), flow("a", "b", b="a"), "One.", "Two."
    )
    broken = [True]

    async def fragile(ctx: zg.Context) -> zg.Reply:
        if broken:
            raise ValueError("cut here")
        return zg.Reply(output=(await ctx.complete([zg.Message.user(ctx.prompt)])).text)

    model = ScriptedProvider("Real.")
    for source, expected in ((recording, "Two."), (None, "Real.")):
        broken[:] = [True]
        async with opened(Offering(a=ask(), b=fragile), model) as engine:
            with pytest.raises(zg.RunError, match="cut here"):
                await engine.run(
                    recording.workflow, "do it", replay=recording, run_id="again"
                )
            broken.clear()
            result = await engine.resume("again", replay=source)
        assert result.output == expected


async def test_a_wish_for_tools_of_a_recorded_model_is_granted_again() -> None:
    @zg.tool
    def look(at: str) -> str:
        """Look."""
        return f"seen {at}"

    async def a(ctx: zg.Context) -> zg.Reply:
        said = [zg.Message.user("look")]
        wish = await ctx.complete(said, tools=["look"])
        (wanted,) = wish.message.tool_calls
        result = await ctx.call_tool(wanted.name, wanted.arguments)
        said += [wish.message, zg.Message.tool(result)]
        return zg.Reply(output=(await ctx.complete(said, tools=["look"])).text)

    plugin = Offering(look, a=a)
    recording = await record(plugin, flow("a"), call("look", at="it"), "Done.")

    assert (await replay(recording, plugin)).output == "Done."


# -- When an ordinary run is taken up again ------------------------------------------


async def test_what_was_recorded_and_what_is_asked_instead_are_both_said() -> None:
    @zg.tool
    def look(at: str) -> str:
        """Look."""
        return at

    places = ["left", "right"]

    async def fickle(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("look", {"at": places.pop(0)})
        if places:
            raise ValueError("cut here")
        return zg.Reply(output=None)

    async with opened(Offering(look, a=fickle)) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("a"), "do it", run_id="r")
        with pytest.raises(zg.ReplayMismatchError) as caught:
            await engine.resume("r")

    assert caught.value.cause == (
        "step 'a' was recorded with the tool call offering:look "
        '{"at": "left"}, which its agent no longer makes; '
        'instead it makes the tool call offering:look {"at": "right"}'
    )


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            "model",
            "once",
            "model call 1, which its agent no longer makes; instead it "
            "makes the call of once for 'chance'",
        ),
        (
            "once",
            "model",
            "a call of once, which its agent no longer makes; instead it "
            "makes the model call 'why?'",
        ),
        ("once", "", "a call of once, which its agent no longer makes"),
        (
            "once",
            "remaining",
            "a call of once, which its agent no longer makes; "
            "instead it makes another call",
        ),
    ],
)
async def test_whatever_was_asked_is_told(first: str, second: str, said: str) -> None:
    async def chance() -> int:
        return 4

    asks = {
        "model": lambda ctx: ctx.complete([zg.Message.user("why?")]),
        "once": lambda ctx: ctx.once("chance", chance),
        "remaining": lambda ctx: ctx.remaining(),
    }
    left = [first, second]

    async def fickle(ctx: zg.Context) -> zg.Reply:
        if what := left.pop(0):
            await asks[what](ctx)
        if left:
            raise ValueError("cut here")
        return zg.Reply(output=None)

    model = ScriptedProvider("Yes.", repeat=True)
    async with opened(Offering(a=fickle), model) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("a"), "do it", options=OPTIONS, run_id="r")
        with pytest.raises(zg.ReplayMismatchError) as caught:
            await engine.resume("r")

    assert caught.value.cause == f"step 'a' was recorded with {said}"


async def test_what_a_step_had_left_is_told_again() -> None:
    async def a(ctx: zg.Context) -> zg.Reply:
        left = await ctx.remaining()
        said = await ctx.complete([zg.Message.user(f"{left.calls} calls are left")])
        return zg.Reply(output=said.text)

    plugin, limits = Offering(a=a), zg.Config(limits=zg.Limits(calls=7))
    limited = await record(plugin, flow("a"), config=limits)
    free = await record(plugin, flow("a"))

    assert (await replay(limited, plugin)).output == "Yes."
    assert (await replay(free, plugin, config=limits)).output == "Yes."


async def test_a_request_that_has_got_a_new_field_since_is_the_same() -> None:
    """Another version may digest it otherwise; the file has it in full."""
    recording = await record(Offering(a=ask()), flow("a"))
    (key,) = recording.requests
    older = changed(
        recording,
        core="0.0.1",
        requests={"a:of-another-version:1": recording.requests[key]},
        events=tuple(
            changed(event, call_key="a:of-another-version:1")
            if isinstance(event, zg.ModelAnswered)
            else event
            for event in recording.events
        ),
    )

    assert (await replay(older, Offering(a=ask()))).output == "Yes."
    with pytest.raises(zg.ReplayMismatchError, match=r"it is of zerogravity 0\.0\.1"):
        await replay(older, Offering(a=ask(max_output_tokens=3)))


async def test_another_classifier_is_asked() -> None:
    class Judge:
        async def classify(self, text: str) -> zg.Label | None:
            return zg.Label("technical")

    routes = {"general": ("offering:maker",), "technical": ("offering:maker",)}
    judges = {"one": Judge(), "two": Judge()}
    plugin = Offering(classifiers=judges, maker=say("made"))
    workflow = changed(flow("maker"), routed=True)
    config = zg.Config(classifier="one", routes=routes)
    recording = await record(plugin, workflow, config=config)

    other = await replay(recording, plugin, config=changed(config, classifier="two"))

    assert other.route is not None
    assert other.route.classifier == "offering:two"
    async with opened(plugin, config=config) as engine:
        again = await engine.run(workflow, "do that", replay=recording)
    assert again.output == "made"


async def test_a_strange_error_of_a_recording_is_still_an_error_of_a_model() -> None:
    recording = await record(
        Offering(a=ask()), flow("a"), zg.ProviderRequestError("too rude")
    )
    strange = zg.ErrorInfo(type="Any", cause="so be it", details={"cause": "x"})
    spoilt = changed(
        recording,
        events=tuple(
            changed(event, error=strange)
            if isinstance(event, zg.ModelFailed)
            else event
            for event in recording.events
        ),
    )

    with pytest.raises(zg.ProviderError, match="so be it"):
        await replay(spoilt, Offering(a=ask()))
