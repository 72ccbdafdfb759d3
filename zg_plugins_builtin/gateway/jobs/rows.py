"""Rows of jobs: read, made, and changed; each change is one version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    update,
)

from zg_core.plugin_api import JsonObject

from ..database import Database, Lookup, one_at_a_time
from ..errors import ConcurrencyExceededError, NotFoundError, QueueFullError
from ..webhooks.events import Event
from ..webhooks.outbox import enqueue
from . import tables
from .asked import Asked
from .settings import JobSettings
from .states import ENDED, WAITING
from .views import Job, columns_of_job, job_of, job_of_columns, job_of_values

__all__ = [
    "Room",
    "change",
    "check_room",
    "found",
    "insert_job",
    "mark_placed",
    "mark_tidied",
    "no_such_job",
    "room_of",
    "row_of",
    "shown",
    "tell",
]

JOBS = tables.jobs

# Made once: to make one takes longer than to execute it.
_ROW = select(JOBS).where(JOBS.c.id == bindparam("job_id"), JOBS.c.deleted_at.is_(None))
_FOUND = _ROW.where(JOBS.c.tenant_id == bindparam("tenant"))
_ROW_LOCKED, _FOUND_LOCKED = _ROW.with_for_update(), _FOUND.with_for_update()
_SHOWN = Lookup(_FOUND.with_only_columns(*columns_of_job(JOBS)))
_INSERT = insert(JOBS)
_CHANGE = update(JOBS).where(JOBS.c.id == bindparam("job_id"))
_CHANGED = _CHANGE.returning(*JOBS.c)
_PLACED = (
    _CHANGE.where(JOBS.c.state.not_in(ENDED)).values(placed=True).returning(JOBS.c.id)
)
_TIDIED = _CHANGE.values(placed=True, erased_at=None)


def _counted(*which: ColumnElement[bool]) -> Select[int]:
    """Return what counts the jobs that wait, up to a number; it looks at no row."""
    waits = JOBS.c.state.in_([literal_column(f"'{state}'") for state in WAITING])
    some: Select[Any] = select(literal_column("1").label("one")).where(*which, waits)
    return select(func.count()).select_from(some.limit(bindparam("most")).subquery())


_NARROW = 100
"""Room in which jobs are accepted one by one: for fewer than come at one moment."""
_WAITING = _counted()
_WAITING_OF_TENANT = _counted(JOBS.c.tenant_id == bindparam("tenant"))


def no_such_job() -> NotFoundError:
    """Return the one answer to whoever asks for a job that is not theirs."""
    return NotFoundError("there is no such job", "check its id")


def row_of(
    connection: Connection, job_id: str, *, lock: bool = False
) -> Row[Any] | None:
    """Return a job's row, whoever's it is; `None` if it was deleted.

    Args:
        connection: The database.
        job_id: The job.
        lock: Whether it is to be changed, so that nobody else does meanwhile.
    """
    query = _ROW_LOCKED if lock else _ROW
    return connection.execute(query, {"job_id": job_id}).one_or_none()


def found(
    connection: Connection, tenant: str, job_id: str, *, lock: bool = False
) -> Row[Any]:
    """Return the row of a tenant's job; for the rest see `row_of`.

    Raises:
        NotFoundError: If there is none, or it is another tenant's.
    """
    query = _FOUND_LOCKED if lock else _FOUND
    given = {"tenant": tenant, "job_id": job_id}
    row = connection.execute(query, given).one_or_none()
    if row is None:
        raise no_such_job()
    return row


async def shown(database: Database, tenant: str, job_id: str) -> Job:
    """Return a tenant's job.

    Raises:
        NotFoundError: If there is none, or it is another tenant's.
    """
    row = await database.find(_SHOWN, {"tenant": tenant, "job_id": job_id})
    if row is None:
        raise no_such_job()
    return job_of_columns(row)


def check_room(connection: Connection, tenant: str, settings: JobSettings) -> None:
    """See that another job may wait.

    Raises:
        ConcurrencyExceededError: If the tenant has as many as it may.
        QueueFullError: If all have.
    """
    most = settings.tenant_queued
    if _is_full(connection, _WAITING_OF_TENANT, most, tenant):
        error = ConcurrencyExceededError(
            f"{most} jobs of this tenant wait already",
            "wait until some have begun",
        )
        error.retry_after = 5.0
        raise error
    most = settings.queued
    if _is_full(connection, _WAITING, most):
        full = QueueFullError("as many jobs wait as may wait", "ask again later")
        full.retry_after = 5.0
        raise full


def _is_full(
    connection: Connection, counting: Select[Any], most: int, tenant: str = ""
) -> bool:
    """Tell whether as many jobs wait as may, and nobody adds one meanwhile."""
    given = {"tenant": tenant, "most": most} if tenant else {"most": most}
    waiting = connection.execute(counting, given).scalar_one()
    if most - _NARROW <= waiting < most:
        one_at_a_time(connection, f"jobs of {tenant or 'all'}")
        waiting = connection.execute(counting, given).scalar_one()
    return bool(waiting >= most)


@dataclass(frozen=True, slots=True)
class Room:
    """How many jobs of a tenant run and wait, and how many may."""

    running: int
    most_running: int
    queued: int
    most_queued: int


def room_of(connection: Connection, tenant: str, settings: JobSettings) -> Room:
    """Return how many jobs of a tenant there are of those that are counted."""
    query = select(JOBS.c.state, func.count().label("jobs")).where(
        JOBS.c.tenant_id == tenant,
        JOBS.c.state.in_((*WAITING, *_RUNNING)),
        JOBS.c.deleted_at.is_(None),
    )
    rows = connection.execute(query.group_by(JOBS.c.state)).all()
    counts = {row.state: row.jobs for row in rows}
    return Room(
        running=sum(counts.get(state, 0) for state in _RUNNING),
        most_running=settings.tenant_running,
        queued=sum(counts.get(state, 0) for state in WAITING),
        most_queued=settings.tenant_queued,
    )


_RUNNING = ("running", "cancelling")


def insert_job(
    connection: Connection,
    asked: Asked,
    now: datetime,
    *,
    job_id: str,
    tenant: str,
    submitted_by: str,
    actor: str,
    parent: Job | None = None,
) -> Job:
    """Make the row of a job."""
    later = asked.run_after is not None and asked.run_after > now
    values = {
        "id": job_id,
        "tenant_id": tenant,
        "submitted_by": submitted_by,
        "actor": actor,
        "objective": asked.objective,
        "priority": asked.priority,
        "callback_url": asked.callback_url,
        "workflow": asked.workflow,
        "agent": asked.agent,
        "options": asked.options(),
        "metadata": asked.metadata,
        "parent_id": parent.id if parent else None,
        "attempt": parent.attempt + 1 if parent else 1,
        "state": "scheduled" if later else "queued",
        "version": 1,
        "due_at": asked.run_after if later else now,
        "created_at": now,
        **_BEGINNING,
    }
    connection.execute(_INSERT, values)
    return job_of_values(values)


_BEGINNING: dict[str, Any] = {
    "progress": 0.0,
    "done": 0,
    "total": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cost_usd_micros": 0,
    "approvals": 0,
    "inputs": 0,
    "ready": True,
    "placed": False,
    "seen": 0,
}


def change(connection: Connection, row: Row[Any], **values: Any) -> Job | None:
    """Change what is different; return the job as it is then, if anything is.

    Args:
        connection: The transaction.
        row: The row, as it was read in it.
        values: The values of columns.
    """
    new = {name: v for name, v in values.items() if row._mapping[name] != v}
    if not new:
        return None
    shown = new.keys() - _HIDDEN
    if shown:
        new["version"] = row.version + 1
    given = {**new, "job_id": row.id}
    if not shown:
        connection.execute(_CHANGE, given)
        return None
    return job_of(connection.execute(_CHANGED, given).one())


def mark_placed(connection: Connection, job_id: str) -> bool:
    """Write that the run of a job is in the journal.

    Returns:
        Whether it was: a job that has ended meanwhile is to have none that goes on.
    """
    return connection.execute(_PLACED, {"job_id": job_id}).first() is not None


def mark_tidied(connection: Connection, job_id: str) -> None:
    """Write that a job that has ended has no run that goes on.

    If it was deleted as well, what its run left is to be erased.
    """
    connection.execute(_TIDIED, {"job_id": job_id})


_HIDDEN = {
    *("ready", "due_at", "placed", "seen", "erased_at"),
    *("admitted_at", "worker_id", "takes", "begun"),
}
"""What nobody sees, so that it is no version."""


def tell(
    connection: Connection,
    job: Job,
    now: datetime,
    kinds: Iterable[tuple[str, JsonObject]],
) -> None:
    """Write what webhooks tell of a job, in the transaction in which it happened."""
    for kind, more in kinds:
        event = Event(
            type=kind,
            at=now,
            data={**job.told(), **more},
            job_id=job.id,
            result=job.result,
        )
        enqueue(connection, job.tenant, event, now, callback_url=job.callback_url)
