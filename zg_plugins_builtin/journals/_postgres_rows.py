"""What a PostgreSQL journal reads and writes, each statement for many runs at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from ._owner import Owner
from ._postgres_asked import Topic
from ._postgres_batch import Batch, Row
from ._postgres_jobs import Claim, Create, Delete, Job
from ._postgres_tables import CHANNEL

__all__ = ["heard", "lock", "release_all", "renew", "write"]

Connection = AsyncConnection[TupleRow]

# Nobody waits for a row that another has: those jobs are done a moment later, and
# all others now. Each statement sees what was committed when it begins, so that the
# owners are read after the locks were had.
_LOCK = """SELECT run_id, status, seq, epoch, owner, updated_at FROM zg_journal_runs
    WHERE run_id = ANY(%s) ORDER BY run_id FOR UPDATE SKIP LOCKED"""
_LIVING = """SELECT run_id, process
    FROM zg_journal_runs JOIN zg_journal_owners USING (owner)
    WHERE run_id = ANY(%s) AND lease > clock_timestamp()"""
_BEGUN = "SELECT run_id, body FROM zg_journal_events WHERE run_id = ANY(%s) AND seq = 1"
_THERE = "SELECT run_id FROM zg_journal_runs WHERE run_id = ANY(%s)"

_CREATE = """INSERT INTO zg_journal_runs
    (run_id, status, seq, epoch, owner, created_at, updated_at, workflow, objective)
    SELECT run_id, status, seq, epoch, owner, created_at, updated_at, workflow,
        objective
    FROM json_to_recordset(%s) AS new (n INT, run_id TEXT, status TEXT, seq BIGINT,
        epoch BIGINT, owner TEXT, created_at TEXT, updated_at TEXT, workflow TEXT,
        objective TEXT)
    ORDER BY n"""
# What nearly every transaction does is one statement. As JSON, since making an array
# of thousands of texts takes much longer.
_CHANGE = f"""WITH changed AS (
        UPDATE zg_journal_runs AS run SET status = new.status, seq = new.seq,
            epoch = new.epoch, owner = new.owner, updated_at = new.updated_at
        FROM json_to_recordset(%s) AS new (run_id TEXT, status TEXT, seq BIGINT,
            epoch BIGINT, owner TEXT, updated_at TEXT)
        WHERE run.run_id = new.run_id
    ), added AS (
        INSERT INTO zg_journal_events (run_id, seq, body)
        SELECT run_id, seq, body
        FROM json_to_recordset(%s) AS new (run_id TEXT, seq BIGINT, body TEXT)
    )
    SELECT pg_notify('{CHANNEL}', line) FROM unnest(%s::text[]) AS line"""
_END = """UPDATE zg_journal_requests SET ended = true
    WHERE NOT ended AND request_id = ANY(%s)"""
_END_ALL = """UPDATE zg_journal_requests SET ended = true
    WHERE NOT ended AND run_id = ANY(%s)"""
_ASK = """INSERT INTO zg_journal_requests (request_id, run_id, body)
    SELECT request_id, run_id, body
    FROM json_to_recordset(%s) AS new (n INT, request_id TEXT, run_id TEXT, body TEXT)
    ORDER BY n ON CONFLICT (request_id) DO NOTHING"""
_DELETE = (
    "DELETE FROM zg_journal_events WHERE run_id = ANY(%s)",
    "DELETE FROM zg_journal_requests WHERE run_id = ANY(%s)",
    "DELETE FROM zg_journal_runs WHERE run_id = ANY(%s)",
)
_MOST_SAID = 7_000
"""Bytes of one notification; the server takes 8,000."""

_RENEW = """INSERT INTO zg_journal_owners (owner, process, lease)
    VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))
    ON CONFLICT (owner) DO UPDATE SET lease = EXCLUDED.lease"""
_OWNING = "SELECT EXISTS (SELECT FROM zg_journal_runs WHERE owner = %s)"
_FORGET = """DELETE FROM zg_journal_owners AS old
    WHERE lease < clock_timestamp() - interval '1 day' AND NOT EXISTS
        (SELECT FROM zg_journal_runs AS run WHERE run.owner = old.owner)"""
_RELEASE_ALL = (
    "UPDATE zg_journal_runs SET owner = NULL WHERE owner = %s",
    "DELETE FROM zg_journal_owners WHERE owner = %s",
)


async def lock(
    connection: Connection, owner: str, jobs: Iterable[Job]
) -> tuple[Batch, Collection[str]]:
    """Lock the runs of jobs for the rest of the transaction.

    Returns:
        The runs, and the ids of those that another transaction has at the moment.
    """
    run_ids = {job.run_id for job in jobs if job.run_id}
    taken = {job.run_id for job in jobs if isinstance(job, Claim | Delete)}
    begun = {job.run_id for job in jobs if isinstance(job, Create) and job.unsure}
    found = await connection.execute(_LOCK, ([*run_ids],))
    owned = await connection.execute(_LIVING, ([*taken],)) if taken else None
    first = await connection.execute(_BEGUN, ([*begun],)) if begun else None
    rows = {row[0]: _row(row) for row in await found.fetchall()}
    processes = await owned.fetchall() if owned else []
    bodies = await first.fetchall() if first else []
    others: set[str] = set()
    if missing := run_ids - rows.keys():
        there = await connection.execute(_THERE, ([*missing],))
        others = {run_id for (run_id,) in await there.fetchall()}
    living = {
        run_id: process
        for run_id, process in processes
        if not Owner.decode(process).gone
    }
    return Batch(owner, rows, living, dict(bodies)), others


async def write(connection: Connection, batch: Batch, topics: Iterable[Topic]) -> None:
    """Write what a batch made of its runs, and say so to all who listen."""
    rows = [*batch.rows.values()]
    if batch.deleted:
        for statement in _DELETE:
            await connection.execute(statement, (batch.deleted,))
    await _rows(connection, _CREATE, [_created(row) for row in rows if row.begun])
    changed = [_changed(row) for row in rows if row.changed and not row.begun]
    events = [
        {"run_id": row.run_id, "seq": seq, "body": body}
        for row in rows
        for seq, body in row.events
    ]
    lines = [*_lines(topics)]
    if changed or events or lines:
        await connection.execute(_CHANGE, (_json(changed), _json(events), lines))
    if batch.ended:
        await connection.execute(_END, (batch.ended,))
    if over := [row.run_id for row in rows if row.over]:
        await connection.execute(_END_ALL, (over,))
    asked = [
        {"run_id": row.run_id, "request_id": request_id, "body": body}
        for row in rows
        for request_id, body in row.asked
    ]
    await _rows(connection, _ASK, asked)


async def renew(
    connection: Connection, owner: str, process: str, seconds: float, *, new: bool
) -> bool:
    """Say that an owner lives, and return whether it has runs."""
    await connection.execute(_RENEW, (owner, process, seconds))
    if new:
        await connection.execute(_FORGET)
    found = await connection.execute(_OWNING, (owner,))
    row = await found.fetchone()
    return row is not None and bool(row[0])


async def release_all(connection: Connection, owner: str) -> None:
    """Let all runs of an owner go, and forget it."""
    for statement in _RELEASE_ALL:
        await connection.execute(statement, (owner,))


def heard(line: str) -> set[Topic]:
    """Return what a notification says was written."""
    return {
        ("events" if word[0] == "e" else "requests", word[1:])
        for word in line.split()
        if word[0] in "er"
    }


def _lines(topics: Iterable[Topic]) -> Iterable[str]:
    """Yield notifications: ids of runs have no spaces, and many fit in one."""
    line: list[str] = []
    size = 0
    for kind, run_id in topics:
        word = kind[0] + run_id
        if size + len(word) >= _MOST_SAID:
            yield " ".join(line)
            line, size = [], 0
        line.append(word)
        size += len(word) + 1
    if line:
        yield " ".join(line)


async def _rows(
    connection: Connection, statement: str, rows: Sequence[dict[str, Any]]
) -> None:
    if rows:
        for number, row in enumerate(rows):
            row["n"] = number
        await connection.execute(statement, (_json(rows),))


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def _row(row: TupleRow) -> Row:
    run_id, status, seq, epoch, owner, updated_at = row
    return Row(
        run_id=run_id,
        status=status,
        seq=seq,
        epoch=epoch,
        owner=owner,
        updated_at=updated_at,
    )


def _changed(row: Row) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "status": row.status,
        "seq": row.seq,
        "epoch": row.epoch,
        "owner": row.owner,
        "updated_at": row.updated_at,
    }


def _created(row: Row) -> dict[str, Any]:
    begun = row.begun
    assert begun is not None
    return {
        **_changed(row),
        "created_at": begun.at,
        "workflow": begun.workflow,
        "objective": json.dumps(begun.objective),
    }
