"""Prices: what the table says, at a hundredth of its own cost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from zg_core._prices import price_of, price_table_version, worst_case
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


def table_price(model: str, usage: Usage) -> float:
    """What genai-prices itself says."""
    provider, _, name = model.partition(":")
    counted = TableUsage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
    )
    now = datetime.now(UTC)
    price = calc_price(counted, name, provider_id=provider, genai_request_timestamp=now)
    return float(price.total_price)


@given(st.sampled_from(MODELS), usages())
def test_a_price_is_what_the_table_says(model: str, usage: Usage) -> None:
    assert price_of(model, usage) == pytest.approx(table_price(model, usage))


@given(st.sampled_from(MODELS), usages(), st.integers(0, 10_000))
def test_no_call_costs_more_than_the_worst_case(
    model: str, usage: Usage, slack: int
) -> None:
    most = worst_case(model, usage.input_tokens + slack, usage.output_tokens + slack)

    assert most is not None
    assert price_of(model, usage) <= most * (1 + 1e-9)


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
    assert price_of(model, Usage(input_tokens=1, calls=1)) is None
    assert worst_case(model, 1, 1) is None


def test_the_table_names_its_version() -> None:
    assert price_table_version().startswith("genai-prices ")


def test_the_table_is_loaded_by_the_first_price_and_not_before() -> None:
    code = (
        "import sys, zg_core._prices as p; assert 'genai_prices' not in sys.modules;"
        "p.price_table_version(); assert 'genai_prices' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
