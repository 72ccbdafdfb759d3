"""What earlier attempts at a step recorded, for the step that is run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .. import errors
from .._codec import digest
from .._json import Json
from ..errors import GuardrailError, ProviderError, ReplayMismatchError, RunError
from ..events import (
    ErrorInfo,
    Event,
    GuardrailDecided,
    ModelAnswered,
    ModelFailed,
    StepFailed,
    ToolFinished,
    ToolStarted,
    ValueRecorded,
)
from ..messages import ToolResult
from ..models import Response
from .guarding import refusal
from .recorder import error_info

__all__ = ["Failed", "Recorded", "Started", "StepCalls"]


@dataclass(frozen=True, slots=True)
class Failed:
    """A model call that came to nothing, and whose agent went on all the same."""

    error: ErrorInfo

    def exception(self) -> RunError:
        """Return the error the agent saw."""
        kind = getattr(errors, self.error.type, ProviderError)
        if not issubclass(kind, ProviderError | GuardrailError):
            kind = ProviderError
        raised: RunError = kind(
            self.error.cause, self.error.remedy, **self.error.details
        )
        return raised


@dataclass(frozen=True, slots=True)
class Started:
    """A tool call whose result nobody knows, since the engine died meanwhile."""

    event: ToolStarted


@dataclass(frozen=True, slots=True)
class _Value:
    value: Json


Outcome = Response | ToolResult | Failed | Started | _Value


class Recorded:
    """The outcome of every call an earlier attempt recorded, by call key."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._outcomes: dict[str, dict[str, Outcome]] = {}
        # What came after a failure that is tried again may not come again.
        self._moot: dict[str, set[str]] = {}
        for event in events:
            self._take_in(event)

    def _take_in(self, event: Event) -> None:
        match event:
            case ModelAnswered():
                self._answered(event)
            case GuardrailDecided(allow=False, subject="message" | "answer"):
                refused = Failed(error_info(refusal(event)))
                self._of(event.step)[event.call_key] = refused
            case ModelFailed(final=True):
                self._of(event.step)[event.call_key] = Failed(event.error)
            case ToolStarted():
                self._of(event.step)[event.call_key] = Started(event)
            case ToolFinished():
                self._of(event.step)[event.call_key] = event.result
            case ValueRecorded():
                self._of(event.step)[event.call_key] = _Value(event.value)
            case StepFailed():
                self._forgive(event.step, event.error)

    def _answered(self, event: ModelAnswered) -> None:
        """Take an answer; but one that was refused is recorded for its cost alone."""
        calls = self._of(event.step)
        if not isinstance(calls.get(event.call_key), Failed):
            calls[event.call_key] = event.response

    def _of(self, step: str) -> dict[str, Outcome]:
        return self._outcomes.setdefault(step, {})

    def _forgive(self, step: str, error: ErrorInfo) -> None:
        """Forget the failed calls that a step failed with, to try them again."""
        calls = self._of(step)
        failed = [k for k, outcome in calls.items() if outcome == Failed(error)]
        for key in failed[:1]:
            keys = list(calls)
            self._moot.setdefault(step, set()).update(keys[keys.index(key) :])
        for key in failed:
            del calls[key]

    def step(self, name: str) -> StepCalls:
        """Return the calls of one step, for one more attempt at it."""
        return StepCalls(
            name, self._outcomes.get(name, {}), self._moot.get(name, set())
        )


class StepCalls:
    """The calls of one attempt at a step: their keys, and what is known of them."""

    def __init__(self, step: str, outcomes: dict[str, Outcome], moot: set[str]) -> None:
        self._step = step
        self._left = dict(outcomes)
        self._seen: Counter[str] = Counter()
        self._moot = moot
        self._closed = False

    def key(self, request: object) -> str:
        """Return the key of a call: step, digest of the request, occurrence.

        So parallel calls may come in any order, and equal ones are told apart.
        """
        self.check_open()
        base = f"{self._step}:{digest(request)[:32]}"
        self._seen[base] += 1
        return f"{base}:{self._seen[base]}"

    def check_open(self) -> None:
        """Refuse what a step's code still wants after the step has ended.

        Raises:
            RunError: If it has.
        """
        if self._closed:
            raise RunError(
                f"step {self._step!r} has ended, and can do nothing any more",
                "let agents and tools wait for all they begin",
                step=self._step,
            )

    def close(self) -> None:
        """End the attempt."""
        self._closed = True

    def model(self, key: str) -> Response | None:
        """Return a recorded answer.

        Raises:
            ProviderError: If what is recorded is that there was none;
                `GuardrailError` if it is that a guardrail refused.
        """
        found = self._left.pop(key, None)
        if isinstance(found, Failed):
            raise found.exception()
        return found if isinstance(found, Response) else None

    def tool(self, key: str) -> ToolResult | Started | None:
        """Return a recorded result, or that the call was begun."""
        found = self._left.pop(key, None)
        return found if isinstance(found, ToolResult | Started) else None

    def value(self, key: str) -> tuple[Json] | None:
        """Return a recorded value, in a tuple since it may be `None`."""
        found = self._left.pop(key, None)
        return (found.value,) if isinstance(found, _Value) else None

    def check_all_used(self) -> None:
        """Refuse a step that ended without asking what is recorded of it.

        Raises:
            ReplayMismatchError: If a recorded call was not made again.
        """
        unused = [key for key in self._left if key not in self._moot]
        if not unused:
            return
        key = unused[0]
        raise ReplayMismatchError(
            f"step {self._step!r} was recorded with a call that its agent "
            f"no longer makes ({key})",
            "run the objective anew",
            step=self._step,
            call_key=key,
        )
