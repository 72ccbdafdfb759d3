"""Do a run while somebody watches, and end as they expect."""

from __future__ import annotations

from contextlib import aclosing

import anyio

from zg_core._groups import ungrouped
from zg_core._machine import advance, fold
from zg_core.engine import Engine
from zg_core.errors import JournalError, ReplayMismatchError, ZeroGravityError
from zg_core.events import Event
from zg_core.results import result_of

from ._interrupts import interruptible
from ._output import Output
from ._report import exit_code, print_result, print_steps
from ._streams import StreamError
from ._views import Lines, Silence, View

__all__ = ["do"]


async def do(engine: Engine, run_id: str, output: Output, *, deltas: bool) -> int:
    """Do what is left of a run, say how it ended, and return the exit code.

    Args:
        engine: What does it.
        run_id: The run.
        output: Where it is shown.
        deltas: Whether answers are shown while they come.

    Raises:
        JournalError: If the run cannot be read or recorded.
        ZeroGravityError: If nobody reads what is shown; which stops the run.
    """
    try:
        return await _do(engine, run_id, output, deltas=deltas)
    except StreamError as error:
        raise ZeroGravityError(
            f"standard output cannot be written: {error.strerror}",
            f"go on with: zg runs resume {run_id}",
            run_id=run_id,
        ) from error


async def _do(engine: Engine, run_id: str, output: Output, *, deltas: bool) -> int:
    error: ZeroGravityError | None = None
    with _view(output) as view:
        try:
            await _watch(engine, run_id, view, deltas=deltas)
        except ReplayMismatchError as caught:
            error = caught
        except JournalError:
            raise  # there is nothing to be told of the run
        except ZeroGravityError as caught:
            error = caught
    events = await engine.journal.read(run_id)
    result = result_of(fold(events))
    output.document(result.document())
    if not output.as_json:
        if not output.terminal:
            print_steps(output, result)
        if error is not None and result.status == "failed":
            output.error(error)
        print_result(output, result, events)
    return exit_code(result, error)


def _view(output: Output) -> View:
    if output.as_json:
        return Silence()
    if not output.terminal:
        return Lines(output)
    from ._live import LiveTree

    return LiveTree(output)


async def _watch(engine: Engine, run_id: str, view: View, *, deltas: bool) -> None:
    before = await engine.journal.read(run_id)
    state, known = fold(before), before[-1].seq
    with ungrouped():
        async with anyio.create_task_group() as tasks:

            def stop() -> None:
                view.say("stopping; Ctrl-C once more ends it at once")
                tasks.start_soon(engine.cancel, run_id, "Ctrl-C")

            with interruptible(stop, view.__exit__):
                events = engine.stream_run(run_id, deltas=deltas)
                async with aclosing(events):
                    async for item in events:
                        new = not isinstance(item, Event) or item.seq > known
                        if isinstance(item, Event) and new:
                            state = advance(state, item)
                        view.show(item, state, new=new)
