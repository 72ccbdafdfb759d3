"""What clients send about jobs, and what they get."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StrictInt,
    StrictStr,
)

from zg_core.plugin_api import JsonObject

from ..identity.principals import Principal
from ..jobs import Asked as AskedJob
from ..jobs import Budget, Priority
from ..jobs.states import Status
from .models import Answer, Asked, MicroDollars, Moment, Text

__all__ = [
    "SAYS",
    "Cancellation",
    "Given",
    "JobAnswer",
    "JobId",
    "ModelUsage",
    "Objective",
    "SpendLimits",
    "Time",
    "ToldAnswer",
    "UsageAnswer",
    "answered_to",
]

_LAST_YEAR = 9000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
_LONGEST_TIME = 7 * 24 * 3600
# As the engine has it: none of the control characters between DEL and NBSP either.
SAYS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"

JobId = Annotated[str, Path(pattern=r"^job_[0-9a-f]{32}$")]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
MetadataName = Annotated[StrictStr, Field(pattern=r"^[a-z0-9_]{1,40}$")]
MetadataValue = Annotated[Text, Field(max_length=500)]


def _says_something(text: str) -> str:
    if not text.strip():
        raise ValueError("must say what is to be made")
    return text


Said = Annotated[
    StrictStr,
    Field(min_length=1, max_length=16_000, pattern=SAYS),
    AfterValidator(_says_something),
]


def _only_rfc3339(said: object) -> object:
    """Let nothing pass for a time that is a number elsewhere."""
    if not isinstance(said, str) or not _DATE.match(said):
        raise ValueError("must be a time, as RFC 3339 writes it")
    return said


def _in_reach(time: datetime) -> datetime:
    if not 1970 <= time.year <= _LAST_YEAR:
        raise ValueError(f"must lie between 1970 and {_LAST_YEAR}")
    return time


Time = Annotated[
    AwareDatetime, BeforeValidator(_only_rfc3339), AfterValidator(_in_reach)
]
"""A time in; it has a date, and an offset."""


class SpendLimits(Asked):
    """The most a job may spend, within what is allowed anyway."""

    max_cost_usd_micros: Annotated[MicroDollars | None, Field(ge=1)] = None
    max_tokens: Annotated[StrictInt | None, Field(ge=1, le=2**53)] = None
    max_model_calls: Annotated[StrictInt | None, Field(ge=1, le=1_000_000)] = None


class Objective(Asked):
    """What is to be made, and how."""

    objective: Said
    priority: Priority = "normal"
    callback_url: Annotated[Text | None, Field(min_length=1, max_length=2048)] = None
    agent: Name | None = None
    workflow: Name | None = None
    metadata: Annotated[dict[MetadataName, MetadataValue], Field(max_length=16)] = (
        Field(default_factory=dict)
    )
    budget: SpendLimits = SpendLimits()
    timeout_s: Annotated[float | None, Field(gt=0, le=_LONGEST_TIME, strict=True)] = (
        None
    )
    approval: Literal["default", "always"] = "default"
    output_schema: dict[str, Any] | None = None
    run_after: Time | None = None

    def asked(self) -> AskedJob:
        """Return it in the words of jobs."""
        return AskedJob(
            objective=self.objective,
            priority=self.priority,
            callback_url=self.callback_url,
            agent=self.agent,
            workflow=self.workflow,
            metadata=dict(self.metadata),
            budget=Budget(**self.budget.model_dump()),
            timeout_s=self.timeout_s,
            approval=self.approval,
            output_schema=self.output_schema,
            run_after=self.run_after,
        )


class Cancellation(Asked):
    """Why a job is to be stopped."""

    reason: Annotated[Text, Field(max_length=500)] = ""


class Given(Asked):
    """The answer to what a job asks."""

    interrupt_id: Annotated[Text, Field(pattern=r"^inp_[0-9a-f]{32}$")]
    status: Literal["resolved"] = "resolved"
    payload: Any


class Detail(Answer):
    """How far a job is, in steps."""

    done: int
    total: int
    message: str | None


class Spent(Answer):
    """What a job spent; the cost is null where a price is not known."""

    input_tokens: int
    output_tokens: int
    cost_usd_micros: int | None


class PendingCounts(Answer):
    """What a job waits for people to say."""

    approvals: int
    inputs: int


class JobAnswer(Answer):
    """A job: the promised fields first."""

    job_id: str
    status: Status
    progress: Annotated[float, Field(ge=0, le=1)]
    result: Any
    priority: Priority
    callback_url: str | None
    created_at: Moment
    completed_at: Moment | None
    objective: str
    state: str
    state_reason: str | None
    progress_detail: Detail
    error: dict[str, Any] | None
    agent: str | None
    workflow: str | None
    parent_job_id: str | None
    metadata: dict[str, str]
    usage: Spent
    budget: dict[str, int]
    pending: PendingCounts
    attempt: int
    version: int
    started_at: Moment | None
    links: dict[str, str]


class ToldAnswer(Answer):
    """A job as it is told to whoever may change jobs, and not read them."""

    job_id: str
    status: Status
    state: str
    priority: Priority
    version: int
    completed_at: Moment | None
    links: dict[str, str]


def answered_to(who: Principal, document: JsonObject) -> JsonObject:
    """Return what somebody is told of a job that they did something to.

    Without ``jobs:read`` that is no word of what it was asked, or what it gave.

    Args:
        who: Who did.
        document: The job, as `Job.document` has it.
    """
    if who.has("jobs:read"):
        return document
    return {name: document[name] for name in ToldAnswer.model_fields}


class ModelUsage(Answer):
    """What one model did in one step; the cost is null where it is not known."""

    step: str
    agent: str
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    cost_usd_micros: int | None
    unpriced_calls: int
    failed_attempts: int


class UsageAnswer(Answer):
    """What a job spent, by step and model."""

    job_id: str
    prices: str
    data: list[ModelUsage]
