"""The time, as everything in the service is told it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time; tests have one of their own."""

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only ever grow, from an arbitrary start."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds."""
        return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

    def monotonic(self) -> float:
        """Return seconds that only ever grow, from an arbitrary start."""
        return time.monotonic()
