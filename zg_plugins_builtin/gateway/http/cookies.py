"""Tokens in cookies, for pages that log people in: no script can read them.

A cookie comes with whatever a browser sends, also at the wish of another site. So these
are never sent by other sites' requests (``SameSite=Strict``), and beside that a request
is answered only if the browser says that it comes from a page of ours.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from ..errors import ForbiddenError, UnauthenticatedError
from ..identity import TokenPair
from ..identity.key_texts import API_KEY
from .settings import HttpSettings

__all__ = [
    "ACCESS",
    "REFRESH",
    "by_cookie",
    "check_page",
    "drop_cookies",
    "give_cookies",
    "token_in_cookie",
]

ACCESS = "__Host-zg_access"
REFRESH = "__Host-zg_refresh"
_REFRESH_SECONDS = 30 * 24 * 3600
_LOOKS = ("GET", "HEAD")


def by_cookie(request: Request) -> bool:
    """Tell whether a request shows who asks by a cookie, and in no other way."""
    return "authorization" not in request.headers and ACCESS in request.cookies


def token_in_cookie(request: Request, name: str) -> str:
    """Return the token in a cookie.

    Raises:
        UnauthenticatedError: If there is none.
    """
    token = request.cookies.get(name, "")
    if not token or token.startswith(API_KEY):  # a key was never put there by us
        raise UnauthenticatedError("nobody knows who asks", "log in")
    return token


def check_page(request: Request) -> None:
    """Go on only if a page of ours sends the request, as far as the browser says.

    Raises:
        ForbiddenError: If another site's does, or nobody says which.
    """
    settings: HttpSettings = request.app.state.services.settings
    sites, origins = (
        request.headers.getlist(name) for name in ("sec-fetch-site", "origin")
    )
    if len(sites) > 1 or len(origins) > 1:
        raise _foreign()
    origin = origins[0] if origins else None
    if origin in settings.origins and settings.credentials:
        return
    looks = request.method in _LOOKS
    if sites:
        # ``none``: somebody typed the address themselves.
        if sites[0] != "same-origin" and not (looks and sites[0] == "none"):
            raise _foreign()
    elif origin is None and not looks:
        raise _foreign()
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise _foreign()


def give_cookies(response: Response, pair: TokenPair) -> None:
    """Have a browser keep a pair of tokens."""
    for name, token, seconds in (
        (ACCESS, pair.access_token, pair.expires_in),
        (REFRESH, pair.refresh_token, _REFRESH_SECONDS),
    ):
        response.set_cookie(
            name,
            token,
            max_age=seconds,
            path="/",
            secure=True,
            httponly=True,
            samesite="strict",
        )


def drop_cookies(response: Response) -> None:
    """Have a browser forget its tokens."""
    for name in (ACCESS, REFRESH):
        response.delete_cookie(
            name, path="/", secure=True, httponly=True, samesite="strict"
        )


def _foreign() -> ForbiddenError:
    return ForbiddenError(
        "no page of this service sent the request", "send a token instead of a cookie"
    )
