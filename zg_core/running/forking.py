"""Fork a run: begin another with all of it that does not depend on one of its steps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from .._machine import RunState, fold
from .._secrets import Secrets
from .._step_paths import base
from .._workflow_graph import loops
from .._workspace import FolderWorkspace
from ..config import Config
from ..errors import InputError, RunBusyError, WorkflowError, WorkspaceError
from ..events import (
    ApprovalDecided,
    ArtifactWritten,
    Event,
    GuardrailDecided,
    InputGiven,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    PluginLoaded,
    RouteChosen,
    RunRewound,
    RunStarted,
    ToolFinished,
    ToolStarted,
    UnknownEvent,
)
from ..journals import Journal
from ..plugins import PluginHost
from ..usage import Limits
from ..workflows import Step, Workflow
from .accepting import begin, free_id
from .asking import links
from .guarding import guards
from .limiting import changed_limits
from .recorder import timestamp
from .undoing import check_began, dependents

__all__ = ["Change", "check_whole", "fork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a fork differs from the run it was forked from; `None` is not at all.

    Attributes:
        prompt: What the step is asked.
        model: The models the step tries, in order.
        agent: The agent that does the step.
        limits: The most the fork may spend; it begins with nothing spent.
        step_limits: The same for steps, by name.
        out: The folder its files go to.
    """

    prompt: str | None = None
    model: str | None = None
    agent: str | None = None
    limits: Limits = Limits()
    step_limits: Mapping[str, Limits] = field(default_factory=dict)
    out: str | None = None


async def fork(
    run_id: str,
    step: str,
    change: Change,
    *,
    new_id: str | None,
    config: Config,
    host: PluginHost,
    journal: Journal,
    secrets: Secrets,
) -> str:
    """Begin the journal of a fork and return its id; see `Engine.fork`."""
    new_id = await free_id(new_id, journal)
    events = await journal.read(run_id)
    origin = fold(events)
    check_began(origin, step)
    workflow, agents = _planned(origin, step, change, config, host)
    changed = changed_limits(origin, change.limits, change.step_limits)
    accepted = secrets.redact_record(
        replace(
            origin.accepted,
            seq=1,
            at=timestamp(),
            run_id=new_id,
            workflow=workflow,
            options=replace(
                origin.accepted.options,
                model=None if change.model else origin.accepted.options.model,
                limits=changed.limits,
                step_limits=changed.step_limits,
                out=str(Path(change.out or Path(config.out) / new_id).absolute()),
            ),
            replays="",
            forked_from=run_id,
        )
    )
    prefix = [
        replace(event, seq=seq, at=accepted.at, run_id=new_id)
        for seq, event in enumerate(_kept(events, step, workflow, agents), 2)
    ]
    copy = fold([accepted, *prefix])
    await _check_ended(copy, step, journal)
    await begin(accepted, _files(origin, copy, step), journal, prefix)
    return new_id


def check_whole(state: RunState) -> None:
    """Refuse a fork whose making was cut off, which would do all from the start.

    Raises:
        InputError: If it is one.
    """
    accepted = state.accepted
    if accepted.forked_from and state.started is None:
        raise InputError(
            f"run {accepted.run_id!r} was being forked from {accepted.forked_from!r} "
            "when that was cut off",
            f"forget it (zg runs rm {accepted.run_id}), and fork anew",
        )


def _planned(
    origin: RunState, step: str, change: Change, config: Config, host: PluginHost
) -> tuple[Workflow, dict[str, str]]:
    """Return a fork's workflow, and each step's agent, once all is there for them."""
    if change.model:
        links(change.model, host)
    # The user's word for all of a run goes before a step's, so it is each step's now.
    forced = origin.accepted.options.model if change.model else None
    steps = tuple(
        replace(
            own,
            prompt=own.prompt if change.prompt is None else change.prompt,
            model=change.model or own.model,
            agent=change.agent or own.agent,
        )
        if own.name == step
        else replace(own, model=forced or own.model)
        for own in origin.workflow.steps
    )
    workflow = _fitting(origin.workflow, step, steps)
    agents = {own.name: origin.agents[own.name] for own in steps}
    if change.agent:
        agents[step] = change.agent
    for name in dependents(workflow, step):
        agents[name] = host.find("agent", agents[name]).qualified
    guards(config, host)
    return workflow, agents


def _fitting(workflow: Workflow, step: str, steps: tuple[Step, ...]) -> Workflow:
    """Return a workflow with other steps, whose needs are as they were.

    Raises:
        WorkflowError: If the prompt of the one that is another mentions more.
    """
    try:
        return replace(workflow, steps=steps)
    except WorkflowError as error:
        needs = ", ".join(("objective", "input", *workflow.step(step).needs))
        raise WorkflowError(
            error.cause,
            f"mention what it is given: {needs}; its needs stay as they are in a fork",
            **error.details,
        ) from None


# -- What is copied ----------------------------------------------------------------


def _kept(
    events: Sequence[Event], step: str, workflow: Workflow, agents: Mapping[str, str]
) -> Iterator[Event]:
    """Yield what does not depend on a step, as its fork is to have it.

    Of what does, it is to know the calls of tools that must not be repeated.
    """
    once = _done_once(events)
    undone = dependents(workflow, step)
    whole = loops(workflow.steps).values()
    begun_anew = {name for loop in whole if loop & undone for name in loop}
    for event in _in_force(events, once):
        name = _step_of(event)
        later = _path_of(event)[len(name) :].startswith("@")
        anew = name in undone or (later and name in begun_anew)
        if anew and not _is_of(event, once):
            continue
        copied = _copied(event, agents)
        if copied is not None:
            yield copied


def _done_once(events: Iterable[Event]) -> frozenset[str]:
    """Return the keys of calls of tools whose effect is that they are done once."""
    started = (event for event in events if isinstance(event, ToolStarted))
    return frozenset(e.call_key for e in started if e.effect == "once")


def _is_of(event: Event, calls: Set[str]) -> bool:
    """Tell whether an event says that one of these tool calls was begun, or done."""
    return isinstance(event, ToolStarted | ToolFinished) and event.call_key in calls


def _in_force(events: Iterable[Event], once: Set[str]) -> list[Event]:
    """Leave out what was taken back since by setting the run back."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, RunRewound):
            kept = [
                e for e in kept if _step_of(e) not in event.steps or _is_of(e, once)
            ]
        else:
            kept.append(event)
    return kept


def _path_of(event: Event) -> str:
    """Return the path an event belongs to; empty if it is the run's."""
    if isinstance(event, ApprovalDecided | InputGiven):
        return event.call_key.partition(":")[0]
    return str(getattr(event, "step", ""))


def _step_of(event: Event) -> str:
    return base(_path_of(event))


def _copied(event: Event, agents: Mapping[str, str]) -> Event | None:
    """Return an event as a fork has it, at no cost; `None` if it is not its own."""
    match event:
        case RunStarted():
            return replace(event, agents=dict(agents))
        case RouteChosen(agents=chosen):
            taking_part = tuple(dict.fromkeys(agents.values()))
            return replace(event, agents=taking_part if chosen else ())
        case PluginLoaded() | GuardrailDecided():
            return event
        case ModelCalled() | UnknownEvent():
            return None  # the one is counted as spent, of the other nobody can tell
        case ModelAnswered() | ModelFailed() | ToolFinished():
            return replace(event, replayed=True)
        case ApprovalDecided() | InputGiven():
            return replace(event, request_id=None)
    return event if _path_of(event) else None


def _files(origin: RunState, copy: RunState, step: str) -> dict[str, bytes]:
    """Return the files a fork begins with, as they were before the step.

    Raises:
        InputError: If one is gone, or was changed since.
    """
    workspace = FolderWorkspace(Path(origin.out))
    found: dict[str, bytes] = {}
    for path in dict.fromkeys((*origin.accepted.files, *copy.artifacts)):
        artifact = copy.artifacts.get(path)
        try:
            found[path] = workspace.read(path)
        except WorkspaceError as error:
            raise _lost(origin, path, artifact, "cannot be read any more") from error
        if artifact is None:
            changed = path in origin.artifacts
        else:
            changed = hashlib.sha256(found[path]).hexdigest() != artifact.sha256
        if changed:
            since = f"is not as it was before step {step!r}"
            raise _lost(origin, path, artifact, since)
    return found


def _lost(
    origin: RunState, path: str, artifact: ArtifactWritten | None, what: str
) -> InputError:
    back = "put it back as it was"
    return InputError(
        f"the file {path!r} of run {origin.accepted.run_id!r} {what}",
        f"fork from step {base(artifact.step)!r}, which wrote it, or {back}"
        if artifact
        else f"{back}, or run the objective anew",
        file=path,
    )


async def _check_ended(copy: RunState, step: str, journal: Journal) -> None:
    """Refuse to copy what somebody is doing just now, and so would be done twice.

    Raises:
        RunBusyError: If somebody is.
    """
    going = [name for name, own in copy.steps.items() if own.status == "running"]
    if not going:
        return
    run_id = copy.accepted.forked_from
    try:
        epoch = await journal.claim(run_id)
    except RunBusyError as error:
        raise RunBusyError(
            f"step {going[0]!r} of run {run_id!r}, which does not depend on {step!r}, "
            "is under way",
            f"wait for it (zg runs watch {run_id}), "
            f"or stop it first: zg runs pause {run_id}",
            run_id=run_id,
        ) from error
    await journal.release(run_id, epoch)
