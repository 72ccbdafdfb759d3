"""A service that does jobs, with a scripted model: for the tests of jobs."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
from fastapi import FastAPI
from gateway.asking import ask
from gateway.watches import Watch
from offering import Offering
from sqlalchemy import Connection, insert

import zg_core as zg
from zg_core.testing import ScriptedProvider
from zg_plugins_builtin.gateway.database import Database
from zg_plugins_builtin.gateway.egress.sending import Egress
from zg_plugins_builtin.gateway.errors import UnauthenticatedError
from zg_plugins_builtin.gateway.http import (
    approval_routes,
    catalogue_routes,
    job_events,
    job_results,
    job_routes,
    limit_routes,
    usage_routes,
)
from zg_plugins_builtin.gateway.http.app import SECTIONS, create_app
from zg_plugins_builtin.gateway.http.cursors import Cursors
from zg_plugins_builtin.gateway.http.openai import catalogue, completions
from zg_plugins_builtin.gateway.http.rates import RATES, Rate
from zg_plugins_builtin.gateway.http.requirements import Authenticator
from zg_plugins_builtin.gateway.http.services import Services
from zg_plugins_builtin.gateway.http.settings import HttpSettings
from zg_plugins_builtin.gateway.identity import tables
from zg_plugins_builtin.gateway.identity.principals import Principal
from zg_plugins_builtin.gateway.jobs import Jobs, JobSettings
from zg_plugins_builtin.gateway.jobs.sharing import Sharing
from zg_plugins_builtin.gateway.limits import Spending

__all__ = ["EVE", "Bench", "TwoTenants", "bench", "member"]

EVE = {"authorization": "Bearer eve"}
"""The headers of somebody who may do everything, in another tenant."""
MANY = tuple(Rate(rate.name, 1_000_000, 1) for rate in RATES)


class TwoTenants:
    """Knows Ada and Mel of one tenant, and Eve of another."""

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        if credential == "ada":
            return replace(Principal.operator("tnt_1"), sub="ada")
        if credential == "mel":
            return member()
        if credential == "eve":
            return replace(Principal.operator("tnt_2"), sub="eve")
        raise UnauthenticatedError("the credential is nobody's", "make another")


def member() -> Principal:
    """Return somebody who works, and may not ask for what is urgent."""
    scopes = frozenset({"jobs:read", "jobs:write", "approvals:read"})
    return replace(Principal.operator("tnt_1"), sub="mel", scopes=scopes)


async def _asks_model(ctx: zg.Context) -> zg.Reply:
    answer = await ctx.complete([zg.Message.user(ctx.prompt)])
    await ctx.progress("half", 0.5)
    await ctx.write_artifact("notes.txt", answer.text)
    return zg.Reply(output=answer.text, artifacts=("notes.txt",))


async def _asks_person(ctx: zg.Context) -> zg.Reply:
    return zg.Reply(output=await ctx.ask("Which colour?", schema=COLOUR))


async def _fails(ctx: zg.Context) -> zg.Reply:
    raise zg.RunError("it went wrong", "try something else")


COLOUR = {"type": "string", "enum": ["red", "blue"]}


class Gatekeeper:
    """An agent that waits until it is told to go on."""

    def __init__(self) -> None:
        self.open = anyio.Event()
        self.begun = 0

    async def run(self, ctx: zg.Context) -> zg.Reply:
        self.begun += 1
        await self.open.wait()
        return zg.Reply(output="through")


class Bench:
    """An application, its engine, and who works for it."""

    def __init__(
        self, app: FastAPI, jobs: Jobs, engine: zg.Engine, services: Services
    ) -> None:
        self.app = app
        self.jobs = jobs
        self.engine = engine
        self.services = services

    async def post(self, objective: str = "Say hello", **more: Any) -> httpx2.Response:
        """Submit an objective."""
        sent = {"agent": "writer", **more}
        headers = sent.pop("headers", {})
        known = {"authorization": sent.pop("who", "Bearer ada")}
        return await ask(
            self.app,
            "POST",
            "/api/v1/objective",
            headers={**known, **headers},
            json={"objective": objective, **sent},
        )

    async def ask(self, method: str, path: str, **sent: Any) -> httpx2.Response:
        """Send a request to a path of the API."""
        return await ask(self.app, method, f"/api/v1{path}", **sent)

    def reads_along(self, job_id: str) -> bool:
        """Tell whether somebody reads along in a job."""
        return job_id in self.jobs._desk.deltas._readers

    async def until(self, job_id: str, *states: str) -> dict[str, Any]:
        """Return a job when it is in a state."""
        with anyio.fail_after(10):
            job = await self.jobs.changed(
                "tnt_1", job_id, lambda j: j.state in states, 10
            )
        return job.document()

    async def done(self, objective: str = "Say hello", **more: Any) -> dict[str, Any]:
        """Submit an objective, and return the job at its end."""
        posted = await self.post(objective, **more)
        assert posted.status_code == 200, posted.text
        ends = ("succeeded", "failed", "cancelled", "rejected", "degraded")
        return await self.until(posted.json()["job_id"], *ends)


async def make_tenants(database: Database) -> None:
    """Make the two tenants."""

    def work(connection: Connection) -> None:
        for tenant in ("tnt_1", "tnt_2"):
            connection.execute(
                insert(tables.tenants).values(
                    id=tenant,
                    name=tenant,
                    is_host=tenant == "tnt_1",
                    created_at=Watch().now(),
                )
            )

    await database.write(work)


@asynccontextmanager
async def bench(
    database: Database,
    folder: Path,
    *plugins: object,
    answers: tuple[Any, ...] = ("Hello.",),
    working: bool = True,
    journal: zg.Journal | str | None = None,
    settings: JobSettings | None = None,
    clock: Any = None,
    egress: Egress | None = None,
    spending: Spending | None = None,
    sharing: Sharing | None = None,
    authenticator: Authenticator | None = None,
    **agents: Any,
) -> AsyncGenerator[Bench, None]:
    """Open an engine and an application whose jobs are done while it is open."""
    offered = Offering(
        **{"writer": _asks_model, "asker": _asks_person, "broken": _fails, **agents}
    )
    scripted = ScriptedProvider(*answers, repeat=len(answers) == 1)
    config = replace(
        zg.load_config(), model="scripted:any", out=str(folder / "out"), origins={}
    )
    async with zg.Engine.open(
        scripted,
        offered,
        *plugins,
        config=config,
        journal=journal or zg.MemoryJournal(),
        discover=() if isinstance(journal, str) else False,
    ) as engine:
        more = {"clock": clock} if clock else {}
        jobs = Jobs.open(
            database,
            engine,
            egress=egress or Egress(),
            settings=settings,
            spending=spending,
            sharing=sharing,
            **more,
        )
        services = Services(
            settings=HttpSettings(rates=MANY),
            authenticator=authenticator or TwoTenants(),
            cursors=Cursors(b"k" * 32),
            **more,
        )
        sections = (
            *SECTIONS,
            lambda s: job_routes.routes_of(jobs, s),
            lambda s: job_events.routes_of(jobs, s),
            lambda _s: job_results.routes_of(jobs),
            lambda s: approval_routes.routes_of(jobs, s),
            lambda _s: catalogue_routes.routes_of(engine),
            lambda s: usage_routes.routes_of(jobs, s),
            lambda s: limit_routes.routes_of(jobs, s),
            lambda _s: catalogue.routes_of(jobs),
            lambda s: completions.routes_of(jobs, s),
        )
        app = create_app(services, sections)
        made = Bench(app, jobs, engine, services)
        async with anyio.create_task_group() as group:
            if working:
                group.start_soon(jobs.run)
            yield made
            group.cancel_scope.cancel()


def copied(source: Path, folder: Path) -> str:
    """Return the address of a copy of a database."""
    path = folder / "jobs.db"
    shutil.copyfile(source, path)
    return f"sqlite:///{path}"
