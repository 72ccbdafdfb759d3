"""Tool calls of a step: replay, schema, time limit, size limit, journal."""

from __future__ import annotations

import json
import time
from typing import cast

import anyio

from .._isolation import contained
from .._json import Json, JsonObject
from .._schema import argument_errors, call_function, parameters_of
from ..contexts import Context
from ..errors import RunError, ToolTimeoutError
from ..events import ToolFinished, ToolStarted
from ..messages import ToolResult
from ..signals import Retry
from ..specs import ToolSpec
from ..tools import Tool
from .grace import with_grace
from .replay import Started, StepCalls
from .scope import RunScope

__all__ = ["ToolCalls"]

_SECONDS = 60.0
_LARGEST = 1_000_000
"""Bytes of JSON a tool may return; more would not fit any model's context."""


class ToolCalls:
    """The tool calls of one attempt at a step."""

    def __init__(
        self, scope: RunScope, step: str, calls: StepCalls, *, plugin: str
    ) -> None:
        self._scope = scope
        self._step = step
        self._calls = calls
        self._plugin = plugin

    async def call(self, name: str, arguments: JsonObject, ctx: Context) -> ToolResult:
        """Return what a tool gives, or what is recorded that it gave."""
        host = self._scope.host
        found = host.find("tool", name, prefer=self._plugin)
        assert isinstance(found.spec, ToolSpec)
        key = self._calls.key((found.qualified, arguments))
        known = self._calls.tool(key)
        if isinstance(known, ToolResult):
            return known
        if isinstance(known, Started) and known.event.effect == "once":
            raise _unknown_outcome(found.qualified, self._step)
        await self._scope.recorder.record(
            ToolStarted(
                step=self._step,
                call_key=key,
                tool=found.qualified,
                arguments=arguments,
                effect=found.spec.effect,
            ),
            durable=found.spec.effect == "once",
        )
        began = time.monotonic()
        made = host.make(found)
        result = await _done(found.spec, made, arguments, ctx, key)
        await self._scope.recorder.record(
            ToolFinished(
                step=self._step,
                call_key=key,
                tool=found.qualified,
                result=result,
                duration_seconds=round(time.monotonic() - began, 6),
            )
        )
        return result


async def _done(
    spec: ToolSpec, made: object, arguments: JsonObject, ctx: Context, key: str
) -> ToolResult:
    errors = argument_errors(parameters_of(spec), arguments)
    if errors:
        return ToolResult(
            call_id=key, error="\n".join(("the arguments do not fit:", *errors))
        )
    output, error = await with_grace(contained(_timed(spec, made, arguments, ctx)))
    if error is not None:
        return ToolResult(call_id=key, error=_told(spec, error))
    try:
        text = json.dumps(output, allow_nan=False)
    except (TypeError, ValueError) as bad:
        return ToolResult(
            call_id=key, error=f"the tool's result is no JSON value: {bad}"
        )
    if len(text) > _LARGEST:
        return ToolResult(
            call_id=key,
            error=f"the tool's result has {len(text):,} bytes; {_LARGEST:,} is most",
        )
    return ToolResult(call_id=key, output=json.loads(text))  # as a replay gives it


async def _timed(
    spec: ToolSpec, made: object, arguments: JsonObject, ctx: Context
) -> Json:
    seconds = spec.timeout_seconds or _SECONDS
    try:
        with anyio.fail_after(seconds):
            if spec.function is not None:
                return await call_function(spec, arguments, ctx)
            return await cast(Tool, made).call(arguments, ctx)
    except TimeoutError as error:
        raise ToolTimeoutError(
            f"tool {spec.name!r} took longer than {seconds:g} s"
        ) from error


def _told(spec: ToolSpec, error: BaseException) -> str:
    """Say to the model what went wrong."""
    if isinstance(error, Retry | ToolTimeoutError):
        return str(error)
    return f"tool {spec.name!r} failed: {type(error).__name__}: {error}"


def _unknown_outcome(tool: str, step: str) -> RunError:
    return RunError(
        f"nobody knows whether {tool!r} was done when the engine died, "
        "and it must not be done twice",
        "look whether it was, then run the objective anew",
        tool=tool,
        step=step,
    )
