"""Kill switches: stop work of all, of a tenant, or with an agent, tool or plugin.

They are rows, so that every process heeds them, within a second.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from ..clock import Clock
from ..database import Database, one_at_a_time
from ..errors import (
    AgentDisabledError,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    UnavailableError,
)
from ..identity import Principal, record
from ..identity.tables import api_keys, tenants, users
from ..ids import new_id
from . import tables

__all__ = ["KINDS", "Kind", "Switch", "Switches", "goes_on", "void_for"]

Kind: TypeAlias = Literal["global", "tenant", "agent", "tool", "plugin"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SWITCHES = tables.switches
_MOST = 100
"""How many of their own a tenant may have set at once: every call heeds all."""
_MOST_LIFTED = 200
_KNOWN_FOR = 1.0
"""Seconds for which what was read holds."""


@dataclass(frozen=True, slots=True)
class Switch:
    """What somebody stopped.

    Args:
        id: The switch.
        tenant_id: Whose work it stops; `None` is everybody's.
        scope: What kind of thing is stopped.
        target: Which; empty if it is everything.
        reason: Why, for people.
        set_by: Who did.
        set_at: When.
        lifted_by: Who let it go on; `None` if nobody has.
        lifted_at: When.
    """

    id: str
    tenant_id: str | None
    scope: str
    target: str
    reason: str
    set_by: str
    set_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None

    def stops(
        self, tenant: str, agents: Collection[str], tools: Collection[str]
    ) -> bool:
        """Tell whether it stops a tenant's work with such agents and tools."""
        if self.tenant_id not in (None, tenant):
            return False
        match self.scope:
            case "agent":
                return any(_is(self.target, agent) for agent in agents)
            case "tool":
                return any(_is(self.target, tool) for tool in tools)
            case "plugin":
                return any(_plugin(name) == self.target for name in (*agents, *tools))
            case _:
                return True


class Switches:
    """All switches.

    Args:
        database: Where they are.
        clock: Tells the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: tuple[Switch, ...] = ()
        self._until = float("-inf")

    async def active(self) -> tuple[Switch, ...]:
        """Return what is stopped; others may have, up to a second ago."""
        now = self._clock.monotonic()
        if now >= self._until:
            self._known = await self._database.read(_active)
            self._until = now + _KNOWN_FOR
        return self._known

    async def stops(
        self,
        tenant: str,
        *,
        agents: Collection[str] = (),
        tools: Collection[str] = (),
    ) -> Switch | None:
        """Return what stops a tenant's work with such agents and tools, if anything.

        Args:
            tenant: The tenant.
            agents: Qualified names of agents.
            tools: Qualified names of tools.
        """
        for switch in await self.active():
            if switch.stops(tenant, agents, tools):
                return switch
        return None

    async def check(self, tenant: str, agents: Collection[str]) -> None:
        """Go on only if nothing stops such work.

        Raises:
            UnavailableError: If all work is stopped.
            ForbiddenError: If that of the tenant is.
            AgentDisabledError: If an agent or its plugin is.
        """
        switch = await self.stops(tenant, agents=agents)
        if switch is None:
            return
        remedy = "ask again later, or ask who runs the service"
        if switch.scope == "global":
            error = UnavailableError(f"all work is stopped: {switch.reason}", remedy)
            error.retry_after = 60.0
            raise error
        if switch.scope == "tenant":
            raise ForbiddenError(f"work is stopped: {switch.reason}", remedy)
        raise AgentDisabledError(f"an agent of it is stopped: {switch.reason}", remedy)

    # -- Administration ------------------------------------------------------------

    async def list(self, who: Principal, *, lifted: bool = False) -> list[Switch]:
        """Return what stops work of somebody's tenant alone, the latest first.

        Who administers all tenants is told of every switch.

        Args:
            who: Who asks.
            lifted: Whether to list those too that were lifted.
        """
        query = select(SWITCHES).order_by(SWITCHES.c.id.desc())
        if not who.has("admin:tenants"):
            query = query.where(SWITCHES.c.tenant_id == who.tid)
        if lifted:
            query = query.limit(_MOST_LIFTED)
        else:
            query = query.where(SWITCHES.c.lifted_at.is_(None))
        rows = await self._database.read(lambda c: c.execute(query).all())
        return [_switch(row) for row in rows]

    async def set(
        self, who: Principal, scope: Kind, target: str, reason: str
    ) -> Switch:
        """Stop something, from now on.

        Who administers all tenants stops it for all of them, others for their own.

        Args:
            who: Who asks.
            scope: What kind of thing.
            target: Which: a tenant's id, or the name of an agent, tool or plugin.
            reason: Why.

        Raises:
            InsufficientScopeError: If it is not only their own tenant's work.
            NotFoundError: If there is no such tenant.
            ConflictError: If so much of it is stopped that there is no more room.
        """
        who.require("admin:kill")
        whose: str | None = who.tid
        if scope == "global" or (scope == "tenant" and target != who.tid):
            who.require("admin:tenants")
        if scope == "tenant":
            whose = target
        elif who.has("admin:tenants"):
            whose = None
        now = self._clock.now()
        made = Switch(
            id=new_id("kil", now),
            tenant_id=whose,
            scope=scope,
            target=target,
            reason=reason,
            set_by=who.actor,
            set_at=now,
            lifted_by=None,
            lifted_at=None,
        )
        await self._database.write(lambda c: _insert(c, who, made))
        self._until = float("-inf")
        return made

    async def lift(self, who: Principal, switch_id: str) -> Switch:
        """Let work go on; a switch that was lifted before stays as it is.

        Raises:
            InsufficientScopeError: If another tenant stopped their work.
            NotFoundError: If there is no such switch in their tenant.
        """
        who.require("admin:kill")
        now = self._clock.now()

        def work(connection: Connection) -> Switch:
            found = select(SWITCHES).where(SWITCHES.c.id == switch_id)
            if not who.has("admin:tenants"):
                found = found.where(SWITCHES.c.tenant_id == who.tid)
            row = connection.execute(found.with_for_update()).one_or_none()
            if row is None:
                raise NotFoundError("there is no such switch", "check its id")
            if row.set_in != who.tid:
                who.require("admin:tenants")
            if row.lifted_at is None:
                connection.execute(
                    update(SWITCHES)
                    .where(SWITCHES.c.id == switch_id)
                    .values(lifted_by=who.actor, lifted_at=now)
                )
                record(
                    connection,
                    now,
                    who.tid,
                    who.actor,
                    "kill_switch.lifted",
                    switch_id,
                    scope=row.scope,
                    what=row.target,
                )
            return _switch(connection.execute(found).one())

        lifted = await self._database.write(work)
        self._until = float("-inf")
        return lifted


def goes_on(
    tenant: ColumnElement[str], user: ColumnElement[str], actor: ColumnElement[str]
) -> ColumnElement[bool]:
    """Return the condition that a row's work may be begun.

    Nobody stopped all work of its tenant, and whose it is may still do something.

    Args:
        tenant: The column that holds the tenant.
        user: That of the user.
        actor: That of the user or the key who asked for it.
    """
    stopped = exists().where(
        SWITCHES.c.lifted_at.is_(None),
        SWITCHES.c.scope.in_(("global", "tenant")),
        or_(SWITCHES.c.tenant_id.is_(None), SWITCHES.c.tenant_id == tenant),
    )
    return ~stopped & void_for(tenant, user, actor).is_(None)


def void_for(
    tenant: ColumnElement[str], user: ColumnElement[str], actor: ColumnElement[str]
) -> ColumnElement[str | None]:
    """Return why a row's work is nobody's any more, for people; null if it is not.

    Who is not known at all, as who sits at the machine itself, is not disabled.

    Args:
        tenant: The column that holds the tenant.
        user: That of the user.
        actor: That of the user or the key who asked for it.
    """
    # Other names, since a query that this is a part of may read these tables as well.
    t, u, k = tenants.alias(), users.alias(), api_keys.alias()
    # A key that was rotated ends as it is revoked: its work is that of the next one.
    revoked = k.c.revoked_at.is_not(None) & (k.c.revoked_at != k.c.expires_at)
    return case(
        (
            exists().where(t.c.id == tenant, t.c.disabled_at.is_not(None)),
            "the tenant is disabled",
        ),
        (
            exists().where(u.c.id == user, u.c.disabled_at.is_not(None)),
            "whoever submitted it is disabled",
        ),
        (
            exists().where(k.c.id == actor, revoked),
            "the key that submitted it is revoked",
        ),
    )


def _insert(connection: Connection, who: Principal, made: Switch) -> None:
    if made.scope == "tenant":
        known = select(tenants.c.id).where(tenants.c.id == made.target)
        if connection.execute(known).one_or_none() is None:
            raise NotFoundError("there is no such tenant", "check its id")
    if not who.has("admin:tenants"):
        _check_room(connection, who.tid)
    values = {name: getattr(made, name) for name in Switch.__slots__}
    connection.execute(insert(SWITCHES).values(**values, set_in=who.tid))
    record(
        connection,
        made.set_at,
        who.tid,
        who.actor,
        "kill_switch.set",
        made.id,
        scope=made.scope,
        what=made.target,
        reason=made.reason,
    )


def _check_room(connection: Connection, tenant: str) -> None:
    one_at_a_time(connection, f"switches of {tenant}")
    own = SWITCHES.c.set_in == tenant, SWITCHES.c.lifted_at.is_(None)
    count = select(func.count()).select_from(SWITCHES).where(*own)
    if connection.execute(count).scalar_one() >= _MOST:
        raise ConflictError(
            f"{_MOST} things are stopped already", "let some go on, or stop all of it"
        )


def _active(connection: Connection) -> tuple[Switch, ...]:
    query = select(SWITCHES).where(SWITCHES.c.lifted_at.is_(None))
    return tuple(_switch(row) for row in connection.execute(query))


def _switch(row: object) -> Switch:
    return Switch(*(getattr(row, name) for name in Switch.__slots__))


def _is(target: str, qualified: str) -> bool:
    """Tell whether a name, which may be short, is that of something."""
    return target in (qualified, qualified.rpartition(":")[2])


def _plugin(qualified: str) -> str:
    return qualified.partition(":")[0]
