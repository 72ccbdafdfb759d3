"""One step: whether it is done, what for and how often, and how it ended."""

from __future__ import annotations

from .._json import Json
from ..errors import LimitError, WorkflowError, ZeroGravityError
from ..events import (
    ErrorInfo,
    PluginLoaded,
    StepDegraded,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from ..workflows import Repeat, Step
from .agent_runs import reply_of
from .failing import record_failure
from .giving import given_to, is_good, is_wanted, loop_of
from .items import do_items
from .recorder import error_info
from .scope import RunScope
from .step_input import StepInput

__all__ = ["note_new_plugins", "run_step"]


async def run_step(scope: RunScope, step: Step) -> None:
    """Do one round of a step, and record its output or what a failure means.

    Raises:
        RunError: If it failed and the workflow says that the run then fails.
        JournalError: If nothing can be recorded any more.
    """
    recorder = scope.recorder
    given = given_to(recorder.state, step)
    problem: WorkflowError | None = None
    try:
        if not is_wanted(recorder.state, step):
            reason = f"{step.when} does not hold"
            await recorder.record(StepSkipped(step=given.step, reason=reason))
            return
    except WorkflowError as error:
        problem = error
    started = StepStarted(step=given.step, agent=given.agent)
    await recorder.record(started, durable=False)
    try:
        if problem is not None:
            raise problem
        await _do(scope, step, given)
    except ZeroGravityError as error:
        await record_failure(scope, step, given, error)
    await note_new_plugins(scope)


async def _do(scope: RunScope, step: Step, given: StepInput) -> None:
    if step.for_each:
        found = await do_items(scope, step)
        await _finish(scope, step, found.values, error=found.error)
        return
    reply = await reply_of(scope, given, scope.step_seconds(step))
    await _finish(scope, step, reply.output, artifacts=reply.artifacts)


async def _finish(
    scope: RunScope,
    step: Step,
    output: Json,
    *,
    artifacts: tuple[str, ...] = (),
    error: ErrorInfo | None = None,
) -> None:
    """Record the output of a round, and in the same event whether another follows."""
    recorder = scope.recorder
    path = recorder.state.steps[step.name].path
    output = recorder.redacted(output)  # to decide by what is recorded
    good = is_good(recorder.state, step, output)
    again: tuple[str, ...] = ()
    if not good and step.repeat is not None:
        if recorder.state.steps[step.name].round < step.repeat.rounds:
            again = loop_of(recorder.state, step)
        else:
            error = error_info(_used_up(step, step.repeat))
    if error is not None and not again:
        await recorder.record(StepDegraded(step=path, output=output, error=error))
        return
    finished = StepFinished(step=path, output=output, artifacts=artifacts, again=again)
    await recorder.record(finished, durable=False)


def _used_up(step: Step, repeat: Repeat) -> LimitError:
    return LimitError(
        f"{repeat.until} does not hold of step {step.name!r} after "
        f"{repeat.rounds} rounds",
        "look at what it gave, and allow more rounds or ask for less",
        step=step.name,
        limit="rounds",
        allowed=repeat.rounds,
    )


async def note_new_plugins(scope: RunScope) -> None:
    """Extend the run's environment by plugins that were loaded since."""
    recorder = scope.recorder
    for plugin in scope.host.loaded():
        if plugin not in recorder.state.plugins:
            await recorder.record(PluginLoaded(plugin=plugin), durable=False)
