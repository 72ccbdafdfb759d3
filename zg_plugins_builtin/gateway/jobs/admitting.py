"""Whose job is next, where many processes share them: one decides at a time.

Any process of the service may. What it takes to decide is in the database, and so is
the lock that makes one wait for the other: nobody has to be found dead before another
can go on. A job that was admitted and got lost on its way to the queue is known by its
row, and is put there again.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

import anyio
from sqlalchemy import (
    Connection,
    Text,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
    union_all,
    update,
)

import zg_core as zg

from ..errors import DatabaseError
from ..identity.tables import tenants
from ..limits import goes_on
from . import tables
from .desk import Desk
from .mending import mend
from .scheduling import RANKS, Turns, Waiting, in_order
from .settings import JobSettings
from .sharing import Sharing
from .states import ENDED
from .workers import living, room

__all__ = ["Admitting", "admit"]

_log = logging.getLogger(__name__)
JOBS, TURNS = tables.jobs, tables.turns
LOCK = 0x5A475F41
"""What the advisory lock is called: "ZG_A"."""
_PATIENCE = "SET LOCAL idle_in_transaction_session_timeout = '3s'"
"""Who is frozen while it decides must not keep the others from it."""
_LOOK_EVERY = 1.0
"""Seconds after which it looks for what is due, though nobody woke it."""
_MEND_EVERY = 5.0
_YOUNG = timedelta(seconds=2)
"""For how long whoever accepted a job is left to make its run."""
_ON_ITS_WAY = timedelta(seconds=10)
"""For how long a job that was admitted may be with no worker that lives."""
_AT_ONCE = 8
"""How many are put into the queue at once."""


class Admitting:
    """Moves jobs to the queue when it is their turn.

    Args:
        desk: What it works with.
        sharing: Where to.
    """

    def __init__(self, desk: Desk, sharing: Sharing) -> None:
        self._desk = desk
        self._sharing = sharing
        self._wake = asyncio.Event()
        self._mended = 0.0
        self._owed: list[str] = []
        desk.wake = self._wake.set

    async def run(self) -> None:
        """Admit jobs until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._round()
            except (DatabaseError, zg.JournalError) as error:
                _log.warning("jobs.fault", exc_info=error)
                await anyio.sleep(_LOOK_EVERY)
            with anyio.move_on_after(_LOOK_EVERY):
                await self._wake.wait()

    async def _round(self) -> None:
        database, clock = self._desk.database, self._desk.clock
        if clock.monotonic() - self._mended > _MEND_EVERY:
            self._mended = clock.monotonic()
            await mend(self._desk, clock.now() - _YOUNG)
            await self._submit(await database.read(self._lost))
        settings, now = self._desk.settings, clock.now()
        await self._submit(await database.write(lambda c: admit(c, settings, now)))

    def _lost(self, connection: Connection) -> list[str]:
        """Return what was admitted, and no worker has that lives."""
        lost = select(JOBS.c.id).where(
            JOBS.c.admitted_at <= self._desk.clock.now() - _ON_ITS_WAY,
            JOBS.c.state.not_in(ENDED),
            JOBS.c.worker_id.is_(None) | JOBS.c.worker_id.not_in(living()),
        )
        return [*connection.execute(lost).scalars()]

    async def _submit(self, jobs: list[str]) -> None:
        """Put jobs into the queue; what cannot be now is owed to the next time."""
        jobs, self._owed = [*self._owed, *jobs], []
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async def submit(job_id: str) -> None:
            try:
                async with limiter:
                    await self._sharing.runtime.submit(job_id, self._sharing.journal)
            except zg.RunError as error:
                _log.warning("jobs.not_queued", exc_info=error)
                self._owed.append(job_id)

        async with anyio.create_task_group() as group:
            for job_id in jobs:
                group.start_soon(submit, job_id)


def admit(connection: Connection, settings: JobSettings, now: datetime) -> list[str]:
    """Admit the jobs whose turn it is, and return them; nobody else does meanwhile.

    Args:
        connection: The transaction; it must see what others have committed.
        settings: How much is done at once, and for whom.
        now: The time.
    """
    connection.execute(text(_PATIENCE))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    running = _running(connection)
    most = room(connection)
    if settings.total is not None:
        most = min(most, settings.total)
    free = most - sum(running.values())
    if free <= 0:
        return []
    waiting = _waiting(connection, now, min(settings.tenant_running, free))
    if not waiting:
        return []
    ordered = {t: in_order(jobs, now, settings.ageing) for t, jobs in waiting.items()}
    saved = {row.tenant_id: row.credit for row in connection.execute(select(TURNS))}
    turns = Turns(settings.weights, settings.tenant_running, saved)
    chosen = [job.id for job in turns.choose(ordered, running, free)]
    _save(connection, saved, turns.credit)
    admitted = (
        update(JOBS)
        .where(JOBS.c.id.in_(chosen), JOBS.c.ready)
        .values(ready=False, admitted_at=now, worker_id=None, begun=False)
        .returning(JOBS.c.id)
    )
    left = {*connection.execute(admitted).scalars()}
    return [job_id for job_id in chosen if job_id in left]


def _running(connection: Connection) -> dict[str, int]:
    """Return how many jobs of each tenant are in the queue, or being done."""
    counted = (
        select(JOBS.c.tenant_id, func.count())
        .where(JOBS.c.admitted_at.is_not(None))
        .group_by(JOBS.c.tenant_id)
    )
    return {row.tenant_id: row[1] for row in connection.execute(counted)}


def _waiting(
    connection: Connection, now: datetime, most: int
) -> dict[str, list[Waiting]]:
    """Return, of each tenant and priority, the oldest that could be begun now.

    Each is found by the index, so that it matters little how many wait.
    """
    ranks = union_all(
        *(select(literal(rank, Text).label("priority")) for rank in RANKS)
    ).subquery()
    oldest = (
        select(JOBS.c.id, JOBS.c.due_at)
        .where(
            JOBS.c.ready,
            JOBS.c.placed,
            JOBS.c.tenant_id == tenants.c.id,
            JOBS.c.priority == ranks.c.priority,
            JOBS.c.due_at <= now,
            goes_on(JOBS.c.tenant_id, JOBS.c.submitted_by, JOBS.c.actor),
        )
        .order_by(JOBS.c.due_at, JOBS.c.id)
        .limit(most)
        .lateral()
    )
    found: dict[str, list[Waiting]] = {}
    for row in connection.execute(
        select(tenants.c.id.label("tenant"), ranks.c.priority, oldest).select_from(
            tenants.join(ranks, true()).join(oldest, true())
        )
    ):
        job = Waiting(row.id, row.tenant, row.priority, row.due_at)
        found.setdefault(row.tenant, []).append(job)
    return found


def _save(
    connection: Connection, before: dict[str, int], after: dict[str, int]
) -> None:
    if after == before:
        return
    connection.execute(delete(TURNS))
    if after:
        rows = [{"tenant_id": t, "credit": c} for t, c in after.items()]
        connection.execute(insert(TURNS), rows)
