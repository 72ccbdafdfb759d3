"""What hears of a PostgreSQL journal's news: one connection for all who listen.

The server notifies of what was written. Once a second it is asked as well, for a
notification may get lost with a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from zg_core import JournalError

from ._ear import Ear
from ._postgres_asked import Heard, Topic, answer
from ._postgres_rows import heard
from ._postgres_server import Server, backing_off
from ._postgres_tables import CHANNEL

__all__ = ["Listener"]

POLL = 1.0
"""Seconds between two looks."""

_EVENTS = "SELECT run_id, seq FROM zg_journal_runs WHERE run_id = ANY(%s)"
_REQUESTS = """SELECT run_id, (SELECT max(asked.number)
        FROM zg_journal_requests AS asked
        WHERE asked.run_id = run.run_id AND NOT ended)
    FROM zg_journal_runs AS run WHERE run_id = ANY(%s)"""


class Listener:
    """Wakes those who listen, in whatever event loops they are.

    Args:
        server: Whose news.
        loop: The event loop of the journal's thread.
        is_own: Tells whether a connection is the journal's own writer: those who
            listen here hear of its news from itself.
    """

    def __init__(
        self,
        server: Server,
        loop: asyncio.AbstractEventLoop,
        is_own: Callable[[int], bool],
    ) -> None:
        self._server = server
        self._loop = loop
        self._is_own = is_own
        self._ears: dict[Topic, set[Ear]] = {}
        self._lock = Lock()
        self._wanted = asyncio.Event()
        self._known: dict[Topic, object] = {}

    @contextmanager
    def listening(self, topic: Topic) -> Iterator[Ear]:
        """Hear of all that is written about a topic, until the block ends."""
        ear = Ear()
        with self._lock:
            first = not self._ears
            self._ears.setdefault(topic, set()).add(ear)
        if first:
            # A thread that has ended wakes nobody; the next look says so.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wanted.set)
        try:
            yield ear
        finally:
            with self._lock:
                self._ears[topic].remove(ear)
                if not self._ears[topic]:
                    del self._ears[topic]

    def listens(self, topic: Topic) -> bool:
        """Tell whether somebody listens here."""
        return topic in self._ears

    def tell(self, heard: Iterable[Heard]) -> None:
        """Tell those who listen what was written."""
        with self._lock:
            told = [
                (ear, events)
                for topic, events in heard
                for ear in self._ears.get(topic, ())
            ]
        if told:
            answer((), told)

    def wake(self, topics: Iterable[Topic] | None = None) -> None:
        """Have those who listen to some topics look, or all who listen."""
        with self._lock:
            chosen = [*self._ears] if topics is None else topics
        self.tell((topic, ()) for topic in chosen)

    async def run(self) -> None:
        """Hear until it is cancelled."""
        tried = 0
        while True:
            await self._wanted.wait()
            connection = None
            with suppress(psycopg.Error, OSError, JournalError):
                connection = await self._server.connect(autocommit=True)
                try:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    tried = 0
                    await self._hear(connection)
                finally:
                    await connection.close()
            # They look themselves, and see what is wrong.
            self.wake()
            await asyncio.sleep(backing_off(tried))
            tried += 1
            if not self._ears:
                self._wanted.clear()

    async def _hear(self, connection: AsyncConnection[TupleRow]) -> None:
        self._known.clear()
        self.wake()  # what was written before the server knew that we listen
        while True:
            async for note in connection.notifies(timeout=POLL):
                if not self._is_own(note.pid):
                    self.wake(heard(note.payload))
            await self._look(connection)

    async def _look(self, connection: AsyncConnection[TupleRow]) -> None:
        """Wake whoever listens to what is not as it was when last looked at."""
        with self._lock:
            topics = [*self._ears]
        now: dict[Topic, object] = dict.fromkeys(topics)
        for kind, query in (("events", _EVENTS), ("requests", _REQUESTS)):
            run_ids = [run_id for what, run_id in topics if what == kind]
            if run_ids:
                cursor = await connection.execute(query, (run_ids,))
                for run_id, number in await cursor.fetchall():
                    now["events" if kind == "events" else "requests", run_id] = (
                        number or 0
                    )
        missing = object()
        self.wake(
            topic
            for topic, number in now.items()
            if self._known.get(topic, missing) != number
        )
        self._known = now
