"""How far a run is: what its events come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from ._json import Json
from ._step_paths import base, is_part, round_of
from .events import (
    ApprovalDecided,
    ApprovalRequested,
    ArtifactWritten,
    ErrorInfo,
    InputGiven,
    InputRequested,
    ModelCalled,
    PluginInfo,
    RouteChosen,
    RunAccepted,
    RunStarted,
    RunStatus,
)
from .messages import Message
from .usage import Limits, Usage
from .workflows import Workflow

__all__ = [
    "Decision",
    "ModelState",
    "Question",
    "RunState",
    "StepState",
    "total_of",
    "updated",
]

StepStatus: TypeAlias = Literal[
    "waiting", "running", "finished", "degraded", "skipped", "failed"
]
Question: TypeAlias = ApprovalRequested | InputRequested
Decision: TypeAlias = ApprovalDecided | InputGiven


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """What one model did for a step, or for a whole run.

    Attributes:
        cost_nanos: What its answers cost, in billionths of a US dollar: whole
            numbers, so that a sum does not depend on the order of its parts.
        unpriced_calls: How many of its answers have no known price.
        failures: How many attempts to ask it failed.
        micros: How long its answers took, in millionths of a second.
        replayed: How many answers of a recorded run were given again, at no cost.
    """

    usage: Usage = Usage()
    cost_nanos: int = 0
    unpriced_calls: int = 0
    failures: int = 0
    micros: int = 0
    replayed: int = 0

    def __add__(self, other: ModelState) -> ModelState:
        return ModelState(
            usage=self.usage + other.usage,
            cost_nanos=self.cost_nanos + other.cost_nanos,
            unpriced_calls=self.unpriced_calls + other.unpriced_calls,
            failures=self.failures + other.failures,
            micros=self.micros + other.micros,
            replayed=self.replayed + other.replayed,
        )


_NOTHING = ModelState()


@dataclass(frozen=True, kw_only=True)  # no slots: see `updated`
class StepState:
    """How far one step is, or one of its parts.

    Attributes:
        name: The step; of a part its path.
        round: Which round it is in, from 1.
        items: The list that this round is done for, item by item.
        left_out: Why it was left out, if its condition did not hold.
        parts: Items, and agents that it asks, by path; what they spend counts for
            the step as well, and for every part that they are in.
        spent: What each model did for it, in the order of their first calls.
        calls: How many model calls it made, whatever came of them.
        lost_calls: How many of them gave no answer, or one that counts nothing.
        lost_tokens: The most that these may have used.
        lost_nanos: The most these may have cost, in billionths of a US dollar.
        worked_micros: How long it was under way until its clock last stood still, in
            millionths of a second.
        since: When its clock began to run; empty while it stands still.
    """

    name: str
    agent: str
    status: StepStatus = "waiting"
    round: int = 1
    items: tuple[Json, ...] | None = None
    parts: Mapping[str, StepState] = field(default_factory=dict)
    output: Json = None
    artifacts: tuple[str, ...] = ()
    error: ErrorInfo | None = None
    left_out: str = ""
    spent: Mapping[str, ModelState] = field(default_factory=dict)
    calls: int = 0
    lost_calls: int = 0
    lost_tokens: int = 0
    lost_nanos: int = 0
    worked_micros: int = 0
    since: str = ""
    started_at: str = ""
    ended_at: str = ""

    @property
    def path(self) -> str:
        """The path of the round it is in."""
        return round_of(self.name, self.round)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that answered it, in the order of their first calls."""
        return tuple(m for m, d in self.spent.items() if d.usage.calls or d.replayed)

    @property
    def total(self) -> ModelState:
        """What all models did for it."""
        return total_of(self.spent.values())

    @property
    def usage(self) -> Usage:
        """What its answered calls used."""
        return self.total.usage

    @property
    def cost_nanos(self) -> int:
        """What its answered calls of known price cost."""
        return sum(did.cost_nanos for did in self.spent.values())

    @property
    def unpriced_calls(self) -> int:
        """How many of its answered calls have no known price."""
        return sum(did.unpriced_calls for did in self.spent.values())


@dataclass(frozen=True, kw_only=True)  # no slots: see `updated`
class RunState:
    """How far a run is.

    Attributes:
        workflow: The steps that take part.
        objective: What it is for, as the guardrails left it.
        objective_passed: Qualified names of the guardrails that let it pass.
        agents: The qualified name of each step's agent, by step.
        steps: All steps, those that do not take part included.
        artifacts: The latest version of each file, by path.
        limits: The most it may spend.
        own_step_limits: The most that steps may spend, beside what the workflow says.
        open_calls: Model calls whose outcome is not known yet.
        out: The folder of its files.
        history: What was said before, in the conversation it goes on with.
        forgot: The path of a step that was not told all of it, since that no longer
            fits and nobody could sum it up; empty if there is none.
        questions: What people are asked and have not answered, by call.
        decisions: What they answered, by call.
        cancel_requested: Whether it is to be stopped.
        cancel_reason: Why it was last to be.
        pause_requested: Whether it is to be put aside.
        paused_for: Why it was, while it is.
        drill: The faults that were injected into its calls, the latest of several.
        worked_micros: As of a step; likewise ``since``.
        heard_at: When the process that does it was last heard of.
        seq: The ``seq`` of the latest event.
    """

    accepted: RunAccepted
    workflow: Workflow
    objective: str
    steps: Mapping[str, StepState]
    objective_passed: tuple[str, ...] = ()
    status: RunStatus = "running"
    agents: Mapping[str, str] = field(default_factory=dict)
    started: RunStarted | None = None
    plugins: tuple[PluginInfo, ...] = ()
    route: RouteChosen | None = None
    artifacts: Mapping[str, ArtifactWritten] = field(default_factory=dict)
    limits: Limits = Limits()
    own_step_limits: Mapping[str, Limits] = field(default_factory=dict)
    open_calls: tuple[ModelCalled, ...] = ()
    out: str = ""
    history: tuple[Message, ...] = ()
    forgot: str = ""
    questions: Mapping[str, Question] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    pause_requested: bool = False
    paused_for: str = ""
    drill: str = ""
    output: Json = None
    error: ErrorInfo | None = None
    cancel_requested: bool = False
    cancel_reason: str = ""
    worked_micros: int = 0
    since: str = ""
    heard_at: str = ""
    ended_at: str = ""
    seq: int = 1

    @property
    def spent(self) -> Mapping[str, ModelState]:
        """What each model did, in the order of their first calls."""
        spent: dict[str, ModelState] = {}
        for step in self.steps.values():
            for model, did in step.spent.items():
                spent[model] = spent[model] + did if model in spent else did
        return spent

    @property
    def usage(self) -> Usage:
        """What all steps spent."""
        return total_of(d for s in self.steps.values() for d in s.spent.values()).usage

    @property
    def calls(self) -> int:
        """How many model calls were made, whatever came of them."""
        return sum(step.calls for step in self.steps.values())

    @property
    def cost_nanos(self) -> int:
        """What all calls of known price cost, in billionths of a US dollar."""
        return sum(step.cost_nanos for step in self.steps.values())

    @property
    def lost_calls(self) -> int:
        """How many calls gave no answer, or one that counts nothing."""
        lost = sum(step.lost_calls for step in self.steps.values())
        return lost + len(self.open_calls)

    @property
    def lost_tokens(self) -> int:
        """The most that calls may have used that gave no answer."""
        return sum(step.lost_tokens for step in self.steps.values())

    @property
    def lost_nanos(self) -> int:
        """The most these may have cost."""
        return sum(step.lost_nanos for step in self.steps.values())

    @property
    def unpriced_calls(self) -> int:
        """How many calls have no known price."""
        return sum(step.unpriced_calls for step in self.steps.values())

    def at(self, path: str) -> StepState:
        """Return a step, or the part of one, that an event is about."""
        step = self.steps[base(path)]
        return step.parts[path] if is_part(path) else step

    def agent_at(self, path: str) -> str:
        """Return the qualified name of the agent at a path; empty where none is."""
        step = self.steps.get(base(path))
        part = step.parts.get(path) if step and is_part(path) else step
        agent = part.agent if part else ""
        return agent if is_part(path) else self.agents.get(base(path), agent)

    def step_limits(self, name: str) -> Limits:
        """Return the most that a step may spend, by its name."""
        limits = self.workflow_limits(name)
        own = self.own_step_limits.get(name)
        return limits if own is None else own | limits

    def workflow_limits(self, name: str) -> Limits:
        """Return the most that the workflow lets a step spend, whatever others say."""
        steps = (step.limits for step in self.workflow.steps if step.name == name)
        return next(steps, Limits())


def total_of(each: Iterable[ModelState]) -> ModelState:
    """Return what models did together: what is the only one is not added to nothing."""
    left = iter(each)
    return sum(left, next(left, _NOTHING))


S = TypeVar("S", StepState, RunState)


def updated(state: S, **changes: Any) -> S:
    """Return a state with other values of some attributes.

    `dataclasses.replace` would do, but takes ten times as long; and what a step costs
    is for the most part that each of its events makes a new state.
    """
    new = object.__new__(type(state))
    vars(new).update(vars(state), **changes)
    return new
