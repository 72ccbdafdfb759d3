"""What jobs ask people: approvals, and what only people know."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Security
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import Fault, InvalidRequestError
from ..identity.principals import Principal
from ..jobs import Jobs, Question
from .job_models import Given, JobAnswer, JobId, ToldAnswer, answered_to
from .job_routes import Writer
from .json_body import JsonRoute
from .models import Answer, Asked, Moment, Page, Text, next_link
from .paging import Paging
from .requirements import require
from .services import Services

__all__ = ["routes_of"]

Reader = Annotated[Principal, Security(require("approvals:read"))]
Decider = Annotated[Principal, Security(require("approvals:decide"))]
ApprovalId = Annotated[str, Path(pattern=r"^apr_[0-9a-f]{32}$")]
State = Literal["pending", "approved", "rejected", "expired", "void"]
_MILLISECOND = timedelta(milliseconds=1)


class Decision(Asked):
    """What somebody decides, about what they were shown."""

    decision: Literal["approve", "reject"]
    args_sha256: Annotated[Text, Field(pattern=r"^[0-9a-f]{64}$")]
    edited_args: dict[str, Any] | None = None
    comment: Annotated[Text, Field(max_length=2_000)] = ""


class ApprovalAnswer(Answer):
    """What a job would do, exactly, and what became of it."""

    approval_id: str
    tool: str
    args: dict[str, Any]
    args_sha256: str
    risk: str
    comment: str | None
    edited_args: dict[str, Any] | None
    job_id: str
    step: str
    reason: str
    requested_at: Moment
    expires_at: Moment | None
    state: State
    decided_by: str | None
    decided_at: Moment | None


class InputAnswer(Answer):
    """What a job asks."""

    interrupt_id: str
    question: str
    response_schema: dict[str, Any]
    job_id: str
    step: str
    reason: str
    requested_at: Moment
    expires_at: Moment | None
    state: Literal["pending", "resolved", "expired", "void"]
    decided_by: str | None
    decided_at: Moment | None


def routes_of(jobs: Jobs, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["approvals"])
    _add_looking(routes, jobs, services)
    _add_deciding(routes, jobs)
    _add_inputs(routes, jobs, services)
    return routes


def _add_looking(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.get("/approvals")
    async def listed(
        request: Request,
        who: Reader,
        paging: Paging,
        state: State | None = None,
    ) -> Page[ApprovalAnswer]:
        """List what the tenant's jobs ask to be allowed, the oldest first."""
        found, cursor = await _listed(jobs, services, who, paging, "approval", state)
        if cursor:
            paging.response.headers["link"] = next_link(request.url, cursor)
        return Page[ApprovalAnswer](
            data=[ApprovalAnswer(**question.document()) for question in found],
            has_more=cursor is not None,
            next_cursor=cursor,
        )

    @routes.get("/approvals/{approval_id}", response_model=ApprovalAnswer)
    async def get(approval_id: ApprovalId, who: Reader) -> Response:
        """Answer with what a job would do."""
        question = await jobs.question(who.tid, approval_id, "approval")
        return JSONResponse(question.document())


def _add_deciding(routes: APIRouter, jobs: Jobs) -> None:
    @routes.post("/approvals/{approval_id}/decision", response_model=ApprovalAnswer)
    async def decide(
        approval_id: ApprovalId, asked: Decision, who: Decider
    ) -> Response:
        """Allow or refuse what a job would do; the first decision holds.

        ``args_sha256`` is that of what was looked at; ``edited_args`` are all the
        arguments, in the place of those.
        """
        allow = asked.decision == "approve"
        if asked.edited_args is not None and not allow:
            raise InvalidRequestError(
                "what is rejected is not edited",
                "leave edited_args out",
                Fault("/edited_args", "invalid", "goes with approve only"),
            )
        question = await jobs.decide(
            who,
            approval_id,
            allow=allow,
            digest=asked.args_sha256,
            edited=asked.edited_args,
            comment=asked.comment,
        )
        return JSONResponse(question.document())


def _add_inputs(routes: APIRouter, jobs: Jobs, services: Services) -> None:
    @routes.get("/job/{job_id}/inputs")
    async def inputs(
        job_id: JobId,
        request: Request,
        who: Annotated[Principal, Security(require("jobs:read"))],
        paging: Paging,
    ) -> Page[InputAnswer]:
        """List what a job asks people, the oldest first."""
        await jobs.get(who.tid, job_id)
        found, cursor = await _listed(
            jobs, services, who, paging, "input", None, job_id
        )
        if cursor:
            paging.response.headers["link"] = next_link(request.url, cursor)
        return Page[InputAnswer](
            data=[InputAnswer(**question.document()) for question in found],
            has_more=cursor is not None,
            next_cursor=cursor,
        )

    @routes.post(
        "/job/{job_id}/input", response_model=JobAnswer | ToldAnswer, status_code=202
    )
    async def give(job_id: JobId, asked: Given, who: Writer) -> Response:
        """Give what a job asks for; the first answer holds.

        Who lacks ``jobs:read`` is told the job's id and its state.
        """
        await jobs.answer(who, job_id, asked.interrupt_id, asked.payload)
        job = await jobs.get(who.tid, job_id)
        return JSONResponse(answered_to(who, job.document()), 202)


async def _listed(
    jobs: Jobs,
    services: Services,
    who: Principal,
    paging: Paging,
    kind: str,
    state: str | None,
    job_id: str | None = None,
) -> tuple[list[Question], str | None]:
    """Return a page of questions, and what leads to the next one."""
    listing = f"{kind}s {state} {job_id}"
    after = None
    if paging.cursor is not None:
        after = services.cursors.read(who.tid, listing, paging.cursor)
    found, more = await jobs.questions(
        who.tid,
        kind=kind,
        state=state,
        job_id=job_id,
        limit=paging.limit,
        after=after,
    )
    cursor = None
    if more:
        place: list[str | int] = [_milliseconds(found[-1].requested_at), found[-1].id]
        cursor = services.cursors.sign(who.tid, listing, place)
    return list(found), cursor


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime.fromtimestamp(0, moment.tzinfo)) // _MILLISECOND
