"""What a run gave, as its journal tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ._json import Json, JsonObject
from ._machine import ModelState, RunState, StepState
from ._run_state import total_of
from ._step_paths import ROUTE
from .events import ErrorInfo, RouteChosen, RunStatus
from .questions import OpenQuestion, open_questions
from .usage import Limits, Usage

__all__ = [
    "Artifact",
    "ModelResult",
    "PartResult",
    "RunResult",
    "StepResult",
    "result_of",
]


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
class ModelResult:
    """What one model did, for a step or for a whole run.

    Attributes:
        model: ``"provider:model"``.
        cost_usd: What its calls of known price cost.
        unpriced_calls: How many of its calls have no known price.
        failed_attempts: How many attempts to ask it failed.
        duration_seconds: How long its answers took; several may come at once.
    """

    model: str
    usage: Usage
    cost_usd: float
    unpriced_calls: int
    failed_attempts: int
    duration_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PartResult:
    """What was done for one item of a list, or by an agent that another one asked.

    Attributes:
        path: Which it is: ``draft[0]`` is an item of the step ``draft``, ``draft@2[0]``
            one of its second round, ``draft/critic.1f2e3d`` an agent that is asked.
        agent: Qualified name of the agent.
        status: As of a step.
        cost_usd: What its calls of known price cost; counted for the step as well.
        unpriced_calls: How many of its calls have no known price.
        duration_seconds: How long it was under way, without waiting for people and
            without pauses; `None` before its end.
        error: What went wrong, if something did.
    """

    path: str
    agent: str
    status: str
    usage: Usage
    cost_usd: float
    unpriced_calls: int
    duration_seconds: float | None
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What one step did.

    Attributes:
        agent: Qualified name of its agent.
        status: ``waiting running finished degraded skipped failed``.
        models: The models that answered it.
        cost_usd: What its calls of known price cost.
        unpriced_calls: How many of its calls have no known price.
        duration_seconds: How long it was under way, without waiting for people and
            without pauses; `None` before its end.
        error: What went wrong, if something did.
        failed_attempts: How many attempts to ask a model failed.
        spent: What each model did for it.
        limits: The most it may spend.
        round: Which round it is in, or ended in, from 1.
        items: How many items this round is done for; `None` if it has no list.
        left_out: Why it was left out, if its condition did not hold.
        parts: The items that it is done for, of all rounds, and the agents that are
            asked for it.
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
    failed_attempts: int = 0
    spent: tuple[ModelResult, ...] = ()
    limits: Limits = Limits()
    round: int = 1
    items: int | None = None
    left_out: str = ""
    parts: tuple[PartResult, ...] = ()


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
        models: What each model did, in the order of their first calls.
        limits: The most it may spend.
        prices: The table that prices come from, with its version.
        stated_prices: What the user says that models cost instead, by name.
        replays: The recorded run whose answers it was given again, if it was.
        replayed_calls: How many of its model calls got such an answer, or one that was
            copied from the run it was forked from, at no cost.
        forked_from: The run whose first steps were copied into this one, if any were.
        drill: The faults that were injected into its calls; empty is in earnest.
        routing: What was done to choose the agents; `None` if no model was asked.
        forgot: The step that was not told all that was said before, since that no
            longer fits and nobody could sum it up; empty if there is none.
        paused_for: Why it was put aside, while it is.
        questions: What it waits for people to say.
        duration_seconds: How long it was under way, as of a step.
        lost_calls: Of how many calls nobody knows what they used: their answers did not
            come, or did not say.
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
    models: tuple[ModelResult, ...] = ()
    limits: Limits = Limits()
    prices: str = ""
    stated_prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    replays: str = ""
    replayed_calls: int = 0
    forked_from: str = ""
    drill: str = ""
    routing: StepResult | None = None
    forgot: str = ""
    paused_for: str = ""
    questions: tuple[OpenQuestion, ...] = ()
    duration_seconds: float | None = None
    lost_calls: int = 0

    def document(self) -> JsonObject:
        """Return all of it as a JSON object, the same for the command and the API."""
        from ._codec import dump

        taking_part = [
            s for s in self.history if s.status not in ("skipped", "waiting")
        ]
        return {
            "run_id": self.run_id,
            "objective": self.objective,
            "status": self.status,
            "result": self.output,
            "routing": dump(self.routing) if self.routing else None,
            "history": [dump(step) for step in self.history],
            "artifacts": [dump(artifact) for artifact in self.artifacts],
            "out": self.out,
            "usage": {**dump(self.usage), "total_tokens": self.usage.total_tokens},
            "cost_usd": self.cost_usd,
            "unpriced_calls": self.unpriced_calls,
            "lost_calls": self.lost_calls,
            "replays": self.replays or None,
            "replayed_calls": self.replayed_calls,
            "forked_from": self.forked_from or None,
            "models": [dump(model) for model in self.models],
            "limits": dump(self.limits),
            "prices": self.prices,
            "stated_prices": {n: dict(p) for n, p in self.stated_prices.items()},
            "drill": self.drill,
            "model": self.model,
            "model_reason": self.model_reason,
            "error": dump(self.error) if self.error else None,
            "forgot": self.forgot or None,
            "paused_for": self.paused_for or None,
            "questions": [question.document() for question in self.questions],
            "execution_summary": {
                "workflow": self.workflow,
                "workflow_status": self.status,
                "execution_summary": _summary(self.history),
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
    spent = state.spent
    total = total_of(spent.values())
    steps = {
        name: _step_result(step, state.step_limits(name))
        for name, step in state.steps.items()
    }
    routing = steps.pop(ROUTE, None) if accepted.workflow.routed else None
    return RunResult(
        run_id=accepted.run_id,
        objective=accepted.objective,
        workflow=accepted.workflow.name,
        status=state.status,
        output=state.output,
        history=tuple(steps.values()),
        artifacts=tuple(
            Artifact(path=a.path, size=a.size, sha256=a.sha256)
            for _, a in sorted(state.artifacts.items())
        ),
        usage=total.usage,
        cost_usd=total.cost_nanos / 1e9,
        unpriced_calls=total.unpriced_calls,
        lost_calls=state.lost_calls,
        model=state.started.model if state.started else "",
        model_reason=state.started.model_reason if state.started else "",
        route=state.route,
        out=state.out,
        started_at=accepted.at,
        ended_at=state.ended_at,
        duration_seconds=_seconds(state),
        error=state.error,
        models=_models(spent),
        limits=state.limits,
        prices=state.started.prices if state.started else "",
        stated_prices=state.started.stated_prices if state.started else {},
        replays=accepted.replays,
        replayed_calls=total.replayed,
        forked_from=accepted.forked_from,
        drill=state.drill,
        routing=routing,
        forgot=state.forgot,
        paused_for=state.paused_for,
        questions=open_questions(state),
    )


def _summary(history: Sequence[StepResult]) -> str:
    """Say how many are done of the steps that take part."""
    left_out = sum(bool(step.left_out) for step in history)
    count = sum(step.status != "skipped" or bool(step.error) for step in history)
    done = sum(step.status in ("finished", "degraded") for step in history)
    said = f"{done} of {count} step{'s' * (count != 1)} done"
    return f"{said}, {left_out} left out" if left_out else said


def _models(spent: Mapping[str, ModelState]) -> tuple[ModelResult, ...]:
    return tuple(
        ModelResult(
            model=model,
            usage=did.usage,
            cost_usd=did.cost_nanos / 1e9,
            unpriced_calls=did.unpriced_calls,
            failed_attempts=did.failures,
            duration_seconds=round(did.micros / 1e6, 3),
        )
        for model, did in spent.items()
    )


def _step_result(step: StepState, limits: Limits) -> StepResult:
    total = step.total
    return StepResult(
        step=step.name,
        agent=step.agent,
        status=step.status,
        output=step.output,
        artifacts=step.artifacts,
        models=step.models,
        usage=total.usage,
        cost_usd=total.cost_nanos / 1e9,
        unpriced_calls=total.unpriced_calls,
        duration_seconds=_seconds(step),
        error=step.error,
        failed_attempts=total.failures,
        spent=_models(step.spent),
        limits=limits,
        round=step.round,
        items=None if step.items is None else len(step.items),
        left_out=step.left_out if step.status == "skipped" else "",
        parts=tuple(map(_part_result, step.parts.values())),
    )


def _part_result(part: StepState) -> PartResult:
    return PartResult(
        path=part.name,
        agent=part.agent,
        status=part.status,
        usage=part.usage,
        cost_usd=part.cost_nanos / 1e9,
        unpriced_calls=part.unpriced_calls,
        duration_seconds=_seconds(part),
        error=part.error,
    )


def _seconds(state: StepState | RunState) -> float | None:
    began = isinstance(state, RunState) or state.started_at
    return round(state.worked_micros / 1e6, 3) if began and state.ended_at else None
