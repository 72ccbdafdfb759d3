"""Run plugins by themselves: no other plugin, no configuration and no model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from .._isolation import contain
from .._names import split_qualified
from ..agents import Reply
from ..config import Config
from ..contexts import Context
from ..drills import Drill
from ..engine import Engine
from ..errors import RunError, UnknownNameError
from ..hookspecs import hookimpl
from ..models import Request
from ..plugins import PluginHost
from ..plugins.finding.choose import named
from ..plugins.finding.discover import installed
from ..plugins.references import is_reference, resolve
from ..recordings import Recording, load_recording
from ..results import RunResult
from ..specs import AgentSpec, WorkflowSpec
from ..workflows import RunOptions, Step, Workflow
from ._scripted import Answer, ScriptedProvider
from .wire.fitting import fitting

__all__ = [
    "MODEL",
    "any_answer",
    "in_step",
    "plugin_host",
    "run_offline",
    "told_apart",
]

T = TypeVar("T")
MODEL = "scripted:any"


def plugin_host(*plugins: object, config: Config | None = None) -> PluginHost:
    """Return a fresh host with the built-in plugin and these, and no others.

    Args:
        *plugins: Modules or objects with hooks; or texts: what an installed plugin is
            called, or ``"package.module"`` for one that is not installed.
        config: The configuration; by default an empty one.

    Raises:
        UnknownNameError: If one of them is not there.
    """
    objects, names = told_apart(plugins)
    return PluginHost.open(config or Config(), *objects, discover=names)


def told_apart(plugins: Iterable[object]) -> tuple[list[object], tuple[str, ...]]:
    """Return plugins as objects, and as the names of those that are installed."""
    objects: list[object] = []
    names: list[str] = []
    for plugin in plugins:
        if not isinstance(plugin, str):
            objects.append(plugin)
            continue
        try:
            named(plugin, installed().sources)
        except UnknownNameError:
            with contain():
                objects.append(_imported(plugin))
                continue
            raise
        names.append(plugin)
    return objects, tuple(names)


def _imported(reference: str) -> object:
    if not is_reference(reference):
        raise ValueError(reference)
    return resolve(reference)


def any_answer(request: Request) -> str:
    """Answer like a model that does what it is asked: shortly, and always the same."""
    if request.output_schema is not None:
        return json.dumps(fitting(request.output_schema))
    asked = " ".join(request.messages[-1].text.split()) if request.messages else ""
    return f"This is the answer to: {asked[-200:]}"


class _Given:
    """A plugin that offers an agent that was given as an object."""

    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec

    @hookimpl
    def zg_register_agents(self) -> list[AgentSpec]:
        return [self._spec]


def run_offline(
    what: object = None,
    objective: str | None = None,
    *plugins: object,
    answers: Iterable[Answer] | ScriptedProvider = (),
    config: Config | None = None,
    out: Path | None = None,
    drill: Drill | None = None,
    replay: Recording | str | Path | None = None,
    live: bool = False,
    model: str | None = None,
) -> RunResult:
    """Do a run without a network, a journal on disk or a model, and return its result.

    It waits, in a thread of its own, so it can be called from anywhere.

    Args:
        what: An agent or a workflow: its name, short or qualified; its spec; or
            itself. By default the recorded workflow.
        objective: What is to be made; by default the recorded objective.
        *plugins: As for `plugin_host`; by default the one of a qualified name, else
            all that are installed.
        answers: What the model answers, in order; by default something short that
            fits each request.
        config: The configuration; by default an empty one, but that nobody is asked:
            tool calls that need a person's approval are refused.
        out: The folder for the run's files; by default one that is gone afterwards.
        drill: What is to go wrong with its calls, on purpose.
        replay: A recorded run, or its file, whose answers are given again; no tool
            that it has is called.
        live: Whether the model answers what the recorded run does not have.
        model: Another model than the one with the *answers*: one on this machine.

    Raises:
        RunError: If the run fails.
        ReplayMismatchError: If it asks what was not recorded; its notes have a diff.
        UnknownNameError: If nothing has that name.
    """
    from .conformance.timing import within

    scripted, recording = _scripted(answers), _recording(replay, live=live)
    if recording is not None:
        what = recording.workflow if what is None else what
        objective = recording.objective if objective is None else objective
    if what is None or objective is None:
        raise TypeError("run_offline() needs what and objective, or a replay")
    asked = objective
    objects, names = told_apart(plugins)
    target: Any = what
    if not isinstance(what, str | Workflow | WorkflowSpec):
        target = what if isinstance(what, AgentSpec) else _spec_of(what)
        objects.append(_Given(target))
    discover: bool | Collection[str] = names
    if not plugins and (recording or isinstance(what, str)):
        plugin, _ = split_qualified(what) if isinstance(what, str) else ("", "")
        discover = (plugin,) if plugin else True

    # A recorded run names its own model, which need not be there.
    chosen = model or (None if recording and not live else MODEL)

    async def run(folder: Path) -> RunResult:
        async with Engine.open(
            *objects,
            scripted,
            config=config or Config(approve="never"),
            journal="memory",
            discover=discover,
            drill=drill,
        ) as engine:
            return await engine.run(
                _workflow(target, engine.host),
                asked,
                options=RunOptions(model=chosen, out=str(folder)),
                replay=recording,
            )

    with tempfile.TemporaryDirectory() as place:
        return within(60.0, lambda: run(out or Path(place)), "the run")


def _scripted(answers: Iterable[Answer] | ScriptedProvider) -> ScriptedProvider:
    if isinstance(answers, ScriptedProvider):
        return answers
    given = tuple(answers)
    return ScriptedProvider(*(given or (any_answer,)), repeat=not given)


def _recording(
    replay: Recording | str | Path | None, *, live: bool
) -> Recording | None:
    if isinstance(replay, str | Path):
        return load_recording(replay, live=live)
    return replace(replay, live=live) if replay else None


def _spec_of(agent: object) -> AgentSpec:
    return AgentSpec(name="given", factory=lambda: agent)


def _workflow(what: str | AgentSpec | Workflow | WorkflowSpec, host: PluginHost) -> Any:
    if isinstance(what, WorkflowSpec):
        return what.workflow
    if isinstance(what, Workflow):
        return what
    name = what.name if isinstance(what, AgentSpec) else what
    try:
        agent = host.find("agent", name).qualified
    except UnknownNameError as error:
        try:
            found = host.find("workflow", name).spec
        except UnknownNameError:
            raise error from None
        assert isinstance(found, WorkflowSpec)
        return found.workflow
    return Workflow("solo", (Step("work", agent=agent),))


async def in_step(
    work: Callable[[Context], Awaitable[T]],
    *plugins: object,
    model: ScriptedProvider | None = None,
    config: Config | None = None,
) -> T:
    """Await *work* with the context of a real step, and return what it gives."""
    gave: list[T] = []

    class Asking:
        async def run(self, ctx: Context) -> Reply:
            gave.append(await work(ctx))
            return Reply(output=None)

    given = _Given(AgentSpec(name="asking", factory=Asking))
    objects, names = told_apart(plugins)
    flow = Workflow("asking", (Step("ask", agent="asking"),))
    with tempfile.TemporaryDirectory() as place:
        async with Engine.open(
            *objects,
            given,
            model or ScriptedProvider(any_answer, repeat=True),
            config=config or Config(approve="never"),
            journal="memory",
            discover=names,
        ) as engine:
            try:
                options = RunOptions(model=MODEL, out=place)
                await engine.run(flow, "ask", options=options)
            except RunError as error:
                raise error.__cause__ or error from None
    return gave[0]
