"""Watch a run that another process does."""

from __future__ import annotations

import sys
from contextlib import aclosing
from dataclasses import dataclass

import anyio

from zg_core._codec import event_document
from zg_core._groups import ungrouped
from zg_core._machine import RunState, advance, fold
from zg_core.engine import Engine
from zg_core.errors import ZeroGravityError
from zg_core.events import RunPaused
from zg_core.results import result_of

from ._doing import view_of
from ._interrupts import INTERRUPTED, interruptible
from ._invocation import Invocation
from ._output import Output
from ._report import exit_code, note_paused, print_result, print_steps
from ._runs import whole_id
from ._streams import StreamError
from ._views import View
from ._words import in_words, on_one_line

__all__ = ["watch_run"]

_LOOK_EVERY = 2.0
"""Seconds between two looks at whether anybody still does the run."""


async def watch_run(
    invocation: Invocation, name: str, *, after: int, follow: bool
) -> int:
    """Show what happens in a run until it ends, and return the exit code.

    Args:
        invocation: The call of ``zg``.
        name: The run.
        after: The ``seq`` of the latest event that is known already.
        follow: Whether to go on when the run is paused.

    Raises:
        ZeroGravityError: If nobody reads what is shown; the run goes on.
    """
    output = invocation.output
    async with invocation.engine(invocation.config()) as engine:
        run_id = await whole_id(engine, name)
        watching = _Watching(engine, run_id, output, seen=after, follow=follow)
        try:
            with view_of(output) as view:
                interrupted = await watching.watch(view)
        except StreamError as error:
            raise ZeroGravityError(
                f"standard output cannot be written: {error.strerror}",
                watching.go_on,
                run_id=run_id,
            ) from error
        if interrupted:
            output.note(f"the run goes on; {watching.go_on}")
            return INTERRUPTED
        events = await engine.journal.read(run_id)
    result = result_of(fold(events))
    if not output.as_json:
        if not output.terminal:
            print_steps(output, result)
        if result.error is not None:
            output.say(f"error: {on_one_line(result.error.cause)}")
            output.say(f"  {on_one_line(result.error.remedy)}")
        print_result(output, result)
    if result.status == "paused":
        note_paused(output, result)
    return exit_code(result, None)


@dataclass(slots=True)
class _Watching:
    """One who watches a run.

    Attributes:
        seen: The ``seq`` of the latest event that was shown.
    """

    engine: Engine
    run_id: str
    output: Output
    seen: int
    follow: bool

    @property
    def go_on(self) -> str:
        """How to watch the rest."""
        return f"watch on with: zg runs watch {self.run_id} --after {self.seen}"

    async def watch(self, view: View) -> bool:
        """Show what happens until it ends; tell whether Ctrl-C ended that."""
        with ungrouped():
            async with anyio.create_task_group() as tasks:
                scope = tasks.cancel_scope
                ended = False

                def stop() -> None:
                    if not ended:
                        scope.cancel()

                tasks.start_soon(self._say_if_left, view)
                with interruptible(stop, view.__exit__):
                    await self._show(view)
                    ended = True
                scope.cancel()
        return not ended

    async def _show(self, view: View) -> None:
        state: RunState | None = None
        async with aclosing(self.engine.watch(self.run_id)) as events:
            async for event in events:
                state = fold([event]) if state is None else advance(state, event)
                if event.seq > self.seen:
                    self.output.line(event_document(event))
                    view.show(event, state, new=True)
                    self.seen = event.seq
                if isinstance(event, RunPaused) and self.follow:
                    view.say(f"{in_words(event)}; waiting for it to go on")
                if state.status == "paused" and await self._rests(event.seq):
                    return

    async def _rests(self, seq: int) -> bool:
        """Tell whether a paused run was not taken up again by now."""
        if self.follow:
            return False
        return not await self.engine.journal.read(self.run_id, after=seq)

    async def _say_if_left(self, view: View) -> None:
        """Say so where nobody does the run, and again where that is so later."""
        said, seen = False, self.seen
        while True:
            if said or self.seen == seen:  # else somebody was just heard of
                left = await self._is_left()
                if left and not said:
                    view.say(f"nobody is doing it: zg runs resume {self.run_id}")
                said = left
            seen = self.seen
            await anyio.sleep(_LOOK_EVERY)

    async def _is_left(self) -> bool:
        running = await self.engine.journal.list(limit=sys.maxsize, status="running")
        return any(r.run_id == self.run_id and not r.owned for r in running)
