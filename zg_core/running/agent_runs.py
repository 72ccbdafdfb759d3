"""One agent at one path of a run: make it, let it work, and check its reply."""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import partial
from typing import cast

from .._codec import as_json
from .._groups import ungrouped
from .._isolation import describe
from .._step_paths import depth
from .._threads import in_thread
from ..agents import Agent, Reply
from ..errors import LimitError, RunError, ZeroGravityError
from .context import StepContext
from .failing import is_ours
from .fitting import fitted
from .foreign import ask
from .replay import StepCalls
from .scope import RunScope
from .step_input import StepInput
from .sub_agents import SubAgents

__all__ = ["context_of", "reply_of"]


async def reply_of(scope: RunScope, given: StepInput, seconds: float | None) -> Reply:
    """Return what an agent replies, as the guardrails left it; record nothing of it.

    Args:
        scope: The run.
        given: What the agent is given; its ``step`` is the path it works at.
        seconds: The longest it may take.

    Raises:
        ZeroGravityError: What it failed with; `RunError` for an error of its own.
    """
    calls = StepCalls(scope.recorded, given.step)
    try:
        reply = await _reply(scope, given, calls, seconds)
    finally:
        calls.close()
    if scope.tape:
        scope.tape.check(given.step)
    calls.check_all_used()
    if scope.guarding:
        output = await scope.guarding.reply(reply.output, step=given.step)
        reply = replace(reply, output=output)
    return reply


def context_of(scope: RunScope, given: StepInput, calls: StepCalls) -> StepContext:
    """Return what one attempt at a path may reach."""
    agents = SubAgents(scope, given, partial(reply_of, scope))
    return StepContext(scope, given, calls, agents)


async def _reply(
    scope: RunScope, given: StepInput, calls: StepCalls, seconds: float | None
) -> Reply:
    """Return what an agent replies, in a form that is asked for."""
    ctx = context_of(scope, given, calls)
    agent = cast(Agent, scope.host.make(scope.host.find("agent", given.agent)))
    with scope.gate.work(), scope.gate.limit(seconds, ctx.step) as limit:
        found, error = await ask(None, _run, agent, ctx)
        if error is not None:
            raise _failure(error, scope, given)
        reply = _checked(found, given)
        if given.output_schema is not None:
            reply = await fitted(ctx, reply, given.output_schema)
    if not limit.reached:
        return reply
    asked = depth(ctx.step)
    whose = f"{'agent' if asked else 'step'} {ctx.step!r}"
    raise LimitError(
        f"{whose} took longer than {limit.seconds:g} s",
        "let whoever asks it give it more"
        if asked
        else "raise its timeout_seconds in the workflow, or its limit",
        step=ctx.step,
        limit="seconds",
        allowed=limit.seconds,
    )


async def _run(agent: Agent, ctx: StepContext) -> object:
    with ungrouped():
        if inspect.iscoroutinefunction(agent.run):
            return await agent.run(ctx)
        found = await in_thread(agent.run, ctx)
        return await found if inspect.isawaitable(found) else found


def _failure(
    error: BaseException, scope: RunScope, given: StepInput
) -> ZeroGravityError:
    """Return what an agent failed with, as an error of ours."""
    if is_ours(error, scope.recorder):
        return error
    failure = RunError(
        f"agent {given.agent!r} failed: {describe(error)}",
        "do it again as `zg --debug …` to see where, or report it to its author",
        step=given.step,
        agent=given.agent,
    )
    failure.__cause__ = error
    return failure


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
