"""When a model is asked again: by the type of the error, never by its text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from ..errors import ProviderError

if TYPE_CHECKING:
    from stamina import Attempt

__all__ = ["LONGEST_WAIT", "attempts", "may_retry"]

LONGEST_WAIT = 60.0
"""Seconds a provider may make us wait; after that the next model is asked."""

_FIRST_WAIT, _LONGEST_BACKOFF = 0.5, 20.0


def may_retry(error: BaseException) -> bool:
    """Tell whether the same model should be asked again."""
    return (
        isinstance(error, ProviderError)
        and error.retryable
        and (error.retry_after or 0) <= LONGEST_WAIT
    )


def attempts(count: int, *, unless: Callable[[], bool]) -> AsyncIterator[Attempt]:
    """Yield up to *count* attempts, waiting as the provider says, else ever longer.

    The waits grow exponentially, with jitter (stamina's).

    Args:
        count: How many attempts there are at most.
        unless: Asked after each failure; true ends the attempts.
    """
    import stamina

    def again(error: Exception) -> bool | float:
        if unless() or not may_retry(error):
            return False
        after = error.retry_after if isinstance(error, ProviderError) else None
        return True if after is None else after

    return aiter(
        stamina.retry_context(
            on=again,
            attempts=count,
            timeout=None,
            wait_initial=_FIRST_WAIT,
            wait_max=_LONGEST_BACKOFF,
            wait_jitter=_FIRST_WAIT,
        )
    )
