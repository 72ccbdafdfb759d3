"""Drills: what they say, what they do to calls, and what is reported of it.

One file, since what is reported is what was said and done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from offering import Offering, ask, flow

import zg_core as zg
from zg_core.testing import ScriptedProvider, run_offline

pytestmark = pytest.mark.anyio
MODEL = "scripted:any"
NO_LIMITS = zg.Limits()
STEPS = tuple("abcdefghij")


# -- What a drill says ---------------------------------------------------------------


def test_a_drill_says_what_goes_wrong_and_how_likely() -> None:
    drill = zg.Drill.parse("429@0.2, slow:2@0.1, openai:m=500:3@1", seed=7)

    assert drill.injections == (
        zg.Injection(kind="429", probability=0.2, seconds=0.5),
        zg.Injection(kind="slow", probability=0.1, seconds=2.0),
        zg.Injection(kind="500", probability=1.0, seconds=3.0, model="openai:m"),
    )
    assert drill.models == ("openai:m",)
    assert str(drill) == "429:0.5@0.2,slow:2@0.1,openai:m=500:3@1 seed 7"


def test_what_is_down_never_answers() -> None:
    drill = zg.Drill.parse("", down=("openai",))

    assert drill.injections == (
        zg.Injection(kind="reset", probability=1.0, model="openai"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the drill has no fault"),
        ("429", "'429' is no fault of a drill"),
        ("=429@1", "'=429@1' is no fault of a drill"),
        ("600@1", "knows no fault '600'; name an HTTP status from 400 to 599, or one"),
        ("tiemout@1", "knows no fault 'tiemout'; did you mean 'timeout'"),
        ("429@1.5", "'1.5' in '429@1.5' is no number from 0 to 1"),
        ("429@nan", "'nan' in '429@nan' is no number"),
        ("429@x", "'x' in '429@x' is no number"),
        ("slow:-1@1", "'-1' in 'slow:-1@1' is no number"),
        ("reset:1@1", "'reset' takes no seconds in 'reset:1@1'; write reset@"),
        ("429@0.6,500@0.6", "the probabilities of the drill come to 1.2"),
        ("a:b=429@0.6,a:b=500@0.6", "of the drill for a:b come to 1.2"),
    ],
)
def test_what_makes_no_sense_is_refused_whole(text: str, said: str) -> None:
    with pytest.raises(zg.InputError) as caught:
        zg.Drill.parse(text)

    assert said in str(caught.value)


def test_a_model_without_a_name_cannot_be_down() -> None:
    with pytest.raises(zg.InputError, match="names an empty model"):
        zg.Drill.parse("", down=(" ",))


kinds = st.sampled_from(["429", "503", "timeout", "truncate", "reset", "slow"])
drills = st.builds(
    lambda parts, seed: zg.Drill.parse(
        ",".join(f"{model}{kind}@{chance:.3f}" for model, kind, chance in parts),
        seed=seed,
    ),
    st.lists(
        st.tuples(st.sampled_from(["", "a:b=", "a="]), kinds, st.floats(0, 0.2)),
        min_size=1,
        max_size=5,
    ),
    st.integers(),
)


@given(drills)
def test_the_journal_can_say_what_a_drill_was(drill: zg.Drill) -> None:
    assert zg.Drill.read(str(drill)) == drill


@given(drills, st.text(max_size=9), st.integers(1, 9))
def test_a_request_has_the_same_fault_each_time(
    drill: zg.Drill, key: str, nth: int
) -> None:
    fault, part = drill.fault("a:b", "a", key, nth)

    assert (fault, part) == drill.fault("a:b", "a", key, nth)
    assert 0 <= part < 1
    assert fault is None or fault in drill.injections


def test_faults_are_as_frequent_as_they_are_likely() -> None:
    drill = zg.Drill.parse("429@0.2,500@0.05,timeout@0", seed=1)
    found = [drill.fault("a:b", "a", str(n), 1)[0] for n in range(20_000)]
    kinds = [fault.kind for fault in found if fault]

    assert kinds.count("429") == pytest.approx(4000, rel=0.05)
    assert kinds.count("500") == pytest.approx(1000, rel=0.1)
    assert "timeout" not in kinds


def test_what_names_a_model_holds_for_it_in_the_place_of_the_rest() -> None:
    drill = zg.Drill.parse("429@1,a=500@1,a:b=reset@1")

    def kind(model: str, provider: str) -> str | None:
        fault, _ = drill.fault(model, provider, "key", 1)
        return fault.kind if fault else None

    assert kind("a:b", "a") == "reset"
    assert kind("a:c", "a") == "500"
    assert kind("x:y", "x") == "429"


# -- What it does to a run -----------------------------------------------------------


async def drilled(
    text: str,
    *,
    seed: int = 0,
    steps: Sequence[str] = ("a",),
    model: ScriptedProvider | None = None,
    agent: object = ask(),
    chain: str = MODEL,
    limits: zg.Limits = NO_LIMITS,
    step_limits: dict[str, zg.Limits] | None = None,
) -> tuple[list[zg.Event], zg.RunError | None]:
    """Do a run under a drill, and return what happened."""
    model = model or ScriptedProvider("Well answered indeed.", repeat=True)
    error: zg.RunError | None = None
    async with zg.Engine.open(
        Offering(**dict.fromkeys(steps, agent)),
        model,
        config=zg.Config(),
        journal="memory",
        discover=False,
        drill=zg.Drill.parse(text, seed=seed),
    ) as engine:
        try:
            options = zg.RunOptions(
                model=chain, limits=limits, step_limits=step_limits or {}
            )
            await engine.run(flow(*steps), "ask", run_id="r", options=options)
        except zg.RunError as caught:
            error = caught
        return list(await engine.journal.read("r")), error


def failures(events: Sequence[zg.Event]) -> list[zg.ErrorInfo]:
    return [event.error for event in events if isinstance(event, zg.ModelFailed)]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", "ProviderRequestError"),
        ("401", "ProviderAuthError"),
        ("413", "ContextLengthError"),
        ("429:0", "RateLimitError"),
        ("500:0", "ProviderUnavailableError"),
        ("timeout", "ProviderTimeoutError"),
        ("reset", "ProviderUnavailableError"),
    ],
)
async def test_a_fault_is_the_error_that_the_vendors_would_be(
    fault: str, kind: str
) -> None:
    model = ScriptedProvider("never")
    limits = zg.Limits(seconds=1)  # in which nothing is tried that has to wait

    events, error = await drilled(f"{fault}@1", model=model, limits=limits)

    first = failures(events)[0]
    assert first.type == kind
    assert "the drill gave scripted:any" in first.cause
    assert first.details["injected"] == fault.partition(":")[0]
    assert error is not None
    assert model.requests == []


async def test_a_status_says_how_long_it_wants_to_be_left_alone() -> None:
    events, _ = await drilled("503:100@1", limits=zg.Limits(seconds=1))

    assert failures(events)[0].details["retry_after"] == 100
    assert failures(events)[0].details["status"] == 503


async def test_an_answer_that_breaks_off_was_asked_for_and_counts() -> None:
    model = ScriptedProvider("one two three", repeat=True)
    limits = zg.Limits(tokens=100_000, calls=1)

    events, error = await drilled("truncate@1", model=model, limits=limits)

    report = zg.drill_report(events)
    assert failures(events)[0].type == "ProviderResponseError"
    assert len(model.requests) == 1
    assert report.bounds["tokens"].lost > 0
    assert report.bounds["tokens"].spent == 0
    assert report.budget_kept
    assert error is not None


async def test_a_stream_breaks_off_somewhere_in_the_middle() -> None:
    words = "one two three four five six seven eight nine ten"
    told: list[str] = []

    async def run(ctx: zg.Context) -> zg.Reply:
        async for chunk in ctx.stream([zg.Message.user(ctx.step)]):
            told.append(chunk.text)  # noqa: PERF401 - it does not end well
        raise AssertionError("it ended well")

    events, error = await drilled(
        "truncate@1", seed=1, model=ScriptedProvider(words, repeat=True), agent=run
    )

    assert failures(events)[-1].details["injected"] == "truncate"
    assert isinstance(error, zg.ProviderResponseError)
    assert 0 < len("".join(told)) < len(words)


async def test_a_stream_that_is_spared_is_whole() -> None:
    async def run(ctx: zg.Context) -> zg.Reply:
        pieces = [chunk.text async for chunk in ctx.stream([zg.Message.user("x")])]
        return zg.Reply(output="".join(pieces))

    events, _ = await drilled("slow:0@1", agent=run)

    assert isinstance(events[-1], zg.RunFinished)
    assert events[-1].output == "Well answered indeed."
    assert zg.drill_report(events).injected == {MODEL: {"slow": 1}}


@pytest.mark.parametrize("streamed", [False, True])
async def test_garbage_is_an_answer_all_the_same(streamed: bool) -> None:
    async def run(ctx: zg.Context) -> zg.Reply:
        pieces = [chunk.text async for chunk in ctx.stream([zg.Message.user("x")])]
        return zg.Reply(output="".join(pieces))

    events, _ = await drilled("garbage@1", agent=run if streamed else ask())

    assert isinstance(events[-1], zg.RunFinished)
    assert events[-1].output == '{"garbage": [}'


async def test_a_fault_may_take_its_time() -> None:
    began = anyio.current_time()
    limits = zg.Limits(calls=1)

    await drilled("timeout:0.05@1", limits=limits)

    assert anyio.current_time() - began >= 0.05


def without_times(report: zg.DrillReport) -> zg.DrillReport:
    return replace(report, seconds=0.0, waited_seconds=0.0)


def faults(events: Sequence[zg.Event]) -> set[tuple[str, int, str]]:
    """Return the failures by call key and attempt."""
    return {
        (event.call_key, event.attempt, str(event.error.details["injected"]))
        for event in events
        if isinstance(event, zg.ModelFailed)
    }


def hurried(order: Sequence[str]) -> object:
    """Make an agent that asks in its step's turn."""

    async def run(ctx: zg.Context) -> zg.Reply:
        for _ in range(order.index(ctx.step) * 3):
            await anyio.lowlevel.checkpoint()
        answer = await ctx.complete([zg.Message.user("the same for all")])
        return zg.Reply(output=answer.text)

    return run


async def test_the_same_seed_is_the_same_drill_in_whatever_order_calls_come() -> None:
    text = "500:0@0.25"

    async def of(seed: int, order: Sequence[str]) -> list[zg.Event]:
        events, error = await drilled(
            text, seed=seed, steps=STEPS, agent=hurried(order)
        )
        assert error is None
        return events

    one, other = await of(3, STEPS), await of(3, STEPS[::-1])
    third = await of(4, STEPS)

    assert faults(one) == faults(other) != set()
    assert without_times(zg.drill_report(one)) == without_times(zg.drill_report(other))
    assert faults(third) != faults(one)


async def test_the_same_seed_waits_as_long_before_it_asks_again() -> None:
    async def waits(seed: int) -> list[float | None]:
        events, _ = await drilled("500@0.7", seed=seed)
        return [e.retry_in_seconds for e in events if isinstance(e, zg.ModelFailed)]

    one = await waits(1)

    assert any(one)
    assert one == await waits(1)
    assert one != await waits(2)


async def test_a_provider_that_nobody_offers_cannot_be_down() -> None:
    with pytest.raises(zg.UnknownNameError, match="scripted"):
        await drilled("scriptde:any=500@1")
    with pytest.raises(zg.UnknownNameError, match="scripted"):
        await drilled("scriptde=500@1")


async def test_answers_that_are_recorded_have_no_faults() -> None:
    model = ScriptedProvider("Well.", repeat=True)
    failing = [True]

    async def run(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user("x")])
        if failing:
            failing.clear()
            raise zg.RunError("later", "again")
        return zg.Reply(output=answer.text)

    journal = zg.MemoryJournal()
    opened: dict[str, Any] = {"journal": journal, "discover": False}
    offered = Offering(a=run), model
    async with zg.Engine.open(*offered, config=zg.Config(), **opened) as engine:
        options = zg.RunOptions(model=MODEL)
        with pytest.raises(zg.RunError, match="later"):
            await engine.run(flow("a"), "x", run_id="r", options=options)
    opened["drill"] = zg.Drill.parse("400@1")
    async with zg.Engine.open(*offered, config=zg.Config(), **opened) as engine:
        result = await engine.resume("r")

    assert result.output == "Well."
    assert result.drill == "400@1 seed 0"
    assert len(model.requests) == 1
    assert zg.drill_report(await journal.read("r")).injected == {}


# -- What is reported ----------------------------------------------------------------


async def test_the_report_counts_from_events_alone() -> None:
    model = ScriptedProvider("Well.", repeat=True)

    events, _ = await drilled(
        f"{MODEL}=reset@1",
        steps=("a", "b"),
        model=model,
        chain=f"{MODEL}, scripted:other",
        limits=zg.Limits(usd=1.0, tokens=10**6, calls=50),
    )

    report = zg.drill_report(events)
    assert report.status == "completed"
    assert report.drill == f"{MODEL}=reset@1 seed 0"
    assert (report.needed_calls, report.answered_calls) == (2, 2)
    assert report.fallbacks == 2
    assert report.goodput == 1.0
    assert report.amplification == report.provider_calls / 2
    assert report.injected == {MODEL: {"reset": report.provider_calls - 2}}
    assert report.budget_kept
    assert report.bounds["calls"].spent == report.provider_calls
    assert report.bounds["usd"] == zg.Bound(allowed=1.0, spent=0.0, lost=0.0)
    assert report.document()["budget_kept"] is True


@pytest.mark.parametrize("calls", [1, 2, 3])
async def test_a_retry_that_a_limit_stopped_is_none(calls: int) -> None:
    events, error = await drilled("500:0@1", limits=zg.Limits(calls=calls))

    report = zg.drill_report(events)
    assert isinstance(error, zg.LimitError)
    meant = [e for e in events if isinstance(e, zg.ModelFailed)]
    assert [event.retry_in_seconds is not None for event in meant] == [True] * calls
    assert (report.provider_calls, report.retries) == (calls, calls - 1)


async def test_a_run_in_earnest_can_be_reported_on_too() -> None:
    async with zg.Engine.open(
        Offering(a=ask()),
        ScriptedProvider("Well."),
        config=zg.Config(),
        journal="memory",
        discover=False,
    ) as engine:
        result = await engine.run(
            flow("a"), "x", run_id="r", options=zg.RunOptions(model=MODEL)
        )
        report = zg.drill_report(await engine.journal.read("r"))

    assert result.drill == report.drill == ""
    assert (report.needed_calls, report.provider_calls) == (1, 1)
    assert (report.retries, report.fallbacks, report.injected) == (0, 0, {})


async def test_the_limits_of_steps_are_reported_too() -> None:
    step = {"b": zg.Limits(tokens=10**6, calls=3), "c": zg.Limits(seconds=60)}

    events, _ = await drilled(
        "slow:0@1",
        steps=("a", "b", "c"),
        limits=zg.Limits(calls=9, seconds=60),
        step_limits=step,
    )

    report = zg.drill_report(events)
    assert report.bounds == {"calls": zg.Bound(allowed=9, spent=3, lost=0)}
    assert report.step_bounds.keys() == {"b"}
    assert report.step_bounds["b"]["calls"] == zg.Bound(allowed=3, spent=1, lost=0)
    assert 0 < report.step_bounds["b"]["tokens"].spent < 10**6
    assert report.budget_kept
    passed = {"b": {"usd": zg.Bound(allowed=1, spent=1, lost=1)}}
    assert not replace(report, step_bounds=passed).budget_kept


def test_a_bound_counts_what_was_lost_at_its_worst() -> None:
    assert zg.Bound(allowed=2.0, spent=1.0, lost=1.0).kept
    assert not zg.Bound(allowed=2.0, spent=1.0, lost=1.5).kept


def test_a_plugin_can_be_tried_under_a_drill() -> None:
    spec = zg.AgentSpec(name="asks", factory=Asks)
    drill = zg.Drill.parse("garbage@1")

    result = run_offline(spec, "x", drill=drill)

    assert result.output == '{"garbage": [}'
    assert result.drill == "garbage@1 seed 0"


class Asks:
    async def run(self, ctx: zg.Context) -> zg.Reply:
        return zg.Reply(output=(await ctx.complete([zg.Message.user("x")])).text)
