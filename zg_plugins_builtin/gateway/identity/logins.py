"""Log in, stay logged in, and log out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, and_

from ..clock import Clock
from ..database import Database
from ..errors import SecondFactorRequiredError, UnauthenticatedError
from . import tables
from .access_tokens import LIFETIME, AccessTokens
from .accounts import Account, find_account
from .audit import record
from .emails import normalised_email
from .factor_codes import Seals, has_factor, take_code
from .key_texts import digest
from .letters import take_registration
from .openings import (
    Opened,
    change_password_of,
    end_family,
    open_session,
    prove_anew,
    renew_session,
    session_of,
    set_hash,
    use_up,
)
from .password_rules import SHORTEST, SHORTEST_OF_TWO, check
from .passwords import Passwords
from .principals import Principal
from .sessions import revoke_sessions
from .tickets import take_ticket

__all__ = ["Logins", "TokenPair"]

_USERS, _SESSIONS = tables.users.c, tables.sessions.c
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What somebody who logged in goes on with.

    Args:
        access_token: Goes with every request.
        refresh_token: Brings the next pair, once.
        expires_in: Seconds that the access token is good for.
        session_id: The session.
        user_id: The user.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    session_id: str
    user_id: str


class Logins:
    """The doors by which people come in and go.

    Args:
        database: The database.
        clock: The time.
        passwords: What hashes passwords.
        tokens: What makes access tokens.
        seal: Keeps the secrets of authenticators.
        role: What people become who registered.
        on_revoked: Called after somebody may do less than before.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        passwords: Passwords,
        tokens: AccessTokens,
        seal: Seals,
        role: str = "member",
        on_revoked: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._tokens = tokens
        self._seal = seal
        self._role = role
        self._on_revoked = on_revoked

    async def login(
        self,
        email: str,
        password: str,
        *,
        totp: str | None = None,
        client: str = "",
        address: str = "",
    ) -> TokenPair:
        """Open a session for who knows a user's password.

        Nobody learns whether it is the address or the password that is wrong: not by
        what is answered, nor by how long it takes.

        Args:
            email: The user's address.
            password: The user's password.
            totp: A code of their authenticator, where they have one.
            client: What they log in with, in its own words.
            address: From where.

        Raises:
            UnauthenticatedError: If one of these is wrong, or the user is disabled.
            SecondFactorRequiredError: If the code is all that is missing.
            UnavailableError: If too many log in at once.
        """
        form = normalised_email(email)
        account = await self._database.read(
            lambda c: find_account(c, _USERS.email == (form or ""))
        )
        stored = account.password_hash if account else None
        if not await self._passwords.verify(password, stored):
            account = None
        if account is None or stored is None or not account.active:
            _logger.info("login_refused", extra={"address": address})
            raise _wrong()
        better = await self._rehashed(password, stored)
        now = self._clock.now()

        def work(connection: Connection) -> Opened | None:
            current = find_account(connection, _USERS.id == account.user_id)
            if current is None or not current.active or current.password_hash != stored:
                return None  # it was changed just now
            amr = self._prove(connection, now, current.user_id, totp)
            if amr is None:
                return None
            if better:
                set_hash(connection, current.user_id, better)
            return open_session(connection, now, current, amr, client, address)

        opened = await self._database.write(work)
        if opened is None:
            raise _wrong()
        return self._pair(opened)

    async def open(
        self, user_id: str, amr: Sequence[str], *, client: str = "", address: str = ""
    ) -> TokenPair:
        """Open a session for who proved in another way who they are.

        Args:
            user_id: The user.
            amr: How they did.
            client: What they log in with, in its own words.
            address: From where.

        Raises:
            UnauthenticatedError: If the user is not there, or is disabled.
        """
        now = self._clock.now()

        def work(connection: Connection) -> Opened | None:
            account = find_account(connection, _USERS.id == user_id)
            if account is None or not account.active:
                return None
            return open_session(connection, now, account, tuple(amr), client, address)

        opened = await self._database.write(work)
        if opened is None:
            raise UnauthenticatedError("nobody is known by that")
        return self._pair(opened)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Return the next pair of tokens, and use this one up.

        A token that comes a second time was copied. Nobody knows who has the copy, so
        the whole session ends.

        Raises:
            UnauthenticatedError: If the token is not good.
        """
        now = self._clock.now()
        used = digest(refresh_token)

        def work(connection: Connection) -> tuple[Opened | None, bool]:
            row = session_of(connection, used)
            if row is None:
                return None, False
            account = Account.of(row)
            over = row["revoked_at"] or row["session_expires_at"] <= now
            if over or not account.active:
                return None, False
            if not use_up(connection, now, used):
                return None, end_family(connection, now, account, row["session_id"])
            return renew_session(connection, now, account, row), False

        opened, ended = await self._database.write(work)
        if ended:  # not for any bad token, or anybody could have all be looked up anew
            self._on_revoked()
        if opened is None:
            raise UnauthenticatedError("the refresh token is not good", "log in again")
        return self._pair(opened)

    async def logout(self, by: Principal) -> None:
        """End the session that somebody asks with; a key has none, and goes on."""
        now = self._clock.now()
        which = and_(_SESSIONS.id == by.session_id, _SESSIONS.tenant_id == by.tid)

        def work(connection: Connection) -> None:
            for id_ in revoke_sessions(connection, now, "logout", which):
                record(connection, now, by.tid, by.actor, "session.closed", id_)

        if by.session_id is not None:
            await self._database.write(work)
            self._on_revoked()

    async def change_password(
        self, by: Principal, current: str, new: str, *, client: str = ""
    ) -> TokenPair:
        """Set another password; all the user's sessions end, and a new one begins.

        Raises:
            UnauthenticatedError: If the current password is wrong, or somebody else's.
            InvalidRequestError: If the new one cannot be taken.
        """
        account = await self._verified(by, current)
        two = await self._database.read(lambda c: has_factor(c, by.sub))
        least = SHORTEST_OF_TWO if two else SHORTEST
        check(new, (account.email, account.name), shortest=least)
        hashed = await self._passwords.hash(new)
        stored = account.password_hash
        now = self._clock.now()

        def work(connection: Connection) -> Opened | None:
            latest = find_account(connection, _USERS.id == by.sub)
            if latest is None or not latest.active or latest.password_hash != stored:
                return None
            if len(new) < SHORTEST and not has_factor(connection, by.sub):
                return None  # it was taken away just now
            change_password_of(
                connection, now, latest, by.actor, hashed, short=len(new) < SHORTEST
            )
            return open_session(connection, now, latest, by.amr, client, "")

        opened = await self._database.write(work)
        self._on_revoked()
        if opened is None:
            raise UnauthenticatedError("the password was changed meanwhile")
        return self._pair(opened)

    async def redeem(self, ticket: str, password: str) -> str:
        """Set the password that a ticket lets somebody set; return the user's id.

        A password that is refused leaves the ticket good.

        Raises:
            UnauthenticatedError: If the ticket is not good.
            InvalidRequestError: If the password cannot be taken.
        """
        check(password, shortest=SHORTEST_OF_TWO)
        hashed = await self._passwords.hash(password)
        now = self._clock.now()

        def work(connection: Connection) -> str:
            user_id = take_ticket(connection, now, ticket)
            if user_id is None:
                return self._registered(connection, now, ticket, password, hashed)
            account = find_account(connection, _USERS.id == user_id)
            if account is None or not account.active:
                raise _no_ticket()
            two = has_factor(connection, user_id)
            least = SHORTEST_OF_TWO if two else SHORTEST
            check(password, (account.email, account.name), shortest=least)
            short = len(password) < SHORTEST
            change_password_of(connection, now, account, user_id, hashed, short=short)
            return user_id

        user_id = await self._database.write(work)
        self._on_revoked()
        return user_id

    async def step_up(
        self, by: Principal, password: str, totp: str | None = None
    ) -> TokenPair:
        """Prove again who one is, and go on in the same session as if just logged in.

        Raises:
            UnauthenticatedError: If the password or the code is wrong, or the session
                has ended.
            SecondFactorRequiredError: If the code is all that is missing.
        """
        account = await self._verified(by, password)
        now = self._clock.now()

        def work(connection: Connection) -> Opened | None:
            latest = find_account(connection, _USERS.id == by.sub)
            same = latest and latest.password_hash == account.password_hash
            if not latest or not latest.active or not same:
                return None
            amr = self._prove(connection, now, by.sub, totp)
            if amr is None or by.session_id is None:
                return None
            return prove_anew(connection, now, latest, by.session_id, amr)

        opened = await self._database.write(work)
        if opened is None:
            raise _wrong()
        return self._pair(opened)

    async def _verified(self, by: Principal, password: str) -> Account:
        """Return the account of who asks, if that is its password."""
        ours = (_USERS.id == by.sub) & (_USERS.tenant_id == by.tid)
        account = await self._database.read(lambda c: find_account(c, ours))
        stored = account.password_hash if account and by.kind == "user" else None
        if not await self._passwords.verify(password, stored) or account is None:
            raise UnauthenticatedError("the current password is wrong")
        return account

    def _prove(
        self, connection: Connection, now: datetime, user_id: str, totp: str | None
    ) -> tuple[str, ...] | None:
        """Return how somebody whose password is right proved who they are."""
        if not has_factor(connection, user_id):
            return ("pwd",)
        if totp is None:
            raise SecondFactorRequiredError
        good = take_code(connection, now, self._seal, user_id, totp)
        return ("pwd", "otp") if good else None

    def _registered(
        self,
        connection: Connection,
        now: datetime,
        ticket: str,
        password: str,
        hashed: str,
    ) -> str:
        """Make a user of who registered, and return their id."""
        account = take_registration(
            connection,
            now,
            ticket,
            self._role,
            hashed,
            lambda *about: check(password, about),
        )
        if account is None:
            raise _no_ticket()
        return account.user_id

    async def _rehashed(self, password: str, stored: str) -> str | None:
        """Return a hash with the parameters of now, if that one has others."""
        if not self._passwords.outdated(stored):
            return None
        return await self._passwords.hash(password)

    def _pair(self, opened: Opened) -> TokenPair:
        account = opened.account
        access_token = self._tokens.issue(
            sub=account.user_id,
            tid=account.tenant_id,
            sid=opened.session_id,
            scopes=account.scopes,
            amr=opened.amr,
            auth_time=opened.auth_time,
        )
        return TokenPair(
            access_token=access_token,
            refresh_token=opened.refresh_token,
            expires_in=int(LIFETIME.total_seconds()),
            session_id=opened.session_id,
            user_id=account.user_id,
        )


def _wrong() -> UnauthenticatedError:
    return UnauthenticatedError("the address or the password is wrong")


def _no_ticket() -> UnauthenticatedError:
    return UnauthenticatedError("the ticket is not good", "ask for another invitation")
