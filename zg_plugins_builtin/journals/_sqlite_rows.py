"""What a SQLite journal does to its tables, each within somebody's transaction.

A function that refuses does so before it writes, so that the others of the same
transaction need not be undone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zg_core import (
    ENDED,
    InputError,
    JournalError,
    RunAccepted,
    RunBusyError,
    RunNotFoundError,
    RunStatus,
    RunSummary,
)

from ._following import DONE
from ._owner import Owner

__all__ = [
    "Entry",
    "append",
    "ask",
    "claim",
    "create",
    "delete",
    "latest",
    "read_events",
    "read_requests",
    "release",
    "release_all",
    "renew",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Events to append.

    Attributes:
        owner: Who appends them, as text.
        rows: Run id, ``seq`` and JSON of each event.
        at: When the last was recorded.
        status: The status they give the run; `None` if they leave it alone.
        ended: The ids of the requests they end.
    """

    run_id: str
    epoch: int
    owner: str
    rows: Sequence[tuple[str, int, str]]
    at: str
    status: RunStatus | None
    ended: Iterable[str] = ()


def create(file: sqlite3.Connection, accepted: RunAccepted, body: str) -> None:
    """Begin a run."""
    added = file.execute(
        "INSERT OR IGNORE INTO runs"
        " (run_id, status, seq, created_at, updated_at, workflow, objective)"
        " VALUES (?, 'running', 1, ?, ?, ?, ?)",
        (
            accepted.run_id,
            accepted.at,
            accepted.at,
            accepted.workflow.name,
            accepted.objective,
        ),
    )
    if not added.rowcount:
        raise InputError(
            f"there is a run {accepted.run_id!r} already", "choose another id"
        )
    file.execute("INSERT INTO events VALUES (?, 1, ?)", (accepted.run_id, body))


def claim(file: sqlite3.Connection, run_id: str, owner: str, lease: float) -> int:
    """Make *owner* the owner of a run, if nobody is, and return the new epoch."""
    epoch = _free(file, run_id) + 1
    file.execute(
        "UPDATE runs SET epoch = ?, owner = ?, lease = ? WHERE run_id = ?",
        (epoch, owner, lease, run_id),
    )
    return epoch


def renew(file: sqlite3.Connection, owner: str, lease: float) -> int:
    """Say that *owner* lives, and return how many runs it owns."""
    return file.execute(
        "UPDATE runs SET lease = ? WHERE owner = ?", (lease, owner)
    ).rowcount


def release(file: sqlite3.Connection, run_id: str, epoch: int, owner: str) -> None:
    """Let a run go, if *owner* has it."""
    file.execute(
        "UPDATE runs SET owner = NULL WHERE run_id = ? AND epoch = ? AND owner = ?",
        (run_id, epoch, owner),
    )


def release_all(file: sqlite3.Connection, owner: str) -> None:
    """Let all runs of *owner* go."""
    file.execute("UPDATE runs SET owner = NULL WHERE owner = ?", (owner,))


def append(file: sqlite3.Connection, entry: Entry) -> None:
    """Add events to a run, if their writer owns it and they are the next.

    Nobody owns it any more if nothing of it is left to do.
    """
    _, first, _ = entry.rows[0]
    fence = (entry.run_id, entry.epoch, entry.owner, first - 1)
    advanced = file.execute(
        "UPDATE runs SET seq = ?, updated_at = ?"
        " WHERE run_id = ? AND epoch = ? AND owner = ? AND seq = ?",
        (first - 1 + len(entry.rows), entry.at, *fence),
    )
    if not advanced.rowcount:
        raise _refusal(file, entry)
    file.executemany("INSERT INTO events VALUES (?, ?, ?)", entry.rows)
    if entry.status:
        freed = ", owner = NULL" if entry.status in DONE else ""
        file.execute(
            f"UPDATE runs SET status = ?{freed} WHERE run_id = ?",
            (entry.status, entry.run_id),
        )
    for request_id in entry.ended:
        file.execute("DELETE FROM requests WHERE request_id = ?", (request_id,))
    if entry.status in ENDED:
        file.execute("DELETE FROM requests WHERE run_id = ?", (entry.run_id,))


def ask(file: sqlite3.Connection, run_id: str, request_id: str, body: str) -> None:
    """Keep a request until its run's owner takes it up, unless the run has ended."""
    found = file.execute("SELECT status FROM runs WHERE run_id = ?", (run_id,))
    row = found.fetchone()
    if row is None:
        raise _not_found(run_id)
    if row[0] not in ENDED:
        file.execute(
            "INSERT INTO requests (request_id, run_id, body) VALUES (?, ?, ?)",
            (request_id, run_id, body),
        )


def delete(file: sqlite3.Connection, run_id: str) -> None:
    """Forget a run that nobody owns."""
    _free(file, run_id)
    for table in ("events", "requests", "runs"):
        file.execute(f"DELETE FROM {table} WHERE run_id = ?", (run_id,))


def read_events(
    file: sqlite3.Connection, run_id: str, after: int, most: int = -1
) -> tuple[RunStatus, list[str]]:
    """Return a run's status and the JSON of its events after a ``seq``.

    Args:
        file: The journal's file.
        run_id: The run.
        after: The ``seq``.
        most: How many there may be; -1 is any number.
    """
    # In one statement, so that both are of one moment.
    rows = file.execute(
        "SELECT status, body FROM runs LEFT JOIN events"
        " ON events.run_id = runs.run_id AND events.seq > ?"
        " WHERE runs.run_id = ? ORDER BY events.seq LIMIT ?",
        (after, run_id, most),
    ).fetchall()
    if not rows:
        raise _not_found(run_id)
    return rows[0][0], [body for _, body in rows if body is not None]


def read_requests(
    file: sqlite3.Connection, run_id: str, after: int
) -> list[tuple[int, str]]:
    """Return number and JSON of a run's requests after a number."""
    rows = file.execute(
        "SELECT requests.number, body FROM runs LEFT JOIN requests"
        " ON requests.run_id = runs.run_id AND requests.number > ?"
        " WHERE runs.run_id = ? ORDER BY requests.number",
        (after, run_id),
    ).fetchall()
    if not rows:
        raise _not_found(run_id)
    return [row for row in rows if row[1] is not None]


def latest(
    file: sqlite3.Connection, limit: int, status: RunStatus | None
) -> list[RunSummary]:
    """Return the latest runs, newest first."""
    where, parameters = ("WHERE status = ?", [status]) if status else ("", [])
    rows = file.execute(
        "SELECT run_id, objective, workflow, status, created_at, updated_at,"
        f" owner, lease FROM runs {where} ORDER BY number DESC LIMIT ?",
        (*parameters, limit),
    )
    return [
        RunSummary(
            run_id=run_id,
            objective=objective,
            workflow=workflow,
            status=status,
            created_at=created_at,
            updated_at=updated_at,
            owned=_living(owner, lease) is not None,
        )
        for (
            run_id,
            objective,
            workflow,
            status,
            created_at,
            updated_at,
            owner,
            lease,
        ) in rows
    ]


def _free(file: sqlite3.Connection, run_id: str) -> int:
    """Return the epoch of a run without a living owner."""
    row = file.execute(
        "SELECT epoch, owner, lease FROM runs WHERE run_id = ?", (run_id,)
    ).fetchone()
    if row is None:
        raise _not_found(run_id)
    epoch, owner, lease = row
    living = _living(owner, lease)
    if living is not None:
        raise RunBusyError(
            f"process {living.pid} on {living.host} is doing run {run_id!r}",
            f"watch it (zg runs watch {run_id}), or stop it first: "
            f"zg runs pause {run_id}, or zg runs cancel {run_id}",
            run_id=run_id,
            host=living.host,
            pid=living.pid,
        )
    return int(epoch)


def _living(owner: str | None, lease: float) -> Owner | None:
    """Return an owner, if there is one that is believed to live."""
    if owner is None or lease < time.time():
        return None
    known = Owner.decode(owner)
    return None if known.gone else known


def _refusal(file: sqlite3.Connection, entry: Entry) -> JournalError:
    """Return why events cannot be added."""
    row = file.execute(
        "SELECT epoch, owner, seq FROM runs WHERE run_id = ?", (entry.run_id,)
    ).fetchone()
    if row is None:
        return _not_found(entry.run_id)
    *ownership, seq = row
    if ownership != [entry.epoch, entry.owner]:
        return RunBusyError(
            f"run {entry.run_id!r} is not this engine's any more",
            "another engine may have taken it over: look with `zg runs show`",
            run_id=entry.run_id,
        )
    return JournalError(
        f"run {entry.run_id!r} goes on with event {seq + 1}, not {entry.rows[0][1]}",
        "report this as a bug of the engine",
    )


def _not_found(run_id: str) -> RunNotFoundError:
    return RunNotFoundError(
        f"there is no run {run_id!r}", "see `zg runs list`", run_id=run_id
    )
