"""A steward pays for what runs do, and may stop it, beside their own limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["Expense", "Reserved", "Steward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expense:
    """What one call of a model may take at most, or did take.

    Attributes:
        step: The step that it is made for.
        agent: Qualified name of the agent that asks; empty where none does.
        model: ``"provider:model"``, as the user writes it.
        input_tokens: Tokens in.
        output_tokens: Tokens out.
        cost_nanos: Billionths of a US dollar; `None` if the price is not known,
            which is not the same as free.
    """

    step: str
    agent: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int | None = 0

    @property
    def tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was held back for a call.

    Attributes:
        key: What it is known by to who holds it.
        limited: Whether there is a limit, so that the call must write no more than
            was said.
    """

    key: str
    limited: bool


@runtime_checkable
class Steward(Protocol):
    """Pays for what a run does: whoever starts the run brings it, see `stream_run`.

    It is asked before each call of a model and of a tool. Answers that the journal
    has cost nothing, and it is not asked for them.
    """

    async def reserve(self, most: Expense) -> Reserved:
        """Hold back what a call may take, for `settle` to give back.

        Raises:
            LimitError: If it cannot be had; the run ends of it.
        """
        ...

    async def settle(self, reserved: Reserved, did: Expense | None) -> None:
        """Count what a call did take, and give the rest back.

        It is called once for each that was reserved, whatever happens, and must not
        raise.

        Args:
            reserved: What `reserve` returned.
            did: What it took: the most it may have, where nobody knows; `None` if
                it was not made.
        """
        ...

    async def permit(self, tool: str) -> str | None:
        """Return why a tool must not be called now, for the model; `None` if it may.

        Args:
            tool: Its qualified name.
        """
        ...
