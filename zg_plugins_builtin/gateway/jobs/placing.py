"""Make the runs of jobs that were just accepted, when that was answered."""

from __future__ import annotations

import asyncio
import logging

import anyio

import zg_core as zg

from ..errors import DatabaseError
from .desk import Desk

__all__ = ["Placing"]

_log = logging.getLogger(__name__)
_AT_ONCE = 16
"""How many are made at once: they wait for the disk together."""


class Placing:
    """Makes runs for one process, begun in the order in which their jobs came.

    What it had not done when the process ended, `mend` does.

    Args:
        desk: What it works with; it is told that there is somebody who does it.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        """Make them until cancelled."""
        self._desk.place_later = self._later
        try:
            async with anyio.create_task_group() as group:
                for _ in range(_AT_ONCE):
                    group.start_soon(self._work)
        finally:
            self._desk.place_later = None
            self._desk.to_place.clear()

    def _later(self, job_id: str) -> None:
        self._desk.to_place.add(job_id)
        self._waiting.put_nowait(job_id)

    async def _work(self) -> None:
        while True:
            job_id = await self._waiting.get()
            try:
                await self._desk.place(job_id)
            except (DatabaseError, zg.JournalError) as error:  # accepted all the same
                more = {"job_id": job_id}
                _log.warning("jobs.not_placed", exc_info=error, extra=more)
            except Exception as error:  # noqa: BLE001 - the others are placed all the same
                _log.exception("jobs.not_placed", exc_info=error)
            finally:
                self._desk.to_place.discard(job_id)
