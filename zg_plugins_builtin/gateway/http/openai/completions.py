"""Completions: each is a job, whose result is the answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Annotated, Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import APIRouter, Security
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import zg_core as zg

from ...identity.principals import Principal
from ...ids import new_id
from ...jobs import Job, Jobs
from ...jobs.submitting import Submitted
from ..idempotency import idempotency_key
from ..json_body import JsonRoute
from ..requirements import require
from ..services import Services
from ..streams import KEEP_ALIVE
from .answers import Chunks, CompletionAnswer, completion
from .asked import Completion
from .catalogue import Model, find_model
from .streaming import CompletionStream
from .waiting import ended, reason_of
from .writing import text_of

__all__ = ["routes_of"]

Writer = Annotated[Principal, Security(require("jobs:write"))]
_WAITING = 256


def routes_of(jobs: Jobs, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/v1", route_class=JsonRoute, tags=["openai"])

    @routes.post(
        "/chat/completions", response_model=CompletionAnswer, responses=_STREAMED
    )
    async def complete(asked: Completion, request: Request, who: Writer) -> Response:
        """Go on with a conversation, or have an objective done.

        It is a job, whose id is in ``X-Job-Id``: it is in the journal before the
        answer, goes on if the client leaves, and with ``Idempotency-Key`` the same
        request is one job. What clients may send is told at its parts.
        """
        who.require("jobs:read")  # since the answer says what the job gave
        model = find_model(asked.model, jobs.engine.host)
        completing = _Completing(jobs, services, request, who, asked, model)
        return await (completing.streamed() if asked.stream else completing.whole())

    return routes


class _Completing:
    """One request for a completion."""

    def __init__(
        self,
        jobs: Jobs,
        services: Services,
        request: Request,
        who: Principal,
        asked: Completion,
        model: Model,
    ) -> None:
        self._jobs = jobs
        self._services = services
        self._request = request
        self._who = who
        self._asked = asked
        self._model = model
        self._job_id = new_id("job", services.clock.now())

    async def whole(self) -> Response:
        """Answer at the job's end."""
        done, job = await self._submitted()
        seconds = self._services.settings.completions.answer_seconds
        job = await ended(self._jobs, self._services, job, seconds)
        reason = await reason_of(self._jobs, job)
        text = text_of(job.result)
        answer = completion(job, self._asked.model, text, reason)
        return JSONResponse(answer.model_dump(), headers=_headers(done, job))

    async def streamed(self) -> Response:
        """Answer with a stream, which begins when the job is accepted."""
        services, who = self._services, self._who
        services.limits.take("stream", f"{who.tid}/{who.actor}")
        services.streams.check(who.actor)
        stream = CompletionStream(
            self._jobs, services, self._request, who, live=self._live()
        )
        # From before the job is there, so that no piece of an answer is missed.
        ear = self._jobs.ear(self._job_id, stream.hear)
        done, job = await self._submitted()
        chunks = Chunks(
            job.id,
            int(job.created_at.timestamp()),
            self._asked.model,
            self._asked.counted,
        )
        send, receive = anyio.create_memory_object_stream[ServerSentEvent](_WAITING)

        async def counted() -> None:
            with services.streams.counted(who.actor), closing(ear):
                await stream.run(job, chunks, send)

        return EventSourceResponse(
            _parts(receive),
            data_sender_callable=counted,
            ping=KEEP_ALIVE,
            ping_message_factory=lambda: ServerSentEvent(comment="ka", sep="\n"),
            sep="\n",
            headers={"cache-control": "no-store", **_headers(done, job)},
        )

    async def _submitted(self) -> tuple[Submitted, Job]:
        """Submit the job; of a request that came before, return its job."""
        key = idempotency_key(
            self._request, self._who, self._asked.model_dump(mode="json")
        )
        asked = self._asked.asked(self._model)
        done = await self._jobs.submit(self._who, asked, key=key, job_id=self._job_id)
        if done.job is not None:
            return done, done.job
        assert done.answer is not None
        return done, await self._jobs.get(self._who.tid, done.answer.job_id)

    def _live(self) -> bool:
        """Tell whether what the agent writes is its reply, and is seen by nobody else.

        JSON is not, before it fits its schema; nor is what a guardrail may yet change.
        """
        formatted = self._asked.response_format
        if not self._model.talks or (formatted and formatted.type != "text"):
            return False
        host = self._jobs.engine.host
        specs = (
            host.find("guardrail", name).spec
            for name in self._jobs.engine.config.guardrails_enabled
        )
        return not any(
            isinstance(spec, zg.GuardrailSpec) and "output" in spec.stages
            for spec in specs
        )


async def _parts(
    receive: MemoryObjectReceiveStream[ServerSentEvent],
) -> AsyncGenerator[ServerSentEvent, None]:
    async with receive:
        async for part in receive:
            yield part


def _headers(done: Submitted, job: Job) -> dict[str, str]:
    again = {"idempotent-replayed": "true"} if done.job is None else {}
    return {"x-job-id": job.id, **again}


_STREAMED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The completion; with `stream`, its pieces as lines of data.",
        "headers": {
            "X-Job-Id": {
                "description": "The job, at /api/v1/job/{job_id}.",
                "schema": {"type": "string"},
            }
        },
        "content": {"text/event-stream": {}},
    },
}
