"""Accept a job: one transaction, after which it is neither lost nor made twice."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

import zg_core as zg

from ..errors import InsufficientScopeError, JobNotTerminalError
from ..identity import Principal, record
from ..ids import new_id
from ..limits import Payer
from .asked import Asked, agents_of, workflow_of
from .desk import Desk
from .keys import Key, Stored, keep, stored
from .rows import check_room, found, insert_job, row_of, tell
from .states import ENDED
from .views import Job, job_of

__all__ = ["Submitted", "retry", "submit"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a request for a job.

    Args:
        job: The job; of a replayed request as it was answered, in `answer`.
        answer: What was answered the first time; `None` if this is the first.
    """

    job: Job | None
    answer: Stored | None


async def submit(
    desk: Desk,
    who: Principal,
    asked: Asked,
    *,
    key: Key | None,
    status: int,
    parent: Job | None = None,
    job_id: str | None = None,
) -> Submitted:
    """Accept a job, and see that its run is in the journal.

    Args:
        desk: What it is done with.
        who: Who asks.
        asked: What for.
        key: What makes it the same request as an earlier one.
        status: The HTTP status that it is answered with, for who asks again.
        parent: The job that it tries again.
        job_id: The job's id, by who has to know it before; by default a new one.

    Raises:
        InsufficientScopeError: If it is more urgent than they may ask for.
        CallbackForbiddenError: If nobody may be called there.
        InvalidRequestError: If there is no such agent or workflow, or the key was
            used for something else.
        AgentDisabledError: If somebody stopped an agent of it.
        ForbiddenError: If somebody stopped all work of the tenant.
        UnavailableError: If somebody stopped all work.
        BudgetExceededError: If nothing is left that they may spend.
        ConcurrencyExceededError: If too many jobs of the tenant wait.
        QueueFullError: If too many wait in all.
    """
    if asked.priority == "high" and not who.has("jobs:high_priority"):
        raise InsufficientScopeError("jobs:high_priority")
    before = await _answered(desk, key)
    if before is not None:
        return Submitted(None, before)
    workflow = workflow_of(asked, desk.engine)
    await desk.spending.switches.check(who.tid, agents_of(workflow, desk.engine))
    if asked.callback_url is not None:
        url = await desk.egress.permit(asked.callback_url)
        asked = replace(asked, callback_url=url)
    job_id = job_id or new_id("job", desk.clock.now())
    done = await _written(desk, who, asked, key, status, parent, job_id)
    if done.job is None:
        return done
    return Submitted(await _placed(desk, done.job), None)


async def retry(
    desk: Desk, who: Principal, job_id: str, *, key: Key | None, status: int
) -> Submitted:
    """Accept a job that tries another one again.

    Raises:
        NotFoundError: If there is no such job.
        JobNotTerminalError: If it has not ended.
    """
    row = await desk.database.read(lambda c: found(c, who.tid, job_id))
    if row.state not in ENDED:
        raise JobNotTerminalError("the job has not ended", "wait, or cancel it")
    asked = Asked.again(row)
    return await submit(desk, who, asked, key=key, status=status, parent=job_of(row))


async def _answered(desk: Desk, key: Key | None) -> Stored | None:
    if key is None:
        return None
    now = desk.clock.now()
    return await desk.database.glance(lambda c: stored(c, key, now))


async def _written(
    desk: Desk,
    who: Principal,
    asked: Asked,
    key: Key | None,
    status: int,
    parent: Job | None,
    job_id: str,
) -> Submitted:
    now = desk.clock.now()

    def work(connection: Connection) -> Submitted:
        if key:
            before = stored(connection, key, now)
            if before is not None:
                return Submitted(None, before)
        check_room(connection, who.tid, desk.settings)
        desk.spending.check(connection, Payer.of(who))
        job = insert_job(
            connection,
            asked,
            now,
            job_id=job_id,
            tenant=who.tid,
            submitted_by=who.sub,
            actor=who.actor,
            parent=parent,
        )
        if key:
            given = Stored(job.id, status, job.document())
            keep(connection, key, given, now, desk.settings.keys_kept)
        record(connection, now, who.tid, who.actor, "job.submitted", job.id)
        tell(connection, job, now, [("job.queued", {})])
        return Submitted(job, None)

    try:
        return await desk.database.write(work)
    except IntegrityError:  # another server wrote the same key at this moment
        return await desk.database.write(work)


async def _placed(desk: Desk, job: Job) -> Job:
    if desk.place_later is not None:
        desk.place_later(job.id)
        return job
    try:
        await desk.place(job.id)
    except zg.JournalError as error:  # it is accepted all the same: later
        _log.warning("jobs.not_placed", exc_info=error, extra={"job_id": job.id})
    row = await desk.database.read(lambda c: row_of(c, job.id))
    if row is not None and row.state in ENDED:  # it can have no run
        return job_of(row)
    return job  # as it was accepted, and as whoever asks again is answered
