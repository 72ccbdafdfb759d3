"""Give the answers of a recorded run again: no call that is equal is made anew.

A call is equal if the same step asks the same, for the same time; which model is to
answer it is no part of that. The first one that is not is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from .._codec import digest
from .._json import Json
from .._run_state import Decision, Question
from .._step_paths import above, is_part, lies_in
from .._version import core_version
from ..classifiers import Label
from ..errors import ReplayMismatchError
from ..events import (
    ArtifactWritten,
    Event,
    GuardrailDecided,
    ModelAnswered,
    ModelFailed,
    ReplayDiverged,
    RunResumed,
    StepFailed,
    ToolFinished,
    ToolStarted,
    ValueRecorded,
)
from ..guardrails import Subject
from ..messages import ToolResult
from ..models import ModelInfo, Request, Response
from ..recordings import Recording
from .differing import diff, nearest_request, ordinal, request_lines, tool_lines
from .outcomes import Failed, Value, shortly, tool_call
from .recorded import Recorded
from .recorder import Recorder, error_info

__all__ = ["Tape"]

_Write = Callable[[str, bytes], Awaitable[str]]


class Tape:
    """The calls of a recorded run, for one run that is given their outcomes again.

    Args:
        recording: The recorded run.

    Attributes:
        difference: The first call that is not recorded.
        asked: What models were asked until now, by call key.
        models: What was told of what they can do, as in `Recording`.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.live = recording.live
        self.difference: ReplayMismatchError | None = None
        self.asked: dict[str, Request] = {}
        self.models: dict[str, ModelInfo] = {}
        self._where = ""
        self._calls: Counter[str] = Counter()
        events = _without_last_failures(recording.events)
        self._recorded = Recorded(events)
        self._answers = {e.call_key: e for e in events if isinstance(e, ModelAnswered)}
        self._tools = {e.call_key: e for e in events if isinstance(e, ToolStarted)}
        self._written = _written_by_tools(events)
        self._verdicts = {
            (e.guardrail, e.subject, e.step, e.before_sha256): e
            for e in events
            if isinstance(e, GuardrailDecided)
        }
        self._questions = {e.call_key: e for e in events if isinstance(e, Question)}
        self._decisions = {e.call_key: e for e in events if isinstance(e, Decision)}
        # A request that has got a new field since has another digest now.
        self._now_called = {
            _key_now(key, request): key for key, request in recording.requests.items()
        }
        self._used: set[str] = set()

    # -- What is answered ------------------------------------------------------------

    async def answer(
        self, recorder: Recorder, step: str, key: str, request: Request
    ) -> Response | None:
        """Return the recorded answer to a request; `None` if it is to be made now.

        Raises:
            RunError: If what is recorded is that there was none.
            ReplayMismatchError: If nothing is recorded of it.
        """
        self._calls[step] += 1
        number = self._calls[step]
        self.asked[key] = request
        old = key
        if self._recorded.outcome(key) is None:
            old = self._now_called.get(key, key)
        self._used.add(old)
        outcome = self._recorded.outcome(old)
        if isinstance(outcome, Response):
            answered = replace(
                self._answers[old],
                call_key=key,
                cost_usd=0.0,
                duration_seconds=0.0,
                attempt=1,
                replayed=True,
            )
            return (await recorder.record(answered)).response
        if isinstance(outcome, Failed):
            error = outcome.exception()
            await recorder.record(
                ModelFailed(
                    step=step,
                    call_key=key,
                    model=self.recording.model,
                    error=error_info(error),
                    final=True,
                    replayed=True,
                )
            )
            raise error
        await self._differs(
            recorder, step, key, f"the {ordinal(number)} model call", self._diff(key)
        )
        return None

    async def tool(
        self, recorder: Recorder, started: ToolStarted, write: _Write
    ) -> ToolResult | None:
        """Return a recorded result, with the files written again that came of it.

        Raises:
            ReplayMismatchError: If nothing is recorded of the call.
        """
        step, key = started.step, started.call_key
        outcome = self._recorded.outcome(key)
        self._used.add(key)
        if not isinstance(outcome, ToolResult):
            await self._differs(
                recorder,
                step,
                key,
                tool_call(started.tool, started.arguments),
                self._tool_diff(started),
            )
            return None
        await recorder.record(started, durable=False)
        for path in self._written.get(key, ()):
            if path in self.recording.files:
                await write(path, self.recording.files[path])
        finished = ToolFinished(
            step=step,
            call_key=key,
            tool=started.tool,
            result=outcome,
            duration_seconds=0.0,
            replayed=True,
        )
        return (await recorder.record(finished)).result

    async def value(
        self, recorder: Recorder, step: str, key: str, name: str
    ) -> tuple[Json] | None:
        """Return a recorded value, in a tuple since it may be `None`.

        Raises:
            ReplayMismatchError: If nothing is recorded of it.
        """
        known = self.known_value(step, key)
        if known is None:
            what = f"the call of once for {shortly(name)!r}"
            await self._differs(recorder, step, key, what, "")
            return None
        recorded = ValueRecorded(step=step, call_key=key, value=known[0])
        return ((await recorder.record(recorded)).value,)

    async def decision(
        self, recorder: Recorder, step: str, key: str, what: str
    ) -> Decision | None:
        """Return what a person decided on a call, with the question recorded again.

        Args:
            recorder: Records both.
            step: Who asks.
            key: The call.
            what: What the question is; empty if it may well be that there was none.

        Raises:
            ReplayMismatchError: If there was none, and there should be one.
        """
        asked, said = self._questions.get(key), self._decisions.get(key)
        if asked is None or said is None:
            if what:
                await self._differs(recorder, step, key, what, "")
            return None
        self._used.add(key)
        await recorder.record(asked, durable=False)
        return await recorder.record(replace(said, request_id=None))

    def known_value(self, step: str, key: str) -> tuple[Json] | None:
        """Return a recorded value, if there is one."""
        outcome = self._recorded.outcome(key)
        return (outcome.value,) if isinstance(outcome, Value) else None

    def place(self, key: str) -> str:
        """Return the path that an agent had which a call asks; empty if it has none."""
        return self._recorded.known_place(key)

    def verdict(
        self, guardrail: str, subject: Subject, step: str, before: str
    ) -> GuardrailDecided | None:
        """Return what a guardrail decided on the same, if it was asked."""
        return self._verdicts.get((guardrail, subject, step, before))

    def label(self, classifier: str, objective: str) -> tuple[Label | None] | None:
        """Return what a classifier said of the same objective, if it was asked.

        It is in a tuple, since it may be `None`.
        """
        state = self.recording.state
        said = state.route
        if said is None or said.classifier != classifier:
            return None
        if state.objective != objective:
            return None
        if said.probability is None:
            return (None,)
        return (Label(said.label, said.probability, said.reason),)

    def info(
        self, step: str, model: str | None, find: Callable[[], ModelInfo]
    ) -> ModelInfo:
        """Return what a model could do; *find* finds it where that is not recorded."""
        key = f"{step}:{model or ''}"
        known = self.recording.models.get(key)
        self.models[key] = find() if known is None else known
        return self.models[key]

    # -- What is different -----------------------------------------------------------

    def check(self, step: str) -> None:
        """See that no agent hides that its step asked what is not recorded.

        Raises:
            ReplayMismatchError: If it did.
        """
        if self.live or self.difference is None:
            return
        if lies_in(self._where, step):
            raise self.difference

    async def _differs(
        self, recorder: Recorder, step: str, key: str, what: str, changes: str
    ) -> None:
        agent = recorder.state.agent_at(step)
        by = f"agent {agent}, model {self.recording.model or 'none'}"
        ends = "" if self._any_left(step) else ", where the record of it ends"
        cause = f"{what} of step {step!r} is not in the recorded run{ends} ({by})"
        changes = recorder.redacted(changes)
        error = ReplayMismatchError(
            cause,
            _remedy(self.recording.core),
            step=step,
            call_key=key,
            call=self._calls[step],
            agent=agent,
            recorded_run=self.recording.run_id,
            diff=changes or None,
        )
        if changes:
            error.add_note(changes)
        if self.difference is None:
            self.difference, self._where = error, step
            if self.live:
                await recorder.record(
                    ReplayDiverged(
                        step=step, call_key=key, difference=cause, diff=changes
                    )
                )
        if not self.live:
            raise error

    def _any_left(self, step: str) -> bool:
        keys = (*self._answers, *self._tools)
        return any(_is_of(step, key) and key not in self._used for key in keys)

    def _diff(self, key: str) -> str:
        """Return how a request differs from the recorded one that was meant."""
        step, asked = key.partition(":")[0], self.asked[key]
        left = [
            request
            for known, request in self.recording.requests.items()
            if _is_of(step, known) and known not in self._used
        ]
        meant = nearest_request(asked, left)
        if meant is None:
            return ""
        return diff(request_lines(meant), request_lines(asked))

    def _tool_diff(self, asked: ToolStarted) -> str:
        for key, meant in self._tools.items():
            if _is_of(asked.step, key) and key not in self._used:
                return diff(
                    tool_lines(meant.tool, meant.arguments),
                    tool_lines(asked.tool, asked.arguments),
                )
        return ""


def _written_by_tools(events: Iterable[Event]) -> dict[str, list[str]]:
    """Return the files that were written while a tool was at work, by its call key.

    Where several tools of a step were, nobody knows whose they are, and all write them.
    """
    at_work: dict[str, set[str]] = {}
    written: dict[str, list[str]] = {}
    for event in events:
        match event:
            case ToolStarted():
                at_work.setdefault(event.step, set()).add(event.call_key)
            case ToolFinished():
                at_work.get(event.step, set()).discard(event.call_key)
            case ArtifactWritten():
                for path in _around(event.step):
                    for key in at_work.get(path, ()):
                        written.setdefault(key, []).append(event.path)
    return written


def _around(path: str) -> Iterator[str]:
    """Yield a path, and all that it lies in: whose tools may have asked it."""
    yield path
    while is_part(path):
        path = above(path)
        yield path


def _without_last_failures(events: Sequence[Event]) -> list[Event]:
    """Leave out failures that nobody took the run up after.

    A resumed run tries again what a step failed with; a replayed one fails again.
    """
    last = max(
        (event.seq for event in events if isinstance(event, RunResumed)), default=0
    )
    return [e for e in events if not isinstance(e, StepFailed) or e.seq < last]


def _is_of(step: str, key: str) -> bool:
    return key.startswith(f"{step}:")


def _key_now(key: str, request: Request) -> str:
    whose, _, occurrence = key.rsplit(":", 2)
    return f"{whose}:{digest(request)[:32]}:{occurrence}"


def _remedy(core: str) -> str:
    other = (
        f" (it is of zerogravity {core})" if core not in ("", core_version()) else ""
    )
    return f"undo what was changed, record the run anew{other}, or go on with --live"
