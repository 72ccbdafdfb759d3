"""Whose turn it is to send what: leases on messages that are due.

A message is leased before it is sent and recorded after; who was cut off between
the two leaves a lease that lapses, and the message is sent again under its id. So
there is at least one sending of each, and a receiver may see several.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    delete,
    func,
    insert,
    select,
    update,
)

from ..clock import Clock
from ..database import Database
from .claims import AT_ONCE, Claim, claim_due, claimable, held, is_held
from .outbox import DEAD, DELIVERED, cancel_pending
from .outcomes import Outcome
from .schedule import FAILING_FOR, Draw, next_try
from .tables import attempts, deliveries, endpoints

__all__ = ["Disabled", "Leases"]


@dataclass(frozen=True, slots=True)
class Disabled:
    """An endpoint that the service has disabled.

    Attributes:
        tenant_id: Whose it is.
        endpoint_id: Which.
        reason: ``gone``, if it said so (410), or ``failing``, for five days.
        at: When.
    """

    tenant_id: str
    endpoint_id: str
    reason: str
    at: datetime


class Leases:
    """The messages of all tenants, for who sends them.

    Args:
        database: Where they are kept.
        clock: Tells the time.
        draw: Says how much of the jitter a delay gets.
        on_disabled: Is told of an endpoint that was disabled, in the transaction:
            for the audit.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        draw: Draw = random.random,
        on_disabled: Callable[[Connection, Disabled], None] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._draw = draw
        self._on_disabled = on_disabled

    async def claim(self, most: int = AT_ONCE) -> list[Claim]:
        """Lease messages that are due, the longest due first, and return them.

        Args:
            most: How many at most.
        """
        now = self._clock.now()
        due = select(deliveries.c.id).where(claimable(now)).limit(1)
        if await self._database.read(lambda c: c.scalar(due)) is None:
            return []  # without holding up those who write
        return await self._database.write(lambda c: claim_due(c, now, most))

    async def record(
        self, claim: Claim, outcome: Outcome, began: datetime, seconds: float
    ) -> bool:
        """Write how an attempt ended, and what follows; return whether it counts.

        It does not if the lease has lapsed and another has it, or the message was
        taken back meanwhile.

        Args:
            claim: What was sent.
            outcome: How it ended.
            began: When it was sent.
            seconds: How long that took.
        """
        now = self._clock.now()

        def work(connection: Connection) -> bool:
            if not is_held(connection, claim, lock=True):
                return False
            connection.execute(
                insert(attempts).values(
                    delivery_id=claim.delivery_id,
                    number=claim.number,
                    tenant_id=claim.tenant_id,
                    at=began,
                    outcome=outcome.name,
                    milliseconds=round(seconds * 1000),
                )
            )
            if outcome.delivered:
                _finish(connection, claim, DELIVERED, outcome, now)
                _arrived(connection, claim)
            else:
                self._failed(connection, claim, outcome, now)
            return True

        return await self._database.write(work)

    async def postpone(self, claim: Claim, until: datetime) -> None:
        """Give a message back that was not sent; it is due again at a later time."""

        def work(connection: Connection) -> None:
            connection.execute(
                update(deliveries)
                .where(held(claim))
                .values(
                    due_at=until,
                    lease=None,
                    leased_until=None,
                    tries=deliveries.c.tries - 1,
                    attempts=deliveries.c.attempts - 1,
                )
            )

        await self._database.write(work)

    async def backlog(self) -> int:
        """Return how many messages are due and not being sent."""
        now = self._clock.now()
        waiting = select(func.count()).select_from(deliveries).where(claimable(now))
        return await self._database.read(lambda c: c.execute(waiting).scalar_one())

    async def forget(self, before: datetime) -> int:
        """Erase what was finished before a time; return how much it was."""
        old = delete(deliveries).where(deliveries.c.finished_at < before)
        return await self._database.write(lambda c: c.execute(old).rowcount)

    def _failed(
        self, connection: Connection, claim: Claim, outcome: Outcome, now: datetime
    ) -> None:
        due = next_try(claim.tries, now, self._draw, outcome.wanted)
        reason = _why_disable(connection, claim, outcome, now)
        if outcome.gone or reason is not None or due is None:
            _finish(connection, claim, DEAD, outcome, now)
        else:
            connection.execute(
                update(deliveries)
                .where(held(claim))
                .values(due_at=due, lease=None, leased_until=None, outcome=outcome.name)
            )
        if reason is not None and claim.endpoint_id is not None:
            disabled = Disabled(claim.tenant_id, claim.endpoint_id, reason, now)
            _disable(connection, disabled)
            if self._on_disabled is not None:
                self._on_disabled(connection, disabled)


def _finish(
    connection: Connection, claim: Claim, state: str, outcome: Outcome, now: datetime
) -> None:
    connection.execute(
        update(deliveries)
        .where(held(claim))
        .values(
            state=state,
            outcome=outcome.name,
            finished_at=now,
            lease=None,
            leased_until=None,
        )
    )


def _arrived(connection: Connection, claim: Claim) -> None:
    connection.execute(
        update(endpoints)
        .where(
            endpoints.c.id == claim.endpoint_id, endpoints.c.failing_since.is_not(None)
        )
        .values(failing_since=None)
    )


def _why_disable(
    connection: Connection, claim: Claim, outcome: Outcome, now: datetime
) -> str | None:
    """Note that an endpoint fails; return why to disable it, or None."""
    if claim.endpoint_id is None:
        return None
    if outcome.gone:
        return "gone"
    connection.execute(
        update(endpoints)
        .where(endpoints.c.id == claim.endpoint_id, endpoints.c.failing_since.is_(None))
        .values(failing_since=now)
    )
    since = connection.scalar(
        select(endpoints.c.failing_since).where(endpoints.c.id == claim.endpoint_id)
    )
    return "failing" if since is not None and now - since >= FAILING_FOR else None


def _disable(connection: Connection, disabled: Disabled) -> None:
    connection.execute(
        update(endpoints)
        .where(endpoints.c.id == disabled.endpoint_id)
        .values(enabled=False, disabled_for=disabled.reason)
    )
    cancel_pending(connection, disabled.endpoint_id, disabled.at)
