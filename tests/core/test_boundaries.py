"""What plugins may see and spoil: nothing that is not theirs.

One file, since it is one list: each thing a plugin is handed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from offering import Offering, ask, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider

pytestmark = pytest.mark.anyio
OPTIONS = zg.RunOptions(model="scripted:any")
CANARY = "sk-canary-0123456789"


class Dying(zg.MemoryJournal):
    """A journal whose disk is full from one kind of event on."""

    def __init__(self, kind: type[zg.Event]) -> None:
        super().__init__()
        self.kind: type[zg.Event] | None = kind

    async def append(
        self,
        run_id: str,
        epoch: int,
        events: Sequence[zg.Event],
        *,
        durable: bool = True,
    ) -> None:
        if self.kind is not None and isinstance(events[-1], self.kind):
            raise zg.JournalError("the disk is full")
        await super().append(run_id, epoch, events, durable=durable)


# -- Secrets and settings ------------------------------------------------------------


async def test_a_live_run_sees_what_a_resumed_one_would_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", CANARY)
    cut = [True]

    @zg.tool
    def leak() -> str:
        """Give the key away."""
        return f"the key is {CANARY}"

    async def agent(ctx: zg.Context) -> zg.Reply:
        found = (await ctx.call_tool("leak", {})).text
        answer = await ctx.complete([zg.Message.user(found)])
        if cut.pop():
            cut.append(False)
            raise ValueError("cut here")
        return zg.Reply(output=[found, answer.text])

    model = ScriptedProvider(lambda request: request.messages[-1].text, repeat=True)
    async with zg.Engine.open(
        Offering(leak, a=agent), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError, match="cut here"):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        result = await engine.resume("r1")

    assert result.output == ["the key is [secret]"] * 2
    assert len(model.requests) == 1


async def test_a_tool_has_its_own_plugins_settings_and_no_others() -> None:
    seen: list[dict[str, Any]] = []

    @zg.tool
    async def spy(ctx: zg.Context) -> None:
        """Look at the settings."""
        seen.append(dict(ctx.settings))

    class Main(Offering):
        pass

    class Other(Offering):
        pass

    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.call_tool("spy", {})
        return zg.Reply(output=dict(ctx.settings))

    sections = {"main": {"key": "the agent's"}, "other": {"key": "the tool's"}}
    async with zg.Engine.open(
        Main(a=agent),
        Other(spy),
        config=zg.Config(plugins_config=sections),
        journal="memory",
        discover=False,
    ) as engine:
        result = await engine.run(flow("a"), "x")

    assert seen == [{"key": "the tool's"}]
    assert result.output == {"key": "the agent's"}


async def test_a_tool_that_needs_approval_is_refused_if_nobody_may_be_asked() -> None:
    called: list[str] = []

    @zg.tool(requires_approval=True)
    def pay() -> None:
        """Pay."""
        called.append("paid")

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("pay", {})).error)

    async with zg.Engine.open(
        Offering(pay, a=agent), journal="memory", discover=False
    ) as engine:
        options = zg.RunOptions(approve="never")
        result = await engine.run(flow("a"), "x", options=options)

    assert "needs a person's approval" in result.output
    assert called == []


# -- What cannot be written -----------------------------------------------------------


@zg.tool
def half() -> str:
    """Return half of a surrogate pair."""
    return "half \ud83d"


@zg.tool
def deep() -> Any:
    """Return more levels than a journal can hold."""
    value: Any = "end"
    for _ in range(600):
        value = [value]
    return value


@zg.tool
def unnamed() -> None:
    """Fail over a file whose name is no text."""
    raise OSError("no such file: \udcff")


@pytest.mark.parametrize(
    ("tool", "said"), [(half, "half ?"), (deep, "no JSON"), (unnamed, "no such file")]
)
async def test_what_a_tool_gives_never_spoils_the_journal(
    tool: zg.ToolSpec, said: str
) -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool(tool.name, {})).text)

    async with zg.Engine.open(
        Offering(tool, a=agent), journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("a"), "x")

    assert said in result.output


async def test_what_an_agent_gives_is_its_own_failure() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        await ctx.progress("half \ud83d")
        return zg.Reply(output=None)

    async with zg.Engine.open(
        Offering(a=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError, match="came from step 'a'"):
            await engine.run(flow("a"), "x", run_id="r1")
        assert (await engine.result("r1")).status == "failed"


async def test_artifacts_must_be_paths() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=None, artifacts=(1,))  # type: ignore[arg-type]

    async with zg.Engine.open(
        Offering(a=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunError, match="not a Reply with an output and paths"):
            await engine.run(flow("a"), "x")


# -- A journal that fails -------------------------------------------------------------


async def test_after_a_failed_write_nothing_more_is_asked_or_done() -> None:
    async def stubborn(ctx: zg.Context) -> zg.Reply:
        for _ in range(3):
            try:
                await ctx.complete([zg.Message.user("again")])
            except zg.JournalError:
                continue
        return zg.Reply(output="as if nothing had happened")

    model = ScriptedProvider("x", repeat=True)
    journal = Dying(zg.ModelAnswered)
    async with zg.Engine.open(
        Offering(a=stubborn), model, journal=journal, discover=False
    ) as engine:
        with pytest.raises(zg.JournalError, match="the disk is full"):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        assert len(model.requests) == 1

        journal.kind = None
        result = await engine.resume("r1")

    assert result.status == "completed"


# -- Limits over a crash --------------------------------------------------------------


@pytest.mark.parametrize(
    "limits", [zg.Limits(calls=3), zg.Limits(tokens=60)], ids=["calls", "tokens"]
)
async def test_a_limit_holds_however_often_a_run_is_cut(limits: zg.Limits) -> None:
    class Uncounted(ScriptedProvider):
        async def complete(self, request: zg.Request) -> zg.Response:
            await super().complete(request)
            return zg.Response(message=zg.Message.assistant("x"), usage=zg.Usage())

    async def agent(ctx: zg.Context) -> zg.Reply:
        for number in range(10):
            ask = [zg.Message.user(f"question {number}")]
            await ctx.complete(ask, max_output_tokens=10)
        return zg.Reply(output=None)

    model = Uncounted("x", repeat=True)
    journal = Dying(zg.ModelAnswered)
    options = zg.RunOptions(model="scripted:any", limits=limits)
    async with zg.Engine.open(
        Offering(a=agent), model, journal=journal, discover=False
    ) as engine:
        await engine.accept(flow("a"), "x", options=options, run_id="r1")
        for _ in range(6):
            with pytest.raises((zg.JournalError, zg.LimitError)):
                await engine.resume("r1")

    assert len(model.requests) <= 3


# -- Tools that must not be repeated --------------------------------------------------


async def test_a_cancel_waits_for_the_receipt_of_what_must_not_be_repeated() -> None:
    began, paid = anyio.Event(), []

    @zg.tool(effect="once")
    async def pay() -> str:
        """Pay, which takes a moment."""
        began.set()
        await anyio.sleep(0.1)
        paid.append("paid")
        return "paid"

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("pay", {})).output)

    async with zg.Engine.open(
        Offering(pay, a=agent), journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.RunCancelledError):
            async for event in engine.stream(flow("a"), "x", run_id="r1"):
                if isinstance(event, zg.ToolStarted):
                    await began.wait()
                    await engine.cancel("r1")
        result = await engine.resume("r1")

    assert result.output == "paid"
    assert paid == ["paid"]


async def test_arguments_that_do_not_fit_are_no_attempt() -> None:
    @zg.tool(effect="once")
    def pay(amount: int) -> str:
        """Pay."""
        return "paid"

    async def agent(ctx: zg.Context) -> zg.Reply:
        wrong = await ctx.call_tool("pay", {"amount": "much"})
        right = await ctx.call_tool("pay", {"amount": 1})
        return zg.Reply(output=[wrong.error is not None, right.output])

    async with zg.Engine.open(
        Offering(pay, a=agent), journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("a"), "x")

    assert result.output == [True, "paid"]


# -- Whose fault it is ----------------------------------------------------------------


async def test_a_providers_own_bug_is_named_and_the_next_model_is_asked() -> None:
    class Buggy(ScriptedProvider):
        async def complete(self, request: zg.Request) -> zg.Response:
            if request.model == "one":
                raise KeyError("choices")
            return await super().complete(request)

    model = Buggy("second")
    async with zg.Engine.open(
        Offering(a=ask()), model, journal="memory", discover=False
    ) as engine:
        both = zg.RunOptions(model="scripted:one, scripted:two")
        result = await engine.run(flow("a"), "x", options=both, run_id="r1")
        [failed] = [
            event
            for event in await engine.journal.read("r1")
            if isinstance(event, zg.ModelFailed)
        ]

    assert result.output == "second"
    assert "the provider of scripted:one failed: KeyError" in failed.error.cause


async def test_a_provider_that_asks_for_no_wait_gets_none() -> None:
    class Impatient(ScriptedProvider):
        busy = True

        async def complete(self, request: zg.Request) -> zg.Response:
            if self.busy:
                self.busy = False
                raise zg.RateLimitError("too many at once", retry_after=0.0)
            return await super().complete(request)

    async with zg.Engine.open(
        Offering(a=ask()), Impatient("at last"), journal="memory", discover=False
    ) as engine:
        chosen = zg.RunOptions(model="scripted:one")
        result = await engine.run(flow("a"), "x", options=chosen, run_id="r1")
        [failed] = [
            event
            for event in await engine.journal.read("r1")
            if isinstance(event, zg.ModelFailed)
        ]

    assert result.output == "at last"
    assert failed.retry_in_seconds == 0.0


async def test_a_tools_own_time_out_is_not_taken_for_ours() -> None:
    @zg.tool
    async def connects() -> None:
        """Fail as sockets do."""
        raise TimeoutError("no answer from the host")

    async def agent(ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.call_tool("connects", {})).error)

    async with zg.Engine.open(
        Offering(connects, a=agent), journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("a"), "x")

    assert "no answer from the host" in result.output
    assert "longer than" not in result.output


async def test_a_classifier_must_return_a_label() -> None:
    class Wrong:
        async def classify(self, text: str) -> Any:
            return "technical"

    routed = zg.Workflow("w", (zg.Step("a", agent="a"),), routed=True)
    async with zg.Engine.open(
        Offering(a=ask(), classifiers={"wrong": Wrong()}),
        config=zg.Config(classifier="wrong"),
        journal="memory",
        discover=False,
    ) as engine:
        with pytest.raises(zg.RunError, match="returned str, not a Label"):
            await engine.run(routed, "x")


async def test_what_a_step_left_behind_can_do_nothing_after_its_end() -> None:
    kept: list[zg.Context] = []

    async def agent(ctx: zg.Context) -> zg.Reply:
        kept.append(ctx)
        return zg.Reply(output=None)

    async def late(ctx: zg.Context) -> zg.Reply:
        with pytest.raises(zg.RunError, match="has ended"):
            await kept[0].write_artifact("late.txt", "x")
        with pytest.raises(zg.RunError, match="has ended"):
            await kept[0].complete([])
        return zg.Reply(output="refused")

    async with zg.Engine.open(
        Offering(a=agent, b=late), journal="memory", discover=False
    ) as engine:
        result = await engine.run(flow("a", "b", b="a"), "x")

    assert result.output == "refused"


async def test_a_failure_is_tried_again_whatever_was_recorded_after_it() -> None:
    async def agent(ctx: zg.Context) -> zg.Reply:
        try:
            answer = await ctx.complete([zg.Message.user("x")])
        except zg.ProviderError:
            await ctx.progress("it did not work")
            await ctx.now()
            raise
        return zg.Reply(output=answer.text)

    model = ScriptedProvider(zg.ProviderAuthError("no key yet"), "now it works")
    async with zg.Engine.open(
        Offering(a=agent), model, journal="memory", discover=False
    ) as engine:
        with pytest.raises(zg.ProviderAuthError):
            await engine.run(flow("a"), "x", options=OPTIONS, run_id="r1")
        result = await engine.resume("r1")

    assert result.output == "now it works"
