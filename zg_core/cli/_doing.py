"""Do a run while somebody watches, and end as they expect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import TypeAlias

import anyio

from zg_core._groups import ungrouped
from zg_core._machine import advance, fold
from zg_core.engine import Engine
from zg_core.errors import JournalError, ZeroGravityError
from zg_core.events import Event
from zg_core.recordings import Recording
from zg_core.results import result_of
from zg_core.running.recorder import TextDelta

from ._attending import Attendant, somebody_is_there
from ._bounds import Bounds
from ._difference import print_difference
from ._interrupts import interruptible
from ._invocation import current_invocation
from ._output import Output
from ._report import exit_code, note_paused, print_result, print_steps
from ._streams import StreamError
from ._views import Lines, Silence, View

__all__ = ["do", "view_of"]

_UNCHANGED = Bounds()
_Stream: TypeAlias = Callable[[], AsyncGenerator[Event | TextDelta, None]]


async def do(
    engine: Engine,
    run_id: str,
    output: Output,
    *,
    deltas: bool,
    bounds: Bounds = _UNCHANGED,
    out: str | None = None,
    replay: Recording | None = None,
) -> int:
    """Do what is left of a run, say how it ended, and return the exit code.

    Args:
        engine: What does it.
        run_id: The run.
        output: Where it is shown.
        deltas: Whether answers are shown while they come.
        bounds: Limits in the place of those it has.
        out: The folder of its files, if that is another one now.
        replay: A recorded run whose answers it is given.

    Raises:
        JournalError: If the run cannot be read or recorded.
        ZeroGravityError: If nobody reads what is shown; which stops the run.
    """
    stream = partial(
        engine.stream_run,
        run_id,
        deltas=deltas,
        limits=bounds.limits(),
        step_limits=bounds.step_limits(),
        out=out,
        replay=replay,
        attended=somebody_is_there(output),
    )
    try:
        return await _do(engine, run_id, output, stream)
    except StreamError as error:
        raise ZeroGravityError(
            f"standard output cannot be written: {error.strerror}",
            f"go on with: zg runs resume {run_id}",
            run_id=run_id,
        ) from error


async def _do(engine: Engine, run_id: str, output: Output, stream: _Stream) -> int:
    error: ZeroGravityError | None = None
    with view_of(output) as view:
        try:
            await _watch(engine, run_id, output, view, stream)
        except JournalError:
            raise  # there is nothing to be told of the run
        except ZeroGravityError as caught:
            error = caught
    if error is not None:
        current_invocation().trace(error)
    events = await engine.journal.read(run_id)
    result = result_of(fold(events))
    output.document(result.document())
    if not output.as_json:
        if not output.terminal:
            print_steps(output, result)
        if error is not None and result.status == "failed":
            output.error(error)
        print_result(output, result)
    if result.status == "paused":
        note_paused(output, result)
    if result.replays:
        print_difference(output, events)
    return exit_code(result, error)


def view_of(output: Output) -> View:
    """Return what shows a run: a tree on a terminal, else lines, or nothing."""
    if output.as_json:
        return Silence()
    if not output.terminal:
        return Lines(output)
    from ._live import LiveTree

    return LiveTree(output)


async def _watch(
    engine: Engine, run_id: str, output: Output, view: View, stream: _Stream
) -> None:
    before = await engine.journal.read(run_id)
    state, known = fold(before), before[-1].seq
    with ungrouped():
        async with anyio.create_task_group() as tasks:

            def stop() -> None:
                view.say("stopping; Ctrl-C once more ends it at once")
                tasks.start_soon(engine.cancel, run_id, "Ctrl-C")

            attendant = Attendant(engine, run_id, output, view)
            if somebody_is_there(output):
                tasks.start_soon(attendant.attend)
            with interruptible(stop, view.__exit__):
                async with aclosing(stream()) as events:
                    async for item in events:
                        new = not isinstance(item, Event) or item.seq > known
                        if isinstance(item, Event) and new:
                            state = advance(state, item)
                        view.show(item, state, new=new)
                        if isinstance(item, Event):
                            attendant.hear(item)
            tasks.cancel_scope.cancel()
