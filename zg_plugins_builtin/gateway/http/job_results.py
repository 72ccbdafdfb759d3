"""What jobs gave and spent: usage, and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.responses import Response

import zg_core as zg

from ..errors import NotFoundError
from ..jobs import Jobs
from ..jobs.artifacts import File
from .job_models import JobId, ModelUsage, UsageAnswer
from .job_routes import Reader
from .json_body import JsonRoute
from .models import Answer

__all__ = ["routes_of"]

ArtifactId = Annotated[str, Path(pattern=r"^art_[0-9a-f]{32}$")]


class ArtifactAnswer(Answer):
    """A file that a job gave."""

    artifact_id: str
    path: str
    media_type: str
    size: int
    sha256: str
    href: str


class ArtifactsAnswer(Answer):
    """The files that a job gave until now."""

    data: Sequence[ArtifactAnswer]


def routes_of(jobs: Jobs) -> APIRouter:
    """Return the routes.

    Args:
        jobs: The jobs.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["jobs"])

    @routes.get("/job/{job_id}/usage")
    async def usage(job_id: JobId, who: Reader) -> UsageAnswer:
        """Answer with what a job spent, by step and model."""
        result = await jobs.result(who.tid, job_id)
        return UsageAnswer(
            job_id=job_id,
            prices=result.prices if result else "",
            data=_usage(result) if result else [],
        )

    @routes.get("/job/{job_id}/artifacts")
    async def artifacts(job_id: JobId, who: Reader) -> ArtifactsAnswer:
        """List the files that a job gave until now."""
        files = await jobs.files(who.tid, job_id)
        return ArtifactsAnswer(data=[_shown(job_id, file) for file in files])

    @routes.get("/job/{job_id}/artifacts/{artifact_id}", responses=_BYTES)
    async def artifact(job_id: JobId, artifact_id: ArtifactId, who: Reader) -> Response:
        """Answer with the bytes of a file."""
        found = await jobs.file(who.tid, job_id, artifact_id)
        if found is None:
            raise NotFoundError("there is no such artifact", "check its id")
        file, content = found
        return Response(content, media_type=file.media_type, headers=_headers(file))

    return routes


def _usage(result: zg.RunResult) -> list[ModelUsage]:
    steps = (
        result.history
        if result.routing is None
        else (
            result.routing,
            *result.history,
        )
    )
    return [
        ModelUsage(
            step=step.step,
            agent=step.agent,
            model=did.model,
            calls=did.usage.calls,
            input_tokens=did.usage.input_tokens,
            output_tokens=did.usage.output_tokens,
            cached_input_tokens=did.usage.cached_input_tokens,
            reasoning_tokens=did.usage.reasoning_tokens,
            cost_usd_micros=(None if did.unpriced_calls else round(did.cost_usd * 1e6)),
            unpriced_calls=did.unpriced_calls,
            failed_attempts=did.failed_attempts,
        )
        for step in steps
        for did in step.spent
    ]


def _shown(job_id: str, file: File) -> ArtifactAnswer:
    return ArtifactAnswer(
        artifact_id=file.id,
        path=file.path,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        href=f"/api/v1/job/{job_id}/artifacts/{file.id}",
    )


def _headers(file: File) -> dict[str, str]:
    name = quote(file.name, safe="")
    return {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "content-security-policy": "sandbox; default-src 'none'",
        "etag": f'"{file.sha256}"',
    }


_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
