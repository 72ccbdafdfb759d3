"""What came of a run whose calls were made to go wrong, from its events alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ._json import JsonObject
from ._machine import RunState, fold
from ._names import local_name
from ._run_state import StepState
from .drills import Drill
from .events import (
    Event,
    ModelAnswered,
    ModelCalled,
    ModelFailed,
    RunResumed,
    RunStarted,
    RunStatus,
)
from .usage import Limits

__all__ = ["Bound", "DrillReport", "drill_report"]

_REFUSED = "CircuitOpenError"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A limit of a run or of a step, and what was spent of it.

    Attributes:
        allowed: The limit.
        spent: What the answered calls took.
        lost: The most that calls took which were lost, and may be billed.
    """

    allowed: float
    spent: float
    lost: float

    @property
    def kept(self) -> bool:
        """Whether the limit was not passed, at the worst."""
        return self.spent + self.lost <= self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """How a run bore what was done to it; of any run, also of one without a drill.

    Attributes:
        run_id: The run.
        status: How it stands.
        drill: The faults and the seed; empty if it had none.
        needed_calls: Calls that steps made, each counted once.
        answered_calls: Those of them that got an answer.
        provider_calls: Requests that were sent for them.
        retries: Failed requests after which the same model was asked again.
        waited_seconds: How long these waited before that, all together.
        fallbacks: Calls that another model answered than the first of their chain.
        refused: Requests not sent since a breaker was open, by model.
        injected: How often each fault befell a request, by model and kind.
        seconds: From the run's beginning until its last event.
        bounds: The limits of the run, by what they limit: ``usd``, ``tokens`` or
            ``calls``. That of seconds is not among them: what reaches it is ended.
        step_bounds: The same of steps that have limits, by name.
    """

    run_id: str
    status: RunStatus
    drill: str
    needed_calls: int
    answered_calls: int
    provider_calls: int
    retries: int
    waited_seconds: float
    fallbacks: int
    refused: Mapping[str, int]
    injected: Mapping[str, Mapping[str, int]]
    seconds: float
    bounds: Mapping[str, Bound]
    step_bounds: Mapping[str, Mapping[str, Bound]] = field(default_factory=dict)

    @property
    def amplification(self) -> float | None:
        """Requests for each call that was needed; `None` if none was."""
        return _ratio(self.provider_calls, self.needed_calls)

    @property
    def goodput(self) -> float | None:
        """The answered part of the needed calls; `None` if none was needed."""
        return _ratio(self.answered_calls, self.needed_calls)

    @property
    def answered_per_second(self) -> float | None:
        """Answered calls a second; `None` if it took no time."""
        return _ratio(self.answered_calls, self.seconds)

    @property
    def budget_kept(self) -> bool:
        """Whether no limit was passed, lost calls counted at their worst."""
        each = (self.bounds, *self.step_bounds.values())
        return all(bound.kept for bounds in each for bound in bounds.values())

    def document(self) -> JsonObject:
        """Return it as JSON."""
        return {
            **asdict(self),
            "amplification": self.amplification,
            "goodput": self.goodput,
            "answered_per_second": self.answered_per_second,
            "budget_kept": self.budget_kept,
        }


def drill_report(events: Sequence[Event]) -> DrillReport:
    """Say how a run bore what was done to it.

    Args:
        events: The run's events, all or the first few.

    Raises:
        JournalError: If the first is not `RunAccepted`.
    """
    state = fold(events)
    calls = _Calls()
    for event in events:
        calls.take_in(event)
    return DrillReport(
        run_id=state.accepted.run_id,
        status=state.status,
        drill=state.drill,
        needed_calls=len(calls.first),
        answered_calls=len(calls.answered),
        provider_calls=calls.sent.total(),
        retries=calls.retries,
        waited_seconds=round(calls.waited, 3),
        fallbacks=sum(
            model != calls.first[key] for key, model in calls.answered.items()
        ),
        refused=dict(calls.refused),
        injected={model: dict(kinds) for model, kinds in calls.injected.items()},
        seconds=_between(events[0].at, events[-1].at),
        bounds=_bounds(state, state.limits),
        step_bounds=_step_bounds(state),
    )


@dataclass(slots=True)
class _Calls:
    """The calls of a run, counted.

    Attributes:
        first: The first model of each call's chain, by call key.
        answered: The model that answered, by call key.
    """

    first: dict[str, str] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    injected: dict[str, Counter[str]] = field(default_factory=dict)
    retries: int = 0
    waited: float = 0.0
    _drill: Drill | None = None
    _nth: Counter[tuple[str, str]] = field(default_factory=Counter)
    _waits: dict[tuple[str, str], float] = field(default_factory=dict)

    def take_in(self, event: Event) -> None:
        match event:
            case RunStarted() | RunResumed():
                self._drill = Drill.read(event.drill) if event.drill else None
                self._nth.clear()
                self._waits.clear()
            case ModelCalled():
                self.first.setdefault(event.call_key, event.model)
                self.sent[event.model] += 1
                self._asked_again(event)
                self._befallen(event)
            case ModelAnswered(replayed=False):
                self.answered[event.call_key] = event.model
            case ModelFailed(replayed=False):
                self.first.setdefault(event.call_key, event.model)
                self.refused[event.model] += event.error.type == _REFUSED
                if event.retry_in_seconds is not None:
                    this = event.call_key, event.model
                    self._waits[this] = event.retry_in_seconds

    def _asked_again(self, called: ModelCalled) -> None:
        """Count a retry that was made; a limit may stop one that was meant to be."""
        wait = self._waits.pop((called.call_key, called.model), None)
        if wait is not None:
            self.retries += 1
            self.waited += wait

    def _befallen(self, called: ModelCalled) -> None:
        """Count the fault that befell a request: what it was, the drill says again."""
        if self._drill is None:
            return
        this = called.model, called.call_key
        self._nth[this] += 1
        fault, _ = self._drill.fault(
            called.model, local_name(called.provider), called.call_key, self._nth[this]
        )
        if fault is not None:
            self.injected.setdefault(called.model, Counter())[fault.kind] += 1


def _step_bounds(state: RunState) -> dict[str, dict[str, Bound]]:
    each = {
        step.name: _bounds(state.steps[step.name], state.step_limits(step.name))
        for step in state.workflow.steps
    }
    return {name: bounds for name, bounds in each.items() if bounds}


def _bounds(state: RunState | StepState, most: Limits) -> dict[str, Bound]:
    spent = {
        "usd": (state.cost_nanos / 1e9, state.lost_nanos / 1e9),
        "tokens": (state.usage.total_tokens, state.lost_tokens),
        "calls": (state.calls, 0),
    }
    limits = {name: getattr(most, name) for name in spent}
    return {
        name: Bound(allowed=limits[name], spent=taken, lost=lost)
        for name, (taken, lost) in spent.items()
        if limits[name] is not None
    }


def _between(start: str, end: str) -> float:
    took = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(took.total_seconds(), 3)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
