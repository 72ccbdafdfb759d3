"""An application of the service, and who asks it: for the tests of the gateway."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import httpx2
from fastapi import APIRouter, FastAPI, Security

import zg_core as zg
from zg_plugins_builtin.gateway.errors import UnauthenticatedError
from zg_plugins_builtin.gateway.http.app import SECTIONS, create_app
from zg_plugins_builtin.gateway.http.cursors import Cursors
from zg_plugins_builtin.gateway.http.json_body import JsonRoute
from zg_plugins_builtin.gateway.http.models import Asked, Text
from zg_plugins_builtin.gateway.http.requirements import require
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.http.settings import HttpSettings
from zg_plugins_builtin.gateway.identity.principals import Principal

ADA = {"authorization": "Bearer ada"}
"""The headers of somebody who may do everything."""


class Known:
    """Knows Ada, who may everything, and Bob, who may only look."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        self.asked.append((credential, address))
        ada = Principal.operator("tnt_1")
        if credential == "ada":
            return ada
        if credential == "bob":
            return replace(ada, sub="bob", scopes=frozenset({"jobs:read"}))
        raise UnauthenticatedError("the credential is nobody's", "make another")


class Note(Asked):
    """Something to be sent."""

    text: Text
    priority: Literal["low", "high"] = "low"
    tags: tuple[Text, ...] = ()


def notes(services: Services) -> APIRouter:
    """Return routes of the kind that the service has."""
    routes = APIRouter(prefix="/api/v1", route_class=JsonRoute)

    @routes.post("/notes")
    async def post(
        note: Note, who: Annotated[Principal, Security(require("jobs:write"))]
    ) -> dict[str, Any]:
        return {"text": note.text, "tenant": who.tid}

    @routes.get("/notes/{number}", dependencies=[Security(require("jobs:read"))])
    async def get(number: int, limit: int = 20) -> dict[str, int]:
        return {"number": number, "limit": limit}

    @routes.get("/raises/{name}", dependencies=[Security(require("jobs:read"))])
    async def raises(name: str) -> None:
        raise RAISED[name]

    return routes


RAISED: dict[str, Exception] = {
    "run": zg.RunNotFoundError("no run 'run_1'", "see 'zg runs'"),
    "input": zg.InputError("the objective is empty", "say what you want"),
    "journal": zg.JournalError("/secret/place is not writable", "chmod"),
    "bug": RuntimeError("secret"),
}


def make_services(**settings: Any) -> Services:
    """Return services whose authenticator knows Ada and Bob."""
    return Services(
        settings=HttpSettings(**settings),
        authenticator=Known(),
        cursors=Cursors(b"k" * 32),
    )


def make_app(
    *sections: Callable[[Services], APIRouter],
    services: Services | None = None,
    **settings: Any,
) -> FastAPI:
    """Return an application with notes beside what each has."""
    made = services or make_services(**settings)
    return create_app(made, (*SECTIONS, notes, *sections))


async def ask(
    app: Any,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] = ADA,
    client: tuple[str, int] = ("192.0.2.7", 4711),
    **sent: Any,
) -> httpx2.Response:
    """Send one request to an application, and return the answer."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=client)
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as http:
        return await http.request(method, path, headers=headers, **sent)
