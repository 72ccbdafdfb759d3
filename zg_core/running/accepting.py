"""Accept a run: check all of it before anything is changed, then begin its journal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from os.path import lexists
from pathlib import Path
from typing import get_args

import anyio

from .._choice import check_concurrency, choose_model
from .._json import Json
from .._machine import RunState, fold
from .._names import new_run_id, valid_run_id
from .._objectives import check_objective
from .._secrets import Secrets
from .._workspace import FolderWorkspace
from ..config import Config, named_by
from ..errors import (
    ConfigError,
    InputError,
    JournalError,
    RunNotFoundError,
    WorkspaceError,
    ZeroGravityError,
)
from ..events import Event, RunAccepted
from ..journals import Journal
from ..messages import Message
from ..plugins import PluginHost
from ..recordings import Recording
from ..specs import WorkflowSpec
from ..usage import Limits
from ..workflows import Approve, RunOptions, Workflow
from .asking import links
from .guarding import guards
from .limiting import step_limits
from .recorder import timestamp
from .step_checks import check_steps
from .tape import Tape

__all__ = [
    "INPUTS",
    "absolute",
    "accept",
    "begin",
    "check_objective",
    "free_id",
    "named_workflow",
    "resolved_agents",
    "with_agents",
]

INPUTS = "inputs/"
"""Where the files lie that a run was given."""


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


def with_agents(
    workflow: Workflow, wanted: tuple[str, ...], host: PluginHost
) -> Workflow:
    """Let the agents that were asked for do a workflow that does not choose its own.

    The steps call them as they were asked for: who does the run again may put another
    agent in the place of that name.
    """
    agents = {host.find("agent", agent).qualified: agent for agent in wanted}
    named = resolved_agents(workflow, host)
    if not agents or workflow.routed:
        return workflow
    if len(workflow.steps) == 1 == len(wanted):
        return replace(workflow, steps=(replace(workflow.steps[0], agent=wanted[0]),))
    plan = workflow.only(agents, named)
    asked = (replace(s, agent=agents.get(s.agent, s.agent)) for s in plan.steps)
    return replace(plan, steps=tuple(asked))


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
    tape: Tape | None = None,
    history: Sequence[Message] = (),
) -> RunAccepted:
    """Begin a run's journal and return its first event; see `Engine.accept`."""
    run_id = await free_id(run_id, journal)
    check_objective(objective)
    _check_approve(options)
    named = named_workflow(workflow, host)
    if tape is not None and named.routed and not options.agents:
        options = replace(options, agents=tape.recording.options.agents)
    recorded = tape.recording.options.approve if tape else None
    plan = _planned(named, options, config, host, live=tape is None or tape.live)
    limits = step_limits(plan, options.step_limits, config, host)
    earlier = await _earlier(options.follows, journal)
    spoken = await _earlier(options.continues, journal)
    folder = options.out or (spoken and spoken.out)
    out = absolute(folder or f"{config.out}/{run_id}")
    given = {INPUTS + name: content for name, content in files.items()}
    if earlier is not None:
        given = {**_results_of(earlier), **given}
    bound = options.limits
    if tape is not None:
        given = given or dict(tape.recording.inputs)
        bound = _or_else(bound, tape.recording.options.limits)
    accepted = RunAccepted(
        seq=1,
        at=timestamp(),
        run_id=run_id,
        objective=objective,
        workflow=plan,
        options=replace(
            options,
            out=str(out),
            limits=bound | config.limits,
            step_limits=limits,
            approve=options.approve or recorded or config.approve,
        ),
        files=tuple(dict.fromkeys((*(_files_of(spoken) if spoken else ()), *given))),
        background=_background(earlier) if earlier else "",
        history=(*(_said(spoken) if spoken else ()), *history),
    )
    if tape is not None:
        accepted = _replaying(accepted, tape.recording)
    accepted = secrets.redact_record(accepted)
    await begin(accepted, given, journal)
    return accepted


def absolute(folder: str) -> Path:
    """Return a folder from the root on: what `Path.absolute` does in one go."""
    return Path(os.path.join(os.getcwd(), folder))  # noqa: PTH109, PTH118


def _check_approve(options: RunOptions) -> None:
    known = get_args(Approve)
    if options.approve is not None and options.approve not in known:
        raise InputError(
            f"there is no such way to approve as {options.approve!r}",
            f"say one of: {', '.join(known)}",
        )


async def free_id(wanted: str | None, journal: Journal) -> str:
    """Return the id of a new run: the one that is wanted, or a new one.

    Raises:
        InputError: If it cannot be one, or is taken.
    """
    if wanted is None:
        return new_run_id()
    if not valid_run_id(wanted):
        raise InputError(
            f"{wanted!r} cannot be a run's id",
            "use up to 64 letters, digits, '-' and '_', not '-' or '_' first",
        )
    await _check_free(wanted, journal)
    return wanted


async def begin(
    accepted: RunAccepted,
    files: Mapping[str, bytes],
    journal: Journal,
    events: Sequence[Event] = (),
) -> None:
    """Write a run's files and begin its journal, or leave nothing behind.

    Args:
        accepted: Its first event.
        files: The files, by path.
        journal: The journal.
        events: More events that it begins with.

    Raises:
        InputError: If the folder for its files cannot be used.
    """
    out = Path(accepted.options.out or "")
    workspace = FolderWorkspace(out)
    with _undone_on_failure(out, files) as new:
        workspace.check()
        for path, content in files.items():
            workspace.write(path, content)
        try:
            await journal.create(accepted)
        except InputError:
            await _keep_if_known(accepted.run_id, journal, new)
            raise
        if events:
            await _write(events, accepted.run_id, journal)


async def _keep_if_known(run_id: str, journal: Journal, files: list[Path]) -> None:
    """Keep files that another process wrote, which began a run of that id meanwhile."""
    with suppress(RunNotFoundError):
        await journal.read(run_id, after=sys.maxsize)
        files.clear()


async def _write(events: Sequence[Event], run_id: str, journal: Journal) -> None:
    """Write more of the first events of a run, or forget it."""
    epoch = await journal.claim(run_id)
    whole = False
    try:
        await journal.append(run_id, epoch, events)
        whole = True
    finally:
        with anyio.CancelScope(shield=True):
            await journal.release(run_id, epoch)
            if not whole:
                with suppress(JournalError):
                    await journal.delete(run_id)


def _planned(
    named: Workflow,
    options: RunOptions,
    config: Config,
    host: PluginHost,
    *,
    live: bool,
) -> Workflow:
    """Return the steps of a run, after a look at whether all is there for them.

    Args:
        named: The workflow.
        options: How it is to be done.
        config: The configuration.
        host: The plugins.
        live: Whether models are asked at all.
    """
    plan = with_agents(named, options.agents, host)
    check_steps(plan, host)
    if plan.routed:
        _check_routing(config, host)
    guards(config, host)
    check_concurrency(config, host)
    for model in (options.model, *(step.model for step in plan.steps if live)):
        if model:
            links(model, host)
    return plan


def _replaying(accepted: RunAccepted, recording: Recording) -> RunAccepted:
    """Return how a run begins that is given the answers of a recorded one."""
    return replace(
        accepted,
        background=accepted.background or recording.accepted.background,
        history=accepted.history or recording.accepted.history,
        replays=recording.run_id,
    )


def _or_else(limits: Limits, otherwise: Limits) -> Limits:
    """Return limits, with others where nothing is said."""
    own = {name: value for name, value in asdict(limits).items() if value is not None}
    return replace(otherwise, **own)


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
        await journal.read(run_id, after=sys.maxsize)
    except RunNotFoundError:
        return
    raise InputError(
        f"there is a run {run_id!r} already", "give the new run an id of its own"
    )


@contextmanager
def _undone_on_failure(folder: Path, paths: Iterable[str]) -> Iterator[list[Path]]:
    """Leave no file behind that was written for a run there will not be.

    Yields:
        The files that are taken away then.

    Raises:
        InputError: If the folder cannot be used: the user may name another.
    """
    fresh = not lexists(folder)
    new = [folder / path for path in paths if not lexists(folder / path)]
    try:
        yield new
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
    config: Config,
    host: PluginHost,
    options: RunOptions,
    recording: Recording | None = None,
) -> tuple[str, str]:
    """Return the models a run tries, and why; empty and why not, if there is none."""
    if recording is not None and not options.model:
        return recording.model, f"as recorded in {recording.run_id}"
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
    workspace = FolderWorkspace(Path(earlier.out))
    return {path: workspace.read(path) for path in earlier.artifacts}


def _said(earlier: RunState) -> tuple[Message, ...]:
    """Return a conversation, with what its latest run added to it."""
    asked, answered = Message.user(earlier.objective), _text(earlier.output)
    return (*earlier.history, asked, Message.assistant(answered))


def _files_of(earlier: RunState) -> tuple[str, ...]:
    """Return the files of a conversation, which stay where they are."""
    return (*earlier.accepted.files, *earlier.artifacts)


def _background(earlier: RunState) -> str:
    return f"{earlier.objective}\n\n{_text(earlier.output)}"


def _text(output: Json) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
