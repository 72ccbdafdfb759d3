"""When a message is sent, and sent again: a pure function of what came before."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = [
    "DELAYS",
    "FAILING_FOR",
    "JITTER",
    "MOST_RETRY_AFTER",
    "TRIES",
    "Draw",
    "next_try",
    "read_retry_after",
]

DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
)
"""How long after the one before each try comes; the published schedule."""
TRIES = len(DELAYS)
JITTER = 0.2
"""The part of a delay by which it may be shorter or longer."""
MOST_RETRY_AFTER = timedelta(hours=1)
FAILING_FOR = timedelta(days=5)
"""How long an endpoint may fail until it is told nothing more."""

Draw = Callable[[], float]
"""Returns a number of at least 0 and below 1: `random.random`."""
_SECONDS = re.compile(r"[0-9]{1,9}")


def next_try(
    tries: int, now: datetime, draw: Draw, wanted: timedelta | None = None
) -> datetime | None:
    """Return when to try again, or None if it was tried often enough.

    Args:
        tries: How often it was tried.
        now: When the last try ended.
        draw: Says by how much of the jitter.
        wanted: How long the receiver asks to wait; an hour at most is heard.
    """
    if tries >= TRIES:
        return None
    delay = DELAYS[tries] * (1 - JITTER + 2 * JITTER * draw())
    return now + max(delay, min(wanted or delay, MOST_RETRY_AFTER))


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Return how long a ``Retry-After`` asks to wait, or None if it is none.

    Args:
        text: Seconds, or a date of HTTP.
        now: The time.
    """
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(until - now, timedelta(0))
