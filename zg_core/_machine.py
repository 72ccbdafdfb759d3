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

A finished step is waiting again where another round begins, and any step where the
run is set back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeVar

from ._clocks import clocked
from ._run_state import ModelState, RunState, StepState, updated
from ._step_paths import ROUTE, base, depth, is_part, lies_in, parts
from .errors import JournalError, WorkflowError
from .events import (
    ApprovalDecided,
    ApprovalRequested,
    ArtifactWritten,
    CancelRequested,
    Event,
    GuardrailDecided,
    HistoryCompacted,
    InputGiven,
    InputRequested,
    LimitsChanged,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    PauseRequested,
    PluginLoaded,
    RouteChosen,
    RunAccepted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunRewound,
    RunStarted,
    StepDegraded,
    StepExpanded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    UnknownEvent,
    status_after,
)
from .workflows import Step

__all__ = [
    "ModelState",
    "RunState",
    "StepState",
    "advance",
    "fold",
    "outcome",
    "ready",
    "waits_for",
]

T = TypeVar("T")

_Moved = StepStarted | StepFinished | StepFailed | StepDegraded | StepSkipped
_ENDED = frozenset({"finished", "degraded", "skipped"})
_CUT_OFF = frozenset({"running", "failed"})


def fold(events: Iterable[Event]) -> RunState:
    """Return the state that events, or the first few of them, lead to.

    Raises:
        JournalError: If the first is not `RunAccepted`.
    """
    rest = iter(events)
    first = next(rest, None)
    if isinstance(first, UnknownEvent):
        raise JournalError(
            f"run {first.run_id!r} was begun by another version of ZeroGravity, "
            "which this one does not understand",
            "update ZeroGravity, or have that version do the run",
        )
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
        limits=first.options.limits,
        own_step_limits=first.options.step_limits,
        out=first.options.out or "",
        history=first.history,
    )
    for event in rest:
        state = advance(state, event)
    return state


def ready(state: RunState) -> tuple[Step, ...]:
    """Return the steps that may begin now, in the workflow's order."""
    if state.status != "running" or state.cancel_requested or state.pause_requested:
        return ()
    if state.started is None:
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
        degraded=bool(state.forgot)
        or any(s.status == "degraded" or s.error is not None for s in steps),
    )


def advance(state: RunState, event: Event) -> RunState:
    """Return the state after one more event."""
    change = _CHANGES.get(type(event))
    changed = change(state, event) if change else {}
    status = status_after(event) or state.status
    return clocked(updated(state, seq=event.seq, status=status, **changed), event)


def _moved(state: RunState, event: _Moved) -> Mapping[str, Any]:
    step = state.steps.get(base(event.step))
    if step is None and event.step == ROUTE:
        step = StepState(name=ROUTE, agent="")
    if step is None:
        return {}
    if is_part(event.step):
        part = step.parts.get(event.step) or StepState(name=event.step, agent="")
        moved = {**step.parts, event.step: _after(part, event)}
        step = _left_alone(updated(step, parts=moved), event)
        if not state.questions or isinstance(event, StepStarted):
            return _with_step(state, step)
        left = _but_at(state.questions, event.step)
        return {**_with_step(state, step), "questions": left}
    step = _left_alone(_after(step, event), event)
    again = event.again if isinstance(event, StepFinished) else ()
    steps = {**state.steps, step.name: step}
    for name in steps.keys() & set(again):
        steps[name] = updated(
            steps[name],
            status="waiting",
            round=steps[name].round + 1,
            items=None,
            error=None,
        )
    if not state.questions or step.status == "running":
        return {"steps": steps}
    return {"steps": steps, "questions": _but_of(state.questions, (step.name,))}


def _left_alone(step: StepState, event: _Moved) -> StepState:
    """Skip the parts that were still running when what they lie in ended."""
    if isinstance(event, StepStarted) or not step.parts:
        return step
    left = {
        path: updated(part, status="skipped", ended_at=event.at)
        for path, part in step.parts.items()
        if part.status == "running" and lies_in(path, event.step)
    }
    return updated(step, parts={**step.parts, **left}) if left else step


def _after(step: StepState, event: _Moved) -> StepState:
    """Return a step, or a part of one, after what happened to it."""
    match event:
        case StepStarted():
            return updated(
                step,
                status="running",
                agent=event.agent,
                error=None,
                started_at=step.started_at or event.at,
                ended_at="",
            )
        case StepFinished():
            return updated(
                step,
                status="finished",
                output=event.output,
                artifacts=_united(step.artifacts, event.artifacts),
                ended_at=event.at,
            )
        case StepDegraded():
            return updated(
                step,
                status="degraded",
                output=event.output,
                error=event.error,
                ended_at=event.at,
            )
        case StepFailed():
            return updated(step, status="failed", error=event.error, ended_at=event.at)
        case StepSkipped():
            return updated(
                step,
                status="skipped",
                output=None,  # what a round before gave is not what this one gives
                error=event.error,
                left_out="" if event.error else event.reason,
                ended_at=event.at,
            )


def _changed(
    steps: Mapping[str, StepState], path: str, change: Callable[[StepState], StepState]
) -> Mapping[str, StepState]:
    """Change the step that a path lies in, and every part of it that it lies in."""
    step = steps.get(base(path))
    if step is None:
        return steps
    within = {
        part: change(step.parts[part]) for part in parts(path) if part in step.parts
    }
    step = change(updated(step, parts={**step.parts, **within}) if within else step)
    return {**steps, step.name: step}


def _called(state: RunState, event: ModelCalled) -> Mapping[str, Any]:
    def count(step: StepState) -> StepState:
        return updated(step, calls=step.calls + 1)

    return {
        "steps": _changed(state.steps, event.step, count),
        "open_calls": (*state.open_calls, event),
    }


def _answered(state: RunState, event: ModelAnswered) -> Mapping[str, Any]:
    closed, others = _closed(state, event)
    if event.replayed:
        replayed = _did(state.steps, event, ModelState(replayed=1))
        return {"steps": replayed, "open_calls": others}
    did = ModelState(
        usage=event.response.usage,
        cost_nanos=_whole((event.cost_usd or 0.0) * 1e9),
        unpriced_calls=int(event.cost_usd is None),
        micros=_whole(event.duration_seconds * 1e6),
    )
    steps = _did(state.steps, event, did)
    if not event.response.usage.total_tokens:  # it does not say, and none uses nothing
        steps = _lost(steps, closed)
    return {"steps": steps, "open_calls": others}


def _whole(amount: float) -> int:
    """Return an amount without its fraction; a journal may hold what is none."""
    return round(amount) if math.isfinite(amount) else 0


def _call_failed(state: RunState, event: ModelFailed) -> Mapping[str, Any]:
    """Settle a failed call: a refusal costs nothing, a lost answer its worst case."""
    closed, others = _closed(state, event)
    steps = _did(state.steps, event, _failure(event))
    steps = _lost(steps, closed if event.billed else ())
    return {"steps": steps, "open_calls": others}


def _failure(event: ModelFailed) -> ModelState:
    return ModelState(replayed=1) if event.replayed else ModelState(failures=1)


def _closed(
    state: RunState, event: ModelAnswered | ModelFailed
) -> tuple[tuple[ModelCalled, ...], tuple[ModelCalled, ...]]:
    """Part the open calls: those whose outcome an event is, and the others."""
    made = event.call_key, event.attempt
    own = tuple(c for c in state.open_calls if (c.call_key, c.attempt) == made)
    return own, tuple(c for c in state.open_calls if c not in own)


def _did(
    steps: Mapping[str, StepState], event: ModelAnswered | ModelFailed, did: ModelState
) -> Mapping[str, StepState]:
    """Add what a model did to the step it did it for."""

    def add(step: StepState) -> StepState:
        before = step.spent.get(event.model)
        spent = {**step.spent, event.model: did if before is None else before + did}
        return updated(step, spent=spent)

    return _changed(steps, event.step, add)


def _lost(
    steps: Mapping[str, StepState], calls: Iterable[ModelCalled]
) -> Mapping[str, StepState]:
    """Count the worst of calls whose answers nobody will ever see."""
    for call in calls:
        nanos = _whole((call.reserved_usd or 0.0) * 1e9)

        def count(
            step: StepState, tokens: int = call.reserved_tokens, nanos: int = nanos
        ) -> StepState:
            return updated(
                step,
                lost_calls=step.lost_calls + 1,
                lost_tokens=step.lost_tokens + tokens,
                lost_nanos=step.lost_nanos + nanos,
            )

        steps = _changed(steps, call.step, count)
    return steps


def _wrote(state: RunState, event: ArtifactWritten) -> Mapping[str, Any]:
    def add(step: StepState) -> StepState:
        return updated(step, artifacts=_united(step.artifacts, (event.path,)))

    return {
        "artifacts": {**state.artifacts, event.path: event},
        "steps": _changed(state.steps, event.step, add),
    }


def _decided(state: RunState, event: ApprovalDecided | InputGiven) -> Mapping[str, Any]:
    left = dict(state.questions)
    left.pop(event.call_key, None)
    waits = state.status == "paused" and not state.pause_requested
    return {
        "questions": left,
        "decisions": {**state.decisions, event.call_key: event},
        "paused_for": waits_for(len(left)) if waits else state.paused_for,
    }


def waits_for(questions: int) -> str:
    """Return why a run is paused that people are asked about, by what is left open."""
    if not questions:
        return "its questions are answered"
    if questions == 1:
        return "a question waits for a person"
    return f"{questions} questions wait for people"


def _loaded(state: RunState, event: PluginLoaded) -> Mapping[str, Any]:
    return {"plugins": (*state.plugins, event.plugin)}


def _limited(_state: RunState, event: LimitsChanged) -> Mapping[str, Any]:
    return {"limits": event.limits, "own_step_limits": event.step_limits}


def _finished(state: RunState, event: RunFinished) -> Mapping[str, Any]:
    return {"output": event.output, **_ended(state, event)}


def _failed(state: RunState, event: RunFailed) -> Mapping[str, Any]:
    return {"error": event.error, **_ended(state, event)}


def _to_cancel(_state: RunState, event: CancelRequested) -> Mapping[str, Any]:
    return {"cancel_requested": True, "cancel_reason": event.reason}


def _to_pause(_state: RunState, _event: PauseRequested) -> Mapping[str, Any]:
    return {"pause_requested": True}


def _paused(state: RunState, event: RunPaused) -> Mapping[str, Any]:
    return {"paused_for": event.reason, **_set_aside(state)}


def _asked(
    state: RunState, event: ApprovalRequested | InputRequested
) -> Mapping[str, Any]:
    return {"questions": {**state.questions, event.call_key: event}}


def _expanded(state: RunState, event: StepExpanded) -> Mapping[str, Any]:
    step = state.steps.get(base(event.step))
    return _with_step(state, updated(step, items=event.items)) if step else {}


def _compacted(state: RunState, event: HistoryCompacted) -> Mapping[str, Any]:
    """Take a summary for what was said; what is left out is so for that step alone."""
    if not event.complete:
        return {"forgot": event.step}
    same = base(state.forgot) == base(event.step)
    return {"history": event.history, "forgot": "" if same else state.forgot}


def _guarded(state: RunState, event: GuardrailDecided) -> Mapping[str, Any]:
    """Take the objective as a guardrail leaves it; a refused one begins anew."""
    if event.subject != "objective":
        return {}
    if not event.allow:
        return {"objective": state.accepted.objective, "objective_passed": ()}
    changed = event.replacement is not None
    return {
        "objective": event.replacement if changed else state.objective,
        "objective_passed": (*state.objective_passed, event.guardrail),
    }


def _routed(state: RunState, event: RouteChosen) -> Mapping[str, Any]:
    """Take the chosen agents' steps; the others are skipped.

    Where that leaves no workflow, which no run of ours records, all remain.
    """
    if not event.agents or not state.agents.keys() >= state.steps.keys() - {ROUTE}:
        return {"route": event}
    try:
        workflow = state.workflow.only(event.agents, state.agents)
    except WorkflowError:
        return {"route": event}
    taking_part = {step.name: step.agent for step in workflow.steps}
    steps = {
        name: step if name in (ROUTE, *taking_part) else updated(step, status="skipped")
        for name, step in state.steps.items()
    }
    for name, agent in taking_part.items():
        steps.setdefault(name, StepState(name=name, agent=agent))
    agents = {**taking_part, **state.agents}
    return {"workflow": workflow, "steps": steps, "agents": agents, "route": event}


def _ended(state: RunState, event: Event) -> Mapping[str, Any]:
    """Count what calls may have cost that nobody waited for."""
    steps = _lost(state.steps, state.open_calls)
    return {"ended_at": event.at, "steps": steps, "open_calls": ()}


def _resumed(state: RunState, event: RunResumed) -> Mapping[str, Any]:
    """Let steps that did not end begin anew; what ended stays as it is."""
    return {
        **_set_aside(state),
        "error": None,
        "cancel_requested": False,
        "pause_requested": False,
        "paused_for": "",
        "ended_at": "",
        "drill": event.drill or state.drill,
        "out": event.out or state.out,
    }


def _set_aside(state: RunState) -> Mapping[str, Any]:
    """Leave what did not end; nobody waits for the calls that were under way."""
    steps = _lost(state.steps, state.open_calls)
    return {
        "steps": {name: _anew(step) for name, step in steps.items()},
        "open_calls": (),
    }


def _anew(step: StepState) -> StepState:
    changed = {
        path: _anew(part)
        for path, part in step.parts.items()
        # Who asked an agent is told of its failure again, as long as that may stand.
        if part.status == "running" or (part.status == "failed" and not depth(path))
    }
    if changed:
        step = updated(step, parts={**step.parts, **changed})
    if step.status not in _CUT_OFF:
        return step
    return updated(step, status="waiting", error=None)


def _rewound(state: RunState, event: RunRewound) -> Mapping[str, Any]:
    """Forget what steps did, but for what it cost and the files they wrote."""
    aside = _set_aside(state)
    steps = dict(aside["steps"])
    for name in steps.keys() & set(event.steps):
        spent = steps[name]
        steps[name] = StepState(
            name=name,
            agent=spent.agent,
            artifacts=spent.artifacts,
            spent=spent.spent,
            calls=spent.calls,
            lost_calls=spent.lost_calls,
            lost_tokens=spent.lost_tokens,
            lost_nanos=spent.lost_nanos,
        )
    return {
        **aside,
        "steps": steps,
        "questions": _but_of(state.questions, event.steps),
        "decisions": _but_of(state.decisions, event.steps),
        "forgot": "" if base(state.forgot) in event.steps else state.forgot,
        "output": None,
        "error": None,
        "cancel_requested": False,
        "paused_for": f"set back to step {event.step!r}",
        "ended_at": "",
    }


def _but_at(calls: Mapping[str, T], path: str) -> Mapping[str, T]:
    """Leave out what belongs to calls at a path."""
    return {k: v for k, v in calls.items() if not lies_in(k.partition(":")[0], path)}


def _but_of(calls: Mapping[str, T], steps: Collection[str]) -> Mapping[str, T]:
    """Leave out what belongs to calls of these steps; their keys begin with it."""
    return {k: v for k, v in calls.items() if base(k.partition(":")[0]) not in steps}


def _started(state: RunState, event: RunStarted) -> Mapping[str, Any]:
    agents = event.agents
    steps = {
        name: updated(step, agent=agents.get(name, step.agent))
        for name, step in state.steps.items()
    }
    return {
        "started": event,
        "drill": event.drill,
        "steps": steps,
        "agents": agents,
        "plugins": event.plugins,
        "error": None,
        "cancel_requested": False,
        "pause_requested": False,
        "paused_for": "",
        "ended_at": "",
    }


def _united(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _with_step(state: RunState, step: StepState) -> Mapping[str, Any]:
    return {"steps": {**state.steps, step.name: step}}


_CHANGES: Mapping[type[Event], Callable[[RunState, Any], Mapping[str, Any]]] = {
    RunStarted: _started,
    RunResumed: _resumed,
    RunRewound: _rewound,
    RunPaused: _paused,
    RunFinished: _finished,
    RunFailed: _failed,
    RunCancelled: _ended,
    PluginLoaded: _loaded,
    RouteChosen: _routed,
    GuardrailDecided: _guarded,
    LimitsChanged: _limited,
    CancelRequested: _to_cancel,
    PauseRequested: _to_pause,
    ApprovalRequested: _asked,
    InputRequested: _asked,
    ApprovalDecided: _decided,
    InputGiven: _decided,
    HistoryCompacted: _compacted,
    StepExpanded: _expanded,
    StepStarted: _moved,
    StepFinished: _moved,
    StepDegraded: _moved,
    StepFailed: _moved,
    StepSkipped: _moved,
    ModelCalled: _called,
    ModelAnswered: _answered,
    ModelFailed: _call_failed,
    ArtifactWritten: _wrote,
}
"""What an event changes, by attribute of the state; others change nothing."""
