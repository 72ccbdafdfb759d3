"""Take a job to do it, so that whoever had it before writes nothing any more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from . import tables
from .rows import row_of
from .states import ENDED

__all__ = ["HERE", "LET_GO", "TakenAwayError", "is_free", "take"]

JOBS = tables.jobs
HERE = "here"
"""Who takes jobs where one process does all of them."""
LET_GO: dict[str, Any] = {"admitted_at": None, "worker_id": None, "begun": False}
"""What a job's row says when nobody does it any more."""


class TakenAwayError(Exception):
    """Another worker has the job by now; nothing was written."""


def take(connection: Connection, job_id: str, worker: str, now: datetime) -> int | None:
    """Take a job that was admitted; return what lets its taker write.

    Whoever took it before is thought dead, by what has the runs done, and is held off
    from now on. It is `None` if there is nothing to be done.

    Args:
        connection: The transaction.
        job_id: The job.
        worker: Who takes it.
        now: The time.
    """
    row = row_of(connection, job_id, lock=True)
    if row is None or row.admitted_at is None or row.state in ENDED:
        return None
    cancelling = row.state == "cancelling"
    connection.execute(
        update(JOBS)
        .where(JOBS.c.id == job_id)
        .values(
            state="cancelling" if cancelling else "running",
            state_reason=row.state_reason if cancelling else None,
            ready=False,
            started_at=row.started_at or now,
            version=row.version + (row.state not in ("running", "cancelling")),
            worker_id=worker,
            takes=row.takes + 1,
            begun=False,
        )
    )
    return int(row.takes) + 1


def is_free(connection: Connection, job_id: str) -> bool:
    """Tell whether nobody has a job or is about to; that stays so until the end.

    Args:
        connection: The transaction.
        job_id: The job.
    """
    row = row_of(connection, job_id, lock=True)
    return row is not None and row.admitted_at is None
