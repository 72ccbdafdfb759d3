"""Find out who asks, from the one credential that a request brings.

A signature is checked once in 30 seconds for each token, and whether its session, its
user and its tenant still stand is looked up every 5: so long does a revocation take to
be known everywhere. In the process that revokes it is known at once.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, select, update

from ..clock import Clock
from ..database import Database
from ..errors import TokenExpiredError, UnauthenticatedError
from . import tables
from .access_tokens import LEEWAY, AccessTokens, Claims
from .accounts import COLUMNS, Account
from .key_texts import API_KEY, digest, is_api_key
from .principals import Principal

__all__ = ["Authenticator"]

T = TypeVar("T")

VERIFIED_SECONDS = 30.0
LIVE_SECONDS = 5.0
MOST = 10_000
"""How many credentials are kept in mind."""
NOTED = timedelta(minutes=1)
"""How exactly it is noted when a key was last used."""
LONGEST = 4096

_SESSIONS, _KEYS, _USERS = tables.sessions.c, tables.api_keys.c, tables.users.c


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """A key as it is now."""

    principal: Principal
    cidrs: tuple[str, ...]
    last_used_at: datetime | None


class _Recent(Generic[T]):
    """What was found out a short while ago."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._known: OrderedDict[bytes | str, tuple[float, T]] = OrderedDict()

    def get(self, name: bytes | str) -> T | None:
        at, value = self._known.get(name, (None, None))
        if at is None or self._clock.monotonic() - at >= self._seconds:
            return None
        return value

    def put(self, name: bytes | str, asked: float, value: T) -> None:
        """Keep what was found out by a question asked at a time."""
        self._known[name] = asked, value
        self._known.move_to_end(name)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

    def clear(self) -> None:
        self._known.clear()


class Authenticator:
    """Says who asks.

    Args:
        database: The database.
        tokens: What knows access tokens.
        clock: The time.
    """

    def __init__(
        self, database: Database, *, tokens: AccessTokens, clock: Clock
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._claims: _Recent[Claims] = _Recent(clock, VERIFIED_SECONDS)
        self._sessions: _Recent[Account] = _Recent(clock, LIVE_SECONDS)
        self._keys: _Recent[_Key] = _Recent(clock, LIVE_SECONDS)
        self._revocations = 0

    async def authenticate(
        self, credential: str, address: str | None = None
    ) -> Principal:
        """Return who shows a credential.

        Args:
            credential: What stands after ``Authorization: Bearer``.
            address: Where the request comes from, for keys that work from some
                networks only.

        Raises:
            TokenExpiredError: If it is an access token that was good.
            UnauthenticatedError: If it is no credential, or no longer one.
        """
        if len(credential) > LONGEST or not credential.isascii():
            raise _refused()
        if credential.startswith(API_KEY):
            return await self._of_key(credential, address)
        return await self._of_token(credential)

    def forget(self) -> None:
        """Find everything out anew, because somebody may do less than before."""
        self._revocations += 1
        self._claims.clear()
        self._sessions.clear()
        self._keys.clear()

    # -- Access tokens -----------------------------------------------------------------

    async def _of_token(self, token: str) -> Principal:
        name = digest(token)
        claims = self._claims.get(name)
        if claims is None:
            asked = self._clock.monotonic()
            claims = self._tokens.verify(token)
            self._claims.put(name, asked, claims)
        if claims.expires_at + LEEWAY <= self._clock.now():
            raise TokenExpiredError(
                "the access token is too old", "fetch another with the refresh token"
            )
        account = await self._account_of(claims)
        return Principal(
            kind="user",
            sub=claims.sub,
            tid=claims.tid,
            scopes=claims.scopes & account.scopes,
            roles=account.roles,
            amr=claims.amr,
            auth_time=claims.auth_time,
            expires_at=claims.expires_at,
            session_id=claims.sid,
        )

    async def _account_of(self, claims: Claims) -> Account:
        """Return the user of a session that still stands."""
        account = self._sessions.get(claims.sid)
        if account is None:
            asked, before = self._clock.monotonic(), self._revocations
            now = self._clock.now()
            account = await self._database.glance(
                lambda c: _live_session(c, claims.sid, now)
            )
            if account is not None and before == self._revocations:
                self._sessions.put(claims.sid, asked, account)
        if account is None:
            raise _refused()
        if (account.user_id, account.tenant_id) != (claims.sub, claims.tid):
            raise _refused()
        return account

    # -- API keys ----------------------------------------------------------------------

    async def _of_key(self, text: str, address: str | None) -> Principal:
        now, name = self._clock.now(), digest(text)
        key = self._keys.get(name)
        if key is None and is_api_key(text):
            asked, before = self._clock.monotonic(), self._revocations
            key = await self._database.glance(lambda c: _live_key(c, name))
            if key is not None and before == self._revocations:
                self._keys.put(name, asked, key)
                await self._note_use(key, now)
        if key is None or key.principal.expires_at <= now:
            raise _refused()
        if not _within(address, key.cidrs):
            raise _refused()
        return key.principal

    async def _note_use(self, key: _Key, now: datetime) -> None:
        if key.principal.expires_at <= now:
            return
        if key.last_used_at is not None and now - key.last_used_at < NOTED:
            return
        statement = update(tables.api_keys).where(_KEYS.id == key.principal.key_id)
        values = {"last_used_at": now}
        await self._database.write(lambda c: c.execute(statement.values(values)))


def _live_session(
    connection: Connection, session_id: str, now: datetime
) -> Account | None:
    found = connection.execute(
        select(*COLUMNS)
        .join_from(
            tables.sessions, tables.users, onclause=_USERS.id == _SESSIONS.user_id
        )
        .join(tables.tenants, tables.tenants.c.id == _USERS.tenant_id)
        .where(
            _SESSIONS.id == session_id,
            _SESSIONS.revoked_at.is_(None),
            _SESSIONS.expires_at > now,
        )
    )
    row = found.mappings().one_or_none()
    account = None if row is None else Account.of(row)
    return account if account and account.active else None


def _live_key(connection: Connection, name: bytes) -> _Key | None:
    found = connection.execute(
        select(
            *COLUMNS,
            _KEYS.id.label("key_id"),
            _KEYS.scopes,
            _KEYS.cidrs,
            _KEYS.expires_at,
            _KEYS.last_used_at,
        )
        .join_from(tables.api_keys, tables.users, onclause=_USERS.id == _KEYS.user_id)
        .join(tables.tenants, tables.tenants.c.id == _USERS.tenant_id)
        .where(_KEYS.digest == name, _KEYS.revoked_at.is_(None))
    )
    row = found.mappings().one_or_none()
    if row is None or not (account := Account.of(row)).active:
        return None
    principal = Principal(
        kind="service" if "service" in account.roles else "key",
        sub=account.user_id,
        tid=account.tenant_id,
        scopes=frozenset(row["scopes"].split()) & account.scopes,
        roles=account.roles,
        amr=(),
        auth_time=None,
        expires_at=row["expires_at"],
        key_id=row["key_id"],
    )
    return _Key(principal, tuple(row["cidrs"].split()), row["last_used_at"])


def _within(address: str | None, cidrs: tuple[str, ...]) -> bool:
    """Tell whether an address lies in one of some networks, if there are any."""
    if not cidrs:
        return True
    try:
        found: Any = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ipaddress.ip_network(cidr) for cidr in cidrs)


def _refused() -> UnauthenticatedError:
    return UnauthenticatedError(
        "the credential is not valid", "log in, or use another API key"
    )
