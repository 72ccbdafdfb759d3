"""Time that stands still until somebody waits, and then is where they wanted it."""

from __future__ import annotations

import anyio
import anyio.lowlevel

from zg_core.running.traffic import Clock


class Ticking:
    """A clock for tests: it waits for nobody, and chance is what it is told.

    Attributes:
        time: The seconds now.
        slept: What was waited for, in order.
    """

    def __init__(self, chance: float = 1.0) -> None:
        self.time = 1000.0
        self.slept: list[float] = []
        self.clock = Clock(lambda: self.time, self._sleep, lambda: chance)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.time + seconds
        await anyio.lowlevel.checkpoint()
        self.time = max(self.time, until)
