"""Which steps are to be done again, if one of them is."""

from __future__ import annotations

from .._machine import RunState
from .._names import local_name, nearest
from .._workflow_graph import loops
from ..errors import InputError, UnknownNameError
from ..workflows import Workflow

__all__ = ["check_began", "dependents", "rewound"]


def check_began(state: RunState, name: str) -> None:
    """Refuse a step that was not begun, so that there is nothing to go back to.

    Raises:
        UnknownNameError: If there is no such step.
        InputError: If it has not begun, or not since the run was set back.
    """
    run_id = state.accepted.run_id
    steps = {step.name: step.agent for step in state.workflow.steps}
    began = [step for step in steps if state.steps[step].started_at]
    if name in began:
        return
    if name in state.steps:
        raise InputError(
            f"step {name!r} of run {run_id!r} has not begun",
            f"name one that has: {', '.join(began)}"
            if began
            else f"do the run first: zg runs resume {run_id}",
            step=name,
        )
    doing = [step for step, agent in steps.items() if local_name(agent) == name]
    meant = doing[0] if doing else nearest(name, steps)
    raise UnknownNameError(
        f"run {run_id!r} has no step {name!r}",
        f"did you mean {meant!r}?" if meant else f"its steps are: {', '.join(steps)}",
        step=name,
    )


def dependents(workflow: Workflow, name: str) -> frozenset[str]:
    """Return a step and all that need it, however many others are between."""
    found = {name}
    for _ in workflow.steps:
        found |= {step.name for step in workflow.steps if found & {*step.needs}}
    return frozenset(found)


def rewound(workflow: Workflow, name: str) -> tuple[str, ...]:
    """Return what is to be done again with a step, in the workflow's order.

    Of a loop all steps are, since what each knows of its rounds depends on the others.
    """
    again = dependents(workflow, name)
    for loop in loops(workflow.steps).values():
        if loop & again:
            again |= loop
    return tuple(step.name for step in workflow.steps if step.name in again)
