"""Accept a run: check all of it before anything is changed, then begin its journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from os.path import lexists
from pathlib import Path

from .._choice import choose_model
from .._machine import RunState, fold
from .._names import new_run_id, valid_run_id
from .._secrets import Secrets
from .._workspace import FolderWorkspace
from ..config import Config, named_by
from ..errors import (
    ConfigError,
    InputError,
    RunNotFoundError,
    WorkspaceError,
    ZeroGravityError,
)
from ..events import RunAccepted
from ..journals import Journal
from ..plugins import PluginHost
from ..specs import WorkflowSpec
from ..workflows import RunOptions, Workflow
from .asking import links
from .guarding import guards
from .recorder import timestamp

__all__ = ["accept", "check_objective", "named_workflow", "resolved_agents"]

_LONGEST = 100_000
_INPUTS = "inputs/"


def check_objective(objective: str) -> None:
    """Refuse what no agent could work on.

    Raises:
        InputError: If it is empty, longer than 100,000 characters, or holds
            control characters or half of a surrogate pair.
    """
    if not objective.strip():
        raise InputError("the objective is empty", "say what is to be made")
    if len(objective) > _LONGEST:
        raise InputError(
            f"the objective has {len(objective):,} characters; {_LONGEST:,} is most",
            "put the material into a file and give it with --input",
        )
    for place, letter in enumerate(objective):
        if letter in "\n\r\t":
            continue
        if letter < " " or "\x7f" <= letter < "\xa0" or "\ud800" <= letter <= "\udfff":
            raise InputError(
                f"the objective has the character U+{ord(letter):04X} at place {place}",
                "remove it: only printable text, line breaks and tabs are allowed",
            )


def named_workflow(workflow: Workflow | str, host: PluginHost) -> Workflow:
    """Return a workflow by its name.

    Raises:
        UnknownNameError: If no plugin offers one of that name.
    """
    if isinstance(workflow, Workflow):
        return workflow
    spec = host.find("workflow", workflow).spec
    assert isinstance(spec, WorkflowSpec)
    return spec.workflow


def resolved_agents(workflow: Workflow, host: PluginHost) -> dict[str, str]:
    """Return the qualified name of each step's agent, by step.

    Raises:
        UnknownNameError: If no plugin offers an agent of that name.
    """
    return {s.name: host.find("agent", s.agent).qualified for s in workflow.steps}


def _with_agents(
    workflow: Workflow, agents: tuple[str, ...], host: PluginHost
) -> Workflow:
    """Let the agents that were asked for do a workflow that does not choose its own."""
    named = resolved_agents(workflow, host)
    if not agents or workflow.routed:
        return workflow
    if len(workflow.steps) == 1 == len(agents):
        return replace(workflow, steps=(replace(workflow.steps[0], agent=agents[0]),))
    return workflow.only(agents, named)


async def accept(
    workflow: Workflow | str,
    objective: str,
    *,
    options: RunOptions,
    run_id: str | None,
    files: Mapping[str, bytes],
    config: Config,
    host: PluginHost,
    journal: Journal,
    secrets: Secrets,
) -> str:
    """Begin a run's journal and return the run's id; see `Engine.accept`."""
    run_id = new_run_id() if run_id is None else run_id
    if not valid_run_id(run_id):
        raise InputError(
            f"{run_id!r} cannot be a run's id",
            "use up to 64 letters, digits, '-' and '_', not '-' or '_' first",
        )
    check_objective(objective)
    agents = tuple(host.find("agent", agent).qualified for agent in options.agents)
    plan = _with_agents(named_workflow(workflow, host), agents, host)
    if plan.routed:
        _check_routing(config, host)
    guards(config, host)
    for model in (options.model, *(step.model for step in plan.steps)):
        if model:
            links(model, host)
    earlier = await _earlier(options.follows, journal)
    out = Path(options.out or Path(config.out) / run_id).absolute()
    workspace = FolderWorkspace(out)
    given = {_INPUTS + name: content for name, content in files.items()}
    if earlier is not None:
        given = {**_results_of(earlier), **given}
    accepted = RunAccepted(
        seq=1,
        at=timestamp(),
        run_id=run_id,
        objective=objective,
        workflow=plan,
        options=replace(options, out=str(out), limits=options.limits | config.limits),
        files=tuple(given),
        background=_background(earlier) if earlier else "",
    )
    await _check_free(run_id, journal)
    with _undone_on_failure(out, given):
        workspace.check()
        for path, content in given.items():
            workspace.write(path, content)
        await journal.create(secrets.redact_record(accepted))
    return run_id


def _check_routing(config: Config, host: PluginHost) -> None:
    """See that everybody is there who may have a say in a routed workflow.

    Raises:
        ConfigError: If the configuration names somebody who is not.
    """
    with named_by(config, "classifier"):
        host.find("classifier", config.classifier)
    for label, agents in config.routes.items():
        key = f"routes.{label}"
        with named_by(config, key):
            for agent in agents if key in config.origins else ():
                host.find("agent", agent)


async def _check_free(run_id: str, journal: Journal) -> None:
    try:
        await journal.read(run_id, after=1)
    except RunNotFoundError:
        return
    raise InputError(
        f"there is a run {run_id!r} already", "give the new run an id of its own"
    )


@contextmanager
def _undone_on_failure(folder: Path, paths: Iterable[str]) -> Iterator[None]:
    """Leave no file behind that was written for a run there will not be.

    Raises:
        InputError: If the folder cannot be used: the user may name another.
    """
    fresh = not lexists(folder)
    new = [folder / path for path in paths if not lexists(folder / path)]
    try:
        yield
    except ZeroGravityError as error:
        for file in new:
            with suppress(OSError):
                file.unlink()
            for parent in file.parents:
                if folder in parent.parents or (fresh and parent == folder):
                    with suppress(OSError):  # it is not empty
                        parent.rmdir()
        if isinstance(error, WorkspaceError):
            raise InputError(error.cause, error.remedy, **error.details) from error
        raise


def default_model(
    config: Config, host: PluginHost, options: RunOptions
) -> tuple[str, str]:
    """Return the models a run tries, and why; empty and why not, if there is none."""
    try:
        return choose_model(config, host, options.model)
    except ConfigError as error:
        return "", error.cause


async def _earlier(run_id: str | None, journal: Journal) -> RunState | None:
    if run_id is None:
        return None
    state = fold(await journal.read(run_id))
    if state.status not in ("completed", "degraded"):
        raise InputError(
            f"run {run_id!r} is {state.status}, so there are no results to go on from",
            f"finish it first: zg runs resume {run_id}",
        )
    return state


def _results_of(earlier: RunState) -> dict[str, bytes]:
    workspace = FolderWorkspace(Path(earlier.accepted.options.out or ""))
    return {path: workspace.read(path) for path in earlier.artifacts}


def _background(earlier: RunState) -> str:
    output = earlier.output
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    return f"{earlier.objective}\n\n{text}"
