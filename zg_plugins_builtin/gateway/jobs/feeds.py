"""What happens in jobs, read once for all who follow it in this process.

Each job that is followed has one reader, from the first who follows it to the last. It
waits for nobody: who is slow finds the latest lines gone, and reads them from the
journal by themselves until they have caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio.lowlevel

import zg_core as zg

from ..errors import GatewayError
from .following import Following
from .jobs import Jobs
from .lines import Lines, Place

__all__ = ["Feeds", "Follower"]

_log = logging.getLogger(__name__)
_LINES = 256
_SIZE = 128 * 1024
"""Bytes of lines that are kept for a job, and that a slow reader is given at once."""
_BREATH = 64
"""Events after which those who follow have their turn."""

Told = Callable[[zg.Event, Following], bytes]
Heard = Callable[[str, zg.TextDelta], bytes]


class Feeds:
    """All jobs that are followed in this process.

    Args:
        jobs: The jobs.
        told: Returns the line of an event; given what all events came to, with it.
        heard: Returns the line of a piece of an answer in a job.
    """

    def __init__(self, jobs: Jobs, told: Told, heard: Heard) -> None:
        self._jobs = jobs
        self._told = told
        self._heard = heard
        self._feeds: dict[tuple[str, str], _Feed] = {}

    def join(
        self, tenant: str, job_id: str, after: int, wake: Callable[[], None]
    ) -> Follower:
        """Return somebody who follows a job, until they `leave`.

        Args:
            tenant: Whose job it is, and who asks.
            job_id: The job.
            after: The event after which they go on.
            wake: Is called when there may be more; it must not take long.
        """
        feed = self._feeds.get((tenant, job_id))
        if feed is None or (feed.over and not feed.ended):
            feed = _Feed(self._jobs, tenant, job_id, after, self._told, self._heard)
            self._feeds[tenant, job_id] = feed
        return Follower(feed, after, wake)

    def leave(self, follower: Follower) -> None:
        """Let somebody follow no longer."""
        feed = follower.feed
        feed.followers.discard(follower)
        if not feed.followers:
            feed.close()
            if self._feeds.get(feed.key) is feed:
                del self._feeds[feed.key]


class Follower:
    """Somebody who follows a job; `Feeds.join` returns one.

    Attributes:
        feed: What they share with the others.
        wake: Is called when there may be more.
    """

    __slots__ = ("_following", "_place", "feed", "wake")

    def __init__(self, feed: _Feed, after: int, wake: Callable[[], None]) -> None:
        self.feed = feed
        self.wake = wake
        self._place = Place(after, feed.lines.end)
        self._following: Following | None = None
        feed.followers.add(self)

    async def more(self) -> bytes:
        """Return the lines that came since; none if nothing did.

        Raises:
            GatewayError: If the job is there no more, or cannot be read now.
            JournalError: The same.
        """
        taken = self.feed.lines.take(self._place)
        if taken is not None:
            return taken
        return await self._caught_up()

    def end(self) -> bytes:
        """Return what is left to be told once nothing comes any more."""
        feed = self.feed
        if feed.end is None or self._place.seq >= feed.end.seq:
            return b""
        return feed.end_line

    async def _caught_up(self) -> bytes:
        """Return lines from the journal, as many as are kept for a job."""
        place, head = self._place, self.feed.lines.head
        if place.seq >= head:
            return b""  # the reader itself is not there yet
        # Kept, so that who is slow again and again reads each event once.
        following = self._following = self._following or Following()
        lines, size = [], 0
        async with aclosing(self.feed.watch(following.seq)) as events:
            async for event in events:
                following.heed(event)
                following.news.clear()
                if event.seq > place.seq:
                    lines.append(line := self.feed.told(event, following))
                    place.seq = event.seq
                    size += len(line)
                if size >= _SIZE or event.seq >= head:
                    break
                if not event.seq % _BREATH:
                    await anyio.lowlevel.checkpoint()
        return b"".join(lines)


class _Feed:
    """The reader of one job.

    Attributes:
        followers: Those who follow it.
        lines: The latest lines.
        over: Whether nothing comes any more.
        ended: Whether that is since the job ended.
        end: The end that the journal has not, as the service itself failed the job.
        end_line: The line of it.
    """

    def __init__(
        self, jobs: Jobs, tenant: str, job_id: str, after: int, told: Told, heard: Heard
    ) -> None:
        self.key = tenant, job_id
        self.followers: set[Follower] = set()
        self.lines = Lines(after, most=_LINES, size=_SIZE)
        self.told = told
        self.over = self.ended = False
        self.end: zg.Event | None = None
        self.end_line = b""
        self._jobs = jobs
        self._heard = heard
        self._following = Following()
        # In nobody's task group, since whoever began it may be the first to leave.
        self._task = asyncio.create_task(self._read())

    def watch(self, after: int) -> AsyncGenerator[zg.Event, None]:
        """Yield what the journal has after an event."""
        return self._jobs.engine.watch(self.key[1], after)

    def close(self) -> None:
        """Read no more."""
        self._task.cancel()

    async def _read(self) -> None:
        tenant, job_id = self.key
        try:
            with self._jobs.hearing(job_id, self._hear):
                self.end = await self._jobs.follow(tenant, job_id, 0, self._heed)
            if self.end is not None:
                self._following.heed(self.end)
                self.end_line = self.told(self.end, self._following)
            self.ended = True
        except (GatewayError, zg.JournalError):
            pass  # it was deleted, or cannot be read now: who follows asks again
        except Exception:  # noqa: BLE001 - there is nobody to raise it to
            _log.exception("jobs.not_followed", extra={"job_id": job_id})
        finally:
            self.over = True
            self._wake()

    async def _heed(self, event: zg.Event) -> None:
        if isinstance(event, zg.ModelAnswered):
            # Its pieces came first, and it is their turn to be told.
            await anyio.lowlevel.checkpoint()
        # From the first on, so that the state is told that each event led to.
        self._following.heed(event)
        self._following.news.clear()
        if self.lines.wants(event.seq):
            self.lines.add(self.told(event, self._following), event.seq)
        self._wake()
        if not event.seq % _BREATH:
            await anyio.lowlevel.checkpoint()

    def _hear(self, delta: zg.TextDelta) -> None:
        self.lines.add(self._heard(self.key[1], delta))
        self._wake()

    def _wake(self) -> None:
        for follower in self.followers:
            follower.wake()
