"""Jobs and questions as they are shown, and the document that clients get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Table

from zg_core.plugin_api import Json, JsonObject

from .states import ENDED, STATUSES, Status

__all__ = [
    "Job",
    "Question",
    "columns_of_job",
    "job_of",
    "job_of_columns",
    "job_of_values",
    "job_path",
    "question_of",
    "rfc3339",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job, as far as it is.

    Attributes:
        state: What it is doing; `status` is the promised word for it.
        state_reason: Why, where that is known.
        progress: 0 to 1; never less than before, 1 only when it is completed.
        done: How many steps are done.
        total: Of how many.
        version: Grows by one with each change.
        cost_usd_micros: What it cost; `None` if a part of that is not known.
        approvals: How many approvals it waits for.
        inputs: How many answers.
    """

    id: str
    tenant: str
    submitted_by: str
    objective: str
    priority: str
    callback_url: str | None
    workflow: str | None
    agent: str | None
    options: JsonObject
    metadata: dict[str, str]
    parent_id: str | None
    attempt: int
    state: str
    state_reason: str | None
    version: int
    progress: float
    done: int
    total: int
    message: str | None
    result: Json
    error: JsonObject | None
    input_tokens: int
    output_tokens: int
    cost_usd_micros: int | None
    approvals: int
    inputs: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @property
    def status(self) -> Status:
        """The promised word for its state."""
        return STATUSES[self.state]

    @property
    def ended(self) -> bool:
        """Whether it has come to its end."""
        return self.state in ENDED

    def document(self) -> JsonObject:
        """Return it as clients get it: the promised fields first."""
        budget = {
            name: self.options[name]
            for name in ("max_cost_usd_micros", "max_tokens", "max_model_calls")
            if self.options.get(name) is not None
        }
        return {
            "job_id": self.id,
            "status": self.status,
            "progress": self.progress,
            "result": self.result,
            "priority": self.priority,
            "callback_url": self.callback_url,
            "created_at": rfc3339(self.created_at),
            "completed_at": rfc3339(self.completed_at),
            "objective": self.objective,
            "state": self.state,
            "state_reason": self.state_reason,
            "progress_detail": {
                "done": self.done,
                "total": self.total,
                "message": self.message,
            },
            "error": self.error,
            "agent": self.agent,
            "workflow": self.workflow,
            "parent_job_id": self.parent_id,
            "metadata": dict(self.metadata),
            "usage": {
                "input_tokens": self.input_tokens,
                "output_tokens": self.output_tokens,
                "cost_usd_micros": self.cost_usd_micros,
            },
            "budget": budget,
            "pending": {"approvals": self.approvals, "inputs": self.inputs},
            "attempt": self.attempt,
            "version": self.version,
            "started_at": rfc3339(self.started_at),
            "links": {
                "self": job_path(self.id),
                "events": f"{job_path(self.id)}/events",
                "cancel": f"{job_path(self.id)}/cancel",
            },
        }

    def told(self) -> JsonObject:
        """Return the little of it that webhooks tell."""
        return {
            "job_id": self.id,
            "status": self.status,
            "state": self.state,
            "priority": self.priority,
            "version": self.version,
            "completed_at": rfc3339(self.completed_at),
            "links": {"self": job_path(self.id)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a job waits for a person to say, or waited for.

    Attributes:
        kind: ``approval`` or ``input``.
        arguments: What would be done, exactly.
        digest: SHA-256 of tool and arguments: what a decision is about.
        risk: How bad a wrong call is, as the tool says; empty for input.
        question: The question, where it is for input.
        schema: JSON Schema that the answer must fit; empty is any text.
        state: ``pending approved rejected resolved expired void``.
        said: The other arguments with which it was approved, or the answer.
    """

    id: str
    job_id: str
    call_key: str
    kind: str
    step: str
    tool: str
    arguments: JsonObject
    digest: str
    risk: str
    reason: str
    question: str
    schema: JsonObject
    requested_at: datetime
    expires_at: datetime | None
    state: str
    decided_by: str | None
    decided_at: datetime | None
    comment: str | None
    said: Json

    def document(self) -> JsonObject:
        """Return it as clients get it."""
        common: JsonObject = {
            "job_id": self.job_id,
            "step": self.step,
            "reason": self.reason,
            "requested_at": rfc3339(self.requested_at),
            "expires_at": rfc3339(self.expires_at),
            "state": self.state,
            "decided_by": self.decided_by,
            "decided_at": rfc3339(self.decided_at),
        }
        if self.kind == "input":
            return {
                "interrupt_id": self.id,
                "question": self.question,
                "response_schema": dict(self.schema),
                **common,
            }
        return {
            "approval_id": self.id,
            "tool": self.tool,
            "args": dict(self.arguments),
            "args_sha256": self.digest,
            "risk": self.risk,
            "comment": self.comment,
            "edited_args": self.said,
            **common,
        }


_NAMES = tuple(name for name in Job.__slots__ if name not in ("id", "tenant"))
_FIELDS = ("id", "tenant", *_NAMES)


def columns_of_job(table: Table) -> list[Column[Any]]:
    """Return the columns that `job_of_columns` takes."""
    return [table.c.id, table.c.tenant_id, *(table.c[name] for name in _NAMES)]


def job_of(row: Any) -> Job:
    """Return a row as a job."""
    known = row._mapping
    values = {name: known[name] for name in _NAMES}
    return Job(id=row.id, tenant=row.tenant_id, **values)


def job_of_columns(values: Sequence[Any]) -> Job:
    """Return as a job the values of `columns_of_job`."""
    return Job(**dict(zip(_FIELDS, values, strict=True)))


def job_of_values(values: dict[str, Any]) -> Job:
    """Return as a job what a row was just made of; what is not said is nothing."""
    given: dict[str, Any] = {name: values.get(name) for name in _NAMES}
    return Job(id=values["id"], tenant=values["tenant_id"], **given)


def question_of(row: Any) -> Question:
    """Return a row as a question."""
    known = row._mapping
    return Question(**{name: known[name] for name in Question.__slots__})


def job_path(job_id: str) -> str:
    """Return where a job is found."""
    return f"/api/v1/job/{job_id}"


def rfc3339(moment: datetime | None) -> str | None:
    """Return a time as it is told: UTC, in milliseconds."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"
