"""Administration of all tenants, for who runs the service."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Security
from pydantic import Field, StrictBool
from starlette.responses import Response, StreamingResponse

from ..identity import Identity, Principal, Tenant
from .callers import check_fresh
from .exporting import LINES, lines_of
from .json_body import JsonRoute
from .models import Answer, Asked, Moment, Page, Text
from .paging import Paging, page_of
from .requirements import require
from .services import Services
from .user_routes import Invitation, OneUser

__all__ = ["routes_of"]

_PATH = "/api/v1/admin/tenants"

TenantId = Annotated[str, Path(pattern=r"^ten_[0-9a-f]{32}$")]
Reader = Annotated[Principal, Security(require("admin:tenants", rate="read"))]
Writer = Annotated[Principal, Security(require("admin:tenants"))]


class TenantWanted(Asked):
    """A tenant that is to be made, with its first user."""

    name: Annotated[Text, Field(min_length=1, max_length=100)]
    owner_email: Annotated[Text, Field(min_length=1, max_length=254)]


class TenantChange(Asked):
    """Whether a tenant may do anything."""

    enabled: StrictBool


class OneTenant(Answer):
    """A tenant."""

    tenant_id: str
    name: str
    host: bool
    created_at: Moment
    disabled_at: Moment | None
    erasing_since: Moment | None


class MadeTenant(OneTenant):
    """A tenant that was just made, with the invitation of its owner."""

    owner: OneUser
    invitation: Invitation


def routes_of(identity: Identity, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        identity: Who may use the service.
        services: What all routes work with.
    """
    routes = APIRouter(prefix=_PATH, route_class=JsonRoute, tags=["admin"])

    @routes.get("")
    async def page(who: Reader, asked: Paging) -> Page[OneTenant]:
        """List all tenants."""

        async def fetch(limit: int, after: str | None) -> list[Tenant]:
            return await identity.tenants.list(who, limit=limit, after=after)

        return await page_of(asked, who, fetch, _tenant)

    @routes.get("/{tenant_id}")
    async def get(tenant_id: TenantId, who: Reader) -> OneTenant:
        """Return a tenant."""
        return _tenant(await identity.tenants.get(who, tenant_id))

    @routes.post("", status_code=201)
    async def create(
        asked: TenantWanted, response: Response, who: Writer
    ) -> MadeTenant:
        """Make a tenant, and invite its first user."""
        check_fresh(who, services.clock)
        made = await identity.tenants.create(who, asked.name, asked.owner_email)
        response.headers["location"] = f"{_PATH}/{made.tenant.id}"
        return MadeTenant(
            **_tenant(made.tenant).model_dump(),
            owner=OneUser.of(made.owner),
            invitation=Invitation.of(made.ticket),
        )

    @routes.patch("/{tenant_id}")
    async def change(
        tenant_id: TenantId, asked: TenantChange, who: Writer
    ) -> OneTenant:
        """Disable a tenant, or enable it again."""
        check_fresh(who, services.clock)
        tenants = identity.tenants
        change = tenants.enable if asked.enabled else tenants.disable
        return _tenant(await change(who, tenant_id))

    _add_data(routes, identity, services)
    return routes


def _add_data(routes: APIRouter, identity: Identity, services: Services) -> None:
    @routes.delete("/{tenant_id}", status_code=202)
    async def erase(tenant_id: TenantId, who: Writer) -> OneTenant:
        """Erase everything of a tenant: it is not there any more when that is done."""
        check_fresh(who, services.clock)
        return _tenant(await identity.tenants.erase(who, tenant_id))

    @routes.get("/{tenant_id}/export", responses=LINES)
    async def export(tenant_id: TenantId, who: Reader) -> StreamingResponse:
        """Return everything that is kept of a tenant: a row a line, without secrets."""
        check_fresh(who, services.clock)
        return lines_of(await identity.tenants.export(who, tenant_id))


def _tenant(tenant: Tenant) -> OneTenant:
    return OneTenant(
        tenant_id=tenant.id,
        name=tenant.name,
        host=tenant.is_host,
        created_at=tenant.created_at,
        disabled_at=tenant.disabled_at,
        erasing_since=tenant.erasing_since,
    )
