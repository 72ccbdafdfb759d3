"""Models that fail, on a real server: asked again, passed over, left alone.

One file, since trying again, passing over and leaving alone decide about one call.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from calling import Caller
from installing import Site
from offering import Offering, ask, flow
from ticking import Ticking

import zg_core as zg
from zg_core.running.traffic import Traffic
from zg_core.testing.wire import Fault, WireAnswer, WireRequest, WireServer

pytestmark = pytest.mark.anyio

ONE = flow("a")
TWO = "openai:first, openai:second"
DOWN = Fault(status=500)
AWAY = Fault(end="reset")
BUSY = Fault(status=429)


def only(model: str, answer: WireAnswer) -> Callable[[WireRequest], WireAnswer | None]:
    """Answer so for one model, and as usual for others."""
    return lambda asked: answer if asked.model == model else None


@asynccontextmanager
async def engine_at(
    server: WireServer,
    *,
    model: str = TWO,
    ticking: Ticking | None = None,
    agent: Callable[[zg.Context], Any] | None = None,
    seconds: float = 30,
    **config: Any,
) -> AsyncGenerator[zg.Engine, None]:
    section = {"openai": {"base_url": f"{server.url}/v1", "timeout_seconds": seconds}}
    async with zg.Engine.open(
        Offering(a=agent or ask()),
        config=zg.Config(
            model=model, plugins_config={"builtin": section}, out="out", **config
        ),
        journal="memory",
        discover=["builtin"],
    ) as engine:
        if ticking:
            engine.traffic = Traffic(engine.config.concurrency, clock=ticking.clock)
        yield engine


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")


async def failures(engine: zg.Engine, run_id: str) -> list[zg.ModelFailed]:
    events = await engine.journal.read(run_id)
    return [event for event in events if isinstance(event, zg.ModelFailed)]


async def many(
    engine: zg.Engine, runs: int, *, at_once: int
) -> dict[str, zg.RunError | None]:
    """Do runs, and return what each failed with, if it did."""
    ended: dict[str, zg.RunError | None] = {}
    turn = anyio.Semaphore(at_once)

    async def run(run_id: str) -> None:
        async with turn:
            try:
                await engine.run(ONE, "x", run_id=run_id)
                ended[run_id] = None
            except zg.RunError as error:
                ended[run_id] = error

    async with anyio.create_task_group() as tasks:
        for n in range(runs):
            tasks.start_soon(run, f"run-{n}")
    return ended


def asked(server: WireServer) -> Counter[str]:
    return Counter(request.model for request in server.requests)


# -- Again ---------------------------------------------------------------------------


async def test_the_waits_are_random_up_to_a_bound_that_doubles() -> None:
    ticking = Ticking(chance=0.5)

    async with (
        WireServer(DOWN, DOWN, DOWN) as server,
        engine_at(server, model="openai:m", ticking=ticking) as engine,
    ):
        await engine.run(ONE, "x", run_id="r")
        failed = await failures(engine, "r")

    assert ticking.slept == [0.25, 0.5, 1.0]
    assert [event.retry_in_seconds for event in failed] == [0.25, 0.5, 1.0]
    assert [event.attempt for event in failed] == [1, 2, 3]


async def test_what_the_server_asks_for_goes_before_that() -> None:
    ticking = Ticking()

    async with (
        WireServer(Fault(status=503, retry_after=7)) as server,
        engine_at(server, model="openai:m", ticking=ticking) as engine,
    ):
        await engine.run(ONE, "x")

    assert ticking.slept == [7.0]


async def test_nobody_waits_for_what_comes_after_the_limit_of_the_run() -> None:
    limits = zg.Limits(seconds=30)

    async with (
        WireServer(Fault(status=503, retry_after=40)) as server,
        engine_at(server, model="openai:m") as engine,
    ):
        with pytest.raises(zg.ProviderUnavailableError):
            await engine.run(ONE, "x", options=zg.RunOptions(limits=limits), run_id="r")
        [failed] = await failures(engine, "r")

    assert failed.final
    assert failed.retry_in_seconds is None


async def test_what_the_budget_does_not_allow_is_not_tried_again() -> None:
    limits = zg.Limits(calls=1)

    async with (
        WireServer(DOWN) as server,
        engine_at(server, model="openai:m", ticking=Ticking()) as engine,
    ):
        with pytest.raises(zg.LimitError):
            await engine.run(ONE, "x", options=zg.RunOptions(limits=limits))

    assert len(server.requests) == 1


async def test_nobody_waits_forever() -> None:
    """Each wait may be as long as it is; the call as a whole may not."""
    ticking = Ticking()
    patience = Fault(status=429, retry_after=59)

    async with (
        WireServer(script=lambda _: patience) as server,
        engine_at(server, model="openai:m", ticking=ticking) as engine,
    ):
        with pytest.raises(zg.RateLimitError):
            await engine.run(ONE, "x")

    assert ticking.slept == [59.0] * 3


async def test_a_call_that_succeeds_never_imports_the_library_for_those_that_fail(
    tmp_path: Path,
) -> None:
    import subprocess
    import sys

    script = """
import sys, anyio
import zg_core as zg
from zg_core.testing import ScriptedProvider
from offering import Offering, ask, flow
async def main():
    config = zg.Config(model="scripted:m")
    model = ScriptedProvider("hello")
    async with zg.Engine.open(
        model, Offering(a=ask()), config=config, journal="memory", discover=False
    ) as engine:
        await engine.run(flow("a"), "x")
anyio.run(main)
print("tenacity" in sys.modules)
"""
    here = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(here), "ZG_HOME": str(tmp_path)},
    )

    assert done.stdout == "False\n"


# -- Another -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [DOWN, AWAY, Fault(end="hang"), BUSY, Fault(status=401), Fault(body=b"<html>")],
    ids=["500", "reset", "hang", "429", "401", "no JSON"],
)
async def test_where_one_model_fails_the_next_is_asked(fault: Fault) -> None:
    async with (
        WireServer(script=only("first", fault)) as server,
        engine_at(server, ticking=Ticking(), seconds=0.3) as engine,
    ):
        result = await engine.run(ONE, "x", run_id="r")
        failed = await failures(engine, "r")

    assert result.output == "This is the answer to: x"
    assert not any(event.final for event in failed)
    assert asked(server)["second"] == 1


async def test_no_other_model_is_asked_what_one_refused() -> None:
    async with (
        WireServer(script=only("first", Fault(status=400))) as server,
        engine_at(server) as engine,
    ):
        with pytest.raises(zg.ProviderRequestError):
            await engine.run(ONE, "x")

    assert asked(server) == {"first": 1}


async def test_a_refusal_of_the_model_is_an_answer() -> None:
    said = zg.Response(
        message=zg.Message.assistant("I will not."), stop_reason="refusal"
    )

    async with WireServer(said) as server, engine_at(server) as engine:
        await engine.run(ONE, "x")

    assert asked(server) == {"first": 1}


async def test_a_step_may_go_on_without_any_model() -> None:
    degradable = zg.Workflow("w", (zg.Step("a", agent="a", on_error="fallback"),))

    async with (
        WireServer(script=lambda _: DOWN) as server,
        engine_at(server, ticking=Ticking()) as engine,
    ):
        result = await engine.run(degradable, "x")

    assert result.status == "degraded"
    assert result.output["missing"] == "the result of step 'a'"


# -- Neither -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "ticking"), [(DOWN, None), (AWAY, Ticking())], ids=["500", "reset"]
)
async def test_when_no_model_is_there_hardly_more_is_sent_than_is_needed(
    fault: Fault, ticking: Ticking | None
) -> None:
    async with (
        WireServer(script=lambda _: fault) as server,
        engine_at(server, ticking=ticking) as engine,
    ):
        ended = await many(engine, 40, at_once=8)

    assert all(isinstance(error, zg.ProviderError) for error in ended.values())
    assert len(server.requests) <= 1.5 * 40


@pytest.mark.parametrize("runs", [10, 100, pytest.param(1000, marks=pytest.mark.heavy)])
async def test_that_holds_for_however_many_that_fail_at_once(runs: int) -> None:
    async with (
        WireServer(script=lambda _: DOWN, latency=0.05) as server,
        engine_at(server, ticking=Ticking()) as engine,
    ):
        ended = await many(engine, runs, at_once=runs)

    assert None not in ended.values()
    # Each of two breakers opens after five failures, however few runs there are.
    assert len(server.requests) <= 1.5 * runs + 2 * 5


async def test_a_moment_without_answers_fails_nobody() -> None:
    """Not even those who have no other model, and not even when all fail at once."""
    healed = anyio.Event()

    def script(asked: WireRequest) -> WireAnswer | None:
        return None if healed.is_set() else AWAY

    async with (
        WireServer(script=script) as server,
        engine_at(server, model="openai:m") as engine,
        anyio.create_task_group() as tasks,
    ):

        async def heal() -> None:
            await anyio.sleep(0.3)
            healed.set()

        tasks.start_soon(heal)
        ended = await many(engine, 100, at_once=100)

    assert set(ended.values()) == {None}


async def test_a_model_that_keeps_failing_is_not_asked_and_the_journal_says_so() -> (
    None
):
    async with (
        WireServer(script=only("first", DOWN)) as server,
        engine_at(server, ticking=Ticking()) as engine,
    ):
        await many(engine, 3, at_once=1)
        before = asked(server)["first"]
        await engine.run(ONE, "x", run_id="later")
        [passed_over] = await failures(engine, "later")
        events = await engine.journal.read("later")
        state = engine.traffic.snapshot()["openai:first"]

    called = [event.model for event in events if isinstance(event, zg.ModelCalled)]
    assert called == ["openai:second"]
    assert asked(server)["first"] == before == 5
    assert passed_over.error.type == "CircuitOpenError"
    assert "failed 5 times in a row" in passed_over.error.cause
    assert 0 < passed_over.error.details["retry_after"] <= 1
    assert (state.breaker, state.opened, state.refused) == ("open", 1, 1)


async def test_when_all_are_left_alone_a_call_fails_at_once() -> None:
    ticking = Ticking()

    async with (
        WireServer(script=lambda _: DOWN) as server,
        engine_at(server, ticking=ticking) as engine,
    ):
        await many(engine, 20, at_once=20)
        before, slept = asked(server)["second"], len(ticking.slept)
        with pytest.raises(zg.CircuitOpenError, match="in a row") as left:
            await engine.run(ONE, "x", run_id="r")
        failed = await failures(engine, "r")

    assert failed[-1].model == "openai:second"
    assert (asked(server)["second"], len(ticking.slept)) == (before, slept)
    assert left.value.details["retry_after"] > 3
    assert "try again later" in left.value.remedy


async def test_a_refused_key_is_remembered_but_tried_where_it_is_the_last() -> None:
    async with (
        WireServer(script=lambda _: Fault(status=401)) as server,
        engine_at(server) as engine,
    ):
        for run_id in ("r", "s"):
            with pytest.raises(zg.ProviderAuthError):
                await engine.run(ONE, "x", run_id=run_id)
        assert asked(server) == {"first": 1, "second": 2}
        assert engine.traffic.snapshot()["openai:second"].breaker == "open"
        server.script = None
        result = await engine.resume("s")
        after = engine.traffic.snapshot()["openai:second"]

    assert result.output == "This is the answer to: x"
    assert after.breaker == "closed"


# -- Not all at once -------------------------------------------------------------------


def crowd_out(server: WireServer, most: int) -> None:
    """Have a server refuse whatever is more than it can do at once."""

    def script(asked: WireRequest) -> WireAnswer | None:
        busy = sum(not request.answered for request in server.requests)
        if busy > most:
            asked.answered = True  # it is not worked on
            return BUSY
        return Fault(delay_seconds=0.05)

    server.script = script


async def test_a_crowd_finds_the_limit_of_the_server_and_all_get_through() -> None:
    async with WireServer() as server, engine_at(server, model="openai:m") as engine:
        crowd_out(server, 10)
        ended = await many(engine, 80, at_once=80)
        state = engine.traffic.snapshot()["openai:m"]

    assert set(ended.values()) == {None}
    assert state.rate_limited
    assert state.limit is not None
    assert state.limit <= 40
    assert (state.in_flight, state.waiting) == (0, 0)


async def test_nobody_is_sent_before_the_pause_that_the_server_wants_is_over() -> None:
    async with (
        WireServer(Fault(status=429, retry_after=1)) as server,
        engine_at(server, model="openai:m") as engine,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(engine.run, ONE, "first")
        while not engine.traffic.snapshot().get("openai:m"):
            await anyio.sleep(0.01)
        while not (state := engine.traffic.snapshot()["openai:m"]).rate_limited:
            await anyio.sleep(0.01)
        assert 0 < state.paused_seconds <= 1
        began = anyio.current_time()
        await engine.run(ONE, "second")
        took = anyio.current_time() - began

    assert took >= state.paused_seconds - 0.01
    assert len(server.requests) == 3


async def test_a_wait_for_ones_turn_ends_with_the_limit_of_the_run() -> None:
    limits = zg.Limits(seconds=0.2)

    async with (
        WireServer(script=lambda _: Fault(status=429, retry_after=50)) as server,
        engine_at(server, model="openai:m") as engine,
    ):
        for run_id in ("first", "second"):
            options = zg.RunOptions(limits=limits)
            with pytest.raises(zg.RunError) as failed:
                await engine.run(ONE, "x", options=options, run_id=run_id)
        state = engine.traffic.snapshot()["openai:m"]

    assert isinstance(failed.value, zg.LimitError)
    assert len(server.requests) == 1
    assert (state.in_flight, state.waiting) == (0, 0)
    assert state.paused_seconds > 40


async def test_nobody_waits_for_a_pause_of_an_hour() -> None:
    hour = Fault(status=429, retry_after=3600)

    async with (
        WireServer(script=only("first", hour)) as server,
        engine_at(server) as engine,
    ):
        for objective in ("x", "y"):
            result = await engine.run(ONE, objective, run_id=objective)
            assert result.status == "completed"
        [failed] = await failures(engine, "y")

    assert asked(server) == {"first": 1, "second": 2}
    assert failed.error.type == "CircuitOpenError"
    assert "openai:first is not asked for 3600 s" in failed.error.cause


@pytest.mark.parametrize("named", ["openai", "openai:m"])
async def test_what_is_configured_is_never_passed(named: str) -> None:
    most = 0

    async with (
        WireServer(latency=0.02) as server,
        engine_at(server, model="openai:m", concurrency={named: 3}) as engine,
        anyio.create_task_group() as tasks,
    ):

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, sum(not r.answered for r in server.requests))
                await anyio.sleep(0.001)

        tasks.start_soon(watch)
        ended = await many(engine, 20, at_once=20)
        tasks.cancel_scope.cancel()

    assert set(ended.values()) == {None}
    assert most == 3


async def test_the_models_of_a_provider_share_what_is_configured_for_it() -> None:
    async with (
        WireServer() as server,
        engine_at(server, model="openai:m", concurrency={"openai": 3}) as engine,
    ):
        for model in ("openai:m", "openai:n"):
            await engine.run(ONE, "x", options=zg.RunOptions(model=model))
        limits = {n: s.limit for n, s in engine.traffic.snapshot().items()}

    assert limits == {"openai:m": 3, "openai:n": 3}


async def test_a_run_with_many_calls_does_not_keep_another_waiting() -> None:
    order: list[str] = []

    async def crowd(ctx: zg.Context) -> zg.Reply:
        async def one(n: int) -> None:
            await ctx.complete([zg.Message.user(f"{ctx.objective} {n}")])
            order.append(ctx.objective)

        async with anyio.create_task_group() as tasks:
            for n in range(60 if ctx.objective == "many" else 1):
                tasks.start_soon(one, n)
        return zg.Reply(output="done")

    async with (
        WireServer(latency=0.02) as server,
        engine_at(
            server, model="openai:m", agent=crowd, concurrency={"openai:m": 2}
        ) as engine,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(engine.run, ONE, "many")
        while not order:
            await anyio.sleep(0.001)
        tasks.start_soon(engine.run, ONE, "one")

    assert order.index("one") < 12


# -- In pieces -------------------------------------------------------------------------


async def test_a_stream_that_broke_is_begun_anew_only_before_its_first_word() -> None:
    async def stream(ctx: zg.Context) -> zg.Reply:
        told = ""
        async for chunk in ctx.stream([zg.Message.user("x")]):
            told += chunk.text
        return zg.Reply(output=told)

    async with (
        WireServer(AWAY, Fault(cut=0.6, end="reset", answer="one two three")) as server,
        engine_at(server, agent=stream, ticking=Ticking()) as engine,
    ):
        with pytest.raises(zg.ProviderError):
            await engine.run(ONE, "x")

    assert asked(server) == {"first": 2}


async def test_who_only_listens_is_told_that_a_stream_begins_anew() -> None:
    async with (
        WireServer(Fault(cut=0.6, end="reset", answer="one two three")) as server,
        engine_at(server, ticking=Ticking()) as engine,
    ):
        items = [item async for item in engine.stream(ONE, "x", deltas=True)]

    deltas = [item for item in items if isinstance(item, zg.TextDelta)]
    pieces = [delta.restarted or delta.text for delta in deltas]
    assert pieces[0] == "one"
    assert pieces.count(True) == 1
    assert (
        "".join(map(str, pieces[pieces.index(True) + 1 :]))
        == "This is the answer to: x"
    )


# -- On the command line ---------------------------------------------------------------

PLUGIN = """
    import zg_core as zg

    @zg.hookimpl
    def zg_register_workflows():
        step = zg.Step("build", agent="engineer", on_error="fallback")
        return [zg.WorkflowSpec(name="robust", workflow=zg.Workflow("robust", (step,)))]
"""


def test_a_command_whose_models_are_all_down_ends_degraded(
    zg: Caller, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)  # which makes waits short
    site.install("zg-robust", PLUGIN)
    server = WireServer(script=lambda _: DOWN)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(server),
    ):
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        run = ("run", "Build a page", "--workflow", "robust", "--model", TWO)
        called = zg(*run)
        explained = zg("runs", "explain", "last")

    assert called.code == 4
    assert "degraded in" in called.out
    assert "openai:second failed: openai is out of order (500" in called.out
    assert re.findall("failed +openai:(first|second)", explained.out) == [
        *["first"] * 2,
        *["second"] * 4,
    ]
    assert asked(server) == {"first": 2, "second": 4}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (DOWN, ["This"]),
        (
            Fault(cut=0.6, end="reset", answer="one two three"),
            ["one", "(the answer begins anew)", "This"],
        ),
    ],
)
def test_an_answer_begins_anew_only_where_some_of_it_was_shown(
    zg: Caller, monkeypatch: pytest.MonkeyPatch, fault: Fault, words: list[str]
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.0)  # which makes waits short
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(WireServer(fault)) as server,
    ):
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-key-of-no-worth")
        run = ("run", "x", "--agent", "engineer", "--model", "openai:m")
        called = zg(*run, "--stream")

    assert called.code == 0
    assert re.findall(r"^work \| (\(.*\)|\w+)", called.out, re.M) == words
