"""Prices: what the table says, at a hundredth of its own cost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price
from hypothesis import example, given
from hypothesis import strategies as st

from zg_core._prices import price_table_version, rates_of, stated_rates
from zg_core.usage import Usage

MODELS = (
    "openai:gpt-6-luna",  # tiers and cache writes
    "openai:gpt-4.1-mini",
    "openai:gpt-6-luna-2026-09-01",  # dated names are the same model
    "anthropic:claude-haiku-5-5",
    "anthropic:claude-sonnet-4-6",  # its price changed on a date
    "deepseek:deepseek-chat",
    "perplexity:sonar-deep-research",  # reasoning and requests have their own price
)

HALF_PAST = datetime(2026, 11, 24, 16, 45, tzinfo=UTC)
"""When one of them is cheap: from half past four until half past midnight."""


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Usage as a provider counts: the parts never exceed the whole."""
    cached, written, plain = (draw(st.integers(0, 300_000)) for _ in range(3))
    reasoning, text = draw(st.integers(0, 50_000)), draw(st.integers(0, 50_000))
    return Usage(
        input_tokens=cached + written + plain,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        output_tokens=reasoning + text,
        reasoning_tokens=reasoning,
        calls=1,
    )


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)


def table_price(model: str, usage: Usage, at: datetime) -> float:
    """What genai-prices itself says."""
    provider, _, name = model.partition(":")
    counted = TableUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
    )
    price = calc_price(counted, name, provider_id=provider, genai_request_timestamp=at)
    return float(price.total_price)


@given(st.sampled_from(MODELS), usages(), moments)
@example("deepseek:deepseek-chat", Usage(output_tokens=1, calls=1), HALF_PAST)
def test_a_price_is_what_the_table_says(model: str, usage: Usage, at: datetime) -> None:
    rates = rates_of(model, at.timestamp())

    assert rates is not None
    assert rates.price(usage) == pytest.approx(table_price(model, usage, at))


@given(st.sampled_from(MODELS), usages(), st.integers(0, 10_000))
def test_no_call_costs_more_than_the_worst_case(
    model: str, usage: Usage, slack: int
) -> None:
    rates = rates_of(model)

    assert rates is not None
    most = rates.most(usage.input_tokens + slack).nanos(usage.output_tokens + slack)
    assert round(rates.price(usage) * 1e9) <= most


@pytest.mark.parametrize(
    "model",
    [
        "openai:no-such-model",
        "nobody:gpt-6-luna",
        "my-openai:gpt-6-luna",  # the table would take it for OpenAI
        "openai:whisper-1",  # priced by the hour
        "gpt-6-luna",
        "",
    ],
)
def test_an_unknown_model_has_no_price_rather_than_none(model: str) -> None:
    assert rates_of(model) is None


def test_what_the_user_leaves_out_of_a_price_is_the_price_of_input() -> None:
    usage = Usage(
        input_tokens=1000,
        cached_input_tokens=400,
        cache_write_tokens=100,
        output_tokens=10,
        reasoning_tokens=5,
        calls=1,
    )
    plain = {"input_per_million": 1.0, "output_per_million": 2.0}
    cached = {**plain, "cached_per_million": 0.0, "cache_write_per_million": 2.0}

    assert stated_rates(plain).price(usage) == pytest.approx(0.00102)
    assert stated_rates(cached).price(usage) == pytest.approx(0.00072)
    assert stated_rates(cached).most(1000).nanos(10) == 2_020_000


def test_the_table_names_its_version() -> None:
    assert price_table_version().startswith("genai-prices ")


def test_the_table_is_loaded_by_the_first_price_and_not_before() -> None:
    code = (
        "import sys, zg_core._prices as p; assert 'genai_prices' not in sys.modules;"
        "p.price_table_version(); assert 'genai_prices' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
