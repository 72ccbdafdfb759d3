"""Tool calls of a step: replay, schema, approval, time and size limits, journal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import cast

from .._codec import as_json
from .._isolation import contained, describe
from .._json import Json, JsonObject
from .._names import writable
from .._schema import call_function, parameters_of
from .._validation import argument_errors
from ..contexts import Context
from ..errors import GuardrailError, ToolTimeoutError
from ..events import ToolFinished, ToolStarted
from ..messages import ToolResult
from ..registry import Contribution
from ..signals import Retry
from ..specs import ToolSpec
from ..tools import Tool
from .failing import ENDING, is_ours
from .grace import with_grace
from .judging import call_digest
from .people import People, Proposed
from .replay import StepCalls
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
        self._people = People(scope, step, calls)

    async def call(
        self,
        name: str,
        arguments: JsonObject,
        view: Callable[[str, StepCalls], Context],
    ) -> ToolResult:
        """Return what a tool gives, or what is recorded that it gave.

        Args:
            name: The tool, by short or qualified name.
            arguments: What to call it with.
            view: Returns the context as a tool of a plugin may see it, with calls
                of its own.
        """
        found = self._scope.host.find("tool", name, prefer=self._plugin)
        spec = found.spec
        assert isinstance(spec, ToolSpec)
        key = self._calls.key((found.qualified, arguments))
        known = self._calls.tool(key)
        if isinstance(known, ToolResult):
            return known
        begun = known if known and known.event.effect == "once" else None
        call = Proposed(
            tool=found.qualified,
            spec=spec,
            key=key,
            # What may have been done is what a person had made of it, if one had.
            arguments=begun.event.arguments if begun else arguments,
            begun=begun,
        )
        calls = self._calls.of_tool(key)
        try:
            with self._scope.gate.work():
                return await self._proposed(call, found, view(found.plugin, calls))
        finally:
            calls.close()

    async def _proposed(
        self, call: Proposed, found: Contribution, ctx: Context
    ) -> ToolResult:
        """Return what comes of a call, which may be that it is not made."""
        call, refused = await self._checked(call)
        tape = self._scope.tape
        if tape and refused is None:
            said = await self._people.recorded(call.key)
            if said and said.arguments is not None:
                call = replace(call, arguments=said.arguments)
            started, write = self._started(call), ctx.write_artifact
            replayed = await tape.tool(self._scope.recorder, started, write)
            if replayed is not None:
                return replayed
        if refused is None:
            call, refused = await self._permitted(call)
        if refused is None and self._scope.steward is not None:
            # Last, since people may have taken their time.
            refused = await self._scope.steward.permit(call.tool)
        if refused is not None:
            return await self._refused(call, refused)
        return await self._made(call, self._scope.host.make(found), ctx)

    async def _permitted(self, call: Proposed) -> tuple[Proposed, str | None]:
        """Return a call as people allow it; and why it is not made, if it is not."""
        permitted, refused = await self._people.permitted(call)
        if refused is not None or permitted is call or _are_same(permitted, call):
            return permitted, refused
        checked, refused = await self._checked(permitted)
        if refused is None and not _are_same(checked, permitted):
            refused = "a guardrail would change what a person had made of it"
        return permitted, refused

    async def _refused(self, call: Proposed, refused: str) -> ToolResult:
        if call.spec.effect != "once":  # of which it would mean that it was done
            await self._scope.recorder.record(self._started(call), durable=False)
        result = ToolResult(call_id=call.key, error=refused)
        return await self._finished(call, result, time.monotonic())

    async def _made(self, call: Proposed, made: object, ctx: Context) -> ToolResult:
        once = call.spec.effect == "once"

        async def done() -> ToolResult:
            began = time.monotonic()
            call.check_seal()
            result = await _done(call, made, ctx, self._scope)
            return await self._finished(call, result, began)

        async with self._scope.gate.call(committed=once):
            await self._scope.recorder.record(self._started(call), durable=once)
            result, error = await with_grace(contained(done()), finish=once)
        if error is not None:
            raise error
        assert result is not None
        return result

    def _started(self, call: Proposed) -> ToolStarted:
        return ToolStarted(
            step=self._step,
            call_key=call.key,
            tool=call.tool,
            arguments=call.arguments,
            effect=call.spec.effect,
        )

    async def _finished(
        self, call: Proposed, result: ToolResult, began: float
    ) -> ToolResult:
        finished = ToolFinished(
            step=self._step,
            call_key=call.key,
            tool=call.tool,
            result=result,
            duration_seconds=round(time.monotonic() - began, 6),
        )
        return (await self._scope.recorder.record(finished)).result

    async def _checked(self, call: Proposed) -> tuple[Proposed, str | None]:
        """Return a call as guardrails leave it; and why it is not made, if so."""
        if self._scope.guarding:
            try:
                arguments = await self._scope.guarding.arguments(
                    call.arguments, step=self._step, call_key=call.key, tool=call.tool
                )
            except GuardrailError as no:
                return call, no.cause
            call = replace(call, arguments=cast(JsonObject, arguments))
        errors = argument_errors(parameters_of(call.spec), call.arguments)
        told = "\n".join(("the arguments do not fit:", *errors))
        return call, told if errors else None


def _are_same(call: Proposed, other: Proposed) -> bool:
    """Tell whether two have the same arguments; to Python, `1` and `True` are equal."""
    return call_digest(call.tool, call.arguments) == call_digest(
        other.tool, other.arguments
    )


async def _done(
    call: Proposed, made: object, ctx: Context, scope: RunScope
) -> ToolResult:
    spec, key = call.spec, call.key
    output, error = await contained(_timed(call, made, ctx, scope))
    if isinstance(error, ENDING) and is_ours(error, scope.recorder):
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
    size = len(text.encode())
    if size > _LARGEST:
        return ToolResult(
            call_id=key,
            error=f"the tool's result has {size:,} bytes; {_LARGEST:,} is most",
        )
    return ToolResult(call_id=key, output=output)


async def _timed(call: Proposed, made: object, ctx: Context, scope: RunScope) -> Json:
    spec = call.spec
    seconds = spec.timeout_seconds or _SECONDS
    # What it does with them is no matter of the agent's, nor of what is recorded.
    arguments = deepcopy(call.arguments)
    with scope.gate.limit(seconds):
        if spec.function is not None:
            return await call_function(spec, arguments, ctx)
        return await cast(Tool, made).call(arguments, ctx)
    raise ToolTimeoutError(f"tool {spec.name!r} took longer than {seconds:g} s")


def _told(spec: ToolSpec, error: BaseException) -> str:
    """Say to the model what went wrong."""
    if isinstance(error, Retry | ToolTimeoutError):
        return writable(str(error))
    return f"tool {spec.name!r} failed: {describe(error)}"
