"""When a model is asked again: by the type of the error, never by its text."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio

from ..errors import ProviderError
from .traffic.clock import Clock
from .traffic.limiter import LONGEST_WAIT

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ["LONGEST_WAIT", "may_retry", "retried"]

T = TypeVar("T")

_FIRST_WAIT, _LONGEST_BACKOFF = 0.5, 20.0
_LONGEST_CALL = 180.0
"""Seconds after the beginning of a call in which it may be tried again."""


def may_retry(error: ProviderError) -> bool:
    """Tell whether the same model should be asked again."""
    return error.retryable and (error.retry_after or 0) <= LONGEST_WAIT


async def retried(
    first: ProviderError,
    ask: Callable[[], Awaitable[T]],
    *,
    began: float,
    remaining: float,
    allowed: Callable[[ProviderError, int], bool],
    note: Callable[[ProviderError, float], Awaitable[None]],
    clock: Clock,
    chance: Callable[[], float],
) -> T:
    """Ask again after a first failure, waiting as the provider says, else ever longer.

    Those waits are random, up to a bound that doubles, so that those who failed
    together do not come back together. Nobody waits for what comes after the limit
    of the step or of the run, or too long after the beginning.

    Args:
        first: The first failure.
        ask: Asks once.
        began: When the call began.
        remaining: The seconds that the step and the run may still take; what the
            caller itself gives the call, it is given besides.
        allowed: Whether there may be another attempt, after an error and so many.
        note: Told of each failure that is tried again, and in how many seconds.
        clock: Time.
        chance: Returns how much of a wait's bound it is to take, from 0 to 1.

    Raises:
        ProviderError: The last failure.
    """
    # Imported here, so that who never fails never pays for it.
    from tenacity import AsyncRetrying, wait_exponential

    backoff = wait_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_BACKOFF)
    given = anyio.current_effective_deadline() - anyio.current_time()
    latest = min(began + _LONGEST_CALL, clock.now() + min(given, remaining))
    failures = [first]

    def again(state: RetryCallState) -> bool:
        error = _error(state)
        return isinstance(error, ProviderError) and allowed(error, state.attempt_number)

    def wait(state: RetryCallState) -> float:
        asked = _failure(state).retry_after  # which may be 0
        return chance() * backoff(state) if asked is None else asked

    def too_late(state: RetryCallState) -> bool:
        return clock.now() + state.upcoming_sleep > latest

    async def tell(state: RetryCallState) -> None:
        await note(_failure(state), state.upcoming_sleep)

    async def attempt() -> T:
        if failures:
            raise failures.pop()
        return await ask()

    retrying = AsyncRetrying(
        retry=again,
        wait=wait,
        stop=too_late,
        sleep=clock.sleep,
        before_sleep=tell,
        reraise=True,
    )
    answer: T = await retrying(attempt)
    return answer


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _failure(state: RetryCallState) -> ProviderError:
    error = _error(state)
    assert isinstance(error, ProviderError)
    return error
