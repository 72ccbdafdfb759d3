"""Tool calls of a step: replay, schema, time limit, size limit, journal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import cast

import anyio

from .._codec import as_json
from .._isolation import contained, describe
from .._json import Json, JsonObject
from .._names import writable
from .._schema import argument_errors, call_function, parameters_of
from ..contexts import Context
from ..errors import GuardrailError, JournalError, RunError, ToolTimeoutError
from ..events import ToolFinished, ToolStarted
from ..messages import ToolResult
from ..registry import Contribution
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

    async def call(
        self, name: str, arguments: JsonObject, view: Callable[[str], Context]
    ) -> ToolResult:
        """Return what a tool gives, or what is recorded that it gave.

        Args:
            name: The tool, by short or qualified name.
            arguments: What to call it with.
            view: Returns the context as the tools of a plugin may see it.
        """
        host = self._scope.host
        found = host.find("tool", name, prefer=self._plugin)
        spec = found.spec
        assert isinstance(spec, ToolSpec)
        key = self._calls.key((found.qualified, arguments))
        known = self._calls.tool(key)
        if isinstance(known, ToolResult):
            return known
        if isinstance(known, Started) and known.event.effect == "once":
            raise _unknown_outcome(found.qualified, self._step)
        made = host.make(found)
        arguments, refused = await self._checked(arguments, key, found)
        started = ToolStarted(
            step=self._step,
            call_key=key,
            tool=found.qualified,
            arguments=arguments,
            effect=spec.effect,
        )
        recorder = self._scope.recorder
        once = spec.effect == "once" and refused is None
        await recorder.record(started, durable=once)

        async def done() -> ToolResult:
            began = time.monotonic()
            result = (
                ToolResult(call_id=key, error=refused)
                if refused is not None
                else await _done(spec, made, arguments, view(found.plugin), key)
            )
            finished = ToolFinished(
                step=self._step,
                call_key=key,
                tool=found.qualified,
                result=result,
                duration_seconds=round(time.monotonic() - began, 6),
            )
            return (await recorder.record(finished)).result

        if refused is not None:
            return await done()
        result, error = await with_grace(contained(done()), finish=once)
        if error is not None:
            raise error
        assert result is not None
        return result

    async def _checked(
        self, arguments: JsonObject, key: str, found: Contribution
    ) -> tuple[JsonObject, str | None]:
        """Return what to call a tool with; and why it is not called, if it is not."""
        if self._scope.guarding:
            try:
                arguments = await self._scope.guarding.arguments(
                    arguments, step=self._step, call_key=key, tool=found.qualified
                )
            except GuardrailError as no:
                return arguments, no.cause
        assert isinstance(found.spec, ToolSpec)
        return arguments, _refusal(found.spec, arguments)


def _refusal(spec: ToolSpec, arguments: JsonObject) -> str | None:
    """Say why a call is not made at all, if it is not."""
    if spec.requires_approval:
        return f"tool {spec.name!r} needs a person's approval, and nobody can be asked"
    errors = argument_errors(parameters_of(spec), arguments)
    return "\n".join(("the arguments do not fit:", *errors)) if errors else None


async def _done(
    spec: ToolSpec, made: object, arguments: JsonObject, ctx: Context, key: str
) -> ToolResult:
    output, error = await contained(_timed(spec, made, arguments, ctx))
    if isinstance(error, JournalError):
        raise error
    if error is not None:
        return ToolResult(call_id=key, error=_told(spec, error))
    try:
        text = writable(json.dumps(output, allow_nan=False, ensure_ascii=False))
        output = as_json(json.loads(text))  # as a replay gives it
    except (TypeError, ValueError, RecursionError) as bad:
        why = writable(str(bad))
        return ToolResult(
            call_id=key, error=f"the tool's result is no JSON value: {why}"
        )
    if len(text) > _LARGEST:
        return ToolResult(
            call_id=key,
            error=f"the tool's result has {len(text):,} bytes; {_LARGEST:,} is most",
        )
    return ToolResult(call_id=key, output=output)


async def _timed(
    spec: ToolSpec, made: object, arguments: JsonObject, ctx: Context
) -> Json:
    seconds = spec.timeout_seconds or _SECONDS
    with anyio.move_on_after(seconds):
        if spec.function is not None:
            return await call_function(spec, arguments, ctx)
        return await cast(Tool, made).call(arguments, ctx)
    raise ToolTimeoutError(f"tool {spec.name!r} took longer than {seconds:g} s")


def _told(spec: ToolSpec, error: BaseException) -> str:
    """Say to the model what went wrong."""
    if isinstance(error, Retry | ToolTimeoutError):
        return writable(str(error))
    return f"tool {spec.name!r} failed: {describe(error)}"


def _unknown_outcome(tool: str, step: str) -> RunError:
    return RunError(
        f"nobody knows whether {tool!r} was done when the engine died, "
        "and it must not be done twice",
        "look whether it was, then run the objective anew",
        tool=tool,
        step=step,
    )
