"""Whether a model that keeps failing is asked at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

__all__ = ["Breaker", "BreakerState"]

BreakerState: TypeAlias = Literal["closed", "open", "half-open"]

_TOLERATED = 5
"""Failures in a row that open it."""

_SHORTEST, _LONGEST = 1.0, 60.0
"""Seconds it stays open: at first, and however often its probes fail."""

_HOPELESS = 30.0
"""Seconds it stays open at least for what time alone will not heal, as a bad key."""


class Breaker:
    """Closed while all is well, open while it is not, half-open to find out.

    It decides and never waits. Whoever is let in says how it went, with the epoch
    it was let in at: what was under way before a change says nothing after it.

    Attributes:
        epoch: Grows with each change.
        failures: How many there were in a row.
        hopeless: Whether it is open for what time alone will not heal. Who has no
            other model to ask may try all the same, for the user may have healed it.
        opened: How often it opened.
        probing: Whether the one call that finds out is under way.
    """

    __slots__ = (
        "_now",
        "_opens_for",
        "_probe_at",
        "closed",
        "epoch",
        "failures",
        "hopeless",
        "opened",
        "probing",
    )

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._probe_at = 0.0
        self._opens_for = _SHORTEST
        self.closed = True
        self.epoch = 0
        self.failures = 0
        self.hopeless = False
        self.opened = 0
        self.probing = False

    @property
    def state(self) -> BreakerState:
        """How it stands now."""
        if self.closed:
            return "closed"
        return "open" if self.probe_in_seconds else "half-open"

    @property
    def probe_in_seconds(self) -> float:
        """Seconds until a probe is let in; 0 unless it is open."""
        return 0.0 if self.closed else max(0.0, self._probe_at - self._now())

    def open_to(self, *, last: bool) -> bool:
        """Tell whether a call would be let in.

        Args:
            last: Whether there is no other model to ask.
        """
        if self.closed or (last and self.hopeless):
            return True
        return not self.probing and not self.probe_in_seconds

    def lets_in(self, *, last: bool = False) -> bool:
        """Let a call in, if it may; while half-open it is the one probe."""
        if not self.open_to(last=last):
            return False
        if not self.closed and not self.probing and not self.probe_in_seconds:
            self.probing = True
            self.epoch += 1
        return True

    def succeeded(self, epoch: int) -> None:
        """Take in that the model is there."""
        if epoch == self.epoch:
            self.failures = 0
            self.closed = True
            self.probing = self.hopeless = False
            self._opens_for = _SHORTEST

    def failed(self, epoch: int, *, hopeless: bool = False) -> None:
        """Take in a failure; a hopeless one opens it at once."""
        if epoch != self.epoch:
            return
        self.failures += 1
        if not (hopeless or self.probing or self.failures >= _TOLERATED):
            return
        if hopeless:
            self._opens_for = max(self._opens_for, _HOPELESS)
        self._probe_at = self._now() + self._opens_for
        self._opens_for = min(2 * self._opens_for, _LONGEST)
        self.closed = self.probing = False
        self.hopeless = hopeless
        self.epoch += 1
        self.opened += 1

    def learnt_nothing(self, epoch: int) -> None:
        """Take in that a call ended without a word on the model, cancelled, say."""
        if epoch == self.epoch:
            self.probing = False
