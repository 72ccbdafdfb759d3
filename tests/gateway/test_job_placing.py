"""Runs that are made after the answer: in order, by whoever can, and not too late."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.asking import ADA
from gateway.test_job_questions import Deleting, decide, waiting
from gateway.watches import Watch
from gateway.working import Bench, bench, make_tenants
from sqlalchemy import select

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.errors import DatabaseError
from zg_plugins_builtin.gateway.jobs import tables
from zg_plugins_builtin.gateway.jobs.mending import mend
from zg_plugins_builtin.gateway.jobs.placing import Placing

pytestmark = pytest.mark.anyio
JOBS = tables.jobs


class Accepting:
    """An engine's `accept` that waits, and then does it, or fails."""

    def __init__(self, engine: zg.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = engine.accept
        self.asked: list[str] = []
        self.go = anyio.Event()
        self.error: Exception | None = None
        self.broken: set[str] = set()
        monkeypatch.setattr(engine, "accept", self)

    async def __call__(self, *args: Any, **named: Any) -> str:
        run_id: str = named["run_id"]
        self.asked.append(run_id)
        await self.go.wait()
        if self.error is not None and (not self.broken or run_id in self.broken):
            raise self.error
        return await self._real(*args, **named)

    async def until(self, number: int) -> None:
        """Return when it was called so often."""
        with anyio.fail_after(10):
            while len(self.asked) < number:
                await anyio.sleep(0.01)


@pytest.fixture
async def service(database: Database, tmp_path: Path) -> AsyncGenerator[Bench, None]:
    """A service that accepts jobs, and does none."""
    await make_tenants(database)
    async with bench(database, tmp_path, working=False, clock=Watch()) as made:
        yield made


@pytest.fixture
def accepting(service: Bench, monkeypatch: pytest.MonkeyPatch) -> Accepting:
    return Accepting(service.engine, monkeypatch)


@asynccontextmanager
async def placing(service: Bench) -> AsyncGenerator[None, None]:
    desk = service.jobs._desk
    async with anyio.create_task_group() as group:
        group.start_soon(Placing(desk).run)
        while desk.place_later is None:
            await anyio.sleep(0)
        yield
        group.cancel_scope.cancel()


async def accepted(service: Bench, **more: Any) -> str:
    """Submit a job; return its id, when that was answered."""
    answer = await service.post(**more)
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    job_id: str = answer.json()["job_id"]
    return job_id


async def placed(service: Bench, job_id: str) -> bool:
    query = select(JOBS.c.placed).where(JOBS.c.id == job_id)
    database = service.jobs._desk.database
    return bool(await database.read(lambda c: c.execute(query).scalar_one()))


async def mended(service: Bench) -> None:
    desk = service.jobs._desk
    await mend(desk, desk.clock.now() + timedelta(seconds=1))


async def runs(service: Bench) -> list[str]:
    return [run.run_id for run in await service.engine.journal.list()]


async def cancel(service: Bench, job_id: str) -> None:
    answer = await service.ask("POST", f"/job/{job_id}/cancel", headers=ADA)
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")


# -- After the answer ------------------------------------------------------------------


async def test_runs_are_made_after_the_answer_in_the_order_of_their_jobs(
    service: Bench, accepting: Accepting
) -> None:
    async with placing(service):
        jobs = sorted([await accepted(service) for _ in range(20)])
        await accepting.until(16)
        before = [await placed(service, job_id) for job_id in jobs]
        accepting.go.set()
        await accepting.until(20)
        with anyio.fail_after(10):
            while not all([await placed(service, job_id) for job_id in jobs]):
                await anyio.sleep(0.01)

    assert not any(before)
    # Sixteen are made at once, and these in any order.
    assert sorted(accepting.asked[:16]) == jobs[:16]
    assert sorted(await runs(service)) == sorted(jobs)


async def test_what_was_accepted_by_a_process_that_died_another_mends(
    service: Bench, accepting: Accepting
) -> None:
    async with placing(service):
        job_id = await accepted(service)
        await accepting.until(1)
    before = await runs(service)
    accepting.go.set()
    await mended(service)

    assert before == []
    assert await runs(service) == [job_id]
    assert await placed(service, job_id)


async def test_who_mends_leaves_alone_what_is_being_placed_here(
    service: Bench, accepting: Accepting
) -> None:
    async with placing(service):
        await accepted(service)
        await accepting.until(1)
        await mended(service)
        accepting.go.set()

    assert len(accepting.asked) == 1


async def test_what_is_mended_is_placed_beside_what_is_accepted(
    service: Bench, accepting: Accepting
) -> None:
    async with placing(service):
        job_id = await accepted(service)
        await accepting.until(1)
    async with placing(service):
        await mended(service)  # which does not wait for it
        await accepting.until(2)
        accepting.go.set()
        with anyio.fail_after(10):
            while not await placed(service, job_id):
                await anyio.sleep(0.01)

    assert accepting.asked == [job_id, job_id]


async def test_a_job_that_can_have_no_run_fails_and_says_why(
    service: Bench, accepting: Accepting
) -> None:
    accepting.error = zg.InputError("the folder cannot be written", "name another")
    accepting.go.set()
    async with placing(service):
        job_id = await accepted(service)
        job = await service.until(job_id, "failed")

    assert job["error"]["title"] == "InputError"
    assert "the folder cannot be written" in job["error"]["detail"]


# -- Mistakes --------------------------------------------------------------------------


async def test_one_job_that_cannot_be_mended_keeps_the_others_from_nothing(
    service: Bench, accepting: Accepting
) -> None:
    async with placing(service):
        jobs = [await accepted(service) for _ in range(3)]
        await accepting.until(3)
    accepting.error, accepting.broken = ValueError("a mistake"), {jobs[0]}
    accepting.go.set()
    await mended(service)

    assert [await placed(service, job_id) for job_id in jobs] == [False, True, True]
    assert (await service.jobs.get("tnt_1", jobs[0])).state == "queued"


async def test_a_job_whose_run_a_mistake_keeps_from_being_made_fails_in_the_end(
    service: Bench, accepting: Accepting
) -> None:
    watch = service.jobs._desk.clock
    assert isinstance(watch, Watch)
    accepting.error = ValueError("a secret of ours")
    accepting.go.set()
    async with placing(service):
        job_id = await accepted(service)
        await accepting.until(1)
    watch.turn(minutes=2)
    await mended(service)
    job = (await service.jobs.get("tnt_1", job_id)).document()

    assert (job["state"], "secret" in str(job)) == ("failed", False)
    assert "a mistake of ours" in job["error"]["detail"]


async def test_a_journal_that_is_gone_is_not_asked_for_each_job(
    service: Bench, accepting: Accepting
) -> None:
    async with placing(service):
        for _ in range(6):
            await accepted(service)
        await accepting.until(6)
    accepting.error = zg.JournalError("the disk is full")
    accepting.go.set()
    await mended(service)

    assert len(accepting.asked) == 6 + 3


# -- Too late --------------------------------------------------------------------------


@pytest.mark.parametrize("delete", [False, True], ids=["kept", "deleted"])
@pytest.mark.parametrize("dies", [False, True], ids=["lives", "dies"])
async def test_what_is_cancelled_while_its_run_is_made_leaves_none_that_goes_on(
    service: Bench,
    accepting: Accepting,
    monkeypatch: pytest.MonkeyPatch,
    delete: bool,
    dies: bool,
) -> None:
    async with placing(service):
        job_id = await accepted(service)
        await accepting.until(1)
        await cancel(service, job_id)
        if delete:
            deleted = await service.ask("DELETE", f"/job/{job_id}", headers=ADA)
            assert deleted.status_code == 204
        with monkeypatch.context() as patched:
            if dies:
                patched.setattr(type(service.jobs._desk), "_tidy", dying)
            accepting.go.set()
            with anyio.fail_after(10):
                while service.jobs._desk.to_place:
                    await anyio.sleep(0.01)
    await mended(service)

    if delete:
        assert await runs(service) == []
    else:
        events = await service.engine.journal.read(job_id)
        assert isinstance(events[-1], zg.RunCancelled)
        assert (await service.jobs.get("tnt_1", job_id)).state == "cancelled"


async def dying(*_: object) -> None:
    raise ValueError("the process is no more")


# -- What a job waits for --------------------------------------------------------------


async def test_a_decision_that_the_run_has_and_the_row_has_not_is_not_forgotten(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = Deleting()
    await make_tenants(database)
    async with bench(database, tmp_path, tool) as service:
        approval = await waiting(service, who="Bearer mel")
        real = service.engine.approve

        async def approve(*args: Any, **named: Any) -> zg.Outcome:
            await real(*args, **named)
            raise DatabaseError("the database is gone for a moment", "")

        with monkeypatch.context() as patched:
            patched.setattr(service.engine, "approve", approve)
            answer = await decide(service, approval)
        await mended(service)
        await service.until(approval["job_id"], "succeeded")

    assert answer.status_code == 503
    assert tool.deleted == ["old.txt"]


async def test_a_job_whose_run_somebody_removed_fails_and_says_so(
    database: Database, tmp_path: Path
) -> None:
    await make_tenants(database)
    journal = zg.MemoryJournal()
    async with bench(database, tmp_path, journal=journal, working=False) as service:
        job_id = await accepted(service)
        await journal.delete(job_id)
    async with bench(database, tmp_path, journal=journal) as service:
        job = await service.until(job_id, "failed")

    assert job["error"]["title"] == "RunNotFoundError"


async def test_a_run_that_an_operator_put_aside_and_did_is_told_of_its_job(
    database: Database, tmp_path: Path
) -> None:
    async def two(ctx: zg.Context) -> zg.Reply:
        await ctx.complete([zg.Message.user("one")])
        begun.set()
        await gate.wait()
        answer = await ctx.complete([zg.Message.user("two")])
        return zg.Reply(output=answer.text)

    begun, gate = anyio.Event(), anyio.Event()
    await make_tenants(database)
    async with bench(database, tmp_path, writer=two) as service:
        job_id = await accepted(service)
        await begun.wait()
        await service.engine.pause(job_id)
        gate.set()
        await service.until(job_id, "paused")
        await service.engine.resume(job_id)
        before = (await service.jobs.get("tnt_1", job_id)).state
        await mended(service)
        job = await service.until(job_id, "succeeded")

    assert (before, job["result"]) == ("paused", "Hello.")
