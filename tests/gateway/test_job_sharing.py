"""Jobs that many processes share: who has one, who may write, and whose turn it is.

One file, since all of it is about the rules by which processes share one table.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from calling import Caller
from gateway.test_job_questions import Deleting
from gateway.working import Bench, Gatekeeper, bench, make_tenants
from sqlalchemy import Connection, func, select, update

import zg_core as zg
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.ids import new_id
from zg_plugins_builtin.gateway.jobs import Asked, JobSettings, tables
from zg_plugins_builtin.gateway.jobs.admitting import admit
from zg_plugins_builtin.gateway.jobs.following import Following
from zg_plugins_builtin.gateway.jobs.rows import insert_job
from zg_plugins_builtin.gateway.jobs.sharing import Sharing
from zg_plugins_builtin.gateway.jobs.taking import TakenAwayError, take
from zg_plugins_builtin.gateway.jobs.workers import beat
from zg_plugins_builtin.gateway.settings import GatewaySettings, read_settings
from zg_plugins_builtin.runtimes.queue import QueueRuntime, open_runtime

pytestmark = pytest.mark.anyio
JOBS = tables.jobs
NOW = datetime(2026, 11, 29, tzinfo=UTC)
SERVER = "postgresql://zg@db.example/zg"


# -- Who has a job ---------------------------------------------------------------------


@pytest.fixture
async def accepted(
    database: Database, tmp_path: Path
) -> AsyncGenerator[tuple[Bench, str], None]:
    """A service that does nothing, and a job that it accepted."""
    await make_tenants(database)
    async with bench(database, tmp_path, working=False) as service:
        yield service, (await service.post()).json()["job_id"]


def admitted(connection: Connection, job_id: str) -> None:
    values = {"admitted_at": NOW, "ready": False}
    connection.execute(update(JOBS).where(JOBS.c.id == job_id).values(**values))


async def row_of(database: Database, job_id: str) -> Any:
    query = select(JOBS).where(JOBS.c.id == job_id)
    return await database.read(lambda c: c.execute(query).one())


async def test_only_what_was_admitted_can_be_taken(
    database: Database, accepted: tuple[Bench, str]
) -> None:
    _, job_id = accepted
    before = await database.write(lambda c: take(c, job_id, "one", NOW))
    await database.write(lambda c: admitted(c, job_id))
    after = await database.write(lambda c: take(c, job_id, "one", NOW))

    assert (before, after) == (None, 1)
    assert (await row_of(database, job_id)).state == "running"


async def test_who_lost_a_job_to_another_writes_nothing_about_it(
    database: Database, accepted: tuple[Bench, str]
) -> None:
    service, job_id = accepted
    desk = service.jobs._desk
    await database.write(lambda c: admitted(c, job_id))
    first = await database.write(lambda c: take(c, job_id, "one", NOW))
    await database.write(lambda c: take(c, job_id, "other", NOW))
    before = await row_of(database, job_id)
    following = Following()
    for event in await service.engine.journal.read(job_id):
        following.heed(event)

    for left in (False, True):
        with pytest.raises(TakenAwayError):
            await desk.follow(job_id, following, left=left, take=first)
    with pytest.raises(TakenAwayError):
        await desk.fail(job_id, zg.RunError("it went wrong"), take=first)
    with pytest.raises(TakenAwayError):
        await desk.settle(job_id, take=first)
    assert await row_of(database, job_id) == before


async def test_who_looks_at_a_job_that_another_does_leaves_it_to_that_one(
    database: Database, accepted: tuple[Bench, str]
) -> None:
    service, job_id = accepted
    await database.write(lambda c: admitted(c, job_id))
    await database.write(lambda c: take(c, job_id, "other", NOW))
    await service.jobs._desk.settle(job_id)
    row = await row_of(database, job_id)

    assert (row.worker_id, row.ready, row.seen) == ("other", False, 1)


# -- Settings --------------------------------------------------------------------------


def test_runs_are_in_the_same_database_and_their_owners_are_found_dead_soon() -> None:
    given = {"folder": Path("x"), "database": SERVER}
    own = f"{SERVER}2?lease_seconds=9"

    assert GatewaySettings(folder=Path("x")).journal_address is None
    assert GatewaySettings(**given).journal_address == f"{SERVER}?lease_seconds=5"
    assert GatewaySettings(**given, journal=own).journal_address == own
    plain = GatewaySettings(folder=Path("x"), database=f"{SERVER}?sslmode=require")
    assert plain.journal_address == f"{SERVER}?sslmode=require&lease_seconds=5"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"works": False}, "nobody would do the jobs"),
        ({"journal": SERVER}, "whose database is a file"),
        ({"journal": "sqlite:///runs.db", "database": SERVER}, "no journal that many"),
    ],
)
def test_what_cannot_be_shared_does_not_start(given: Any, said: str) -> None:
    with pytest.raises(zg.ConfigError, match=said):
        GatewaySettings(folder=Path("x"), **given)


def test_gateways_do_a_few_jobs_unless_only_workers_do() -> None:
    def slots(**section: Any) -> int:
        settings = zg.Settings("builtin", section, on_secret=lambda _: None)
        return read_settings(settings, Path("x")).slots

    assert slots() == 100
    assert slots(database=SERVER) == 20
    assert slots(database=SERVER, works=False) == 0
    assert slots(database=SERVER, jobs={"running": 50}) == 50


def test_a_worker_says_that_it_takes_a_server(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    called = Caller(capfd)("worker", "--database", str(tmp_path / "x.db"))

    assert called.code == 3
    assert "a database on PostgreSQL" in called.err
    assert "--database postgresql://user@host/name" in called.err


def test_a_worker_says_that_its_database_is_not_there(
    capfd: pytest.CaptureFixture[str],
) -> None:
    called = Caller(capfd)("worker", "--database", "postgresql://zg@127.0.0.1:1/zg")

    assert called.code == 3
    assert "see that it runs" in called.err


# -- The runtime -----------------------------------------------------------------------


@pytest.mark.parametrize("journal", ["memory", "sqlite", "sqlite:///runs.db", ""])
async def test_what_is_in_no_database_goes_into_no_queue(journal: str) -> None:
    with pytest.raises(zg.RunError, match="use a journal on PostgreSQL"):
        await QueueRuntime().submit("run-1", journal)


async def test_a_queue_that_cannot_be_reached_says_no_secrets() -> None:
    address = "postgresql://zg:s3cret-of-ours@127.0.0.1:9/zg"
    with pytest.raises(zg.RunError, match="cannot be used for now") as caught:
        await QueueRuntime().submit("run-1", address)

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        ({"dead_seconds": "soon"}, "numbers above 0"),
        ({"heartbeat_seconds": True}, "numbers above 0"),
        ({"nothing": 1}, "there are heartbeat_seconds and dead_seconds"),
        ({"dead_seconds": 1.5}, "twice heartbeat_seconds"),
    ],
)
def test_times_that_cannot_be_are_refused(queue: Any, said: str) -> None:
    settings = zg.Settings("builtin", {"queue": queue}, on_secret=lambda _: None)

    with pytest.raises(zg.ConfigError, match=said):
        open_runtime(settings)


@pytest.mark.heavy
async def test_a_run_is_in_the_queue_once_however_often_it_is_put_there(
    postgres_url: str,
) -> None:
    runtime, given = QueueRuntime(), []
    stopping = anyio.Event()

    async def do(run_id: str) -> bool:
        given.append(run_id)
        if given.count(run_id) == 1:
            return False  # another is to have it
        if len(given) == 4:
            stopping.set()
        return True

    async with anyio.create_task_group() as group:
        for _ in range(3):  # which make the tables, all at once
            group.start_soon(runtime.submit, "run-1", postgres_url)
            group.start_soon(runtime.submit, "run-2", postgres_url)
    async with runtime.opened(postgres_url) as queue:
        with anyio.fail_after(20):
            await queue.work(do, slots=5, stopping=stopping, grace=1)

    assert sorted(given) == ["run-1", "run-1", "run-2", "run-2"]


@pytest.mark.heavy
async def test_what_nobody_did_for_a_fault_is_tried_again(postgres_url: str) -> None:
    runtime, tries = QueueRuntime(), 0
    stopping = anyio.Event()

    async def do(run_id: str) -> bool:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the disk is full")
        stopping.set()
        return True

    await runtime.submit("run-1", postgres_url)
    async with runtime.opened(postgres_url) as queue:
        with anyio.fail_after(20):
            await queue.work(do, slots=5, stopping=stopping, grace=1)

    assert tries == 2


# -- Whose turn it is ------------------------------------------------------------------


@pytest.fixture
async def server(postgres_url: str) -> AsyncGenerator[Database, None]:
    opened = await Database.open(postgres_url)
    await make_tenants(opened)
    yield opened
    await opened.close()


def waiting(connection: Connection, tenant: str, number: int, **values: Any) -> None:
    """Have jobs wait."""
    for _ in range(number):
        job_id = new_id("job", NOW)
        insert_job(
            connection,
            Asked(objective="Say hello", priority=values.get("priority", "normal")),
            NOW - values.get("ago", timedelta(0)),
            job_id=job_id,
            tenant=tenant,
            submitted_by="ada",
            actor="ada",
        )
        placed = update(JOBS).where(JOBS.c.id == job_id).values(placed=True)
        connection.execute(placed)


def of_tenants(connection: Connection, admitted: list[str]) -> list[str]:
    known = dict(connection.execute(select(JOBS.c.id, JOBS.c.tenant_id)).all())
    return [known[job_id] for job_id in admitted]


@pytest.mark.heavy
async def test_as_many_are_admitted_as_workers_that_live_do(server: Database) -> None:
    settings = JobSettings(tenant_running=5)

    def work(connection: Connection) -> list[int]:
        waiting(connection, "tnt_1", 20)
        counts = [len(admit(connection, settings, NOW))]
        beat(connection, "one", 3)
        counts.append(len(admit(connection, settings, NOW)))
        counts.append(len(admit(connection, settings, NOW)))
        beat(connection, "other", 30)
        counts.append(len(admit(connection, settings, NOW)))
        dead = update(tables.workers).values(seen_at=0)
        connection.execute(dead)
        connection.execute(update(JOBS).values(admitted_at=None))
        counts.append(len(admit(connection, settings, NOW)))
        return counts

    assert await server.write(work) == [0, 3, 0, 2, 0]


@pytest.mark.heavy
async def test_shares_are_kept_from_one_process_to_the_next(server: Database) -> None:
    settings = JobSettings(weights={"tnt_1": 3}, tenant_running=100)

    def work(connection: Connection) -> list[str]:
        waiting(connection, "tnt_1", 40)
        waiting(connection, "tnt_2", 40)
        order: list[str] = []
        for slots in range(1, 41):  # one more each time, as if each were a process
            beat(connection, "one", slots)
            order += of_tenants(connection, admit(connection, settings, NOW))
        return order

    order = await server.write(work)

    assert len(order) == 40
    for end in range(1, 41):
        assert abs(order[:end].count("tnt_1") - end * 3 / 4) <= 1


@pytest.mark.heavy
async def test_what_is_urgent_goes_first_and_what_waits_long_comes_to_be(
    server: Database,
) -> None:
    def work(connection: Connection) -> list[str]:
        waiting(connection, "tnt_1", 1, priority="low")
        waiting(connection, "tnt_1", 1, priority="low", ago=timedelta(minutes=11))
        waiting(connection, "tnt_1", 1)
        waiting(connection, "tnt_1", 1, priority="high")
        beat(connection, "one", 10)
        settings = JobSettings()
        ids = admit(connection, settings, NOW)
        rows = connection.execute(select(JOBS.c.id, JOBS.c.priority)).all()
        return [dict(rows)[job_id] for job_id in ids]

    assert await server.write(work) == ["low", "high", "normal", "low"]


@pytest.mark.heavy
async def test_two_who_decide_at_once_admit_nothing_twice(server: Database) -> None:
    settings = JobSettings(tenant_running=100)
    found: list[str] = []

    async def decide() -> None:
        found.extend(await server.write(lambda c: admit(c, settings, NOW)))

    await server.write(lambda c: waiting(c, "tnt_1", 50))
    await server.write(lambda c: beat(c, "one", 30))
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(decide)

    assert len(found) == len(set(found)) == 30
    counted = select(func.count()).where(JOBS.c.admitted_at.is_not(None))
    assert await server.read(lambda c: c.execute(counted).scalar_one()) == 30


@pytest.mark.heavy
async def test_a_job_that_got_lost_on_its_way_to_the_queue_is_put_there_again(
    server: Database, postgres_url: str, tmp_path: Path
) -> None:
    async with bench(server, tmp_path, journal=postgres_url, working=False) as gateway:
        job_id = (await gateway.post()).json()["job_id"]
        # As if whoever admitted it had died before it put it into the queue.
        await server.write(lambda c: admitted(c, job_id))
    async with machine(server, postgres_url, tmp_path, slots=3) as worker:
        await worker.until(job_id, "succeeded")


# -- A gateway and a worker ------------------------------------------------------------


@asynccontextmanager
async def machine(
    database: Database,
    url: str,
    folder: Path,
    *plugins: object,
    slots: int,
    **more: Any,
) -> AsyncGenerator[Bench, None]:
    """A process that shares jobs with others: an engine and a journal of its own."""
    sharing = Sharing(runtime=QueueRuntime(), journal=url, slots=slots)
    async with bench(
        database, folder, *plugins, journal=url, sharing=sharing, **more
    ) as made:
        yield made


@pytest.mark.heavy
async def test_a_job_is_done_elsewhere_and_told_here(
    server: Database, postgres_url: str, tmp_path: Path
) -> None:
    one = machine(server, postgres_url, tmp_path, slots=0)
    other = machine(server, postgres_url, tmp_path, slots=5)
    async with one as gateway, other:
        done = await gateway.done()
        events = await gateway.ask("GET", f"/job/{done['job_id']}/events")

    told = events.json()["data"]
    assert (done["state"], done["result"]) == ("succeeded", "Hello.")
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))


@pytest.mark.heavy
async def test_what_a_job_asks_elsewhere_is_decided_here(
    server: Database, postgres_url: str, tmp_path: Path
) -> None:
    tool = Deleting()
    one = machine(server, postgres_url, tmp_path, tool, slots=0)
    other = machine(server, postgres_url, tmp_path, tool, slots=5)
    async with one as gateway, other:
        job_id = (await gateway.post(agent="cleaner", who="Bearer mel")).json()
        job_id = job_id["job_id"]
        await gateway.until(job_id, "awaiting_approval")
        listed = await gateway.ask("GET", "/approvals?state=pending")
        (asked,) = listed.json()["data"]
        decided = await gateway.ask(
            "POST",
            f"/approvals/{asked['approval_id']}/decision",
            json={"decision": "approve", "args_sha256": asked["args_sha256"]},
        )
        await gateway.until(job_id, "succeeded")

    assert decided.status_code == 200
    assert tool.deleted == ["old.txt"]


@pytest.mark.heavy
async def test_a_job_that_runs_elsewhere_is_cancelled_from_here(
    server: Database, postgres_url: str, tmp_path: Path
) -> None:
    gate = Gatekeeper()
    one = machine(server, postgres_url, tmp_path, slots=0, gate=gate.run)
    other = machine(server, postgres_url, tmp_path, slots=5, gate=gate.run)
    async with one as gateway, other:
        running = (await gateway.post(agent="gate")).json()["job_id"]
        with anyio.fail_after(10):
            while not gate.begun:
                await anyio.sleep(0.05)
        answer = await gateway.ask("POST", f"/job/{running}/cancel")
        await gateway.until(running, "cancelled")

    assert answer.status_code in (200, 202)  # by whether it was quick enough
    assert gate.begun == 1


@pytest.mark.heavy
async def test_a_job_that_waits_in_the_queue_is_cancelled_and_never_begun(
    server: Database, postgres_url: str, tmp_path: Path
) -> None:
    gate = Gatekeeper()
    async with machine(server, postgres_url, tmp_path, slots=0, gate=gate.run) as one:
        await server.write(lambda c: beat(c, "soon-dead", 5))
        job_id = (await one.post(agent="gate")).json()["job_id"]
        with anyio.fail_after(10):
            while (await row_of(server, job_id)).admitted_at is None:
                await anyio.sleep(0.05)
        await one.ask("POST", f"/job/{job_id}/cancel")
        await one.until(job_id, "cancelled")
        other = machine(server, postgres_url, tmp_path, slots=5, gate=gate.run)
        async with other as worker:
            done = await worker.done()

    assert done["state"] == "succeeded"
    assert gate.begun == 0


@pytest.mark.heavy
async def test_a_run_that_is_no_job_is_done_by_a_worker_too(
    server: Database, postgres_url: str, tmp_path: Path
) -> None:
    async with machine(server, postgres_url, tmp_path, slots=5) as worker:
        solo = zg.Workflow("solo", (zg.Step("work", agent="writer"),))
        run_id = await worker.engine.accept(solo, "Say hello")
        where = await QueueRuntime().submit(run_id, postgres_url)
        with anyio.fail_after(20):
            async for _ in worker.engine.watch(run_id):
                pass
        result = await worker.engine.result(run_id)

    assert "zerogravity" in where
    assert result.output == "Hello."
