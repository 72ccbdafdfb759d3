"""When a request is sent once more, and how long that waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from .errors import (
    BudgetExceededError,
    IdempotencyInProgressError,
    ServiceError,
    ServiceUnreachableError,
)

__all__ = ["Retries", "again", "repeated", "retry_after"]

T = TypeVar("T")
_TOO_MUCH = (429, 503)
"""Nothing was done yet."""
_BROKEN = (502, 504)
"""Nobody knows whether something was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a request is sent once more, where that may help.

    What a service says in ``Retry-After`` is kept to; else the wait is random, up to
    a bound that doubles each time.

    Args:
        attempts: How often it is sent, at most; 1 is never again.
        seconds: For how long, at most; a wait that would end later is not begun.
        first: The bound of the first wait, in seconds.
        longest: The bound of any wait.
    """

    attempts: int = 6
    seconds: float = 60.0
    first: float = 0.5
    longest: float = 10.0

    def wait(self, state: RetryCallState) -> float:
        """Return for how long to wait."""
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return float(asked)
        random = wait_random_exponential(multiplier=self.first, max=self.longest)
        return random(state)

    def within(self, seconds: float) -> Retries:
        """Return the same for a shorter time."""
        return replace(self, seconds=min(self.seconds, seconds))

    def over(
        self, repeat: Callable[[BaseException], bool], sleep: Callable[[float], Any]
    ) -> AsyncRetrying:
        """Return what repeats work.

        Args:
            repeat: Tells of an error whether it may help.
            sleep: Waits.
        """
        return AsyncRetrying(
            retry=retry_if_exception(repeat),
            stop=stop_after_attempt(self.attempts) | stop_before_delay(self.seconds),
            wait=self.wait,
            sleep=sleep,
            reraise=True,
        )


def repeated(error: BaseException, *, repeatable: bool) -> bool:
    """Tell whether to send a request once more.

    Args:
        error: What became of it.
        repeatable: Whether it does no more if it is done twice.
    """
    if isinstance(error, ServiceUnreachableError):
        return repeatable or error.unsent
    if isinstance(error, BudgetExceededError) or not isinstance(error, ServiceError):
        return False
    if isinstance(error, IdempotencyInProgressError) or error.status in _TOO_MUCH:
        return True
    return error.status in _BROKEN and repeatable


async def again(
    work: Callable[[], Awaitable[T]],
    retries: Retries,
    repeat: Callable[[BaseException], bool],
    sleep: Callable[[float], Any],
) -> T:
    """Return what comes of work, which is repeated where that may help.

    Raises:
        ServiceError: What became of it the last time.
    """
    return await retries.over(repeat, sleep)(work)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return after how many seconds a service wants to be asked again.

    A date is compared with the service's own clock, where it tells that.

    Args:
        headers: Those of an answer.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        return min(float(said), 1e9)
    then = _date(said)
    if then is None:
        return None
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return max((then - now).total_seconds(), 0.0)


def _date(said: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
