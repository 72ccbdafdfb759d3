"""Run plugins by themselves: no other plugin, no configuration and no model."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar

from .._isolation import contain
from .._names import split_qualified
from ..agents import Reply
from ..config import Config
from ..contexts import Context
from ..engine import Engine
from ..errors import RunError, UnknownNameError
from ..hookspecs import hookimpl
from ..models import Request
from ..plugins import PluginHost
from ..plugins.finding.choose import named
from ..plugins.finding.discover import installed
from ..plugins.references import is_reference, resolve
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
    what: object,
    objective: str,
    *plugins: object,
    answers: Iterable[Answer] | ScriptedProvider = (),
    config: Config | None = None,
    out: Path | None = None,
) -> RunResult:
    """Do a run without a network, a journal on disk or a model, and return its result.

    It waits, in a thread of its own, so it can be called from anywhere.

    Args:
        what: An agent or a workflow: its name, short or qualified; its spec; or
            itself.
        objective: What is to be made.
        *plugins: As for `plugin_host`; by default the one of a qualified name, else
            all that are installed.
        answers: What the model answers, in order; by default something short that
            fits each request.
        config: The configuration; by default an empty one.
        out: The folder for the run's files; by default one that is gone afterwards.

    Raises:
        RunError: If the run fails.
        UnknownNameError: If nothing has that name.
    """
    from .conformance.timing import within

    model = answers
    if not isinstance(model, ScriptedProvider):
        given = tuple(model)
        model = ScriptedProvider(*(given or (any_answer,)), repeat=not given)
    objects, names = told_apart(plugins)
    target: Any = what
    if not isinstance(what, str | Workflow | WorkflowSpec):
        target = what if isinstance(what, AgentSpec) else _spec_of(what)
        objects.append(_Given(target))
    discover: bool | Collection[str] = names
    if isinstance(what, str) and not plugins:
        plugin, _ = split_qualified(what)
        discover = (plugin,) if plugin else True

    async def run(folder: Path) -> RunResult:
        async with Engine.open(
            *objects,
            model,
            config=config or Config(),
            journal="memory",
            discover=discover,
        ) as engine:
            return await engine.run(
                _workflow(target, engine.host),
                objective,
                options=RunOptions(model=MODEL, out=str(folder)),
            )

    with tempfile.TemporaryDirectory() as place:
        return within(60.0, lambda: run(out or Path(place)), "the run")


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
            config=config or Config(),
            journal="memory",
            discover=names,
        ) as engine:
            try:
                options = RunOptions(model=MODEL, out=place)
                await engine.run(flow, "ask", options=options)
            except RunError as error:
                raise error.__cause__ or error from None
    return gave[0]
