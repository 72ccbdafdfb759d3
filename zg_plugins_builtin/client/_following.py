"""Follow a job over a stream that may break: each event once, and in order."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2

from ._asking import Asker
from ._calls import Call, path_of
from ._retrying import again, repeated
from .errors import BadAnswerError, ServiceUnreachableError
from .records import Event

__all__ = ["follow"]

_SILENCE = 60.0
"""Seconds without a word after which a stream is broken; there is one every 15 s."""
_LASTED = 10.0
"""Seconds after which a stream that was cut is not taken for a broken one."""
_LONGEST_PAUSE = 3_600_000
"""Milliseconds between streams that a service may ask for."""
_END = "stream.end"
_RESET = "stream.reset"


async def follow(asker: Asker, job_id: str, after: int) -> AsyncGenerator[Event, None]:
    """Yield what happens in a job, until it ends.

    Args:
        asker: Asks the service.
        job_id: The job.
        after: The number of the last event that is known already.

    Raises:
        ServiceError: If the job cannot be followed, or not any more.
    """
    following = _Following(asker, job_id, after)
    while not following.over:
        # Whoever got on may break as often as they like.
        response = await again(
            following.open,
            asker.retries,
            lambda error: repeated(error, repeatable=True),
            asker.wire.sleep,
        )
        if response is None:
            return
        async with aclosing(following.read(response)) as events:
            async for event in events:
                yield event
        await following.rest()


class _Following:
    """How far a reader is in a job.

    Attributes:
        over: Whether there is nothing more to come.
    """

    def __init__(self, asker: Asker, job_id: str, after: int) -> None:
        self._asker = asker
        self._job_id = job_id
        self._after = after
        self._broken = 0
        self._pause = 2.0
        self._opened_at = 0.0
        self.over = False

    async def open(self) -> httpx2.Response | None:
        """Return a stream of what is not known yet; `None` if there is nothing."""
        headers = {"accept": "text/event-stream"}
        if self._after:
            headers["last-event-id"] = str(self._after)
        path = path_of("job", self._job_id, "events")
        call = Call(method="GET", path=path, headers=headers, seconds=_SILENCE)
        response = await self._asker.open(call)
        self._opened_at = time.monotonic()
        if response.status_code != 204:
            return response
        await self._asker.wire.read(response)
        return None

    async def read(self, response: httpx2.Response) -> AsyncGenerator[Event, None]:
        """Yield the events of one stream that are new, until it ends or breaks."""
        try:
            async with aclosing(self._asker.wire.events(response)) as said:
                async for part in said:
                    if part.retry is not None:
                        self._pause = min(max(part.retry, 0), _LONGEST_PAUSE) / 1000
                    event = self._new(part)
                    if event is not None:
                        yield event
                    if self.over:
                        return
        except httpx2.SSEError as error:
            raise BadAnswerError(
                f"what answered at {response.request.url.path} is no stream of ours: "
                f"{error}",
                "check the address, and what lies before the service",
            ) from error
        except (httpx2.TransportError, httpx2.DecodingError):
            return

    def _new(self, part: Any) -> Event | None:
        """Return an event that was not told before."""
        if part.event == _END:
            self.over = True
            return None
        try:
            said = json.loads(part.data)
        except (ValueError, RecursionError):
            return None  # cut off in the middle: it comes again
        if not isinstance(said, dict):
            return None
        event = Event.of({"type": part.event, **said})
        if event.type == _RESET:  # what is between is kept no more
            place = event.data.get("resume_after")
            self._after = place if isinstance(place, int) else self._after
        if not isinstance(event.seq, int):
            return event
        if event.seq <= self._after:
            return None
        self._after, self._broken = event.seq, 0
        return event

    async def rest(self) -> None:
        """Wait before the next stream.

        Raises:
            ServiceUnreachableError: If so many broke that told nothing.
        """
        if self.over:
            return
        lasted = time.monotonic() - self._opened_at
        # One that lasted was cut because nothing happened, as some proxies do.
        self._broken = 0 if lasted > _LASTED else self._broken + 1
        if self._broken > self._asker.retries.attempts:
            raise ServiceUnreachableError(
                f"the stream of job {self._job_id} breaks again and again",
                f"follow it later, after event {self._after}",
            )
        if self._broken > 1:
            await self._asker.wire.sleep(min(self._pause, self._asker.retries.longest))
