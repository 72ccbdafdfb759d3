"""The door to jobs: submit, look at, follow, steer and delete them, and do them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import Any

import anyio

import zg_core as zg

from ..clock import Clock, SystemClock
from ..database import Database
from ..egress.sending import Egress
from ..identity import Principal
from ..limits import Spending
from . import cancelling, deciding, erasing, submitting
from .artifacts import File, artifact_bytes, files_of
from .asked import Asked
from .deltas import Ear
from .desk import Desk
from .dispatcher import Dispatcher
from .keys import Key
from .listing import Filters, jobs_page, questions_page
from .missing_ends import looking_for_end, missing_end
from .placing import Placing
from .rows import Room, room_of, shown
from .settings import JobSettings
from .shared import Shared
from .sharing import Sharing
from .stopping import watch_switches
from .submitting import Submitted
from .views import Job, Question, question_of

__all__ = ["Jobs"]

_ENDS = (zg.RunFinished, zg.RunFailed, zg.RunCancelled)
_WRITTEN_WITHIN = 5.0
"""Seconds that the end of a run is kept from its followers for the job to have it."""
_LOOK_EVERY = 1.0
"""Seconds after which a waiting reader looks by itself: another process may write."""


class Jobs:
    """The jobs of all tenants; `open` makes it.

    Each call says whose jobs are meant, by the principal or the tenant; those of
    others are not there.
    """

    def __init__(self, desk: Desk, sharing: Sharing | None = None) -> None:
        self._desk = desk
        self._doer = Shared(desk, sharing) if sharing else Dispatcher(desk)

    @classmethod
    def open(
        cls,
        database: Database,
        engine: zg.Engine,
        *,
        egress: Egress,
        clock: Clock | None = None,
        settings: JobSettings | None = None,
        spending: Spending | None = None,
        sharing: Sharing | None = None,
    ) -> Jobs:
        """Return the jobs that are kept in a database.

        Args:
            database: Where they are accepted.
            engine: What does them; its journal says what happened.
            egress: Says whom a job may call back.
            clock: Tells the time.
            settings: How much is done at once.
            spending: Pays for what they do; by default nothing is limited that
                nobody has set.
            sharing: How this process shares them with others; `None` if it alone
                does them.
        """
        clock = clock or SystemClock()
        desk = Desk(
            database=database,
            engine=engine,
            egress=egress,
            clock=clock,
            settings=settings or JobSettings(),
            spending=spending or Spending(database, clock=clock),
        )
        return cls(desk, sharing)

    @property
    def spending(self) -> Spending:
        """Pays for what they do, and knows what was stopped."""
        return self._desk.spending

    def observe(
        self, ended: Callable[[Job], None], decided: Callable[[Question], None]
    ) -> None:
        """Have what happens here counted.

        Args:
            ended: Is told of each job that has ended.
            decided: Is told of each approval that was decided.
        """
        self._desk.on_ended, self._desk.on_decided = ended, decided

    @property
    def engine(self) -> zg.Engine:
        """What does them."""
        return self._desk.engine

    async def run(self) -> None:
        """Do jobs until cancelled: those that were left first.

        What is under way then stays as it is, and is taken up by the next.
        """
        async with anyio.create_task_group() as group:
            group.start_soon(watch_switches, self._desk)
            group.start_soon(self._desk.spending.keep)
            group.start_soon(Placing(self._desk).run)
            await self._doer.run()
            group.cancel_scope.cancel()

    def stop(self) -> None:
        """Begin no job any more; `run` ends when what is under way has come to rest.

        Where one process does all of them it goes on until it is cancelled.
        """
        self._doer.stop()

    # -- Submit and steer --------------------------------------------------------------

    async def submit(
        self,
        who: Principal,
        asked: Asked,
        *,
        key: Key | None = None,
        status: int = 200,
        job_id: str | None = None,
    ) -> Submitted:
        """Accept a job; see `submitting.submit`."""
        return await submitting.submit(
            self._desk, who, asked, key=key, status=status, job_id=job_id
        )

    async def retry(
        self, who: Principal, job_id: str, *, key: Key | None = None, status: int = 202
    ) -> Submitted:
        """Accept a job that tries another one again; see `submitting.retry`."""
        return await submitting.retry(self._desk, who, job_id, key=key, status=status)

    async def cancel(self, who: Principal, job_id: str, reason: str = "") -> Job:
        """Have a job stopped; see `cancelling.cancel`."""
        return await cancelling.cancel(self._desk, who, job_id, reason)

    async def delete(self, who: Principal, job_id: str) -> None:
        """Delete a job that has ended; see `erasing.delete_job`."""
        await erasing.delete_job(self._desk, who, job_id)

    # -- Look at -----------------------------------------------------------------------

    async def get(self, tenant: str, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFoundError: If there is none.
        """
        return await shown(self._desk.database, tenant, job_id)

    async def changed(
        self,
        tenant: str,
        job_id: str,
        enough: Callable[[Job], bool],
        seconds: float,
    ) -> Job:
        """Return a job as soon as it is as wanted, or as it is when the time is over.

        Args:
            tenant: Whose it is.
            job_id: The job.
            enough: Tells whether it is as wanted.
            seconds: How long to wait, at most.

        Raises:
            NotFoundError: If there is none.
        """
        until = anyio.current_time() + seconds
        while True:
            with self._desk.changes.listening(job_id) as event:
                job = await self.get(tenant, job_id)
                left = until - anyio.current_time()
                if enough(job) or left <= 0:
                    return job
                with anyio.move_on_after(min(left, _LOOK_EVERY)):
                    await event.wait()

    async def page(
        self, tenant: str, filters: Filters, *, limit: int, after: str | None = None
    ) -> tuple[Sequence[Job], bool]:
        """Return jobs, and whether there are more; see `listing.jobs_page`."""
        return await self._desk.database.read(
            lambda c: jobs_page(c, tenant, filters, limit, after)
        )

    async def room(self, tenant: str) -> Room:
        """Return how many jobs of a tenant run and wait, and may."""
        settings = self._desk.settings
        return await self._desk.database.read(lambda c: room_of(c, tenant, settings))

    async def result(self, tenant: str, job_id: str) -> zg.RunResult | None:
        """Return what a job's run gave until now; `None` if it has none yet.

        Raises:
            NotFoundError: If there is no such job.
        """
        await self.get(tenant, job_id)
        try:
            return await self.engine.result(job_id)
        except zg.RunNotFoundError:
            return None

    async def files(self, tenant: str, job_id: str) -> list[File]:
        """Return the files that a job gave until now."""
        result = await self.result(tenant, job_id)
        return files_of(job_id, result.artifacts) if result else []

    async def file(
        self, tenant: str, job_id: str, file_id: str
    ) -> tuple[File, bytes] | None:
        """Return a file with its content; `None` if the job has no run yet.

        Raises:
            NotFoundError: If there is no such job or file.
        """
        result = await self.result(tenant, job_id)
        return await artifact_bytes(job_id, result, file_id) if result else None

    # -- Events ------------------------------------------------------------------------

    async def events(self, tenant: str, job_id: str, after: int = 0) -> list[zg.Event]:
        """Return what happened until now, after an event.

        A job that the service itself failed has an end that its run has not: it is
        told of as the event that comes next.

        Raises:
            NotFoundError: If there is no such job.
        """
        job = await self.get(tenant, job_id)
        try:
            events = await self.engine.journal.read(job_id, after)
        except zg.RunNotFoundError:
            events = []
        if job.state == "failed" and not (events and isinstance(events[-1], _ENDS)):
            end = await missing_end(self._desk, tenant, job_id)
            if end is not None and end.seq > after:
                events.append(end)
        return events

    async def follow(
        self,
        tenant: str,
        job_id: str,
        after: int,
        send: Callable[[zg.Event], Awaitable[None]],
    ) -> zg.RunFailed | None:
        """Send what happens, after an event, until the job's end.

        Returns:
            The end, where the service itself failed the job and its run has none;
            `None` if it was sent.

        Raises:
            NotFoundError: If there is no such job.
        """
        while True:
            with self._desk.changes.listening(job_id) as changed:
                if await self._desk.has_run(job_id):
                    break
                if (await self.get(tenant, job_id)).ended:
                    return await missing_end(self._desk, tenant, job_id)
                with anyio.move_on_after(_LOOK_EVERY):
                    await changed.wait()
        seen = after

        async def sent(event: zg.Event) -> None:
            nonlocal seen
            if isinstance(event, _ENDS):  # who hears of it finds it so
                await self.changed(
                    tenant, job_id, lambda job: job.ended, _WRITTEN_WITHIN
                )
            with anyio.CancelScope(shield=True):  # it is sent once, and seen
                await send(event)
                seen = event.seq

        with anyio.CancelScope() as waiting:
            async with looking_for_end(self._desk, tenant, job_id, waiting):
                watched: AsyncGenerator[zg.Event, None]
                watched = self.engine.watch(job_id, after)
                async with aclosing(watched) as events:
                    async for event in events:
                        await sent(event)
        if not waiting.cancelled_caught:
            return None
        for event in await self.engine.journal.read(job_id, seen):
            await sent(event)
        return await missing_end(self._desk, tenant, job_id)

    def hearing(
        self, job_id: str, hear: Callable[[zg.TextDelta], None]
    ) -> AbstractContextManager[None]:
        """Have answers of a job that is done here told while they come.

        Args:
            job_id: The job, of whoever reads: this looks at no tenant.
            hear: Takes a piece; it must not take long.
        """
        return self._desk.deltas.hearing(job_id, hear)

    def ear(self, job_id: str, hear: Callable[[zg.TextDelta], None]) -> Ear:
        """Return what hears a job's answers while they come; see `Deltas.ear`."""
        return self._desk.deltas.ear(job_id, hear)

    # -- People ------------------------------------------------------------------------

    async def questions(
        self, tenant: str, **which: Any
    ) -> tuple[Sequence[Question], bool]:
        """Return questions, and if there are more; see `listing.questions_page`."""
        return await self._desk.database.read(
            lambda c: questions_page(c, tenant, **which)
        )

    async def question(self, tenant: str, question_id: str, kind: str) -> Question:
        """Return a question.

        Raises:
            NotFoundError: If there is none.
        """
        row = await self._desk.database.read(
            lambda c: deciding.question_row(c, tenant, question_id, kind)
        )
        return question_of(row)

    async def decide(
        self,
        who: Principal,
        question_id: str,
        *,
        allow: bool,
        digest: str,
        edited: zg.JsonObject | None = None,
        comment: str = "",
    ) -> Question:
        """Allow or refuse what a job would do; see `deciding.decide`."""
        return await deciding.decide(
            self._desk,
            who,
            question_id,
            allow=allow,
            digest=digest,
            edited=edited,
            comment=comment,
        )

    async def answer(
        self, who: Principal, job_id: str, question_id: str, value: zg.Json
    ) -> Question:
        """Give what a job asks for; see `deciding.answer`."""
        return await deciding.answer(self._desk, who, job_id, question_id, value)
