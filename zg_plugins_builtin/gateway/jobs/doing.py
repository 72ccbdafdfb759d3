"""Do one job: have the engine do its run, and bring its row to where that is."""

from __future__ import annotations

import logging
from contextlib import aclosing
from functools import partial

import anyio

import zg_core as zg

from ..errors import DatabaseError
from ..limits import Payer
from .deltas import without_deltas
from .desk import Desk
from .following import Following
from .rows import row_of

__all__ = ["Doing", "StoppedError"]

_log = logging.getLogger(__name__)
_RESTS = (zg.ModelAnswered, zg.ToolFinished, zg.StepFinished, zg.StepDegraded)
"""After these little is lost if a run is cut off: what was paid for is recorded."""
_PAUSE = 0.25
"""Seconds between two tries to own a run that somebody else still owns."""


class StoppedError(Exception):
    """The job was left where it was, since whoever does it is to stop."""


class Doing:
    """Does single jobs.

    Args:
        desk: What it works with.
        patience: Seconds to wait for who owned a run before, and is thought dead.
    """

    def __init__(self, desk: Desk, *, patience: float = 0.0) -> None:
        self._desk = desk
        self._patience = patience
        self._stopping = False

    def stop(self) -> None:
        """Leave each job when what it is at has been recorded."""
        self._stopping = True

    async def do(self, job_id: str, take: int) -> None:
        """Do a job, until it ends, waits for people, or cannot go on for now.

        Args:
            job_id: The job.
            take: What lets its taker write.

        Raises:
            TakenAwayError: If another worker has it by now.
            RunBusyError: If another engine took its run over while it was done.
            StoppedError: If it was left, to be taken up by another.
            DatabaseError: If it cannot be written how far it is.
        """
        try:
            if not await self._settled(job_id, take):
                await self._done(job_id, take)
        except zg.RunNotFoundError as error:  # somebody removed it from the journal
            await self._desk.fail(job_id, error, take=take)

    async def _done(self, job_id: str, take: int) -> None:
        following = Following()
        try:
            await self._owning(job_id, take, following)
        except zg.RunError as error:
            _log.info("jobs.stopped", extra={"job_id": job_id, "why": error.cause})
        except zg.RunBusyError:
            if following.seq:  # it was ours, and is another's
                raise
            _log.info("jobs.busy", extra={"job_id": job_id})
        except zg.RunNotFoundError:
            raise
        except zg.JournalError as error:
            _log.warning("jobs.cut_off", exc_info=error, extra={"job_id": job_id})
        except DatabaseError:  # says nothing about the job
            raise
        except zg.ZeroGravityError as error:
            following = await self._desk.known(job_id)
            if not following.ended:
                await self._desk.fail(job_id, error, take=take)
        await self._desk.follow(job_id, following, left=True, take=take)

    async def _settled(self, job_id: str, take: int) -> bool:
        """Settle a job of which there is nothing to be done; tell whether it was one.

        A run that has ended must not go on, nor one that is to be cancelled.
        """
        following = await self._desk.known(job_id)
        if not following.ended:
            row = await self._desk.database.read(lambda c: row_of(c, job_id))
            if row is not None and row.state != "cancelling":
                return False
            reason = (row.state_reason if row is not None else None) or ""
            await self._desk.engine.cancel(job_id, reason)
            following = await self._desk.known(job_id)
        await self._desk.follow(job_id, following, left=True, take=take)
        return True

    async def _owning(self, job_id: str, take: int, following: Following) -> None:
        """Follow the run while it is done; wait until nobody else owns it."""
        until = anyio.current_time() + self._patience
        while True:
            try:
                await self._stream(job_id, take, following)
                return
            except zg.RunBusyError:
                if following.seq or anyio.current_time() >= until:
                    raise
            if self._stopping:
                raise StoppedError
            await anyio.sleep(_PAUSE)

    async def _told(self, job_id: str, take: int, following: Following) -> bool:
        """Write how far a run is; `False` if that cannot be now, which ends no run."""
        try:
            await self._desk.follow(job_id, following, left=False, take=take)
        except DatabaseError as error:
            _log.warning("jobs.not_told", exc_info=error, extra={"job_id": job_id})
            return False
        return True

    async def _steward(self, job_id: str) -> zg.Steward:
        """Return who pays for a job: for whoever submitted it."""
        row = await self._desk.database.read(lambda c: row_of(c, job_id))
        assert row is not None  # it is taken, and only what has ended can be deleted
        key = row.actor if row.actor != row.submitted_by else ""
        payer = Payer(row.tenant_id, row.submitted_by, key)
        return self._desk.spending.steward(payer, job_id)

    async def _stream(self, job_id: str, take: int, following: Following) -> None:
        clock, every = self._desk.clock, self._desk.settings.tell_every
        told = clock.monotonic() - every
        known = following.seq
        steward = await self._steward(job_id)
        items = self._desk.engine.stream_run(job_id, deltas=True, steward=steward)
        tell = partial(self._desk.deltas.tell, job_id)
        event: zg.Event | None = None
        async with aclosing(without_deltas(items, tell, self._rests)) as events:
            async for event in events:
                following.heed(event)
                due = clock.monotonic() - told >= every and following.seq > known
                if (following.urgent or due) and not following.ended:
                    seq = following.seq
                    if await self._told(job_id, take, following):
                        told, known = clock.monotonic(), seq
        if event is not None and self._rests(event):
            raise StoppedError

    def _rests(self, event: zg.Event) -> bool:
        """Tell whether the job is to be left, and little is lost after an event."""
        return self._stopping and isinstance(event, _RESTS)
