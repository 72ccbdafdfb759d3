"""The thread of a PostgreSQL journal: it works for callers in any event loop.

It has an event loop of its own. So an owner renews its lease while its agents keep
theirs busy, a journal can be used in one event loop after another, and in loops that
have no sockets to wait for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import anyio
from anyio import to_thread

from zg_core import JournalError

from ._ear import Ear
from ._postgres_asked import Asked, Inbox, Topic, answer
from ._postgres_jobs import Job, Settle
from ._postgres_listener import Listener
from ._postgres_reader import Latest, Look, Reader
from ._postgres_server import Server
from ._postgres_writer import TICK, Writer

__all__ = ["Backstage"]

READERS = 3
"""How many connections read at once."""


class Backstage:
    """Reads, writes and listens for a journal.

    Args:
        server: Where its tables are.
        owner: Its id as an owner of runs.
        process: What others are told of it, as text.
        lease_seconds: How long an owner is believed to live without saying so.
        patience_seconds: How long a server that cannot be reached is waited for.
    """

    def __init__(
        self,
        server: Server,
        owner: str,
        process: str,
        *,
        lease_seconds: float,
        patience_seconds: float,
    ) -> None:
        # Not the default kind everywhere: that of Windows cannot wait for sockets.
        self._loop: asyncio.AbstractEventLoop = asyncio.SelectorEventLoop()
        self._jobs: Inbox[Job] = Inbox(self._loop)
        self._looks: Inbox[Look | Latest] = Inbox(self._loop)
        self._riders: deque[Job] = deque()
        self._listener = Listener(server, self._loop, self._is_own)
        self._writer = Writer(
            server,
            self._jobs,
            owner,
            process,
            lease_seconds=lease_seconds,
            patience_seconds=patience_seconds,
            tell=self._listener.tell,
        )
        self._readers = [
            Reader(server, self._looks, patience_seconds=patience_seconds)
            for _ in range(READERS)
        ]
        self._thread = Thread(target=self._run, name="zg-journal", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    async def write(self, job: Job) -> Any:
        """Have a job done and return its result when it is on disk.

        It takes its place in line before this waits for anything.

        Raises:
            ZeroGravityError: If it is refused.
            JournalError: If it cannot be written.
        """
        job.future = asyncio.get_running_loop().create_future()
        self._jobs.put(job)
        return await job.future

    def ride(self, job: Job) -> None:
        """Have a job done with whatever is written next; at once if one listens."""
        listened = self._listener.listens(("events", job.run_id))
        self._jobs.put(job, within=0.0 if listened else TICK)
        while self._riders and self._riders[0].done:
            self._riders.popleft()
        self._riders.append(job)

    async def read(self, look: Look | Latest) -> Any:
        """Return what is found, also of what rides.

        Raises:
            RunNotFoundError: If there is no such run.
            JournalError: If it cannot be read.
        """
        wanted = look.run_id if isinstance(look, Look) else ""
        for rider in tuple(self._riders):
            if not rider.done and wanted in ("", rider.run_id):
                await self.write(Settle(run_id=rider.run_id))
        look.future = asyncio.get_running_loop().create_future()
        self._looks.put(look)
        return await look.future

    @contextmanager
    def listening(self, topic: Topic) -> Iterator[Ear]:
        """Hear of all that is written about a topic, until the block ends."""
        with self._listener.listening(topic) as ear:
            yield ear

    async def close(self) -> None:
        """Write what is waiting, let all runs go, and end the thread."""
        try:
            if self._jobs:
                await self.write(Settle())
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._end)

    def _is_own(self, backend: int) -> bool:
        return backend == self._writer.backend

    def _end(self) -> None:
        self._writer.close()
        with suppress(RuntimeError):  # it ended by itself
            self._loop.call_soon_threadsafe(self._jobs.put_back, ())
        self._thread.join()

    # -- In the thread -----------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._work())

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(reader.run()) for reader in self._readers]
                others.append(tasks.create_task(self._listener.run()))
                await self._writer.run()
                for task in others:
                    task.cancel()
        finally:  # while there is a loop to put things in
            left: list[Asked] = [*self._jobs.close(), *self._looks.close()]
            for item in left:
                item.error = JournalError("the journal was closed", "open it again")
            answer(left)
            self._listener.wake()
