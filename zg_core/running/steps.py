"""One step: give its agent what it needs, and record how it ended."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import anyio
import anyio.to_thread

from .._codec import as_json
from .._groups import ungrouped
from .._isolation import contained, describe
from .._json import Json
from .._machine import RunState
from .._prompts import fill
from ..agents import Agent, Reply
from ..errors import (
    JournalError,
    LimitError,
    ReplayMismatchError,
    RunError,
    ZeroGravityError,
)
from ..events import (
    PluginLoaded,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from ..workflows import Step
from .context import StepContext, StepInput
from .recorder import error_info
from .scope import RunScope

__all__ = ["note_new_plugins", "run_step"]


async def run_step(scope: RunScope, step: Step) -> None:
    """Run one step's agent and record its reply, or what a failure means.

    Raises:
        RunError: If it failed and the workflow says that the run then fails.
        JournalError: If nothing can be recorded any more.
    """
    recorder = scope.recorder
    agent = recorder.state.agents[step.name]
    await recorder.record(StepStarted(step=step.name, agent=agent), durable=False)
    given = _given(recorder.state, step, agent)
    try:
        reply = await _reply(scope, step, given)
        if scope.guarding:
            output = await scope.guarding.reply(reply.output, step=step.name)
            reply = replace(reply, output=output)
    except ZeroGravityError as error:
        if isinstance(error, JournalError) and not isinstance(
            error, ReplayMismatchError
        ):
            raise  # there is nothing left to record it with
        await _failed(scope, step, given, error)
    else:
        await recorder.record(
            StepFinished(
                step=step.name, output=reply.output, artifacts=reply.artifacts
            ),
            durable=False,
        )
    await note_new_plugins(scope)


async def _reply(scope: RunScope, step: Step, given: StepInput) -> Reply:
    host = scope.host
    calls = scope.recorded.step(step.name)
    ctx = StepContext(scope, given, calls)
    agent = cast(Agent, host.make(host.find("agent", given.agent)))
    try:
        reply, error = await contained(_timed(agent, ctx, step))
    finally:
        calls.close()
    if isinstance(error, ZeroGravityError):
        raise error
    if error is not None:
        raise RunError(
            f"agent {given.agent!r} failed: {describe(error)}",
            "run the command with --debug to see where, or report it to its author",
            step=step.name,
            agent=given.agent,
        ) from error
    calls.check_all_used()
    return _checked(reply, given)


async def _timed(agent: Agent, ctx: StepContext, step: Step) -> Reply:
    with ungrouped(), anyio.move_on_after(step.timeout_seconds):
        if inspect.iscoroutinefunction(agent.run):
            return await agent.run(ctx)
        found = await anyio.to_thread.run_sync(agent.run, ctx, abandon_on_cancel=True)
        return await found if inspect.isawaitable(found) else found
    raise LimitError(
        f"step {step.name!r} took longer than {step.timeout_seconds:g} s",
        "raise its timeout_seconds in the workflow",
        step=step.name,
        limit="seconds",
        allowed=step.timeout_seconds,
    )


def _checked(reply: object, given: StepInput) -> Reply:
    if not isinstance(reply, Reply) or not all(
        isinstance(path, str) for path in reply.artifacts
    ):
        raise RunError(
            f"agent {given.agent!r} returned {reply!r:.100}, "
            "which is not a Reply with an output and paths",
            "report it to its author",
            agent=given.agent,
        )
    try:
        output = as_json(reply.output)
        return replace(reply, output=output, artifacts=tuple(reply.artifacts))
    except ValueError as error:
        raise RunError(
            f"the output of agent {given.agent!r} is no JSON value",
            "report it to its author",
            agent=given.agent,
        ) from error


async def _failed(
    scope: RunScope, step: Step, given: StepInput, error: ZeroGravityError
) -> None:
    info = error_info(error)
    recorder = scope.recorder
    match step.on_error:
        case "skip":
            await recorder.record(
                StepSkipped(step=step.name, reason="it failed", error=info)
            )
        case "fallback":
            output: Json = {
                "role": given.agent,
                "asked": given.prompt,
                "failed": str(error),
                "missing": f"the result of step {step.name!r}",
            }
            await recorder.record(
                StepDegraded(step=step.name, output=output, error=info)
            )
        case "fail":
            await recorder.record(StepFailed(step=step.name, error=info))
            raise error


async def note_new_plugins(scope: RunScope) -> None:
    """Extend the run's environment by plugins that were loaded since."""
    recorder = scope.recorder
    for plugin in scope.host.loaded():
        if plugin not in recorder.state.plugins:
            await recorder.record(PluginLoaded(plugin=plugin), durable=False)


def _given(state: RunState, step: Step, agent: str) -> StepInput:
    accepted = state.accepted
    outputs = {
        need: state.steps[need].output
        for need in step.needs
        if state.steps[need].status != "skipped"
    }
    return StepInput(
        run_id=accepted.run_id,
        step=step.name,
        agent=agent,
        objective=state.objective,
        prompt=_prompt(state, step, outputs),
        outputs=outputs,
        files=accepted.files,
        model=step.model,
    )


def _prompt(state: RunState, step: Step, outputs: Mapping[str, Json]) -> str:
    accepted = state.accepted
    texts = {name: _text(output) for name, output in outputs.items()}
    if step.prompt:
        absent = dict.fromkeys(state.steps, "")
        known = {"input": state.objective, "objective": state.objective}
        return fill(step.prompt, {**absent, **texts, **known})
    parts = [state.objective]
    if accepted.background:
        parts.append(f"## Before\n\n{accepted.background}")
    if accepted.files:
        parts.append("## Files\n\n" + "\n".join(f"- {path}" for path in accepted.files))
    parts += (f"## {name}\n\n{text}" for name, text in texts.items())
    return "\n\n".join(parts)


def _text(output: Json) -> str:
    if isinstance(output, str):
        return output
    return json.dumps(output, ensure_ascii=False, indent=2)
