"""What a model call costs, by the price table of the genai-prices package.

The table comes with the package and is never fetched. Its own calculation takes
about 100 µs; ours takes the rates out of it once and then multiplies.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from .usage import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

__all__ = ["price_of", "price_table_version", "worst_case"]


def price_of(model: str, usage: Usage) -> float | None:
    """Return what a call did cost, in US dollars.

    Args:
        model: ``"provider:model"``.
        usage: What the provider counted.

    Returns:
        `None` if the table does not know the model: unknown, not free.
    """
    rates = _rates(model, _hour())
    return None if rates is None else rates.price(usage)


def worst_case(model: str, input_tokens: int, output_tokens: int) -> float | None:
    """Return the most that a call of so many tokens can cost, in US dollars.

    Args:
        model: ``"provider:model"``.
        input_tokens: An upper bound of the tokens in.
        output_tokens: An upper bound of the tokens out.

    Returns:
        `None` if the table does not know the model.
    """
    rates = _rates(model, _hour())
    return None if rates is None else rates.most(input_tokens, output_tokens)


def price_table_version() -> str:
    """Return which table the prices come from, as ``"genai-prices 1.2.3"``."""
    import importlib_metadata

    return f"genai-prices {importlib_metadata.version('genai-prices')}"


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
class _Rates:
    """The rates of one model; what has none of its own is plain input or output."""

    read: _Rate
    write: _Rate
    cached: _Rate
    cache_write: _Rate
    reasoning: _Rate
    request: float

    def price(self, usage: Usage) -> float:
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

    def most(self, input_tokens: int, output_tokens: int) -> float:
        n = input_tokens
        into = max(rate.most(n) for rate in (self.read, self.cached, self.cache_write))
        out = max(rate.most(n) for rate in (self.write, self.reasoning))
        return self.request + into * input_tokens + out * output_tokens


def _hour() -> int:
    return int(time.time() // 3600)


@lru_cache(maxsize=1024)
def _rates(model: str, hour: int) -> _Rates | None:
    """Look a model's rates up; some depend on the date, few on the hour (UTC)."""
    from genai_prices import calc_price
    from genai_prices import types as table

    provider, _, name = model.partition(":")
    try:
        found = calc_price(
            table.Usage(),
            name,
            provider_id=provider,
            genai_request_timestamp=datetime.fromtimestamp(hour * 3600, UTC),
        )
    except LookupError:
        return None
    # The table also finds providers by likeness, which is not good enough for money.
    return _taken_from(found.model_price) if found.provider.id == provider else None


def _taken_from(price: ModelPrice) -> _Rates | None:
    read, write = _rate(price, "input_mtok"), _rate(price, "output_mtok")
    if read is None or write is None:
        return None
    return _Rates(
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
