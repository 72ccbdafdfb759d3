"""What observers are told: facts about a run, which nobody can change through them.

An observer is a plugin with any of the hooks ``zg_run_started`` to ``zg_tool_called``,
of `zg_core.hookspecs`. JSON values in these facts are copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._json import Json
from .messages import ToolResult
from .usage import Usage

if TYPE_CHECKING:  # events are slow to import, and a plugin needs this file
    from .events import ErrorInfo, RunStatus

__all__ = [
    "ModelCallInfo",
    "RunInfo",
    "RunOutcome",
    "StepInfo",
    "StepOutcome",
    "ToolCallInfo",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A run.

    Attributes:
        run_id: Its id.
        objective: What it is for; where a run begins, in the user's words, and later
            as the guardrails left it.
        workflow: The workflow's name.
        resumed: Whether it was begun before, and is taken up again.
    """

    run_id: str
    objective: str
    workflow: str
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended, until somebody resumes it.

    Attributes:
        status: ``completed``, ``degraded``, ``failed``, ``cancelled`` or ``paused``.
        output: What it gave.
        error: What it failed with.
        usage: What it spent.
        cost_usd: What its calls of known price cost.
    """

    status: RunStatus
    output: Json = None
    error: ErrorInfo | None = None
    usage: Usage = Usage()
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """A step of a run, or a part of one.

    Attributes:
        name: Its name in the workflow. Of a part it is the path: ``draft@2`` for a
            second round, ``draft[0]`` for an item of a list, and
            ``draft/critic.1f2e3d`` for an agent that another one asks.
        agent: Qualified name of its agent.
    """

    name: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How a step ended.

    Attributes:
        status: ``finished``, ``degraded``, ``skipped`` or ``failed``.
        output: What its agent replied.
        artifacts: Paths of the files that belong to it.
        error: What it failed with.
    """

    status: str
    output: Json = None
    artifacts: tuple[str, ...] = ()
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCallInfo:
    """One attempt to ask a model, over.

    Attributes:
        model: ``"provider:model"``.
        attempt: 1 for the first try of the call.
        usage: What it spent.
        cost_usd: The price; `None` if it is not known.
        duration_seconds: From sending to the whole answer; `None` if it failed.
        error: What it failed with.
    """

    model: str
    attempt: int = 1
    usage: Usage = Usage()
    cost_usd: float | None = None
    duration_seconds: float | None = None
    error: ErrorInfo | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallInfo:
    """One call of a tool, over.

    Attributes:
        tool: Qualified name of the tool.
        result: What it gave, or what was wrong.
        duration_seconds: How long it took.
    """

    tool: str
    result: ToolResult
    duration_seconds: float
