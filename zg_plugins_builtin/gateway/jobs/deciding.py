"""What people say of a job's questions: written first, then told to its run.

The first who is written decides. A process that dies in between leaves a row that was
not delivered, which the next one delivers.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

import zg_core as zg

from ..errors import (
    ApprovalDecidedError,
    ApprovalExpiredError,
    ApprovalStaleError,
    Fault,
    ForbiddenError,
    InputSchemaMismatchError,
    InvalidRequestError,
    NotFoundError,
)
from ..identity import Principal, record
from . import tables
from .desk import Desk
from .rows import found
from .views import Question, question_of

__all__ = ["answer", "decide", "deliver", "question_row", "undelivered"]

_log = logging.getLogger(__name__)
QUESTIONS = tables.questions


def question_row(
    connection: Connection,
    tenant: str,
    question_id: str,
    kind: str,
    *,
    lock: bool = False,
) -> Row[Any]:
    """Return the row of a question of a tenant's job.

    Args:
        connection: The database.
        tenant: The tenant.
        question_id: The question.
        kind: ``approval`` or ``input``.
        lock: Whether it is to be decided, so that nobody else does meanwhile.

    Raises:
        NotFoundError: If there is none, or it is another tenant's.
    """
    query = select(QUESTIONS).where(
        QUESTIONS.c.tenant_id == tenant,
        QUESTIONS.c.id == question_id,
        QUESTIONS.c.kind == kind,
    )
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no such {kind}", "check its id")
    return row


async def decide(
    desk: Desk,
    who: Principal,
    question_id: str,
    *,
    allow: bool,
    digest: str,
    edited: zg.JsonObject | None,
    comment: str,
) -> Question:
    """Allow or refuse what a job would do; the first decision holds.

    Raises:
        NotFoundError: If there is no such question.
        ApprovalStaleError: If it is not what was looked at, or the job has ended.
        ApprovalDecidedError: If somebody decided otherwise before.
        ApprovalExpiredError: If the time is over.
        ForbiddenError: If it is critical, and their own job.
        InvalidRequestError: If the edited arguments do not fit the tool.
    """
    now = desk.clock.now()
    state = "approved" if allow else "rejected"

    def work(connection: Connection) -> tuple[Row[Any], bool]:
        row = question_row(connection, who.tid, question_id, "approval", lock=True)
        if digest != row.digest:
            raise ApprovalStaleError(
                "what would be done is not what was looked at", "look again"
            )
        if row.state == state and row.said == edited:
            return row, False
        _check_open(row, now)
        job = found(connection, who.tid, row.job_id)
        if allow and row.risk == "critical" and job.submitted_by == who.sub:
            raise ForbiddenError(
                "nobody allows what is critical in a job of their own",
                "ask somebody else",
            )
        _decided(connection, row, who, state, now, edited, comment)
        return row, True

    row, new = await desk.database.write(work)
    if new:
        await _deliver(desk, row.id)
    question = await _shown(desk, row.id)
    if new:
        desk.on_decided(question)
    return question


async def answer(
    desk: Desk, who: Principal, job_id: str, question_id: str, value: zg.Json
) -> Question:
    """Give what a job asks for; the first answer holds.

    Raises:
        NotFoundError: If there is no such job or question.
        ApprovalStaleError: If the job has ended.
        ApprovalDecidedError: If somebody answered otherwise before.
        ApprovalExpiredError: If the time is over.
        InputSchemaMismatchError: If it does not fit what is asked.
    """
    now = desk.clock.now()

    def work(connection: Connection) -> tuple[Row[Any], bool]:
        found(connection, who.tid, job_id)
        row = question_row(connection, who.tid, question_id, "input", lock=True)
        if row.job_id != job_id:
            raise NotFoundError("there is no such input", "check its id")
        if row.state == "resolved" and row.said == value:
            return row, False
        _check_open(row, now)
        _decided(connection, row, who, "resolved", now, value, "")
        return row, True

    row, new = await desk.database.write(work)
    if new:
        await _deliver(desk, row.id)
    return await _shown(desk, row.id)


def undelivered(connection: Connection, before: datetime) -> list[str]:
    """Return the questions of which a run was not told what was said before."""
    waiting = select(QUESTIONS.c.id).where(
        ~QUESTIONS.c.delivered, QUESTIONS.c.decided_at <= before
    )
    return [*connection.execute(waiting).scalars()]


async def deliver(desk: Desk, question_id: str) -> None:
    """Tell a run what was said, where the process died before it did."""
    try:
        await _deliver(desk, question_id)
    except (InvalidRequestError, ApprovalDecidedError, ApprovalExpiredError) as e:
        _log.info("jobs.refused", extra={"question": question_id, "why": e.cause})


def _check_open(row: Row[Any], now: datetime) -> None:
    if row.state == "void":
        raise ApprovalStaleError("the job has ended, and waits for nobody")
    over = row.expires_at is not None and row.expires_at <= now
    if row.state == "expired" or (row.state == "pending" and over):
        raise ApprovalExpiredError("the time to decide is over")
    if row.state != "pending":
        raise ApprovalDecidedError(
            "somebody decided before", "nothing was changed; the first decision holds"
        )


def _decided(
    connection: Connection,
    row: Row[Any],
    who: Principal,
    state: str,
    now: datetime,
    said: zg.Json,
    comment: str,
) -> None:
    connection.execute(
        update(QUESTIONS)
        .where(QUESTIONS.c.id == row.id)
        .values(
            state=state,
            decided_by=who.actor,
            decided_at=now,
            comment=comment or None,
            said=said,
            delivered=False,
        )
    )
    action = f"{row.kind}.{state}"
    record(connection, now, who.tid, who.actor, action, row.id, job_id=row.job_id)


async def _deliver(desk: Desk, question_id: str) -> None:
    """Tell a run what was said, and have it go on."""
    query = select(QUESTIONS).where(QUESTIONS.c.id == question_id)
    row = await desk.database.read(lambda c: c.execute(query).one_or_none())
    if row is None or row.delivered:
        return
    try:
        await _tell_run(desk.engine, row)
    except zg.InputError as error:
        await _refused(desk, row, error)
        return
    # Last of all, so that whoever dies before leaves it to the next.
    desk.wanted.add(row.job_id)
    await desk.settle(row.job_id)
    done = update(QUESTIONS).where(QUESTIONS.c.id == row.id).values(delivered=True)
    await desk.write(row.job_id, lambda c: c.execute(done))


async def _tell_run(engine: zg.Engine, row: Row[Any]) -> None:
    by = row.decided_by or ""
    if row.kind == "input":
        await engine.answer(row.job_id, row.call_key, row.said, by=by)
    elif row.state == "approved":
        await engine.approve(
            row.job_id,
            row.call_key,
            edit=row.said,
            digest=row.digest,
            by=by,
            reason=row.comment or "",
        )
    else:
        await engine.reject(
            row.job_id,
            row.call_key,
            digest=row.digest,
            by=by,
            reason=row.comment or "",
        )


async def _refused(desk: Desk, row: Row[Any], error: zg.InputError) -> None:
    """Put right what was written of a decision that the run does not take.

    Raises:
        ApprovalDecidedError: If it was decided elsewhere, or the run has ended.
        InvalidRequestError: If what was said does not fit.
    """
    following = await desk.known(row.job_id)
    told = following.told.get(row.call_key)
    if told is not None:
        desk.wanted.add(row.job_id)
    await desk.settle(row.job_id)  # and the row says what the run has
    if told is not None:
        if (told.state, told.by) == (row.state, row.decided_by):
            return  # somebody told it, and died before the row said so
        raise ApprovalDecidedError(
            "it was decided before", "nothing was changed; the first decision holds"
        )
    if following.ended:
        raise ApprovalDecidedError("the job has ended, and waits for nobody")
    opened = (
        update(QUESTIONS)
        .where(QUESTIONS.c.id == row.id, ~QUESTIONS.c.delivered)
        .values(
            state="pending",
            decided_by=None,
            decided_at=None,
            comment=None,
            said=None,
            delivered=True,
        )
    )
    await desk.write(row.job_id, lambda c: c.execute(opened))
    if row.expires_at is not None and row.expires_at <= desk.clock.now():
        raise ApprovalExpiredError("the time to decide is over")
    if row.kind == "input":
        raise InputSchemaMismatchError(
            "the answer does not fit what is asked",
            "see the response_schema",
            Fault("/payload", "schema", error.cause),
        )
    raise InvalidRequestError(
        "the edited arguments do not fit the tool",
        "see its parameters",
        Fault("/edited_args", "schema", error.cause),
    )


async def _shown(desk: Desk, question_id: str) -> Question:
    query = select(QUESTIONS).where(QUESTIONS.c.id == question_id)
    row = await desk.database.read(lambda c: c.execute(query).one())
    return question_of(row)
