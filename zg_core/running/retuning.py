"""Other limits for a run that is being done: they hold from the next call on."""

from __future__ import annotations

from .._step_paths import base, depth
from .scope import RunScope

__all__ = ["retune"]


def retune(scope: RunScope) -> None:
    """Have the limits hold that the run has by now."""
    state = scope.recorder.state
    scope.budget.retune(state.limits)
    for path, budget in scope.step_budgets.items():
        if path in state.steps:  # what a step hands on has limits of its own
            budget.retune(state.step_limits(path))
    seconds = {s.name: scope.step_seconds(s) for s in state.workflow.steps}
    for limit in scope.gate.limits:
        if limit.whose == "":
            limit.change(state.limits.seconds)
        elif limit.whose is not None and depth(limit.whose) == 0:
            limit.change(seconds.get(base(limit.whose)))
