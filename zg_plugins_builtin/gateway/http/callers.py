"""Who asks, as far as routes look at it beyond scopes."""

from __future__ import annotations

from starlette.requests import Request

from ..clock import Clock
from ..errors import ForbiddenError, LoginTooOldError
from ..identity.principals import Principal

__all__ = ["address_of", "check_fresh", "check_person", "client_of"]

FRESH_SECONDS = 300
_LONGEST_CLIENT = 200


def check_person(who: Principal) -> None:
    """Go on only with a session: a key is to do what it was made for.

    Raises:
        ForbiddenError: If it is a key.
    """
    if who.kind != "user":
        raise ForbiddenError("a key may not do this", "log in, and use the token")


def check_fresh(who: Principal, clock: Clock) -> None:
    """Go on only with a login of the last minutes, where it is a session at all.

    A key proves nothing anew. It has the scope only if somebody who had just logged
    in gave it that.

    Raises:
        LoginTooOldError: If the login is longer ago.
    """
    if who.kind == "user" and not who.proved_within(FRESH_SECONDS, clock.now()):
        raise LoginTooOldError(FRESH_SECONDS)


def client_of(request: Request) -> str:
    """Return what a client says it is, as far as it can be shown."""
    said = request.headers.get("user-agent", "")[:_LONGEST_CLIENT]
    return "".join(character for character in said if character.isprintable())


def address_of(request: Request) -> str:
    """Return where a client is; empty where nobody knows."""
    return request.client.host if request.client else ""
