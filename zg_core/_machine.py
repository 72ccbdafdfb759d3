"""What may happen next in a run; nothing here waits.

Rules of this file: a run is its events, so its state is computed from them and
from nothing else. There is no clock, no randomness and no I/O: time and ids
arrive inside events. `advance` believes every event, in whatever order steps
ended, and never raises; `ready` is the only place that decides. It is one file, since
one reader must see every way a run can go.

A step's way::

    waiting ──> running ──> finished
       ^           │  │ ╰──> degraded
       │           │  ╰────> skipped
       ╰───────────┴─ failed ── RunResumed ──> waiting
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ._json import Json
from .errors import JournalError
from .events import (
    ArtifactWritten,
    CancelRequested,
    ErrorInfo,
    Event,
    GuardrailDecided,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    PluginInfo,
    PluginLoaded,
    RouteChosen,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunResumed,
    RunStarted,
    RunStatus,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    status_after,
)
from .usage import Usage
from .workflows import Step, Workflow

__all__ = ["RunState", "StepState", "advance", "fold", "outcome", "ready"]

StepStatus: TypeAlias = Literal[
    "waiting", "running", "finished", "degraded", "skipped", "failed"
]
_MAY_BE_BILLED = frozenset({"ProviderTimeoutError", "ProviderResponseError"})
_ENDED = frozenset({"finished", "degraded", "skipped"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """How far one step is.

    Attributes:
        models: The models that answered it, in the order of their first answers.
        cost_nanos: What its calls cost, in billionths of a US dollar: whole
            numbers, so that a sum does not depend on the order of its parts.
        unpriced_calls: How many of its calls have no known price.
    """

    name: str
    agent: str
    status: StepStatus = "waiting"
    output: Json = None
    artifacts: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    models: tuple[str, ...] = ()
    usage: Usage = Usage()
    cost_nanos: int = 0
    unpriced_calls: int = 0
    started_at: str = ""
    ended_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How far a run is.

    Attributes:
        workflow: The steps that take part.
        objective: What it is for, as the guardrails left it.
        objective_passed: Qualified names of the guardrails that let it pass.
        agents: The qualified name of each step's agent, by step.
        steps: All steps, those that do not take part included.
        artifacts: The latest version of each file, by path.
        open_calls: Model calls whose outcome is not known yet.
        calls: How many model calls were made, whatever came of them.
        lost_tokens: The most that calls may have used that gave no answer.
        lost_nanos: The most these may have cost.
        seq: The ``seq`` of the latest event.
    """

    accepted: RunAccepted
    workflow: Workflow
    objective: str
    steps: Mapping[str, StepState]
    objective_passed: tuple[str, ...] = ()
    status: RunStatus = "running"
    agents: Mapping[str, str] = field(default_factory=dict)
    started: RunStarted | None = None
    plugins: tuple[PluginInfo, ...] = ()
    route: RouteChosen | None = None
    artifacts: Mapping[str, ArtifactWritten] = field(default_factory=dict)
    open_calls: tuple[ModelCalled, ...] = ()
    calls: int = 0
    lost_tokens: int = 0
    lost_nanos: int = 0
    output: Json = None
    error: ErrorInfo | None = None
    cancel_requested: bool = False
    ended_at: str = ""
    seq: int = 1

    @property
    def usage(self) -> Usage:
        """What all steps spent."""
        return sum((step.usage for step in self.steps.values()), Usage())

    @property
    def cost_nanos(self) -> int:
        """What all calls of known price cost, in billionths of a US dollar."""
        return sum(step.cost_nanos for step in self.steps.values())

    @property
    def unpriced_calls(self) -> int:
        """How many calls have no known price."""
        return sum(step.unpriced_calls for step in self.steps.values())


def fold(events: Iterable[Event]) -> RunState:
    """Return the state that events, or the first few of them, lead to.

    Raises:
        JournalError: If the first is not `RunAccepted`.
    """
    rest = iter(events)
    first = next(rest, None)
    if not isinstance(first, RunAccepted):
        raise JournalError(
            "the journal of this run does not begin with its acceptance",
            "restore the journal from a backup, or delete the run",
        )
    state = RunState(
        accepted=first,
        workflow=first.workflow,
        objective=first.objective,
        steps={
            s.name: StepState(name=s.name, agent=s.agent) for s in first.workflow.steps
        },
    )
    for event in rest:
        state = advance(state, event)
    return state


def ready(state: RunState) -> tuple[Step, ...]:
    """Return the steps that may begin now, in the workflow's order."""
    if state.status != "running" or state.cancel_requested or state.started is None:
        return ()
    if state.workflow.routed and state.route is None:
        return ()
    return tuple(
        step
        for step in state.workflow.steps
        if state.steps[step.name].status == "waiting"
        and all(state.steps[need].status in _ENDED for need in step.needs)
    )


def outcome(state: RunState) -> RunFinished | None:
    """Return how the run ends, if all its steps have; `None` if one has not."""
    steps = [state.steps[step.name] for step in state.workflow.steps]
    if not all(step.status in _ENDED for step in steps):
        return None
    last = {s.name: state.steps[s.name].output for s in state.workflow.last()}
    return RunFinished(
        output=next(iter(last.values())) if len(last) == 1 else last,
        degraded=any(s.status == "degraded" or s.error is not None for s in steps),
    )


def advance(state: RunState, event: Event) -> RunState:
    """Return the state after one more event."""
    status = status_after(event) or state.status
    return replace(state, seq=event.seq, status=status, **_changes(state, event))


def _changes(state: RunState, event: Event) -> Mapping[str, Any]:
    """Return what an event changes, by attribute."""
    match event:
        case RunStarted():
            return _started(state, event)
        case PluginLoaded():
            return {"plugins": (*state.plugins, event.plugin)}
        case GuardrailDecided(subject="objective"):
            return _guarded(state, event)
        case RouteChosen():
            return _routed(state, event)
        case RunResumed():
            return _resumed(state)
        case RunFinished():
            return {"output": event.output, "ended_at": event.at}
        case RunFailed():
            return {"error": event.error, "ended_at": event.at}
        case RunCancelled():
            return {"ended_at": event.at}
        case CancelRequested():
            return {"cancel_requested": True}
        case ArtifactWritten():
            return _wrote(state, event)
        case ModelCalled():
            return {
                "calls": state.calls + 1,
                "open_calls": (*state.open_calls, event),
            }
        case ModelAnswered():
            return _answered(state, event)
        case ModelFailed():
            return _call_failed(state, event)
        case (
            StepStarted()
            | StepFinished()
            | StepFailed()
            | StepDegraded()
            | StepSkipped()
        ):
            return _moved(state, event)
    return {}


def _moved(
    state: RunState,
    event: StepStarted | StepFinished | StepFailed | StepDegraded | StepSkipped,
) -> Mapping[str, Any]:
    step = state.steps.get(event.step)
    if step is None:
        return {}
    match event:
        case StepStarted():
            step = replace(
                step,
                status="running",
                agent=event.agent,
                started_at=step.started_at or event.at,
                ended_at="",
            )
        case StepFinished():
            step = replace(
                step,
                status="finished",
                output=event.output,
                artifacts=_united(step.artifacts, event.artifacts),
                ended_at=event.at,
            )
        case StepDegraded():
            step = replace(
                step,
                status="degraded",
                output=event.output,
                error=event.error,
                ended_at=event.at,
            )
        case StepFailed():
            step = replace(step, status="failed", error=event.error, ended_at=event.at)
        case StepSkipped():
            step = replace(step, status="skipped", error=event.error, ended_at=event.at)
    return _with_step(state, step)


def _answered(state: RunState, event: ModelAnswered) -> Mapping[str, Any]:
    _, others = _closed(state, event)
    step = state.steps.get(event.step)
    if step is None:
        return {"open_calls": others}
    known = event.cost_usd is not None
    changed = _with_step(
        state,
        replace(
            step,
            models=_united(step.models, (event.model,)),
            usage=step.usage + event.response.usage,
            cost_nanos=step.cost_nanos + round((event.cost_usd or 0) * 1e9),
            unpriced_calls=step.unpriced_calls + (not known),
        ),
    )
    return {**changed, "open_calls": others}


def _call_failed(state: RunState, event: ModelFailed) -> Mapping[str, Any]:
    """Settle a failed call: a refusal costs nothing, a lost answer its worst case."""
    closed, others = _closed(state, event)
    billed = event.error.type in _MAY_BE_BILLED
    return {"open_calls": others, **_lost(state, closed if billed else ())}


def _closed(
    state: RunState, event: ModelAnswered | ModelFailed
) -> tuple[tuple[ModelCalled, ...], tuple[ModelCalled, ...]]:
    """Part the open calls: those whose outcome an event is, and the others."""
    made = event.call_key, event.attempt
    own = tuple(c for c in state.open_calls if (c.call_key, c.attempt) == made)
    return own, tuple(c for c in state.open_calls if c not in own)


def _lost(state: RunState, calls: tuple[ModelCalled, ...]) -> Mapping[str, Any]:
    usd = sum(call.reserved_usd or 0.0 for call in calls)
    return {
        "lost_tokens": state.lost_tokens + sum(c.reserved_tokens for c in calls),
        "lost_nanos": state.lost_nanos + round(usd * 1e9),
    }


def _wrote(state: RunState, event: ArtifactWritten) -> Mapping[str, Any]:
    files = {**state.artifacts, event.path: event}
    step = state.steps.get(event.step)
    if step is None:
        return {"artifacts": files}
    step = replace(step, artifacts=_united(step.artifacts, (event.path,)))
    return {"artifacts": files, **_with_step(state, step)}


def _guarded(state: RunState, event: GuardrailDecided) -> Mapping[str, Any]:
    """Take the objective as a guardrail leaves it; a refused one begins anew."""
    if not event.allow:
        return {"objective": state.accepted.objective, "objective_passed": ()}
    changed = event.replacement is not None
    return {
        "objective": event.replacement if changed else state.objective,
        "objective_passed": (*state.objective_passed, event.guardrail),
    }


def _routed(state: RunState, event: RouteChosen) -> Mapping[str, Any]:
    """Take the chosen agents' steps; the others are skipped."""
    if not event.agents or not state.agents:
        return {"route": event}
    workflow = state.workflow.only(event.agents, state.agents)
    taking_part = {step.name: step.agent for step in workflow.steps}
    steps = {
        name: step if name in taking_part else replace(step, status="skipped")
        for name, step in state.steps.items()
    }
    for name, agent in taking_part.items():
        steps.setdefault(name, StepState(name=name, agent=agent))
    agents = {**taking_part, **state.agents}
    return {"workflow": workflow, "steps": steps, "agents": agents, "route": event}


def _resumed(state: RunState) -> Mapping[str, Any]:
    """Let steps that did not end begin anew; what ended stays as it is."""
    steps = {
        name: replace(step, status="waiting", error=None)
        if step.status in ("running", "failed")
        else step
        for name, step in state.steps.items()
    }
    return {
        "steps": steps,
        "error": None,
        "cancel_requested": False,
        "ended_at": "",
        "open_calls": (),
        **_lost(state, state.open_calls),
    }


def _started(state: RunState, event: RunStarted) -> Mapping[str, Any]:
    agents = event.agents
    steps = {
        name: replace(step, agent=agents.get(name, step.agent))
        for name, step in state.steps.items()
    }
    return {
        "started": event,
        "steps": steps,
        "agents": agents,
        "plugins": event.plugins,
        "error": None,
        "cancel_requested": False,
        "ended_at": "",
    }


def _united(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _with_step(state: RunState, step: StepState) -> Mapping[str, Any]:
    return {"steps": {**state.steps, step.name: step}}
