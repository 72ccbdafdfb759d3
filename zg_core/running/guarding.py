"""Ask the guardrails: in the user's order, each of what the last one left.

They fail closed. One that gives no verdict refuses, unless the user's configuration
allows what it fails on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from .._codec import as_json, digest
from .._isolation import contain, describe
from .._json import Json
from .._names import clean_description
from ..config import Config, named_by
from ..errors import GuardrailError, UnknownNameError, ZeroGravityError
from ..events import GuardrailDecided
from ..guardrails import (
    STAGES,
    Guardrail,
    Inspection,
    Subject,
    Verdict,
    subjects_at,
)
from ..messages import Message, Part, Text, ToolResult
from ..models import Response
from ..plugins import PluginHost
from ..registry import Contribution
from ..specs import GuardrailSpec
from .foreign import TooSlow, ask
from .recorder import Recorder

if TYPE_CHECKING:
    from .tape import Tape

__all__ = ["Guard", "Guarding", "guards", "refusal"]

_SECONDS = 10.0
_WHAT: Mapping[Subject, str] = MappingProxyType(
    {
        "objective": "the objective",
        "message": "a message of step {step!r} to a model",
        "arguments": "the arguments of the call",
        "answer": "what a model answered step {step!r}",
        "reply": "the reply of step {step!r}",
    }
)
_KINDS = {str: "text", list: "a list", dict: "an object", bool: "true or false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A guardrail that is enabled, and what the user says of it.

    Attributes:
        offer: Where it comes from.
        subjects: What it checks.
        blocks: Whether it refuses what it gives no verdict on.
        seconds: How long it may take.
    """

    offer: Contribution
    subjects: frozenset[Subject]
    blocks: bool
    seconds: float


def guards(config: Config, host: PluginHost) -> tuple[Guard, ...]:
    """Return the guardrails that are enabled, in their order.

    Raises:
        ConfigError: If one is not there that the configuration names;
            `UnknownNameError` if the caller names it.
        PluginError: If one cannot be made, and refuses what it fails on.
    """
    found: dict[str, Guard] = {}
    rules = _rules(config, host) if config.guardrails_enabled else {}
    for name in config.guardrails_enabled:
        with named_by(config, "guardrails.enabled"):
            offer = host.find("guardrail", name)
        guard = _guard(offer, rules.get(offer.qualified, {}))
        try:
            host.make(offer)
        except ZeroGravityError:
            if guard.blocks:
                raise
        found.setdefault(offer.qualified, guard)
    return tuple(found.values())


def _rules(config: Config, host: PluginHost) -> dict[str, Mapping[str, object]]:
    """Return what the configuration says of guardrails, by their qualified names."""
    rules = {}
    for name, said in config.guardrails.items():
        try:
            rules[host.find("guardrail", name).qualified] = said
        except UnknownNameError as error:
            host.note("ZG131", f"guardrails.{name}: {error.cause}", error.remedy)
    return rules


def _guard(offer: Contribution, rules: Mapping[str, object]) -> Guard:
    spec = cast(GuardrailSpec, offer.spec)
    return Guard(
        offer=offer,
        subjects=subjects_at(spec.stages, spec.subjects),
        blocks=rules.get("on_error", "block") != "allow",
        seconds=cast(float, rules.get("timeout_seconds", _SECONDS)),
    )


def refusal(event: GuardrailDecided) -> GuardrailError:
    """Return the error that a refusal is, the same from the journal as at first."""
    what = _WHAT[event.subject].format(step=event.step)
    if event.failed:
        cause = f"{what} was refused, since no verdict came: {event.reason}"
        remedy = "update its plugin, or look at [guardrails] in your own configuration"
    else:
        why = f": {event.reason}" if event.reason else ""
        cause = f"guardrail {event.guardrail!r} refused {what}{why}"
        remedy = "change what it refuses"
    return GuardrailError(
        cause,
        remedy,
        guardrail=event.guardrail,
        subject=event.subject,
        step=event.step or None,
    )


class Guarding:
    """The guardrails of one run."""

    def __init__(
        self,
        enabled: tuple[Guard, ...],
        host: PluginHost,
        recorder: Recorder,
        tape: Tape | None = None,
    ) -> None:
        self._tape = tape
        self._guards = enabled
        self._host = host
        self._recorder = recorder
        self._texts: dict[tuple[str, str], str] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}

    def checks(self, subject: Subject) -> bool:
        """Tell whether anything of that kind is checked."""
        return any(subject in guard.subjects for guard in self._guards)

    # -- What is checked -----------------------------------------------------------

    async def objective(self) -> None:
        """Have the objective checked, by those that have not let it pass before.

        Raises:
            GuardrailError: If it is refused.
        """
        state = self._recorder.state
        await self._decided(
            "objective", state.objective, passed=frozenset(state.objective_passed)
        )

    async def messages(
        self, messages: tuple[Message, ...], *, step: str, call_key: str
    ) -> tuple[Message, ...]:
        """Return messages to a model as they may be sent.

        Each text of a step is checked once, whichever calls it is part of.

        Raises:
            GuardrailError: If one is refused.
        """
        if not self.checks("message"):
            return messages
        checked = []
        for message in messages:
            parts = [await self._part(part, step, call_key) for part in message.parts]
            checked.append(replace(message, parts=tuple(parts)))
        return tuple(checked)

    async def arguments(
        self, arguments: Json, *, step: str, call_key: str, tool: str
    ) -> Json:
        """Return the arguments of a tool as it may be called with them.

        Raises:
            GuardrailError: If they are refused.
        """
        return await self._decided(
            "arguments", arguments, step=step, call_key=call_key, tool=tool
        )

    async def answer(self, response: Response, *, step: str, call_key: str) -> Response:
        """Return a model's answer as it may be seen.

        Raises:
            GuardrailError: If it is refused.
        """
        # What a provider says is the same as JSON would pass unseen beside the text.
        response = replace(response, data=None)
        if not response.text:
            return response
        text = await self._decided(
            "answer", response.text, step=step, call_key=call_key
        )
        if text == response.text:
            return response
        message = response.message
        parts: tuple[Part, ...] = (Text(text=text), *message.tool_calls)
        return replace(response, message=replace(message, parts=parts))

    async def reply(self, output: Json, *, step: str) -> Json:
        """Return what a step replies as it may be recorded.

        Raises:
            GuardrailError: If it is refused.
        """
        return await self._decided("reply", output, step=step)

    async def _part(self, part: Part, step: str, call_key: str) -> Part:
        if not isinstance(part, Text | ToolResult):
            return part
        text = await self._text(part.text, step, call_key)
        if text == part.text:
            return part
        if isinstance(part, Text):
            return replace(part, text=text)
        failed = part.error is not None
        return replace(part, error=text) if failed else replace(part, output=text)

    async def _text(self, text: str, step: str, call_key: str) -> str:
        if not text:
            return text
        place = step, text
        async with self._asking.setdefault(place, asyncio.Lock()):
            if place not in self._texts:
                self._texts[place] = await self._decided(
                    "message", text, step=step, call_key=call_key
                )
        return self._texts[place]

    # -- How it is decided ---------------------------------------------------------

    async def _decided(
        self,
        subject: Subject,
        payload: Json,
        *,
        step: str = "",
        call_key: str = "",
        tool: str = "",
        passed: frozenset[str] = frozenset(),
    ) -> Json:
        """Return what all guardrails left of *payload*, without those in *passed*."""
        state = self._recorder.state
        about = Inspection(
            run_id=state.accepted.run_id,
            stage=STAGES[subject],
            subject=subject,
            step=step,
            agent=state.agent_at(step),
            tool=tool,
        )
        for guard in self._guards:
            if subject in guard.subjects and guard.offer.qualified not in passed:
                payload = await self._checked(guard, payload, about, call_key)
        return payload

    async def _checked(
        self, guard: Guard, payload: Json, about: Inspection, call_key: str
    ) -> Json:
        before = self._digest(payload)
        verdict, failed = self._replayed(guard, about, before) or await self._judged(
            guard, payload, about
        )
        changes = verdict.allow and verdict.replacement is not None
        left = verdict.replacement if changes else payload
        after = self._digest(left)
        decided = await self._recorder.record(
            GuardrailDecided(
                guardrail=guard.offer.qualified,
                stage=about.stage,
                subject=about.subject,
                step=about.step,
                call_key=call_key,
                allow=verdict.allow,
                reason=verdict.reason,
                failed=failed,
                before_sha256=before,
                after_sha256=after,
                replacement=left if before != after else None,
            ),
            durable=not verdict.allow,
        )
        if not decided.allow:
            raise refusal(decided)
        return left

    def _digest(self, payload: Json) -> str:
        """Return the digest of a payload as it is recorded."""
        return digest(self._recorder.redacted(payload))

    def _replayed(
        self, guard: Guard, about: Inspection, before: str
    ) -> tuple[Verdict, bool] | None:
        """Return what was recorded of the same, and whether it was no verdict."""
        if self._tape is None:
            return None
        name, subject = guard.offer.qualified, about.subject
        known = self._tape.verdict(name, subject, about.step, before)
        if known is None:
            return None
        return Verdict(known.allow, known.reason, known.replacement), known.failed

    async def _judged(
        self, guard: Guard, payload: Json, about: Inspection
    ) -> tuple[Verdict, bool]:
        """Return what holds of a payload, and whether that is no verdict of its own."""
        verdict, problem = await self._verdict(guard, payload, about)
        if verdict is None:
            return Verdict(not guard.blocks, problem), True
        return verdict, False

    async def _verdict(
        self, guard: Guard, payload: Json, about: Inspection
    ) -> tuple[Verdict, str] | tuple[None, str]:
        """Return what a guardrail says; if that is nothing of use, why."""
        name = guard.offer.qualified
        try:
            guardrail = cast(Guardrail, self._host.make(guard.offer))
        except ZeroGravityError as error:
            return None, f"{name} could not be made: {error.cause}"
        answer, raised = await ask(
            guard.seconds, guardrail.check, deepcopy(payload), about
        )
        if isinstance(raised, TooSlow):
            return None, f"{name} took longer than {guard.seconds:g} s"
        if raised is not None:
            return None, f"{name} raised {describe(raised)}"
        with contain() as caught:
            return _read(answer, payload), ""
        return None, f"{name} gave no verdict: {caught.error}"


def _read(answer: object, payload: Json) -> Verdict:
    """Return an answer as a verdict on *payload*.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(answer, Verdict):
        raise ValueError(f"it returned {type(answer).__name__}")
    if not isinstance(answer.allow, bool) or not isinstance(answer.reason, str):
        raise ValueError("what it returned is neither yes nor no")
    replacement = as_json(answer.replacement)
    if replacement is not None and _kind(replacement) != _kind(payload):
        raise ValueError(f"it would replace {_kind(payload)} by {_kind(replacement)}")
    return Verdict(answer.allow, clean_description(answer.reason), replacement)


def _kind(value: Json) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return _KINDS.get(type(value), "nothing")
