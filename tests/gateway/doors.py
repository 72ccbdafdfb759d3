"""The whole application over a real identity, and who asks it: for tests of routes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import httpx2
from fastapi import FastAPI
from gateway.asking import ask
from gateway.elsewhere import ISSUER, Elsewhere
from gateway.people import Person
from gateway.posting import Network
from gateway.watches import Watch

from zg_core import PluginHost
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.http.app import create_app
from zg_plugins_builtin.gateway.http.cursors import Cursors
from zg_plugins_builtin.gateway.http.sections import sections_of
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.http.settings import HttpSettings
from zg_plugins_builtin.gateway.identity import Identity, OAuthProvider
from zg_plugins_builtin.gateway.jobs import Jobs
from zg_plugins_builtin.gateway.webhooks.sealing import Seal
from zg_plugins_builtin.gateway.webhooks.webhooks import Webhooks

__all__ = ["Doors", "bearer"]


def bearer(who: Person | str) -> dict[str, str]:
    """Return the headers of somebody: a person, or whoever has a credential."""
    credential = who if isinstance(who, str) else who.tokens.access_token
    return {"authorization": f"Bearer {credential}"}


class Current:
    """What is what its target is at the moment, for the one application of all tests.

    To make an application takes a thousand times as long as to ask it.
    """

    def __init__(self) -> None:
        self.target: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


IDENTITY, OAUTH, WEBHOOKS, JOBS, CLOCK = (Current() for _ in range(5))


class CurrentServices(Current):
    """What all routes work with, at the moment.

    The clock, which the application keeps, is the current one: ids of one moment sort
    by which was made first only if there is no other moment in between.
    """

    clock = CLOCK


SERVICES = CurrentServices()


@cache
def application() -> FastAPI:
    """Return the application, which works with what is current."""
    parts: Any = {
        "identity": IDENTITY,
        "oauth": OAUTH,
        "webhooks": WEBHOOKS,
        "jobs": JOBS,
    }
    services: Any = SERVICES
    return create_app(services, sections_of(**parts))


@cache
def offered() -> PluginHost:
    """Return what is built in."""
    return PluginHost.of_builtin()


@dataclass
class Doors:
    """An application, and what it stands on."""

    database: Database
    identity: Identity
    watch: Watch

    def __post_init__(self) -> None:
        self.network = Network(self.watch)
        self.elsewhere = Elsewhere(self.watch)
        self.webhooks = Webhooks(
            self.database,
            egress=self.network,
            seal=Seal(b"k" * 32),
            clock=self.watch,
        )
        # No job is done here: only whose they are is looked at, and what there is.
        engine: Any = SimpleNamespace(host=offered())
        self.jobs = Jobs.open(
            self.database, engine, egress=self.network, clock=self.watch
        )
        self.services = Services(
            settings=HttpSettings(),
            authenticator=self.identity,
            cursors=Cursors(b"c" * 32),
            clock=self.watch,
        )
        oauth = self.identity.oauth(
            [OAuthProvider("elsewhere", ISSUER, "us", "their-secret")],
            self.elsewhere,
            callbacks="https://zg.example/api/v1/auth/oauth",
        )
        OAUTH.target = oauth
        IDENTITY.target, WEBHOOKS.target = self.identity, self.webhooks
        CLOCK.target = self.watch
        JOBS.target, SERVICES.target = self.jobs, self.services
        self.app = application()

    async def ask(
        self,
        who: Person | str | None,
        method: str,
        path: str,
        sent: Any = None,
        **more: Any,
    ) -> httpx2.Response:
        """Send a request as somebody, or as nobody."""
        headers = {**(bearer(who) if who else {}), **more.pop("headers", {})}
        body = {} if sent is None else {"json": sent}
        return await ask(self.app, method, path, headers=headers, **body, **more)
