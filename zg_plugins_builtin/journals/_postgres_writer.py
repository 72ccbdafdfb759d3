"""What writes a PostgreSQL journal: one transaction at a time, many jobs in each.

A commit waits for the disk, and that is what writing costs. So all that is asked
while one is under way goes into the next together. A transaction locks the rows of
its runs, sees in them whether their owner is still who writes, and only then writes:
an owner that was frozen, wherever in this, changes nothing once there is another.

When the connection is lost while the server commits, nobody knows whether it did.
The jobs are then done again, as *unsure*: those whose work is found done are done.
"""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections.abc import Callable, Iterable, Sequence

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from zg_core import JournalError, ZeroGravityError

from ._postgres_asked import Heard, Inbox, Topic, answer
from ._postgres_jobs import Claim, Job
from ._postgres_rows import lock, release_all, renew, write
from ._postgres_server import Server, backing_off, fault, passing

__all__ = ["TICK", "Writer"]

TICK = 0.2
"""The longest, in seconds, that events for which nobody waits stay in memory."""

_MOST = 1_000
_MOST_BYTES = 8_000_000
_ASIDE = 0.02
"""About how many seconds to leave a row to another transaction that has it."""


class Writer:
    """Writes a journal, in the event loop of the journal's thread.

    Args:
        server: Where to.
        jobs: What to do.
        owner: The id of the journal as an owner of runs.
        process: What others are told of it, as text.
        lease_seconds: How long an owner is believed to live without saying so.
        patience_seconds: How long a server that cannot be reached is waited for.
        tell: Is called with what was written, to wake those who listen here.

    Attributes:
        backend: The number of its connection, by which the server tells who wrote.
    """

    def __init__(
        self,
        server: Server,
        jobs: Inbox[Job],
        owner: str,
        process: str,
        *,
        lease_seconds: float,
        patience_seconds: float,
        tell: Callable[[Iterable[Heard]], None],
    ) -> None:
        self.backend: int | None = None
        self._server = server
        self._jobs = jobs
        self._owner = owner
        self._process = process
        self._lease_seconds = lease_seconds
        self._patience_seconds = patience_seconds
        self._tell = tell
        self._connection: AsyncConnection[TupleRow] | None = None
        self._known = self._owning = self._closing = False
        self._renew_at = 0.0
        self._singly = 0
        self._tried = 0

    def close(self) -> None:
        """Let `run` end once all is written."""
        self._closing = True

    async def run(self) -> None:
        """Write until it is closed."""
        try:
            while self._jobs or not self._closing:
                due = self._renew_at - time.monotonic() if self._owning else None
                await self._jobs.wait(None if due is None else max(0.0, due))
                jobs = self._next()
                try:
                    await self._attempt(jobs)
                except BaseException:  # whoever ends this tells them
                    self._jobs.put_back(job for job in jobs if not job.done)
                    raise
            if self._known:
                await self._leave()
        finally:
            await self._disconnect()

    def _next(self) -> list[Job]:
        if self._singly:
            self._singly -= 1
            return self._jobs.take(1)
        return self._jobs.take(_MOST, _MOST_BYTES)

    async def _attempt(self, jobs: list[Job]) -> None:
        """Do jobs; those that could not be done yet are put back."""
        renewing = self._owning and time.monotonic() >= self._renew_at
        if not jobs and not renewing:
            return
        try:
            connection = await self._connected()
            if renewing or any(isinstance(job, Claim) for job in jobs):
                await self._renew(connection)
            left = await self._commit(connection, jobs)
        except (psycopg.Error, OSError, JournalError) as error:
            await self._disconnect()
            await self._note(jobs, error)
            return
        self._tried = 0
        self._owning |= any(
            isinstance(job, Claim) and not job.error for job in jobs if job not in left
        )
        answer(job for job in jobs if job not in left)
        self._tell(
            (topic, job.events) for job in jobs if job.done for topic in _news(job)
        )
        if left:
            await self._put_aside(jobs, left)

    async def _put_aside(self, jobs: list[Job], left: set[Job]) -> None:
        """Try those again, in a moment, whose runs somebody else is writing."""
        late = self._late(left)
        busy = JournalError(
            f"the journal {self._server.place!r} has a row that somebody keeps locked",
            "end what holds it: look at pg_stat_activity",
        )
        self._fail(late, busy)
        self._jobs.put_back(job for job in jobs if not job.done)
        await asyncio.sleep(random.uniform(0.2, 1.0) * _ASIDE)

    async def _note(self, jobs: list[Job], error: BaseException) -> None:
        """Do after an error what gives as many jobs as possible a chance."""
        if passing(error, self._tried):
            hopeless = not self._server.reached
            self._fail(
                [job for job in jobs if job.future is not None]
                if hopeless
                else self._late(jobs),
                fault(self._server.place, error),
            )
            if self._closing and hopeless:
                self._fail(jobs, fault(self._server.place, error))
            self._jobs.put_back(job for job in jobs if not job.done)
            await asyncio.sleep(backing_off(self._tried))
            self._tried += 1
        elif len(jobs) > 1 and not isinstance(error, JournalError):
            # One of them may be to blame.
            self._singly = len(jobs)
            self._jobs.put_back(jobs)
        else:
            self._fail(jobs, fault(self._server.place, error))
            if not jobs:  # it was the lease
                await asyncio.sleep(backing_off(self._tried))
                self._tried += 1

    def _late(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that cannot wait for better times.

        Nobody would be told that those fail for which nobody waits; they do, until
        the journal is closed.
        """
        limit = time.monotonic() - self._patience_seconds
        return [
            job
            for job in jobs
            if job.since < limit and (job.future is not None or self._closing)
        ]

    def _fail(self, jobs: Sequence[Job], error: JournalError) -> None:
        for job in jobs:
            # A copy each: a traceback belongs to one task.
            job.error = copy.copy(error)
            job.error.__cause__ = error.__cause__
            job.done = True
        answer(jobs)

    async def _commit(
        self, connection: AsyncConnection[TupleRow], jobs: list[Job]
    ) -> set[Job]:
        """Do jobs in one transaction, and return those whose runs another has."""
        if not any(job.run_id for job in jobs):
            return set()
        async with connection.pipeline():
            batch, others = await lock(connection, self._owner, jobs)
            left = {job for job in jobs if job.run_id and job.run_id in others}
            done = [job for job in jobs if job not in left]
            for job in done:
                try:
                    job.error = None
                    batch.do(job)
                except ZeroGravityError as error:
                    job.error = error
            for job in done:
                job.unsure = job.unsure or job.error is None
            topics = {topic for job in done for topic in _news(job)}
            await write(connection, batch, topics)
            await connection.commit()
        return left

    # -- The lease and the connection --------------------------------------------------

    async def _renew(self, connection: AsyncConnection[TupleRow]) -> None:
        """Say that the owner lives, before it claims and thrice in each lease."""
        if self._known and self._owning and time.monotonic() < self._renew_at:
            return
        began = time.monotonic()
        async with connection.pipeline():
            self._owning = await renew(
                connection,
                self._owner,
                self._process,
                self._lease_seconds,
                new=not self._known,
            )
            await connection.commit()
        self._known = True
        self._renew_at = began + max(self._lease_seconds / 3, _ASIDE)

    async def _leave(self) -> None:
        try:
            connection = await self._connected()
            await release_all(connection, self._owner)
            await connection.commit()
        except (psycopg.Error, OSError, JournalError):
            return  # the lease will lapse

    async def _connected(self) -> AsyncConnection[TupleRow]:
        if self._connection is None:
            self._connection = await self._server.connect(autocommit=False)
            self.backend = self._connection.info.backend_pid
        return self._connection

    async def _disconnect(self) -> None:
        """Begin with a new connection, whatever state this one is in."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


def _news(job: Job) -> Iterable[Topic]:
    return () if job.error else job.topics
