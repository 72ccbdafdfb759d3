"""Tell whether a run that there is already is the one that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from .._secrets import Secrets
from ..config import Config
from ..errors import InputError
from ..events import RunAccepted
from ..plugins import PluginHost
from ..usage import Limits
from ..workflows import RunOptions, Workflow
from .accepting import INPUTS, absolute, named_workflow, with_agents
from .limiting import step_limits
from .tape import Tape

__all__ = ["check_same"]


def check_same(
    known: RunAccepted,
    workflow: Workflow | str,
    objective: str,
    *,
    options: RunOptions,
    files: Mapping[str, bytes],
    tape: Tape | None,
    config: Config,
    host: PluginHost,
    secrets: Secrets,
) -> None:
    """Refuse to take a run for one that was asked for in other words.

    What is left open now may be as it was. A workflow by its name is the same when it
    was changed since: the run goes on with the one that it began with.

    Args:
        known: How the run began.
        workflow: What it is asked to be now; this and the next as in `Engine.run`.
        objective: What is to be made.
        options: How it is to be done.
        files: Files the agents may read.
        tape: The recorded run whose answers it is to be given, if any.
        config: The user's limits.
        host: Where workflows and agents are found.
        secrets: What was left out where it was recorded.

    Raises:
        InputError: If it is another run, naming the first difference.
    """
    named = named_workflow(workflow, host)
    plan = with_agents(named, options.agents, host)

    def differences() -> Iterator[str]:
        if secrets.redact(objective) != known.objective:
            yield "another objective"
        if named.name != known.workflow.name:
            yield "another workflow"
        if not isinstance(workflow, str) and secrets.redact_record(plan) != (
            known.workflow
        ):
            yield f"other steps of workflow {named.name!r}"
        for name in ("model", "agents", "follows", "continues", "approve"):
            wanted = getattr(options, name)
            if wanted and wanted != getattr(known.options, name):
                yield f"another option {name!r}"
        if options.out and str(absolute(options.out)) != known.options.out:
            yield "another folder"
        if not _limits_hold(known, plan, options, config, host):
            yield "other limits"
        if not {INPUTS + name for name in files} <= set(known.files):
            yield "other files"
        if tape is not None and tape.recording.run_id != known.replays:
            yield "another recorded run"

    for difference in differences():
        raise InputError(
            f"run {known.run_id!r} was begun with {difference}",
            "give the new run an id of its own, or go on with that one: "
            f"zg runs resume {known.run_id}",
        )


def _limits_hold(
    known: RunAccepted,
    plan: Workflow,
    options: RunOptions,
    config: Config,
    host: PluginHost,
) -> bool:
    """Tell whether the limits that are wanted now are those that were recorded."""
    steps = step_limits(plan, options.step_limits, config, host)
    limits = options.limits | config.limits
    return all(
        getattr(options.limits, name) is None
        or getattr(limits, name) == getattr(known.options.limits, name)
        for name in _LIMITS
    ) and all(
        steps[name] == known.options.step_limits.get(name)
        for name in options.step_limits
    )


_LIMITS = tuple(field.name for field in fields(Limits))
