"""What everything that is done to jobs is done with."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

import zg_core as zg

from ..clock import Clock
from ..database import Database
from ..egress.sending import Egress
from ..limits import Spending
from .asked import Asked, planned
from .changes import Changes, announce
from .deltas import Deltas
from .following import Following
from .projecting import project
from .rows import change, mark_placed, mark_tidied, row_of, tell
from .settings import JobSettings
from .states import ENDED
from .taking import LET_GO, TakenAwayError, is_free
from .views import Job, Question

__all__ = ["Desk"]

_log = logging.getLogger(__name__)
T = TypeVar("T")
_AGAIN = timedelta(seconds=2)
"""When a run that was cut off by a fault is taken up again."""
_HOPELESS = timedelta(minutes=1)
"""For how long it is tried to make a run, where a mistake of ours keeps us from it."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What everything that is done to jobs is done with.

    Args:
        database: Where jobs are kept.
        engine: What does their runs.
        egress: Says whom a job may call back.
        clock: Tells the time.
        settings: How much is done at once.
        spending: Pays for what jobs do, and knows what was stopped.
        changes: Wakes who waits for a job.
        deltas: Tells who reads along of answers while they come.
        wake: Has the dispatcher look for what is to be done.
        on_ended: Is told of each job that has ended here, for the metrics.
        on_decided: Is told of each approval that was decided here, for the metrics.
        wanted: The jobs that are to go on, since people said what they waited for.
        place_later: Has an accepted job placed soon; `None` where nobody would.
        to_place: The jobs that somebody here is going to place.
    """

    database: Database
    engine: zg.Engine
    egress: Egress
    clock: Clock
    settings: JobSettings
    spending: Spending
    changes: Changes = field(default_factory=Changes)
    deltas: Deltas = field(default_factory=Deltas)
    wake: Callable[[], None] = lambda: None
    on_ended: Callable[[Job], None] = lambda _job: None
    on_decided: Callable[[Question], None] = lambda _question: None
    wanted: set[str] = field(default_factory=set)
    place_later: Callable[[str], None] | None = None
    to_place: set[str] = field(default_factory=set)

    async def place(self, job_id: str) -> None:
        """See that an accepted job has its run in the journal; as often as wanted.

        Raises:
            JournalError: If that cannot be now; it is tried again later.
        """
        row = await self.database.glance(lambda c: row_of(c, job_id))
        if row is None or row.placed:
            return
        if row.state in ENDED:
            await self._tidy(job_id)
            return
        try:
            await self._accept(row)
        except zg.JournalError:
            raise
        except zg.ZeroGravityError as error:
            if not await self.has_run(job_id):
                await self.fail(job_id, error)
                return
        if await self.write(job_id, lambda c: mark_placed(c, job_id)):
            self.wake()
        else:
            await self._tidy(job_id)

    async def _accept(self, row: Row[Any]) -> None:
        """Begin the journal of a job's run.

        Raises:
            JournalError: If that cannot be now.
            ZeroGravityError: If there can be no such run, or it is there.
            Exception: If it is a mistake of ours, which is not hopeless yet.
        """
        asked = Asked.again(row)
        try:
            workflow, options = planned(asked, self.engine)
            await self.engine.accept(
                workflow,
                asked.objective,
                options=options,
                run_id=row.id,
                history=asked.history,
            )
        except zg.ZeroGravityError:
            raise
        except Exception as error:
            if self.clock.now() - row.created_at < _HOPELESS:
                raise
            _log.exception("jobs.not_placed", extra={"job_id": row.id})
            raise zg.RunError("its run could not be made: a mistake of ours") from error

    async def _tidy(self, job_id: str) -> None:
        """See that no run goes on whose job ended while it was made."""
        with suppress(zg.RunNotFoundError):  # there never was one
            await self.engine.cancel(job_id, "the job had ended before")
        await self.write(job_id, lambda c: mark_tidied(c, job_id))

    async def has_run(self, job_id: str) -> bool:
        """Tell whether the journal has the run of a job."""
        try:
            await self.engine.journal.read(job_id, after=sys.maxsize)
        except zg.RunNotFoundError:
            return False
        return True

    async def fail(
        self, job_id: str, error: zg.ZeroGravityError, *, take: int | None = None
    ) -> None:
        """End a job that can have no run, or whose run cannot be done.

        Args:
            job_id: The job.
            error: Why.
            take: What lets its taker write; `None` where nobody has taken it.

        Raises:
            TakenAwayError: If another worker has it by now.
        """
        problem = {
            "code": "job_failed",
            "title": type(error).__name__,
            "detail": str(error),
        }
        now = self.clock.now()

        def work(connection: Connection) -> Job | None:
            row = row_of(connection, job_id, lock=True)
            if row is None or row.state in ENDED:
                return None
            if take is not None and row.takes != take:
                raise TakenAwayError
            job = change(
                connection,
                row,
                state="failed",
                error=problem,
                completed_at=now,
                ready=False,
                placed=True,
                **LET_GO,
            )
            assert job is not None
            tell(connection, job, now, [("job.failed", {})])
            announce(connection, job_id)
            return job

        failed = await self.write(job_id, work)
        if failed is not None:
            self.on_ended(failed)

    async def follow(
        self,
        job_id: str,
        following: Following,
        *,
        left: bool = False,
        take: int | None = None,
    ) -> None:
        """Write how far a run is, and wake who waits for it.

        Args:
            job_id: The job.
            following: How far its run is.
            left: Whether its taker leaves it.
            take: What lets its taker write; `None` for whoever looked at the journal.

        Raises:
            TakenAwayError: If another worker has it by now.
        """
        now = self.clock.now()
        wanted = job_id in self.wanted

        def work(connection: Connection) -> tuple[Job | None, bool]:
            free = left or (take is None and is_free(connection, job_id))
            job = project(
                connection,
                job_id,
                following,
                now,
                self._risk,
                left=free,
                take=take,
                wanted=wanted,
                again_at=now + _AGAIN,
            )
            if job is not None:
                announce(connection, job_id)
            return job, free

        changed, free = await self.database.write(work)
        following.news.clear()
        following.urgent = False
        if changed is not None:
            self.changes.tell(job_id)
            if changed.ended:
                self.on_ended(changed)
        if free:
            self.wanted.discard(job_id)
            self.wake()

    async def settle(self, job_id: str, *, take: int | None = None) -> Following:
        """Bring a job to where its run is, from the journal; its taker leaves it so.

        Args:
            job_id: The job.
            take: What lets its taker write; `None` where somebody else, or nobody,
                has taken it.
        """
        following = await self.known(job_id)
        if following.seq:
            await self.follow(job_id, following, left=take is not None, take=take)
        return following

    async def known(self, job_id: str) -> Following:
        """Return how far a job's run is, from the journal."""
        following = Following()
        with suppress(zg.RunNotFoundError):
            for event in await self.engine.journal.read(job_id):
                following.heed(event)
        return following

    async def write(self, job_id: str, function: Callable[[Connection], T]) -> T:
        """Change something about a job, and wake who waits for it."""
        result = await self.database.write(function)
        self.changes.tell(job_id)
        return result

    def _risk(self, tool: str) -> str:
        """Return how bad a wrong call of a tool is; ``high`` if nobody knows."""
        if not tool:
            return ""
        try:
            spec = self.engine.host.find("tool", tool).spec
        except zg.UnknownNameError:
            return "high"
        return spec.risk if isinstance(spec, zg.ToolSpec) else "high"
