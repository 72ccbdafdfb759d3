"""The way to one model: its breaker, its turns, and what became of its calls."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Self

import anyio

from ...errors import (
    CircuitOpenError,
    ContextLengthError,
    ProviderAuthError,
    ProviderError,
    ProviderRequestError,
    RateLimitError,
)
from .breaker import Breaker, BreakerState
from .clock import Clock
from .limiter import LONGEST_WAIT, Limiter

__all__ = ["Lane", "LaneState"]

_SOON = 3.0
"""Seconds a call waits for a breaker where there is no other model to ask."""

_TRIALS = 5
"""Calls that other models failed, and that are tried at once before any succeeds."""

_ANSWERED = ContextLengthError, ProviderRequestError, RateLimitError
"""Errors that only a model that is there can answer with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """How calls to one model fare, in this engine.

    Attributes:
        breaker: ``closed``, ``open`` or ``half-open``.
        next_probe_seconds: Seconds until an open breaker lets a call through.
        in_flight: How many calls are under way.
        waiting: How many wait for their turn.
        limit: How many may be under way at once; `None` if that is not limited.
        paused_seconds: Seconds for which nothing is sent, at the server's wish.
        calls: How many requests were sent.
        failures: How many of them failed.
        rate_limited: How many of those were too many for the server.
        opened: How often the breaker opened.
        refused: How many requests were not sent, since it was open.
    """

    breaker: BreakerState
    next_probe_seconds: float
    in_flight: int
    waiting: int
    limit: int | None
    paused_seconds: float
    calls: int
    failures: int
    rate_limited: int
    opened: int
    refused: int


class Lane:
    """The way to one model."""

    def __init__(self, name: str, limiter: Limiter, clock: Clock) -> None:
        self._name = name
        self._limiter = limiter
        self._clock = clock
        self._breaker = Breaker(clock.now)
        self._last_error: ProviderError | None = None
        self._good_at = -inf
        self._news: anyio.Event | None = None
        self._in_flight = self._trials = 0
        self._calls = self._failures = self._rate_limited = self._refused = 0

    async def enter(
        self, run_id: str, *, last: bool = True, since: float | None = None
    ) -> Visit:
        """Return a call's visit to the model, to be entered, when it may be sent.

        Args:
            run_id: Whose call it is; runs take turns.
            last: Whether there is no other model to ask; then it waits a moment for
                an open breaker.
            since: When the call began, if it failed already. While nobody has had
                an answer since, few of those are tried at once, so that an outage
                of all models costs hardly more calls than are needed.

        Raises:
            CircuitOpenError: If the breaker is open, and nothing was sent.
        """
        if since is None and self._breaker.closed and self._limiter.take():
            return Visit(self)
        while True:
            await self._until_open_for(last=last, since=since)
            if not await self._limiter.take_in_turn(run_id):
                continue
            epoch = self._breaker.epoch
            if not self._on_trial(since) and self._breaker.lets_in(last=last):
                probe = self._breaker.epoch != epoch
                return Visit(self, trial=since is not None, probe=probe)
            self._limiter.release()

    def refuses(self, *, last: bool = True) -> bool:
        """Tell whether a call would be turned away now."""
        if self._limiter.paused_seconds > LONGEST_WAIT:
            return True
        if self._breaker.open_to(last=last):
            return False
        return not last or self._breaker.probe_in_seconds > _SOON

    def check(self, *, last: bool = True) -> None:
        """Refuse a call that would be turned away.

        Raises:
            CircuitOpenError: If it would.
        """
        if self.refuses(last=last):
            self._refused += 1
            raise self._refusal()

    def state(self) -> LaneState:
        """Return how calls fare now."""
        return LaneState(
            breaker=self._breaker.state,
            next_probe_seconds=self._breaker.probe_in_seconds,
            in_flight=self._in_flight,
            waiting=self._limiter.waiting,
            limit=self._limiter.limit,
            paused_seconds=self._limiter.paused_seconds,
            calls=self._calls,
            failures=self._failures,
            rate_limited=self._rate_limited,
            opened=self._breaker.opened,
            refused=self._refused,
        )

    async def _until_open_for(self, *, last: bool, since: float | None) -> None:
        while True:
            self.check(last=last)
            trying = self._on_trial(since)
            if not trying and self._breaker.open_to(last=last):
                return
            wait = self._breaker.probe_in_seconds
            if wait and not trying:
                await self._clock.sleep(wait)
            else:
                self._news = self._news or anyio.Event()
                await self._news.wait()

    def _on_trial(self, since: float | None) -> bool:
        """Tell whether enough calls that failed elsewhere are being tried here."""
        return since is not None and self._good_at < since and self._trials >= _TRIALS

    def _refusal(self) -> CircuitOpenError:
        wait = max(self._breaker.probe_in_seconds, self._limiter.paused_seconds)
        error = self._last_error
        said = f": {error.cause}" if error else ""
        remedy = error.remedy if error else ""
        soon = f"{max(1, round(wait))} s"
        return CircuitOpenError(
            f"{self._name} is not asked for {soon}, since it {self._why()}{said}",
            remedy or "wait a little, or name a second model to fall back to",
            retry_after=round(wait, 3),
            model=self._name,
            failures=self._breaker.failures,
        )

    def _why(self) -> str:
        if self._breaker.closed:
            return "asked for a pause"
        failures = self._breaker.failures
        return f"failed {failures} times in a row" if failures > 1 else "failed"

    def _entered(self, visit: Visit) -> None:
        self._calls += 1
        self._in_flight += 1
        self._trials += visit.trial
        # Beside a probe others may be let in, but it alone decides.
        counts = visit.probe or not self._breaker.probing
        visit.epochs = self._breaker.epoch if counts else -1, self._limiter.epoch

    def _left(self, visit: Visit, error: BaseException | None) -> None:
        breaker, limiter = self._breaker, self._limiter
        epoch, turn_epoch = visit.epochs
        self._in_flight -= 1
        self._trials -= visit.trial
        if error is None:
            self._good_at = self._clock.now()
            breaker.succeeded(epoch)
            limiter.succeeded(turn_epoch)
        elif isinstance(error, ProviderError):
            self._failed(error, epoch, turn_epoch)
        else:
            breaker.learnt_nothing(epoch)
        limiter.release()
        if self._news is not None:
            self._news.set()
            self._news = None

    def _failed(self, error: ProviderError, epoch: int, turn_epoch: int) -> None:
        self._failures += 1
        if isinstance(error, RateLimitError):
            self._rate_limited += 1
            self._limiter.slow_down(turn_epoch, error.retry_after)
        if isinstance(error, _ANSWERED):
            self._good_at = self._clock.now()
            self._breaker.succeeded(epoch)
        else:
            hopeless = isinstance(error, ProviderAuthError)
            self._breaker.failed(epoch, hopeless=hopeless)
        self._last_error = error


class Visit:
    """One request to a model, under way while it is entered.

    How it is left says how it went: with a `ProviderError`, or well; anything else
    says nothing about the model.

    Attributes:
        trial: Whether another attempt failed before it.
        probe: Whether it is to find out if the model is there again.
        epochs: Those of breaker and limiter when it began.
    """

    __slots__ = ("_lane", "epochs", "probe", "trial")

    def __init__(self, lane: Lane, *, trial: bool = False, probe: bool = False) -> None:
        self._lane = lane
        self.trial = trial
        self.probe = probe
        self.epochs = 0, 0
        lane._entered(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lane._left(self, error)
