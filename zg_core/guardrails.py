"""A guardrail checks what goes in, what tools are called with, and what comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from ._json import Json

__all__ = [
    "STAGES",
    "Guardrail",
    "Inspection",
    "Stage",
    "Subject",
    "Verdict",
    "subjects_at",
]

Stage: TypeAlias = Literal["input", "tool_call", "output"]
"""Where a guardrail stands: before a model, before a tool, or after."""

Subject: TypeAlias = Literal["objective", "message", "arguments", "answer", "reply"]
"""What is checked: at the stage ``input`` the user's objective and each message to
a model; at ``tool_call`` a tool's arguments; at ``output`` each answer of a model and
each step's reply."""

STAGES: Mapping[Subject, Stage] = MappingProxyType(
    {
        "objective": "input",
        "message": "input",
        "arguments": "tool_call",
        "answer": "output",
        "reply": "output",
    }
)
"""Where each subject is checked."""


def subjects_at(stages: Collection[str], among: Collection[str]) -> frozenset[Subject]:
    """Return what is checked at some stages, of some subjects; none of them is all."""
    return frozenset(
        subject
        for subject, stage in STAGES.items()
        if stage in stages and (not among or subject in among)
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guardrail says.

    Attributes:
        allow: Whether the work may go on.
        reason: Why, for people; what was refused is named without repeating it.
        replacement: What to go on with instead, of the same type; `None` leaves it.
    """

    allow: bool
    reason: str = ""
    replacement: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a guardrail is told of what it checks.

    Attributes:
        run_id: The run.
        stage: Where the guardrail stands.
        subject: What is checked.
        step: The step it belongs to; empty for the objective.
        agent: Qualified name of the step's agent; empty for the objective.
        tool: Qualified name of the tool; empty if it is not about one.
    """

    run_id: str
    stage: Stage
    subject: Subject
    step: str = ""
    agent: str = ""
    tool: str = ""


@runtime_checkable
class Guardrail(Protocol):
    """Checks one payload at a time.

    It fails closed: what it raises, a time-out and an answer that is no `Verdict`
    refuse the payload, unless the user's configuration says otherwise of it.
    """

    def check(self, payload: Json, ctx: Inspection) -> Verdict | Awaitable[Verdict]:
        """Return whether *payload* may pass, and in which form.

        It may be ``async def``; a plain one runs in a thread.

        Args:
            payload: Text; for a tool's arguments an object; for a step's reply text
                or any JSON value. It is a copy.
            ctx: What it is, and where it comes from.
        """
        ...
