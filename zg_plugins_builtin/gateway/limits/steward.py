"""The steward of one job: it pays from the accounts, and heeds what was stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

import zg_core as zg

from ..errors import DatabaseError
from .accounts import Account, Payer
from .ledger import ShortError

if TYPE_CHECKING:
    from .spending import Spending

__all__ = ["JobSteward"]

_AGAIN = 0.5
"""Seconds after which it looks again whether there is enough, or what was stopped."""


class JobSteward:
    """Pays for the calls of one job.

    Args:
        spending: What everybody spends.
        payer: For whom the job is done.
        job_id: The job.
    """

    def __init__(self, spending: Spending, payer: Payer, job_id: str) -> None:
        self._spending = spending
        self._payer = payer
        self._job_id = job_id

    async def reserve(self, most: zg.Expense) -> zg.Reserved:
        """Hold back what a call may take, once others have settled what they hold.

        While the agent is stopped it waits: whoever does the job ends it.

        Raises:
            LimitError: If too little is left, or the price is not known.
        """
        account = await self._tried(most)
        while isinstance(account, Account):
            # One of those who wait for an account looks: the others wait for it.
            async with self._spending.turn(account):
                short = account
                while account == short:
                    freed = self._spending.freed
                    account = await self._tried(most)
                    if account == short:
                        with anyio.move_on_after(_AGAIN):
                            await freed.wait()
        return account

    async def _tried(self, most: zg.Expense) -> zg.Reserved | Account:
        """Hold back what a call may take, or return what others hold too much of."""
        while True:
            if await self._is_stopped(most.agent):
                await anyio.sleep(_AGAIN)
                continue
            try:
                return await self._spending.reserve(self._payer, self._job_id, most)
            except ShortError as short:
                if short.later:
                    return short.account
                self._spending.on_refused(short.account.scope)
                raise _refused(short, most.model) from short
            except DatabaseError:  # it is back soon, or the job is cut off
                await anyio.sleep(_AGAIN)

    async def settle(self, reserved: zg.Reserved, did: zg.Expense | None) -> None:
        """Count what a call did take; later, if the database is away."""
        await self._spending.settle(reserved.key, did)

    async def permit(self, tool: str) -> str | None:
        """Return why a tool must not be called: somebody stopped it."""
        try:
            stop = await self._spending.switches.stops(
                self._payer.tenant, tools=(tool,)
            )
        except DatabaseError:
            return "nobody can say now whether it may be called; try again"
        return f"it was stopped: {stop.reason}" if stop else None

    async def _is_stopped(self, agent: str) -> bool:
        try:
            stop = await self._spending.switches.stops(
                self._payer.tenant, agents=(agent,) if agent else ()
            )
        except DatabaseError:
            return True  # until somebody knows
        return stop is not None


def _refused(short: ShortError, model: str) -> zg.LimitError:
    whose = short.account.whose
    if short.unit == "price":
        return zg.LimitError(
            f"the price of {model} is not known, so money cannot be limited",
            f'state it in the configuration, as [prices."{model}"], or limit '
            "tokens instead",
            model=model,
            whose=whose,
            limit="usd",
        )
    left = max(short.allowed - short.spent, 0)
    if short.unit == "tokens":
        told = f"{short.wanted:,} tokens of the {left:,} left"
        scale = 1.0
    else:
        told = f"${short.wanted / 1e9:.6f} of the ${left / 1e9:.6f} left"
        scale = 1e9
    return zg.LimitError(
        f"the budget of {whose} does not allow the next model call, which may take "
        f"{told}",
        "wait for the next period, or have the budget raised",
        whose=whose,
        limit=short.unit,
        allowed=short.allowed / scale,
        spent=short.spent / scale,
        wanted=short.wanted / scale,
    )
