"""One run: begin it or take it up again, do its steps, and record how it ended."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.to_thread

from .._groups import ungrouped
from .._machine import RunState, outcome, ready
from .._version import core_version
from .._workspace import FolderWorkspace
from ..config import Config
from ..errors import (
    JournalError,
    LimitError,
    ReplayMismatchError,
    RunCancelledError,
    ZeroGravityError,
)
from ..events import (
    CancelRequested,
    Event,
    RunCancelled,
    RunFailed,
    RunResumed,
    RunStarted,
)
from ..hookspecs import API
from ..plugins import PluginHost
from ..workflows import Step
from .accepting import default_model, resolved_agents
from .budget import Budget
from .guarding import Guard, Guarding, guards
from .recorder import Recorder, error_info
from .replay import Recorded
from .routing import route
from .scope import RunScope
from .steps import note_new_plugins, run_step

__all__ = ["DONE", "do_run"]

DONE = ("completed", "degraded")
"""The statuses of a run with nothing left to do."""


async def do_run(
    recorder: Recorder,
    events: Sequence[Event],
    *,
    epoch: int,
    config: Config,
    host: PluginHost,
) -> None:
    """Do what is left of a run, whose owner the caller is.

    Raises:
        ZeroGravityError: What the run failed with, once that is recorded;
            `RunCancelledError` if somebody asked for it to stop.
        JournalError: If nothing could be recorded any more.
    """
    if recorder.state.status in DONE:
        return
    try:
        resumed = recorder.state.started is not None
        enabled = guards(config, host)
        await _begin(recorder, epoch, config, host)
        scope = _scope(recorder, events, config, host, enabled)
        if resumed:
            if enabled:
                await note_new_plugins(scope)
            await anyio.to_thread.run_sync(scope.workspace.sweep)
        await _until_cancelled(scope)
    except ZeroGravityError as error:
        if isinstance(error, JournalError) and not isinstance(
            error, ReplayMismatchError
        ):
            raise
        with anyio.CancelScope(shield=True):
            await recorder.record(RunFailed(error=error_info(error)))
        raise
    if recorder.state.cancel_requested:
        await _cancelled(recorder)


async def _begin(
    recorder: Recorder, epoch: int, config: Config, host: PluginHost
) -> None:
    state = recorder.state
    if state.started is not None:
        await recorder.record(RunResumed(epoch=epoch))
        return
    agents = resolved_agents(state.workflow, host)
    model, reason = default_model(config, host, state.accepted.options)
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
        ),
        durable=False,
    )


def _scope(
    recorder: Recorder,
    events: Sequence[Event],
    config: Config,
    host: PluginHost,
    enabled: tuple[Guard, ...],
) -> RunScope:
    state = recorder.state
    options = state.accepted.options
    return RunScope(
        host=host,
        config=config,
        recorder=recorder,
        recorded=Recorded(events),
        budget=Budget(
            options.limits,
            tokens=state.usage.total_tokens + state.lost_tokens,
            calls=state.calls,
            usd=(state.cost_nanos + state.lost_nanos) / 1e9,
        ),
        workspace=FolderWorkspace(Path(options.out or ".")),
        guarding=Guarding(enabled, host, recorder) if enabled else None,
        model=state.started.model if state.started else "",
        forced_model=options.model,
    )


async def _until_cancelled(scope: RunScope) -> None:
    """Do the steps, until they are done or somebody asks for the run to stop."""
    limit = scope.recorder.state.accepted.options.limits.seconds
    with ungrouped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_heed_requests, scope, tasks.cancel_scope)
            with _time_limit(limit):
                await _do_steps(scope)
            tasks.cancel_scope.cancel()


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    with anyio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise LimitError(
            f"the run took longer than {seconds:g} s",
            "resume it: each time it may take as long again",
            limit="seconds",
            allowed=seconds,
        )


async def _heed_requests(scope: RunScope, running: anyio.CancelScope) -> None:
    recorder = scope.recorder
    async for pending in recorder.journal.requests(recorder.state.accepted.run_id):
        if recorder.state.ended_at:
            return  # it came too late, and ends with the run
        if isinstance(pending.event, CancelRequested):
            with anyio.CancelScope(shield=True):
                await recorder.record(
                    CancelRequested(
                        reason=pending.event.reason, request_id=pending.request_id
                    )
                )
            running.cancel()


async def _do_steps(scope: RunScope) -> None:
    recorder = scope.recorder
    if scope.guarding:
        await _check_objective(scope.guarding, recorder.state)
    await _choose_agents(scope)
    begun: set[str] = set()
    async with anyio.create_task_group() as tasks:

        async def do(step: Step) -> None:
            await run_step(scope, step)
            begin_ready()

        def begin_ready() -> None:
            for step in ready(recorder.state):
                if step.name not in begun:
                    begun.add(step.name)
                    tasks.start_soon(do, step)

        begin_ready()
    finished = outcome(recorder.state)
    if finished is not None and not recorder.state.cancel_requested:
        await recorder.record(finished)


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
        chosen = await route(
            state.objective,
            config=scope.config,
            host=scope.host,
            agents=state.accepted.options.agents,
        )
        await scope.recorder.record(chosen)


async def _cancelled(recorder: Recorder) -> None:
    run_id = recorder.state.accepted.run_id
    with anyio.CancelScope(shield=True):
        await recorder.record(RunCancelled())
    raise RunCancelledError(
        f"run {run_id!r} was cancelled", f"go on with: zg runs resume {run_id}"
    )
