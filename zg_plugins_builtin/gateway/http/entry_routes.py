"""How people come in who cannot log in: they forgot, or they are not known yet.

The answer is the same whoever they are, and comes before anybody looked.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request

from ..identity import Identity
from .json_body import JsonRoute
from .login_rates import take_login
from .models import Answer, Asked, Text
from .requirements import by_address

__all__ = ["routes_of"]

Email = Annotated[
    Text, Field(min_length=1, max_length=254, examples=["ada@example.com"])
]


class Forgotten(Asked):
    """Who forgot their password."""

    email: Email


class Newcomer(Asked):
    """Who wants to become a user."""

    email: Email
    name: Annotated[Text, Field(max_length=100, examples=["Ada"])] = ""


class Noted(Answer):
    """What happens next, if it is to happen."""

    detail: str = "if that can be done, a letter is on its way to the address"


def routes_of(identity: Identity) -> APIRouter:
    """Return the routes.

    Args:
        identity: Who may use the service.
    """
    routes = APIRouter(prefix="/api/v1/auth", route_class=JsonRoute, tags=["auth"])
    known = [Depends(by_address)]

    @routes.post("/password/forgot", status_code=202, dependencies=known)
    async def forgot(asked: Forgotten, request: Request) -> Noted:
        """Write to somebody who forgot their password, if there is such a user.

        The letter holds a ticket for ``/password/reset``, good for 30 minutes.
        """
        take_login(request, asked.email)
        identity.letters.forgot(asked.email)
        return Noted()

    @routes.post("/register", status_code=202, dependencies=known)
    async def register(asked: Newcomer, request: Request) -> Noted:
        """Write to somebody who wants to become a user, where people may.

        The letter holds a ticket for ``/password/reset``: with the password that it
        sets they are one.
        """
        take_login(request, asked.email)
        identity.letters.register(asked.email, asked.name)
        return Noted()

    return routes
