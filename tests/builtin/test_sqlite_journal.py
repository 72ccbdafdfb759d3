"""The SQLite journal, where processes die and disks fail.

What every journal does is in `zg_core.testing.JournalConformance`.
One file, since all of it is about what one file on disk survives.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing, contextmanager
from pathlib import Path
from typing import IO

import anyio
import journal_child
import pytest
from journal_child import FORK, accepted, progressed

from zg_core import (
    CancelRequested,
    ConfigError,
    InputError,
    Journal,
    JournalError,
    RunBusyError,
    RunFinished,
    RunNotFoundError,
)
from zg_plugins_builtin.journals.sqlite import SqliteJournal, open_journal

pytestmark = pytest.mark.anyio

CHILD = Path(journal_child.__file__)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal(path, busy_seconds=0.2)
    yield journal
    await journal.close()


async def fill(path: Path, events: int = 50) -> None:
    """Write a run "a" of so many events, and close the file."""
    journal = SqliteJournal(path)
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    await journal.append("a", epoch, progressed("a", *range(2, events + 1)))
    await journal.close()


async def seqs(journal: Journal, run_id: str) -> list[int]:
    return [event.seq for event in await journal.read(run_id)]


# -- The address -----------------------------------------------------------------------


async def test_the_default_file_is_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZG_HOME", str(tmp_path / "home"))
    journal = open_journal("")
    await journal.create(accepted("a"))
    await journal.close()

    assert (tmp_path / "home" / "runs.db").is_file()


async def test_an_address_names_a_file(tmp_path: Path) -> None:
    for address in ("///here.db", f"///{tmp_path}/there.db"):
        journal = open_journal(address)
        await journal.create(accepted("a"))
        await journal.close()

    assert (Path.cwd() / "here.db").is_file()
    assert (tmp_path / "there.db").is_file()


@pytest.mark.parametrize("address", ["runs.db", "//host/runs.db", "///", "////"])
def test_another_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="no address of a journal"):
        open_journal(address)


async def test_a_data_folder_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ZG_HOME", str(tmp_path / "file" / "home"))
    journal = open_journal("")

    assert await journal.list() == []
    with pytest.raises(JournalError, match="cannot be opened: Not a directory"):
        await journal.create(accepted("a"))
    await journal.close()


# -- Who has a run ---------------------------------------------------------------------


async def test_a_run_that_is_done_has_no_owner(
    journal: SqliteJournal, path: Path
) -> None:
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    await journal.append("a", epoch, [RunFinished(seq=2, run_id="a", output="done")])
    other = SqliteJournal(path)

    assert [run.owned for run in await other.list()] == [False]
    assert await other.claim("a") == epoch + 1
    await journal.release("a", epoch)
    assert [run.owned for run in await other.list()] == [True]
    await other.close()


# -- The file --------------------------------------------------------------------------


async def test_reading_makes_no_file(journal: SqliteJournal, path: Path) -> None:
    assert await journal.list() == []
    with pytest.raises(RunNotFoundError):
        await journal.read("a")
    with pytest.raises(RunNotFoundError):
        await anext(journal.subscribe("a"))
    await journal.close()

    assert not path.exists()


async def test_only_its_user_may_read_the_file(path: Path) -> None:
    await fill(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_closing_leaves_one_whole_file(path: Path) -> None:
    await fill(path)

    assert [file.name for file in path.parent.glob("runs.db*")] == ["runs.db"]


async def test_a_closed_journal_opens_again(journal: SqliteJournal, path: Path) -> None:
    await fill(path)
    assert len(await journal.read("a")) == 50
    await journal.close()

    await journal.append("a", await journal.claim("a"), progressed("a", 51))
    assert len(await journal.read("a")) == 51


async def test_closing_lets_runs_go(journal: SqliteJournal, path: Path) -> None:
    owner = SqliteJournal(path)
    await owner.create(accepted("a"))
    await owner.claim("a")
    await owner.close()

    assert await journal.claim("a") == 2


async def test_closing_takes_nothing_from_who_opens_it_again_meanwhile(
    path: Path,
) -> None:
    journal = SqliteJournal(path)
    await journal.create(accepted("held"))
    await journal.create(accepted("new"))
    epoch = await journal.claim("held")
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        asked = [
            asyncio.ensure_future(journal.append("held", epoch, progressed("held", 2)))
        ]
        await asyncio.sleep(0)
        asked.append(asyncio.ensure_future(journal.close()))
        await asyncio.sleep(0)
        claimed = asyncio.ensure_future(journal.claim("new"))
        await asyncio.sleep(0)
        file.execute("ROLLBACK")
    await asyncio.gather(claimed, *asked)

    await journal.append("new", claimed.result(), progressed("new", 2))
    await journal.close()


def test_its_repr_names_the_file() -> None:
    assert repr(SqliteJournal("runs.db")) == "SqliteJournal('runs.db')"


# -- Files that are no journal, or not of this version ---------------------------------


async def refusals(path: Path) -> set[str]:
    """Return what reading and writing a file are refused with; nothing may change."""
    before = path.read_bytes() if path.is_file() else b""
    journal = SqliteJournal(path, busy_seconds=0.1)
    messages = set()
    for attempt in (
        journal.list(),
        journal.read("a"),
        journal.claim("a"),
        journal.create(accepted("new")),
        journal.delete("a"),
        journal.request("a", CancelRequested()),
        anext(journal.subscribe("a")),
        anext(journal.requests("a")),
    ):
        with pytest.raises(JournalError) as caught:
            await attempt
        assert caught.value.remedy
        messages.add(caught.value.cause.partition(f"{str(path)!r} ")[2])
    await journal.close()
    assert (path.read_bytes() if path.is_file() else b"") == before
    return messages


async def test_a_file_of_text_is_no_journal(path: Path) -> None:
    path.write_text("This is a letter.\n" * 100)

    assert await refusals(path) == {"is no journal: it is no SQLite database"}


async def test_another_programs_database_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE songs (title)")

    assert await refusals(path) == {"is another program's database"}


async def test_a_newer_journal_is_left_alone(path: Path) -> None:
    await fill(path)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")

    assert await refusals(path) == {
        "was written by a newer ZeroGravity (version 99 of its tables, "
        "and this one knows 1)"
    }


@pytest.mark.parametrize("part", [0.01, 0.5, 0.9])
async def test_a_journal_cut_short_says_so(path: Path, part: float) -> None:
    await fill(path, 500)
    os.truncate(path, int(path.stat().st_size * part))

    assert await refusals(path) == {"is damaged, or was cut short"}


async def test_a_folder_is_no_journal(path: Path) -> None:
    path.mkdir()

    assert await refusals(path) == {"cannot be opened"}


async def test_a_folder_that_is_missing_is_said(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    journal = SqliteJournal(tmp_path / "none" / "runs.db")

    with pytest.raises(JournalError, match=r"none/runs\.db' cannot be opened: No such"):
        await journal.create(accepted("a"))
    await journal.close()


async def test_a_log_cut_short_loses_only_what_was_cut(path: Path) -> None:
    """What a crash of the machine may leave: a log without its end."""
    writer = SqliteJournal(path)
    await writer.create(accepted("a"))
    epoch = await writer.claim("a")
    for seq in range(2, 100):
        await writer.append("a", epoch, progressed("a", seq))
    cut = path.with_name("cut.db")
    shutil.copy(path, cut)
    shutil.copy(f"{path}-wal", f"{cut}-wal")
    await writer.close()
    log = Path(f"{cut}-wal")
    os.truncate(log, log.stat().st_size // 2)

    journal = SqliteJournal(cut)
    kept = await seqs(journal, "a")
    await journal.close()
    assert kept == list(range(1, len(kept) + 1))
    assert 20 < len(kept) < 90


# -- Locks -----------------------------------------------------------------------------


@contextmanager
def locked(path: Path, how: str = "IMMEDIATE") -> Iterator[None]:
    """Hold the file as another program might."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        if how == "EXCLUSIVE":
            file.execute("PRAGMA locking_mode = EXCLUSIVE")
        file.execute(f"BEGIN {how}")
        file.execute("UPDATE runs SET status = status")
        yield
        file.execute("ROLLBACK")


async def test_a_lock_is_waited_for(path: Path) -> None:
    journal = SqliteJournal(path, busy_seconds=10)
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    with locked(path):
        appending = asyncio.ensure_future(
            journal.append("a", epoch, progressed("a", 2))
        )
        await anyio.sleep(0.2)
        assert not appending.done()
    with anyio.fail_after(10):
        await appending
    await journal.close()


async def test_a_long_lock_is_an_error_and_hurts_nothing(
    journal: SqliteJournal, path: Path
) -> None:
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    await journal.append("a", epoch, progressed("a", 2), durable=False)
    with locked(path), pytest.raises(JournalError, match="is locked by another"):
        await journal.append("a", epoch, progressed("a", 3))
    await journal.append("a", epoch, progressed("a", 3))

    assert await seqs(journal, "a") == [1, 2, 3]


async def test_readers_wait_for_no_writer(journal: SqliteJournal, path: Path) -> None:
    await fill(path)
    with locked(path):
        assert len(await journal.read("a")) == 50


async def test_a_file_that_is_locked_away_says_so(path: Path) -> None:
    await fill(path)
    with locked(path, "EXCLUSIVE"):
        assert await refusals(path) == {"is locked by another program"}


# -- Disks -----------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_is_an_error_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    journal = SqliteJournal(small_disk / "runs.db")
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    seq = 1
    text = "long " * 4_000
    with pytest.raises(JournalError, match="has no room left on its disk"):
        while True:
            seq += 1
            await journal.append("a", epoch, progressed("a", seq, text=text))
    assert await seqs(journal, "a") == list(range(1, seq))
    with pytest.raises(JournalError, match="has no room left on its disk"):
        await journal.append("a", epoch, progressed("a", seq, text=text))

    ballast.unlink()
    await journal.append("a", epoch, progressed("a", seq, text=text))
    await journal.close()
    again = SqliteJournal(small_disk / "runs.db")
    assert await seqs(again, "a") == list(range(1, seq + 1))
    await again.close()


def fill_up(disk: Path) -> Path:
    """Leave no room on a disk, and return what takes it all."""
    ballast = disk / "ballast"
    with pytest.raises(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


async def test_a_journal_on_a_full_disk_can_be_read(small_disk: Path) -> None:
    path = small_disk / "runs.db"
    await fill(path)
    ballast = fill_up(small_disk)
    journal = SqliteJournal(path)

    assert len(await journal.read("a")) == 50
    with pytest.raises(JournalError, match="has no room left on its disk"):
        await journal.claim("a")
    ballast.unlink()
    await journal.append("a", await journal.claim("a"), progressed("a", 51))
    assert len(await journal.read("a")) == 51
    await journal.close()


async def test_events_that_ride_outlast_a_full_disk(small_disk: Path) -> None:
    journal = SqliteJournal(small_disk / "runs.db")
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    ballast = fill_up(small_disk)
    await journal.append(
        "a", epoch, progressed("a", 2, text="x" * 9_000), durable=False
    )
    with pytest.raises(JournalError, match="has no room left on its disk"):
        await journal.append("a", epoch, progressed("a", 3))
    ballast.unlink()
    await journal.append("a", epoch, progressed("a", 3))

    assert await seqs(journal, "a") == [1, 2, 3]
    await journal.close()


async def test_a_read_only_disk_can_be_read(small_disk: Path) -> None:
    path = small_disk / "runs.db"
    await fill(path)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    journal = SqliteJournal(path)

    assert len(await journal.read("a")) == 50
    assert [run.run_id for run in await journal.list()] == ["a"]
    for attempt in (journal.create(accepted("b")), journal.claim("a")):
        with pytest.raises(JournalError, match=r"cannot be (written|opened)"):
            await attempt
    await journal.close()


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder that a user without rights shares with us; we are that user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def another_user() -> Iterator[None]:
    """Be nobody for a while: root may write anything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_read_only_file_can_be_read(unprivileged: Path) -> None:
    path = unprivileged / "runs.db"
    await fill(path)
    path.chmod(0o444)
    unprivileged.chmod(0o555)
    journal = SqliteJournal(path)
    with another_user():
        assert len(await journal.read("a")) == 50
        with pytest.raises(JournalError, match="cannot be written"):
            await journal.claim("a")
    await journal.close()
    unprivileged.chmod(0o755)


async def test_a_file_of_somebody_else_is_said(unprivileged: Path) -> None:
    path = unprivileged / "runs.db"
    await fill(path)
    path.chmod(0o000)
    journal = SqliteJournal(path)
    with another_user():
        for attempt in (journal.read("a"), journal.claim("a")):
            with pytest.raises(JournalError, match="cannot be opened"):
                await attempt
    await journal.close()


async def test_a_read_only_journal_that_lacks_its_log_is_not_half_read(
    unprivileged: Path,
) -> None:
    """The latest events are in the log, which needs a writer to be read."""
    path = unprivileged / "runs.db"
    writer = SqliteJournal(path)
    await writer.create(accepted("a"))
    crashed = unprivileged / "crashed"
    crashed.mkdir()
    for file in ("runs.db", "runs.db-wal"):
        shutil.copy(unprivileged / file, crashed / file)
        (crashed / file).chmod(0o444)
    await writer.close()
    crashed.chmod(0o555)
    journal = SqliteJournal(crashed / "runs.db")
    with another_user(), pytest.raises(JournalError, match="cannot be opened"):
        await journal.list()
    await journal.close()


# -- Several processes -----------------------------------------------------------------


@contextmanager
def child(
    path: Path, *run_ids: str, lease: float = 15.0
) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes runs; see `journal_child`."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), str(path), str(lease), *run_ids],
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
    journal: SqliteJournal, path: Path
) -> None:
    run_ids = [f"run-{number}" for number in range(8)]
    with child(path, *run_ids) as process:
        lines = [stdout(process).readline() for _ in range(300)]
        process.kill()
        lines += stdout(process).readlines()
    acknowledged = dict(line.split() for line in lines if line.endswith("\n"))

    assert acknowledged.keys() == set(run_ids)
    for run_id in run_ids:
        written = await seqs(journal, run_id)
        assert written == list(range(1, len(written) + 1))
        assert len(written) >= int(acknowledged[run_id])


async def test_a_killed_process_owns_nothing(
    journal: SqliteJournal, path: Path
) -> None:
    with child(path, "a", lease=1000) as process:
        stdout(process).readline()
        with pytest.raises(RunBusyError, match=f"process {process.pid} on"):
            await journal.claim("a")
        process.kill()
        process.wait()

        assert [run.owned for run in await journal.list()] == [False]
        assert await journal.claim("a") == 2


async def test_a_process_that_is_no_more_but_not_buried_owns_nothing(
    journal: SqliteJournal, path: Path
) -> None:
    """Its parent may never ask how it ended."""
    with child(path, "a", lease=1000) as process:
        stdout(process).readline()
        process.kill()
        stdout(process).read()  # ends when it does

        with anyio.fail_after(10):
            while (await journal.list())[0].owned:
                await anyio.sleep(0.01)


def freeze(process: subprocess.Popen[str], path: Path) -> None:
    """Stop a process, but not in the middle of a transaction."""
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as file:
            try:
                file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                process.send_signal(signal.SIGCONT)
            else:
                return


async def test_a_frozen_owner_that_wakes_up_writes_nothing(
    journal: SqliteJournal, path: Path
) -> None:
    with child(path, "a", lease=0.5) as process:
        assert stdout(process).readline() == "a 1\n"
        freeze(process, path)
        epoch = 0
        with anyio.fail_after(20):
            while not epoch:
                try:
                    epoch = await journal.claim("a")
                except RunBusyError:
                    await anyio.sleep(0.05)
        await journal.append("a", epoch, progressed("a", 2, text="parent"))
        process.send_signal(signal.SIGCONT)
        print(file=process.stdin, flush=True)

        assert stdout(process).readline() == "a lost\n"
        process.wait(timeout=20)
    assert await journal.read("a", 1) == progressed("a", 2, text="parent")
    await journal.append("a", epoch, progressed("a", 3))


async def test_a_living_owner_keeps_its_runs(
    journal: SqliteJournal, path: Path
) -> None:
    owner = SqliteJournal(path, lease_seconds=1.0)
    await owner.create(accepted("a"))
    await owner.claim("a")
    with anyio.move_on_after(2.0):
        while True:
            with pytest.raises(RunBusyError):
                await journal.claim("a")
            await anyio.sleep(0.05)
    await owner.close()


async def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Each has a thread and connections of its own."""

    async def begin(path: Path, run_id: str) -> None:
        journal = SqliteJournal(path)
        await journal.create(accepted(run_id))
        await journal.close()

    run_ids = {f"run-{number}" for number in range(6)}
    for attempt in range(15):
        path = tmp_path / f"{attempt}.db"
        await asyncio.gather(*(begin(path, run_id) for run_id in run_ids))
        journal = SqliteJournal(path)
        assert {run.run_id for run in await journal.list()} == run_ids
        await journal.close()


async def test_one_process_hears_what_another_writes(
    journal: SqliteJournal, path: Path
) -> None:
    with child(path, "a") as process, anyio.fail_after(20):
        stdout(process).readline()
        async with aclosing(journal.subscribe("a", after=1)) as events:
            for seq in (2, 3, 4):
                print(file=process.stdin, flush=True)
                assert await anext(events) == progressed("a", seq, text="child")[0]


async def test_a_forked_child_leaves_the_file_alone(
    journal: SqliteJournal, path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, str(path)],
        env={**os.environ, "PYTHONPATH": str(CHILD.parent)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stdout.count("was opened by the parent process") == 2
    assert not done.returncode, done.stderr
    assert await seqs(journal, "a") == [1, 2]


# -- Owners of other machines ----------------------------------------------------------


def change_owner(path: Path, key: str, value: object) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "UPDATE runs SET owner = json_set(owner, ?, ?)", (f"$.{key}", value)
        )


@pytest.mark.parametrize(
    ("key", "value", "gone"),
    [
        ("started", 1, True),  # another process got its number
        ("boot", "another", True),  # the machine was started anew since
        ("boot", "", False),  # written where nobody can tell
        ("host", "elsewhere", False),
        ("namespace", "pid:[1]", False),
        ("thread", 7, False),  # of a newer version, which says more
    ],
)
async def test_an_owner_is_gone_only_if_that_is_certain(
    journal: SqliteJournal, path: Path, key: str, value: object, gone: bool
) -> None:
    owner = SqliteJournal(path, lease_seconds=1000)
    await owner.create(accepted("a"))
    await owner.claim("a")
    change_owner(path, key, value)

    assert [run.owned for run in await journal.list()] == [not gone]
    await owner.close()


# -- What only this journal can do wrong -----------------------------------------------


async def test_a_request_of_a_newer_version_waits(
    journal: SqliteJournal, path: Path
) -> None:
    await journal.create(accepted("a"))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "INSERT INTO requests (request_id, run_id, body) VALUES ('x', 'a', ?)",
            ('{"type":"DanceRequested","seq":0,"at":"","run_id":"a"}',),
        )
    await journal.request("a", CancelRequested(reason="known"))

    async with aclosing(journal.requests("a")) as requests:
        pending = await anext(requests)
    assert isinstance(pending.event, CancelRequested)


async def test_one_bad_request_spoils_no_other(journal: SqliteJournal) -> None:
    """All of these are in one transaction."""
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    results = await asyncio.gather(
        journal.create(accepted("a")),
        journal.create(accepted("b")),
        journal.append("a", epoch, progressed("a", 9)),
        journal.append("a", epoch, progressed("a", 2)),
        journal.claim("none"),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [
        InputError,
        type(None),
        JournalError,
        type(None),
        RunNotFoundError,
    ]
    assert await seqs(journal, "a") == [1, 2]


async def test_events_that_ride_are_written_soon(
    journal: SqliteJournal, path: Path
) -> None:
    other = SqliteJournal(path)
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    await journal.append("a", epoch, progressed("a", 2), durable=False)

    with anyio.fail_after(5):
        while await seqs(other, "a") != [1, 2]:
            await anyio.sleep(0.02)
    await other.close()


async def test_events_that_ride_are_written_at_once_where_somebody_listens(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zg_plugins_builtin.journals._sqlite_writer.TICK", 3600.0)
    await journal.create(accepted("a"))
    epoch = await journal.claim("a")
    with anyio.fail_after(10):
        async with aclosing(journal.subscribe("a")) as events:
            assert (await anext(events)).seq == 1
            for seq in range(2, 7):  # at first it is woken though nothing was written
                await journal.append("a", epoch, progressed("a", seq), durable=seq == 2)
                assert (await anext(events)).seq == seq
