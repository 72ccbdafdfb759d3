"""Numbers that are looked up in the database: how much waits, and is held back.

All processes find the same, so that whoever draws them takes the most, not the sum.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from ..jobs.states import AWAITING, WAITING
from ..jobs.tables import jobs, questions
from ..limits import SCOPES
from ..limits.tables import ledger
from ..webhooks.tables import deliveries
from .numbers import Numbers

__all__ = ["look"]

_BEGUN = ("running", "cancelling", *AWAITING)
_PRIORITIES = ("low", "normal", "high")
_RISKS = ("low", "medium", "high", "critical")


def look(connection: Connection, numbers: Numbers, now: datetime) -> None:
    """Look up all of them, and set them.

    Args:
        connection: The database.
        numbers: The numbers.
        now: The time.
    """
    _look_at_jobs(connection, numbers, now)
    _look_at_approvals(connection, numbers)
    due = select(func.count()).where(
        deliveries.c.state == "pending", deliveries.c.due_at <= now
    )
    numbers.backlog.set(connection.execute(due).scalar_one())
    _look_at_budgets(connection, numbers)


def _look_at_jobs(connection: Connection, numbers: Numbers, now: datetime) -> None:
    begun = select(jobs.c.state, func.count()).where(jobs.c.state.in_(_BEGUN))
    rows = connection.execute(begun.group_by(jobs.c.state)).all()
    counts: dict[str, int] = {state: count for state, count in rows}  # noqa: C416
    for state in _BEGUN:
        numbers.inflight.labels(state).set(counts.get(state, 0))
    waiting = (
        select(jobs.c.priority, func.count(), func.min(jobs.c.due_at))
        .where(jobs.c.state.in_(WAITING), jobs.c.ready, jobs.c.due_at <= now)
        .group_by(jobs.c.priority)
    )
    found = {
        priority: (count, oldest)
        for priority, count, oldest in connection.execute(waiting)
    }
    for priority in _PRIORITIES:
        count, oldest = found.get(priority, (0, now))
        numbers.depth.labels(priority).set(count)
        numbers.oldest.labels(priority).set((now - oldest).total_seconds())


def _look_at_approvals(connection: Connection, numbers: Numbers) -> None:
    asked = select(questions.c.risk, func.count()).where(
        questions.c.kind == "approval", questions.c.state == "pending"
    )
    rows = connection.execute(asked.group_by(questions.c.risk)).all()
    counts: dict[str, int] = {risk: count for risk, count in rows}  # noqa: C416
    for risk in _RISKS:
        numbers.pending.labels(risk).set(counts.pop(risk, 0))
    numbers.pending.labels("other").set(sum(counts.values()))


def _look_at_budgets(connection: Connection, numbers: Numbers) -> None:
    held = select(ledger.c.scope, func.sum(ledger.c.reserved_nanos)).where(
        ledger.c.period == "month", ledger.c.reserved_nanos > 0
    )
    rows = connection.execute(held.group_by(ledger.c.scope)).all()
    sums: dict[str, int] = {scope: held for scope, held in rows}  # noqa: C416
    for scope in SCOPES:
        numbers.reserved.labels(scope).set(int(sums.get(scope, 0)) / 1000)
