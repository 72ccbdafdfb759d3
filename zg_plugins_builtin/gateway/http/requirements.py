"""What a route requires of who asks. Every route has a requirement, or is on a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, cast

from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.routing import BaseRoute

import zg_core as zg

from ..errors import UnauthenticatedError
from ..identity.principals import Principal
from ..identity.scopes import SCOPES
from .cookies import ACCESS, by_cookie, check_page, token_in_cookie
from .json_body import JsonRoute
from .rates import ADDRESS, RateLimits, address_block
from .raw_headers import first

__all__ = [
    "PUBLIC",
    "Authenticator",
    "Requirement",
    "by_address",
    "check_requirements",
    "credential_of",
    "require",
    "unguarded",
]

# Whatever is not here takes a credential. Each entry is somebody's decision.
PUBLIC = frozenset(
    {
        "GET /.well-known/jwks.json",
        "GET /api/v1/auth/oauth",
        "GET /api/v1/auth/oauth/{provider}/authorize",
        "GET /api/v1/auth/oauth/{provider}/callback",
        "GET /healthz",
        "GET /readyz",
        "GET /version",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/password/forgot",
        "POST /api/v1/auth/password/reset",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/auth/register",
    }
)


class Authenticator(Protocol):
    """Finds out whose credential it is."""

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        """Return who it is.

        Args:
            credential: An access token or an API key, as it came.
            address: Where the client is; `None` where nobody knows.

        Raises:
            UnauthenticatedError: If it is nobody's, or no longer good.
        """
        ...


class Requirement(HTTPBearer):
    """Lets in whoever has a scope and has not asked too often; a dependency of routes.

    FastAPI's class is what OpenAPI is told about; reading the header is ours.

    Args:
        scope: The scope; `None` is anybody with a credential.
        rate: The class of the route, which has its rate.
    """

    def __init__(self, scope: str | None, rate: str) -> None:
        super().__init__(
            scheme_name="bearer", description="An access token, or an API key."
        )
        self.scope = scope
        self.rate = rate

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]
        """Return who asks.

        Raises:
            UnauthenticatedError: If nobody knows.
            InsufficientScopeError: If they lack the scope.
            RateExceededError: If they ask too often.
            InvalidRequestError: If the query has what the route does not know.
        """
        scope = request.scope
        services = scope["app"].state.services
        limits: RateLimits = services.limits
        principal = await _principal(request, services.authenticator, limits)
        standing = limits.take(self.rate, f"{principal.tid}/{principal.actor}")
        scope["state"]["standing"] = standing
        if self.scope is not None:
            principal.require(self.scope)
        route = scope.get("route")
        if scope["query_string"] and isinstance(route, JsonRoute):
            route.check_query(n for n, _ in request.query_params.multi_items())
        return principal


def require(scope: str | None = None, *, rate: str | None = None) -> Requirement:
    """Return what a route requires: ``Security(require("jobs:write"))``.

    Args:
        scope: The scope it takes; `None` is anybody with a credential.
        rate: The class of the route: ``read``, ``write`` or ``stream``. By default
            what the scope ends with, and ``write`` where that is neither.

    Raises:
        ValueError: If there is no such scope.
    """
    if scope is not None and scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}")
    ending = (scope or "").rpartition(":")[2]
    return Requirement(scope, rate or ("read" if ending == "read" else "write"))


async def by_address(request: Request) -> None:
    """Let in whose address has not asked too often: a dependency of public routes.

    Raises:
        RateExceededError: If it has.
    """
    limits: RateLimits = request.app.state.services.limits
    standing = limits.take(ADDRESS, address_block(_address(request)))
    request.scope["state"]["standing"] = standing


async def _principal(
    request: Request, authenticator: Authenticator, limits: RateLimits
) -> Principal:
    address = _address(request)
    cookie = by_cookie(request)
    try:
        credential = _credential(request, cookie=cookie)
        who = await authenticator.authenticate(credential, address or None)
    except UnauthenticatedError:
        # Only now: who is known does not wait for what the neighbours tried.
        limits.take(ADDRESS, address_block(address))
        raise
    if cookie:
        check_page(request)
    return who


def credential_of(request: Request) -> str:
    """Return what a request shows: a token, or a key; a browser has it in a cookie.

    Raises:
        UnauthenticatedError: If it shows nothing.
    """
    return _credential(request, cookie=by_cookie(request))


def _credential(request: Request, *, cookie: bool) -> str:
    if cookie:
        return token_in_cookie(request, ACCESS)
    said = first(request.scope, b"authorization")
    kind, _, credential = said.partition(" ")
    if kind.lower() != "bearer" or not credential.strip():
        raise UnauthenticatedError(
            "nobody knows who asks",
            "send 'Authorization: Bearer', with an access token or an API key",
        )
    return credential.strip()


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def unguarded(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Yield each route, as ``GET /path``, that neither requires nor is public."""
    for route in iter_route_contexts(routes):
        if not any(isinstance(c, Requirement) for c in _calls(route)):
            # A route without methods answers any: a mount, a socket.
            for method in sorted(route.methods or {"ANY"}):
                entry = f"{method} {route.path}"
                if entry not in PUBLIC:
                    yield entry


def _calls(route: RouteContext) -> Iterator[Any]:
    waiting = [getattr(route, "dependant", None)]
    while waiting:
        dependant = waiting.pop()
        if dependant is not None:
            yield dependant.call
            waiting.extend(cast(Any, dependant).dependencies)


def check_requirements(routes: Sequence[BaseRoute]) -> None:
    """Refuse to start with a route that anybody could ask, or whose JSON is lax.

    Raises:
        ConfigError: If there is one.
    """
    lax = sorted(
        f"{route.path}"
        for route in iter_route_contexts(routes)
        if isinstance(route.original_route, APIRoute)
        and not isinstance(route.original_route, JsonRoute)
    )
    if lax:
        raise zg.ConfigError(
            f"what is sent to {', '.join(lax)} could be read in two ways",
            "make its router with route_class=JsonRoute",
            routes=lax,
        )
    open_to_all = sorted(unguarded(routes))
    if open_to_all:
        raise zg.ConfigError(
            f"anybody could ask {', '.join(open_to_all)}",
            "give each route a requirement, or put it on the list of public ones",
            routes=open_to_all,
        )
