"""How many calls may be under way at once, and whose turn is next."""

from __future__ import annotations

from collections import deque
from math import inf

import anyio

from .clock import Clock

__all__ = ["LONGEST_WAIT", "Limiter"]

LONGEST_WAIT = 60.0
"""Seconds a provider may make us wait; after that the next model is asked."""

_CALM = 60.0
"""Seconds without a 429 after which the limit doubles again: quotas are by minute."""

_STEPS = 20
"""Rounds in which an ever so careful limit would double."""


class Limiter:
    """Takes calls in up to a limit, run by run in turn.

    There is no limit but the configured one, if any, until the server says that
    there are too many calls. Then it is half of what was under way, doubles with
    each round of successes up to the last limit that was good, and grows by small
    steps after that.

    Attributes:
        in_flight: How many calls are under way.
        waiting: How many wait for their turn.
        epoch: Grows with each cut of the limit, so that the many 429s of one round
            cut it once.
    """

    __slots__ = (
        "_cap",
        "_clock",
        "_cut_at",
        "_good",
        "_most",
        "_paused_until",
        "_queue",
        "_window",
        "epoch",
        "in_flight",
        "waiting",
    )

    def __init__(self, clock: Clock, cap: int | None = None) -> None:
        self._clock = clock
        self._cap = cap or inf
        self._most = self._cap
        self._window = inf
        self._good = inf
        self._cut_at = 0.0
        self._paused_until = 0.0
        # The runs that wait, in the order of their turns.
        self._queue: dict[str, deque[_Turn]] = {}
        self.in_flight = 0
        self.waiting = 0
        self.epoch = 0

    @property
    def limit(self) -> int | None:
        """How many may be under way at once; `None` if that is not limited."""
        return None if self._most == inf else int(self._most)

    @property
    def paused_seconds(self) -> float:
        """Seconds until anybody may be taken in again."""
        if not self._paused_until:
            return 0.0
        left = self._paused_until - self._clock.now()
        if left <= 0:
            self._paused_until = left = 0.0
        return left

    def take(self) -> bool:
        """Take a call in, if that can be at once."""
        if self._queue or self.in_flight >= self._most or self.paused_seconds:
            return False
        self.in_flight += 1
        return True

    async def take_in_turn(self, run_id: str) -> bool:
        """Take a call in when it is its run's turn.

        Returns:
            Whether it was taken in; it is not if a pause takes too long to wait for.
        """
        if self.take():
            return True
        turn = _Turn()
        self._queue.setdefault(run_id, deque()).append(turn)
        self.waiting += 1
        self._serve()
        came = False
        try:
            came = await self._come(turn)
        finally:
            if not came:
                self._give_up(run_id, turn)
        return came

    async def _come(self, turn: _Turn) -> bool:
        while True:
            if pause := self.paused_seconds:
                if pause > LONGEST_WAIT:
                    return False
                await self._clock.sleep(pause)
                self._serve()
            elif turn.given:
                return True
            else:
                turn.called = anyio.Event()
                await turn.called.wait()

    def _give_up(self, run_id: str, turn: _Turn) -> None:
        if turn.given:
            self.release()
            return
        turns = self._queue[run_id]
        turns.remove(turn)
        self.waiting -= 1
        if not turns:
            del self._queue[run_id]

    def release(self) -> None:
        """Let a call go, and others in."""
        self.in_flight -= 1
        if self._queue:
            self._serve()

    def _serve(self) -> None:
        """Take in who is next, one of each run in turn."""
        while self._queue and self.in_flight < self._most and not self.paused_seconds:
            run_id = next(iter(self._queue))
            turns = self._queue.pop(run_id)
            turn = turns.popleft()
            if turns:
                self._queue[run_id] = turns  # behind all others
            self.in_flight += 1
            self.waiting -= 1
            turn.given = True
            turn.call()

    def succeeded(self, epoch: int) -> None:
        """Take in, before it is let go, that a call went well."""
        if self._window == inf or epoch != self.epoch:
            return
        if self.in_flight < int(self._window):
            return  # it was not what held anybody back
        if self._clock.now() - self._cut_at > _CALM:
            self._good = inf
        if self._window < self._good:
            self._window = min(self._window + 1, self._good)
        else:
            self._window += self._step / self._window
        self._most = min(self._cap, int(self._window))

    def slow_down(self, epoch: int, retry_after: float | None) -> None:
        """Take in, before it is let go, that a call was one too many.

        Args:
            epoch: The epoch it was taken in at.
            retry_after: Seconds for which nobody is to be sent.
        """
        now = self._clock.now()
        if retry_after and now + retry_after > self._paused_until:
            self._paused_until = now + retry_after
            self._wake_all()
        if epoch != self.epoch:
            return
        self.epoch += 1
        self._cut_at = now
        held = min(self._window, self.in_flight)
        half = max(1, int(held) // 2)
        careful = self._good < self._window < inf  # it had passed what was good
        self._good = max(half, held - self._step) if careful else half
        self._window = half
        self._most = min(self._cap, half)

    @property
    def _step(self) -> int:
        return 1 if self._good == inf else max(1, int(self._good) // _STEPS)

    def _wake_all(self) -> None:
        """Have those who wait for a call notice that there is a pause."""
        for turns in self._queue.values():
            for turn in turns:
                turn.call()


class _Turn:
    """One call that waits."""

    __slots__ = ("called", "given")

    def __init__(self) -> None:
        self.given = False
        self.called: anyio.Event | None = None

    def call(self) -> None:
        if self.called is not None:
            self.called.set()
