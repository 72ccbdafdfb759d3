"""The users of a tenant, and what they may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..clock import Clock
from ..database import Database
from ..errors import ConflictError, ForbiddenError, NotFoundError
from ..ids import new_id
from . import tables
from .accounts import Account, find_account
from .audit import record
from .emails import checked_email, normalised_email
from .password_rules import check
from .passwords import Passwords
from .principals import Principal
from .scopes import scopes_of, words
from .sessions import revoke_sessions
from .tickets import Ticket, new_ticket, void_tickets
from .user_requests import checked_name, checked_roles

__all__ = ["User", "Users", "add_user"]

_USERS = tables.users.c
_COLUMNS = (
    _USERS.id,
    _USERS.email,
    _USERS.name,
    _USERS.roles,
    _USERS.password_hash.is_not(None),
    _USERS.created_at,
    _USERS.disabled_at,
)


@dataclass(frozen=True, slots=True)
class User:
    """One user.

    Args:
        id: Their id.
        email: Their address, by which they log in.
        name: What they are called.
        roles: Their roles.
        has_password: Whether they can log in by a password.
        created_at: Since when they are known.
        disabled_at: Since when they may do nothing; `None` if they may.
    """

    id: str
    email: str
    name: str
    roles: tuple[str, ...]
    has_password: bool
    created_at: datetime
    disabled_at: datetime | None


class Users:
    """The users of one tenant.

    Args:
        database: The database.
        tenant: The tenant's id.
        clock: The time.
        passwords: What hashes passwords.
        on_revoked: Called after somebody may do less than before.
    """

    def __init__(
        self,
        database: Database,
        tenant: str,
        *,
        clock: Clock,
        passwords: Passwords,
        on_revoked: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._clock = clock
        self._passwords = passwords
        self._on_revoked = on_revoked

    async def create(
        self,
        by: Principal,
        email: str,
        roles: Iterable[str],
        *,
        name: str = "",
        password: str | None = None,
    ) -> User:
        """Make a user.

        Args:
            by: Who does it; nobody gives others what they may not do themselves.
            email: The address.
            roles: The roles.
            name: What they are called.
            password: The password; without one, an invitation lets them set it.

        Raises:
            InvalidRequestError: If one of these cannot be taken.
            ForbiddenError: If a role brings more than one may do oneself.
            ConflictError: If there is a user of that address already.
        """
        by.require("admin:users")
        address, held = checked_email(email), checked_roles(roles)
        called, hashed = checked_name(name), None
        if password is not None:
            check(password, (address, called))
            hashed = await self._passwords.hash(password)
        now = self._clock.now()

        def work(connection: Connection) -> User:
            self._may_give(connection, by, held)
            return add_user(
                connection, now, self._tenant, by.actor, address, held, called, hashed
            )

        try:
            return await self._database.write(work)
        except IntegrityError as error:
            raise ConflictError("there is a user of that address already") from error

    async def get(self, user_id: str) -> User:
        """Return a user.

        Raises:
            NotFoundError: If there is none.
        """
        query = select(*_COLUMNS).where(
            _USERS.tenant_id == self._tenant, _USERS.id == user_id
        )
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise _missing()
        return _user(row)

    async def find(self, email: str) -> User:
        """Return the user of an address, however it is written.

        Raises:
            NotFoundError: If there is none.
        """
        query = select(*_COLUMNS).where(
            _USERS.tenant_id == self._tenant, _USERS.email == normalised_email(email)
        )
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise _missing()
        return _user(row)

    async def list(self, *, limit: int = 20, after: str | None = None) -> list[User]:
        """Return users, the oldest first.

        Args:
            limit: How many, at most.
            after: Only those after this id.
        """
        query = select(*_COLUMNS).where(_USERS.tenant_id == self._tenant)
        if after is not None:
            query = query.where(_USERS.id > after)
        query = query.order_by(_USERS.id).limit(limit)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_user(row) for row in rows]

    async def set_roles(
        self, by: Principal, user_id: str, roles: Iterable[str]
    ) -> User:
        """Give a user other roles; their sessions end.

        Raises:
            NotFoundError: If there is no such user.
            ForbiddenError: If they may, or would, do more than one may oneself.
            ConflictError: If the tenant would have no owner.
        """
        held = checked_roles(roles)

        def change(connection: Connection, account: Account) -> dict[str, Any]:
            self._may_give(connection, by, held)
            if "owner" not in held:
                self._keep_an_owner(connection, account)
            return {"roles": words(held)}

        return await self._change(by, user_id, "user.roles_changed", change)

    async def disable(self, by: Principal, user_id: str) -> User:
        """Let a user do nothing any more; their sessions end, their keys rest.

        Raises:
            NotFoundError: If there is no such user.
            ForbiddenError: If they may do more than one may oneself.
            ConflictError: If the tenant would have no owner.
        """
        now = self._clock.now()

        def change(connection: Connection, account: Account) -> dict[str, Any]:
            self._keep_an_owner(connection, account)
            void_tickets(connection, now, user_id)
            return {"disabled_at": now}

        return await self._change(by, user_id, "user.disabled", change)

    async def enable(self, by: Principal, user_id: str) -> User:
        """Let a user do again what their roles allow.

        Raises:
            NotFoundError: If there is no such user.
            ForbiddenError: If they may do more than one may oneself.
        """
        return await self._change(
            by, user_id, "user.enabled", lambda *_: {"disabled_at": None}
        )

    async def invite(self, by: Principal, user_id: str) -> Ticket:
        """Make a ticket by which a user sets a password, the first or a new one.

        Raises:
            NotFoundError: If there is no such user.
            ForbiddenError: If they may do more than one may oneself.
        """
        by.require("admin:users")
        now = self._clock.now()

        def work(connection: Connection) -> Ticket:
            self._below(connection, by, user_id)
            ticket = new_ticket(connection, now, self._tenant, user_id)
            record(connection, now, self._tenant, by.actor, "user.invited", user_id)
            return ticket

        return await self._database.write(work)

    # -- In a transaction --------------------------------------------------------------

    async def _change(
        self,
        by: Principal,
        user_id: str,
        action: str,
        change: Callable[[Connection, Account], dict[str, Any]],
    ) -> User:
        by.require("admin:users")
        now = self._clock.now()

        def work(connection: Connection) -> User:
            account = self._below(connection, by, user_id)
            values = change(connection, account)
            connection.execute(
                update(tables.users).where(_USERS.id == user_id).values(values)
            )
            if action != "user.enabled":
                revoke_sessions(
                    connection, now, action, tables.sessions.c.user_id == user_id
                )
            told = {"roles": values["roles"]} if "roles" in values else {}
            record(connection, now, self._tenant, by.actor, action, user_id, **told)
            return _user(
                connection.execute(select(*_COLUMNS).where(_USERS.id == user_id)).one()
            )

        user = await self._database.write(work)
        self._on_revoked()
        return user

    def _below(self, connection: Connection, by: Principal, user_id: str) -> Account:
        """Return a user who may do no more than whoever wants to change them."""
        account = find_account(
            connection, (_USERS.tenant_id == self._tenant) & (_USERS.id == user_id)
        )
        if account is None:
            raise _missing()
        account.check_below(by)
        return account

    def _may_give(
        self, connection: Connection, by: Principal, roles: Iterable[str]
    ) -> None:
        tenants = tables.tenants.c
        host = connection.scalar(
            select(tenants.is_host).where(tenants.id == self._tenant)
        )
        if host is None:
            raise NotFoundError("there is no such tenant")
        if not scopes_of(roles, host=host) <= by.scopes:
            raise _too_much()

    def _keep_an_owner(self, connection: Connection, account: Account) -> None:
        """Refuse to take the last owner away."""
        if "owner" not in account.roles:
            return
        # Two owners who take each other away at once must not both succeed.
        connection.execute(
            select(tables.tenants.c.id)
            .where(tables.tenants.c.id == self._tenant)
            .with_for_update()
        )
        others = connection.scalar(
            select(func.count()).where(
                _USERS.tenant_id == self._tenant,
                _USERS.id != account.user_id,
                _USERS.disabled_at.is_(None),
                (" " + _USERS.roles + " ").like("% owner %"),
            )
        )
        if not others:
            raise ConflictError(
                "the tenant would have no owner", "make somebody else one before"
            )


def add_user(
    connection: Connection,
    now: datetime,
    tenant_id: str,
    actor: str,
    email: str,
    roles: Iterable[str],
    name: str,
    password_hash: str | None,
) -> User:
    """Write a user whose every part was checked, and the audit of it."""
    user_id = new_id("usr", now)
    held = words(roles)
    connection.execute(
        insert(tables.users).values(
            id=user_id,
            tenant_id=tenant_id,
            email=email,
            name=name,
            roles=held,
            password_hash=password_hash,
            created_at=now,
        )
    )
    record(connection, now, tenant_id, actor, "user.created", user_id, roles=held)
    has_password = password_hash is not None
    return User(user_id, email, name, tuple(held.split()), has_password, now, None)


def _user(row: Row[*tuple[Any, ...]]) -> User:
    id_, email, name, roles, has_password, created_at, disabled_at = tuple(row)
    held = tuple(roles.split())
    return User(id_, email, name, held, bool(has_password), created_at, disabled_at)


def _missing() -> NotFoundError:
    return NotFoundError("there is no such user")


def _too_much() -> ForbiddenError:
    return ForbiddenError("nobody gives, or takes, more than they may do themselves")
