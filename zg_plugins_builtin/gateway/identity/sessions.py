"""Sessions: one for each time that somebody logged in, until it is revoked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, update

from ..clock import Clock
from ..database import Database
from ..errors import NotFoundError
from . import tables
from .accounts import check_over
from .audit import record
from .principals import Principal

__all__ = ["Session", "Sessions", "revoke_sessions"]

_SESSIONS = tables.sessions.c


@dataclass(frozen=True, slots=True)
class Session:
    """One session.

    Args:
        id: Its id.
        user_id: Whose it is.
        client: What they logged in with, in that client's own words.
        address: From where.
        auth_time: When.
        last_used_at: When it was last refreshed.
        expires_at: When it ends at the latest.
    """

    id: str
    user_id: str
    client: str
    address: str
    auth_time: datetime
    last_used_at: datetime
    expires_at: datetime


def revoke_sessions(
    connection: Connection, now: datetime, why: str, *which: ColumnElement[bool]
) -> list[str]:
    """Revoke the sessions that conditions are true of; return their ids.

    Args:
        connection: The transaction.
        now: The time.
        why: The reason, as a word.
        which: The conditions, on the table of sessions.
    """
    return list(
        connection.scalars(
            update(tables.sessions)
            .where(_SESSIONS.revoked_at.is_(None), *which)
            .values(revoked_at=now, revoked_for=why)
            .returning(_SESSIONS.id)
        )
    )


class Sessions:
    """The sessions of a tenant that still live.

    Args:
        database: The database.
        tenant: The tenant's id.
        clock: The time.
        on_revoked: Called after some were revoked.
    """

    def __init__(
        self,
        database: Database,
        tenant: str,
        *,
        clock: Clock,
        on_revoked: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._clock = clock
        self._on_revoked = on_revoked

    async def list(self, user_id: str) -> list[Session]:
        """Return a user's sessions, the latest first."""
        query = (
            select(*(_SESSIONS[name] for name in Session.__slots__))
            .where(
                _SESSIONS.tenant_id == self._tenant,
                _SESSIONS.user_id == user_id,
                _SESSIONS.revoked_at.is_(None),
                _SESSIONS.expires_at > self._clock.now(),
            )
            .order_by(_SESSIONS.id.desc())
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [Session(*row) for row in rows]

    async def revoke(self, by: Principal, session_id: str) -> None:
        """End a session: one's own, or anybody's for who administers users.

        Raises:
            NotFoundError: If there is none that one may end.
            ForbiddenError: If its user may do more than one may oneself.
        """
        which = _SESSIONS.id == session_id
        if not by.has("admin:users"):
            which = and_(which, _SESSIONS.user_id == by.sub)
        if not await self._revoke(by, which):
            raise NotFoundError("there is no such session")

    async def revoke_all(self, by: Principal, user_id: str) -> int:
        """End all sessions of a user, and return how many there were.

        Raises:
            InsufficientScopeError: If it is not oneself, and one does not administer
                users.
            ForbiddenError: If they may do more than one may oneself.
        """
        if user_id != by.sub:
            by.require("admin:users")
        return await self._revoke(by, _SESSIONS.user_id == user_id)

    async def _revoke(self, by: Principal, which: ColumnElement[bool]) -> int:
        now = self._clock.now()
        living = _SESSIONS.expires_at > now

        def work(connection: Connection) -> int:
            ours = _SESSIONS.tenant_id == self._tenant
            whose = select(_SESSIONS.user_id).where(ours, living, which).distinct()
            for user_id in connection.scalars(whose).all():
                check_over(connection, by, user_id)
            ids = revoke_sessions(connection, now, "revoked", ours, living, which)
            for id_ in ids:
                record(connection, now, self._tenant, by.actor, "session.revoked", id_)
            return len(ids)

        ended = await self._database.write(work)
        self._on_revoked()
        return ended
