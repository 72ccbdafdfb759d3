"""Agents that are asked by the one at a path: below it, and out of its budget."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import anyio

from .._codec import digest
from .._groups import ungrouped
from .._names import local_name
from .._step_paths import asked, depth
from ..agents import AgentCall, AgentResult, Reply
from ..errors import (
    LimitError,
    ReplayMismatchError,
    UnknownNameError,
    ZeroGravityError,
)
from ..events import StepFailed, StepFinished, StepStarted
from ..plugins import PluginHost
from .failing import ENDING
from .recorder import causes, error_info
from .replay import StepCalls
from .scope import RunScope
from .step_input import StepInput

__all__ = ["ReplyOf", "SubAgents"]

ReplyOf: TypeAlias = Callable[[StepInput, float | None], Awaitable[Reply]]
"""Has an agent reply, in so many seconds at most."""

_DEEPEST = 5
_AT_ONCE = 10
_MARK = 6
"""Letters of the digest that tells an agent's path from those asked something else."""
_SHORT = ("active", "override")


class SubAgents:
    """The agents that are asked by one attempt of the agent at a path.

    At most ten are at work at once; who comes later waits for a place.

    Args:
        scope: The run.
        given: What the one that asks was given.
        reply_of: Has one of them reply.
    """

    def __init__(self, scope: RunScope, given: StepInput, reply_of: ReplyOf) -> None:
        self._scope = scope
        self._given = given
        self._reply_of = reply_of
        self._places: anyio.Semaphore | None = None

    async def ask(self, call: AgentCall, calls: StepCalls, plugin: str) -> Reply:
        """Return what an agent replies, or what is recorded that it did.

        Args:
            call: What is asked.
            calls: The calls of whoever asks: the agent, or a tool of its.
            plugin: Whose agents a short name means first.

        Raises:
            ZeroGravityError: What it failed with, now or when that was recorded.
            LimitError: If agents would ask one another too deep.
        """
        agent = _found(self._scope.host, call.agent, plugin)
        self._check_depth(agent)
        request = ("agent", agent, call.prompt)
        key = calls.key(request)
        known = calls.reply(key)
        if known is not None:
            return known
        path = self._path(key, agent, call.prompt)
        self._places = self._places or anyio.Semaphore(_AT_ONCE)
        async with self._places:
            calls.check_open()
            return await self._asked(call, calls, path=path, key=key, agent=agent)

    async def results(
        self, wanted: Sequence[AgentCall], calls: StepCalls, plugin: str
    ) -> tuple[AgentResult, ...]:
        """Return what comes of several, asked at once; see `ask`."""
        results = [AgentResult(agent=call.agent) for call in wanted]

        async def ask(index: int, call: AgentCall) -> None:
            try:
                reply = await self.ask(call, calls, plugin)
            except ENDING:
                raise
            except ZeroGravityError as error:
                results[index] = replace(results[index], error=error)
            else:
                results[index] = replace(results[index], reply=reply)

        with ungrouped():
            async with anyio.create_task_group() as tasks:
                for index, call in enumerate(wanted):
                    tasks.start_soon(ask, index, call)
        return tuple(results)

    def _check_depth(self, agent: str) -> None:
        path = self._given.step
        if depth(path) < _DEEPEST:
            return
        step, *names = path.split("/")
        chain = (step, *(name.partition(".")[0] for name in names), local_name(agent))
        raise LimitError(
            f"agents ask one another {_DEEPEST} deep at most, and not "
            + " → ".join(chain),
            "let one of them do itself what it asks another to do",
            step=path,
            limit="depth",
            allowed=_DEEPEST,
        )

    def _path(self, key: str, agent: str, prompt: str) -> str:
        """Return where an agent works: where it was recorded to, or a free place."""
        mark = digest((agent, prompt))[:_MARK]
        wanted = asked(self._given.step, local_name(agent), mark)
        tape = self._scope.tape
        return self._scope.recorded.place(key, (tape and tape.place(key)) or wanted)

    async def _asked(
        self, call: AgentCall, calls: StepCalls, *, path: str, key: str, agent: str
    ) -> Reply:
        recorder = self._scope.recorder
        self._scope.part_limits[path] = call.limits
        await recorder.record(
            StepStarted(step=path, agent=agent, call_key=key, prompt=call.prompt),
            durable=False,
        )
        given = replace(
            self._given,
            step=path,
            agent=agent,
            prompt=call.prompt,
            outputs={},
            asked_model=call.model,
            tools=None,
            output_schema=None,
            max_output_tokens=None,
        )
        try:
            reply = await self._reply_of(given, call.limits.seconds)
        except ReplayMismatchError as error:
            calls.refuse(error)  # whatever its asker makes of it
            raise
        except ZeroGravityError as error:
            await recorder.record(
                StepFailed(
                    step=path,
                    error=error_info(error),
                    call_key=key,
                    causes=causes(error),
                )
            )
            raise
        finished = StepFinished(
            step=path, output=reply.output, artifacts=reply.artifacts, call_key=key
        )
        finished = await recorder.record(finished, durable=False)
        return Reply(output=finished.output, artifacts=finished.artifacts)


def _found(host: PluginHost, name: str, plugin: str) -> str:
    """Return the qualified name of an agent.

    Raises:
        UnknownNameError: If there is none of that name; ``agents`` of its details is
            what there is, by name, with descriptions.
    """
    try:
        return host.find("agent", name, prefer=plugin).qualified
    except UnknownNameError as error:
        offers = host.all("agent")
        error.details["agents"] = {
            offer.name if host.standing(offer) in _SHORT else offer.qualified: (
                offer.spec.description
            )
            for offer in offers
        }
        raise
