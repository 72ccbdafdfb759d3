"""Ask people: whether something may be done, and for what only they know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from .._codec import as_json
from .._json import Json, JsonObject
from .._run_state import Decision
from .._schema import parameters_of
from .._shapes import shape_of
from .._validation import argument_errors
from ..contexts import OutputSchema
from ..errors import RunError
from ..events import (
    ApprovalDecided,
    ApprovalRequested,
    InputGiven,
    InputRequested,
)
from ..specs import ToolSpec
from .judging import EXPIRY, call_digest, has_expired
from .outcomes import Started
from .recorder import timestamp
from .replay import StepCalls
from .scope import RunScope

__all__ = ["People", "Proposed"]

D = TypeVar("D", ApprovalDecided, InputGiven)

_UNKNOWN = "nobody knows whether it was done when the engine died"
_DONE = "it was done before the run was set back or forked"
_RISKY = frozenset({"high", "critical"})
_ON_ITS_WAY = 0.5
"""Seconds in which what was said in time is still heard of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A tool call that is about to be made.

    Attributes:
        tool: Qualified name of the tool.
        spec: What the tool says of itself.
        key: The call.
        arguments: What it would be called with.
        begun: That it was begun before, if it must not be done twice and either
            nobody knows what came of it, or its step was set back since.
        seal: Digest of the tool and of the arguments that a person allowed; empty if
            nobody was asked.
    """

    tool: str
    spec: ToolSpec
    key: str
    arguments: JsonObject
    begun: Started | None = None
    seal: str = ""

    @property
    def known(self) -> str:
        """What is known of the one that was begun before."""
        return _DONE if self.begun and self.begun.done else _UNKNOWN

    def check_seal(self) -> None:
        """See that what is about to be done is what a person allowed.

        Raises:
            RunError: If it is not.
        """
        if self.seal and call_digest(self.tool, self.arguments) != self.seal:
            raise RunError(
                f"the arguments of {self.tool!r} are not those that were allowed",
                "report it to the author of the agent or tool, which changed them",
                tool=self.tool,
            )


class People:
    """What one attempt at a step asks of people."""

    def __init__(self, scope: RunScope, step: str, calls: StepCalls) -> None:
        self._scope = scope
        self._step = step
        self._calls = calls

    # -- What is asked -------------------------------------------------------------

    async def permitted(self, call: Proposed) -> tuple[Proposed, str | None]:
        """Return a tool call as it may be made; and why not, if it may not.

        Raises:
            RunError: If nobody decided in time, and that is a failure.
        """
        reason = self._reason(call)
        if reason is None:
            return call, None
        if problem := self._unaskable(call.arguments):
            needs = f"tool {call.spec.name!r} needs a person's approval, {problem}"
            return call, f"{call.known}; {needs}" if call.begun else needs
        call = replace(call, arguments=_copy(call.arguments))
        decided = await self._approval(
            ApprovalRequested(
                step=self._step,
                call_key=call.key,
                tool=call.tool,
                arguments=call.arguments,
                digest=call_digest(call.tool, call.arguments),
                reason=reason,
            ),
            after=call.begun.event.seq if call.begun else 0,
        )
        if not decided.allow:
            return call, _told(call, decided)
        if decided.arguments is None:
            return replace(call, seal=decided.digest), None
        return _edited(call, decided.arguments)

    async def approve(self, what: str, details: JsonObject) -> bool:
        """Ask whether something may be done; see `Context.approve`."""
        self._check_text(what)
        if not isinstance(details, dict):
            raise self._unclear(f"with {details!r:.100}, which is no JSON object")
        arguments: JsonObject = {"what": what, "details": details}
        key = self._calls.key(("approve", what, details))
        known = self._calls.value(key)
        if known is not None:
            return bool(known[0])
        named = "" if self._never else f"the question {what!r:.200}"
        said = await self._replayed(key, named)
        if isinstance(said, ApprovalDecided):
            return said.allow
        if self._never:
            return False
        if problem := self._unaskable(arguments):
            raise self._cannot(problem)
        asked = ApprovalRequested(
            step=self._step,
            call_key=key,
            tool="",
            arguments=_copy(arguments),
            digest=call_digest("", arguments),
            reason=what,
        )
        with self._scope.gate.work():
            return (await self._approval(asked)).allow

    async def ask(self, question: str, schema: OutputSchema | None) -> Json:
        """Ask for what only people know; see `Context.ask`."""
        self._check_text(question)
        wanted: JsonObject = {} if schema is None else shape_of(schema).schema
        key = self._calls.key(("ask", question, wanted))
        known = self._calls.value(key)
        if known is not None:
            return known[0]
        said = await self._replayed(key, f"the question {question!r:.200}")
        if isinstance(said, InputGiven):
            return said.value
        if self._scope.gate.committed:
            raise self._cannot(_COMMITTED)
        with self._scope.gate.work():
            return (await self._input(key, question, wanted)).value

    async def recorded(self, key: str) -> ApprovalDecided | None:
        """Record again what a person decided on a tool call of a recorded run."""
        said = await self._replayed(key, "")
        return said if isinstance(said, ApprovalDecided) else None

    # -- Whether a person is asked -------------------------------------------------

    @property
    def _never(self) -> bool:
        return self._policy == "never"

    @property
    def _policy(self) -> str:
        options = self._scope.recorder.state.accepted.options
        return options.approve or self._scope.config.approve

    def _reason(self, call: Proposed) -> str | None:
        """Say why a person is asked about a tool call, if one is."""
        if call.begun is not None:
            more = "once more" if call.begun.done else "perhaps once more"
            return f"{call.known}; to allow it is to have it done, {more}"
        if call.spec.requires_approval:
            return "the tool says that each of its calls needs approval"
        if call.spec.risk in _RISKY:
            return f"the tool's risk is {call.spec.risk}"
        effect = call.spec.effect
        if self._policy == "always" and effect not in ("none", "read"):
            return f"each call with an effect is asked about; this one's is {effect}"
        return None

    def _unaskable(self, arguments: JsonObject) -> str:
        """Say why nobody can be asked; empty if people can."""
        if self._never:
            return "and nobody may be asked"
        if self._scope.gate.committed:
            return f"and {_COMMITTED}"
        if self._scope.recorder.redacted(arguments) != arguments:
            return "and its arguments hold a secret, which nobody may be shown"
        return ""

    def _check_text(self, asked: object) -> None:
        if not isinstance(asked, str):
            raise self._unclear(f"{asked!r:.100}, which is no text")

    def _unclear(self, what: str) -> RunError:
        return RunError(
            f"step {self._step!r} asks people {what}",
            "report it to the author of the agent or tool",
            step=self._step,
        )

    def _cannot(self, problem: str) -> RunError:
        return RunError(
            f"step {self._step!r} wants to ask a person, {problem}",
            "let the agent ask before the tool is called, and without secrets",
            step=self._step,
        )

    # -- How it is asked -----------------------------------------------------------

    async def _approval(
        self, asked: ApprovalRequested, *, after: int = 0
    ) -> ApprovalDecided:
        """Return what a person decides, or has decided on exactly the same.

        Args:
            asked: The question.
            after: The ``seq`` of the event before which nothing counts.
        """
        state, key = self._scope.recorder.state, asked.call_key

        def decision() -> ApprovalDecided | None:
            said = self._scope.recorder.state.decisions.get(key)
            if not isinstance(said, ApprovalDecided) or said.seq <= after:
                return None
            return said if said.digest == asked.digest else None

        if said := decision():
            return said
        open_one = state.questions.get(key)
        if (
            not isinstance(open_one, ApprovalRequested)
            or open_one.digest != asked.digest
            or open_one.seq < after
        ):
            config = self._scope.config
            open_one = await self._scope.recorder.record(
                replace(
                    asked,
                    expires_at=self._expires_at(),
                    on_expiry=config.approvals_on_expiry,
                )
            )
        if said := await self._waited(decision, open_one.expires_at):
            return said
        if open_one.on_expiry == "fail":
            raise _too_late(self._step, open_one.expires_at)
        return await self._scope.recorder.record(
            ApprovalDecided(
                call_key=key,
                digest=asked.digest,
                allow=False,
                by=EXPIRY,
                reason="nobody decided in time",
            )
        )

    async def _input(self, key: str, question: str, schema: JsonObject) -> InputGiven:
        def answer() -> InputGiven | None:
            said = self._scope.recorder.state.decisions.get(key)
            return said if isinstance(said, InputGiven) else None

        asked = self._scope.recorder.state.questions.get(key)
        if asked is None and answer() is None:
            asked = await self._scope.recorder.record(
                InputRequested(
                    step=self._step,
                    call_key=key,
                    question=question,
                    schema=schema,
                    expires_at=self._expires_at(),
                )
            )
        expires_at = asked.expires_at if asked else ""
        if said := await self._waited(answer, expires_at):
            return said
        raise _too_late(self._step, expires_at)

    async def _waited(self, said: Callable[[], D | None], expires_at: str) -> D | None:
        """Return what a person says; `None` if nobody does in time."""
        while (found := said()) is None:
            if has_expired(expires_at):
                await self._scope.gate.hear(lambda: said() is not None, _ON_ITS_WAY)
                return said()
            left = _seconds_until(expires_at) if expires_at else None
            await self._scope.gate.park(lambda: said() is not None, left)
        return found

    def _expires_at(self) -> str:
        now = datetime.fromisoformat(timestamp())
        try:
            end = now + timedelta(seconds=self._scope.config.approvals_expire_seconds)
        except OverflowError:  # so late that it is never
            return ""
        text = end.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")

    async def _replayed(self, key: str, what: str) -> Decision | None:
        """Return what a person said in the recorded run that this one is given."""
        tape = self._scope.tape
        if tape is None:
            return None
        return await tape.decision(self._scope.recorder, self._step, key, what)


_COMMITTED = "but nobody can be asked while a tool is at work whose effect is 'once'"


def _copy(arguments: JsonObject) -> JsonObject:
    """Return arguments that nobody else holds, and so cannot change any more."""
    copied = as_json(arguments)
    assert isinstance(copied, dict)
    return copied


def _edited(call: Proposed, arguments: JsonObject) -> tuple[Proposed, str | None]:
    """Return a call with what a person made of it; and why not, if it does not fit."""
    seal = call_digest(call.tool, arguments)
    call = replace(call, arguments=_copy(arguments), seal=seal)
    errors = argument_errors(parameters_of(call.spec), call.arguments)
    told = "\n".join(("what a person made of it does not fit:", *errors))
    return call, told if errors else None


def _seconds_until(at: str) -> float:
    left = datetime.fromisoformat(at) - datetime.fromisoformat(timestamp())
    return max(0.0, left.total_seconds())


def _told(call: Proposed, decided: ApprovalDecided) -> str:
    """Say to the model why a call was not made."""
    name = call.spec.name
    why = f": {decided.reason}" if decided.reason else ""
    if call.begun is not None:
        return f"{call.known}, tool {name!r}, and it is not to be done again{why}"
    return f"tool {name!r} was not called, since a person did not allow it{why}"


def _too_late(step: str, expires_at: str) -> RunError:
    return RunError(
        f"nobody answered what step {step!r} asked, and time was up at {expires_at}",
        "resume the run to have it asked again; approvals.expire_seconds says how long",
        step=step,
        expires_at=expires_at,
    )
