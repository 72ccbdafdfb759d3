"""What one of many processes does for the jobs that they share, while it runs."""

from __future__ import annotations

import logging
from contextlib import aclosing

import anyio

import zg_core as zg

from ..errors import DatabaseError
from .admitting import Admitting
from .changes import CHANNEL
from .desk import Desk
from .sharing import Sharing
from .working import Worker

__all__ = ["Shared"]

_log = logging.getLogger(__name__)
_LEAST, _MOST = 0.5, 15.0
"""Seconds until the queue is tried again, at first and in the end."""


class Shared:
    """Admits jobs, does some of them, and hears of what others do.

    Args:
        desk: What it works with.
        sharing: How it shares them.
    """

    def __init__(self, desk: Desk, sharing: Sharing) -> None:
        self._desk = desk
        self._sharing = sharing
        self._worker = Worker(desk, sharing)
        self._admitting = Admitting(desk, sharing)
        self._stopping = anyio.Event()

    def stop(self) -> None:
        """Begin nothing more; what is under way comes to rest, and `run` ends."""
        self._stopping.set()
        self._worker.stop()

    async def run(self) -> None:
        """Do all that until told to stop, or cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._hear)
            await self._work()
            group.cancel_scope.cancel()

    async def _hear(self) -> None:
        """Wake who waits here for what others do; they look by themselves as well."""
        while True:
            try:
                async with aclosing(self._desk.database.notices(CHANNEL)) as notices:
                    async for job_id in notices:
                        self._desk.changes.tell(job_id)
            except DatabaseError as error:
                _log.info("jobs.deaf", exc_info=error)
            await anyio.sleep(_LEAST)

    async def _work(self) -> None:
        """Admit and do jobs; begin again when the queue can be reached again."""
        pause = _LEAST
        while not self._stopping.is_set():
            began = anyio.current_time()
            try:
                await self._with_queue()
            except* zg.RunError as errors:
                _log.warning("jobs.no_queue", exc_info=errors)
            if anyio.current_time() - began > 4 * _MOST:
                pause = _LEAST
            with anyio.move_on_after(pause):
                await self._stopping.wait()
            pause = min(2 * pause, _MOST)

    async def _with_queue(self) -> None:
        sharing = self._sharing
        async with (
            sharing.runtime.opened(sharing.journal) as queue,
            anyio.create_task_group() as group,
        ):
            group.start_soon(self._admitting.run)
            if sharing.slots:
                await self._worker.run(queue)
            else:
                await self._stopping.wait()
            group.cancel_scope.cancel()
