"""Log in by another service, in a browser; and the keys that tokens are checked with.

The browser that ends a login has to be the one that began it: it brings a cookie that
no other site can set and no script can read.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Security
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import zg_core as zg

from ..errors import OAuthStateMismatchError
from ..identity import Begun, Identity, OAuthLogins, OtherIdentity, Principal
from .auth_routes import Tokens
from .callers import address_of, check_fresh, check_person, client_of
from .json_body import JsonRoute
from .models import Answer, Moment, Page
from .paging import Paging, page_of
from .requirements import by_address, require
from .services import Services

__all__ = ["COOKIE", "keys_of", "routes_of"]

COOKIE = "__Host-zg_oauth"
_KEYS_SECONDS = 300

Provider = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
IdentityId = Annotated[str, Path(pattern=r"^ext_[0-9a-f]{32}$")]
Parameter = Annotated[str | None, Query(max_length=4096)]
Reader = Annotated[Principal, Security(require(rate="read"))]
Writer = Annotated[Principal, Security(require(rate="write"))]


class Providers(Answer):
    """The services by which people may log in."""

    providers: tuple[str, ...]


class Link(Answer):
    """Where a browser goes to be known by another service as well."""

    address: str
    expires_in: int


class Entered(Answer):
    """Who came back from another service."""

    user_id: str
    return_to: str
    tokens: Tokens | None


class OneIdentity(Answer):
    """Who somebody is elsewhere."""

    identity_id: str
    issuer: str
    email: str | None
    created_at: Moment


def routes_of(oauth: OAuthLogins, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        oauth: The logins by other services.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1/auth", route_class=JsonRoute, tags=["oauth"])
    _add_beginning(routes, oauth)
    _add_ending(routes, oauth)
    _add_identities(routes, oauth, services)
    return routes


def keys_of(identity: Identity) -> APIRouter:
    """Return the route of the public keys of access tokens."""
    routes = APIRouter(route_class=JsonRoute, tags=["auth"])

    @routes.get("/.well-known/jwks.json", dependencies=[Depends(by_address)])
    async def keys(response: Response) -> zg.JsonObject:
        """Answer with the keys (RFC 7517)."""
        response.headers["cache-control"] = f"public, max-age={_KEYS_SECONDS}"
        return identity.jwks()

    return routes


def _add_beginning(routes: APIRouter, oauth: OAuthLogins) -> None:
    known = [Depends(by_address)]

    @routes.get("/oauth", dependencies=known)
    async def providers() -> Providers:
        """List the services by which people may log in."""
        return Providers(providers=oauth.names)

    @routes.get(
        "/oauth/{provider}/authorize",
        status_code=302,
        response_class=RedirectResponse,
        dependencies=known,
    )
    async def authorize(
        provider: Provider, return_to: Parameter = None
    ) -> RedirectResponse:
        """Send a browser to another service, to log in there."""
        begun = await oauth.begin(provider, return_to=return_to or "/")
        answer = RedirectResponse(begun.address, 302)
        _give(answer, begun)
        return answer


def _add_ending(routes: APIRouter, oauth: OAuthLogins) -> None:
    @routes.get("/oauth/{provider}/callback", dependencies=[Depends(by_address)])
    async def callback(
        provider: Provider,
        request: Request,
        response: Response,
        state: Parameter = None,
        code: Parameter = None,
        iss: Parameter = None,
    ) -> Entered:
        """Take a browser back."""
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True)
        if state is None:
            raise OAuthStateMismatchError(
                "this login was not begun here", "begin it again"
            )
        finished = await oauth.finish(
            provider,
            state=state,
            code=code,
            cookie=request.cookies.get(COOKIE),
            issuer=iss,
            client=client_of(request),
            address=address_of(request),
        )
        return Entered(
            user_id=finished.user_id,
            return_to=finished.return_to,
            tokens=Tokens.of(finished.tokens) if finished.tokens else None,
        )


def _add_identities(routes: APIRouter, oauth: OAuthLogins, services: Services) -> None:
    @routes.post("/oauth/{provider}/link")
    async def link(provider: Provider, response: Response, who: Writer) -> Link:
        """Begin to be known by another service as well; the browser goes there."""
        check_person(who)
        check_fresh(who, services.clock)
        begun = await oauth.begin(provider, by=who)
        _give(response, begun)
        return Link(address=begun.address, expires_in=begun.seconds)

    @routes.get("/identities")
    async def identities(who: Reader, asked: Paging) -> Page[OneIdentity]:
        """List who the one who asks is elsewhere."""
        check_person(who)
        known = await oauth.identities(who)

        async def fetch(limit: int, after: str | None) -> list[OtherIdentity]:
            return [one for one in known if after is None or one.id > after][:limit]

        return await page_of(asked, who, fetch, _identity)

    @routes.delete("/identities/{identity_id}", status_code=204)
    async def unlink(identity_id: IdentityId, who: Writer) -> None:
        """Forget who the one who asks is elsewhere."""
        check_person(who)
        await oauth.unlink(who, identity_id)


def _give(response: Response, begun: Begun) -> None:
    response.set_cookie(
        COOKIE,
        begun.cookie,
        max_age=begun.seconds,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def _identity(one: OtherIdentity) -> OneIdentity:
    return OneIdentity(
        identity_id=one.id,
        issuer=one.issuer,
        email=one.email,
        created_at=one.created_at,
    )
