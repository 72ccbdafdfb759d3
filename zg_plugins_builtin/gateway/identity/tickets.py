"""Tickets: whoever has one may set the password of one account, once.

They are the invitation of a new user, and the way back for one who forgot; how a
ticket reaches its user is for the service's operator to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, update

from . import tables
from .key_texts import digest, new_opaque

__all__ = ["Ticket", "add_ticket", "new_ticket", "take_ticket", "void_tickets"]

LIFETIME = timedelta(days=3)

_TICKETS = tables.tickets.c


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket, as it is shown once.

    Args:
        user_id: Whose password it sets.
        secret: The ticket itself.
        expires_at: Until when it is good.
    """

    user_id: str
    secret: str = field(repr=False)
    expires_at: datetime


def new_ticket(
    connection: Connection, now: datetime, tenant_id: str, user_id: str
) -> Ticket:
    """Make a ticket; those that the user has already are void."""
    void_tickets(connection, now, user_id)
    return add_ticket(connection, now, tenant_id, user_id, lifetime=LIFETIME)


def add_ticket(
    connection: Connection,
    now: datetime,
    tenant_id: str,
    user_id: str,
    *,
    lifetime: timedelta,
) -> Ticket:
    """Make a ticket beside those that the user has already."""
    ticket = Ticket(user_id, new_opaque("zgt"), now + lifetime)
    connection.execute(
        insert(tables.tickets).values(
            digest=digest(ticket.secret),
            tenant_id=tenant_id,
            user_id=user_id,
            expires_at=ticket.expires_at,
        )
    )
    return ticket


def void_tickets(connection: Connection, now: datetime, user_id: str) -> None:
    """Make all tickets of a user void."""
    connection.execute(
        update(tables.tickets)
        .where(_TICKETS.user_id == user_id, _TICKETS.used_at.is_(None))
        .values(used_at=now)
    )


def take_ticket(connection: Connection, now: datetime, secret: str) -> str | None:
    """Use a ticket up, and return whose it is; `None` if it is not good."""
    taken: str | None = connection.scalar(
        update(tables.tickets)
        .where(
            _TICKETS.digest == digest(secret),
            _TICKETS.used_at.is_(None),
            _TICKETS.expires_at > now,
        )
        .values(used_at=now)
        .returning(_TICKETS.user_id)
    )
    return taken
