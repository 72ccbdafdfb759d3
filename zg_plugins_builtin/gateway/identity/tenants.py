"""The tenants: whoever has a service of their own within this one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from ..clock import Clock
from ..database import Database
from ..errors import ConflictError, Fault, InvalidRequestError, NotFoundError
from ..ids import new_id
from . import tables
from .audit import record
from .emails import checked_email
from .principals import Principal
from .sessions import revoke_sessions
from .tenant_data import exported
from .tickets import Ticket, new_ticket
from .user_requests import checked_name
from .users import User, add_user

__all__ = ["NewTenant", "Tenant", "Tenants", "add_tenant"]

_TENANTS = tables.tenants.c


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant.

    Args:
        id: Its id.
        name: What it is called; no other is called so.
        is_host: Whether it is that of who runs the service.
        created_at: Since when it is known.
        disabled_at: Since when nobody of it may do anything; `None` if they may.
        erasing_since: Since when everything of it is being erased.
    """

    id: str
    name: str
    is_host: bool
    created_at: datetime
    disabled_at: datetime | None
    erasing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant that was just made.

    Args:
        tenant: The tenant.
        owner: Its first user.
        ticket: What lets them set their password; shown once.
    """

    tenant: Tenant
    owner: User
    ticket: Ticket


class Tenants:
    """All tenants: for who runs the service, and nobody else.

    Args:
        database: The database.
        clock: The time.
        on_revoked: Called after somebody may do less than before.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        on_revoked: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_revoked = on_revoked

    async def create(self, by: Principal, name: str, owner_email: str) -> NewTenant:
        """Make a tenant with its first user.

        Raises:
            InvalidRequestError: If the name or the address cannot be taken.
            ConflictError: If there is one of that name, or that address, already.
        """
        by.require("admin:tenants")
        called, address = checked_name(name), checked_email(owner_email)
        if not called:
            raise InvalidRequestError(
                "the name is not valid",
                "",
                Fault("/name", "format", "must not be empty"),
            )
        now = self._clock.now()

        def work(connection: Connection) -> NewTenant:
            tenant = add_tenant(connection, now, by.actor, called, host=False)
            owner = add_user(
                connection, now, tenant.id, by.actor, address, ["owner"], "", None
            )
            ticket = new_ticket(connection, now, tenant.id, owner.id)
            return NewTenant(tenant, owner, ticket)

        try:
            return await self._database.write(work)
        except IntegrityError as error:
            raise ConflictError(
                "there is a tenant of that name, or a user of that address, already"
            ) from error

    async def get(self, by: Principal, tenant_id: str) -> Tenant:
        """Return a tenant.

        Raises:
            NotFoundError: If there is none.
        """
        by.require("admin:tenants")
        query = _select().where(_TENANTS.id == tenant_id)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise _missing()
        return Tenant(*row)

    async def find(self, by: Principal, name: str) -> Tenant:
        """Return the tenant that is called so.

        Raises:
            NotFoundError: If there is none.
        """
        by.require("admin:tenants")
        query = _select().where(_TENANTS.name == name)
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise _missing()
        return Tenant(*row)

    async def list(
        self, by: Principal, *, limit: int = 20, after: str | None = None
    ) -> list[Tenant]:
        """Return tenants, the oldest first.

        Args:
            by: Who asks.
            limit: How many, at most.
            after: Only those after this id.
        """
        by.require("admin:tenants")
        query = _select().order_by(_TENANTS.id).limit(limit)
        if after is not None:
            query = query.where(_TENANTS.id > after)
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [Tenant(*row) for row in rows]

    async def disable(self, by: Principal, tenant_id: str) -> Tenant:
        """Let nobody of a tenant do anything any more; all its sessions end.

        Raises:
            NotFoundError: If there is none.
            ConflictError: If it is the host's own.
        """
        return await self._set_disabled(by, tenant_id, self._clock.now())

    async def enable(self, by: Principal, tenant_id: str) -> Tenant:
        """Let a tenant's users do again what they may.

        Raises:
            NotFoundError: If there is none.
        """
        return await self._set_disabled(by, tenant_id, None)

    async def erase(self, by: Principal, tenant_id: str) -> Tenant:
        """Have everything of a tenant erased; nobody of it may do anything any more.

        What it takes is done beside this: see `Tenant.erasing_since`.

        Raises:
            NotFoundError: If there is none.
            ConflictError: If it is the host's own.
        """
        by.require("admin:tenants")
        now = self._clock.now()

        def work(connection: Connection) -> Tenant:
            which = _TENANTS.id == tenant_id
            row = connection.execute(_select().where(which)).one_or_none()
            if row is None:
                raise _missing()
            tenant = Tenant(*row)
            if tenant.is_host:
                raise ConflictError("the host's own tenant cannot be erased")
            if tenant.erasing_since is not None:
                return tenant
            since = {"erasing_since": now, "disabled_at": tenant.disabled_at or now}
            connection.execute(update(tables.tenants).where(which).values(since))
            ours = tables.sessions.c.tenant_id == tenant_id
            revoke_sessions(connection, now, "tenant.erased", ours)
            # In the audit of who did it: that of the tenant goes as well.
            action, name = "tenant.erased", tenant.name
            record(connection, now, by.tid, by.actor, action, tenant_id, name=name)
            return Tenant(*connection.execute(_select().where(which)).one())

        tenant = await self._database.write(work)
        self._on_revoked()
        return tenant

    async def export(
        self, by: Principal, tenant_id: str
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Return every row that is kept of a tenant, without secrets.

        Args:
            by: Who asks: who administers the tenant, or all of them.
            tenant_id: The tenant.

        Raises:
            NotFoundError: If there is none.
        """
        by.require("admin:users")
        if tenant_id != by.tid:
            by.require("admin:tenants")
        now = self._clock.now()

        def work(connection: Connection) -> None:
            there = select(_TENANTS.id).where(_TENANTS.id == tenant_id)
            if connection.scalar(there) is None:
                raise _missing()
            action = "tenant.exported"
            record(connection, now, tenant_id, by.actor, action, tenant_id)

        await self._database.write(work)
        return exported(self._database, tenant_id)

    async def _set_disabled(
        self, by: Principal, tenant_id: str, moment: datetime | None
    ) -> Tenant:
        by.require("admin:tenants")
        now = self._clock.now()
        action = "tenant.disabled" if moment else "tenant.enabled"

        def work(connection: Connection) -> Tenant:
            changed = connection.execute(
                update(tables.tenants)
                .where(_TENANTS.id == tenant_id)
                .values(disabled_at=moment)
            )
            if not changed.rowcount:
                raise _missing()
            row = connection.execute(_select().where(_TENANTS.id == tenant_id)).one()
            tenant = Tenant(*row)
            if tenant.erasing_since:
                raise ConflictError("everything of the tenant is being erased")
            if moment and tenant.is_host:
                raise ConflictError("the host's own tenant cannot be disabled")
            if moment:
                ours = tables.sessions.c.tenant_id == tenant_id
                revoke_sessions(connection, now, action, ours)
            record(connection, now, tenant_id, by.actor, action, tenant_id)
            return tenant

        tenant = await self._database.write(work)
        self._on_revoked()
        return tenant


def add_tenant(
    connection: Connection, now: datetime, actor: str, name: str, *, host: bool
) -> Tenant:
    """Write a tenant, and the audit of it."""
    tenant = Tenant(new_id("ten", now), name, host, now, None)
    connection.execute(
        insert(tables.tenants).values(
            id=tenant.id, name=name, is_host=host, created_at=now
        )
    )
    record(connection, now, tenant.id, actor, "tenant.created", tenant.id, name=name)
    return tenant


def _select() -> Select[Any]:
    return select(*(_TENANTS[name] for name in Tenant.__slots__))


def _missing() -> NotFoundError:
    return NotFoundError("there is no such tenant")
