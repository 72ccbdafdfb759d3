"""Do the jobs that wait, where one process does all of them: each in its turn."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable
from datetime import timedelta

import anyio
from anyio.abc import TaskGroup
from sqlalchemy import Connection, func, select, update

import zg_core as zg

from ..errors import DatabaseError
from ..limits import goes_on
from . import tables
from .desk import Desk
from .doing import Doing
from .mending import mend
from .rows import row_of
from .scheduling import Turns, Waiting, in_order
from .states import ENDED
from .taking import HERE, LET_GO, TakenAwayError, take

__all__ = ["Dispatcher"]

_log = logging.getLogger(__name__)
JOBS = tables.jobs
_LOOK_EVERY = 1.0
"""Seconds after which it looks for what is due, though nobody woke it."""
_YOUNG = timedelta(seconds=2)
"""For how long whoever accepted a job is left to make its run."""


class Dispatcher:
    """Does all jobs, in this process.

    Args:
        desk: What it works with.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._doing = Doing(desk)
        self._turns = Turns(desk.settings.weights, desk.settings.tenant_running)
        self._running: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._looked_for_lost = 0.0
        desk.wake = self._wake.set

    async def run(self) -> None:
        """Do jobs until cancelled; what is under way then is left to be resumed."""
        await self._patiently(self._take_up())
        async with anyio.create_task_group() as group:
            while True:
                self._wake.clear()
                await self._patiently(self._begin(group))
                with anyio.move_on_after(_LOOK_EVERY):
                    await self._wake.wait()

    def stop(self) -> None:
        """Do nothing: whoever stops this process cancels `run`."""

    async def _patiently(self, work: Awaitable[object]) -> None:
        """Do something that is done again later if the disk or a server fails."""
        try:
            await work
        except (DatabaseError, zg.JournalError) as error:
            _log.warning("jobs.fault", exc_info=error)

    # -- What was left ---------------------------------------------------------------

    async def _take_up(self) -> None:
        """Let everything go on that another process began, and this one may do."""
        now = self._desk.clock.now()
        under_way = (
            update(JOBS)
            .where(
                JOBS.c.admitted_at.is_not(None)
                | JOBS.c.state.in_(("running", "cancelling")),
                JOBS.c.state.not_in(ENDED),
            )
            .values(ready=True, due_at=now, **LET_GO)
        )
        await self._desk.database.write(lambda c: c.execute(under_way))
        await mend(self._desk, now)

    # -- Whose turn it is ------------------------------------------------------------

    async def _begin(self, group: TaskGroup) -> None:
        """Begin what there is room for."""
        clock = self._desk.clock
        if clock.monotonic() - self._looked_for_lost > 5 * _LOOK_EVERY:
            self._looked_for_lost = clock.monotonic()
            await mend(self._desk, clock.now() - _YOUNG)
        free = self._desk.settings.running - len(self._running)
        if free <= 0:
            return
        now = clock.now()
        waiting = await self._desk.database.read(self._waiting)
        ordered = {
            tenant: in_order(jobs, now, self._desk.settings.ageing)
            for tenant, jobs in waiting.items()
        }
        counts = Counter(self._running.values())
        for chosen in self._turns.choose(ordered, counts, free):
            taken = await self._claim(chosen.id)
            if taken is not None:
                self._running[chosen.id] = chosen.tenant
                group.start_soon(self._watched, chosen.id, taken)

    def _waiting(self, connection: Connection) -> dict[str, list[Waiting]]:
        """Return, of each tenant and priority, the oldest that could be begun now."""
        ranked = (
            select(
                JOBS.c.id,
                JOBS.c.tenant_id,
                JOBS.c.priority,
                JOBS.c.due_at,
                func.row_number()
                .over(
                    partition_by=(JOBS.c.tenant_id, JOBS.c.priority),
                    order_by=(JOBS.c.due_at, JOBS.c.id),
                )
                .label("place"),
            )
            .where(
                JOBS.c.ready,
                JOBS.c.placed,
                JOBS.c.due_at <= self._desk.clock.now(),
                goes_on(JOBS.c.tenant_id, JOBS.c.submitted_by, JOBS.c.actor),
            )
            .subquery()
        )
        most = self._desk.settings.tenant_running
        found: dict[str, list[Waiting]] = {}
        for row in connection.execute(select(ranked).where(ranked.c.place <= most)):
            if row.id not in self._running:
                job = Waiting(row.id, row.tenant_id, row.priority, row.due_at)
                found.setdefault(row.tenant_id, []).append(job)
        return found

    async def _claim(self, job_id: str) -> int | None:
        """Take a job, if it is still there to be taken."""
        now = self._desk.clock.now()

        def work(connection: Connection) -> int | None:
            row = row_of(connection, job_id, lock=True)
            if row is None or not row.ready or row.due_at > now:
                return None
            admitted = update(JOBS).where(JOBS.c.id == job_id).values(admitted_at=now)
            connection.execute(admitted)
            return take(connection, job_id, HERE, now)

        return await self._desk.write(job_id, work)

    # -- One job ---------------------------------------------------------------------

    async def _watched(self, job_id: str, taken: int) -> None:
        """Do a job; a mistake of ours in it ends neither the others nor the service."""
        scope = anyio.CancelScope()

        async def done() -> None:
            with scope:  # cancelled by it, a thread is waited for and not left alone
                await self._doing.do(job_id, taken)

        task = asyncio.create_task(done())
        try:
            await asyncio.wait({task})
        finally:
            scope.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task})
            self._running.pop(job_id, None)
            self._desk.wake()
        error = None if task.cancelled() else task.exception()
        if error is None or isinstance(error, TakenAwayError):
            return
        _log.error("jobs.died", exc_info=error, extra={"job_id": job_id})
        await self._patiently(self._desk.settle(job_id, take=taken))
