"""A stream of what happens in a job: it holds nothing that another has as well."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

import zg_core as zg

from ..errors import GatewayError
from ..identity.principals import Principal
from ..jobs import Jobs
from ..jobs.feeds import Feeds, Follower
from .event_lines import END, SILENCE, line_of_delta, line_of_event, retry
from .keeping import Keeping
from .services import Services
from .streams import KEEP_ALIVE

__all__ = ["EventStream", "Shared"]

_FIRST = retry(2000)
_HEADERS = {
    "cache-control": "no-store",
    "connection": "keep-alive",
    "x-accel-buffering": "no",  # a proxy is not to wait for more
}


class Shared:
    """What all streams of a process have in common.

    Args:
        jobs: The jobs.
        services: What all routes work with.
    """

    def __init__(self, jobs: Jobs, services: Services) -> None:
        self.feeds = Feeds(jobs, line_of_event, line_of_delta)
        self.keeping = Keeping(services)
        self.streams = services.streams


class EventStream(Response):
    """Answers with what happens in a job, until it ends.

    Args:
        shared: What all streams have in common.
        request: The request.
        who: Who asks.
        job_id: The job, which is theirs.
        after: The event after which they go on.
        first: What they are told before that.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        shared: Shared,
        request: Request,
        who: Principal,
        job_id: str,
        after: int,
        first: bytes = b"",
    ) -> None:
        # Without a body, as a response of Starlette's that streams.
        self.status_code, self.background = 200, None
        self.init_headers(_HEADERS)
        self._shared = shared
        self._request = request
        self._who = who
        self._job_id = job_id
        self._after = after
        self._first = _FIRST + first
        self._last: bytes | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._silent_at = 0.0
        self._silent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        shared, who = self._shared, self._who
        with shared.streams.counted(who.actor):
            follower = shared.feeds.join(who.tid, self._job_id, self._after, self.wake)
            groups = shared.keeping.enter(self, self._request, who)
            left = asyncio.create_task(_left(receive))
            left.add_done_callback(self._end_for)
            try:
                await self._tell(follower, send)
            finally:
                left.cancel()
                shared.keeping.leave(self, groups)
                shared.feeds.leave(follower)

    async def _tell(self, follower: Follower, send: Send) -> None:
        """Send until there is something to be said last."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        said, loop = self._first, asyncio.get_running_loop()
        while self._last is None:
            if said:
                await send(_body(said))
                self._silent_at = loop.time() + KEEP_ALIVE
                self._silent = False
            else:
                self._waiting = loop.create_future()
                await self._waiting
            said = await self._next(follower)
        await send(_body(self._last, more=False))

    async def _next(self, follower: Follower) -> bytes:
        """Return what is to be sent now; nothing, if it is to be waited for."""
        try:
            said = await follower.more()
        except (GatewayError, zg.JournalError):
            self.end()  # it was deleted, or cannot be read now: the reader asks again
            return b""
        if not said and follower.feed.over:
            self.end(follower.end() + END if follower.feed.ended else b"")
        return said or (SILENCE if self._silent else b"")

    # -- From outside ------------------------------------------------------------------

    def wake(self) -> None:
        """Look whether there is more."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def beat(self, until: float) -> None:
        """Say something, if nothing will have been said for too long; see `Kept`."""
        if until > self._silent_at:
            self._silent = True
            self.wake()

    def end(self, words: bytes = b"") -> None:
        """Say the last words and end; see `Kept`."""
        if self._last is None:
            self._last = words
        self.wake()

    def _end_for(self, left: asyncio.Task[None]) -> None:
        """End since the reader has left, or what they send cannot be read."""
        if not left.cancelled():
            left.exception()  # there is nobody to be told
            self.end()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(said: bytes, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": said, "more_body": more}
