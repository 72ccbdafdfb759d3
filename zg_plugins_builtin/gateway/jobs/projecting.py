"""Bring a job's row to where its run is, and tell what happened on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

import zg_core as zg

from . import tables
from .following import Following
from .questions import question_id
from .rows import change, row_of, tell
from .states import AWAITING, ENDED
from .taking import LET_GO, TakenAwayError
from .views import Job, job_of

__all__ = ["project"]

QUESTIONS = tables.questions
Risk = Callable[[str], str]


def project(
    connection: Connection,
    job_id: str,
    following: Following,
    now: datetime,
    risk: Risk,
    *,
    left: bool,
    take: int | None,
    wanted: bool,
    again_at: datetime,
) -> Job | None:
    """Write how far a run is; return the job, if that changed what is seen of it.

    An event that was taken in before changes nothing and is not told again.

    Args:
        connection: The transaction.
        job_id: The job.
        following: What the run's events came to.
        now: The time.
        risk: Tells how bad a wrong call of a tool is.
        left: Whether its taker leaves it, or nobody has it.
        take: What lets its taker write; `None` for whoever looked at the journal.
        wanted: Whether it is to go on, since people said what it waited for.
        again_at: When somebody does, if it was only cut off.

    Raises:
        TakenAwayError: If another worker has it by now.
    """
    row = row_of(connection, job_id, lock=True)
    if row is None:
        return None
    if take is not None and row.takes != take:
        raise TakenAwayError
    if row.state in ENDED:
        return None
    if following.seq <= row.seen and not left:
        return None
    said = _write_questions(connection, row, following, risk, now) or wanted
    values: dict[str, Any] = {"state": row.state}
    if following.seq >= row.seen:
        values = {**_seen(row, following), **_going_on(row, following)}
    if left and not following.ended:
        values |= _turn(values["state"], following, now, again_at, said=said)
    if left or following.ended:
        values |= LET_GO
    elif take is not None:
        values["begun"] = True
    job = change(connection, row, **values)
    _tell_news(connection, row, following, job or job_of(row), now)
    return job


def _tell_news(
    connection: Connection, row: Row[Any], following: Following, job: Job, now: datetime
) -> None:
    news = [(n.type, n.data) for n in following.news if n.seq > row.seen]
    if news:
        tell(connection, job, now, news)


def _seen(row: Row[Any], following: Following) -> dict[str, Any]:
    return {
        "placed": True,
        "seen": max(row.seen, following.seq),
        "done": following.done,
        "total": following.total,
        "message": following.message,
        "input_tokens": following.input_tokens,
        "output_tokens": following.output_tokens,
        "cost_usd_micros": following.cost_usd_micros,
        "approvals": following.approvals,
        "inputs": following.inputs,
        "progress": _progress(row, following),
    }


def _progress(row: Row[Any], following: Following) -> float:
    if following.ended and following.progress < 1.0:
        return float(row.progress)
    return float(max(row.progress, following.progress))


def _going_on(row: Row[Any], following: Following) -> dict[str, Any]:
    if following.ended:
        return {
            "state": following.state,
            "state_reason": following.state_reason,
            "result": following.result,
            "error": following.error,
            "completed_at": datetime.fromisoformat(following.at),
            "ready": False,
        }
    if following.state == "queued" or row.state == "cancelling":
        return {"state": row.state}  # the row knows more than the run yet does
    return {"state": following.state, "state_reason": following.state_reason}


def _turn(
    state: str, following: Following, now: datetime, again_at: datetime, *, said: bool
) -> dict[str, Any]:
    """Return when somebody is to take it up."""
    if state not in AWAITING:
        return {"ready": True, "due_at": again_at}
    if said:
        return {"ready": True, "due_at": now}
    expires = following.expires_at
    if expires is None:
        return {"ready": False}
    return {"ready": True, "due_at": expires}


def _write_questions(
    connection: Connection,
    row: Row[Any],
    following: Following,
    risk: Risk,
    now: datetime,
) -> bool:
    """Write what people are asked; return whether they said what the run needs."""
    if not following.asked:
        return False
    known = {
        question.call_key: question
        for question in connection.execute(
            select(QUESTIONS).where(QUESTIONS.c.job_id == row.id)
        )
    }
    said = False
    for call, asked in following.asked.items():
        kept = known.get(call)
        if kept is None:
            values = _asked(row, asked, risk)
            values |= _decided(following, call, now) or {}
            connection.execute(insert(QUESTIONS).values(**values))
            continue
        if call not in following.told and not following.ended:
            said = said or kept.state != "pending"
        decided = _decided(following, call, now)
        if decided and not (kept.delivered and kept.state != "pending"):
            connection.execute(
                update(QUESTIONS).where(QUESTIONS.c.id == kept.id).values(**decided)
            )
    return said


def _decided(following: Following, call: str, now: datetime) -> dict[str, Any] | None:
    """Return what became of a question in the run, if anything has."""
    told = following.told.get(call)
    if told is not None:
        return {
            "state": told.state,
            "decided_by": told.by or None,
            "decided_at": datetime.fromisoformat(told.at),
            "comment": told.reason or None,
            "said": told.said,
            "delivered": True,
        }
    if following.ended:
        return {"state": "void", "decided_at": now, "delivered": True}
    return None


def _asked(
    row: Row[Any], asked: zg.ApprovalRequested | zg.InputRequested, risk: Risk
) -> dict[str, Any]:
    approval = isinstance(asked, zg.ApprovalRequested)
    kind = "approval" if approval else "input"
    expires = asked.expires_at
    values: dict[str, Any] = {
        "id": question_id(row.id, asked.call_key, kind),
        "tenant_id": row.tenant_id,
        "job_id": row.id,
        "call_key": asked.call_key,
        "kind": kind,
        "step": asked.step,
        "requested_at": datetime.fromisoformat(asked.at),
        "expires_at": datetime.fromisoformat(expires) if expires else None,
        "state": "pending",
        "delivered": True,
        **_EMPTY,
    }
    if isinstance(asked, zg.ApprovalRequested):
        values |= {
            "tool": asked.tool,
            "arguments": asked.arguments,
            "digest": asked.digest,
            "reason": asked.reason,
            "risk": risk(asked.tool),
        }
    else:
        values |= {"question": asked.question, "schema": asked.schema}
    return values


_EMPTY: dict[str, Any] = {
    "tool": "",
    "arguments": {},
    "digest": "",
    "reason": "",
    "risk": "",
    "question": "",
    "schema": {},
}
