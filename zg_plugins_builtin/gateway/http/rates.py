"""How often somebody may ask, told in the headers that the IETF is writing down.

The arithmetic is GCRA, by `throttled`: steady refill, no edge of a window at which
twice as much gets through, one number for each key. The counters are this process's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from throttled import RateLimiterType, Throttled
from throttled.rate_limiter import per_duration
from throttled.store import MemoryStore

from ..errors import QuotaExceededError

__all__ = [
    "ADDRESS",
    "RATES",
    "Rate",
    "RateExceededError",
    "RateLimits",
    "Standing",
    "address_block",
]

ADDRESS = "address"
_MOST_KEYS = 100_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds, all at once if they like.

    Args:
        name: The class of routes it is for, or ``address``.
        requests: How many.
        seconds: In what time.
    """

    name: str
    requests: int
    seconds: int

    @property
    def policy(self) -> str:
        """The value of ``RateLimit-Policy``."""
        return f'"{self.name}";q={self.requests};w={self.seconds}'


RATES = (
    Rate("read", 600, 60),
    Rate("write", 60, 60),
    Rate("stream", 30, 60),
    Rate(ADDRESS, 120, 60),
    # Attempts to log in: to one account from one block of addresses, and by one.
    Rate("login", 5, 60),
    Rate("login_address", 20, 60),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands with a rate.

    Args:
        rate: The rate.
        remaining: How many requests may follow at once.
        reset: Seconds until all of them may again.
    """

    rate: Rate
    remaining: int
    reset: float

    @property
    def limit(self) -> str:
        """The value of ``RateLimit``."""
        return f'"{self.rate.name}";r={self.remaining};t={ceil(self.reset)}'


class RateExceededError(QuotaExceededError):
    """Too many requests in too little time, by one of the rates.

    Attributes:
        standing: Where whoever asks stands with it.
    """

    def __init__(self, standing: Standing, seconds: float) -> None:
        rate = standing.rate
        super().__init__(
            f"more than {rate.requests} requests in {rate.seconds} s",
            f"wait {max(ceil(seconds), 1)} s",
            policy=rate.name,
        )
        self.standing = standing
        self.retry_after = seconds


class RateLimits:
    """Counts requests against their rates.

    Args:
        rates: All of them.

    Attributes:
        told: Is told of each request that was counted, by the rate's name, and
            whether it was let in.
    """

    def __init__(self, rates: Iterable[Rate] = RATES) -> None:
        self.told: Callable[[str, bool], None] = lambda _name, _allowed: None
        self._counters = {rate.name: _Counter(rate) for rate in rates}

    def take(self, name: str, key: str) -> Standing:
        """Count one request.

        Args:
            name: The rate's name.
            key: Whose request it is.

        Raises:
            RateExceededError: If it is one too many.
        """
        try:
            standing = self._counters[name].take(key)
        except RateExceededError:
            self.told(name, False)
            raise
        self.told(name, True)
        return standing

    def standing(self, name: str, key: str) -> Standing:
        """Return where somebody stands, and count nothing."""
        return self._counters[name].standing(key)


class _Counter:
    """Counts against one rate; each has keys of its own, so that none evicts others."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._limiter = Throttled(
            using=RateLimiterType.GCRA.value,
            quota=per_duration(
                timedelta(seconds=rate.seconds), rate.requests, rate.requests
            ),
            store=MemoryStore(options={"MAX_SIZE": _MOST_KEYS}),
        )

    def take(self, key: str) -> Standing:
        taken = self._limiter.limit(key)
        state = taken.state
        standing = Standing(self._rate, state.remaining, state.reset_after)
        if taken.limited:
            raise RateExceededError(standing, state.retry_after)
        return standing

    def standing(self, key: str) -> Standing:
        state = self._limiter.peek(key)
        return Standing(self._rate, state.remaining, state.reset_after)


@lru_cache(4096)
def address_block(address: str) -> str:
    """Return whose address it is likely to be: a /24 of IPv4, or a /64 of IPv6.

    Args:
        address: The client's address; anything else is its own block.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    bits = 64 if known.version == 6 else 24
    return str(ip_network((known, bits), strict=False))
