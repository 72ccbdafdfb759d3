"""Second factors: an authenticator is set up, shown once to work, and taken away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pyotp
from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update

from ..clock import Clock
from ..database import Database
from ..errors import ConflictError, NotFoundError, UnauthenticatedError
from . import tables
from .accounts import find_account
from .audit import record
from .factor_codes import Seals, about, new_recovery_codes, take_code, take_totp
from .openings import drop_password
from .principals import Principal
from .sessions import revoke_sessions

__all__ = ["Enrolment", "SecondFactor", "SecondFactors"]

_FACTORS, _USERS = tables.second_factors.c, tables.users.c
_SESSIONS = tables.sessions.c


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator is set up with; shown once.

    Args:
        secret: The secret, as people type it.
        uri: The same as a link, which authenticators read from a picture.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """How somebody proves who they are beside the password.

    Args:
        confirmed_at: Since when an authenticator does; `None` if none does.
        recovery_codes: How many codes are left that stand in for it.
    """

    confirmed_at: datetime | None
    recovery_codes: int


class SecondFactors:
    """The second factors of the users of one tenant.

    Args:
        database: The database.
        tenant: The tenant's id.
        clock: The time.
        seal: Keeps the secrets of authenticators.
        issuer: What the service is called in an authenticator.
        on_revoked: Called after sessions were revoked.
    """

    def __init__(
        self,
        database: Database,
        tenant: str,
        *,
        clock: Clock,
        seal: Seals,
        issuer: str,
        on_revoked: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._clock = clock
        self._seal = seal
        self._issuer = issuer
        self._on_revoked = on_revoked

    async def get(self, user_id: str) -> SecondFactor:
        """Return how somebody proves who they are beside the password."""
        codes = tables.recovery_codes.c
        left = select(codes.digest).where(
            codes.user_id == user_id, codes.used_at.is_(None)
        )
        since = select(_FACTORS.confirmed_at).where(self._of(user_id))

        def work(connection: Connection) -> SecondFactor:
            confirmed = connection.scalar(since)
            return SecondFactor(confirmed, len(connection.execute(left).all()))

        return await self._database.read(work)

    async def begin(self, by: Principal) -> Enrolment:
        """Make what an authenticator is set up with; it protects nothing yet.

        Raises:
            ConflictError: If one protects the account already.
        """
        now, secret = self._clock.now(), pyotp.random_base32()
        sealed = self._seal.close(secret, about(by.sub))

        def work(connection: Connection) -> str:
            account = find_account(connection, self._user(by.sub))
            if account is None:
                raise NotFoundError("there is no such user")
            connection.execute(
                delete(tables.second_factors).where(
                    self._of(by.sub), _FACTORS.confirmed_at.is_(None)
                )
            )
            there = select(_FACTORS.user_id).where(self._of(by.sub))
            if connection.scalar(there) is not None:
                raise ConflictError(
                    "an authenticator protects the account already", "remove it before"
                )
            connection.execute(
                insert(tables.second_factors).values(
                    user_id=by.sub,
                    tenant_id=self._tenant,
                    sealed=sealed,
                    created_at=now,
                    last_step=0,
                    failures=0,
                    short_password=False,
                )
            )
            return account.email

        email = await self._database.write(work)
        uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=self._issuer)
        return Enrolment(secret, uri)

    async def confirm(self, by: Principal, code: str) -> tuple[str, ...]:
        """Have the account protected by the authenticator that shows a code.

        All other sessions end: somebody may have them who has no authenticator.

        Returns:
            The codes that stand in for it, each once; they are not shown again.

        Raises:
            ConflictError: If none was set up, or it protects the account already.
            UnauthenticatedError: If it does not show that code.
        """
        now = self._clock.now()

        def work(connection: Connection) -> tuple[str, ...]:
            query = select(tables.second_factors).where(
                self._of(by.sub), _FACTORS.confirmed_at.is_(None)
            )
            row = connection.execute(query.with_for_update()).one_or_none()
            if row is None:
                raise ConflictError("no authenticator is being set up", "begin again")
            if not take_totp(connection, now, self._seal, row, code.strip()):
                raise _wrong()
            connection.execute(
                update(tables.second_factors)
                .where(self._of(by.sub))
                .values(confirmed_at=now)
            )
            others = _SESSIONS.id != (by.session_id or "")
            mine = _SESSIONS.user_id == by.sub
            revoke_sessions(connection, now, "second_factor.added", mine, others)
            record(connection, now, by.tid, by.actor, "second_factor.added", by.sub)
            return new_recovery_codes(connection, self._tenant, by.sub)

        codes = await self._database.write(work)
        self._on_revoked()
        return codes

    async def renew_codes(self, by: Principal, code: str) -> tuple[str, ...]:
        """Return new codes that stand in for the authenticator; the others are void.

        Raises:
            UnauthenticatedError: If it does not show that code.
        """
        now = self._clock.now()

        def work(connection: Connection) -> tuple[str, ...]:
            if not take_code(connection, now, self._seal, by.sub, code):
                return ()
            record(
                connection, now, by.tid, by.actor, "second_factor.codes_renewed", by.sub
            )
            return new_recovery_codes(connection, self._tenant, by.sub)

        codes = await self._database.write(work)
        if not codes:
            raise _wrong()
        return codes

    async def remove(self, by: Principal, code: str) -> None:
        """Have the account protected by its password alone.

        Raises:
            UnauthenticatedError: If the authenticator does not show that code.
            ConflictError: If the password is too short for that.
        """
        now = self._clock.now()
        short = select(_FACTORS.short_password).where(self._of(by.sub))

        def work(connection: Connection) -> bool:
            if connection.scalar(short):
                raise ConflictError(
                    "the password is too short to be all there is",
                    "change it to a longer one before",
                )
            if not take_code(connection, now, self._seal, by.sub, code):
                return False
            self._drop(connection, now, by, by.sub)
            return True

        if not await self._database.write(work):
            raise _wrong()

    async def take_away(self, by: Principal, user_id: str) -> None:
        """Let a user in without their authenticator, which they lost, if they have one.

        A password that is too short without it goes as well: an invitation lets them
        set another.

        Raises:
            NotFoundError: If there is no such user.
            ForbiddenError: If they may do more than one may oneself.
        """
        by.require("admin:users")
        now = self._clock.now()
        query = select(_FACTORS.short_password).where(self._of(user_id))

        def work(connection: Connection) -> None:
            account = find_account(connection, self._user(user_id))
            short = connection.execute(query).one_or_none()
            if account is None:
                raise NotFoundError("there is no such user")
            account.check_below(by)
            if short is None:
                return
            self._drop(connection, now, by, user_id)
            if short[0]:
                drop_password(connection, user_id)
            mine = _SESSIONS.user_id == user_id
            revoke_sessions(connection, now, "second_factor.removed", mine)

        await self._database.write(work)
        self._on_revoked()

    def _drop(
        self, connection: Connection, now: datetime, by: Principal, user_id: str
    ) -> None:
        codes = tables.recovery_codes
        connection.execute(delete(codes).where(codes.c.user_id == user_id))
        connection.execute(delete(tables.second_factors).where(self._of(user_id)))
        action = "second_factor.removed"
        record(connection, now, self._tenant, by.actor, action, user_id)

    def _of(self, user_id: str) -> ColumnElement[bool]:
        return and_(_FACTORS.tenant_id == self._tenant, _FACTORS.user_id == user_id)

    def _user(self, user_id: str) -> ColumnElement[bool]:
        return and_(_USERS.tenant_id == self._tenant, _USERS.id == user_id)


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("the code is wrong, or was used", "wait for the next")
