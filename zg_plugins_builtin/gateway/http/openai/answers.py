"""A completion as OpenAI's clients read it, whole or in pieces."""

from __future__ import annotations

import json
from typing import Any, Literal

import zg_core as zg

from ...jobs import Job
from ..models import Answer

__all__ = ["Chunks", "CompletionAnswer", "Reason", "completion"]

Reason = Literal["stop", "length"]


class Usage(Answer):
    """What all models that the job asked used."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Replied(Answer):
    """What the job gave."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = None


class Choice(Answer):
    """The one result."""

    index: int = 0
    message: Replied
    finish_reason: Reason
    logprobs: None = None


class CompletionAnswer(Answer):
    """A completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


def completion(job: Job, model: str, content: str, reason: Reason) -> CompletionAnswer:
    """Return a completion.

    Args:
        job: The job, at its end.
        model: The model, as the client named it.
        content: What it gave, as text.
        reason: Why it ended.
    """
    message = Replied(content=content)
    return CompletionAnswer(
        id=_id(job.id),
        created=int(job.created_at.timestamp()),
        model=model,
        choices=[Choice(message=message, finish_reason=reason)],
        usage=_usage(job),
    )


class Chunks:
    """Makes the pieces of one completion, each as a line of JSON.

    Args:
        job_id: The job.
        created: When it was submitted, in seconds since 1970.
        model: The model, as the client named it.
        counted: Whether the last piece says what was used.
    """

    def __init__(self, job_id: str, created: int, model: str, counted: bool) -> None:
        self._common = {
            "id": _id(job_id),
            "object": "chat.completion.chunk",
            "created": created,
            "model": model,
        }
        self._counted = counted

    def first(self) -> str:
        """Return the piece that says who speaks."""
        return self._piece({"role": "assistant", "content": ""})

    def content(self, text: str) -> str:
        """Return a piece of the content."""
        return self._piece({"content": text})

    def last(self, job: Job, reason: Reason) -> list[str]:
        """Return the pieces that end it."""
        pieces = [self._piece({}, reason)]
        if self._counted:
            used = _usage(job).model_dump()
            pieces.append(self._line({"choices": [], "usage": used}))
        return pieces

    def _piece(self, delta: zg.JsonObject, reason: Reason | None = None) -> str:
        choice = {
            "index": 0,
            "delta": delta,
            "finish_reason": reason,
            "logprobs": None,
        }
        unused = {"usage": None} if self._counted else {}
        return self._line({"choices": [choice], **unused})

    def _line(self, more: dict[str, Any]) -> str:
        return json.dumps({**self._common, **more}, separators=(",", ":"))


def _id(job_id: str) -> str:
    return f"chatcmpl-{job_id.removeprefix('job_')}"


def _usage(job: Job) -> Usage:
    return Usage(
        prompt_tokens=job.input_tokens,
        completion_tokens=job.output_tokens,
        total_tokens=job.input_tokens + job.output_tokens,
    )
