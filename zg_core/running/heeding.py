"""What others ask of a run while it is done: its owner makes it so, or says why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import anyio

from .._json import Json
from .._machine import RunState
from ..errors import InputError, UnknownNameError
from ..events import (
    ApprovalDecided,
    CancelRequested,
    InputGiven,
    LimitsChanged,
    PauseRequested,
    Requested,
    RequestRefused,
)
from ..journals import Pending
from ..plugins import PluginHost
from .judging import judged
from .limiting import changed_limits
from .retuning import retune
from .scope import RunScope

__all__ = ["become", "heed"]


async def heed(scope: RunScope, since: int, running: anyio.CancelScope) -> None:
    """Take up what is asked of a run, for as long as it is done.

    Args:
        scope: The run.
        since: The ``seq`` of the event with which it was taken up again; 0 if it
            has just begun.
        running: What ends all that is done in it.
    """
    recorder = scope.recorder
    async for pending in recorder.journal.requests(recorder.state.accepted.run_id):
        if recorder.state.ended_at:
            return  # it came too late, and ends with the run
        with anyio.CancelScope(shield=True):
            await _take_up(scope, pending, since, running)


async def _take_up(
    scope: RunScope, pending: Pending, since: int, running: anyio.CancelScope
) -> None:
    recorder = scope.recorder
    became = become(recorder.state, pending, since, scope.host, recorder.redacted)
    await recorder.record(became)
    match became:
        case CancelRequested():
            running.cancel()
        case LimitsChanged():
            retune(scope)
        case ApprovalDecided() | InputGiven():
            scope.gate.tell()
        case PauseRequested(reason=reason):
            scope.gate.pause(reason)


def become(
    state: RunState,
    pending: Pending,
    since: int,
    host: PluginHost,
    redacted: Callable[[Json], Json],
) -> Requested:
    """Return the event that a request becomes: what was asked, or why it is refused.

    Args:
        state: How far the run is.
        pending: The request.
        since: As in `heed`.
        host: As in `judged`.
        redacted: As in `judged`.
    """
    try:
        became = _granted(state, pending.event, since, host, redacted)
    except (InputError, UnknownNameError) as error:
        became = RequestRefused(reason=error.cause)
    return replace(became, request_id=pending.request_id)


def _granted(
    state: RunState,
    asked: Requested,
    since: int,
    host: PluginHost,
    redacted: Callable[[Json], Json],
) -> Requested:
    match asked:
        case CancelRequested():
            return asked
        case LimitsChanged():
            # Its owner alone knows which limits these are changes of.
            changed = changed_limits(state, asked.limits, asked.step_limits)
            return replace(changed, by=asked.by)
        case ApprovalDecided() | InputGiven():
            return judged(state, asked, host, redacted)
        case PauseRequested():
            if 0 < asked.seq < since:  # of when whoever asked looked at it
                return RequestRefused(reason="the run was taken up again since")
            return asked
    return RequestRefused(reason="that is nothing that can be asked of a run")
