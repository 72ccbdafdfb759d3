"""The PostgreSQL journal, where processes die and the server goes away.

What every journal does is in `zg_core.testing.JournalConformance`.
One file, since all of it is about what one server and its clients survive.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import IO

import anyio
import journal_child
import journal_databases
import psycopg
import pytest
import uvloop
from gateway.postgres import programs, restart
from journal_child import FORK, accepted, progressed

import zg_core as zg
from zg_core import (
    CancelRequested,
    InputError,
    Journal,
    JournalError,
    RunBusyError,
    RunNotFoundError,
)
from zg_plugins_builtin.journals.postgres import PostgresJournal

pytestmark = [pytest.mark.anyio, pytest.mark.heavy]

CHILD = Path(journal_child.__file__)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with journal_databases.server() as address:
        yield address


@pytest.fixture
def address(server: str) -> str:
    return journal_databases.created(server)


@pytest.fixture
async def journal(address: str) -> AsyncIterator[PostgresJournal]:
    journal = PostgresJournal(address)
    yield journal
    await journal.close()


async def seqs(journal: Journal, run_id: str) -> list[int]:
    return [event.seq for event in await journal.read(run_id)]


async def begun(journal: Journal, *run_ids: str) -> int:
    """Make runs and claim them; return the epoch of the last."""
    epoch = 0
    for run_id in run_ids:
        await journal.create(accepted(run_id))
        epoch = await journal.claim(run_id)
    return epoch


async def until(wanted: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(30):
        while not await wanted():
            await anyio.sleep(0.02)


async def taken_over(journal: Journal, run_id: str) -> int:
    """Claim a run as soon as its owner is no more; return the epoch."""
    with anyio.fail_after(30):
        while True:
            try:
                return await journal.claim(run_id)
            except RunBusyError:
                await anyio.sleep(0.05)


# -- Other processes -------------------------------------------------------------------


@contextmanager
def child(
    address: str, *run_ids: str, lease: float = 15.0
) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes runs; see `journal_child`."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), address, str(lease), *run_ids],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def stdout(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


async def test_what_was_acknowledged_outlives_a_killed_process(
    journal: PostgresJournal, address: str
) -> None:
    run_ids = [f"run-{number}" for number in range(8)]
    with child(address, *run_ids, lease=1000) as process:
        lines = [stdout(process).readline() for _ in range(300)]
        process.kill()
        lines += stdout(process).readlines()
    acknowledged = dict(line.split() for line in lines if line.endswith("\n"))

    assert acknowledged.keys() == set(run_ids)
    for run_id in run_ids:
        written = await seqs(journal, run_id)
        assert written == list(range(1, len(written) + 1))
        assert len(written) >= int(acknowledged[run_id])
        # It was this machine's: nobody waits for the lease.
        epoch = await taken_over(journal, run_id)
        await journal.append(run_id, epoch, progressed(run_id, len(written) + 1))


def change_owners(address: str, key: str, value: str) -> None:
    with psycopg.connect(address) as connection:
        connection.execute(
            "UPDATE zg_journal_owners SET process ="
            " jsonb_set(process::jsonb, ARRAY[%s], to_jsonb(%s::text))::text",
            (key, value),
        )


async def test_a_process_killed_on_another_machine_is_gone_when_its_lease_is_over(
    journal: PostgresJournal, address: str
) -> None:
    with child(address, "a", lease=2.0) as process:
        assert stdout(process).readline() == "a 1\n"
        change_owners(address, "host", "elsewhere")
        process.kill()
        process.wait()

        assert [run.owned for run in await journal.list()] == [True]
        with pytest.raises(RunBusyError, match="on elsewhere is doing run 'a'"):
            await journal.claim("a")
        assert await taken_over(journal, "a") == 2


async def test_a_frozen_owner_that_wakes_up_writes_nothing(
    journal: PostgresJournal, address: str
) -> None:
    with child(address, "a", lease=1.0) as process:
        assert stdout(process).readline() == "a 1\n"
        process.send_signal(signal.SIGSTOP)
        epoch = await taken_over(journal, "a")
        await journal.append("a", epoch, progressed("a", 2, text="parent"))
        process.send_signal(signal.SIGCONT)
        print(file=process.stdin, flush=True)

        assert stdout(process).readline() == "a lost\n"
        process.wait(timeout=20)
    assert await journal.read("a", 1) == progressed("a", 2, text="parent")
    await journal.append("a", epoch, progressed("a", 3))


async def frozen_inside(process: subprocess.Popen[str], address: str) -> None:
    """Stop a process in the middle of a transaction."""
    inside = (
        "SELECT array_agg(state) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND datname = current_database() AND xact_start IS NOT NULL"
    )
    with psycopg.connect(address, autocommit=True) as connection, anyio.fail_after(30):
        while True:
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            # What others do just now ends; what is frozen stays as it is.
            states = []
            for _ in range(5):
                states.append(connection.execute(inside).fetchone())
                await anyio.sleep(0.01)
            if all(state == (["idle in transaction"],) for state in states):
                return
            process.send_signal(signal.SIGCONT)
            await anyio.sleep(0.003)


async def test_an_owner_frozen_within_a_transaction_holds_nobody_up(
    journal: PostgresJournal, address: str
) -> None:
    await begun(journal, "mine")
    with child(address, "a", "b", lease=1.5) as process:
        for _ in range(20):
            stdout(process).readline()
        await frozen_inside(process, address)
        with anyio.fail_after(20):
            epochs = [await taken_over(journal, run_id) for run_id in ("a", "b")]
        lengths = [len(await seqs(journal, run_id)) for run_id in ("a", "b")]
        process.send_signal(signal.SIGCONT)
        said = stdout(process).read().splitlines()

    assert epochs == [2, 2]
    assert {"a lost", "b lost"} <= {*said}
    assert lengths == [len(await seqs(journal, run_id)) for run_id in ("a", "b")]


async def test_a_row_that_somebody_holds_keeps_no_other_run_waiting(
    journal: PostgresJournal, address: str
) -> None:
    epoch = await begun(journal, "held", "free")
    with psycopg.connect(address) as connection:
        connection.execute(
            "SELECT FROM zg_journal_runs WHERE run_id = 'held' FOR UPDATE"
        )
        waiting = [
            asyncio.ensure_future(
                journal.append("held", epoch, progressed("held", seq))
            )
            for seq in (2, 3)
        ]
        for seq in range(2, 22):
            await journal.append("free", epoch, progressed("free", seq))
        assert not any(task.done() for task in waiting)
        connection.rollback()
    with anyio.fail_after(20):
        await asyncio.gather(*waiting)
    assert await seqs(journal, "held") == [1, 2, 3]


async def test_what_rides_is_read_by_its_writer_though_somebody_holds_the_row(
    journal: PostgresJournal, address: str
) -> None:
    epoch = await begun(journal, "free", "held")
    with psycopg.connect(address) as connection:
        connection.execute(
            "SELECT FROM zg_journal_runs WHERE run_id = 'held' FOR UPDATE"
        )
        await journal.append("held", epoch, progressed("held", 2), durable=False)
        await journal.append("free", epoch, progressed("free", 2), durable=False)
        reading = asyncio.ensure_future(seqs(journal, "held"))
        assert await seqs(journal, "free") == [1, 2]
        assert not reading.done()
        connection.rollback()
    assert await reading == [1, 2]


async def test_a_row_that_is_held_too_long_is_an_error(address: str) -> None:
    journal = PostgresJournal(address, patience_seconds=0.2)
    epoch = await begun(journal, "held")
    with psycopg.connect(address) as connection:
        connection.execute(
            "SELECT FROM zg_journal_runs WHERE run_id = 'held' FOR UPDATE"
        )
        with pytest.raises(JournalError, match="somebody keeps locked"):
            await journal.append("held", epoch, progressed("held", 2))
        connection.rollback()
    await journal.append("held", epoch, progressed("held", 2))
    await journal.close()


async def test_a_living_owner_keeps_its_runs(
    journal: PostgresJournal, address: str
) -> None:
    owner = PostgresJournal(f"{address}&lease_seconds=1")
    await begun(owner, "a")
    with anyio.move_on_after(3.0):
        while True:
            with pytest.raises(RunBusyError):
                await journal.claim("a")
            await anyio.sleep(0.05)
    await owner.close()


async def test_an_owner_whose_loop_is_kept_busy_keeps_its_runs(address: str) -> None:
    """What an agent does there must not cost its process all of its runs."""
    owner = PostgresJournal(address, lease_seconds=1.0)
    epoch = await begun(owner, "a")
    script = (
        "import asyncio, sys; from zg_core import RunBusyError\n"
        "from zg_plugins_builtin.journals.postgres import PostgresJournal\n"
        "async def main():\n"
        "    journal = PostgresJournal(sys.argv[1])\n"
        "    for _ in range(50):\n"
        "        try: await journal.claim('a'); print('taken')\n"
        "        except RunBusyError: await asyncio.sleep(0.05)\n"
        "asyncio.run(main())\n"
    )
    change_owners(address, "host", "elsewhere")
    done = subprocess.run(
        [sys.executable, "-c", script, address], capture_output=True, text=True
    )

    assert (done.stdout, done.returncode) == ("", 0), done.stderr
    await owner.append("a", epoch, progressed("a", 2))
    await owner.close()


async def test_one_process_hears_what_another_writes(
    journal: PostgresJournal, address: str
) -> None:
    with child(address, "a") as process, anyio.fail_after(20):
        stdout(process).readline()
        async with aclosing(journal.subscribe("a", after=1)) as events:
            for seq in (2, 3, 4):
                print(file=process.stdin, flush=True)
                assert await anext(events) == progressed("a", seq, text="child")[0]


class Waiter:
    async def run(self, ctx: zg.Context) -> zg.Reply:
        await anyio.sleep_forever()


class Waiting:
    @zg.hookimpl
    def zg_register_agents(self) -> list[zg.AgentSpec]:
        return [zg.AgentSpec(name="waiter", description="Waits.", factory=Waiter)]


async def test_a_run_is_cancelled_from_another_engine(address: str) -> None:
    game = zg.Workflow("game", (zg.Step("wait", agent="waiter"),))
    begun = anyio.Event()

    async def run(engine: zg.Engine) -> None:
        with pytest.raises(zg.RunCancelledError):
            await engine.run(game, "wait", run_id="a")

    async def watch(journal: Journal) -> None:
        async with aclosing(journal.subscribe("a")) as events:
            async for event in events:
                if isinstance(event, zg.StepStarted):
                    begun.set()

    with anyio.fail_after(60):
        async with (
            zg.Engine.open(Waiting(), journal=address) as engine,
            zg.Engine.open(Waiting(), journal=address) as other,
            anyio.create_task_group() as tasks,
        ):
            await engine.accept(game, "wait", run_id="a")
            tasks.start_soon(watch, other.journal)
            tasks.start_soon(run, engine)
            await begun.wait()
            await other.cancel("a", "enough", by="me")
    journal = PostgresJournal(address)
    assert [run.status for run in await journal.list()] == ["cancelled"]
    await journal.close()


async def test_many_processes_open_a_new_database_at_once(address: str) -> None:
    run_ids = [f"run-{number}" for number in range(4)]
    processes = [
        subprocess.Popen(
            [sys.executable, str(CHILD), address, "15", run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for run_id in run_ids
    ]
    for process, run_id in zip(processes, run_ids, strict=True):
        with process:
            assert stdout(process).readline() == f"{run_id} 1\n"
            process.kill()


async def test_many_journals_make_the_tables_at_once(server: str) -> None:
    async def begin(address: str, run_id: str) -> None:
        journal = PostgresJournal(address)
        await journal.create(accepted(run_id))
        await journal.close()

    run_ids = {f"run-{number}" for number in range(8)}
    for _ in range(3):
        address = journal_databases.created(server)
        await asyncio.gather(*(begin(address, run_id) for run_id in run_ids))
        journal = PostgresJournal(address)
        assert {run.run_id for run in await journal.list()} == run_ids
        await journal.close()


async def test_a_forked_child_leaves_the_connections_alone(
    journal: PostgresJournal, address: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, address],
        env={**os.environ, "PYTHONPATH": str(CHILD.parent)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stdout.count("was opened by the parent process") == 2
    assert not done.returncode, done.stderr
    assert await seqs(journal, "a") == [1, 2]


async def test_who_forgets_to_close_it_ends_all_the_same(address: str) -> None:
    script = (
        "import asyncio, sys; from journal_child import accepted\n"
        "from zg_plugins_builtin.journals.postgres import PostgresJournal\n"
        "journal = PostgresJournal(sys.argv[1])\n"
        "asyncio.run(journal.create(accepted('a')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, address],
        env={**os.environ, "PYTHONPATH": str(CHILD.parent)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (done.returncode, done.stderr) == (0, "")


# -- A server that goes away -----------------------------------------------------------


async def test_a_server_that_is_restarted_loses_nothing_acknowledged(
    server: str, address: str
) -> None:
    place = programs()
    assert place is not None
    journal = PostgresJournal(address, patience_seconds=60)
    run_ids = [f"run-{number}" for number in range(30)]
    epoch = await begun(journal, *run_ids)
    acknowledged = dict.fromkeys(run_ids, 1)
    over = False

    async def more() -> None:
        """Wait until it has written much more than now."""
        wanted = sum(acknowledged.values()) + 300
        with anyio.fail_after(60):
            while sum(acknowledged.values()) < wanted:
                await anyio.sleep(0.01)

    async def write(run_id: str) -> None:
        while not over:
            seq = acknowledged[run_id] + 1
            await journal.append(run_id, epoch, progressed(run_id, seq))
            acknowledged[run_id] = seq

    async with anyio.create_task_group() as tasks:
        for run_id in run_ids:
            tasks.start_soon(write, run_id)
        for _ in range(2):
            await more()
            await anyio.to_thread.run_sync(restart, place, server)
            await more()
        over = True
    await journal.close()
    again = PostgresJournal(address)
    for run_id in run_ids:
        assert await seqs(again, run_id) == [*range(1, acknowledged[run_id] + 1)]
    await again.close()


async def test_connections_that_are_ended_cost_nothing(
    journal: PostgresJournal, address: str
) -> None:
    """Somebody ends them again and again while it writes, reads and listens."""
    epoch = await begun(journal, "a")
    heard: list[int] = []
    last = 100

    async def listen() -> None:
        async with aclosing(journal.subscribe("a")) as events:
            async for event in events:
                heard.append(event.seq)
                if event.seq == last:
                    return

    def end_connections() -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with anyio.fail_after(90):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            for seq in range(2, last + 1):
                appending = asyncio.ensure_future(
                    journal.append("a", epoch, progressed("a", seq))
                )
                if seq % 5 == 0:
                    await anyio.to_thread.run_sync(end_connections)
                await appending
    assert heard == [*range(1, last + 1)]
    assert await seqs(journal, "a") == heard


async def test_what_is_not_confirmed_is_done_once(address: str) -> None:
    """The server commits, and the connection is lost before it can say so."""
    async with journal_databases.wired(address) as wire:
        journal = PostgresJournal(wire.address)
        await begun(journal, "owned")

        async def confirmed_never(work: Awaitable[object]) -> object:
            wire.losing = b"COMMIT"
            before = wire.lost
            result = await work
            assert wire.lost == before + 1
            return result

        with anyio.fail_after(60):
            await confirmed_never(journal.create(accepted("a")))
            assert await confirmed_never(journal.claim("a")) == 1
            await confirmed_never(journal.append("a", 1, progressed("a", 2, 3)))
            await confirmed_never(journal.request("a", CancelRequested(reason="x")))
            async with aclosing(journal.requests("a")) as requests:
                first = await anext(requests)
                await confirmed_never(journal.request("a", CancelRequested()))
                assert (await anext(requests)).request_id != first.request_id
            taken = CancelRequested(seq=4, run_id="a", request_id=first.request_id)
            await confirmed_never(journal.append("a", 1, [taken]))
            assert await seqs(journal, "a") == [1, 2, 3, 4]
            await confirmed_never(journal.release("a", 1))
            assert await journal.claim("a") == 2
            await journal.release("a", 2)
            await confirmed_never(journal.delete("a"))
        with pytest.raises(RunNotFoundError):
            await journal.read("a")
        await journal.close()


async def test_what_is_refused_is_refused_also_if_that_is_not_confirmed(
    address: str,
) -> None:
    async with journal_databases.wired(address) as wire:
        journal = PostgresJournal(wire.address)
        await begun(journal, "a")
        with anyio.fail_after(60):
            for work, error in (
                (journal.create(accepted("a", "another")), InputError),
                (journal.claim("a"), RunBusyError),
                (journal.append("a", 1, progressed("a", 1)), JournalError),
                (journal.append("a", 7, progressed("a", 2)), RunBusyError),
                (journal.delete("a"), RunBusyError),
            ):
                wire.losing = b"COMMIT"
                with pytest.raises(error):
                    await work
        assert wire.lost == 5
        await journal.close()


async def test_a_server_that_stays_away_is_an_error_and_hurts_nothing(
    address: str,
) -> None:
    async with journal_databases.wired(address) as wire:
        journal = PostgresJournal(wire.address, patience_seconds=0.3)
        epoch = await begun(journal, "a")
        await journal.append("a", epoch, progressed("a", 2), durable=False)
        wire.cut_off()
        for attempt in (
            journal.append("a", epoch, progressed("a", 3)),
            journal.list(),
            journal.claim("b"),
        ):
            with pytest.raises(JournalError, match="cannot be reached") as caught:
                await attempt
            assert caught.value.remedy
        wire.cut = False

        await journal.append("a", epoch, progressed("a", 3))
        assert await seqs(journal, "a") == [1, 2, 3]
        await journal.close()


async def test_what_listens_goes_on_after_an_outage(address: str) -> None:
    other = PostgresJournal(address)
    epoch = await begun(other, "a")
    async with journal_databases.wired(address) as wire:
        journal = PostgresJournal(wire.address)
        async with aclosing(journal.subscribe("a")) as events:
            assert (await anext(events)).seq == 1
            waiting = asyncio.ensure_future(anext(events))
            wire.cut_off()
            await other.append("a", epoch, progressed("a", 2))
            wire.cut = False
            with anyio.fail_after(20):
                assert await waiting == progressed("a", 2)[0]
        await journal.close()
    await other.close()


async def test_a_server_that_was_never_there_is_an_error_at_once(
    tmp_path: Path,
) -> None:
    journal = PostgresJournal(f"postgresql://zg@/zg?host={tmp_path}")
    with anyio.fail_after(5):
        for attempt in (journal.list(), journal.create(accepted("a"))):
            with pytest.raises(JournalError, match="cannot be reached"):
                await attempt
    await journal.close()


# -- Many ------------------------------------------------------------------------------


async def test_many_listeners_share_few_connections(
    journal: PostgresJournal, address: str
) -> None:
    other = PostgresJournal(address)
    run_ids = [f"run-{number}" for number in range(300)]
    await asyncio.gather(*(other.create(accepted(run_id)) for run_id in run_ids))
    epochs = await asyncio.gather(*(other.claim(run_id) for run_id in run_ids))
    assert {*epochs} == {1}

    async def listen(run_id: str) -> None:
        async with aclosing(journal.subscribe(run_id, after=1)) as events:
            heard = [(await anext(events)).seq for _ in range(3)]
        assert heard == [2, 3, 4]

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for run_id in run_ids:
                tasks.start_soon(listen, run_id)
            for seq in (2, 3, 4):
                await asyncio.gather(
                    *(other.append(r, 1, progressed(r, seq)) for r in run_ids)
                )
    with psycopg.connect(address) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    assert row[0] <= 10  # of two journals
    await other.close()


async def test_one_bad_request_spoils_no_other(journal: PostgresJournal) -> None:
    """All of these are in one transaction."""
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    results = await asyncio.gather(
        journal.create(accepted("a")),
        journal.create(accepted("b")),
        journal.append("a", epoch, progressed("a", 9)),
        journal.append("a", epoch, progressed("a", 2)),
        journal.claim("none"),
        journal.claim("b"),
        journal.claim("b"),
        journal.create(accepted("c\x00")),
        journal.claim("c d"),
        journal.append("a", epoch, progressed("a", 3)),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [
        InputError,
        type(None),
        JournalError,
        type(None),
        RunNotFoundError,
        int,
        RunBusyError,
        InputError,
        RunNotFoundError,
        type(None),
    ]
    assert await seqs(journal, "a") == [1, 2, 3]


async def test_one_question_that_cannot_be_spoils_no_other(
    journal: PostgresJournal,
) -> None:
    await journal.create(accepted("a"))
    read = await asyncio.gather(
        *(journal.read("a", after) for after in (0, 2**63, 0)),
        *(journal.list(limit=limit) for limit in (2**70, -1)),
    )

    assert [len(found) for found in read] == [1, 0, 1, 1, 0]


async def test_events_that_ride_are_written_soon(
    journal: PostgresJournal, address: str
) -> None:
    other = PostgresJournal(address)
    epoch = await begun(journal, "a")
    await journal.append("a", epoch, progressed("a", 2), durable=False)

    async def written() -> bool:
        return await seqs(other, "a") == [1, 2]

    await until(written)
    await other.close()


async def test_events_that_ride_are_written_at_once_where_somebody_listens(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zg_plugins_builtin.journals._postgres_thread.TICK", 3600.0)
    monkeypatch.setattr("zg_plugins_builtin.journals._postgres_listener.POLL", 3600.0)
    epoch = await begun(journal, "a")
    with anyio.fail_after(10):
        async with aclosing(journal.subscribe("a")) as events:
            assert (await anext(events)).seq == 1
            for seq in range(2, 7):  # at first it is woken though nothing was written
                await journal.append("a", epoch, progressed("a", seq), durable=seq == 2)
                assert (await anext(events)).seq == seq


async def test_a_request_of_a_newer_version_waits(
    journal: PostgresJournal, address: str
) -> None:
    await journal.create(accepted("a"))
    with psycopg.connect(address) as connection:
        connection.execute(
            "INSERT INTO zg_journal_requests (request_id, run_id, body)"
            " VALUES ('x', 'a', %s)",
            ('{"type":"DanceRequested","seq":0,"at":"","run_id":"a"}',),
        )
    await journal.request("a", CancelRequested(reason="known"))

    async with aclosing(journal.requests("a")) as requests:
        pending = await anext(requests)
    assert isinstance(pending.event, CancelRequested)


async def test_an_objective_may_have_any_characters(journal: PostgresJournal) -> None:
    objective = "nul \x00, quote ' \" \\ {} 🪐"
    await journal.create(accepted("a", objective))

    assert [run.objective for run in await journal.list()] == [objective]
    assert await journal.read("a") == [accepted("a", objective)]


async def test_closing_lets_runs_go_and_it_opens_again(
    journal: PostgresJournal, address: str
) -> None:
    owner = PostgresJournal(address)
    await begun(owner, "a")
    await owner.close()

    epoch = await journal.claim("a")
    assert epoch == 2
    assert await seqs(owner, "a") == [1]
    await owner.close()


async def test_closing_takes_nothing_from_who_opens_it_again_meanwhile(
    journal: PostgresJournal, address: str
) -> None:
    epoch = await begun(journal, "held")
    await journal.create(accepted("new"))
    with psycopg.connect(address) as connection:
        connection.execute(
            "SELECT FROM zg_journal_runs WHERE run_id = 'held' FOR UPDATE"
        )
        writing = asyncio.ensure_future(
            journal.append("held", epoch, progressed("held", 2))
        )
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(journal.close())
        await asyncio.sleep(0)
        epoch = await journal.claim("new")
        assert not closing.done()
        connection.rollback()
    await asyncio.gather(writing, closing)

    await journal.append("new", epoch, progressed("new", 2))


async def test_closing_ends_what_listens(journal: PostgresJournal) -> None:
    await begun(journal, "a")
    async with aclosing(journal.subscribe("a")) as events:
        assert (await anext(events)).seq == 1
        waiting = asyncio.ensure_future(anext(events))
        await journal.close()
        with anyio.fail_after(20), pytest.raises(JournalError, match="was closed"):
            await waiting


def test_works_in_the_event_loop_of_servers(address: str) -> None:
    async def work() -> list[int]:
        journal = PostgresJournal(address)
        epoch = await begun(journal, "a")
        await journal.append("a", epoch, progressed("a", 2))
        async with aclosing(journal.subscribe("a")) as events:
            heard = [(await anext(events)).seq for _ in range(2)]
        await journal.close()
        return heard

    assert uvloop.run(work()) == [1, 2]


# -- Databases that are no journal, or not of this version -----------------------------


async def refused(address: str, words: str) -> None:
    """See that reading and writing are refused, with a remedy."""
    journal = PostgresJournal(address)
    for attempt in (
        journal.list(),
        journal.create(accepted("new")),
        anext(journal.subscribe("a")),
    ):
        with pytest.raises(JournalError, match=words) as caught:
            await attempt
        assert caught.value.remedy
    await journal.close()


async def test_a_newer_journal_is_left_alone(
    journal: PostgresJournal, address: str
) -> None:
    await journal.list()
    with psycopg.connect(address) as connection:
        connection.execute("INSERT INTO zg_journal_versions VALUES (99)")

    await refused(address, "was written by a newer ZeroGravity")


async def test_a_database_without_all_characters_is_refused(server: str) -> None:
    options = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    address = journal_databases.created(server, options)

    await refused(address, "has the encoding LATIN1")


async def test_who_may_only_read_reads(
    journal: PostgresJournal, address: str, server: str
) -> None:
    await begun(journal, "a")
    with psycopg.connect(address) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    reader = PostgresJournal(address.replace("zg@", "reader@"))

    assert await seqs(reader, "a") == [1]
    with pytest.raises(JournalError, match="its user has not the rights"):
        await reader.create(accepted("b"))
    await reader.close()
    with psycopg.connect(address) as connection:
        connection.execute("DROP OWNED BY reader")
        connection.execute("DROP ROLE reader")


async def test_a_server_that_only_reads_says_so(
    journal: PostgresJournal, address: str
) -> None:
    await journal.create(accepted("a"))
    name = address.partition("@/")[2].partition("?")[0]
    with psycopg.connect(address) as connection:
        connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_read_only = on"
        )
    other = PostgresJournal(address)

    assert await seqs(other, "a") == [1]
    with pytest.raises(JournalError, match="its server only reads"):
        await other.claim("a")
    await other.close()
