"""What of a run is under way, what waits for people, and when it can be put aside.

Whatever goes on in a run is a tree: the run, its steps, the agents that they ask, and
their calls. A call that waits for a person is parked, and so is one that begins while
the run is to be put aside. What has nothing but parked calls below it rests: its time
does not run, and a run all of which rests is put aside, unless somebody is there to
answer at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import Any

import anyio

from .._machine import RunState, waits_for
from .time_limits import TimeLimit

__all__ = ["SOMEBODY", "Gate"]

SOMEBODY = "somebody asked for it"
"""Why a run is put aside that nobody gave a reason for."""

_SETTLE = 0.05
"""Seconds for which nothing must go on: an agent may be between two calls."""


class Gate:
    """What all calls of one run pass.

    Args:
        state: Returns how far the run is.
        attended: Whether somebody is there to answer, so that it goes on meanwhile.

    Attributes:
        at_rest: Called when the run may rest; what it begins asks `settled`.
        reason: Why the run is put aside; empty while it is not to be.
    """

    def __init__(
        self, state: Callable[[], RunState], *, attended: bool = False
    ) -> None:
        self._state: Callable[[], RunState] | None = state
        self._attended = attended
        self._root = _Part()
        self._news = anyio.Event()
        self._moves = 0
        self._settling = False
        self.at_rest: Callable[[], object] = _nothing
        self.reason = ""
        self.limits: list[TimeLimit] = []

    # -- What goes on ----------------------------------------------------------------

    def work(self) -> AbstractContextManager[None]:
        """Let something go on in which, between its calls, nothing is lost if cut."""
        return self._part()

    def call(self, *, committed: bool = False) -> AbstractAsyncContextManager[None]:
        """Let a call through; if the run is to be put aside, it does not return.

        Args:
            committed: Whether it must not be cut off on purpose, nor what it calls.
        """
        return _Call(self, self._part(held=True, committed=committed))

    async def open(self) -> None:
        """Return, unless the run is to be put aside."""
        if self._pause_requested and not self.committed:
            with self._part(parked=True):
                await anyio.sleep_forever()

    async def park(self, done: Callable[[], bool], seconds: float | None) -> bool:
        """Wait for people; tell whether they did it before time was up.

        Args:
            done: Tells whether they did.
            seconds: How long to wait.
        """
        with self._part(parked=True):
            return await self.hear(done, seconds)

    async def hear(self, done: Callable[[], bool], seconds: float | None) -> bool:
        """Wait for people like `park`, but not so that the run may rest meanwhile."""
        with anyio.move_on_after(seconds):
            while not done():
                await self._news.wait()
        return done()

    def limit(
        self, seconds: float | None, whose: str | None = None
    ) -> AbstractContextManager[TimeLimit]:
        """Cancel what takes longer than this; what rests takes no time.

        Args:
            seconds: How long it may take.
            whose: As in `TimeLimit`.
        """
        return _Limited(self, TimeLimit(seconds, whose))

    @property
    def seconds_left(self) -> float:
        """The seconds until the first of the limits that others may change."""
        lefts = [math.inf]
        part: _Part | None = self.here()
        while part is not None:
            lefts += [clock.left for clock in part.clocks if clock.whose is not None]
            part = part.above
        return min(lefts)

    @property
    def committed(self) -> bool:
        """Whether a call is under way that must not be cut off on purpose."""
        part: _Part | None = self.here()
        while part is not None and not part.committed:
            part = part.above
        return part is not None

    # -- Putting it aside ------------------------------------------------------------

    def tell(self) -> None:
        """Say that something was recorded that those who wait may wait for."""
        self._news.set()
        self._news = anyio.Event()
        self._look()

    def pause(self, reason: str) -> None:
        """Take up somebody's recorded wish to have the run put aside."""
        self.reason = reason or SOMEBODY
        self.tell()

    async def settled(self) -> bool:
        """Tell whether the run rests for good, and so can be put aside."""
        try:
            while self._can_rest():
                moves = self._moves
                if not self._pause_requested:
                    await anyio.sleep(_SETTLE)
                if moves == self._moves and self._can_rest():
                    self.reason = self.reason or waits_for(self._questions)
                    return True
            return False
        finally:
            self._settling = False

    def _can_rest(self) -> bool:
        if self._pause_requested:
            return self._root.may_be_cut
        return self._root.resting and not self._attended

    @property
    def _pause_requested(self) -> bool:
        return self._state is not None and self._state().pause_requested

    @property
    def _questions(self) -> int:
        return 0 if self._state is None else len(self._state().questions)

    def close(self) -> None:
        """Let go of the run, which has ended.

        Whatever began in it has a context of it, and may outlive it: a connection that
        it opened is kept for others, and what a run said must not be kept with it.
        """
        self._state = None
        self.at_rest = _nothing

    # -- The tree --------------------------------------------------------------------

    def here(self) -> _Part:
        """Return the innermost part that we are in."""
        part = _PART.get()
        while part is not None and part.over:
            part = part.above
        return part if part is not None and part.gate is self else self._root

    def _part(
        self, *, held: bool = False, committed: bool = False, parked: bool = False
    ) -> _Part:
        return _Part(
            gate=self,
            above=self.here(),
            held=held,
            committed=committed,
            parked=parked,
        )

    def moved(self) -> None:
        """Note that something began or ended."""
        self._moves += 1
        if self._root.resting or self._pause_requested:
            self._look()

    def _look(self) -> None:
        """Begin to put the run aside, if it may rest now."""
        if not self._settling and self._can_rest():
            self._settling = True
            self.at_rest()


@dataclass(slots=True, eq=False)
class _Part:
    """A part of what goes on in a run.

    Attributes:
        gate: What its calls pass; `None` of the run itself, which nobody enters.
        above: What it is a part of; `None` of the run itself.
        held: Whether cutting it off loses something.
        committed: Whether it must go on to its end, and all that it calls.
        parked: Whether it waits.
        below: Its parts.
        clocks: The time limits that hold for it.
        resting: Whether it, or all below it, waits.
        over: Whether it has ended.
    """

    gate: Gate | None = None
    above: _Part | None = None
    held: bool = False
    committed: bool = False
    parked: bool = False
    below: set[_Part] = field(default_factory=set)
    clocks: list[TimeLimit] = field(default_factory=list)
    resting: bool = field(init=False)
    over: bool = False
    _token: Token[_Part | None] | None = None

    def __enter__(self) -> None:
        assert self.gate is not None
        assert self.above is not None
        self.above.below.add(self)
        if self.parked or self.above.resting:
            self.above.look()
        self._token = _PART.set(self)
        self.gate.moved()

    def __exit__(self, *_: object) -> None:
        assert self.gate is not None
        assert self.above is not None
        assert self._token is not None
        _PART.reset(self._token)
        self._token = None
        self.over = True
        self.above.below.discard(self)
        if self.above.below or self.above.resting:
            self.above.look()
        self.gate.moved()

    def __post_init__(self) -> None:
        self.resting = self.parked

    def look(self) -> None:
        """See whether it rests now, after something below it has changed."""
        resting = bool(self.below) and all(part.resting for part in self.below)
        if resting == self.resting:
            return
        self.resting = resting
        for clock in self.clocks:
            clock.stop() if resting else clock.go()
        if self.above is not None and not self.over:
            self.above.look()

    @property
    def may_be_cut(self) -> bool:
        """Whether nothing is lost that cannot be done again."""
        if self.committed:
            return False
        if self.below:
            return all(part.may_be_cut for part in self.below)
        return self.parked or not self.held


@dataclass(slots=True, eq=False)
class _Limited:
    """Something whose time is limited."""

    gate: Gate
    limit: TimeLimit
    _part: _Part = field(init=False)

    def __enter__(self) -> TimeLimit:
        self._part = self.gate.here()
        self.limit.scope.__enter__()
        self._part.clocks.append(self.limit)
        self.gate.limits.append(self.limit)
        if not self._part.resting:
            self.limit.go()
        return self.limit

    def __exit__(self, *raised: Any) -> bool:
        self.gate.limits.remove(self.limit)
        self._part.clocks.remove(self.limit)
        return self.limit.scope.__exit__(*raised)


@dataclass(slots=True, eq=False)
class _Call:
    """A call that goes through the gate."""

    gate: Gate
    part: _Part

    async def __aenter__(self) -> None:
        await self.gate.open()
        self.part.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.part.__exit__()


def _nothing() -> None: ...


_PART: ContextVar[_Part | None] = ContextVar("part", default=None)
