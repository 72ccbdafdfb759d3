"""Cancel jobs, whether they wait, run, or wait for people."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import anyio
from sqlalchemy import Connection, Row

import zg_core as zg

from ..errors import JobNotCancellableError
from ..identity import Principal, record
from .changes import announce
from .desk import Desk
from .rows import change, found, row_of, tell
from .states import ENDED
from .taking import LET_GO
from .views import Job, job_of

__all__ = ["cancel"]

_BEGINNING = 5
"""Seconds until a run that is just being begun has its owner, at most."""
_LOOK_EVERY = 0.1
"""Seconds after which it looks whether it has, though nobody said so."""
_LATER = timedelta(seconds=10)
"""When another cancels it, if this process dies before it has."""


async def cancel(desk: Desk, who: Principal, job_id: str, reason: str) -> Job:
    """Have a job stopped, and return it; its state says whether it is by now.

    Raises:
        NotFoundError: If there is no such job.
        JobNotCancellableError: If it has ended otherwise.
    """
    now = desk.clock.now()

    def work(connection: Connection) -> Row[Any]:
        row = found(connection, who.tid, job_id, lock=True)
        if row.state == "cancelled":
            return row
        if row.state in ENDED:
            raise JobNotCancellableError("the job has ended")
        if row.state != "cancelling":
            record(connection, now, who.tid, who.actor, "job.cancelled", job_id)
        if not row.placed:  # it never gets a run
            job = change(connection, row, **_cancelled(reason), completed_at=now)
            assert job is not None
            tell(connection, job, now, [("job.cancelled", {})])
        else:
            why = {"state_reason": reason or None}
            turn = {} if row.worker_id else {"ready": True, "due_at": now + _LATER}
            let_go = {} if row.worker_id else LET_GO
            change(connection, row, state="cancelling", **why, **turn, **let_go)
        announce(connection, job_id)
        return row

    row = await desk.write(job_id, work)
    if row.state != "cancelled" and row.placed:
        await _stop(desk, job_id, reason)
    job = job_of(await desk.database.read(lambda c: found(c, who.tid, job_id)))
    if row.state != "cancelled" and not row.placed:
        desk.on_ended(job)
    return job


async def _stop(desk: Desk, job_id: str, reason: str) -> None:
    with anyio.move_on_after(_BEGINNING):
        await _begun(desk, job_id)
    with suppress(zg.RunBusyError, zg.RunNotFoundError):  # who does it sees to it
        await desk.engine.cancel(job_id, reason)
    await desk.settle(job_id)


async def _begun(desk: Desk, job_id: str) -> None:
    """Wait until whoever has taken a job owns its run.

    Before that the run would end, and be begun all the same.
    """
    while True:
        with desk.changes.listening(job_id) as changed:
            row = await desk.database.read(lambda c: row_of(c, job_id))
            if row is None or row.worker_id is None or row.begun:
                return
            with anyio.move_on_after(_LOOK_EVERY):
                await changed.wait()


def _cancelled(reason: str) -> dict[str, Any]:
    return {
        "state": "cancelled",
        "state_reason": None,
        "ready": False,
        "error": {
            "code": "cancelled",
            "title": "Cancelled",
            "detail": reason or "somebody cancelled it",
        },
    }
