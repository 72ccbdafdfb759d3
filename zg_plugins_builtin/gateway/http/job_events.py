"""What happens in a job, as a stream that can be resumed, or page by page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import zg_core as zg

from ..errors import CursorGoneError, Fault, InvalidRequestError
from ..identity.principals import Principal
from ..jobs import Job, Jobs
from ..jobs.following import Following
from ..jobs.telling import envelope
from .event_lines import line
from .event_stream import EventStream, Shared
from .job_models import JobId
from .job_routes import Reader
from .json_body import JsonRoute
from .services import Services

__all__ = ["routes_of"]


def routes_of(jobs: Jobs, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["jobs"])
    shared = Shared(jobs, services)

    @routes.get("/job/{job_id}/events", responses=_RESPONSES)
    async def events(
        job_id: JobId,
        request: Request,
        who: Reader,
        after: Annotated[int | None, Query(ge=0, le=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        accept: Annotated[str, Header(max_length=1024)] = "",
    ) -> Response:
        """Follow a job: ``Accept: text/event-stream`` is a stream, else it is a page.

        A stream goes on after ``Last-Event-ID``, or ``after``. When a job has ended
        and nothing is left the answer is 204, at which browsers stop asking. Whoever
        names an event that the job never had is told ``stream.reset`` first: how the
        job is, and after which event the stream goes on.
        """
        place = _place(request, after)
        job = await jobs.get(who.tid, job_id)
        last = await _last(jobs, who, job_id, place)
        if "text/event-stream" not in accept.lower():
            if last is not None:
                raise CursorGoneError(
                    "the job has no event of that number", "begin again at the first"
                )
            return await _page(jobs, who, job_id, place, limit)
        reset = b""
        if last is not None:
            reset, place = _reset(job, last), last
        services.limits.take("stream", f"{who.tid}/{who.actor}")
        if not reset and job.ended and not await jobs.events(who.tid, job_id, place):
            return Response(status_code=204)
        services.streams.check(who.actor)
        return EventStream(shared, request, who, job_id, place, reset)

    return routes


def _place(request: Request, after: int | None) -> int:
    """Return after which event a reader goes on.

    Raises:
        InvalidRequestError: If it is no number of an event.
    """
    said = request.headers.get("last-event-id")
    if not said:
        return after or 0
    if not said.isascii() or not said.isdecimal() or len(said) > 15:
        raise InvalidRequestError(
            "the id of the last event is none of ours",
            "send the id of an event, or leave it out",
            Fault("/Last-Event-ID", "pattern", "must be a number", "header"),
        )
    return int(said)


async def _last(jobs: Jobs, who: Principal, job_id: str, place: int) -> int | None:
    """Return the number of a job's last event, if a place lies beyond it."""
    if not place or await jobs.events(who.tid, job_id, place - 1):
        return None
    events = await jobs.events(who.tid, job_id)
    return events[-1].seq if events else 0


def _reset(job: Job, last: int) -> bytes:
    """Return what tells a reader where they are."""
    told: zg.JsonObject = {
        "v": 1,
        "type": "stream.reset",
        "job_id": job.id,
        "data": {"snapshot": job.document(), "resume_after": last},
    }
    # Its number is the one that the reader goes on after.
    return line(told, last)


async def _page(
    jobs: Jobs, who: Principal, job_id: str, after: int, limit: int
) -> Response:
    following = Following()
    told = []
    for event in await jobs.events(who.tid, job_id):
        following.heed(event)
        if after < event.seq <= after + limit:
            told.append(envelope(event, following))
    last = told[-1]["seq"] if told else after
    return JSONResponse(
        {"data": told, "has_more": following.seq > last, "next_after": last}
    )


_EVENT = {
    "description": "One event; its number has no gaps.",
    "type": "object",
    "required": ["v", "type", "seq", "job_id", "ts", "state", "data"],
    "properties": {
        "v": {"type": "integer"},
        "type": {"type": "string"},
        "seq": {"type": "integer"},
        "job_id": {"type": "string"},
        "ts": {"type": "string", "format": "date-time"},
        "state": {"type": "string"},
        "data": {"type": "object"},
    },
}
_PAGE = {
    "type": "object",
    "required": ["data", "has_more", "next_after"],
    "properties": {
        "data": {"type": "array", "items": _EVENT},
        "has_more": {"type": "boolean"},
        "next_after": {"type": "integer"},
    },
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What happened; as a stream, each event as one line of data.",
        "content": {
            "application/json": {"schema": _PAGE},
            # Of what events are made OpenAPI 3.1 cannot tell: see the schema above.
            "text/event-stream": {},
        },
    },
    204: {"description": "The job has ended, and nothing is left to be told."},
}
