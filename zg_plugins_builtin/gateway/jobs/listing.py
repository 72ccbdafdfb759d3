"""Lists of a tenant's jobs and questions, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, select, tuple_

from . import tables
from .states import STATUSES
from .views import Job, Question, job_of, question_of

__all__ = ["Filters", "jobs_page", "questions_page"]

JOBS, QUESTIONS = tables.jobs, tables.questions
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which jobs are listed; `None` is any.

    Args:
        metadata: What they must have been given, by name.
        order: The newest first (``desc``), or the oldest.
    """

    status: str | None = None
    state: str | None = None
    priority: str | None = None
    agent: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    order: Literal["asc", "desc"] = "desc"

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what a row must fulfil; every value is a bound parameter."""
        wanted: list[ColumnElement[bool]] = []
        if self.status is not None:
            states = [s for s, word in STATUSES.items() if word == self.status]
            wanted.append(JOBS.c.state.in_(states))
        for column, value in (
            (JOBS.c.state, self.state),
            (JOBS.c.priority, self.priority),
            (JOBS.c.agent, self.agent),
        ):
            if value is not None:
                wanted.append(column == value)
        if self.created_after is not None:
            wanted.append(JOBS.c.created_at > self.created_after)
        if self.created_before is not None:
            wanted.append(JOBS.c.created_at < self.created_before)
        for name, value in self.metadata.items():
            wanted.append(JOBS.c["metadata"][name].as_string() == value)
        return wanted


def jobs_page(
    connection: Connection,
    tenant: str,
    filters: Filters,
    limit: int,
    after: str | None,
) -> tuple[Sequence[Job], bool]:
    """Return jobs, and whether there are more.

    Args:
        connection: The database.
        tenant: Whose.
        filters: Which.
        limit: How many, at most.
        after: The last one of the page before.
    """
    query = select(JOBS).where(
        JOBS.c.tenant_id == tenant, JOBS.c.deleted_at.is_(None), *filters.conditions()
    )
    ascending = filters.order == "asc"
    if after is not None:
        query = query.where(JOBS.c.id > after if ascending else JOBS.c.id < after)
    query = query.order_by(JOBS.c.id if ascending else JOBS.c.id.desc())
    rows = connection.execute(query.limit(limit + 1)).all()
    return [job_of(row) for row in rows[:limit]], len(rows) > limit


def questions_page(
    connection: Connection,
    tenant: str,
    *,
    kind: str,
    state: str | None = None,
    job_id: str | None = None,
    limit: int,
    after: tuple[Any, ...] | None = None,
) -> tuple[Sequence[Question], bool]:
    """Return questions, the oldest first, and whether there are more.

    Args:
        connection: The database.
        tenant: Whose.
        kind: ``approval`` or ``input``.
        state: Only those in it.
        job_id: Only those of a job.
        limit: How many, at most.
        after: Time in milliseconds and id of the last one of the page before.
    """
    columns = QUESTIONS.c
    query = select(QUESTIONS).where(columns.tenant_id == tenant, columns.kind == kind)
    if state is not None:
        query = query.where(columns.state == state)
    if job_id is not None:
        query = query.where(columns.job_id == job_id)
    if after is not None:
        at = _EPOCH + timedelta(milliseconds=int(after[0]))
        last = (at, str(after[1]))
        query = query.where(tuple_(columns.requested_at, columns.id) > last)
    query = query.order_by(columns.requested_at, columns.id)
    rows = connection.execute(query.limit(limit + 1)).all()
    return [question_of(row) for row in rows[:limit]], len(rows) > limit
