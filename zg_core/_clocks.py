"""How long a run and its steps are under way, as the times of their events tell it.

A clock runs while somebody does what it is of. It stands still while all of that waits
for people, while the run is put aside, and from the last that is known of a process
that was killed until the run is taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from ._run_state import RunState, S, StepState, updated
from ._step_paths import base, lies_in, parts
from .events import (
    ApprovalDecided,
    ApprovalRequested,
    CancelRequested,
    Event,
    InputGiven,
    InputRequested,
    LimitsChanged,
    PauseRequested,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunRewound,
    RunStarted,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)

__all__ = ["clocked"]

_Ended = StepFinished | StepFailed | StepDegraded | StepSkipped
_FROM_OUTSIDE = frozenset(
    {ApprovalDecided, InputGiven, LimitsChanged, PauseRequested, CancelRequested}
)
"""What people say of a run, which may come long after its process was killed."""


def clocked(state: RunState, event: Event) -> RunState:
    """Return a state with its clocks set after an event.

    Args:
        state: What the event led to, with the clocks as they were before it.
        event: The event.
    """
    set_after = _AFTER.get(type(event))
    if set_after is not None:
        state = set_after(state, event)
    return state if type(event) in _FROM_OUTSIDE else updated(state, heard_at=event.at)


def _decided(state: RunState, event: ApprovalDecided | InputGiven) -> RunState:
    return _set(state, event.call_key.partition(":")[0], event.at)


def _begun(
    state: RunState, event: StepStarted | ApprovalRequested | InputRequested
) -> RunState:
    return _set(state, event.step, event.at)


def _over(state: RunState, event: _Ended) -> RunState:
    return _set(_within_still(state, event), event.step, event.at)


def _started(state: RunState, event: RunStarted) -> RunState:
    return _going(state, event.at)


def _resumed(state: RunState, event: RunResumed) -> RunState:
    return _going(_all_still(state, state.heard_at), event.at)


def _rewound(state: RunState, _event: RunRewound) -> RunState:
    return _all_still(state, state.heard_at)


def _ended(state: RunState, event: Event) -> RunState:
    return _all_still(state, event.at)


def _set(state: RunState, path: str, at: str) -> RunState:
    """Set the clocks of where something happened, and of all that it lies in."""
    step = state.steps.get(base(path))
    if step is None:
        return state
    asked = {question.step for question in state.questions.values()}
    known = {
        part: _as_it_is(step.parts[part], step, asked, at)
        for part in parts(path)
        if part in step.parts
    }
    if known:
        step = updated(step, parts={**step.parts, **known})
    step = _as_it_is(step, step, asked, at)
    state = updated(state, steps={**state.steps, step.name: step})
    if state.started is None or state.status != "running":
        return state
    running = [s for s in state.steps.values() if s.status == "running"]
    waits = bool(asked and running) and not any(s.since for s in running)
    return _still(state, at) if waits else _going(state, at)


def _within_still(state: RunState, event: _Ended) -> RunState:
    """Stop the clocks of parts that ended since what they lie in did."""
    step = state.steps.get(base(event.step))
    if step is None:
        return state
    over = {
        path: _still(part, event.at)
        for path, part in step.parts.items()
        if part.since and part.status != "running" and path != event.step
    }
    if not over:
        return state
    step = updated(step, parts={**step.parts, **over})
    return updated(state, steps={**state.steps, step.name: step})


def _as_it_is(
    part: StepState, step: StepState, asked: Collection[str], at: str
) -> StepState:
    goes_on = part.status == "running" and not (asked and _waits(part, step, asked))
    return _going(part, at) if goes_on else _still(part, at)


def _waits(part: StepState, step: StepState, asked: Collection[str]) -> bool:
    """Tell whether all that goes on in a part, or in its step, waits for people."""
    inner = [
        path
        for path, other in step.parts.items()
        if other.status == "running" and path != part.path and lies_in(path, part.path)
    ]
    return all(
        path in asked or any(other != path and lies_in(other, path) for other in inner)
        for path in (part.path, *inner)
    )


def _all_still(state: RunState, at: str) -> RunState:
    steps = {name: _step_still(step, at) for name, step in state.steps.items()}
    return updated(_still(state, at), steps=steps)


def _step_still(step: StepState, at: str) -> StepState:
    stopped = {p: _still(part, at) for p, part in step.parts.items() if part.since}
    if stopped:
        step = updated(step, parts={**step.parts, **stopped})
    return _still(step, at)


def _going(state: S, at: str) -> S:
    return state if state.since else updated(state, since=at)


def _still(state: S, at: str) -> S:
    if not state.since:
        return state
    micros = state.worked_micros + _micros(state.since, at)
    return updated(state, since="", worked_micros=micros)


def _micros(start: str, end: str) -> int:
    """Return how long it was, in millionths of a second; clocks may be set back."""
    with suppress(ValueError, TypeError):  # a journal may hold anything
        took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        return max(round(took.total_seconds() * 1e6), 0)
    return 0


_AFTER: Mapping[type[Event], Callable[[RunState, Any], RunState]] = {
    ApprovalDecided: _decided,
    InputGiven: _decided,
    StepStarted: _begun,
    ApprovalRequested: _begun,
    InputRequested: _begun,
    StepFinished: _over,
    StepFailed: _over,
    StepDegraded: _over,
    StepSkipped: _over,
    RunStarted: _started,
    RunResumed: _resumed,
    RunRewound: _rewound,
    RunPaused: _ended,
    RunFinished: _ended,
    RunFailed: _ended,
    RunCancelled: _ended,
}
"""How the clocks are set; other events move none."""
