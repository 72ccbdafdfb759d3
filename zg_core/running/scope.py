"""What all steps of one run share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from .._run_state import StepState
from .._step_paths import above, base, is_part
from .._workspace import FolderWorkspace
from ..config import Config
from ..plugins import PluginHost
from ..stewards import Steward
from ..usage import Limits, Remaining
from ..workflows import Step
from .asking import Link, links
from .budget import Budget
from .guarding import Guarding
from .injecting import Injecting
from .pausing import Gate
from .recorded import Recorded
from .recorder import Recorder
from .tape import Tape
from .traffic import Traffic

__all__ = ["RunScope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """What all steps of one run share.

    Attributes:
        gate: What all calls of the run pass, to wait there while it is put aside.
        model: The models to try, in order, where neither step nor agent has its own.
        guarding: The guardrails, if any is enabled.
        forced_model: The models to try first, in order, if the user named any for
            this run.
        traffic: The engine's ways to the models.
        tape: The recorded run whose answers this run is given, if it is a replay.
        injecting: The faults that befall the run's calls, if it is a drill.
        steward: Who has a say in what the run spends besides its own budget, and in
            which tools it calls, if anybody does.
        budget: What the run may spend; each step has a part of it.
        chains: The chains that were asked for until now.
        step_budgets: The budgets that were asked for until now, by path.
        part_limits: What agents may spend that others ask, by path.
    """

    host: PluginHost
    config: Config
    recorder: Recorder
    recorded: Recorded
    gate: Gate
    budget: Budget
    workspace: FolderWorkspace
    guarding: Guarding | None
    model: str
    forced_model: str | None
    traffic: Traffic
    tape: Tape | None = None
    injecting: Injecting | None = None
    steward: Steward | None = None
    chains: dict[str, tuple[Link, ...]] = field(default_factory=dict)
    step_budgets: dict[str, Budget] = field(default_factory=dict)
    part_limits: dict[str, Limits] = field(default_factory=dict)

    def chain(self, models: str) -> tuple[Link, ...]:
        """Return the models of a chain; see `links`."""
        if models not in self.chains:
            self.chains[models] = links(models, self.host, self.config.prices)
        return self.chains[models]

    def step_seconds(self, step: Step) -> float | None:
        """Return the longest a step may take."""
        limits = Limits(seconds=step.timeout_seconds)
        return (limits | self.recorder.state.step_limits(step.name)).seconds

    def remaining(self, path: str) -> Remaining:
        """Return what may still be spent at a path, and how long that may take."""
        left = self.step_budget(path).remaining()
        seconds = self.gate.seconds_left
        return left if seconds == math.inf else replace(left, seconds=round(seconds, 3))

    @property
    def limits_changed(self) -> bool:
        """Whether other limits may have held when this was done before."""
        state = self.recorder.state
        options = state.accepted.options
        began = options.limits, options.step_limits
        changed = (state.limits, state.own_step_limits) != began
        return changed or bool(state.accepted.forked_from)

    def step_budget(self, path: str) -> Budget:
        """Return what may be spent at a path, less what was before the run was resumed.

        It is a part of what may be at the path above, and of the run's.
        """
        path = path if is_part(path) else base(path)
        if path not in self.step_budgets:
            self.step_budgets[path] = (
                self._part(path) if is_part(path) else self._step(path)
            )
        return self.step_budgets[path]

    def _step(self, name: str) -> Budget:
        state = self.recorder.state
        limits = state.step_limits(name)
        return _child(
            self.budget,
            limits,
            f"step {name!r}",
            state.steps[name],
            fixed=state.workflow_limits(name),
        )

    def _part(self, path: str) -> Budget:
        budget = self.step_budget(above(path))
        limits = self.part_limits.get(path, Limits())
        if limits == Limits():
            return budget
        spent = self.recorder.state.at(path)
        return _child(budget, limits, f"agent {path!r}", spent)


def _child(
    budget: Budget,
    limits: Limits,
    whose: str,
    spent: StepState,
    fixed: Limits = Limits(),
) -> Budget:
    return budget.child(
        limits,
        whose,
        tokens=spent.usage.total_tokens + spent.lost_tokens,
        calls=spent.calls,
        nanos=spent.cost_nanos + spent.lost_nanos,
        fixed=fixed,
    )
