"""A guardrail checks what passes, may change or refuse it, and fails closed.

One file, since five subjects are held to the same promises.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import anyio
import pytest
from offering import Offering, ask, flow, say

import zg_core as zg
from zg_core._codec import digest
from zg_core._secrets import Secrets
from zg_core.running.recorder import TextDelta
from zg_core.testing import ScriptedProvider, call

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")


class Checks:
    """A guardrail of certain subjects, made of a function of the payload."""

    def __init__(self, verdict: Any, *subjects: zg.Subject) -> None:
        self.spec = {
            "stages": frozenset({"input", "tool_call", "output"}),
            "subjects": frozenset(subjects),
        }
        self.seen: list[tuple[Any, zg.Inspection]] = []
        self._verdict = verdict

    def check(self, payload: Any, ctx: zg.Inspection) -> Any:
        self.seen.append((payload, ctx))
        return self._verdict(payload) if callable(self._verdict) else self._verdict

    @property
    def payloads(self) -> list[Any]:
        return [payload for payload, _ in self.seen]


ALLOW = zg.Verdict(True)
REFUSE = zg.Verdict(False, "too rude")


def becomes(replacement: Any) -> zg.Verdict:
    return zg.Verdict(True, "better so", replacement)


def upper(text: str) -> zg.Verdict:
    return becomes(text.upper())


def enabled(*names: str, **rules: Any) -> zg.Config:
    return zg.Config(guardrails_enabled=names, guardrails=rules)


def opened(
    *plugins: Any, config: zg.Config | None = None, journal: Any = None, **kw: Any
) -> Any:
    """Open an engine whose guardrails, if not told otherwise, are those of *kw*."""
    config = config or enabled(*kw.get("guardrails", {}))
    return zg.Engine.open(
        Offering(**kw),
        *plugins,
        config=config,
        journal=journal or zg.MemoryJournal(),
        discover=False,
    )


async def decisions(engine: zg.Engine) -> list[zg.GuardrailDecided]:
    events = await engine.journal.read("r1")
    return [event for event in events if isinstance(event, zg.GuardrailDecided)]


async def happened(engine: zg.Engine) -> list[str]:
    return [type(event).__name__ for event in await engine.journal.read("r1")]


# -- The objective ---------------------------------------------------------------------


async def test_a_changed_objective_is_what_the_run_is_about() -> None:
    seen: list[str] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        seen.extend([ctx.objective, ctx.prompt])
        return zg.Reply(output=None)

    class Router:
        async def classify(self, text: str) -> zg.Label:
            seen.append(text)
            return zg.Label("mine", 1.0, "")

    config = replace(
        enabled("loud"),
        classifier="offering:router",
        routes={"mine": ("a",), "general": ("a",)},
    )
    workflow = zg.Workflow("w", (zg.Step("a", agent="a"),), routed=True)
    loud = Checks(upper, "objective")
    async with opened(
        config=config,
        a=agent,
        classifiers={"router": Router()},
        guardrails={"loud": loud},
    ) as engine:
        result = await engine.run(workflow, "make it", run_id="r1")

    assert seen == ["MAKE IT", "MAKE IT", "MAKE IT"]
    assert result.objective == "make it"
    assert loud.payloads == ["make it"]


async def test_a_refused_objective_fails_the_run_before_any_step() -> None:
    verdicts = [REFUSE, ALLOW]
    rude = Checks(lambda _: verdicts.pop(0), "objective")
    async with opened(a=say("done"), guardrails={"rude": rude}) as engine:
        with pytest.raises(zg.GuardrailError, match=r"'offering:rude'.*too rude"):
            await engine.run(flow("a"), "x", run_id="r1")
        failed = await happened(engine)
        result = await engine.resume("r1")

    assert failed == ["RunAccepted", "RunStarted", "GuardrailDecided", "RunFailed"]
    assert result.output == "done"


async def test_after_a_refusal_all_are_asked_again() -> None:
    verdicts = [REFUSE, ALLOW]
    first = Checks(lambda text: becomes(text + "!"), "objective")
    second = Checks(lambda _: verdicts.pop(0), "objective")
    guardrails = {"first": first, "second": second}
    async with opened(a=say("ok"), guardrails=guardrails) as engine:
        with pytest.raises(zg.GuardrailError):
            await engine.run(flow("a"), "x", run_id="r1")
        await engine.resume("r1")

    assert first.payloads == ["x", "x"]
    assert second.payloads == ["x!", "x!"]


async def test_a_decided_objective_is_not_asked_about_again() -> None:
    """Also where the run was cut between two guardrails."""
    journal = Cut()
    first, second = Checks(upper, "objective"), Checks(ALLOW, "objective")
    async with opened(
        a=say("done"), journal=journal, guardrails={"first": first, "second": second}
    ) as engine:
        await engine.accept(flow("a"), "x", run_id="r1")
        for after in (3, 6):
            journal.after = after
            with pytest.raises(zg.JournalError):
                await engine.resume("r1")
        journal.after = None
        await engine.resume("r1")

    assert (first.payloads, second.payloads) == (["x"], ["X"])


async def test_a_run_on_its_results_is_told_the_objective_as_it_was_left() -> None:
    loud = Checks(upper, "objective")
    seen: list[str] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        seen.append(ctx.prompt)
        return zg.Reply(output="done")

    async with opened(a=agent, guardrails={"loud": loud}) as engine:
        await engine.run(flow("a"), "make", run_id="r1")
        await engine.run(flow("a"), "more", options=zg.RunOptions(follows="r1"))

    assert seen[1] == "MORE\n\n## Before\n\nMAKE\n\ndone"


class Cut(zg.MemoryJournal):
    """A journal whose owner dies right after one event is on disk."""

    after: int | None = None

    async def append(self, run_id: str, epoch: int, events: Any, **kw: Any) -> None:
        await super().append(run_id, epoch, events, **kw)
        if self.after is not None and events[-1].seq >= self.after:
            raise zg.JournalError("the machine died")


# -- What goes to models ---------------------------------------------------------------


async def test_every_text_that_goes_to_a_model_is_checked_once() -> None:
    messages = [
        zg.Message.system("be brief"),
        zg.Message.user("hello"),
        zg.Message(
            role="assistant",
            parts=(
                zg.Text(text=""),
                zg.ToolCall(call_id="1", name="look", arguments={"a": 1}),
            ),
        ),
        zg.Message.tool(
            zg.ToolResult(call_id="1", output="text"),
            zg.ToolResult(call_id="2", output={"x": [1]}),
            zg.ToolResult(call_id="3", error="wrong"),
        ),
    ]

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.complete(messages)
        await ctx.complete([*messages, zg.Message.user("more")])
        return zg.Reply(output=None)

    loud = Checks(upper, "message")
    model = ScriptedProvider("ok", repeat=True)
    async with opened(model, a=agent, guardrails={"loud": loud}) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        about = (await decisions(engine))[0]

    assert loud.payloads == [
        *("be brief", "hello", "text", '{"x": [1]}', "wrong"),
        "more",
    ]
    assert [m.text for m in model.requests[1].messages] == [
        *("BE BRIEF", "HELLO", "", 'TEXT{"X": [1]}WRONG', "MORE")
    ]
    assert model.requests[0].messages[3].parts[2] == zg.ToolResult(
        call_id="3", error="WRONG"
    )
    assert (about.stage, about.subject, about.step) == ("input", "message", "a")
    assert loud.seen[0][1] == zg.Inspection(
        run_id="r1", stage="input", subject="message", step="a", agent="offering:a"
    )


async def test_the_same_text_in_calls_at_once_is_checked_once() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        async with anyio.create_task_group() as tasks:
            for number in range(3):
                text = zg.Message.user("same"), zg.Message.user(str(number))
                tasks.start_soon(ctx.complete, text)
        return zg.Reply(output=None)

    loud = Checks(upper, "message")
    model = ScriptedProvider("ok", repeat=True)
    async with opened(model, a=agent, guardrails={"loud": loud}) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS)

    assert sorted(loud.payloads) == ["0", "1", "2", "same"]


async def test_a_refused_message_is_not_sent_and_a_replay_refuses_it_too() -> None:
    verdicts = [REFUSE, ALLOW]
    rude = Checks(lambda _: verdicts.pop(0), "message")
    fails = [True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        try:
            await ctx.complete([zg.Message.user("x")])
        except zg.GuardrailError as error:
            if fails.pop():
                raise zg.RunError("cut here") from None
            return zg.Reply(output=str(error))
        return zg.Reply(output="it was sent")

    model = ScriptedProvider("ok", repeat=True)
    async with opened(model, a=agent, guardrails={"rude": rude}) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        fails.append(False)
        result = await engine.resume("r1")

    assert "too rude" in result.output
    assert (len(rude.seen), model.requests) == (1, [])


async def test_a_step_that_failed_for_a_refused_message_may_ask_it_again() -> None:
    verdicts = [REFUSE, ALLOW]
    rude = Checks(lambda _: verdicts.pop(0), "message")
    async with opened(
        ScriptedProvider("sent"), a=ask(), guardrails={"rude": rude}
    ) as engine:
        with pytest.raises(zg.GuardrailError):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        result = await engine.resume("r1")

    assert result.output == "sent"


# -- What tools are called with --------------------------------------------------------


@zg.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def calling(**arguments: Any) -> Any:
    async def agent(ctx: zg.Context) -> zg.Reply:
        result = await ctx.call_tool("add", dict(arguments))
        return zg.Reply(output=[result.output, result.error])

    return agent


async def adding(verdict: Any) -> tuple[list[Any], Checks, list[zg.Event]]:
    """Call the tool with 1 and 2, once the guardrail has spoken."""
    guardrail = Checks(verdict, "arguments")
    plugin = Offering(add, a=calling(a=1, b=2), guardrails={"g": guardrail})
    async with zg.Engine.open(
        plugin, config=enabled("g"), journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("a"), "x", run_id="r1")
        return result.output, guardrail, await engine.journal.read("r1")


async def test_a_tool_is_called_with_what_a_guardrail_made_of_the_arguments() -> None:
    output, guardrail, events = await adding(becomes({"a": 1, "b": 40}))

    started = next(e for e in events if isinstance(e, zg.ToolStarted))
    asked = f"a:{digest(('offering:add', {'a': 1, 'b': 2}))[:32]}:1"
    assert output == [41, None]
    assert started.arguments == {"a": 1, "b": 40}
    assert started.call_key == asked
    assert guardrail.seen[0][1].tool == "offering:add"


async def test_changed_arguments_must_still_fit() -> None:
    output, _, _ = await adding(becomes({"a": "one", "b": 2}))

    assert "the arguments do not fit" in output[1]


async def test_the_model_is_told_why_arguments_were_refused() -> None:
    output, _, events = await adding(REFUSE)

    assert output == [
        None,
        "guardrail 'offering:g' refused the arguments of the call: too rude",
    ]
    assert isinstance(events[-3], zg.ToolFinished)


async def test_a_guardrail_cannot_change_what_it_is_given() -> None:
    def spoil(arguments: Any) -> zg.Verdict:
        arguments["a"] = 1000
        return ALLOW

    output, _, _ = await adding(spoil)

    assert output == [3, None]


# -- What models answer ----------------------------------------------------------------


async def test_the_journal_holds_the_answer_as_a_guardrail_left_it() -> None:
    loud = Checks(upper, "answer")
    model = ScriptedProvider(("so ", call("add", a=1), "be it"))

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")])
        return zg.Reply(output=[answer.text, len(answer.message.tool_calls)])

    async with opened(model, a=agent, guardrails={"loud": loud}) as engine:
        result = await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        events = await engine.journal.read("r1")

    answered = next(e for e in events if isinstance(e, zg.ModelAnswered))
    assert result.output == ["SO BE IT", 1]
    assert answered.response.text == "SO BE IT"
    assert loud.payloads == ["so be it"]


async def test_an_answer_without_text_is_not_checked() -> None:
    loud = Checks(upper, "answer")
    async with opened(
        ScriptedProvider(call("add")), a=ask(), guardrails={"loud": loud}
    ) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS)

    assert loud.seen == []


async def test_a_refused_answer_is_paid_for_and_never_kept() -> None:
    rude = Checks(REFUSE, "answer")
    model = ScriptedProvider("a rude word", repeat=True)
    options = zg.RunOptions(model="scripted:one, scripted:two")
    caught: list[zg.GuardrailError] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        for _ in range(2):
            try:
                await ctx.complete([zg.Message.user("x")])
            except zg.GuardrailError as error:
                caught.append(error)
        return zg.Reply(output=len(caught))

    async with opened(model, a=agent, guardrails={"rude": rude}) as engine:
        result = await engine.run(flow("a"), "x", options=options, run_id="r1")
        events = await engine.journal.read("r1")

    answers = [e for e in events if isinstance(e, zg.ModelAnswered)]
    assert len(model.requests) == 2  # no other model was tried
    assert [(a.response.text, a.response.stop_reason) for a in answers] == [
        ("", "refusal")
    ] * 2
    assert (result.usage.calls, result.usage.total_tokens) == (2, 8)
    assert "a rude word" not in str(events)
    assert [e.details["subject"] for e in caught] == ["answer", "answer"]


async def test_a_replay_refuses_the_same_answer_with_the_same_words() -> None:
    rude = Checks(REFUSE, "answer")
    caught: list[str] = []
    fails = [False, True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        try:
            await ctx.complete([zg.Message.user("x")])
        except zg.GuardrailError as error:
            caught.append(f"{error} {error.details}")
        if fails.pop():
            raise ValueError("cut here")
        return zg.Reply(output=None)

    model = ScriptedProvider("word", repeat=True)
    async with opened(model, a=agent, guardrails={"rude": rude}) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        await engine.resume("r1")

    assert caught[0] == caught[1]
    assert len(model.requests) == len(rude.seen) == 1


async def test_a_step_that_failed_for_a_refused_answer_may_get_another() -> None:
    verdicts = [REFUSE, ALLOW]
    rude = Checks(lambda _: verdicts.pop(0), "answer")
    model = ScriptedProvider("rude", "polite")
    async with opened(model, a=ask(), guardrails={"rude": rude}) as engine:
        with pytest.raises(zg.GuardrailError):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        result = await engine.resume("r1")

    assert result.output == "polite"
    assert result.usage.calls == 2


async def test_nothing_of_an_answer_is_streamed_before_it_is_checked() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        chunks = [c async for c in ctx.stream([zg.Message.user("x")])]
        return zg.Reply(output=[chunk.text for chunk in chunks])

    loud = Checks(upper, "answer")
    model = ScriptedProvider("one two three")
    async with (
        opened(model, a=agent, guardrails={"loud": loud}) as engine,
        aclosing(engine.stream(flow("a"), "x", options=OPTIONS, deltas=True)) as items,
    ):
        found = [item async for item in items]

    assert not any(isinstance(item, TextDelta) for item in found)
    assert found[-1].output == ["ONE TWO THREE", ""]


async def test_where_only_replies_are_checked_answers_are_streamed() -> None:
    quiet = Checks(ALLOW, "reply")
    model = ScriptedProvider("one two")
    async with (
        opened(model, a=ask(), guardrails={"quiet": quiet}) as engine,
        aclosing(engine.stream(flow("a"), "x", options=OPTIONS, deltas=True)) as items,
    ):
        found = [item.text async for item in items if isinstance(item, TextDelta)]

    assert found == ["one ", "two"]


# -- What steps reply ------------------------------------------------------------------


async def test_a_reply_is_recorded_as_a_guardrail_left_it_and_files_as_written() -> (
    None
):
    async def agent(ctx: zg.Context) -> zg.Reply:
        path = await ctx.write_artifact("a.html", "<script>")
        return zg.Reply(output={"html": "<script>"}, artifacts=(path,))

    clean = Checks(lambda _: becomes({"html": ""}), "reply")
    async with opened(a=agent, guardrails={"clean": clean}) as engine:
        result = await engine.run(flow("a"), "x")
        file = engine.config.out

    assert result.output == {"html": ""}
    assert clean.payloads == [{"html": "<script>"}]
    async with await anyio.open_file(f"{result.out}/a.html") as written:
        assert await written.read() == "<script>"
    assert file in result.out


@pytest.mark.parametrize(
    ("replacement", "fits"), [(2, True), (2.5, True), (True, False), ([2], False)]
)
async def test_a_reply_is_replaced_by_its_like(replacement: Any, fits: bool) -> None:
    g = Checks(becomes(replacement), "reply")
    agent = say(1)  # type: ignore[arg-type]
    async with opened(a=agent, guardrails={"g": g}) as engine:
        if fits:
            assert (await engine.run(flow("a"), "x")).output == replacement
        else:
            with pytest.raises(zg.GuardrailError, match="would replace a number by"):
                await engine.run(flow("a"), "x")


@pytest.mark.parametrize(
    ("on_error", "status"), [("skip", "degraded"), ("fallback", "degraded")]
)
async def test_a_refused_reply_is_a_failure_of_its_step(
    on_error: Any, status: str
) -> None:
    workflow = zg.Workflow("w", (zg.Step("a", agent="a", on_error=on_error),))
    async with opened(a=say("no"), guardrails={"g": Checks(REFUSE, "reply")}) as engine:
        result = await engine.run(workflow, "x")

    assert result.status == status
    assert result.history[0].error.type == "GuardrailError"


async def test_a_refused_reply_fails_the_run_if_the_workflow_says_so() -> None:
    verdicts = [REFUSE, ALLOW]
    g = Checks(lambda _: verdicts.pop(0), "reply")
    async with opened(a=say("no"), guardrails={"g": g}) as engine:
        with pytest.raises(zg.GuardrailError, match="the reply of step 'a'"):
            await engine.run(flow("a"), "x", run_id="r1")
        result = await engine.resume("r1")

    assert result.output == "no"


# -- Which are asked -------------------------------------------------------------------


async def test_several_are_asked_in_the_configured_order() -> None:
    guardrails = {
        "a": Checks(lambda text: becomes(text + "a"), "objective"),
        "b": Checks(lambda text: becomes(text + "b"), "objective"),
    }
    names = "b", "offering:a", "offering:b"  # the last is there already
    async with opened(
        config=enabled(*names), x=say("ok"), guardrails=guardrails
    ) as engine:
        await engine.run(flow("x"), "-", run_id="r1")
        made = await decisions(engine)

    assert [d.replacement for d in made] == ["-b", "-ba"]
    assert [d.guardrail for d in made] == ["offering:b", "offering:a"]


async def test_a_guardrail_sees_what_it_stands_at() -> None:
    late = Checks(ALLOW)
    late.spec = {"stages": frozenset({"output"})}
    model = ScriptedProvider("answer")
    async with opened(model, a=ask(), guardrails={"late": late}) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS)

    assert [about.subject for _, about in late.seen] == ["answer", "reply"]


def test_it_checks_where_nothing_is_asynchronous(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ZG_GUARDRAILS", "loud")
    plugin = Offering(a=say("ok"), guardrails={"loud": Checks(upper)})

    assert zg.run_sync(flow("a"), "x", plugin).output == "OK"


async def test_one_that_is_installed_but_not_enabled_is_not_asked() -> None:
    g = Checks(REFUSE)
    async with opened(config=zg.Config(), a=say("ok"), guardrails={"g": g}) as engine:
        await engine.run(flow("a"), "x", run_id="r1")

        assert await decisions(engine) == []


async def test_one_that_is_not_there_is_refused_before_anything_is_changed() -> None:
    journal = zg.MemoryJournal()
    config = replace(enabled("gone"), origins={"guardrails.enabled": "user file"})
    async with opened(a=say("ok"), journal=journal, config=config) as engine:
        with pytest.raises(zg.ConfigError, match=r"gone.*guardrails\.enabled.*user"):
            await engine.run(flow("a"), "x", run_id="r1")
        with pytest.raises(zg.RunNotFoundError):
            await journal.read("r1")

    async with opened(a=say("ok"), config=enabled("gone")) as engine:
        with pytest.raises(zg.UnknownNameError):
            await engine.run(flow("a"), "x")


async def test_a_run_is_not_done_by_an_engine_without_its_guardrail() -> None:
    journal = zg.MemoryJournal()
    async with opened(a=say("ok"), journal=journal) as engine:
        await engine.accept(flow("a"), "x", run_id="r1")
    async with opened(a=say("ok"), journal=journal, config=enabled("gone")) as engine:
        with pytest.raises(zg.UnknownNameError):
            await engine.resume("r1")
        assert await happened(engine) == ["RunAccepted", "RunFailed"]


async def test_a_plugin_that_decides_is_recorded_before_it_does() -> None:
    """Also where it came in when the run was taken up again."""
    journal = zg.MemoryJournal()
    fails = [False, True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        if fails.pop():
            raise ValueError("cut here")
        return zg.Reply(output=None)

    async with opened(a=agent, journal=journal) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(flow("a"), "x", run_id="r1")
    late = Offering(called="late", guardrails={"g": Checks(ALLOW, "reply")})
    config = enabled("late:g")
    async with opened(late, a=agent, journal=journal, config=config) as engine:
        await engine.resume("r1")
        (decided,) = await decisions(engine)
        events = await journal.read("r1")

    loaded = [e for e in events if isinstance(e, zg.PluginLoaded)]
    assert [e.plugin.id for e in loaded] == ["late"]
    assert loaded[0].seq < decided.seq


async def test_a_run_that_has_begun_keeps_its_objective() -> None:
    journal = zg.MemoryJournal()
    fails = [False, True]

    async def agent(ctx: zg.Context) -> zg.Reply:
        if fails.pop():
            raise ValueError("cut here")
        return zg.Reply(output=ctx.objective)

    async with opened(a=agent, journal=journal) as engine:
        with pytest.raises(zg.RunError):
            await engine.run(flow("a"), "x", run_id="r1")
    loud = Checks(upper, "objective")
    async with opened(a=agent, journal=journal, guardrails={"loud": loud}) as engine:
        result = await engine.resume("r1")

    assert result.output == "x"
    assert loud.seen == []


# -- Failing closed --------------------------------------------------------------------


class Broken(BaseException):
    """What nobody expects a guardrail to raise."""


def raising(error: BaseException) -> Any:
    def check(payload: Any) -> Any:
        raise error

    return check


class Circular(list[Any]):
    def __init__(self) -> None:
        self.append(self)


class Odd(zg.Verdict):
    @property
    def allow(self) -> bool:  # type: ignore[override]
        raise Broken


BAD = {
    "raises": raising(ValueError("boom")),
    "exits": raising(SystemExit(0)),
    "raises anything": raising(Broken()),
    "stops": raising(StopIteration()),
    "interrupts": raising(KeyboardInterrupt()),
    "cancels": raising(asyncio.CancelledError()),
    "returns nothing": None,
    "returns text": lambda text: text,
    "returns a class": zg.Verdict,
    "says neither yes nor no": zg.Verdict("yes"),  # type: ignore[arg-type]
    "says why in a number": zg.Verdict(True, 3),  # type: ignore[arg-type]
    "replaces text by a list": becomes(["x"]),
    "replaces text by what is no JSON": becomes(object()),
    "replaces text by itself": becomes(Circular()),
    "replaces text by half a letter": becomes("\ud800"),
    "is odd": object.__new__(Odd),
}


@pytest.mark.parametrize("verdict", BAD.values(), ids=BAD)
@pytest.mark.parametrize("rule", ["block", "allow"])
async def test_one_that_gives_no_verdict_refuses_unless_the_user_says(
    verdict: Any, rule: str
) -> None:
    bad = Checks(verdict, "objective")
    config = enabled("bad", **{"offering:bad": {"on_error": rule}})
    async with opened(config=config, a=say("ok"), guardrails={"bad": bad}) as engine:
        with anyio.fail_after(5):
            if rule == "allow":
                assert (await engine.run(flow("a"), "x", run_id="r1")).output == "ok"
            else:
                with pytest.raises(zg.GuardrailError, match="offering:bad"):
                    await engine.run(flow("a"), "x", run_id="r1")
        (decided,) = await decisions(engine)

    assert decided.failed
    assert decided.allow == (rule == "allow")
    assert decided.before_sha256 == decided.after_sha256 == digest("x")
    assert "offering:bad" in decided.reason


async def wait_for_ever(payload: Any, ctx: zg.Inspection) -> zg.Verdict:
    await anyio.sleep_forever()
    raise AssertionError


def block(payload: Any, ctx: zg.Inspection) -> zg.Verdict:
    threading.Event().wait(20)
    return ALLOW


async def cancel_itself(payload: Any, ctx: zg.Inspection) -> zg.Verdict:
    raise anyio.get_cancelled_exc_class()


@pytest.mark.parametrize("check", [wait_for_ever, block, cancel_itself])
async def test_one_that_hangs_refuses(check: Any) -> None:
    config = enabled("bad", bad={"timeout_seconds": 0.1})
    async with opened(config=config, a=say("ok"), guardrails={"bad": check}) as engine:
        with anyio.fail_after(5), pytest.raises(zg.GuardrailError) as caught:
            await engine.run(flow("a"), "x")

    assert "offering:bad" in caught.value.cause


async def test_one_may_be_asynchronous_or_return_what_is_to_be_awaited() -> None:
    async def check(payload: Any, ctx: zg.Inspection) -> zg.Verdict:
        await anyio.lowlevel.checkpoint()
        return becomes(payload + "!")

    def late(payload: Any, ctx: zg.Inspection) -> Any:
        return check(payload, ctx)

    guardrails = {"one": check, "two": late}
    async with opened(a=say("ok"), guardrails=guardrails) as engine:
        result = await engine.run(flow("a"), "x")

    assert result.output == "ok!!"


class Unmade:
    """A plugin whose guardrail cannot be made."""

    @zg.hookimpl
    def zg_register_guardrails(self) -> list[zg.GuardrailSpec]:
        stages = frozenset({"output"})
        return [
            zg.GuardrailSpec(name="unmade", factory="no:where", stages=stages)  # type: ignore[arg-type]
        ]


async def test_one_that_cannot_be_made_refuses_before_the_run() -> None:
    async with opened(Unmade(), a=say("ok"), config=enabled("unmade")) as engine:
        with pytest.raises(zg.PluginError, match=r"'unmade'.*could not be created"):
            await engine.run(flow("a"), "x", run_id="r1")
        with pytest.raises(zg.RunNotFoundError):
            await engine.journal.read("r1")


async def test_one_that_cannot_be_made_may_be_allowed_to_be_missing() -> None:
    config = enabled("unmade", unmade={"on_error": "allow"})
    async with opened(Unmade(), a=say("ok"), config=config) as engine:
        result = await engine.run(flow("a"), "x", run_id="r1")
        (decided,) = await decisions(engine)

    assert result.output == "ok"
    assert decided.failed
    assert "could not be made" in decided.reason


@pytest.mark.parametrize(
    ("stages", "subjects"),
    [(frozenset({"inputs"}), ()), (frozenset({"input"}), {"reply"}), (None, ())],
)
async def test_one_that_checks_nothing_is_none(stages: Any, subjects: Any) -> None:
    nothing = Checks(ALLOW)
    nothing.spec = {"stages": stages, "subjects": subjects}
    async with opened(a=say("ok"), guardrails={"nothing": nothing}) as engine:
        with pytest.raises(zg.UnknownNameError, match="nothing"):
            await engine.run(flow("a"), "x")

    assert [found.code for found in engine.host.diagnostics] == ["ZG212"]


# -- What is recorded ------------------------------------------------------------------


async def test_what_is_recorded_of_it_holds_no_secret() -> None:
    key = "very-secret-key"
    secrets = Secrets()
    secrets.add(key)

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=f"{key} a")

    g = Checks(lambda text: zg.Verdict(True, text, text + "b"), "reply")
    async with zg.Engine.open(
        Offering(a=agent, guardrails={"g": g}),
        config=enabled("g"),
        journal="memory",
        discover=False,
        secrets=secrets,
    ) as engine:
        result = await engine.run(flow("a"), "x", run_id="r1")
        (decided,) = await decisions(engine)

    assert g.payloads == [f"{key} a"]
    assert decided.reason == "[secret] a"
    assert decided.replacement == result.output == "[secret] ab"
    assert decided.after_sha256 == digest(result.output)


async def test_one_that_cancels_itself_gave_no_verdict() -> None:
    class Ends:
        spec = Checks(None, "objective").spec

        async def check(self, payload: Any, ctx: zg.Inspection) -> zg.Verdict:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
            return ALLOW

    async with opened(a=say("done"), guardrails={"ends": Ends()}) as engine:
        with pytest.raises(zg.GuardrailError, match="cancelled itself"):
            await engine.run(flow("a"), "x", run_id="r1")
        [decided] = await decisions(engine)

    assert decided.failed


async def test_what_a_provider_says_beside_its_text_does_not_pass_unseen() -> None:
    seen: list[Any] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")])
        seen.append((answer.text, answer.data))
        return zg.Reply(output=None)

    said = zg.Response(message=zg.Message.assistant("polite"), data={"rude": True})
    looks = Checks(ALLOW, "answer")
    async with opened(
        ScriptedProvider(said), a=agent, guardrails={"looks": looks}
    ) as engine:
        await engine.run(flow("a"), "x", options=OPTIONS)

    assert seen == [("polite", None)]


@pytest.mark.parametrize("section", ["breaks", "offering:breaks"])
@pytest.mark.parametrize("name", ["breaks", "offering:breaks"])
async def test_what_holds_for_one_is_found_by_any_of_its_names(
    section: str, name: str
) -> None:
    breaks = Checks(lambda _: 1 / 0, "objective")
    config = enabled(name, **{section: {"on_error": "allow"}})
    async with opened(
        a=say("done"), config=config, guardrails={"breaks": breaks}
    ) as engine:
        assert (await engine.run(flow("a"), "x")).output == "done"


async def test_what_holds_for_one_that_is_not_there_is_noted() -> None:
    config = enabled("looks", lokks={"on_error": "allow"})
    looks = Checks(ALLOW, "objective")
    async with opened(
        a=say("done"), config=config, guardrails={"looks": looks}
    ) as engine:
        await engine.run(flow("a"), "x")
        [noted] = [d for d in engine.host.diagnostics if d.code == "ZG131"]

    assert "guardrails.lokks" in noted.message
    assert "looks" in noted.hint
