"""A step that is done for each item of a list: several at once, none of them twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import anyio

from .._codec import as_json
from .._groups import ungrouped
from .._json import Json
from .._run_state import StepState
from .._step_paths import item
from ..errors import (
    JournalError,
    ReplayMismatchError,
    WorkflowError,
    ZeroGravityError,
)
from ..events import ErrorInfo, StepExpanded, StepFinished, StepStarted
from ..workflows import Step
from .agent_runs import reply_of
from .failing import record_failure
from .giving import Item, given_to, listed
from .scope import RunScope

__all__ = ["Outputs", "do_items"]

_ENDED = frozenset({"finished", "degraded", "skipped"})


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a step gave for each item.

    Attributes:
        values: The outputs, in the order of the list; `None` for a skipped item.
        error: What is missing, if something is.
    """

    values: list[Json]
    error: ErrorInfo | None


async def do_items(scope: RunScope, step: Step) -> Outputs:
    """Do a step for each item of its list that was not done before.

    Raises:
        WorkflowError: If there is no list, or it is too long.
        ZeroGravityError: What the first item failed with that must not fail, once all
            have ended.
    """
    name = step.name
    items = await _expanded(scope, step)
    path = scope.recorder.state.steps[name].path
    before = scope.recorder.state.steps[name].parts
    left = iter(
        [
            Item(index, value)
            for index, value in enumerate(items)
            if not _has_ended(before.get(item(path, index)))
        ]
    )
    failed: dict[int, ZeroGravityError] = {}
    with ungrouped():
        async with anyio.create_task_group() as tasks:
            for _ in range(min(step.parallel, len(items))):
                tasks.start_soon(_do_next, scope, step, left, failed)
    if failed:
        _raise_first(path, failed, len(items))
    return _outputs(path, len(items), scope.recorder.state.steps[name].parts)


def _has_ended(part: StepState | None) -> bool:
    return part is not None and part.status in _ENDED


async def _expanded(scope: RunScope, step: Step) -> tuple[Json, ...]:
    """Return the list, as it is recorded."""
    recorder = scope.recorder
    before = recorder.state.steps[step.name]
    if before.items is not None:
        return before.items
    items = _checked(listed(recorder.state, step), step)
    expanded = StepExpanded(step=before.path, items=items)
    return (await recorder.record(expanded, durable=False)).items


def _checked(found: object, step: Step) -> tuple[Json, ...]:
    whose = f"'for_each' of step {step.name!r}"
    if not isinstance(found, list):
        raise WorkflowError(
            f"{whose} gives {_kind(found)}, which is no list",
            "name a list, or write `[…]` around what is to be its only item",
            step=step.name,
        )
    if len(found) > step.max_items:
        raise WorkflowError(
            f"{whose} gives {len(found):,} items; {step.max_items:,} is most",
            "have fewer made, cut it with `[:100]`, or raise 'max_items'",
            step=step.name,
            allowed=step.max_items,
        )
    try:
        return tuple(as_json(value) for value in found)
    except ValueError as error:
        raise WorkflowError(
            f"{whose} gives an item that is no JSON value",
            "leave out the '&', which stands before arguments of functions only",
            step=step.name,
        ) from error


def _kind(found: object) -> str:
    if found is None:
        return "nothing"
    kinds = {str: "a text", bool: "true or false", dict: "an object"}
    return kinds.get(type(found), "a number")


async def _do_next(
    scope: RunScope,
    step: Step,
    left: Iterator[Item],
    failed: dict[int, ZeroGravityError],
) -> None:
    """Do items that nobody else does, one after the other."""
    for one in left:
        with scope.gate.work():
            try:
                await _do(scope, step, one)
            except JournalError:
                raise  # nothing can be recorded any more
            except ZeroGravityError as error:
                failed[one.index] = error


async def _do(scope: RunScope, step: Step, one: Item) -> None:
    recorder = scope.recorder
    given = given_to(recorder.state, step, one)
    async with scope.gate.call():
        started = StepStarted(step=given.step, agent=given.agent)
        await recorder.record(started, durable=False)
    try:
        reply = await reply_of(scope, given, scope.step_seconds(step))
    except ZeroGravityError as error:
        await record_failure(scope, step, given, error)
    else:
        finished = StepFinished(
            step=given.step, output=reply.output, artifacts=reply.artifacts
        )
        await recorder.record(finished, durable=False)


def _outputs(path: str, count: int, parts: Mapping[str, StepState]) -> Outputs:
    done = [parts[item(path, index)] for index in range(count)]
    missing = [i for i, part in enumerate(done) if part.error is not None]
    values = [None if part.status == "skipped" else part.output for part in done]
    if not missing:
        return Outputs(values, None)
    first = done[missing[0]].error
    assert first is not None
    cause = _cause(path, missing, count, first.cause)
    return Outputs(values, replace(first, cause=cause))


def _raise_first(
    path: str, failed: Mapping[int, ZeroGravityError], count: int
) -> NoReturn:
    """Raise what the first item failed with as an error that says which it is."""
    error = failed[min(failed)]
    if isinstance(error, ReplayMismatchError):
        raise error
    # Of a plugin's own class nobody knows how one is made.
    named: ZeroGravityError = type(error).__new__(type(error), *error.args)
    cause = _cause(path, sorted(failed), count, error.cause)
    vars(named).update(vars(error), cause=cause)
    raise named from error


def _cause(path: str, missing: Sequence[int], count: int, cause: str) -> str:
    """Say which items are missing, and why the first of them is."""
    several = f"{len(missing):,} of {count:,} items, as " if missing[1:] else ""
    return f"{several}{item(path, missing[0])}: {cause}"
