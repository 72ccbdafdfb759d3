"""One run: begin it or take it up again, do its steps, and record how it ended."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from .._groups import ungrouped
from .._machine import RunState, outcome, ready
from .._prices import price_table_version
from .._version import core_version
from .._workspace import FolderWorkspace
from ..errors import (
    LimitError,
    RunCancelledError,
    RunPausedError,
    ZeroGravityError,
)
from ..events import (
    Event,
    RunCancelled,
    RunFailed,
    RunPaused,
    RunResumed,
    RunStarted,
)
from ..hookspecs import API
from ..workflows import Step
from .accepting import default_model, resolved_agents
from .budget import Budget
from .guarding import Guard, Guarding, guards
from .heeding import heed
from .injecting import Injecting
from .pausing import SOMEBODY, Gate
from .recorded import Recorded
from .recorder import Recorder, error_info
from .routing import route
from .scope import RunScope
from .setup import Setup
from .steps import note_new_plugins, run_step

__all__ = ["DONE", "do_run", "scope_of", "time_limit"]

DONE = ("completed", "degraded")
"""The statuses of a run with nothing left to do."""


async def do_run(
    recorder: Recorder,
    events: Sequence[Event],
    setup: Setup,
    *,
    epoch: int,
    out: str = "",
) -> None:
    """Do what is left of a run, whose owner the caller is.

    Args:
        recorder: Records what happens in it.
        events: All that has happened in it.
        setup: What it is done with.
        epoch: The number of this time that it is owned.
        out: The folder of its files, if that is another one now.

    Raises:
        ZeroGravityError: What the run failed with, once that is recorded;
            `RunCancelledError` if somebody asked for it to stop, `RunPausedError` if
            it is put aside.
        JournalError: If nothing could be recorded any more.
    """
    if recorder.state.status in DONE:
        return
    if recorder.state.cancel_requested and not recorder.state.ended_at:
        await _cancelled(recorder)  # as whoever did it was about to, and died
    if recorder.state.pause_requested and recorder.state.status == "running":
        await _paused(recorder, SOMEBODY)
    gate = Gate(lambda: recorder.state, attended=setup.attended)
    try:
        resumed = recorder.state.started is not None
        enabled = guards(setup.config, setup.host)
        await _begin(recorder, setup, epoch, out)
        since = recorder.state.seq if resumed else 0
        scope = scope_of(recorder, events, setup, gate, enabled)
        if resumed:
            if enabled:
                await note_new_plugins(scope)
            await anyio.to_thread.run_sync(scope.workspace.sweep)
        await _until_stopped(scope, since)
    except ZeroGravityError as error:
        with anyio.CancelScope(shield=True):
            await recorder.record(RunFailed(error=error_info(error)))
        raise
    finally:
        gate.close()
    if recorder.state.cancel_requested:
        await _cancelled(recorder)
    if not recorder.state.ended_at:
        await _paused(recorder, gate.reason)


async def _begin(recorder: Recorder, setup: Setup, epoch: int, out: str) -> None:
    config, host, tape = setup.config, setup.host, setup.tape
    under = str(setup.drill or "")
    state = recorder.state
    if state.started is not None:
        await recorder.record(RunResumed(epoch=epoch, drill=under, out=out))
        return
    agents = resolved_agents(state.workflow, host)
    recording = tape.recording if tape else None
    model, reason = default_model(config, host, state.accepted.options, recording)
    await recorder.record(
        RunStarted(
            model=model,
            model_reason=reason,
            agents=agents,
            core=core_version(),
            api=API,
            python=platform.python_version(),
            plugins=host.loaded(),
            overrides=config.overrides,
            policy=config.plugins_policy,
            prices=price_table_version(),
            stated_prices={name: dict(rates) for name, rates in config.prices.items()},
            drill=under,
        ),
        durable=False,
    )


def scope_of(
    recorder: Recorder,
    events: Sequence[Event],
    setup: Setup,
    gate: Gate,
    enabled: tuple[Guard, ...],
) -> RunScope:
    """Return what all that is done in a run shares.

    Args:
        recorder: As in `do_run`, and so are the next two.
        events: All that has happened in it.
        setup: What it is done with.
        gate: What its calls pass.
        enabled: The guardrails.
    """
    state = recorder.state
    options = state.accepted.options
    host, tape, drill = setup.host, setup.tape, setup.drill
    forced = tape.recording.options.model if tape else None
    return RunScope(
        host=host,
        config=setup.config,
        recorder=recorder,
        recorded=Recorded(events),
        gate=gate,
        budget=Budget(
            state.limits,
            tokens=state.usage.total_tokens + state.lost_tokens,
            calls=state.calls,
            nanos=state.cost_nanos + state.lost_nanos,
        ),
        workspace=FolderWorkspace(Path(state.out or ".")),
        guarding=Guarding(enabled, host, recorder, tape) if enabled else None,
        model=state.started.model if state.started else "",
        forced_model=options.model or forced,
        traffic=setup.traffic,
        tape=tape,
        injecting=Injecting(drill) if drill else None,
        steward=setup.steward,
    )


async def _until_stopped(scope: RunScope, since: int) -> None:
    """Do the steps, until they are done or the run is to stop or to be put aside."""
    recorder = scope.recorder
    limit = recorder.state.limits.seconds
    with ungrouped(), time_limit(limit, scope.gate):
        async with anyio.create_task_group() as tasks:
            running = tasks.cancel_scope
            heeding = anyio.CancelScope()
            tasks.start_soon(_heed, scope, since, running, heeding)
            scope.gate.at_rest = partial(
                tasks.start_soon, _put_aside, scope.gate, running
            )
            if scope.guarding:
                await _check_objective(scope.guarding, recorder.state)
            await _choose_agents(scope)
            await _Steps(scope, tasks).do_all()
            # Called by the loop: whoever cancels in a task has anyio format a text
            # that describes the task, which takes long.
            asyncio.get_running_loop().call_soon(heeding.cancel)
    finished = outcome(recorder.state)
    if finished is not None and not recorder.state.cancel_requested:
        with anyio.CancelScope(shield=True):  # it is done, whatever comes now
            await recorder.record(finished)


async def _heed(
    scope: RunScope, since: int, running: anyio.CancelScope, heeding: anyio.CancelScope
) -> None:
    """Take up what is asked of a run until all its steps are done."""
    with heeding:
        await heed(scope, since, running)


async def _put_aside(gate: Gate, running: anyio.CancelScope) -> None:
    if await gate.settled():
        running.cancel()


@contextmanager
def time_limit(seconds: float | None, gate: Gate) -> Iterator[None]:
    """End what is done within for a run that takes longer than it may.

    Raises:
        LimitError: If it does.
    """
    with gate.limit(seconds, whose="") as limit:
        yield
    if limit.reached:
        raise LimitError(
            f"the run took longer than {limit.seconds:g} s",
            "resume it: each time it may take as long again",
            limit="seconds",
            allowed=limit.seconds,
        )


class _Steps:
    """The steps of a run, each begun as soon as what it needs is there.

    Whoever has done a step goes on with the first that is ready then, and has tasks do
    the others: where one follows another, there is no task but the run's own.

    Args:
        scope: The run.
        tasks: What steps are done in beside the run's own task.
    """

    def __init__(self, scope: RunScope, tasks: TaskGroup) -> None:
        self._scope = scope
        self._tasks = tasks
        self._begun: set[str] = set()
        self._others = 0
        self._done: anyio.Event | None = None

    async def do_all(self) -> None:
        """Do them, until none is under way and none can begin."""
        await self._do(self._ready())
        if self._others:
            self._done = anyio.Event()
            await self._done.wait()

    async def _do(self, steps: list[Step]) -> None:
        """Do the first of some steps, have the others done beside it, and go on."""
        while steps:
            first, *others = steps
            for step in others:
                self._others += 1
                self._tasks.start_soon(self._do_beside, step)
            with self._scope.gate.work():
                await run_step(self._scope, first)
            steps = self._ready()

    async def _do_beside(self, step: Step) -> None:
        await self._do([step])
        self._others -= 1
        if self._done is not None and not self._others:
            self._done.set()

    def _ready(self) -> list[Step]:
        """Return the steps that can begin, and count them as begun."""
        state = self._scope.recorder.state
        paths = {state.steps[step.name].path: step for step in ready(state)}
        found = [step for path, step in paths.items() if path not in self._begun]
        self._begun |= paths.keys()
        return found


async def _check_objective(guarding: Guarding, state: RunState) -> None:
    """Have the objective checked, unless the run has begun to work on it."""
    begun = state.route is not None or any(
        step.started_at for step in state.steps.values()
    )
    if not begun:
        await guarding.objective()


async def _choose_agents(scope: RunScope) -> None:
    state = scope.recorder.state
    if state.workflow.routed and state.route is None:
        agents = state.accepted.options.agents
        chosen = await route(scope, state.objective, agents=agents)
        await scope.recorder.record(chosen)


async def _cancelled(recorder: Recorder) -> None:
    run_id = recorder.state.accepted.run_id
    with anyio.CancelScope(shield=True):
        await recorder.record(RunCancelled(reason=recorder.state.cancel_reason))
    raise RunCancelledError(
        f"run {run_id!r} was cancelled", f"go on with: zg runs resume {run_id}"
    )


async def _paused(recorder: Recorder, reason: str) -> None:
    run_id = recorder.state.accepted.run_id
    questions = len(recorder.state.questions)
    with anyio.CancelScope(shield=True):
        await recorder.record(RunPaused(reason=reason))
    answer = f"answer what `zg runs approvals {run_id}` lists, then "
    raise RunPausedError(
        f"run {run_id!r} is paused: {reason}",
        f"{answer if questions else ''}go on with: zg runs resume {run_id}",
        run_id=run_id,
        questions=questions,
    )
