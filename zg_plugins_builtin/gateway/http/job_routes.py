"""Jobs: submit them, look at them, wait, cancel, try again, delete."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Query, Security
from starlette.requests import Request
from starlette.responses import Response

from zg_core.plugin_api import JsonObject

from ..errors import Fault, InvalidRequestError
from ..identity.principals import Principal
from ..jobs import Job, Jobs, Priority
from ..jobs.listing import Filters
from ..jobs.states import STATES, Status
from ..jobs.submitting import Submitted
from ..jobs.views import job_path
from .direct import DirectRoute
from .entity_tags import entity_tag, unchanged
from .idempotency import idempotency_key
from .job_models import (
    Cancellation,
    JobAnswer,
    JobId,
    Objective,
    Time,
    ToldAnswer,
    answered_to,
)
from .json_answer import JsonAnswer
from .json_body import JsonRoute
from .models import Page, Text, next_link
from .paging import Paging
from .preferences import Preferences, preferences
from .requirements import require
from .services import Services

__all__ = ["Reader", "Writer", "routes_of"]

Reader = Annotated[Principal, Security(require("jobs:read"))]
Writer = Annotated[Principal, Security(require("jobs:write"))]
Deleter = Annotated[Principal, Security(require("jobs:delete"))]
State = Literal[STATES]  # type: ignore[valid-type]
_METADATA = "metadata."
_NAME = re.compile(r"[a-z0-9_]{1,40}")
_AGAIN_SECONDS = "2"


class _ListRoute(JsonRoute):
    """A route that reads ``metadata.name=value`` itself."""

    query_prefixes: ClassVar[tuple[str, ...]] = (_METADATA,)


def routes_of(jobs: Jobs, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["jobs"])
    most_asked = APIRouter(prefix="/api/v1", route_class=DirectRoute, tags=["jobs"])
    lists = APIRouter(prefix="/api/v1", route_class=_ListRoute, tags=["jobs"])
    _add_looking(most_asked, jobs, services)
    _add_submitting(routes, jobs, services)
    _add_steering(routes, jobs)
    _add_list(lists, jobs, services)
    routes.routes[:] = [*most_asked.routes, *routes.routes, *lists.routes]
    return routes


def _add_submitting(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.post("/objective", response_model=JobAnswer, responses=_ACCEPTED)
    async def submit(asked: Objective, request: Request, who: Writer) -> Response:
        """Submit an objective; it is durable before the answer.

        ``Prefer: respond-async`` answers 202, ``Prefer: wait=n`` waits up to n seconds
        for the end; who lacks ``jobs:read`` is not waited for. With
        ``Idempotency-Key`` the same request is one job.
        """
        prefer = preferences(request)
        if not who.has("jobs:read"):  # since the answer says what the job gave
            prefer = replace(prefer, wait=None)
        key = idempotency_key(request, who, asked.model_dump(mode="json"))
        status = 202 if prefer.respond_async else 200
        done = await jobs.submit(who, asked.asked(), key=key, status=status)
        if done.job is not None and prefer.wait:
            job = await _waited(jobs, services, done.job, prefer.wait)
            done = Submitted(job, None)
        return _submitted(done, status, prefer)

    @routes.post(
        "/job/{job_id}/retry",
        response_model=JobAnswer | ToldAnswer,
        status_code=202,
    )
    async def retry(job_id: JobId, request: Request, who: Writer) -> Response:
        """Submit what a job was for once more, as a job of its own.

        Who lacks ``jobs:read`` is told its id and its state.
        """
        key = idempotency_key(request, who, None)
        done = await jobs.retry(who, job_id, key=key)
        return _submitted(done, 202, preferences(request), others=who)


def _submitted(
    done: Submitted,
    status: int,
    prefer: Preferences,
    *,
    others: Principal | None = None,
) -> Response:
    """Answer with a job that was submitted.

    Args:
        done: What became of it.
        status: The HTTP status.
        prefer: What the client preferred.
        others: Who asks, if it was others who said what the job is for.
    """

    def shown(document: JsonObject) -> JsonObject:
        return document if others is None else answered_to(others, document)

    headers = {"preference-applied": prefer.applied} if prefer.applied else {}
    if done.answer is not None:
        headers["idempotent-replayed"] = "true"
        headers["location"] = job_path(done.answer.job_id)
        return JsonAnswer(shown(done.answer.body), done.answer.status, headers)
    assert done.job is not None
    headers["location"] = job_path(done.job.id)
    document = shown(done.job.document())
    return JsonAnswer(document, status, {**_headers(done.job), **headers})


def _headers(job: Job) -> dict[str, str]:
    headers = {"etag": entity_tag(job.version)}
    if not job.ended:
        headers["retry-after"] = _AGAIN_SECONDS
    return headers


async def _waited(jobs: Jobs, services: Services, job: Job, seconds: int) -> Job:
    """Return a job when it has ended, or the time is over."""
    return await jobs.changed(
        job.tenant,
        job.id,
        lambda latest: latest.ended or services.stopping.begun,
        seconds,
    )


def _add_looking(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.get(
        "/job/{job_id}",
        response_model=JobAnswer,
        responses=_UNCHANGED,
        openapi_extra=_IF_NONE_MATCH,
    )
    async def get(job_id: JobId, request: Request, who: Reader) -> Response:
        """Answer with a job.

        ``If-None-Match`` answers 304 where it has not changed; ``Prefer: wait=n`` waits
        up to n seconds for a change.
        """
        prefer = preferences(request)
        if_none_match = request.headers.get("if-none-match")
        job = await jobs.get(who.tid, job_id)
        tag = entity_tag(job.version)
        known = if_none_match is None or unchanged(if_none_match, tag)
        if prefer.wait and known and not job.ended:
            job = await jobs.changed(
                who.tid,
                job_id,
                lambda latest: latest.version != job.version or services.stopping.begun,
                prefer.wait,
            )
        headers = _headers(job)
        if prefer.applied:
            headers["preference-applied"] = prefer.applied
        if unchanged(if_none_match, headers["etag"]):
            return Response(status_code=304, headers=headers)
        return JsonAnswer(job.document(), headers=headers)


def _add_steering(routes: APIRouter, jobs: Jobs) -> None:
    @routes.post(
        "/job/{job_id}/cancel",
        response_model=JobAnswer | ToldAnswer,
        responses=_CANCELLING,
    )
    async def cancel(
        job_id: JobId, who: Writer, asked: Cancellation | None = None
    ) -> Response:
        """Stop a job: 200 if it is by now, 202 if it is being stopped.

        Who lacks ``jobs:read`` is told its id and its state.
        """
        job = await jobs.cancel(who, job_id, asked.reason if asked else "")
        status = 200 if job.ended else 202
        return JsonAnswer(answered_to(who, job.document()), status, _headers(job))

    @routes.delete("/job/{job_id}", status_code=204)
    async def delete(job_id: JobId, who: Deleter) -> None:
        """Delete a job that has ended, and all that it gave."""
        await jobs.delete(who, job_id)


def _add_list(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.get("/jobs", responses=_JOBS)
    async def listed(
        request: Request,
        who: Reader,
        paging: Paging,
        status: Status | None = None,
        state: State | None = None,
        priority: Priority | None = None,
        agent: Annotated[Text | None, Query(max_length=200)] = None,
        created_after: Time | None = None,
        created_before: Time | None = None,
        order: Literal["asc", "desc"] = "desc",
    ) -> Page[dict[str, Any]]:
        """List the tenant's jobs, the newest first."""
        filters = Filters(
            status=status,
            state=state,
            priority=priority,
            agent=agent,
            created_after=created_after,
            created_before=created_before,
            metadata=_metadata(request),
            order=order,
        )
        listing = f"jobs {filters!r}"
        after = None
        if paging.cursor is not None:
            place = services.cursors.read(who.tid, listing, paging.cursor)
            after = str(place[0])
        found, more = await jobs.page(who.tid, filters, limit=paging.limit, after=after)
        cursor = None
        if more:
            cursor = services.cursors.sign(who.tid, listing, [found[-1].id])
            paging.response.headers["link"] = next_link(request.url, cursor)
        return Page[dict[str, Any]](
            data=[job.document() for job in found], has_more=more, next_cursor=cursor
        )


def _metadata(request: Request) -> dict[str, str]:
    """Return the filters by metadata.

    Raises:
        InvalidRequestError: If one has a name that no metadata has.
    """
    wanted: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if not name.startswith(_METADATA):
            continue
        key = name.removeprefix(_METADATA)
        if not _NAME.fullmatch(key) or key in wanted or "\0" in value:
            raise InvalidRequestError(
                "a filter by metadata is not valid",
                "name each once, with small letters, digits and '_'",
                Fault(f"/{name[:100]}", "pattern", "is no name", "query"),
            )
        wanted[key] = value
    return wanted


_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"model": JobAnswer}}
_CANCELLING: dict[int | str, dict[str, Any]] = {202: {"model": JobAnswer | ToldAnswer}}
_JOBS: dict[int | str, dict[str, Any]] = {200: {"model": Page[JobAnswer]}}
_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "It has not changed."}
}
# Told here and read by hand, since a direct route takes no headers.
_IF_NONE_MATCH = {
    "parameters": [
        {
            "name": "if-none-match",
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
        }
    ]
}
