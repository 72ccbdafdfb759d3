"""Logins by other services: begun in a browser, ended in the same one.

One file, since its safety is in how the beginning and the end fit together.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from ..clock import Clock
from ..database import Database
from ..errors import (
    ConflictError,
    NotFoundError,
    OAuthStateMismatchError,
    UnauthenticatedError,
)
from ..ids import new_id
from . import tables
from .accounts import Account, find_account
from .audit import record
from .emails import normalised_email
from .github_logins import GitHub
from .key_texts import digest
from .logins import Logins, TokenPair
from .oidc_logins import OpenIDConnect
from .principals import Principal
from .provider_calls import Sends
from .providers import External, OAuthProvider

__all__ = ["Begun", "Finished", "OAuthLogins", "OtherIdentity"]

LIFETIME = timedelta(minutes=10)
AMR = "oidc"
"""What stands in tokens for a login by another service."""

_STATES, _USERS = tables.oauth_states.c, tables.users.c
_IDENTITIES, _SESSIONS = tables.external_identities.c, tables.sessions.c


class _Provider(Protocol):
    async def address(
        self, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str: ...

    async def identify(
        self,
        code: str,
        *,
        verifier: str,
        nonce: str,
        redirect_uri: str,
        issuer: str | None,
    ) -> External: ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was begun.

    Args:
        address: Where the browser is sent.
        cookie: What the browser must bring back, in a cookie that nobody else gets:
            ``__Host-zg_oauth``, Secure, HttpOnly, SameSite=Lax.
        seconds: How long it may take.
    """

    address: str = field(repr=False)
    cookie: str = field(repr=False)
    seconds: int


@dataclass(frozen=True, slots=True)
class Finished:
    """A login that came to its end.

    Args:
        user_id: Who it is.
        tokens: Their new session; `None` if they only wanted to be known by the other
            service as well.
        return_to: The path to go on at.
    """

    user_id: str
    tokens: TokenPair | None
    return_to: str


@dataclass(frozen=True, slots=True)
class OtherIdentity:
    """Who a user is elsewhere.

    Args:
        id: Its id here.
        issuer: The other service's name.
        email: The user's address there, when it was last told.
        created_at: Since when it is known.
    """

    id: str
    issuer: str
    email: str | None
    created_at: datetime


class OAuthLogins:
    """Lets people log in by other services.

    Nobody gets an account by it: who logs in was made a user before. A user who never
    could log in is known by an address that the service says is verified; any other
    links the service to the account themselves, when they are logged in.

    Args:
        database: The database.
        clock: The time.
        logins: What opens sessions.
        providers: The services.
        sends: What sends requests to them.
        callbacks: The address below which browsers come back: then ``/NAME/callback``.
        paths: The paths at which browsers may go on.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        logins: Logins,
        providers: Iterable[OAuthProvider],
        sends: Sends,
        callbacks: str,
        paths: Collection[str] = ("/",),
    ) -> None:
        self._database = database
        self._clock = clock
        self._logins = logins
        self._callbacks = callbacks.rstrip("/")
        self._paths = frozenset(paths)
        self._providers: dict[str, _Provider] = {
            provider.name: GitHub(provider, sends)
            if provider.kind == "github"
            else OpenIDConnect(provider, sends, clock)
            for provider in providers
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the services."""
        return tuple(self._providers)

    async def begin(
        self, provider: str, *, return_to: str = "/", by: Principal | None = None
    ) -> Begun:
        """Send a browser to log in.

        Args:
            provider: The service's name.
            return_to: The path to go on at; one that is not allowed becomes ``/``.
            by: Who wants to be known by that service as well.

        Raises:
            NotFoundError: If there is no such service.
            NoAnswerError: If it cannot be reached.
        """
        asked = self._named(provider)
        state, nonce, cookie = (secrets.token_urlsafe(32) for _ in range(3))
        verifier = secrets.token_urlsafe(48)
        hashed = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
        address = await asked.address(self._callback(provider), state, nonce, challenge)
        row = {
            "digest": digest(state),
            "provider": provider,
            "verifier": verifier,
            "nonce": nonce,
            "cookie_digest": digest(cookie),
            "return_to": return_to if return_to in self._paths else "/",
            "user_id": by.sub if by and by.kind == "user" else None,
            "session_id": by.session_id if by else None,
            "expires_at": self._clock.now() + LIFETIME,
        }
        statement = insert(tables.oauth_states).values(row)
        await self._database.write(lambda c: c.execute(statement))
        return Begun(address, cookie, int(LIFETIME.total_seconds()))

    async def finish(
        self,
        provider: str,
        *,
        state: str,
        code: str | None,
        cookie: str | None,
        issuer: str | None = None,
        client: str = "",
        address: str = "",
    ) -> Finished:
        """Take a browser back that was sent to log in.

        Args:
            provider: The service's name.
            state: The parameter ``state`` that the browser brings.
            code: The parameter ``code``; there is none if the service refused.
            cookie: The cookie that the browser brings.
            issuer: The parameter ``iss``, if there is one.
            client: What they log in with, in its own words.
            address: From where.

        Raises:
            OAuthStateMismatchError: If it was not begun in this browser, or too long
                ago, or was ended already; or the session that began it was.
            UnauthenticatedError: If the service says nobody, or nobody we know.
            ConflictError: If that person is another user here.
            NoAnswerError: If the service cannot be reached.
        """
        asked = self._named(provider)
        begun = await self._take(provider, state)
        if begun is None or not hmac.compare_digest(
            begun["cookie_digest"], digest(cookie or "")
        ):
            raise OAuthStateMismatchError(
                "this login was not begun in this browser, or not just now",
                "begin it again",
            )
        if not code:
            raise UnauthenticatedError("the provider let nobody in")
        external = await asked.identify(
            code,
            verifier=begun["verifier"],
            nonce=begun["nonce"],
            redirect_uri=self._callback(provider),
            issuer=issuer,
        )
        wanted = begun["user_id"]
        user_id = await self._user_of(external, wanted, begun["session_id"])
        if wanted is not None:
            return Finished(user_id, None, begun["return_to"])
        tokens = await self._logins.open(
            user_id, (AMR,), client=client, address=address
        )
        return Finished(user_id, tokens, begun["return_to"])

    async def identities(self, by: Principal) -> list[OtherIdentity]:
        """Return who somebody is elsewhere."""
        query = (
            select(*(_IDENTITIES[name] for name in OtherIdentity.__slots__))
            .where(_IDENTITIES.tenant_id == by.tid, _IDENTITIES.user_id == by.sub)
            .order_by(_IDENTITIES.id)
        )
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [OtherIdentity(*row) for row in rows]

    async def unlink(self, by: Principal, identity_id: str) -> None:
        """Forget who somebody is elsewhere.

        Raises:
            NotFoundError: If there is no such identity of theirs.
            ConflictError: If they could not log in any more.
        """
        now = self._clock.now()
        ours = (_IDENTITIES.tenant_id == by.tid) & (_IDENTITIES.user_id == by.sub)

        def work(connection: Connection) -> None:
            gone = connection.execute(
                delete(tables.external_identities).where(
                    ours, _IDENTITIES.id == identity_id
                )
            )
            if not gone.rowcount:
                raise NotFoundError("there is no such identity")
            account = find_account(connection, _USERS.id == by.sub)
            left = connection.scalar(select(func.count()).where(ours))
            if not left and (account is None or account.password_hash is None):
                raise ConflictError(
                    "without it nobody could log in", "set a password before"
                )
            record(connection, now, by.tid, by.actor, "identity.unlinked", identity_id)

        await self._database.write(work)

    # -- Inside ------------------------------------------------------------------------

    def _named(self, provider: str) -> _Provider:
        found = self._providers.get(provider)
        if found is None:
            raise NotFoundError("there is no such provider")
        return found

    def _callback(self, provider: str) -> str:
        return f"{self._callbacks}/{provider}/callback"

    async def _take(self, provider: str, state: str) -> dict[str, Any] | None:
        """Use a state up, and return what was begun with it."""
        statement = (
            delete(tables.oauth_states)
            .where(
                _STATES.digest == digest(state),
                _STATES.provider == provider,
                _STATES.expires_at > self._clock.now(),
            )
            .returning(*_STATES)
        )

        def work(connection: Connection) -> dict[str, Any] | None:
            row = connection.execute(statement).mappings().one_or_none()
            return None if row is None else dict(row)

        return await self._database.write(work)

    async def _user_of(
        self, external: External, wanted: str | None, session_id: str | None
    ) -> str:
        """Return the user that somebody is here; they become it if they may."""
        now = self._clock.now()

        def work(connection: Connection) -> str:
            if wanted is not None:
                _check_standing(connection, now, session_id)
            known: str | None = connection.scalar(
                select(_IDENTITIES.user_id).where(
                    _IDENTITIES.issuer == external.issuer,
                    _IDENTITIES.subject == external.subject,
                )
            )
            if known is not None:
                if wanted not in (None, known):
                    raise _taken()
                return known
            account = _candidate(connection, external, wanted)
            if account is None or not account.active:
                raise UnauthenticatedError(
                    "nobody here is known by that", "ask for an invitation"
                )
            _link(connection, now, account, external)
            return account.user_id

        try:
            return await self._database.write(work)
        except IntegrityError as error:
            raise _taken() from error


def _check_standing(
    connection: Connection, now: datetime, session_id: str | None
) -> None:
    """Go on only if a session stands: what it began must not outlive it."""
    standing = select(_SESSIONS.id).where(
        _SESSIONS.id == session_id,
        _SESSIONS.revoked_at.is_(None),
        _SESSIONS.expires_at > now,
    )
    if connection.scalar(standing) is None:
        raise OAuthStateMismatchError(
            "the session in which this was begun has ended",
            "log in, and begin it again",
        )


def _candidate(
    connection: Connection, external: External, wanted: str | None
) -> Account | None:
    """Return the user that somebody new may become."""
    if wanted is not None:
        return find_account(connection, _USERS.id == wanted)
    email = normalised_email(external.email or "")
    if email is None or not external.email_verified:
        return None
    account = find_account(connection, _USERS.email == email)
    # Who can log in already says themselves that both are the same person: the
    # address may be somebody else's by now.
    if account is None or account.password_hash is not None:
        return None
    mine = select(func.count()).where(_IDENTITIES.user_id == account.user_id)
    return None if connection.scalar(mine) else account


def _link(
    connection: Connection, now: datetime, account: Account, external: External
) -> None:
    identity_id = new_id("ext", now)
    connection.execute(
        insert(tables.external_identities).values(
            id=identity_id,
            tenant_id=account.tenant_id,
            user_id=account.user_id,
            issuer=external.issuer,
            subject=external.subject,
            email=external.email,
            created_at=now,
        )
    )
    record(
        connection,
        now,
        account.tenant_id,
        account.user_id,
        "identity.linked",
        identity_id,
        issuer=external.issuer,
    )


def _taken() -> ConflictError:
    return ConflictError("that person is another user here")
