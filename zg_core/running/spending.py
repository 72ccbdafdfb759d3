"""What one model call may take: bound it, reserve that, settle to what it took."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Self, get_args

import anyio

from .._codec import misfit
from .._prices import Most, Rates, rates_of
from ..errors import LimitError, ProviderResponseError
from ..messages import Message, Part, Role
from ..models import Request, Response, StopReason
from ..stewards import Expense, Reserved, Steward
from ..usage import Usage
from .asking import Link
from .budget import Budget, Reservation, Want

__all__ = ["Payer", "Spending", "hold"]

_USUAL_OUTPUT = 4096
"""Output tokens to reserve where neither the agent nor the model names a bound."""

_MOST_USD = 1e6
"""More than a single answer costs, anywhere."""

_LEAST_OUTPUT = 256
"""Output tokens below which a limit does not cut what a call may write."""

_STOP_REASONS, _ROLES = get_args(StopReason), get_args(Role)
_KINDS = {
    part: field.default
    for part in get_args(Part)
    for field in fields(part)
    if field.name == "kind"
}
_COUNTS = attrgetter(*(field.name for field in fields(Usage)))


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a call beside the limits of its run, and what for.

    Attributes:
        steward: Who.
        step: The step that it is made for.
        agent: The agent that asks.
    """

    steward: Steward
    step: str
    agent: str


class Spending:
    """One call to a model, as far as it costs something: held while it is entered.

    Attributes:
        request: The request, its output bounded by what is left.
    """

    __slots__ = (
        "_bounded",
        "_budget",
        "_did",
        "_held",
        "_link",
        "_most",
        "_payer",
        "_rates",
        "_reserved",
        "_want",
        "request",
    )

    def __init__(
        self, budget: Budget, link: Link, request: Request, payer: Payer | None
    ) -> None:
        self.request = request
        self._budget = budget
        self._link = link
        # Once: a price that changes meanwhile is not the one that was held back.
        self._rates = _rates(link)
        self._bounded = budget.bounded
        self._held: Reservation | None = None
        self._want: Want | None = None
        self._payer = payer
        self._reserved: Reserved | None = None
        self._most: Expense | None = None
        self._did: Expense | None = None

    async def __aenter__(self) -> Self:
        if not self._bounded and self._payer is None:
            self._held = self._budget.count()
            return self
        want = _want(self._budget, self._link, self._rates, self.request)
        if self._bounded:
            self._held = await self._budget.reserve(want)
            want = self._held.want
        else:
            self._held = self._budget.count()
        self._want = want
        if self._payer is not None:
            await self._pay_ahead(self._payer, want)
        if self._bounded or (self._reserved is not None and self._reserved.limited):
            self.request = replace(self.request, max_output_tokens=want.writes)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.release()
        if self._payer is not None and self._reserved is not None:
            with anyio.CancelScope(shield=True):
                await self._payer.steward.settle(self._reserved, self._did)

    async def _pay_ahead(self, payer: Payer, want: Want) -> None:
        """Have the steward hold back the most, or hold back nothing anywhere."""
        self._most = Expense(
            step=payer.step,
            agent=payer.agent,
            model=self._link.name,
            input_tokens=want.reads,
            output_tokens=want.writes,
            cost_nanos=want.nanos if self._has_price else None,
        )
        paid = False
        try:
            self._reserved = await payer.steward.reserve(self._most)
            paid = True
        finally:
            if not paid and self._held is not None:
                self._held.release()

    @property
    def _has_price(self) -> bool:
        return self._link.free or self._rates is not None

    @property
    def counts(self) -> bool:
        """Whether it must be known of even if nobody lives to hear the answer."""
        return self._bounded or self._payer is not None

    @property
    def tokens(self) -> int:
        """The most it may use, in and out; 0 where nothing is limited."""
        return self._want.tokens if self._want else 0

    @property
    def usd(self) -> float | None:
        """What that may cost; `None` if the price is not known."""
        if self._want is None:
            return 0.0
        return self._want.nanos / 1e9 if self._has_price else None

    def forfeit(self) -> None:
        """Count the worst, until an answer says what it did cost."""
        if self._held is not None:
            self._held.forfeit()
        self._did = self._most

    def spare(self) -> None:
        """Count nothing: nobody can have billed it."""
        if self._held is not None:
            self._held.settle(0, 0)
        self._took(0, 0, 0)

    def settle(self, response: Response) -> float | None:
        """Count what an answer did cost, and return it; `None` if it is not known.

        Of one that does not say what it used the worst remains counted.

        Raises:
            ProviderResponseError: If it counts what nobody can have used. The worst
                remains counted.
        """
        _check(self._link, response)
        if not response.usage.total_tokens:
            return 0.0 if self._rates is None and self._link.free else None
        cost = _cost(self._link, self._rates, response)
        if self._held is not None:
            self._held.settle(response.usage.total_tokens, round((cost or 0.0) * 1e9))
        used = response.usage
        nanos = None if cost is None else round(cost * 1e9)
        self._took(used.input_tokens, used.output_tokens, nanos)
        return cost

    def _took(self, reads: int, writes: int, nanos: int | None) -> None:
        if self._most is not None:
            self._did = replace(
                self._most, input_tokens=reads, output_tokens=writes, cost_nanos=nanos
            )


def hold(
    budget: Budget, link: Link, request: Request, payer: Payer | None = None
) -> Spending:
    """Hold back what a call may take for as long as it is under way.

    Entering it waits while others have reserved what they may not spend. A payer is
    asked last, so that who waits for the run's own limits keeps nobody else waiting.

    Raises:
        LimitError: When it is entered, if too little is left, or if the call has no
            price to be limited by.
    """
    return Spending(budget, link, request, payer)


def _want(budget: Budget, link: Link, rates: Rates | None, request: Request) -> Want:
    reads = link.provider.estimate(request)
    writes = request.max_output_tokens or min(
        link.info.max_output_tokens or _USUAL_OUTPUT, _USUAL_OUTPUT
    )
    if rates is None and not link.free and budget.needs_price:
        raise LimitError(
            f"the price of {link.name} is not known, so USD cannot be limited",
            f'state it in your configuration, as [prices."{link.name}"], or limit '
            "tokens or calls instead",
            model=link.name,
        )
    return Want(
        reads,
        writes,
        min(writes, _LEAST_OUTPUT),
        rates.most(reads) if rates else Most(),
    )


def _rates(link: Link) -> Rates | None:
    """Return what a model costs: by the user's word, else by the table."""
    if link.stated is not None:
        return link.stated
    return None if link.free else rates_of(link.name)


def _cost(link: Link, rates: Rates | None, response: Response) -> float | None:
    if link.stated is None:
        if link.free:
            return 0.0
        if response.cost_usd is not None:
            return response.cost_usd
    return None if rates is None else rates.price(response.usage)


def _check(link: Link, response: Response) -> None:
    """Refuse counts that would give back what was spent, or never come to an end.

    Nor may there be anything in it that could not be read from the journal again.
    """
    usage, cost = response.usage, response.cost_usd
    if not _can_be(usage, cost):
        problem = f"counted what cannot be: {usage!r:.200}, cost {cost!r:.40}"
    elif misfitting := misfit(Response, response, words_fit=_words_fit(response)):
        problem = f"answered what is no answer: {misfitting}"
    else:
        return
    raise ProviderResponseError(
        f"the provider of {link.name} {problem}",
        "update its plugin, or name another model",
    )


def _words_fit(response: Response) -> bool:
    message = response.message
    return (
        response.stop_reason in _STOP_REASONS
        and isinstance(message, Message)
        and message.role in _ROLES
        and isinstance(message.parts, tuple)
        and all(
            type(part) in _KINDS and part.kind == _KINDS[type(part)]
            for part in message.parts
        )
    )


def _can_be(usage: object, cost: object) -> bool:
    return (
        isinstance(usage, Usage)
        and all(isinstance(n, int) and n >= 0 for n in _COUNTS(usage))
        and (cost is None or (isinstance(cost, int | float) and 0 <= cost <= _MOST_USD))
    )
