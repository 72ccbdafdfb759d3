"""What was said before a run, made to fit what its model can read."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..errors import ReplayMismatchError, RunError
from ..messages import Message, Text
from ..models import Request
from .asking import Link

__all__ = ["Cut", "cut", "shortened"]

_USUAL_WINDOW = 32_000
"""Tokens that a model reads whose provider does not say how many."""

_SUM_UP = """\
Sum up the conversation below, so that it can go on from your summary alone. Keep what \
was decided and why, names, numbers, open questions, and what the user wants and \
dislikes; leave out what was only courtesy. Write no more than a page."""
_WAS = "What have we said before?"
_LOST = "(It no longer fits into what you can read, and was left out.)"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a conversation is cut.

    Attributes:
        kept: How many of the latest messages remain as they are.
        pieces: In how many pieces what was before is summed up; 0 if nothing is.
    """

    kept: int
    pieces: int


def cut(history: Sequence[Message], link: Link) -> Cut:
    """Say how much of a conversation a model can be given.

    It may take half of what the model can read: the other half is for what is asked
    now, for tools and for the answer. What is kept as it is takes half of that, and
    begins with a message of the user.
    """
    room = (link.info.context_tokens or _USUAL_WINDOW) // 2
    whole = _size(history, link)
    if whole <= room:
        return Cut(len(history), 0)
    begins = [n for n, said in enumerate(history) if said.role == "user"]
    fitting = (n for n in begins if n and _size(history[n:], link) <= room // 2)
    at = next(fitting, len(history))
    return Cut(len(history) - at, math.ceil(_size(history[:at], link) / room))


async def shortened(
    history: Sequence[Message], at: Cut, ask: Callable[[str], Awaitable[str]]
) -> tuple[tuple[Message, ...], bool]:
    """Return a conversation with all but its end summed up.

    Args:
        history: The conversation.
        at: Where it is cut.
        ask: Asks an agent for a summary.

    Returns:
        What remains, and whether it is complete: where the agent fails, what is
        before the cut is left out.
    """
    kept = tuple(history[len(history) - at.kept :])
    text = _transcript(history[: len(history) - at.kept])
    length = math.ceil(len(text) / at.pieces)
    summary = ""
    try:
        for begin in range(0, len(text), length):
            before = f"\n\n## Before\n\n{summary}" if summary else ""
            piece = text[begin : begin + length]
            summary = await ask(f"{_SUM_UP}{before}\n\n## Conversation\n\n{piece}")
    except ReplayMismatchError:
        raise
    except RunError:
        return (Message.user(_WAS), Message.assistant(_LOST), *kept), False
    # As a question and its answer, since some models take only turns that alternate.
    return (Message.user(_WAS), Message.assistant(summary), *kept), True


def _size(messages: Sequence[Message], link: Link) -> int:
    return link.provider.estimate(Request(model=link.model, messages=tuple(messages)))


def _transcript(messages: Sequence[Message]) -> str:
    return "\n\n".join(
        f"{said.role}: {''.join(p.text for p in said.parts if isinstance(p, Text))}"
        for said in messages
    )
