"""Which limits hold for which step, from all who may say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace

from .._machine import RunState
from .._names import local_name, nearest
from ..config import Config, named_by
from ..errors import UnknownNameError
from ..events import LimitsChanged
from ..plugins import PluginHost
from ..specs import WorkflowSpec
from ..usage import Limits
from ..workflows import Workflow

__all__ = ["changed_limits", "step_limits"]


def step_limits(
    plan: Workflow,
    wanted: dict[str, Limits],
    config: Config,
    host: PluginHost,
) -> dict[str, Limits]:
    """Return the most that steps may spend, by name, beside what the workflow says.

    Args:
        plan: The run's workflow.
        wanted: What the caller says of its steps.
        config: What the user says of steps, of whatever workflow.
        host: Where other workflows are found.

    Raises:
        UnknownNameError: If somebody names a step that there is not; `ConfigError` if
            that stands in a file.
    """
    names = set(_names(plan, config))
    for name in wanted:
        _check(name, names, plan)
    for name in config.limits_steps.keys() - names:
        key = f"limits.steps.{name}"
        others = () if _is_argument(config, key) else host.known("workflow")
        elsewhere = (
            s.spec.workflow for s in others if isinstance(s.spec, WorkflowSpec)
        )
        known = {step for other in elsewhere for step in _names(other, config)}
        with named_by(config, key):
            _check(name, known | names, plan)
    held = {n: most for n, most in config.limits_steps.items() if n in names}
    return {
        name: wanted.get(name, Limits()) | held.get(name, Limits())
        for name in (*wanted, *(held.keys() - wanted.keys()))
    }


def changed_limits(
    state: RunState, limits: Limits, steps: Mapping[str, Limits]
) -> LimitsChanged:
    """Return the limits of a run that is taken up again with others.

    Args:
        state: How far it is.
        limits: What replaces its own; what is `None` stays.
        steps: The same for its steps, by name.

    Raises:
        UnknownNameError: If it has no such step.
    """
    for name in steps:
        _check(name, state.steps, state.workflow)
    own = state.own_step_limits
    replaced = {n: _over(own.get(n, Limits()), most) for n, most in steps.items()}
    return LimitsChanged(
        limits=_over(state.limits, limits), step_limits={**own, **replaced}
    )


def _over(old: Limits, new: Limits) -> Limits:
    given = {name: value for name, value in asdict(new).items() if value is not None}
    return replace(old, **given)


def _is_argument(config: Config, key: str) -> bool:
    return "argument" in config.origin(key)


def _names(plan: Workflow, config: Config) -> Iterator[str]:
    """Yield what a workflow's steps are called, those of agents that may join too."""
    yield from (step.name for step in plan.steps)
    if plan.routed:
        have = {local_name(step.agent) for step in plan.steps}
        routed = {local_name(a) for agents in config.routes.values() for a in agents}
        yield from routed - have


def _check(name: str, known: Iterable[str], plan: Workflow) -> None:
    if name in known:
        return
    own = [step.name for step in plan.steps]
    doing = [step.name for step in plan.steps if local_name(step.agent) == name]
    meant = doing[0] if doing else nearest(name, own)
    steps = ", ".join(own)
    raise UnknownNameError(
        f"workflow {plan.name!r} has no step {name!r} that could be limited",
        f"did you mean {meant!r}?" if meant else f"its steps are: {steps}",
        step=name,
    )
