"""Ask something of a run, whoever does it, and say what became of that.

Whoever asks and finds that nobody does the run owns it for a moment, and takes up all
that was asked until then, in its order. Several who ask at once wait for each other,
so that nothing is left for an owner who may never come.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import anyio

from .._machine import RunState
from ..errors import InputError, RunBusyError
from ..events import (
    CancelRequested,
    Event,
    PauseRequested,
    Requested,
    RequestRefused,
    RunCancelled,
    RunPaused,
    RunResumed,
)
from ..journals import Pending
from ..outcomes import Outcome
from .driving import Driving
from .heeding import become
from .recorder import Recorder, timestamp

__all__ = ["ask"]

_PATIENCE = 2.0
"""Seconds to wait for whoever does a run to take up what is asked of it."""
_LOOK = 0.1
"""Seconds between two looks whether anybody does it at all."""


async def ask(driving: Driving, state: RunState, wish: Requested) -> Outcome:
    """Ask something of a run, and wait a little for it to be taken up.

    Args:
        driving: What can own the run, if nobody does.
        state: How far the run is, as far as is known; it has not ended.
        wish: What is asked.

    Raises:
        RunNotFoundError: If there is no such run any more.
        InputError: If it is refused, or the run ends before it is taken up.
    """
    run_id = state.accepted.run_id
    asked = replace(driving.secrets.redact_record(wish), at=timestamp())
    request_id = await driving.journal.request(run_id, asked)
    if not request_id:  # of a journal from before that was returned
        return Outcome(done=False)
    with anyio.move_on_after(_PATIENCE):
        while True:
            await _settle(driving, run_id, request_id)
            with anyio.move_on_after(_LOOK):
                return await _outcome(driving, state, request_id)
    return Outcome(done=False, request_id=request_id)


async def _outcome(driving: Driving, state: RunState, request_id: str) -> Outcome:
    """Wait until a request is taken up."""
    run_id = state.accepted.run_id
    look = f"see what happened: zg runs show {run_id}"
    async with aclosing(driving.journal.subscribe(run_id, state.seq)) as events:
        async for event in events:
            if not _is_of(event, request_id):
                continue
            if isinstance(event, RequestRefused):
                raise InputError(event.reason, look, run_id=run_id)
            return Outcome(done=True, request_id=request_id)
    raise InputError(
        f"run {run_id!r} ended before it took up what was asked", look, run_id=run_id
    )


async def _settle(driving: Driving, run_id: str, request_id: str) -> None:
    """Take up what was asked of a run up to a request, unless somebody does the run."""
    try:
        async with driving.owned(run_id) as recorder:
            events = await driving.journal.read(run_id)
            if any(_is_of(event, request_id) for event in events):
                return
            since = max((e.seq for e in events if isinstance(e, RunResumed)), default=0)
            async with aclosing(driving.journal.requests(run_id)) as requests:
                while not recorder.state.ended_at:
                    pending = await anext(requests)
                    with anyio.CancelScope(shield=True):
                        await _take_up(driving, recorder, pending, since)
                    if pending.request_id == request_id:
                        return
    except RunBusyError:
        return


async def _take_up(
    driving: Driving, recorder: Recorder, pending: Pending, since: int
) -> None:
    """Record what a request becomes, and what follows where nothing is under way."""
    host, redacted = driving.host, driving.secrets.redact_record
    became = become(recorder.state, pending, since, host, redacted)
    await recorder.record(became)
    match became:
        case CancelRequested(reason=reason):
            await recorder.record(RunCancelled(reason=reason))
        case PauseRequested(reason=reason) if recorder.state.status != "paused":
            wish = reason or "somebody asked for it"
            await recorder.record(RunPaused(reason=wish))


def _is_of(event: Event, request_id: str) -> bool:
    return isinstance(event, Requested) and event.request_id == request_id
