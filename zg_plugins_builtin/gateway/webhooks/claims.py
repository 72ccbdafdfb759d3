"""Choose the messages that are sent next, and lease them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from .outbox import DEAD, PENDING
from .schedule import TRIES
from .tables import deliveries, endpoints

__all__ = [
    "AT_ONCE",
    "AT_ONCE_PER_TENANT",
    "LEASE",
    "Claim",
    "claim_due",
    "claimable",
    "held",
    "is_held",
]

LEASE = timedelta(seconds=60)
"""How long a message is somebody's; far longer than sending it may take."""
AT_ONCE = 64
"""How many messages are sent at once, from all processes together."""
AT_ONCE_PER_TENANT = 4
_LOCK = 0x5A475F57
"""What PostgreSQL's advisory lock is called: "ZG_W"."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours to send, until its lease lapses.

    Attributes:
        delivery_id: Its delivery.
        tenant_id: Whose it is.
        endpoint_id: To which endpoint; None is a job's callback URL.
        url: Where it goes, as of now.
        message_id: Its ``webhook-id``.
        body: What it says.
        tries: Which try of the schedule this is, from 1.
        number: Which attempt of all this is, from 1.
        lease: Tells this claim from others of the same message.
    """

    delivery_id: str
    tenant_id: str
    endpoint_id: str | None
    url: str
    message_id: str
    body: str
    tries: int
    number: int
    lease: str


def claim_due(connection: Connection, now: datetime, most: int) -> list[Claim]:
    """Lease messages that are due, the longest due first, and return them.

    Args:
        connection: The database.
        now: The time.
        most: How many at most.
    """
    if connection.dialect.name == "postgresql":  # SQLite lets one write at a time
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    _give_up_lost(connection, now)
    running: dict[str, int] = {
        row[0]: row[1]
        for row in connection.execute(
            select(deliveries.c.tenant_id, func.count())
            .where(deliveries.c.state == PENDING, deliveries.c.leased_until > now)
            .group_by(deliveries.c.tenant_id)
        )
    }
    free = min(most, AT_ONCE - sum(running.values()))
    claims: list[Claim] = []
    for tenant_id in _tenants_that_wait(connection, now):
        room = min(AT_ONCE_PER_TENANT - running.get(tenant_id, 0), free - len(claims))
        if room > 0:
            claims += _claim_of(connection, tenant_id, now, room)
    return claims


def _tenants_that_wait(connection: Connection, now: datetime) -> Sequence[str]:
    """Return the tenants with something due, the longest due first.

    It goes from tenant to tenant through the index, and not through every message:
    there may be very many of one.
    """
    pending = deliveries.c.state == PENDING
    first = select(func.min(deliveries.c.tenant_id).label("id")).where(pending)
    waiting = first.cte("waiting", recursive=True)
    following = (
        select(func.min(deliveries.c.tenant_id))
        .where(pending, deliveries.c.tenant_id > waiting.c.id)
        .correlate(waiting)
    )
    waiting = waiting.union_all(
        select(following.scalar_subquery()).where(waiting.c.id.is_not(None))
    )
    due = (
        select(func.min(deliveries.c.due_at))
        .where(pending, deliveries.c.tenant_id == waiting.c.id)
        .correlate(waiting)
        .scalar_subquery()
    )
    chosen = select(waiting.c.id).where(due <= now).order_by(due)
    return connection.execute(chosen).scalars().all()


def _claim_of(
    connection: Connection, tenant_id: str, now: datetime, most: int
) -> list[Claim]:
    rows = connection.execute(
        select(deliveries, endpoints.c.url.label("current_url"))
        .outerjoin(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(claimable(now), deliveries.c.tenant_id == tenant_id)
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(most)
    ).all()
    return [_leased(connection, row, now) for row in rows]


def _leased(connection: Connection, row: Row[Any], now: datetime) -> Claim:
    claim = Claim(
        row.id,
        row.tenant_id,
        row.endpoint_id,
        row.current_url or row.url,
        row.message_id,
        row.body,
        row.tries + 1,
        row.attempts + 1,
        uuid4().hex,
    )
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == row.id)
        .values(
            lease=claim.lease,
            leased_until=now + LEASE,
            tries=claim.tries,
            attempts=claim.number,
        )
    )
    return claim


def _give_up_lost(connection: Connection, now: datetime) -> None:
    """Give up what was lost with its sender at every try that there was."""
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.state == PENDING,
            deliveries.c.leased_until <= now,
            deliveries.c.tries >= TRIES,
        )
        .values(
            state=DEAD, outcome="lost", finished_at=now, lease=None, leased_until=None
        )
    )


def claimable(now: datetime) -> ColumnElement[bool]:
    """Return what is true of a message that is due, and nobody's to send."""
    enabled = (
        exists()
        .where(endpoints.c.id == deliveries.c.endpoint_id, endpoints.c.enabled)
        .correlate(deliveries)
    )
    return and_(
        deliveries.c.state == PENDING,
        deliveries.c.due_at <= now,
        or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= now),
        or_(deliveries.c.endpoint_id.is_(None), enabled),
    )


def held(claim: Claim) -> ColumnElement[bool]:
    """Return what is true of a message while it is a claim's."""
    return (deliveries.c.id == claim.delivery_id) & (deliveries.c.lease == claim.lease)


def is_held(connection: Connection, claim: Claim, *, lock: bool = False) -> bool:
    """Tell whether a message is still the claim's to send.

    Args:
        connection: The database.
        claim: The claim.
        lock: Whether to keep it so until the end of the transaction.
    """
    ours = select(deliveries.c.id).where(held(claim))
    if lock:
        ours = ours.with_for_update()
    return connection.scalar(ours) is not None
