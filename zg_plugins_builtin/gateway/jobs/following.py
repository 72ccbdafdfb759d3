"""What the events of a run come to, as far as a job shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import zg_core as zg

from .artifacts import artifact_id
from .questions import question_id
from .states import ENDED, ended_type, failure_state

__all__ = ["Following", "News", "Told"]

_NEARLY = 0.99
"""The most that is shown before the end."""


@dataclass(frozen=True, slots=True)
class News:
    """Something that webhooks tell.

    Args:
        seq: The event it comes from.
        type: What happened.
        data: More about it, beside the job.
    """

    seq: int
    type: str
    data: zg.JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody said of a question, as the run has it."""

    state: str
    by: str
    at: str
    reason: str = ""
    said: zg.Json = None


class Following:
    """Follows one run from its first event.

    Attributes:
        seq: The latest event.
        state: The state of the job.
        asked: What people are or were asked, by call.
        told: What they said, by call.
        news: What webhooks are to be told.
        urgent: Whether what happened is to be shown at once.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.state = "queued"
        self.state_reason: str | None = None
        self.message: str | None = None
        self.result: zg.Json = None
        self.error: zg.JsonObject | None = None
        self.input_tokens = 0
        self.output_tokens = 0
        self.cost_usd = 0.0
        self.unpriced = 0
        self.at = ""
        self.asked: dict[str, zg.ApprovalRequested | zg.InputRequested] = {}
        self.told: dict[str, Told] = {}
        self.news: list[News] = []
        self.urgent = False
        self._steps = 1
        self._done: set[str] = set()
        self._parts: dict[str, float] = {}

    @property
    def cost_usd_micros(self) -> int | None:
        """What it cost until now; `None` if a part of that is not known."""
        return None if self.unpriced else round(self.cost_usd * 1e6)

    @property
    def open(self) -> list[zg.ApprovalRequested | zg.InputRequested]:
        """What people are asked now."""
        return [asked for call, asked in self.asked.items() if call not in self.told]

    @property
    def ended(self) -> bool:
        """Whether the run has come to its end."""
        return self.state in ENDED

    @property
    def approvals(self) -> int:
        """How many approvals it waits for."""
        return sum(isinstance(asked, zg.ApprovalRequested) for asked in self._waits)

    @property
    def inputs(self) -> int:
        """How many answers it waits for."""
        return sum(isinstance(asked, zg.InputRequested) for asked in self._waits)

    @property
    def _waits(self) -> list[zg.ApprovalRequested | zg.InputRequested]:
        return [] if self.ended else self.open

    @property
    def done(self) -> int:
        """How many steps are done."""
        return min(len(self._done), self._steps)

    @property
    def total(self) -> int:
        """Of how many."""
        return self._steps

    @property
    def progress(self) -> float:
        """How far it is by its steps, 0 to 1; another round takes it back."""
        if self.state in ("succeeded", "degraded"):
            return 1.0
        parts = sum(f for step, f in self._parts.items() if step not in self._done)
        return round(min((len(self._done) + parts) / self._steps, _NEARLY), 4)

    @property
    def expires_at(self) -> datetime | None:
        """When the first of what people are asked is decided without them."""
        times = [asked.expires_at for asked in self.open if asked.expires_at]
        return min(map(datetime.fromisoformat, times)) if times else None

    def heed(self, event: zg.Event) -> None:
        """Take in the next event."""
        self.seq, self.at = event.seq, event.at
        self._heed_run(event)
        self._heed_steps(event)
        self._heed_people(event)

    # -- The run ---------------------------------------------------------------------

    def _heed_run(self, event: zg.Event) -> None:
        match event:
            case zg.RunAccepted(workflow=workflow):
                self._steps = max(len(workflow.steps), 1)
            case zg.RunStarted() | zg.RunResumed():
                self._become("running")
                if isinstance(event, zg.RunStarted):
                    self._tell("job.started")
            case zg.CancelRequested(reason=reason):
                self._become("cancelling", reason or None)
                self._tell("job.cancelling")
            case zg.RunPaused(reason=reason):
                self._become(self._waiting_state(), reason or None)
            case zg.RunFinished(output=output, degraded=degraded):
                self.result = output
                self._end("degraded" if degraded else "succeeded")
            case zg.RunFailed(error=error):
                self.error = _problem(error)
                self._end(failure_state(error.type, error.details))
            case zg.RunCancelled(reason=reason):
                self.error = {
                    "code": "cancelled",
                    "title": "Cancelled",
                    "detail": reason or "somebody cancelled it",
                }
                self._end("cancelled")

    def _waiting_state(self) -> str:
        if self.approvals:
            return "awaiting_approval"
        return "awaiting_input" if self.inputs else "paused"

    def _become(self, state: str, reason: str | None = None) -> None:
        self.state, self.state_reason, self.urgent = state, reason, True

    def _end(self, state: str) -> None:
        self._become(state)
        self._tell(ended_type(state))

    def _tell(self, kind: str, **data: Any) -> None:
        self.news.append(News(self.seq, kind, data))
        self.urgent = True

    # -- Steps -----------------------------------------------------------------------

    def _heed_steps(self, event: zg.Event) -> None:
        match event:
            case zg.StepFinished(step=step, again=again) if not _is_part(step):
                self._done.add(_base(step))
                self._done -= set(again)
                self._parts.pop(_base(step), None)
            case zg.StepDegraded(step=step) | zg.StepSkipped(step=step):
                if not _is_part(step):
                    self._done.add(_base(step))
            case zg.Progressed(step=step, message=message, fraction=fraction):
                self.message = message
                if fraction is not None and not _is_part(step):
                    self._parts[_base(step)] = min(max(fraction, 0.0), 1.0)
            case zg.ModelAnswered(replayed=False):
                used = event.response.usage
                self.input_tokens += used.input_tokens
                self.output_tokens += used.output_tokens
                self.cost_usd += event.cost_usd or 0.0
                self.unpriced += event.cost_usd is None
            case zg.ArtifactWritten(path=path, size=size, sha256=sha256):
                artifact = artifact_id(event.run_id, path, sha256)
                self._tell(
                    "artifact.created", artifact_id=artifact, size=size, sha256=sha256
                )

    # -- People ----------------------------------------------------------------------

    def _heed_people(self, event: zg.Event) -> None:
        match event:
            case zg.ApprovalRequested(call_key=call):
                self.asked[call] = event
                self.told.pop(call, None)
                self._tell("approval.requested", approval_id=_approval(event, call))
            case zg.InputRequested(call_key=call):
                self.asked[call] = event
                self.told.pop(call, None)
                self._tell("input.requested", interrupt_id=_input(event, call))
            case zg.ApprovalDecided(call_key=call, allow=allow, by=by):
                expired = by == "expiry"
                state = "approved" if allow else "rejected"
                self.told[call] = Told(
                    state="expired" if expired else state,
                    by=by,
                    at=event.at,
                    reason=event.reason,
                    said=event.arguments,
                )
                kind = "approval.expired" if expired else "approval.decided"
                self._tell(kind, approval_id=_approval(event, call), decision=state)
            case zg.InputGiven(call_key=call, by=by):
                self.told[call] = Told("resolved", by, event.at, said=event.value)
                self._tell("input.resolved", interrupt_id=_input(event, call))


def _approval(event: zg.Event, call: str) -> str:
    return question_id(event.run_id, call, "approval")


def _input(event: zg.Event, call: str) -> str:
    return question_id(event.run_id, call, "input")


def _problem(error: zg.ErrorInfo) -> zg.JsonObject:
    """Return a run's failure as a problem without what belongs to HTTP."""
    state = failure_state(error.type, error.details)
    words = [word for word in (error.cause, error.remedy) if word]
    return {
        "code": state if state != "failed" else "job_failed",
        "title": error.type,
        "detail": "; ".join(words),
    }


def _is_part(step: str) -> bool:
    """Tell whether a path is that of an item, or of an agent that is asked."""
    return "[" in step or "/" in step


def _base(step: str) -> str:
    return step.partition("@")[0]
