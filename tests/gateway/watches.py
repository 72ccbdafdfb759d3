"""A clock for tests of the service: it stands still until it is told to go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["Watch"]


class Watch:
    """A clock that somebody turns."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 29, 12, tzinfo=UTC)
        self._turned = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 1000.0 + self._turned

    def turn(self, **much: float) -> None:
        """Let time pass: ``turn(minutes=5)``."""
        passed = timedelta(**much)
        self._now += passed
        self._turned += passed.total_seconds()
