"""Time limits that stand still while nothing is done, and may be changed meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import anyio

__all__ = ["TimeLimit"]


@dataclass(slots=True, eq=False)
class TimeLimit:
    """A limit of the time that something takes.

    Attributes:
        seconds: How long that may be; `None` is not limited.
        whose: The path of what it holds for, nothing being the run; `None` where it
            is not for others to change.
        scope: What it ends.
    """

    seconds: float | None
    whose: str | None = None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _took: float = 0.0
    _since: float | None = None

    @property
    def reached(self) -> bool:
        """Whether it ended what it holds for."""
        return self.scope.cancelled_caught

    @property
    def left(self) -> float:
        """The seconds that remain; infinite where it is not limited."""
        if self.seconds is None:
            return math.inf
        now = anyio.current_time()
        since = now if self._since is None else self._since
        return max(0.0, self.seconds - self._took - (now - since))

    def go(self) -> None:
        """Let its time run."""
        if self._since is None:
            self._since = anyio.current_time()
        self._aim()

    def stop(self) -> None:
        """Let its time stand still."""
        if self._since is not None:
            self._took += anyio.current_time() - self._since
        self._since = None
        self._aim()

    def change(self, seconds: float | None) -> None:
        """Allow another time, what it took until now included."""
        self.seconds = seconds
        self._aim()

    def _aim(self) -> None:
        if self.seconds is not None and self._since is not None:
            self.scope.deadline = self._since + self.seconds - self._took
        elif self.scope.deadline != math.inf:
            self.scope.deadline = math.inf
