"""Second factors: set up an authenticator, prove again who one is, take it away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Security
from pydantic import Field, StrictStr
from starlette.requests import Request
from starlette.responses import Response

from ..identity import Identity, Principal
from .auth_routes import Secret, TokenAnswer, answer_pair
from .callers import check_fresh, check_person
from .json_body import JsonRoute
from .login_rates import take_login
from .models import Answer, Asked, Moment
from .requirements import require
from .services import Services

__all__ = ["routes_of"]

Reader = Annotated[Principal, Security(require(rate="read"))]
Writer = Annotated[Principal, Security(require(rate="write"))]
Admin = Annotated[Principal, Security(require("admin:users"))]
UserId = Annotated[str, Path(pattern=r"^usr_[0-9a-f]{32}$")]
Code = Annotated[StrictStr, Field(min_length=1, max_length=64, examples=["123456"])]


class Shown(Asked):
    """A code that an authenticator shows now, or one that stands in for it."""

    totp: Code


class Proof(Asked):
    """What proves again who somebody is."""

    password: Secret
    totp: Code | None = None


class Factor(Answer):
    """How somebody proves who they are beside the password."""

    confirmed_at: Moment | None
    recovery_codes: int


class SetUp(Answer):
    """What an authenticator is set up with; it is not shown again."""

    secret: str
    uri: str


class Codes(Answer):
    """What stands in for an authenticator, each once; it is not shown again."""

    recovery_codes: Sequence[str]


def routes_of(identity: Identity, services: Services) -> APIRouter:
    """Return the routes.

    Args:
        identity: Who may use the service.
        services: What all routes work with.
    """
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute, tags=["auth"])
    _add_setting_up(routes, identity, services)
    _add_proving(routes, identity)
    _add_taking_away(routes, identity, services)
    return routes


def _add_setting_up(routes: APIRouter, identity: Identity, services: Services) -> None:
    @routes.get("/auth/totp")
    async def get(who: Reader) -> Factor:
        """Answer how the one who asks proves who they are beside the password."""
        check_person(who)
        found = await identity.second_factors(who.tid).get(who.sub)
        return Factor(
            confirmed_at=found.confirmed_at, recovery_codes=found.recovery_codes
        )

    @routes.post("/auth/totp", status_code=201)
    async def begin(who: Writer) -> SetUp:
        """Make what an authenticator is set up with; it protects nothing yet."""
        check_person(who)
        check_fresh(who, services.clock)
        made = await identity.second_factors(who.tid).begin(who)
        return SetUp(secret=made.secret, uri=made.uri)

    @routes.post("/auth/totp/confirm")
    async def confirm(asked: Shown, request: Request, who: Writer) -> Codes:
        """Have the account protected by the authenticator, which shows a code."""
        check_person(who)
        check_fresh(who, services.clock)
        take_login(request, who.sub)
        codes = await identity.second_factors(who.tid).confirm(who, asked.totp)
        return Codes(recovery_codes=codes)

    @routes.post("/auth/totp/recovery-codes")
    async def renew(asked: Shown, request: Request, who: Writer) -> Codes:
        """Make new codes that stand in for the authenticator; the others are void."""
        check_person(who)
        check_fresh(who, services.clock)
        take_login(request, who.sub)
        codes = await identity.second_factors(who.tid).renew_codes(who, asked.totp)
        return Codes(recovery_codes=codes)

    @routes.post("/auth/totp/remove", status_code=204)
    async def remove(asked: Shown, request: Request, who: Writer) -> None:
        """Have the account protected by its password alone."""
        check_person(who)
        check_fresh(who, services.clock)
        take_login(request, who.sub)
        await identity.second_factors(who.tid).remove(who, asked.totp)


def _add_proving(routes: APIRouter, identity: Identity) -> None:
    @routes.post("/auth/step-up")
    async def step_up(
        asked: Proof, request: Request, response: Response, who: Writer
    ) -> TokenAnswer:
        """Prove again who one is, for what takes a login of the last minutes."""
        check_person(who)
        take_login(request, who.sub)
        pair = await identity.logins.step_up(who, asked.password, asked.totp)
        return answer_pair(request, response, pair)


def _add_taking_away(routes: APIRouter, identity: Identity, services: Services) -> None:
    @routes.delete("/admin/users/{user_id}/totp", status_code=204, tags=["admin"])
    async def take_away(user_id: UserId, who: Admin) -> None:
        """Let a user in without their authenticator, which they lost."""
        check_fresh(who, services.clock)
        await identity.second_factors(who.tid).take_away(who, user_id)
