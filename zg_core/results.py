"""What a run gave, as its journal tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ._json import Json, JsonObject
from ._machine import RunState, StepState
from .events import ErrorInfo, RouteChosen, RunStatus
from .usage import Usage

__all__ = ["Artifact", "RunResult", "StepResult", "result_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file of the results.

    Attributes:
        path: Below the run's folder, with forward slashes.
        size: In bytes.
        sha256: Digest of the content, in hex.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one step did.

    Attributes:
        agent: Qualified name of its agent.
        status: ``waiting running finished degraded skipped failed``.
        models: The models that answered it.
        cost_usd: What its calls of known price cost.
        unpriced_calls: How many of its calls have no known price.
        duration_seconds: From its first start to its end; `None` before that.
        error: What went wrong, if something did.
    """

    step: str
    agent: str
    status: str
    output: Json
    artifacts: tuple[str, ...]
    models: tuple[str, ...]
    usage: Usage
    cost_usd: float
    unpriced_calls: int
    duration_seconds: float | None
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run gave, and how far it is if it has not ended.

    Attributes:
        output: The last step's output; by step name where several were last.
        history: Its steps, in the workflow's order.
        artifacts: Its files, by path.
        model: The models that were to be tried, in order.
        model_reason: Why these.
        out: Absolute path of the folder with its files.
    """

    run_id: str
    objective: str
    workflow: str
    status: RunStatus
    output: Json
    history: tuple[StepResult, ...]
    artifacts: tuple[Artifact, ...]
    usage: Usage
    cost_usd: float
    unpriced_calls: int
    model: str
    model_reason: str
    route: RouteChosen | None
    out: str
    started_at: str
    ended_at: str
    error: ErrorInfo | None

    @property
    def duration_seconds(self) -> float | None:
        """From its acceptance to its end; `None` before that."""
        return _seconds(self.started_at, self.ended_at)

    def document(self) -> JsonObject:
        """Return all of it as a JSON object, the same for the command and the API."""
        from ._codec import dump

        taking_part = [
            s for s in self.history if s.status not in ("skipped", "waiting")
        ]
        done = sum(s.status in ("finished", "degraded") for s in taking_part)
        return {
            "run_id": self.run_id,
            "objective": self.objective,
            "status": self.status,
            "result": self.output,
            "history": [dump(step) for step in self.history],
            "artifacts": [dump(artifact) for artifact in self.artifacts],
            "out": self.out,
            "usage": {**dump(self.usage), "total_tokens": self.usage.total_tokens},
            "cost_usd": self.cost_usd,
            "unpriced_calls": self.unpriced_calls,
            "model": self.model,
            "model_reason": self.model_reason,
            "error": dump(self.error) if self.error else None,
            "execution_summary": {
                "workflow": self.workflow,
                "workflow_status": self.status,
                "execution_summary": f"{done} of {len(taking_part)} steps done",
                "selected_agents": [step.agent for step in taking_part],
                "category": self.route.label if self.route else None,
                "start_time": self.started_at,
                "end_time": self.ended_at or None,
                "duration_seconds": self.duration_seconds,
            },
        }


def result_of(state: RunState) -> RunResult:
    """Return a run's state as its result."""
    accepted = state.accepted
    return RunResult(
        run_id=accepted.run_id,
        objective=accepted.objective,
        workflow=accepted.workflow.name,
        status=state.status,
        output=state.output,
        history=tuple(map(_step_result, state.steps.values())),
        artifacts=tuple(
            Artifact(path=a.path, size=a.size, sha256=a.sha256)
            for _, a in sorted(state.artifacts.items())
        ),
        usage=state.usage,
        cost_usd=state.cost_nanos / 1e9,
        unpriced_calls=state.unpriced_calls,
        model=state.started.model if state.started else "",
        model_reason=state.started.model_reason if state.started else "",
        route=state.route,
        out=accepted.options.out or "",
        started_at=accepted.at,
        ended_at=state.ended_at,
        error=state.error,
    )


def _step_result(step: StepState) -> StepResult:
    return StepResult(
        step=step.name,
        agent=step.agent,
        status=step.status,
        output=step.output,
        artifacts=step.artifacts,
        models=step.models,
        usage=step.usage,
        cost_usd=step.cost_nanos / 1e9,
        unpriced_calls=step.unpriced_calls,
        duration_seconds=_seconds(step.started_at, step.ended_at),
        error=step.error,
    )


def _seconds(start: str, end: str) -> float | None:
    if not start or not end:
        return None
    took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(took.total_seconds(), 3)
