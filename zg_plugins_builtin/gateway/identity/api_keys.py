"""API keys: what programs show instead of a person's session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, select, update

from ..clock import Clock
from ..database import Database
from ..errors import ForbiddenError, NotFoundError
from ..ids import new_id
from . import tables
from .accounts import check_over, find_account
from .audit import record
from .key_requests import (
    LONGEST_LIFETIME,
    checked_cidrs,
    checked_expiry,
    checked_key_name,
    checked_overlap,
    checked_scopes,
    no_longer,
    no_wider,
    within,
)
from .key_texts import Environment, digest, new_api_key
from .principals import Principal
from .scopes import words

__all__ = ["ApiKey", "ApiKeys", "NewApiKey", "add_api_key", "first_of"]

_HINT = 13
"""The characters by which its owner knows a key again: ``zgk_live_1a2B``."""

_KEYS, _USERS = tables.api_keys.c, tables.users.c


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; not the key itself.

    Args:
        id: Its id.
        user_id: Whose it is.
        name: What it is called.
        hint: How it begins.
        scopes: What it may do, as long as its owner may.
        cidrs: The networks that it works from; from anywhere if there is none.
        created_at: When it was made.
        expires_at: Until when it is good.
        last_used_at: When it was last used, to the minute.
        revoked_at: Since when it is void.
    """

    id: str
    user_id: str
    name: str
    hint: str
    scopes: frozenset[str]
    cidrs: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made.

    Args:
        key: What is known of it.
        secret: The key itself; shown once.
    """

    key: ApiKey
    secret: str = field(repr=False)


class ApiKeys:
    """The API keys of one tenant.

    Args:
        database: The database.
        tenant: The tenant's id.
        clock: The time.
        environment: What new keys are for.
        on_revoked: Called after a key may do less than before.
    """

    def __init__(
        self,
        database: Database,
        tenant: str,
        *,
        clock: Clock,
        environment: Environment = "live",
        on_revoked: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._clock = clock
        self._environment = environment
        self._on_revoked = on_revoked

    async def create(
        self,
        by: Principal,
        name: str,
        scopes: Iterable[str],
        *,
        expires_at: datetime | None = None,
        cidrs: Iterable[str] = (),
        owner: str | None = None,
    ) -> NewApiKey:
        """Make a key.

        Args:
            by: Who makes it; it may do no more than they, and than its owner.
            name: What it is called.
            scopes: What it may do.
            expires_at: Until when; 90 days if it is not said, 366 at most.
            cidrs: The networks that it works from; if it is not said, those of the key
                that makes it.
            owner: The user whose it is; oneself if it is not said, and anybody else
                only for who administers users.

        Raises:
            InvalidRequestError: If one of these is not valid, or it were to work from
                where the key that makes it does not.
            ForbiddenError: If it were to do more than they may.
            NotFoundError: If there is no such user.
        """
        by.require("keys:write")
        owner = owner or by.sub
        if owner != by.sub:
            by.require("admin:users")
        now = self._clock.now()
        called, wanted = checked_key_name(name), checked_scopes(scopes)
        networks, until = checked_cidrs(cidrs), checked_expiry(expires_at, by, now)
        if not wanted <= by.scopes:
            raise _too_much()

        def work(connection: Connection) -> NewApiKey:
            which = and_(_USERS.id == owner, _USERS.tenant_id == self._tenant)
            account = find_account(connection, which)
            if account is None:
                raise NotFoundError("there is no such user")
            if not wanted <= account.scopes:
                raise _too_much()
            return add_api_key(
                connection,
                now,
                self._tenant,
                by.actor,
                ApiKey(
                    id=new_id("key", now),
                    user_id=owner,
                    name=called,
                    hint="",
                    scopes=wanted,
                    cidrs=no_wider(networks, self._networks(connection, by)),
                    created_at=now,
                    expires_at=until,
                    last_used_at=None,
                    revoked_at=None,
                ),
                self._environment,
            )

        return await self._database.write(work)

    async def list(
        self, user_id: str | None = None, *, limit: int = 20, after: str | None = None
    ) -> list[ApiKey]:
        """Return keys, the oldest first; void ones too.

        Args:
            user_id: Only this user's.
            limit: How many, at most.
            after: Only those after this id.
        """
        query = self._select()
        if user_id is not None:
            query = query.where(_KEYS.user_id == user_id)
        if after is not None:
            query = query.where(_KEYS.id > after)
        query = query.order_by(_KEYS.id).limit(limit)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_key(row) for row in rows]

    async def get(self, by: Principal, key_id: str) -> ApiKey:
        """Return a key: one's own, or anybody's for who administers users.

        Raises:
            NotFoundError: If there is none that one may see.
        """
        return await self._database.read(lambda c: self._found(c, by, key_id))

    async def revoke(self, by: Principal, key_id: str) -> None:
        """Make a key void: one's own, or anybody's for who administers users.

        Raises:
            NotFoundError: If there is none that one may see.
            ForbiddenError: If its owner may do more than one may oneself.
        """
        by.require("keys:write")
        now = self._clock.now()

        def work(connection: Connection) -> None:
            key = self._found(connection, by, key_id)
            check_over(connection, by, key.user_id)
            if key.revoked_at is None:
                self._end(connection, now, key_id, revoked_at=now)
                record(connection, now, self._tenant, by.actor, "key.revoked", key_id)

        await self._database.write(work)
        self._on_revoked()

    async def rotate(
        self, by: Principal, key_id: str, *, overlap_seconds: float = 0
    ) -> NewApiKey:
        """Make a key that takes the place of another of one's own, and of its budget.

        Args:
            by: Who does it.
            key_id: The other.
            overlap_seconds: How long that one is good for still; a week at most.

        Raises:
            NotFoundError: If there is no such key that is good and one's own.
            ForbiddenError: If it may do more than one may oneself, or works from where
                the key that asks does not.
            InvalidRequestError: If the two were to be good together too long.
        """
        by.require("keys:write")
        overlap = checked_overlap(overlap_seconds)
        now = self._clock.now()

        def work(connection: Connection) -> NewApiKey:
            old = self._found(connection, by, key_id)
            if old.user_id != by.sub or old.revoked_at or old.expires_at <= now:
                raise _missing()
            wider = not within(old.cidrs, self._networks(connection, by))
            if wider or not old.scopes <= by.scopes:
                raise _too_much()
            lifetime = min(old.expires_at - old.created_at, LONGEST_LIFETIME)
            new = ApiKey(
                id=new_id("key", now),
                user_id=old.user_id,
                name=old.name,
                hint="",
                scopes=old.scopes,
                cidrs=old.cidrs,
                created_at=now,
                expires_at=no_longer(by, now + lifetime),
                last_used_at=None,
                revoked_at=None,
            )
            if overlap:
                until = min(old.expires_at, now + overlap)
                self._end(connection, now, key_id, expires_at=until)
            else:
                # Both: what it has asked for goes on, as that of a key which expired.
                ended = {"revoked_at": now, "expires_at": now}
                self._end(connection, now, key_id, **ended)
            record(connection, now, self._tenant, by.actor, "key.rotated", key_id)
            return add_api_key(
                connection,
                now,
                self._tenant,
                by.actor,
                new,
                self._environment,
                first_id=first_of(connection, key_id),
            )

        made = await self._database.write(work)
        self._on_revoked()
        return made

    # -- In a transaction --------------------------------------------------------------

    def _select(self) -> Any:
        return select(*(_KEYS[name] for name in ApiKey.__slots__)).where(
            _KEYS.tenant_id == self._tenant
        )

    def _networks(self, connection: Connection, by: Principal) -> tuple[str, ...]:
        """Return the networks that whoever asks is bound to; people are to none."""
        query = select(_KEYS.cidrs).where(_KEYS.id == by.key_id)
        return tuple((connection.scalar(query) or "").split()) if by.key_id else ()

    def _found(self, connection: Connection, by: Principal, key_id: str) -> ApiKey:
        query = self._select().where(_KEYS.id == key_id)
        if not by.has("admin:users"):
            query = query.where(_KEYS.user_id == by.sub)
        row = connection.execute(query).one_or_none()
        if row is None:
            raise _missing()
        return _key(row)

    def _end(
        self, connection: Connection, now: datetime, key_id: str, **values: datetime
    ) -> None:
        """Make a key void, or soon so; but only if nobody else did meanwhile."""
        changed = connection.execute(
            update(tables.api_keys)
            .where(_KEYS.id == key_id, _KEYS.revoked_at.is_(None))
            .values(values)
        )
        if not changed.rowcount:
            raise _missing()


def first_of(connection: Connection, key_id: str) -> str:
    """Return the first of the keys that one took the place of, one after the other.

    They have one budget: a key must not get another by being rotated. It is the key
    itself if there is none before it.
    """
    found: str | None = connection.scalar(_FIRST, {"key_id": key_id})
    return found or key_id


# Made once: to make it takes longer than to execute it, and each call of a model does.
_FIRST = select(_KEYS.first_id).where(_KEYS.id == bindparam("key_id"))


def add_api_key(
    connection: Connection,
    now: datetime,
    tenant_id: str,
    actor: str,
    key: ApiKey,
    environment: Environment,
    *,
    first_id: str | None = None,
) -> NewApiKey:
    """Write a key whose every part was checked, and the audit of it."""
    secret = new_api_key(environment)
    values = {name: getattr(key, name) for name in ApiKey.__slots__}
    values |= {
        "tenant_id": tenant_id,
        "hint": secret[:_HINT],
        "digest": digest(secret),
        "scopes": words(key.scopes),
        "cidrs": " ".join(key.cidrs),
        "first_id": first_id,
    }
    row = connection.execute(
        insert(tables.api_keys)
        .values(values)
        .returning(*(_KEYS[name] for name in ApiKey.__slots__))
    ).one()
    record(
        connection,
        now,
        tenant_id,
        actor,
        "key.created",
        key.id,
        scopes=values["scopes"],
        owner=key.user_id,
    )
    return NewApiKey(_key(row), secret)


def _key(row: Row[*tuple[Any, ...]]) -> ApiKey:
    values = dict(row._mapping)
    values["scopes"] = frozenset(values["scopes"].split())
    values["cidrs"] = tuple(values["cidrs"].split())
    return ApiKey(**values)


def _missing() -> NotFoundError:
    return NotFoundError("there is no such key")


def _too_much() -> ForbiddenError:
    return ForbiddenError("a key may do no more than its maker and its owner")
