"""The one thread that writes a journal's file, many jobs to a commit.

A commit waits for the disk, and that is what writing costs. So all that is
submitted while the thread waits goes into the next transaction together, and one
call into each event loop tells everybody who waited for it.

The same thread says that the owner lives, and looks for what other processes
wrote while somebody here listens.
"""

from __future__ import annotations

import asyncio
import copy
import sqlite3
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Literal, TypeAlias

import anyio
from anyio import to_thread

from zg_core import Event, JournalError, ZeroGravityError

from ._ear import Ear
from ._sqlite_file import faults, open_to_write
from ._sqlite_rows import release_all, renew

__all__ = ["Topic", "Work", "Writer"]

TICK = 0.2
"""Seconds between two looks at what others wrote, and the longest that events for
which nobody waits stay in memory."""

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
Topic: TypeAlias = tuple[Literal["events", "requests"], str]
"""What somebody may listen to: a run's events, or its requests."""


@dataclass(slots=True, eq=False)
class _Job:
    work: Work
    topic: Topic | None
    future: asyncio.Future[Any] | None
    synced: bool = True
    events: Sequence[Event] = ()
    result: Any = None
    error: ZeroGravityError | None = None
    done: bool = False


class Writer:
    """Writes a journal's file in a thread of its own.

    Args:
        path: The file.
        owner: The owner of what is claimed, as text.
        lease_seconds: How long an owner is believed to live without saying so.
        busy_seconds: How long to wait for another process that writes.

    Attributes:
        owner: The owner.
        owning: Whether the owner may have runs. Set by work that claims one.
    """

    def __init__(
        self, path: Path, owner: str, *, lease_seconds: float, busy_seconds: float
    ) -> None:
        self.owning = False
        self._path = path
        self.owner = owner
        self._lease_seconds = lease_seconds
        self._busy_seconds = busy_seconds
        self._jobs: deque[_Job] = deque()
        self._rider: _Job | None = None
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = False
        self._closing = False
        self._ears: dict[Topic, set[Ear]] = {}
        self._ears_lock = Lock()
        self._file: sqlite3.Connection | None = None
        self._synced = True
        self._version: int | None = None
        self._renew_at = self._look_at = 0.0
        self._thread = Thread(target=self._run, name="zg-journal", daemon=True)
        self._thread.start()

    # -- For event loops ---------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def lease(self) -> float:
        """Until when a lease that begins now lasts."""
        return time.time() + self._lease_seconds

    async def do(
        self,
        work: Work,
        topic: Topic | None = None,
        *,
        synced: bool = True,
        events: Sequence[Event] = (),
    ) -> Any:
        """Have work done and return its result when it is on disk.

        It is submitted before this waits for anything.

        Args:
            work: What to do within the transaction.
            topic: Whose listeners to wake.
            synced: Whether it must survive a crash of the machine, and not only one
                of this process.
            events: The events that it writes, for those who listen.

        Raises:
            JournalError: If it, or the whole transaction, fails.
        """
        future = asyncio.get_running_loop().create_future()
        self._jobs.append(_Job(work, topic, future, synced, events))
        self._ring()
        return await future

    def ride(self, work: Work, topic: Topic, events: Sequence[Event] = ()) -> None:
        """Have work done with whatever is written next; at once if one listens."""
        self._rider = _Job(work, topic, None, synced=False, events=events)
        self._jobs.append(self._rider)
        if topic in self._ears:
            self._ring()

    async def settle(self) -> None:
        """Wait until all work that rides is done."""
        if self._rider is not None and not self._rider.done:
            await self.do(lambda _: None, synced=False)

    @contextmanager
    def listening(self, topic: Topic) -> Iterator[Ear]:
        """Hear of all that is written about a topic, until the block ends."""
        ear = Ear()
        with self._ears_lock:
            first = not self._ears
            self._ears.setdefault(topic, set()).add(ear)
        if first:
            self._ring()
        try:
            yield ear
        finally:
            with self._ears_lock:
                self._ears[topic].remove(ear)
                if not self._ears[topic]:
                    del self._ears[topic]

    async def close(self) -> None:
        """Write what is waiting, let all runs go, and end the thread."""
        try:
            if self.owning or self._jobs:
                await self.do(lambda file: release_all(file, self.owner))
        finally:
            self._closing = True
            self._ring()
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._thread.join)

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._bell.put(None)

    # -- In the thread -----------------------------------------------------------------

    def _run(self) -> None:
        jobs: list[_Job] = []
        try:
            while not self._closing:
                ticking = self.owning or self._ears
                with suppress(Empty):
                    self._bell.get(timeout=TICK if ticking else None)
                self._rung = False
                jobs = self._take()
                self._commit(jobs)
                self._deliver(jobs, self._news())
                jobs = []
        finally:
            self._forget_file()
            jobs += self._take()
            self._fail(jobs, JournalError("the journal was closed", "open it again"))
            self._deliver(jobs, tuple(self._ears))

    def _take(self) -> list[_Job]:
        jobs = []
        with suppress(IndexError):
            while True:
                jobs.append(self._jobs.popleft())
        return jobs

    def _commit(self, jobs: list[_Job]) -> None:
        """Do the jobs in one transaction."""
        renewing = self.owning and time.monotonic() >= self._renew_at
        if not jobs and not renewing:
            return
        try:
            with faults(self._path):
                file = self._opened()
                self._sync(file, any(job.synced for job in jobs))
                file.execute("BEGIN IMMEDIATE")
                if renewing:
                    self._renew(file)
                for job in jobs:
                    self._attempt(job, file)
                file.execute("COMMIT")
        except JournalError as fault:
            self._forget_file()
            self._fail(jobs, fault)
            # Nobody was told that these fail: they go on waiting for a better time.
            self._jobs.extendleft(j for j in reversed(jobs) if j.future is None)
            return
        for job in jobs:
            job.done = True

    def _sync(self, file: sqlite3.Connection, synced: bool) -> None:
        """Have the next commit wait for the disk, or not.

        In its log a commit that waited is preceded by all that did not.
        """
        if synced != self._synced:
            file.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            self._synced = synced

    def _attempt(self, job: _Job, file: sqlite3.Connection) -> None:
        try:
            job.result, job.error = job.work(file), None
        except ZeroGravityError as error:
            job.error = error
        except sqlite3.Error:
            raise
        except Exception as error:  # the thread has to go on, for all others
            why = f"{type(error).__name__}: {error}"
            raise JournalError(
                f"the journal cannot do what it is asked: {why}",
                "report it to the authors of ZeroGravity",
            ) from error

    def _renew(self, file: sqlite3.Connection) -> None:
        self.owning = renew(file, self.owner, self.lease) > 0
        self._renew_at = time.monotonic() + self._lease_seconds / 3

    def _news(self) -> set[Topic]:
        """Return what other processes may have changed and somebody listens to."""
        if not self._ears or time.monotonic() < self._look_at:
            return set()
        self._look_at = time.monotonic() + TICK
        try:
            with faults(self._path):
                if not self._path.exists():
                    return set()  # looking makes no file
                file = self._opened()
                (version,) = file.execute("PRAGMA data_version").fetchone()
                if version == self._version:
                    return set()
                self._version = version
                asked = {run for (run,) in file.execute("SELECT run_id FROM requests")}
        except JournalError:
            self._forget_file()
            return set(self._ears)  # they look themselves, and see what is wrong
        return {
            (kind, run_id)
            for kind, run_id in tuple(self._ears)
            if kind == "events" or run_id in asked
        }

    def _opened(self) -> sqlite3.Connection:
        if self._file is None:
            self._file = open_to_write(self._path, busy_seconds=self._busy_seconds)
            self._synced = True
        return self._file

    def _forget_file(self) -> None:
        """Begin with a new connection, whatever state this one is in."""
        if self._file is not None:
            self._file.close()
            self._file = self._version = None

    def _fail(self, jobs: Iterable[_Job], fault: JournalError) -> None:
        for job in jobs:
            # A copy each: a traceback belongs to one task.
            job.error = copy.copy(fault)
            job.error.__cause__ = fault.__cause__

    def _deliver(self, jobs: Iterable[_Job], topics: Iterable[Topic]) -> None:
        """Tell those who wait, with one call into each event loop.

        Args:
            jobs: What was done, or failed.
            topics: What others may have changed.
        """
        mail: defaultdict[asyncio.AbstractEventLoop, tuple[list[_Job], list[_Heard]]]
        mail = defaultdict(lambda: ([], []))
        heard: list[tuple[Topic, Sequence[Event]]] = [(topic, ()) for topic in topics]
        for job in jobs:
            if job.future is not None:
                mail[job.future.get_loop()][0].append(job)
            if job.topic and job.done and not job.error:
                heard.append((job.topic, job.events))
        with self._ears_lock:
            for topic, events in heard:
                for ear in self._ears.get(topic, ()):
                    mail[ear.loop][1].append((ear, events))
        for loop, (done, ears) in mail.items():
            # A loop that is closed has nobody left who waits.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, done, ears)


_Heard: TypeAlias = tuple[Ear, Sequence[Event]]


def _tell(done: Iterable[_Job], heard: Iterable[_Heard]) -> None:
    for job in done:
        future = job.future
        if future is None or future.done():  # whoever waited was cancelled
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)
    for ear, events in heard:
        ear.tell(events)
