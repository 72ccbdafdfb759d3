"""A limit is a bound: what a call may cost is reserved before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import LimitError
from ..usage import Limits, Usage

__all__ = ["Budget", "Reservation"]


@dataclass(slots=True)
class Reservation:
    """What one call may cost, until it is known what it did.

    Attributes:
        tokens: Tokens in and out.
        usd: Money; `None` if the price is not known.
    """

    tokens: int
    usd: float | None
    settled_tokens: int = 0
    settled_usd: float = 0.0

    def settle(self, usage: Usage, cost_usd: float | None) -> None:
        """Say what the call did cost."""
        self.settled_tokens = usage.total_tokens
        self.settled_usd = cost_usd or 0.0

    def forfeit(self) -> None:
        """Count the worst, since nobody will know what the call did cost."""
        self.settled_tokens = self.tokens
        self.settled_usd = self.usd or 0.0


class Budget:
    """What is left of a run's limits."""

    def __init__(
        self, limits: Limits, *, tokens: int = 0, calls: int = 0, usd: float = 0.0
    ) -> None:
        self._limits = limits
        self._tokens = tokens
        self._calls = calls
        self._usd = usd

    @property
    def bounded(self) -> bool:
        """Whether anything that a call spends is limited at all."""
        limits = self._limits
        return not (limits.tokens is limits.calls is limits.usd is None)

    @property
    def needs_price(self) -> bool:
        """Whether a call of unknown price must be refused."""
        return self._limits.usd is not None

    @property
    def tokens_left(self) -> int | None:
        """Tokens that may still be used; `None` if they are not limited."""
        limit = self._limits.tokens
        return None if limit is None else max(0, limit - self._tokens)

    @contextmanager
    def reserve(self, tokens: int, usd: float | None) -> Iterator[Reservation]:
        """Hold back what a call may cost, and settle it afterwards.

        A call that ends without settling cost nothing.

        Raises:
            LimitError: If less than that is left.
        """
        self._check("calls", self._limits.calls, self._calls, 1)
        self._check("tokens", self._limits.tokens, self._tokens, tokens)
        self._check("usd", self._limits.usd, self._usd, usd or 0.0)
        held = Reservation(tokens, usd)
        self._calls += 1
        self._tokens += tokens
        self._usd += usd or 0.0
        try:
            yield held
        finally:
            self._tokens += held.settled_tokens - tokens
            self._usd += held.settled_usd - (usd or 0.0)

    def _check(
        self, name: str, limit: float | None, spent: float, wanted: float
    ) -> None:
        if limit is None or spent + wanted <= limit:
            return
        raise LimitError(
            f"the limit of {limit:g} {name} does not allow the next model call, "
            f"which may take {wanted:g} of the {max(0, limit - spent):g} left",
            "run the objective anew with a higher limit, or ask for less",
            limit=name,
            allowed=limit,
            spent=spent,
            wanted=wanted,
        )
