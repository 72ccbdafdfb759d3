"""Processes that die: what was accepted is neither lost nor done twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from gateway.test_job_questions import Deleting, decide, waiting
from gateway.watches import Watch
from gateway.working import Bench, Gatekeeper, bench, make_tenants

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.jobs import JobSettings

pytestmark = pytest.mark.anyio
KEY = {"idempotency-key": "once"}


class DiedError(Exception):
    """The process is no more."""


class Mortal:
    """A database or an engine's journal at which the process dies once.

    Args:
        real: What it does the work with.
        at: At which call.
        after: Whether what was asked for is done before.
    """

    def __init__(self, real: Any, at: int, *, after: bool, calls: set[str]) -> None:
        self._real = real
        self._left = at
        self._after = after
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._real, name)
        if name not in self._calls:
            return function

        async def called(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise DiedError
            if self._left < 0:
                raise DiedError  # it stays dead
            result = await function(*args, **kwargs)
            if self._left == 0:
                raise DiedError
            return result

        return called


class Process:
    """The same database and journal, for one process after the other."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.journal = zg.MemoryJournal()
        self.folder = folder
        self.asked = 0

    @asynccontextmanager
    async def begin(self, *plugins: object, **more: Any) -> AsyncGenerator[Bench, None]:
        def answer(_: zg.Request) -> str:
            self.asked += 1
            return "Hello."

        made = {"database": self.database, "journal": self.journal, **more}
        async with bench(
            made.pop("database"), self.folder, *plugins, answers=(answer,), **made
        ) as service:
            yield service


@pytest.fixture
async def process(database: Database, tmp_path: Path) -> Process:
    await make_tenants(database)
    return Process(database, tmp_path)


async def only_job(service: Bench) -> dict[str, Any]:
    (job,) = (await service.ask("GET", "/jobs")).json()["data"]
    return dict(job)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
async def test_whenever_it_dies_a_request_sent_again_is_one_job(
    process: Process, at: int, after: bool
) -> None:
    dying: Any = Mortal(process.database, at, after=after, calls={"write"})
    async with process.begin(working=False, database=dying) as service:
        first = await service.post(headers=KEY)
    async with process.begin() as service:
        again = await service.post(headers=KEY)
        done = await service.until(again.json()["job_id"], "succeeded")

        assert (await only_job(service))["job_id"] == done["job_id"]
    assert [run.run_id for run in await process.journal.list()] == [done["job_id"]]
    assert process.asked == 1
    assert first.status_code == 200 or first.json()["code"] == "internal_error"


@pytest.mark.parametrize("after", [False, True])
async def test_what_was_accepted_and_not_journaled_is_begun_by_the_next(
    process: Process, after: bool
) -> None:
    dying: Any = Mortal(process.journal, 1, after=after, calls={"create"})
    async with process.begin(working=False) as service:
        service.engine.journal = dying
        await service.post()
    async with process.begin() as service:
        job = await only_job(service)
        await service.until(job["job_id"], "succeeded")

    assert len(await process.journal.list()) == 1
    assert process.asked == 1


async def test_a_journal_that_fails_for_a_while_loses_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object, **__: object) -> str:
        raise zg.JournalError("the disk is full")

    async with process.begin(working=False) as service:
        monkeypatch.setattr(service.engine, "accept", failing)
        answer = await service.post()
        found = await service.ask("GET", f"/job/{answer.json()['job_id']}")
    async with process.begin() as service:
        await service.until(answer.json()["job_id"], "succeeded")

    assert (answer.status_code, found.json()["status"]) == (200, "queued")


async def test_what_was_under_way_goes_on_in_the_next(process: Process) -> None:
    async def two(ctx: zg.Context) -> zg.Reply:
        answer = await ctx.complete([zg.Message.user(ctx.prompt)])
        await gate.run(ctx)
        return zg.Reply(output=answer.text)

    gate = Gatekeeper()
    async with process.begin(writer=two) as service:
        job_id = (await service.post()).json()["job_id"]
        with anyio.fail_after(5):
            while not gate.begun:
                await anyio.sleep(0.01)
        before = await service.until(job_id, "running")
    gate.open.set()
    async with process.begin(writer=two) as service:
        after = await service.until(job_id, "succeeded")
        path = f"/job/{job_id}/events"
        told = (await service.ask("GET", path)).json()["data"]

    assert process.asked == 1
    assert after["version"] > before["version"]
    assert after["usage"]["output_tokens"] == 1
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    assert "job.resumed" in {event["type"] for event in told}


@pytest.mark.parametrize(
    ("agent", "state"), [("writer", "succeeded"), ("broken", "failed")]
)
async def test_what_ended_before_its_row_said_so_is_not_done_again(
    process: Process, agent: str, state: str
) -> None:
    async with process.begin(working=False) as service:
        job_id = (await service.post(agent=agent)).json()["job_id"]
        with anyio.move_on_after(5):
            with suppress(zg.RunError):
                await service.engine.resume(job_id)
    events = await process.journal.read(job_id)
    async with process.begin() as service:
        await service.until(job_id, state)

    assert await process.journal.read(job_id) == events


async def test_a_decision_that_was_not_told_is_told_by_the_next(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(*_: object, **__: object) -> None:
        raise DiedError

    tool = Deleting()
    async with process.begin(tool) as service:
        approval = await waiting(service, who="Bearer mel")
        monkeypatch.setattr(service.engine, "approve", dying)
        answer = await decide(service, approval)
        assert (answer.status_code, tool.deleted) == (500, [])
    async with process.begin(tool) as service:
        await service.until(approval["job_id"], "succeeded")

    assert tool.deleted == ["old.txt"]


async def test_a_cancellation_that_was_cut_off_is_done_by_the_next(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(*_: object, **__: object) -> None:
        raise DiedError

    async with process.begin(working=False) as service:
        job_id = (await service.post()).json()["job_id"]
        monkeypatch.setattr(service.engine, "cancel", dying)
        await service.ask("POST", f"/job/{job_id}/cancel")
        before = (await service.jobs.get("tnt_1", job_id)).state
    async with process.begin() as service:
        await service.until(job_id, "cancelled")

    assert (before, process.asked) == ("cancelling", 0)


async def test_a_deletion_that_was_cut_off_is_brought_to_its_end(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dying(*_: object, **__: object) -> None:
        raise DiedError

    async with process.begin() as service:
        done = await service.done()
        monkeypatch.setattr(service.engine, "result", dying)
        await service.ask("DELETE", f"/job/{done['job_id']}")
    assert len(await process.journal.list()) == 1
    async with process.begin():
        with anyio.fail_after(5):
            while await process.journal.list():
                await anyio.sleep(0.01)


# -- Queues --------------------------------------------------------------------------


async def test_only_so_many_jobs_wait(process: Process) -> None:
    few = JobSettings(tenant_queued=2, queued=3)
    async with process.begin(working=False, settings=few) as service:
        taken = [(await service.post()).status_code for _ in range(2)]
        more = await service.post(headers=KEY)
        theirs = await service.post(who="Bearer eve")
        full = await service.post(who="Bearer eve")

    assert taken == [200, 200]
    assert (more.status_code, more.json()["code"]) == (429, "concurrency_exceeded")
    assert int(more.headers["retry-after"]) > 0
    assert theirs.status_code == 200
    assert (full.status_code, full.json()["code"]) == (503, "queue_full")
    assert int(full.headers["retry-after"]) > 0


async def test_only_so_many_jobs_wait_however_many_come_at_once(
    process: Process,
) -> None:
    few = JobSettings(tenant_queued=4, queued=6)
    answers: list[int] = []
    async with process.begin(working=False, settings=few) as service:

        async def submit(who: str) -> None:
            answers.append((await service.post(who=who)).status_code)

        async with anyio.create_task_group() as group:
            for who in ("Bearer ada", "Bearer eve") * 15:
                group.start_soon(submit, who)
        rooms = [await service.jobs.room(tenant) for tenant in ("tnt_1", "tnt_2")]

    assert answers.count(200) == 6
    assert sum(room.queued for room in rooms) == 6
    assert all(room.queued <= 4 for room in rooms)
    assert set(answers) <= {200, 429, 503}


async def test_only_so_many_jobs_run(process: Process) -> None:
    gate = Gatekeeper()
    few = JobSettings(tenant_running=2)
    async with process.begin(settings=few, writer=gate) as service:
        ids = [(await service.post()).json()["job_id"] for _ in range(5)]
        for job_id in ids[:2]:
            await service.until(job_id, "running")
        waiting = [(await service.jobs.get("tnt_1", i)).state for i in ids[2:]]
        assert (gate.begun <= 2, waiting) == (True, ["queued"] * 3)
        gate.open.set()
        for job_id in ids:
            await service.until(job_id, "succeeded")


async def test_a_job_for_later_waits_until_then(process: Process) -> None:
    watch = Watch()
    later = watch.now().replace(hour=13).isoformat()
    async with process.begin(clock=watch) as service:
        posted = await service.post(run_after=later)
        job_id = posted.json()["job_id"]
        at_once = await service.post()
        await service.until(at_once.json()["job_id"], "succeeded")
        before = (await service.jobs.get("tnt_1", job_id)).state
        watch.turn(hours=1)
        await service.until(job_id, "succeeded")

    assert (posted.json()["status"], before) == ("queued", "scheduled")


async def test_what_is_urgent_is_done_first(process: Process) -> None:
    done: list[str] = []

    async def noting(ctx: zg.Context) -> zg.Reply:
        done.append(ctx.objective)
        return zg.Reply(output="")

    async with process.begin(working=False) as service:
        for priority in ("low", "normal", "high"):
            await service.post(priority, priority=priority)
    one = JobSettings(running=1)
    async with process.begin(settings=one, writer=noting) as service:
        listed = (await service.ask("GET", "/jobs")).json()["data"]
        for job in listed:
            await service.until(job["job_id"], "succeeded")

    assert done == ["high", "normal", "low"]


async def test_versions_grow_by_one_and_progress_never_shrinks(
    process: Process,
) -> None:
    seen: list[Any] = []
    async with process.begin() as service:
        job_id = (await service.post()).json()["job_id"]

        def noted(job: Any) -> bool:
            seen.append((job.version, job.progress, job.status))
            return bool(job.ended)

        await service.jobs.changed("tnt_1", job_id, noted, 5)

    assert seen == sorted(seen, key=lambda s: s[:2])
    assert [p for _, p, status in seen if status != "completed" and p >= 1] == []
    assert seen[-1][1:] == (1.0, "completed")
