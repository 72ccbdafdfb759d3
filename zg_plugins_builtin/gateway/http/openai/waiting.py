"""Wait for the end of a completion's job, and say what it came to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf

import anyio

import zg_core as zg

from ...errors import GatewayError
from ...jobs import Job, Jobs
from ...jobs.states import AWAITING
from ...jobs.views import job_path
from ..services import Services
from .answers import Reason
from .errors import (
    JobFailedError,
    JobInterruptedError,
    JobNotDoneError,
    JobOutOfBudgetError,
    JobRejectedError,
    JobWaitsError,
)

__all__ = ["STEP", "ended", "reason_of"]

STEP = "work"
"""The one step of a job that names an agent."""
_DONE = ("succeeded", "degraded")
_PART = re.compile(r"[\[/]")
"""An item of a list, or an agent that another asks, is no step of its own."""
_FAILED: dict[str, type[GatewayError]] = {
    "timed_out": JobNotDoneError,
    "budget_exhausted": JobOutOfBudgetError,
    "rejected": JobRejectedError,
}


async def ended(jobs: Jobs, services: Services, job: Job, seconds: float = inf) -> Job:
    """Return a job at its end.

    Args:
        jobs: The jobs.
        services: What all routes work with.
        job: The job, as it was submitted.
        seconds: How long to wait, at most.

    Raises:
        JobWaitsError: If it waits for a person, and none says anything in time.
        JobNotDoneError: If it has not ended when the time is over.
        JobInterruptedError: If the service ends before it.
        NotFoundError: If it was deleted.
    """
    until = anyio.current_time() + seconds
    patience = services.settings.completions.question_seconds

    def halted(now: Job) -> bool:
        return now.ended or services.stopping.begun

    def asks(now: Job) -> bool:
        return halted(now) or now.state in AWAITING

    def goes_on(now: Job) -> bool:
        return halted(now) or now.state not in AWAITING

    while True:
        left = max(until - anyio.current_time(), 0)
        waits = job.state in AWAITING
        enough, most = (goes_on, patience) if waits else (asks, inf)
        job = await jobs.changed(job.tenant, job.id, enough, min(left, most))
        if job.ended:
            return job
        if services.stopping.begun:
            raise JobInterruptedError(
                f"the service ends; job {job.id} goes on", _later(job), job_id=job.id
            )
        if waits and job.state in AWAITING:
            raise await _waits(jobs, job)
        if anyio.current_time() >= until:
            raise JobNotDoneError(
                f"job {job.id} is not done after {seconds:g} s, and goes on",
                f"{_later(job)}, or have the answer streamed",
                job_id=job.id,
            )


def _later(job: Job) -> str:
    return f"read it later at {job_path(job.id)}"


async def _waits(jobs: Jobs, job: Job) -> JobWaitsError:
    """Return the error that says for whom a job waits, and where to tell it."""
    for kind, name in (("approval", "approval_id"), ("input", "interrupt_id")):
        found, _ = await jobs.questions(
            job.tenant, kind=kind, state="pending", job_id=job.id, limit=1
        )
        if found:
            place = f"{job_path(job.id)}/input"
            if kind == "approval":
                place = f"/api/v1/approvals/{found[0].id}/decision"
            return JobWaitsError(
                f"job {job.id} waits for a person's {kind} {found[0].id}",
                f"say it at {place}, and read the job when it has ended",
                **{"job_id": job.id, name: found[0].id},
            )
    return JobWaitsError(
        f"job {job.id} was put aside", "read it when it has ended", job_id=job.id
    )


async def reason_of(jobs: Jobs, job: Job) -> Reason:
    """Return why the answer of a job that has ended is no longer.

    Args:
        jobs: The jobs.
        job: The job, at its end.

    Raises:
        JobFailedError: If it gave nothing; and so on, by why.
        JournalError: If what happened cannot be read now.
    """
    if job.state in _DONE:
        return "length" if _is_cut(await jobs.events(job.tenant, job.id)) else "stop"
    said = job.error or {}
    raise _FAILED.get(job.state, JobFailedError)(
        f"job {job.id} came to no result ({job.state}): {said.get('detail', '')}",
        job_id=job.id,
    )


def _is_cut(events: Iterable[zg.Event]) -> bool:
    """Tell whether the last answer of the step that ended last was cut."""
    cut: dict[str, bool] = {}
    last = ""
    for event in events:
        match event:
            case zg.ModelAnswered():
                cut[event.step] = event.response.stop_reason == "max_tokens"
            case zg.StepFinished() | zg.StepDegraded():
                if not _PART.search(event.step):
                    last = event.step
    return cut.get(last, False)
