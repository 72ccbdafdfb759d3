"""Rates: so many at once, and a steady refill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zg_core as zg
from zg_plugins_builtin.gateway.http.rates import (
    RATES,
    Rate,
    RateExceededError,
    RateLimits,
    address_block,
)
from zg_plugins_builtin.gateway.http.settings import HttpSettings


class Now:
    """The time that `throttled` is told."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def now() -> Iterator[Now]:
    clock = Now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("throttled.utils.now_mono_f", clock)
        yield clock


def taken(limits: RateLimits, key: str = "ada") -> bool:
    try:
        limits.take("read", key)
    except RateExceededError:
        return False
    return True


@given(
    requests=st.integers(1, 20),
    seconds=st.integers(1, 60),
    waits=st.lists(st.floats(0, 30), max_size=60),
)
def test_no_time_lets_more_in_than_the_burst_and_its_refill(
    now: Now, requests: int, seconds: int, waits: list[float]
) -> None:
    limits = RateLimits([Rate("read", requests, seconds)])
    begun = now.seconds
    let_in = 0
    for wait in waits:
        now.seconds += wait
        let_in += taken(limits)

    refilled = (now.seconds - begun) * requests / seconds
    assert let_in <= requests + refilled + 1e-6


@given(requests=st.integers(1, 20), seconds=st.integers(1, 60))
def test_who_waits_as_told_is_let_in(now: Now, requests: int, seconds: int) -> None:
    limits = RateLimits([Rate("read", requests, seconds)])
    let_in = 0
    while taken(limits):
        let_in += 1

    # The library's arithmetic is of floats, and rounds against who asks.
    assert requests - 1 <= let_in <= requests
    with pytest.raises(RateExceededError) as caught:
        limits.take("read", "ada")
    now.seconds += (caught.value.retry_after or 0) + 1e-6
    assert taken(limits)


def test_keys_do_not_share(now: Now) -> None:
    limits = RateLimits([Rate("read", 1, 60)])

    assert [taken(limits, key) for key in ("ada", "bob", "ada")] == [True, True, False]


def test_looking_counts_nothing(now: Now) -> None:
    limits = RateLimits([Rate("read", 1, 60)])
    for _ in range(5):
        limits.standing("read", "ada")

    assert taken(limits)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.9", True),
        ("testclient", "testclient", True),
    ],
)
def test_addresses_of_one_household_are_one(one: str, other: str, same: bool) -> None:
    assert (address_block(one) == address_block(other)) is same


@pytest.mark.parametrize("rates", [RATES[1:], (*RATES, RATES[0])])
def test_each_class_has_exactly_one_rate(rates: tuple[Rate, ...]) -> None:
    with pytest.raises(zg.ConfigError, match="one rate"):
        HttpSettings(rates=rates)


def test_a_rate_lets_somebody_in() -> None:
    with pytest.raises(zg.ConfigError, match="nobody"):
        HttpSettings(rates=(Rate("read", 0, 60), *RATES[1:]))
