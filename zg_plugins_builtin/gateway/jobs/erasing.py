"""Delete jobs: what they were for, what they did and what they gave."""

from __future__ import annotations

import shutil
from pathlib import Path

from anyio import to_thread
from sqlalchemy import Connection, delete, select, update

import zg_core as zg

from ..errors import JobNotTerminalError
from ..identity import Principal, record
from ..webhooks.outbox import forget_job
from . import tables
from .desk import Desk
from .keys import forget_answers
from .rows import found
from .states import ENDED

__all__ = ["delete_job", "erase", "unerased"]

JOBS = tables.jobs


async def delete_job(desk: Desk, who: Principal, job_id: str) -> None:
    """Delete a job that has ended; that it was, and what it spent, is kept.

    Raises:
        NotFoundError: If there is none.
        JobNotTerminalError: If it has not ended.
    """
    now = desk.clock.now()

    def work(connection: Connection) -> None:
        row = found(connection, who.tid, job_id, lock=True)
        if row.state not in ENDED:
            raise JobNotTerminalError("the job has not ended", "cancel it first")
        connection.execute(
            update(JOBS)
            .where(JOBS.c.id == job_id)
            .values(
                objective="",
                callback_url=None,
                options={},
                metadata={},
                message=None,
                state_reason=None,
                result=None,
                error=None,
                deleted_at=now,
            )
        )
        questions = tables.questions
        connection.execute(delete(questions).where(questions.c.job_id == job_id))
        forget_answers(connection, job_id)
        forget_job(connection, who.tid, job_id)
        record(connection, now, who.tid, who.actor, "job.deleted", job_id)

    await desk.write(job_id, work)
    await erase(desk, job_id)


def unerased(connection: Connection) -> list[str]:
    """Return the deleted jobs of which something was left when the process died."""
    left = select(JOBS.c.id).where(
        JOBS.c.deleted_at.is_not(None), JOBS.c.erased_at.is_(None)
    )
    return [*connection.execute(left).scalars()]


async def erase(desk: Desk, job_id: str) -> None:
    """Erase the journal and the files of a deleted job."""
    try:
        out = (await desk.engine.result(job_id)).out
        await to_thread.run_sync(_remove, out, job_id)
        await desk.engine.journal.delete(job_id)
    except zg.RunNotFoundError:
        pass  # it never had a run, or this was done before
    except zg.RunBusyError:
        return  # somebody looks after it now: later
    now = desk.clock.now()
    done = update(JOBS).where(JOBS.c.id == job_id).values(erased_at=now)
    await desk.database.write(lambda c: c.execute(done))


def _remove(out: str, job_id: str) -> None:
    """Remove the folder that was made for this run, and no other."""
    folder = Path(out)
    if out and folder.name == job_id and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
