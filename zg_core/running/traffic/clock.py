"""Time and chance, as far as calls to models wait for either."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

__all__ = ["Clock"]


def _chance() -> float:
    return random.random()  # looked up anew, so that a test can have it seeded


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance; a test brings its own.

    Attributes:
        now: Returns seconds that only grow.
        sleep: Waits for some seconds.
        chance: Returns a number from 0 to 1, each as likely.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    chance: Callable[[], float] = _chance
