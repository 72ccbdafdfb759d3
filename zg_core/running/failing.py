"""Whose an error is, and what it means that a step or an item of it failed."""

from __future__ import annotations

from typing import TypeGuard

from .._json import Json
from .._step_paths import base
from ..errors import (
    JournalError,
    ReplayMismatchError,
    RunCancelledError,
    RunPausedError,
    ZeroGravityError,
)
from ..events import StepDegraded, StepFailed, StepSkipped
from ..workflows import Step
from .recorder import Recorder, causes, error_info
from .scope import RunScope
from .step_input import StepInput

__all__ = ["ENDING", "is_ours", "record_failure"]

ENDING = (JournalError, ReplayMismatchError)
"""What is no failure of the one who was asked, and ends whoever asks it as well."""


def is_ours(
    error: BaseException | None, recorder: Recorder
) -> TypeGuard[ZeroGravityError]:
    """Tell whether what code that is not ours raised may be raised on as it is.

    That a journal fails, or a run stops, is for us alone to say of this run. Where
    such code says so, it means another run or journal, and this one goes on.
    """
    if isinstance(error, JournalError | RunCancelledError | RunPausedError):
        return error is recorder.broken
    return isinstance(error, ZeroGravityError)


async def record_failure(
    scope: RunScope, step: Step, given: StepInput, error: ZeroGravityError
) -> None:
    """Record what a failure means, as the step's `on_error` says.

    Args:
        scope: The run.
        step: The step.
        given: What its agent was given; its ``step`` is the path that failed.
        error: What it failed with.

    Raises:
        ZeroGravityError: The same, if the run, or the whole step, fails with it.
        JournalError: If nothing can be recorded any more, which ends the run.
    """
    info = error_info(error)
    recorder = scope.recorder
    path = given.step
    mismatch = isinstance(error, ReplayMismatchError)  # which is no result to go on
    match "fail" if mismatch else step.on_error:
        case "skip":
            await recorder.record(
                StepSkipped(step=path, reason="it failed", error=info)
            )
        case "fallback":
            output: Json = {
                "role": given.agent,
                "asked": given.prompt,
                "failed": str(error),
                "missing": f"the result of step {base(path)!r}",
            }
            await recorder.record(StepDegraded(step=path, output=output, error=info))
        case "fail":
            failed = StepFailed(step=path, error=info, causes=causes(error))
            await recorder.record(failed)
            raise error
