"""What the PostgreSQL journal does without a server: addresses, and laws of a batch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zg_core import ConfigError, RunStatus, ZeroGravityError
from zg_plugins_builtin.journals._owner import Owner
from zg_plugins_builtin.journals._postgres_batch import Batch, Row
from zg_plugins_builtin.journals._postgres_jobs import (
    Append,
    Ask,
    Claim,
    Create,
    Delete,
    Job,
    Release,
)
from zg_plugins_builtin.journals._postgres_rows import _lines, heard
from zg_plugins_builtin.journals.postgres import PostgresJournal, open_journal

# -- The address -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("//me:hunter2@db.example.com:5433/zg", "me@db.example.com:5433/zg"),
        ("//db/zg?password=hunter2&sslmode=require", "db/zg"),
        ("//me@/zg?host=/run/postgresql", "me@/zg?host=/run/postgresql"),
        ("//me@db/zg?lease_seconds=5&connect_timeout=3", "me@db/zg"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(address: str, shown: str) -> None:
    assert repr(open_journal(address)) == f"PostgresJournal('postgresql://{shown}')"


@pytest.mark.parametrize(
    "address",
    ["", "zg", "/zg", "//me:hunter%2@db/zg", "//db/zg?hunter=2"],
)
def test_another_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ConfigError, match="is none of a PostgreSQL database") as caught:
        open_journal(address)
    assert caught.value.remedy.startswith("write postgresql://USER@HOST/DATABASE")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("seconds", ["", "x", "0", "-1", "inf", "nan"])
def test_a_lease_that_is_no_time_is_refused(seconds: str) -> None:
    with pytest.raises(ConfigError, match="lease_seconds"):
        open_journal(f"//me@db/zg?lease_seconds={seconds}")


def test_a_driver_that_is_missing_is_said_with_the_remedy() -> None:
    script = (
        "import os, sys\n"
        "sys.modules['psycopg'] = None\n"
        "from zg_core.cli import main\n"
        "sys.argv = ['zg', 'runs', 'list']\n"
        "os.environ['ZG_JOURNAL'] = 'postgres://me@db/zg'\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True
    )

    assert done.returncode == ConfigError.exit_code
    assert "takes a driver that is not installed" in done.stderr
    assert 'pip install "zerogravity[postgres]"' in done.stderr


# -- Notifications ---------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["events", "requests"]),
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True),
        ),
        max_size=300,
    )
)
def test_notifications_say_what_was_written_and_are_not_too_long(
    topics: list[Any],
) -> None:
    lines = [*_lines(topics)]

    assert {topic for line in lines for topic in heard(line)} == {*topics}
    assert all(len(line.encode()) < 8000 for line in lines)


# -- A batch ---------------------------------------------------------------------------

ME, YOU = "me", "you"
PROCESS = Owner.here().encode()


@dataclass
class Kept:
    """A run as the tables have it."""

    row: Row
    events: list[tuple[int, str]] = field(default_factory=list)
    asked: dict[str, bool] = field(default_factory=dict)


Tables = dict[str, Kept]


def beginning() -> Tables:
    """A run of mine with three events, one of somebody else, and one of nobody."""
    runs = {"mine": (2, ME), "yours": (1, YOU), "free": (3, None)}
    return {
        run_id: Kept(
            Row(
                run_id=run_id,
                status="running",
                seq=3,
                epoch=epoch,
                owner=owner,
                updated_at="",
            ),
            [(seq, f"{run_id} {seq}") for seq in (1, 2, 3)],
        )
        for run_id, (epoch, owner) in runs.items()
    }


def commit(tables: Tables, jobs: Sequence[Job]) -> list[object]:
    """Do jobs in one transaction, as the writer and the server do."""
    rows = {run_id: replace(kept.row) for run_id, kept in tables.items()}
    for row in rows.values():
        row.events, row.asked, row.begun = [], [], None
        row.changed = row.over = False
    living = {run_id: PROCESS for run_id, row in rows.items() if row.owner}
    first = {run_id: kept.events[0][1] for run_id, kept in tables.items()}
    batch = Batch(ME, rows, living, first)
    results: list[object] = []
    for job in jobs:
        try:
            job.error = None
            batch.do(job)
            results.append(job.result)
            job.unsure = True
        except ZeroGravityError as error:
            results.append(type(error))
    for run_id in batch.deleted:
        tables.pop(run_id, None)
    for run_id, row in batch.rows.items():
        assert run_id not in tables or not row.begun
        kept = tables.setdefault(run_id, Kept(row))
        kept.row = row
        kept.events += row.events
        if row.over:
            kept.asked = dict.fromkeys(kept.asked, True)
        for request_id, _ in row.asked:
            kept.asked.setdefault(request_id, False)
    for kept in tables.values():
        for request_id in {*batch.ended} & kept.asked.keys():
            kept.asked[request_id] = True
    return results


def seen(tables: Tables) -> object:
    """Return all that there is in the tables."""
    return {
        run_id: (
            (kept.row.status, kept.row.seq, kept.row.epoch, kept.row.owner),
            kept.events,
            kept.asked,
        )
        for run_id, kept in tables.items()
    }


RUNS = st.sampled_from(["mine", "yours", "free", "none", "new"])
EPOCHS = {"mine": 2, "yours": 1, "free": 3}
STATUSES: Sequence[RunStatus | None] = (None, "completed", "running", "paused")


@st.composite
def jobs(draw: st.DrawFn, *, deleting: bool) -> list[Job]:
    """Draw what callers ask who know what was there before."""
    made: list[Job] = []
    nexts = dict.fromkeys(EPOCHS, 4)
    for number in range(draw(st.integers(0, 10))):
        run_id = draw(RUNS)
        kinds = ["create", "claim", "release", "append", "ask"]
        kind = draw(st.sampled_from([*kinds, "delete"] if deleting else kinds))
        body = f"{kind} {number}"
        match kind:
            case "create":
                job: Job = Create(
                    run_id=run_id, at="", workflow="", objective="", body=body
                )
            case "claim":
                job = Claim(run_id=run_id)
            case "release":
                job = Release(run_id=run_id, epoch=EPOCHS.get(run_id, 0))
            case "append":
                first = nexts.get(run_id, 2) + draw(st.sampled_from([0, 0, 0, 1]))
                count = draw(st.integers(1, 3))
                job = Append(
                    run_id=run_id,
                    epoch=EPOCHS.get(run_id, 0) - draw(st.sampled_from([0, 0, 0, 1])),
                    first=first,
                    bodies=[f"{body} {n}" for n in range(count)],
                    at="",
                    status=draw(st.sampled_from(STATUSES)),
                    ended=draw(st.sampled_from([[], ["r0"], ["r1"]])),
                )
                if first == nexts.get(run_id) and job.epoch == EPOCHS[run_id]:
                    nexts[run_id] += count
            case "ask":
                job = Ask(run_id=run_id, request_id=f"r{number}", body=body)
            case _:
                job = Delete(run_id=run_id)
        made.append(job)
    return made


@given(jobs(deleting=True), st.lists(st.integers(1, 10), max_size=10))
def test_many_jobs_at_once_do_what_they_do_one_after_another(
    jobs: list[Job], sizes: list[int]
) -> None:
    single, grouped = beginning(), beginning()
    one_by_one = [commit(single, [replace(job)])[0] for job in jobs]
    waiting = [replace(job) for job in jobs]
    together: list[object] = []
    for size in [*sizes, len(jobs)]:
        together += commit(grouped, waiting[:size])
        del waiting[:size]

    assert together == one_by_one
    assert seen(grouped) == seen(single)


@given(jobs(deleting=False))
def test_what_was_committed_changes_nothing_when_it_is_done_again(
    jobs: list[Job],
) -> None:
    """Nobody was told yet; those that were refused may well have more luck."""
    released = {job.run_id for job in jobs if isinstance(job, Release)}
    # Of a run that changes hands meanwhile, an append by the earlier owner is refused.
    assume(not any(isinstance(job, Claim) and job.run_id in released for job in jobs))
    tables = beginning()
    results = commit(tables, jobs)
    before = repr(seen(tables))
    done = [job.unsure for job in jobs]

    again = commit(tables, [job for job in jobs if job.unsure])
    assert again == [r for r, was in zip(results, done, strict=True) if was]
    assert repr(seen(tables)) == before


def test_nothing_is_done_again_for_who_is_the_owner_no_more() -> None:
    tables = beginning()
    append = Append(
        run_id="mine", epoch=2, first=4, bodies=["x"], at="", status=None, ended=[]
    )
    append.unsure = True
    tables["mine"].row.epoch, tables["mine"].row.owner = 3, YOU
    tables["mine"].row.seq = 9

    assert commit(tables, [append])[0].__name__ == "RunBusyError"  # type: ignore[attr-defined]
    assert len(tables["mine"].events) == 3


def test_a_journal_can_be_made_without_being_reached() -> None:
    assert "nowhere.invalid" in repr(PostgresJournal("postgresql://nowhere.invalid/x"))
