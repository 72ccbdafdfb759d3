"""Tell observers what happens in a run, beside it, and whatever becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from pluggy import HookImpl

from .._isolation import describe
from .._machine import RunState, advance, fold
from .._names import nearest, plugin_id, plugin_key
from ..config import Config
from ..events import (
    Event,
    ModelAnswered,
    ModelFailed,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepDegraded,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    ToolFinished,
)
from ..observers import (
    ModelCallInfo,
    RunInfo,
    RunOutcome,
    StepInfo,
    StepOutcome,
    ToolCallInfo,
)
from ..plugins import PluginHost
from .foreign import TooSlow, ask

__all__ = ["Observing"]

_SECONDS = 5.0
"""How long a hook may take; and all of an observer's, after the run has ended."""

_MOST_FAILURES = 3


class Observing:
    """The observers of one run.

    Each has a queue and a task of its own, so that none keeps another waiting.

    Args:
        config: Names them.
        host: Has their hooks.
        events: What happened before.
    """

    def __init__(
        self, config: Config, host: PluginHost, events: Sequence[Event]
    ) -> None:
        self._state = fold(events)
        self._resumed = False
        self._observers = [_Observer(plugin, host) for plugin in _enabled(config, host)]

    def emit(self, event: Event) -> None:
        """Take an event."""
        self._state = advance(self._state, event)
        self._resumed |= isinstance(event, RunResumed)
        call = _call(event, self._state, resumed=self._resumed)
        if call is not None:
            for observer in self._observers:
                observer.put(call)

    async def close(self) -> None:
        """Wait until all is told, or time is up."""
        await asyncio.gather(*(observer.close() for observer in self._observers))


def _enabled(config: Config, host: PluginHost) -> Iterator[str]:
    """Yield the ids of the observers, and note those that are not there."""
    seen: set[str] = set()
    origin = config.origin("observers.enabled")
    for name in config.observers_enabled:
        # By the whole name alone: runs are told to nobody who merely is called so.
        meant = {
            plugin.id
            for plugin in host.plugins
            if plugin_key(name) == plugin.id
            or plugin_id(name) == plugin.source.distribution
        }
        if not meant:
            close = nearest(name, (plugin.id for plugin in host.plugins))
            host.note(
                "ZG131",
                f"nobody observes: there is no plugin {name!r}; observers.enabled is "
                f"set by {origin}",
                f"did you mean {close!r}?" if close else "`zg plugins` lists them",
            )
        seen |= meant
    yield from sorted(seen)


@dataclass(frozen=True, slots=True)
class _Call:
    """A hook to be called.

    Attributes:
        hook: Its name.
        facts: What its arguments are, by name.
    """

    hook: str
    facts: Mapping[str, object]


class _Observer:
    """One plugin's hooks, which are called one after the other."""

    def __init__(self, plugin: str, host: PluginHost) -> None:
        self._plugin = plugin
        self._host = host
        self._hooks = host.hooks(plugin)
        self._queue: asyncio.Queue[_Call | None] = asyncio.Queue()
        self._failures = 0
        self._off = False
        self._task = asyncio.create_task(self._work())

    def put(self, call: _Call) -> None:
        if not self._off and any(name == call.hook for name, _ in self._hooks):
            self._queue.put_nowait(call)

    async def close(self) -> None:
        self._queue.put_nowait(None)
        _, late = await asyncio.wait([self._task], timeout=_SECONDS)
        if late and not self._off:
            self._switch_off(f"it was not done {_SECONDS:g} s after the run had ended")
        self._task.cancel()

    async def _work(self) -> None:
        while call := await self._queue.get():
            for name, implementation in self._hooks:
                if name == call.hook and not self._off:
                    await self._tell(call, implementation)

    async def _tell(self, call: _Call, implementation: HookImpl) -> None:
        # Copies, since the state of a run shares its JSON values with its events.
        facts = (deepcopy(call.facts[name]) for name in implementation.argnames)
        result, error = await ask(_SECONDS, implementation.function, *facts)
        if isinstance(result, AsyncIterable | Iterator):
            error = TypeError("it is a generator, and must be a function")
        if error is None:
            return
        self._failures += 1
        if isinstance(error, TooSlow):
            self._switch_off(f"{call.hook} took longer than {_SECONDS:g} s")
        elif self._failures == _MOST_FAILURES:
            self._switch_off(
                f"it failed {_MOST_FAILURES} times, at last {call.hook}: "
                + describe(error)
            )

    def _switch_off(self, why: str) -> None:
        self._off = True
        self._host.note(
            "ZG221", f"observes a run no longer: {why}", plugin=self._plugin
        )


def _call(event: Event, state: RunState, *, resumed: bool) -> _Call | None:
    """Return what observers are to be told of an event, if anything."""
    found = _of_run(event, state) or _of_step(event, state)
    if found is None:
        return None
    hook, facts = found
    run = RunInfo(
        run_id=state.accepted.run_id,
        objective=state.objective,
        workflow=state.workflow.name,
        resumed=resumed,
    )
    return _Call(hook, {"run": run, **facts})


def _of_run(event: Event, state: RunState) -> tuple[str, Mapping[str, object]] | None:
    match event:
        case RunStarted() | RunResumed():
            return "zg_run_started", {}
        case RunFinished() | RunFailed() | RunCancelled() | RunPaused():
            outcome = RunOutcome(
                status=state.status,
                output=state.output,
                error=state.error,
                usage=state.usage,
                cost_usd=state.cost_nanos / 1e9,
            )
            return "zg_run_finished", {"outcome": outcome}
    return None


def _of_step(event: Event, state: RunState) -> tuple[str, Mapping[str, object]] | None:
    made: object
    match event:
        case StepStarted():
            return "zg_step_started", {"step": _step(event.step, state)}
        case StepFinished() | StepFailed() | StepDegraded() | StepSkipped():
            step = state.at(event.step)
            outcome = StepOutcome(
                # Of a step that begins another round, this one is over.
                status="finished" if isinstance(event, StepFinished) else step.status,
                output=step.output,
                artifacts=step.artifacts,
                error=step.error,
            )
            facts = {"step": _step(event.step, state), "outcome": outcome}
            return "zg_step_finished", facts
        case ModelAnswered():
            made = ModelCallInfo(
                model=event.model,
                attempt=event.attempt,
                usage=event.response.usage,
                cost_usd=event.cost_usd,
                duration_seconds=event.duration_seconds,
            )
            hook = "zg_model_called"
        case ModelFailed():
            made = ModelCallInfo(
                model=event.model, attempt=event.attempt, error=event.error
            )
            hook = "zg_model_called"
        case ToolFinished():
            made = ToolCallInfo(
                tool=event.tool,
                result=event.result,
                duration_seconds=event.duration_seconds,
            )
            hook = "zg_tool_called"
        case _:
            return None
    return hook, {"step": _step(event.step, state), "call": made}


def _step(path: str, state: RunState) -> StepInfo:
    return StepInfo(name=path, agent=state.at(path).agent)
