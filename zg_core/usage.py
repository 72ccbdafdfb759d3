"""What a run spent, and what it may spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

__all__ = ["Limits", "Remaining", "Usage"]

_N = TypeVar("_N", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and calls, as the provider counted them.

    Attributes:
        input_tokens: All tokens of the prompt, cached ones included.
        output_tokens: All tokens of the answer, reasoning included.
        cached_input_tokens: Those of the prompt the provider had in its cache.
        cache_write_tokens: Those of the prompt it put into its cache.
        reasoning_tokens: Those of the answer that are not shown.
        calls: Requests that were answered.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    calls: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            calls=self.calls + other.calls,
        )

    @property
    def total_tokens(self) -> int:
        """Tokens in and out."""
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most a run, or a step of one, may spend; `None` is no limit.

    Attributes:
        usd: Money, in US dollars.
        tokens: Tokens in and out.
        calls: Model calls.
        seconds: Time from the start of it, or from the latest resume.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.usd is self.tokens is self.calls is self.seconds is None:
            return
        for name in ("usd", "tokens", "calls", "seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(
                    f"the limit {name!r} must be above zero, not {value!r}"
                )

    def __or__(self, other: Limits) -> Limits:
        """Both at once: the smaller of each two."""
        return Limits(
            usd=_smaller(self.usd, other.usd),
            tokens=_smaller(self.tokens, other.tokens),
            calls=_smaller(self.calls, other.calls),
            seconds=_smaller(self.seconds, other.seconds),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """What may still be spent; `None` is not limited.

    Attributes:
        usd: Money, in US dollars.
        tokens: Tokens in and out.
        calls: Model calls.
        seconds: Time until the first limit of the run, of the step, or of the agent
            that asks is over; time that is spent waiting for people is not counted.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None


def _smaller(a: _N | None, b: _N | None) -> _N | None:
    return b if a is None else a if b is None else min(a, b)
