"""Administration of a tenant: its users, and the audit of what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Security
from pydantic import Field, StrictBool, StrictStr
from starlette.responses import Response, StreamingResponse

import zg_core as zg

from ..errors import Fault, InvalidRequestError
from ..identity import Entry, Identity, Principal, Ticket, User
from .callers import check_fresh
from .exporting import LINES, lines_of
from .json_body import JsonRoute
from .models import Answer, Asked, Moment, Page, Text
from .paging import Paging, page_of
from .requirements import require
from .services import Services

__all__ = ["Invitation", "OneUser", "routes_of"]

_PATH = "/api/v1/admin"

UserId = Annotated[str, Path(pattern=r"^usr_[0-9a-f]{32}$")]
Reader = Annotated[Principal, Security(require("admin:users", rate="read"))]
Writer = Annotated[Principal, Security(require("admin:users"))]
Auditor = Annotated[Principal, Security(require("admin:audit", rate="read"))]
Roles = Annotated[
    tuple[Annotated[Text, Field(max_length=100)], ...],
    Field(min_length=1, max_length=20),
]


class UserWanted(Asked):
    """A user that is to be made; without a password, an invitation lets them set it."""

    email: Annotated[Text, Field(min_length=1, max_length=254)]
    roles: Roles
    name: Annotated[Text, Field(max_length=100)] = ""
    password: Annotated[StrictStr | None, Field(max_length=1024)] = None


class UserChange(Asked):
    """What is to be different about a user."""

    roles: Roles | None = None
    enabled: StrictBool | None = None


class OneUser(Answer):
    """A user."""

    user_id: str
    email: str
    name: str
    roles: Sequence[str]
    has_password: bool
    created_at: Moment
    disabled_at: Moment | None

    @classmethod
    def of(cls, user: User) -> OneUser:
        """Return a user as a client sees them."""
        return cls(
            user_id=user.id,
            email=user.email,
            name=user.name,
            roles=user.roles,
            has_password=user.has_password,
            created_at=user.created_at,
            disabled_at=user.disabled_at,
        )


class Invitation(Answer):
    """What lets a user set their password, once; it is not shown again."""

    user_id: str
    ticket: str
    expires_at: Moment

    @classmethod
    def of(cls, ticket: Ticket) -> Invitation:
        """Return a ticket as a client sees it."""
        return cls(
            user_id=ticket.user_id, ticket=ticket.secret, expires_at=ticket.expires_at
        )


class OneEntry(Answer):
    """Something that was changed."""

    entry_id: str
    at: Moment
    actor: str
    action: str
    target: str
    details: dict[str, Any]


def routes_of(identity: Identity, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        identity: Who may use the service.
        services: What all routes work with.
    """
    routes = APIRouter(prefix=_PATH, route_class=JsonRoute, tags=["admin"])
    _add_looking(routes, identity)
    _add_changing(routes, identity, services)
    _add_audit(routes, identity)
    _add_export(routes, identity, services)
    return routes


def _add_looking(routes: APIRouter, identity: Identity) -> None:
    @routes.get("/users")
    async def page(who: Reader, asked: Paging) -> Page[OneUser]:
        """List the users of the tenant."""
        users = identity.users(who.tid)

        async def fetch(limit: int, after: str | None) -> list[User]:
            return await users.list(limit=limit, after=after)

        return await page_of(asked, who, fetch, OneUser.of)

    @routes.get("/users/{user_id}")
    async def get(user_id: UserId, who: Reader) -> OneUser:
        """Return a user."""
        return OneUser.of(await identity.users(who.tid).get(user_id))


def _add_changing(routes: APIRouter, identity: Identity, services: Services) -> None:
    @routes.post("/users", status_code=201)
    async def create(asked: UserWanted, response: Response, who: Writer) -> OneUser:
        """Make a user."""
        check_fresh(who, services.clock)
        made = await identity.users(who.tid).create(
            who, asked.email, asked.roles, name=asked.name, password=asked.password
        )
        response.headers["location"] = f"{_PATH}/users/{made.id}"
        return OneUser.of(made)

    @routes.patch("/users/{user_id}")
    async def change(user_id: UserId, asked: UserChange, who: Writer) -> OneUser:
        """Give a user other roles, or disable or enable them; one at a time."""
        check_fresh(who, services.clock)
        users = identity.users(who.tid)
        if (asked.roles is None) == (asked.enabled is None):
            raise _one_at_a_time()
        if asked.roles is not None:
            return OneUser.of(await users.set_roles(who, user_id, asked.roles))
        change = users.enable if asked.enabled else users.disable
        return OneUser.of(await change(who, user_id))

    @routes.post("/users/{user_id}/invite", status_code=201)
    async def invite(user_id: UserId, who: Writer) -> Invitation:
        """Make a ticket by which a user sets a password, the first or a new one."""
        check_fresh(who, services.clock)
        return Invitation.of(await identity.users(who.tid).invite(who, user_id))


def _add_audit(routes: APIRouter, identity: Identity) -> None:
    @routes.get("/audit")
    async def audit(who: Auditor, asked: Paging) -> Page[OneEntry]:
        """List what was changed in the tenant, the latest first."""
        entries = identity.audit(who.tid)

        async def fetch(limit: int, before: str | None) -> list[Entry]:
            return await entries.list(limit=limit, before=before)

        return await page_of(asked, who, fetch, _entry)


def _add_export(routes: APIRouter, identity: Identity, services: Services) -> None:
    @routes.get("/export", responses=LINES)
    async def export(who: Reader) -> StreamingResponse:
        """Return everything that is kept of the tenant: a row a line, no secrets."""
        check_fresh(who, services.clock)
        return lines_of(await identity.tenants.export(who, who.tid))


def _one_at_a_time() -> InvalidRequestError:
    return InvalidRequestError(
        "not one thing is to be changed",
        "send either roles or enabled",
        Fault("", "one_of", "must have either roles or enabled"),
    )


def _entry(entry: Entry) -> OneEntry:
    return OneEntry(
        entry_id=entry.id,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        details=dict[str, zg.Json](entry.details),
    )
