"""Give tool calls ids that a server takes, where those they have do not do.

A call's id is made by the server whose model wished for it. Another one, which goes on
with the conversation, may want ids of another form; and some begin anew with each
answer, which others refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256

from zg_core.plugin_api import Message, Part, ToolCall, ToolResult

__all__ = ["CallIds", "with_call_ids"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIds:
    """Which ids of tool calls a server takes.

    Attributes:
        allowed: What a whole id matches. So must digits and letters from a to f, which
            are what others are made of.
        length: How long those are that are made: at most 64.
    """

    allowed: re.Pattern[str]
    length: int


def with_call_ids(messages: Iterable[Message], rule: CallIds) -> tuple[Message, ...]:
    """Return a conversation in which all calls have ids that a server takes.

    An id that does not fit, or that an earlier call has, becomes another one, which
    follows from the conversation up to there: it stays the same as that goes on. A
    result has the id of the last call that was made under its own; where one answer
    made several, they are answered in order.

    Args:
        messages: The conversation; where it fits, it comes back as it is.
        rule: Which ids the server takes.
    """
    given = _Given(rule)
    return tuple(map(given.message, messages))


class _Given:
    """The ids that the calls of a conversation were given so far."""

    def __init__(self, rule: CallIds) -> None:
        self._rule = rule
        self._taken: set[str] = set()
        self._waiting: dict[str, list[str]] = {}
        self._wished: set[str] = set()
        """The ids, as they came, of the calls of the answer under way."""

    def message(self, message: Message) -> Message:
        if message.role != "assistant":
            self._wished.clear()
        parts = tuple(map(self._part, message.parts))
        return message if parts == message.parts else replace(message, parts=parts)

    def _part(self, part: Part) -> Part:
        if isinstance(part, ToolCall):
            call_id = self._called(part.call_id)
        elif isinstance(part, ToolResult):
            call_id = self._answered(part.call_id)
        else:
            return part
        return part if call_id == part.call_id else replace(part, call_id=call_id)

    def _called(self, call_id: str) -> str:
        given = call_id if self._fits(call_id) else self._made(call_id)
        self._taken.add(given)
        if call_id not in self._wished:
            self._wished.add(call_id)
            self._waiting[call_id] = []
        self._waiting[call_id].append(given)
        return given

    def _answered(self, call_id: str) -> str:
        waiting = self._waiting.get(call_id)
        if waiting is None:  # its call is not in the conversation
            return call_id if self._fits(call_id) else self._made(call_id)
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    def _fits(self, call_id: str) -> bool:
        fits = self._rule.allowed.fullmatch(call_id) is not None
        return fits and call_id not in self._taken

    def _made(self, call_id: str) -> str:
        number = len(self._taken)
        while (made := self._digest(number, call_id)) in self._taken:
            number += 1
        return made

    def _digest(self, number: int, call_id: str) -> str:
        text = f"{number} {call_id}".encode(errors="replace")
        return sha256(text).hexdigest()[: self._rule.length]
