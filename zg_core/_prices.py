"""What a model call costs, by the price table of the genai-prices package.

The table comes with the package and is never fetched. Its own calculation takes
about 100 µs; ours takes the rates out of it once and then multiplies.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from .usage import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

__all__ = [
    "PER_MILLION",
    "Most",
    "Rates",
    "price_table_version",
    "provider_of",
    "rates_of",
    "stated_rates",
]

PER_MILLION = {
    "input_per_million": True,
    "output_per_million": True,
    "cached_per_million": False,
    "cache_write_per_million": False,
}
"""What a user may say a model costs, in US dollars, and whether it has to be said."""


def rates_of(model: str, at: float | None = None) -> Rates | None:
    """Return what the table says of a model.

    Args:
        model: ``"provider:model"``.
        at: When, in seconds since 1970; now, if it is left out. Some prices depend
            on the date, and some on the time of the day.

    Returns:
        `None` if the table does not know the model: unknown, not free.
    """
    return _rates(model, int((time.time() if at is None else at) // 60))


def provider_of(name: str) -> str | None:
    """Return who serves a model, by its name alone, if the table can tell."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        provider, _ = get_snapshot().find_provider_model(name, None, None, None)
    except LookupError:
        return None
    return provider.id


def stated_rates(price: Mapping[str, float]) -> Rates:
    """Return what the user says a model costs: amounts by the names `PER_MILLION`."""
    read, write = price["input_per_million"], price["output_per_million"]
    return Rates(
        read=_Rate(read / 1e6),
        write=_Rate(write / 1e6),
        cached=_Rate(price.get("cached_per_million", read) / 1e6),
        cache_write=_Rate(price.get("cache_write_per_million", read) / 1e6),
        reasoning=_Rate(write / 1e6),
    )


@cache
def price_table_version() -> str:
    """Return which table the prices come from, as ``"genai-prices 1.2.3"``."""
    import importlib_metadata

    return f"genai-prices {importlib_metadata.version('genai-prices')}"


@dataclass(frozen=True, slots=True)
class Most:
    """The most that a call can cost, in billionths of a US dollar.

    Attributes:
        fixed: Whatever it answers.
        a_token: For each token that it writes.
    """

    fixed: int = 0
    a_token: float = 0.0

    def nanos(self, written: int) -> int:
        """Return the most that a call with so much output can cost."""
        return self.fixed + math.ceil(self.a_token * written)

    def tokens(self, nanos: int) -> int:
        """Return how much a call may write for so much money; below 0 if it may not."""
        if not self.a_token:
            return sys.maxsize if nanos >= self.fixed else -1
        written = math.floor((nanos - self.fixed) / self.a_token)
        return written if self.nanos(written) <= nanos else written - 1


@dataclass(frozen=True, slots=True)
class _Rate:
    """US dollars a token.

    A call that reads more than the start of a tier pays the tier's price for all
    of its tokens.
    """

    base: float
    tiers: tuple[tuple[int, float], ...] = ()

    def at(self, input_tokens: int) -> float:
        rate = self.base
        for start, price in self.tiers:
            if input_tokens > start:
                rate = price
        return rate

    def most(self, input_tokens: int) -> float:
        reached = (price for start, price in self.tiers if input_tokens > start)
        return max(self.base, *reached, 0.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates of one model; what has none of its own is plain input or output."""

    read: _Rate
    write: _Rate
    cached: _Rate
    cache_write: _Rate
    reasoning: _Rate
    request: float = 0.0

    def price(self, usage: Usage) -> float:
        """Return what a call did cost, in US dollars."""
        n = usage.input_tokens
        plain_in = max(0, n - usage.cached_input_tokens - usage.cache_write_tokens)
        plain_out = max(0, usage.output_tokens - usage.reasoning_tokens)
        return (
            self.request * usage.calls
            + self.read.at(n) * plain_in
            + self.cached.at(n) * usage.cached_input_tokens
            + self.cache_write.at(n) * usage.cache_write_tokens
            + self.write.at(n) * plain_out
            + self.reasoning.at(n) * usage.reasoning_tokens
        )

    def most(self, input_tokens: int) -> Most:
        """Return the most that a call can cost.

        Args:
            input_tokens: An upper bound of the tokens in.
        """
        n = input_tokens
        into = max(rate.most(n) for rate in (self.read, self.cached, self.cache_write))
        out = max(rate.most(n) for rate in (self.write, self.reasoning))
        return Most(math.ceil((self.request + into * n) * 1e9), out * 1e9)


@lru_cache(maxsize=1024)
def _rates(model: str, minute: int) -> Rates | None:
    from genai_prices import calc_price
    from genai_prices import types as table

    provider, _, name = model.partition(":")
    try:
        found = calc_price(
            table.Usage(),
            name,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(minute * 60, UTC),
        )
    except LookupError:
        return None
    # The table also finds providers by likeness, which is not good enough for money.
    return _taken_from(found.model_price) if found.provider.id == provider else None


def _taken_from(price: ModelPrice) -> Rates | None:
    read, write = _rate(price, "input_mtok"), _rate(price, "output_mtok")
    if read is None or write is None:
        return None
    return Rates(
        read=read,
        write=write,
        cached=_rate(price, "cache_read_mtok") or read,
        cache_write=_rate(price, "cache_write_mtok") or read,
        reasoning=_rate(price, "output_reasoning_mtok") or write,
        request=float(getattr(price, "requests_kcount", None) or 0) / 1e3,
    )


def _rate(price: ModelPrice, key: str) -> _Rate | None:
    value = getattr(price, key, None)
    if value is None:
        return None
    tiers = getattr(value, "tiers", ())
    return _Rate(
        float(getattr(value, "base", value)) / 1e6,
        tuple((tier.start, float(tier.price) / 1e6) for tier in tiers),
    )
