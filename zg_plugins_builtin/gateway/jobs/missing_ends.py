"""The end that a run does not have, since the service itself failed its job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

import zg_core as zg

from ..errors import GatewayError
from .desk import Desk
from .rows import shown
from .views import Job, rfc3339

__all__ = ["end_of", "looking_for_end", "missing_end"]

_LOOK_EVERY = 30.0
"""Seconds between two looks where nobody tells of a change, which somebody should."""


async def missing_end(desk: Desk, tenant: str, job_id: str) -> zg.RunFailed | None:
    """Return how a job ended of which the journal has no end; `None` if it may have.

    Raises:
        NotFoundError: If there is no such job.
    """
    job = await shown(desk.database, tenant, job_id)
    if job.state != "failed":
        return None
    known = await desk.known(job_id)  # after the row, which is written later
    return None if known.ended else end_of(job, known.seq)


def end_of(job: Job, seq: int) -> zg.RunFailed:
    """Return the end of a job as an event.

    Args:
        job: The job, which has failed.
        seq: The last event of its run; 0 if there is none.
    """
    error = job.error or {}
    return zg.RunFailed(
        seq=seq + 1,
        at=rfc3339(job.completed_at) or "",
        run_id=job.id,
        error=zg.ErrorInfo(
            type=str(error.get("title", "")), cause=str(error.get("detail", ""))
        ),
    )


@asynccontextmanager
async def looking_for_end(
    desk: Desk, tenant: str, job_id: str, waiting: anyio.CancelScope
) -> AsyncGenerator[None, None]:
    """Cancel who waits for a run's end within, once it is known that none comes.

    Args:
        desk: What it is looked with.
        tenant: Whose job it is.
        job_id: The job.
        waiting: Who waits.
    """
    looking = anyio.CancelScope()

    async def look() -> None:
        with looking:
            await _look_for_end(desk, tenant, job_id, waiting)

    # In no task group, which would raise the errors of who waits as a group.
    task = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with anyio.CancelScope(shield=True):  # what it reads it reads to the end
            await task


async def _look_for_end(
    desk: Desk, tenant: str, job_id: str, waiting: anyio.CancelScope
) -> None:
    while True:
        with desk.changes.listening(job_id) as changed:
            try:
                if await missing_end(desk, tenant, job_id) is not None:
                    waiting.cancel()
                    return
            except (GatewayError, zg.JournalError):
                pass  # it is there no more, which the reader finds; or is asked again
            with anyio.move_on_after(_LOOK_EVERY):
                await changed.wait()
