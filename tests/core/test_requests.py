"""What is asked of a run is done, refused or said to be open, whoever does the run."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from offering import Offering, flow, say
from paying import buyer, events, opened, paid, paused, pay

import zg_core as zg
from zg_core.running import requesting
from zg_plugins_builtin.journals.sqlite import SqliteJournal

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_paid")]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the owner of a run no longer than a test should."""
    monkeypatch.setattr(requesting, "_PATIENCE", 0.05)


@asynccontextmanager
async def engines(folder: Path, count: int) -> AsyncGenerator[list[zg.Engine], None]:
    """Open engines, each with a journal of its own on the same file."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            journal = SqliteJournal(folder / "runs.db")
            stack.push_async_callback(journal.close)
            plugin = Offering(pay, buyer=buyer, much=pays_much)
            engine = await stack.enter_async_context(opened(plugin, journal=journal))
            found.append(engine)
        yield found


async def pays_much(ctx: zg.Context) -> zg.Reply:
    async with anyio.create_task_group() as tasks:
        for amount in range(6):
            tasks.start_soon(ctx.call_tool, "pay", {"amount": amount})
    return zg.Reply(output="paid")


@asynccontextmanager
async def done_by(engine: zg.Engine) -> AsyncGenerator[zg.OpenQuestion, None]:
    """Have the buyer's run done, and give what it asks while it waits."""
    await engine.accept(flow("buyer"), "x", run_id="r")

    async def attend() -> None:
        async for _ in engine.stream_run("r", attended=True):
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(attend)
        async for event in engine.watch("r"):
            if isinstance(event, zg.ApprovalRequested):
                break
        (question,) = await engine.pending("r")
        yield question


# -- What comes of it ------------------------------------------------------------------


async def test_all_who_decide_at_once_are_heard(tmp_path: Path) -> None:
    async with engines(tmp_path, 6) as several:
        first = several[0]
        with pytest.raises(zg.RunPausedError):
            await first.run(flow("much"), "x", run_id="r")
        asked = await first.pending("r")
        async with anyio.create_task_group() as tasks:
            for engine, question in zip(several, asked, strict=True):
                tasks.start_soon(engine.approve, "r", question.call)

        assert await first.pending("r") == ()
        assert len(await events(first, zg.ApprovalDecided)) == 6


async def test_who_decides_second_is_told_so(tmp_path: Path) -> None:
    async with engines(tmp_path, 3) as (owner, ann, bob):
        said: list[object] = []
        async with done_by(owner) as question:

            async def decide(engine: zg.Engine, by: str) -> None:
                try:
                    said.append(await engine.approve("r", question.call, by=by))
                except zg.InputError as error:
                    said.append(error.cause)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(decide, ann, "Ann")
                tasks.start_soon(decide, bob, "Bob")
        (decided,) = await events(owner, zg.ApprovalDecided)

    (outcome,) = [each for each in said if isinstance(each, zg.Outcome)]
    assert (outcome.done, outcome.request_id) == (True, decided.request_id)
    assert len(said) == 2
    assert paid == [3]


async def test_a_decision_that_the_owner_refuses_is_an_error() -> None:
    async with opened() as engine, done_by(engine) as question:
        said = zg.ApprovalDecided(
            call_key=question.call_key, digest=question.digest, allow=False, by="Ann"
        )
        await engine.journal.request("r", said)  # on its way when it is looked at
        with pytest.raises(zg.InputError, match="decided before: refused by Ann"):
            await engine.approve("r", question.call, by="Bob")

    assert paid == []


async def test_nobody_is_told_what_became_of_what_another_one_asked() -> None:
    async with opened() as engine, done_by(engine) as question:
        stale = zg.ApprovalDecided(call_key=question.call_key, digest="x", allow=True)
        await engine.journal.request("r", stale)
        outcome = await engine.retune("r", zg.Limits(calls=7))
        (refused,) = await events(engine, zg.RequestRefused)
        await engine.approve("r", question.call)

    assert outcome
    assert outcome.request_id != refused.request_id


@pytest.mark.usefixtures("impatient")
async def test_what_nobody_takes_up_is_said_to_be_open() -> None:
    async with opened() as engine:
        question = await paused(engine)
        await engine.journal.claim("r")
        for asked in (
            engine.approve("r", question.call),
            engine.retune("r", zg.Limits(calls=7)),
            engine.cancel("r"),
        ):
            outcome = await asked
            assert not outcome
            assert outcome.request_id


async def test_what_waits_is_taken_up_with_what_is_asked_next() -> None:
    async with opened() as engine:
        question = await paused(engine)
        said = zg.ApprovalDecided(
            call_key=question.call_key, digest=question.digest, allow=True
        )
        await engine.journal.request("r", said)
        assert await engine.retune("r", zg.Limits(calls=7))
        decided, changed = (await engine.journal.read("r"))[-2:]

    assert isinstance(decided, zg.ApprovalDecided)
    assert isinstance(changed, zg.LimitsChanged)


# -- Somebody else, for a moment -------------------------------------------------------


async def test_a_run_is_stopped_though_somebody_owns_it_for_a_moment() -> None:
    async with opened() as engine:
        await paused(engine)
        epoch = await engine.journal.claim("r")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.cancel, "r")
            await anyio.wait_all_tasks_blocked()
            await engine.journal.release("r", epoch)

        assert (await engine.result("r")).status == "cancelled"
        with pytest.raises(zg.RunPausedError):
            await engine.resume("r")


async def test_a_run_is_taken_up_once_whoever_but_records_has_let_it_go() -> None:
    async with opened(Offering(a=say("done"))) as engine:
        await engine.accept(flow("a"), "x", run_id="r")
        epoch = await engine.journal.claim("r")
        results: list[zg.RunResult] = []

        async def resume() -> None:
            results.append(await engine.resume("r"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(resume)
            await anyio.wait_all_tasks_blocked()
            await engine.journal.release("r", epoch)

    assert results[0].output == "done"


async def test_a_run_that_somebody_does_stays_theirs() -> None:
    async with opened() as engine, done_by(engine) as question:
        with anyio.fail_after(5), pytest.raises(zg.RunBusyError):
            await engine.resume("r")
        await engine.approve("r", question.call)

    assert len(await events(engine, zg.RunStarted, zg.RunResumed)) == 1


# -- Time ------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_what_was_decided_in_time_holds_though_it_is_heard_of_late(
    later: Callable[[float], None],
) -> None:
    async with opened() as engine:
        question = await paused(engine)
        epoch = await engine.journal.claim("r")
        assert not await engine.approve("r", question.call, by="Ann")
        await engine.journal.release("r", epoch)  # its owner died
        later(25)
        await engine.resume("r")
        (decided,) = await events(engine, zg.ApprovalDecided)

    assert decided.by == "Ann"
    assert paid == [3]


async def test_what_was_decided_too_late_is_refused_whenever_it_is_heard_of(
    later: Callable[[float], None],
) -> None:
    async with opened() as engine:
        question = await paused(engine)
        later(25)
        said = zg.ApprovalDecided(
            call_key=question.call_key, digest=question.digest, allow=True
        )
        await engine.journal.request("r", replace(said, at=question.expires_at))
        await engine.resume("r")
        (refused,) = await events(engine, zg.RequestRefused)

    assert "was over" in refused.reason
    assert paid == []


# -- Secrets ---------------------------------------------------------------------------


async def takes_colour(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=await ctx.ask("Which colour?"))


@zg.tool(requires_approval=True)
def tell(text: str) -> str:
    """Tell."""
    return text


async def teller(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=(await ctx.call_tool("tell", {"text": "x"})).output)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """A word that is a secret of the process."""
    monkeypatch.setenv("PARLOUR_TOKEN", "s3cret-of-the-house")
    return "s3cret-of-the-house"


async def test_arguments_with_a_secret_are_no_edit(secret: str) -> None:
    async with opened(Offering(tell, teller=teller)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("teller"), "x", run_id="r")
        (question,) = await engine.pending("r")
        before = await engine.journal.read("r")
        with pytest.raises(zg.InputError, match="holds a secret"):
            await engine.approve("r", question.call, edit={"text": f"it is {secret}"})

        assert await engine.journal.read("r") == before


async def test_a_secret_is_no_answer(secret: str) -> None:
    async with opened(Offering(a=takes_colour)) as engine:
        with pytest.raises(zg.RunPausedError):
            await engine.run(flow("a"), "x", run_id="r")
        (question,) = await engine.pending("r")
        with pytest.raises(zg.InputError, match="holds a secret"):
            await engine.answer("r", question.call, secret)

        assert len(await engine.pending("r")) == 1


# -- Runs of other versions ------------------------------------------------------------


async def test_a_run_that_this_version_cannot_read_hides_no_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Newer(zg.MemoryJournal):
        """A journal in which a newer version wrote a run that we do not allow."""

        async def read(self, run_id: str, after: int = 0) -> list[zg.Event]:
            found = await super().read(run_id, after)
            if run_id == "newer" and not after:
                line = zg.encode_event(found[0])
                changed = line.replace(b'"max_items":100', b'"max_items":5000')
                assert changed != line
                found[0] = zg.decode_event(changed)
            return found

    async with opened(journal=Newer()) as engine:
        await engine.accept(flow("buyer"), "x", run_id="newer")
        question = await paused(engine)
        with caplog.at_level(logging.WARNING):
            assert await engine.pending() == (question,)
        with pytest.raises(zg.JournalError, match="another version of ZeroGravity"):
            await engine.pending("newer")

    (noted,) = caplog.records
    assert (noted.message, vars(noted)["run_id"]) == ("run_unreadable", "newer")


# -- What is told of it ----------------------------------------------------------------


async def test_what_people_asked_of_a_run_is_explained() -> None:
    async with opened(Offering(a=say("done"))) as engine:
        await engine.accept(flow("a"), "x", run_id="r")
        await engine.retune("r", zg.Limits(calls=7), by="Ann")
        await engine.pause("r", "lunch", by="Bob")
        await engine.cancel("r", "enough")
        found = zg.explain(await engine.journal.read("r"))

    assert [(d.kind, d.name, d.verb, d.what, d.why) for d in found.deeds] == [
        ("person", "Ann", "changed", "what may be spent", ""),
        ("person", "Bob", "chose", "to put the run aside", "lunch"),
        ("person", "somebody", "chose", "to stop the run", "enough"),
    ]


def test_what_was_left_out_of_a_conversation_is_explained() -> None:
    accepted = zg.RunAccepted(seq=1, run_id="r", objective="x", workflow=flow("a"))
    started = zg.StepStarted(seq=2, run_id="r", step="a", agent="offering:a")
    lost = zg.HistoryCompacted(seq=3, step="a", history=(), complete=False)

    *_, deed = zg.explain([accepted, started, lost]).deeds

    assert (deed.name, deed.verb, deed.what) == (
        "offering:a",
        "changed",
        "what was said before",
    )
    assert deed.why == "left out, and lost"
