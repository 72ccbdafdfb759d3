"""A limit is a bound: what a call may cost is reserved before it is made.

Budgets are a tree: a run has steps, and a step has whatever its agent hands out. A
reservation is taken at a leaf and at all that is above it, or nowhere. Money is
counted in whole billionths of a US dollar, so that what was reserved is given back to
the last of them.

A call that finds too much reserved by others, though not spent, waits until they have
said what they did cost: the one that came first goes first. Whoever holds a
reservation waits for no other, so that somebody always goes on. That holds of
all that waits together, which is why it is one file.
"""

from __future__ import annotations

import math
import sys
from bisect import insort
from itertools import count
from typing import Any

import anyio

from ..errors import LimitError
from ..usage import Limits, Remaining
from .wants import Want

__all__ = ["Budget", "Reservation", "Want"]


class Budget:
    """What is left of the limits of a run, of a step, or of a part of one.

    Args:
        limits: The most that may be spent; the seconds are up to others.
        whose: Whose limits these are, for people.
        tokens: The tokens that were spent before.
        calls: The calls that were made before.
        nanos: The billionths of a US dollar that were spent before.
        fixed: Those of the limits that the workflow says, which no run can raise.
        above: The budget this one is a part of, which bounds it as well.
    """

    def __init__(
        self,
        limits: Limits,
        whose: str = "the run",
        *,
        tokens: int = 0,
        calls: int = 0,
        nanos: int = 0,
        fixed: Limits = Limits(),
        above: Budget | None = None,
    ) -> None:
        self._own = _Account(limits, whose, tokens, calls, nanos, fixed)
        over = above._accounts if above else ()
        self._accounts: tuple[_Account, ...] = (self._own, *over)

    def child(
        self,
        limits: Limits,
        whose: str,
        *,
        tokens: int = 0,
        calls: int = 0,
        nanos: int = 0,
        fixed: Limits = Limits(),
    ) -> Budget:
        """Return the budget of a part, which can never spend more than this one."""
        return Budget(
            limits,
            whose,
            tokens=tokens,
            calls=calls,
            nanos=nanos,
            fixed=fixed,
            above=self,
        )

    @property
    def bounded(self) -> bool:
        """Whether anything that a call spends is limited at all."""
        return any(account.bounded for account in self._accounts)

    @property
    def needs_price(self) -> bool:
        """Whether a call of unknown price must be refused."""
        return any(account.most_nanos < _NO_LIMIT for account in self._accounts)

    def remaining(self) -> Remaining:
        """Return what may still be spent, what others have reserved left out."""
        accounts = self._accounts
        tokens = min((a.most_tokens - a.used_tokens for a in accounts), default=None)
        calls = min((a.most_calls - a.calls for a in accounts), default=None)
        nanos = min((a.most_nanos - a.used_nanos for a in accounts), default=None)
        usd = _left(nanos)
        return Remaining(
            usd=None if usd is None else usd / 1e9,
            tokens=_left(tokens),
            calls=_left(calls),
        )

    def retune(self, limits: Limits) -> None:
        """Let other limits hold from now on; those who wait are judged by them.

        What is spent or reserved remains so, though it be more than these allow.
        """
        self._own.limit(limits)
        for account in self._accounts:
            account.serve()

    def count(self) -> Reservation:
        """Count a call that nothing limits: a limit that comes later knows of it."""
        for account in self._accounts:
            account.hold(_NOTHING)
        return Reservation(_NOTHING, self._accounts)

    async def reserve(self, want: Want) -> Reservation:
        """Hold back what a call may take, once that is free.

        Raises:
            LimitError: If it never will be.
        """
        waiting = _Waiting(next(_TICKETS), want, self._accounts)
        blocked = waiting.take()
        if blocked is not None:
            await waiting.turn(blocked)
        return Reservation(waiting.want, self._accounts)


class Reservation:
    """What one call may take, until it is known what it did.

    Attributes:
        want: What is held back for it.
        made: Whether it was made.
        tokens: The tokens it did take.
        nanos: What it did cost, in billionths of a US dollar.
    """

    __slots__ = ("_accounts", "made", "nanos", "tokens", "want")

    def __init__(self, want: Want, accounts: tuple[_Account, ...]) -> None:
        self.want = want
        self.made = False
        self.tokens = self.nanos = 0
        self._accounts = accounts

    def settle(self, tokens: int, nanos: int) -> None:
        """Say what the call did take; it was not made, unless something is said."""
        self.made = True
        self.tokens, self.nanos = tokens, nanos

    def forfeit(self) -> None:
        """Count the worst, since nobody will know what the call did take."""
        self.settle(self.want.tokens, self.want.nanos)

    def release(self) -> None:
        """Give the rest back, at the leaf and above."""
        for account in self._accounts:
            account.release(self)
        for account in self._accounts:
            account.serve()


_NO_LIMIT = sys.maxsize
_NOTHING = Want(0, 0, 0)
_TICKETS = count()


def _left(amount: int | None) -> int | None:
    # What is spent of something unlimited leaves less than no limit, but not much.
    return None if amount is None or amount > _NO_LIMIT // 2 else max(0, amount)


class _Account:
    """The count of one budget: what is spent for sure, and what may be."""

    __slots__ = (
        "_fixed",
        "_limits",
        "bounded",
        "calls",
        "most_calls",
        "most_nanos",
        "most_tokens",
        "queue",
        "spent_nanos",
        "spent_tokens",
        "used_nanos",
        "used_tokens",
        "whose",
    )

    def __init__(
        self,
        limits: Limits,
        whose: str,
        tokens: int,
        calls: int,
        nanos: int,
        fixed: Limits,
    ) -> None:
        self.limit(limits)
        self._fixed = fixed
        self.whose = whose
        self.calls = calls
        self.spent_tokens = self.used_tokens = tokens  # used is spent or reserved
        self.spent_nanos = self.used_nanos = nanos
        self.queue: list[_Waiting] = []

    def limit(self, limits: Limits) -> None:
        """Take limits, the first or others."""
        self._limits = limits
        self.bounded = not (limits.tokens is limits.calls is limits.usd is None)
        self.most_tokens = _NO_LIMIT if limits.tokens is None else limits.tokens
        self.most_calls = _NO_LIMIT if limits.calls is None else limits.calls
        usd = limits.usd
        self.most_nanos = (
            _NO_LIMIT if usd is None or usd == math.inf else round(usd * 1e9)
        )

    def cut(self, want: Want) -> Want:
        """Cut what is wanted to what can be had, once others have settled."""
        return want.within(
            self.most_tokens - self.spent_tokens, self.most_nanos - self.spent_nanos
        )

    def check(self, want: Want) -> None:
        """Refuse what cannot be had, whatever others settle to.

        Raises:
            LimitError: If it cannot.
        """
        limits = self._limits
        if self.calls >= self.most_calls:
            raise LimitError(
                f"{self.whose} has made the {_count(self.most_calls, 'model call')} "
                "that its limit allows",
                **self._raising("calls"),
                whose=self.whose,
                limit="calls",
                allowed=limits.calls,
                spent=self.calls,
                wanted=1,
            )
        if self.spent_tokens + want.tokens > self.most_tokens:
            left = max(0, self.most_tokens - self.spent_tokens)
            raise LimitError(
                f"the limit of {self.whose}, {_count(self.most_tokens, 'token')}, does "
                f"not allow the next model call, which may take {want.tokens:,} tokens "
                f"of the {left:,} left",
                **self._raising("tokens"),
                whose=self.whose,
                limit="tokens",
                allowed=limits.tokens,
                spent=self.spent_tokens,
                wanted=want.tokens,
            )
        if self.spent_nanos + want.nanos > self.most_nanos:
            left = max(0, self.most_nanos - self.spent_nanos)
            raise LimitError(
                f"the limit of {self.whose}, {_dollars(self.most_nanos)} (usd), does "
                f"not allow the next model call, which may cost {_dollars(want.nanos)} "
                f"of the {_dollars(left)} left",
                **self._raising("usd"),
                whose=self.whose,
                limit="usd",
                allowed=limits.usd,
                spent=self.spent_nanos / 1e9,
                wanted=want.nanos / 1e9,
            )

    def _raising(self, limit: str) -> dict[str, Any]:
        """Return how a limit can be raised, and whether the workflow alone can."""
        fixed = getattr(self._fixed, limit) == getattr(self._limits, limit)
        remedy = (
            "raise its limit in the workflow, for a new run, or ask for less"
            if fixed
            else "resume the run with a higher limit, or ask for less"
        )
        return {"remedy": remedy, "fixed": fixed}

    def has_free(self, want: Want) -> bool:
        """Tell whether something can be had now."""
        return (
            self.used_tokens + want.tokens <= self.most_tokens
            and self.used_nanos + want.nanos <= self.most_nanos
        )

    def hold(self, want: Want) -> None:
        """Hold back what a call may take."""
        self.calls += 1
        self.used_tokens += want.tokens
        self.used_nanos += want.nanos

    def release(self, held: Reservation) -> None:
        """Count what it did take instead."""
        self.calls -= not held.made
        self.used_tokens += held.tokens - held.want.tokens
        self.used_nanos += held.nanos - held.want.nanos
        self.spent_tokens += held.tokens
        self.spent_nanos += held.nanos

    def serve(self) -> None:
        """Give what is free to those who wait for it, in the order of their coming."""
        while self.queue:
            waiting = self.queue.pop(0)
            blocked = waiting.retry()
            if blocked is not None:
                insort(blocked.queue, waiting)
            if blocked is self:
                return


class _Waiting:
    """One who wants something, and may have to wait for it."""

    __slots__ = ("_accounts", "_error", "_ready", "_taken", "_ticket", "want")

    def __init__(self, ticket: int, want: Want, accounts: tuple[_Account, ...]) -> None:
        self._ticket = ticket
        self._accounts = accounts
        self._ready: anyio.Event | None = None
        self._error: LimitError | None = None
        self._taken = False
        self.want = want

    def __lt__(self, other: _Waiting) -> bool:
        return self._ticket < other._ticket

    def take(self) -> _Account | None:
        """Take what is wanted everywhere, or nothing.

        Returns:
            Where there is too little for now, or somebody came first; `None` if it
            was taken.

        Raises:
            LimitError: If there will never be enough.
        """
        want = self.want
        for account in self._accounts:
            want = account.cut(want)
        for account in self._accounts:
            account.check(want)
        for account in self._accounts:
            first = not account.queue or self < account.queue[0]
            if not first or not account.has_free(want):
                return account
        for account in self._accounts:
            account.hold(want)
        self.want = want
        self._taken = True
        return None

    def retry(self) -> _Account | None:
        """Take what is wanted, and say so to who waits; see `take`."""
        assert self._ready is not None
        try:
            blocked = self.take()
        except LimitError as error:
            self._error, blocked = error, None
        if blocked is None:
            self._ready.set()
        return blocked

    async def turn(self, blocked: _Account) -> None:
        """Wait until it was taken.

        Raises:
            LimitError: If it turned out that there will never be enough.
        """
        self._ready = anyio.Event()
        insort(blocked.queue, self)
        told_to_stop = True
        try:
            await self._ready.wait()
            told_to_stop = False
        finally:
            if told_to_stop:
                self._give_up()
        if self._error is not None:
            raise self._error

    def _give_up(self) -> None:
        """Leave nothing behind: neither a place in a queue, nor what it was given."""
        for account in self._accounts:
            if self in account.queue:
                account.queue.remove(self)
            if self._taken:
                account.release(Reservation(self.want, self._accounts))
        for account in self._accounts:
            account.serve()


def _count(amount: int, what: str) -> str:
    return f"{amount:,} {what}{'s' * (amount != 1)}"


def _dollars(nanos: int) -> str:
    """Write an amount of money, to the cent or as exactly as need be."""
    whole, _, part = f"{nanos / 1e9:.9f}".rstrip("0").partition(".")
    return f"${whole}.{part:0<2}"
