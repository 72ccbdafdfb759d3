"""A completion in pieces: what the agent writes as it comes, else its result."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from sse_starlette import ServerSentEvent
from starlette.requests import Request

import zg_core as zg

from ...errors import GatewayError, UnavailableError
from ...identity.principals import Principal
from ...jobs import Job, Jobs
from ..services import Services
from ..streams import until_unknown
from . import shape
from .answers import Chunks
from .errors import JobInterruptedError
from .waiting import STEP, ended, reason_of
from .writing import Writing, text_of

__all__ = ["CompletionStream"]

_END = "[DONE]"
_FOLLOWED_SECONDS = 10.0
"""How long the last events may come after the job's end."""


class CompletionStream:
    """Sends one client the pieces of one completion.

    Args:
        jobs: The jobs.
        services: What all routes work with.
        request: The request.
        who: Who asks.
        live: Whether what the agent writes is sent as it comes.
    """

    def __init__(
        self,
        jobs: Jobs,
        services: Services,
        request: Request,
        who: Principal,
        *,
        live: bool,
    ) -> None:
        self._jobs = jobs
        self._services = services
        self._request = request
        self._who = who
        self._live = live
        self._writing = Writing(STEP)
        self._waiting = ""
        self._more = anyio.Event()
        self._followed = anyio.Event()

    def hear(self, delta: zg.TextDelta) -> None:
        """Take in a piece of an answer, from before anybody reads the stream."""
        self._put(self._writing.heard(delta))

    def _put(self, text: str) -> None:
        if text:
            self._waiting += text
            self._more.set()

    async def run(
        self, job: Job, chunks: Chunks, out: MemoryObjectSendStream[ServerSentEvent]
    ) -> None:
        """Send all of it.

        Args:
            job: The job, as it was submitted.
            chunks: Makes the pieces.
            out: Takes them.
        """
        async with aclosing(out), anyio.create_task_group() as group:
            await _send(out, chunks.first())
            group.start_soon(self._until_unknown, job, out, group.cancel_scope)
            if self._live:
                group.start_soon(self._follow, job)
                group.start_soon(self._write, chunks, out)
            try:
                await self._finish(job, chunks, out)
            except (GatewayError, zg.JournalError) as error:
                await self._flush(chunks, out)
                await _fail(out, _told(error))
            group.cancel_scope.cancel()

    async def _follow(self, job: Job) -> None:
        try:
            await self._jobs.follow(job.tenant, job.id, 0, self._heed)
        except (GatewayError, zg.JournalError):
            pass  # the job's end says the rest
        finally:
            self._followed.set()

    async def _heed(self, event: zg.Event) -> None:
        self._put(self._writing.heed(event))

    async def _write(
        self, chunks: Chunks, out: MemoryObjectSendStream[ServerSentEvent]
    ) -> None:
        while True:
            await self._more.wait()
            await self._flush(chunks, out)

    async def _flush(
        self, chunks: Chunks, out: MemoryObjectSendStream[ServerSentEvent]
    ) -> None:
        text, self._waiting = self._waiting, ""
        self._more = anyio.Event()
        if text:
            await _send(out, chunks.content(text))

    async def _finish(
        self, job: Job, chunks: Chunks, out: MemoryObjectSendStream[ServerSentEvent]
    ) -> None:
        job = await ended(self._jobs, self._services, job)
        reason = await reason_of(self._jobs, job)
        if self._live:
            with anyio.move_on_after(_FOLLOWED_SECONDS):
                await self._followed.wait()
        self._put(self._writing.end(text_of(job.result)))
        await self._flush(chunks, out)
        for piece in chunks.last(job, reason):
            await _send(out, piece)
        await _send(out, _END)

    async def _until_unknown(
        self, job: Job, out: MemoryObjectSendStream[ServerSentEvent], scope: Any
    ) -> None:
        await until_unknown(self._services, self._request, self._who)
        error = JobInterruptedError(
            f"the credential is no longer good; job {job.id} goes on",
            "read it with another one",
            job_id=job.id,
        )
        await _fail(out, error)
        scope.cancel()


def _told(error: Exception) -> GatewayError:
    if isinstance(error, GatewayError):
        return error
    return UnavailableError("the journal cannot be reached", "ask again later")


async def _send(out: MemoryObjectSendStream[ServerSentEvent], data: str) -> None:
    await out.send(ServerSentEvent(data, sep="\n"))


async def _fail(
    out: MemoryObjectSendStream[ServerSentEvent], error: GatewayError
) -> None:
    await _send(out, json.dumps(shape.document(error)))
