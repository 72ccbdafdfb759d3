"""Do jobs from the queue that many processes share, until told to stop."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime

import anyio
from sqlalchemy import Connection, select

import zg_core as zg

from ..errors import DatabaseError
from . import tables
from .changes import announce
from .desk import Desk
from .doing import Doing, StoppedError
from .sharing import Queue, Sharing
from .taking import TakenAwayError, take
from .workers import BEAT, beat, gone

__all__ = ["Worker"]

_log = logging.getLogger(__name__)
JOBS = tables.jobs
_PATIENCE = 60.0
"""Seconds to wait for the journal to find the owner of a run dead whom the queue
found dead."""


class Worker:
    """Does jobs from the queue.

    Args:
        desk: What it works with.
        sharing: How much it does at once.
    """

    def __init__(self, desk: Desk, sharing: Sharing) -> None:
        self._desk = desk
        self._sharing = sharing
        self._id = uuid.uuid4().hex
        self._doing = Doing(desk, patience=_PATIENCE)
        self._stopping = anyio.Event()

    def stop(self) -> None:
        """Take nothing more, and leave what runs to others when it comes to rest."""
        self._stopping.set()
        self._doing.stop()

    async def run(self, queue: Queue) -> None:
        """Do jobs until told to stop, and what runs has come to rest.

        Raises:
            RunError: If the queue cannot be reached any more.
        """
        slots, grace = self._sharing.slots, self._sharing.grace
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat)
            await queue.work(
                self._do, slots=slots, stopping=self._stopping, grace=grace
            )
            group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True), anyio.move_on_after(2):
            await self._say_goodbye()

    async def _beat(self) -> None:
        while True:
            slots = 0 if self._stopping.is_set() else self._sharing.slots
            await self._said(slots)
            with anyio.move_on_after(BEAT):
                await self._stopping.wait()
            if self._stopping.is_set():
                await self._said(0)
                await anyio.sleep(BEAT)

    async def _said(self, slots: int) -> None:
        try:
            await self._desk.database.write(lambda c: beat(c, self._id, slots))
        except DatabaseError as error:  # others think it dead, which does no harm
            _log.warning("jobs.not_seen", exc_info=error)
            return
        self._desk.wake()

    async def _say_goodbye(self) -> None:
        try:
            await self._desk.database.write(lambda c: gone(c, self._id))
        except DatabaseError as error:
            _log.info("jobs.not_seen", exc_info=error)

    async def _do(self, run_id: str) -> bool:
        """Do a run that the queue gave us; `False` if another is to have it at once.

        Raises:
            Exception: If it could not be done, and is to be tried again later.
        """
        now = self._desk.clock.now()
        known, taken = await self._desk.database.write(
            lambda c: self._taken(c, run_id, now)
        )
        if not known:
            return await self._bare(run_id)
        if taken is None:
            return True  # somebody did it, or cancelled it
        try:
            await self._doing.do(run_id, taken)
        except StoppedError:
            return False
        except TakenAwayError:
            _log.warning("jobs.taken_away", extra={"job_id": run_id})
        except zg.RunBusyError as error:
            _log.warning("jobs.fenced", extra={"job_id": run_id, "why": error.cause})
            raise
        return True

    def _taken(
        self, connection: Connection, run_id: str, now: datetime
    ) -> tuple[bool, int | None]:
        """Take a run; return whether it is a job at all, and what lets us write."""
        known = connection.execute(select(JOBS.c.id).where(JOBS.c.id == run_id)).first()
        if known is None:
            return False, None
        taken = take(connection, run_id, self._id, now)
        if taken is not None:
            announce(connection, run_id)
        return True, taken

    async def _bare(self, run_id: str) -> bool:
        """Do a run that nobody submitted to the service, but to the queue.

        One that was stopped or put aside since, or that has ended, is for a person to
        go on with.
        """
        try:
            if (await self._desk.engine.result(run_id)).status == "running":
                await self._desk.engine.resume(run_id)
        except zg.RunNotFoundError:
            _log.warning("queue.no_run", extra={"run_id": run_id})
        except zg.JournalError:
            raise
        except zg.ZeroGravityError as error:  # its journal says so
            _log.info("queue.stopped", extra={"run_id": run_id, "why": error.cause})
        return True
