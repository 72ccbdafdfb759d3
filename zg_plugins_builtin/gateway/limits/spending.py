"""What everybody spends: reserved, settled, set, and looked at, over all processes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import anyio
from sqlalchemy import Connection, update

import zg_core as zg

from ..clock import Clock, SystemClock
from ..database import Database
from ..errors import BudgetExceededError, DatabaseError
from ..identity import Principal
from ..ids import new_id
from . import tables
from .accounts import Account, Payer
from .budgets import Budget, Standing, budgets_of, set_budget, standings_of
from .ledger import Hold, ShortError, lapsed, reserve, settle
from .policies import SpendSettings
from .steward import JobSteward
from .switches import Switches
from .usages import Group, Used, usage_of

__all__ = ["Spending"]

_log = logging.getLogger(__name__)
_LEASE = timedelta(seconds=60)
"""How long what was reserved is kept for a process that says nothing."""
_KEEP_EVERY = 10.0
"""Seconds between two sayings that it is alive."""


class Turn:
    """Lets in one of those who wait, the first first."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()

    async def __aenter__(self) -> None:
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


class Spending:
    """What everybody spends, and may.

    Args:
        database: Where it is kept.
        clock: Tells the time.
        settings: What may be spent where nothing was set.
        on_refused: Is told of each refusal, by the scope whose budget it was.

    Attributes:
        switches: What is stopped.
        freed: Is set when something was given back in this process, and then another.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock | None = None,
        settings: SpendSettings | None = None,
        on_refused: Callable[[str], None] = lambda _scope: None,
    ) -> None:
        self._database = database
        self._clock = clock or SystemClock()
        self._settings = settings or SpendSettings()
        self.on_refused = on_refused
        self.switches = Switches(database, self._clock)
        self.freed = anyio.Event()
        self._owner = new_id("prc", self._clock.now())
        self._turns: WeakValueDictionary[Account, Turn] = WeakValueDictionary()
        self._held: set[str] = set()
        self._unsettled: dict[str, zg.Expense | None] = {}

    def steward(self, payer: Payer, job_id: str) -> JobSteward:
        """Return who pays for a job."""
        return JobSteward(self, payer, job_id)

    def turn(self, account: Account) -> Turn:
        """Return who waits for an account, to be waited for in a line."""
        return self._turns.setdefault(account, Turn())

    # -- Calls -----------------------------------------------------------------------

    async def reserve(self, payer: Payer, job_id: str, most: zg.Expense) -> zg.Reserved:
        """Hold back what a call may take, in all accounts or in none.

        Raises:
            ShortError: If there is too little in one.
            DatabaseError: If that cannot be now.
        """
        now = self._clock.now()
        hold = Hold(new_id("spd", now), payer, job_id, self._owner, now + _LEASE)

        def work(connection: Connection) -> bool:
            return reserve(connection, hold, most, now, self._settings)

        try:
            # Whoever is cancelled in the middle would not know what there is to settle.
            with anyio.CancelScope(shield=True):
                limited = await self._database.write(work)
        except ShortError:
            raise
        except BaseException:  # it may be held all the same: `keep` gives it back
            self._unsettled[hold.id] = None
            raise
        self._held.add(hold.id)
        return zg.Reserved(hold.id, limited)

    async def settle(self, key: str, did: zg.Expense | None) -> None:
        """Count what a call did take; if the database is away, `keep` does later."""
        try:
            await self._settled(key, did)
        except BaseException as error:
            self._unsettled[key] = did
            if not isinstance(error, DatabaseError):
                raise
            _log.warning("spending.not_settled", exc_info=error)

    async def _settled(self, key: str, did: zg.Expense | None) -> None:
        was_held = await self._database.write(lambda c: settle(c, key, did))
        if not was_held and did is not None:  # taken for dead: the most is counted
            _log.warning("spending.lapsed", extra={"reservation": key})
        self._held.discard(key)
        self._unsettled.pop(key, None)
        freed, self.freed = self.freed, anyio.Event()
        freed.set()

    async def keep(self) -> None:
        """Say that this process is alive, and settle for those that died; for ever."""
        while True:
            await self.tend()
            await anyio.sleep(_KEEP_EVERY)

    async def tend(self) -> int:
        """Do once what `keep` does; return how many calls of the dead were settled."""
        now = self._clock.now()
        try:
            dead = await self._database.write(lambda c: self._alive(c, now))
            for key, did in list(self._unsettled.items()):
                await self._settled(key, did)
        except DatabaseError as error:
            _log.warning("spending.not_kept", exc_info=error)
            return 0
        return dead

    def _alive(self, connection: Connection, now: datetime) -> int:
        if self._held:
            rows = tables.reserved
            connection.execute(
                update(rows)
                .where(rows.c.owner == self._owner)
                .values(alive_until=now + _LEASE)
            )
        return lapsed(connection, now)

    # -- Who may begin ---------------------------------------------------------------

    def check(self, connection: Connection, payer: Payer) -> None:
        """Go on only if something is left in every account.

        Raises:
            BudgetExceededError: If one is spent.
        """
        now = self._clock.now()
        found = standings_of(connection, payer, now, self._settings, limited=True)
        for standing in found:
            if standing.exhausted:
                self.on_refused(standing.account.scope)
                raise _exceeded(standing, now)

    async def standings(self, who: Principal) -> list[Standing]:
        """Return how much is left in the accounts that somebody's work counts in."""
        now, payer = self._clock.now(), Payer.of(who)
        return await self._database.read(
            lambda c: standings_of(c, payer, now, self._settings)
        )

    # -- Administration --------------------------------------------------------------

    async def budgets(self, who: Principal, tenant: str) -> tuple[list[Budget], bool]:
        """Return what was set in a tenant, and whether more was; see `budgets_of`."""
        return await self._database.read(lambda c: budgets_of(c, who, tenant))

    async def set_budget(self, who: Principal, budget: Budget) -> None:
        """Set what somebody may spend; see `budgets.set_budget`."""
        now = self._clock.now()
        await self._database.write(lambda c: set_budget(c, who, budget, now))

    async def usage(
        self, tenant: str, since: datetime, until: datetime, by: Group
    ) -> tuple[list[Used], bool]:
        """Return what was spent, and whether more was; see `usages.usage_of`."""
        return await self._database.read(
            lambda c: usage_of(c, tenant, since, until, by)
        )


def _exceeded(standing: Standing, now: datetime) -> BudgetExceededError:
    account = standing.account
    error = BudgetExceededError(
        f"the budget of {account.whose} is spent",
        "wait for the next period, or have the budget raised",
        scope=account.scope,
        period=account.period,
    )
    error.retry_after = max((account.ends(now) - now).total_seconds(), 1.0)
    return error
