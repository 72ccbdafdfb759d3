"""The service, put together: what opens, what runs beside the server, what closes."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import anyio
from fastapi import FastAPI

import zg_core as zg

from .clock import Clock, SystemClock
from .database import Database
from .egress.sending import Egress
from .erasing import keep_erasing
from .errors import UnavailableError
from .http.app import create_app
from .http.sections import sections_of
from .http.services import Services
from .identity import Identity
from .jobs import Jobs
from .metrics import Metrics
from .parts import (
    Ground,
    make_identity,
    make_jobs,
    make_metrics,
    make_oauth,
    make_services,
    make_webhooks,
    seal_of,
)
from .server import Server
from .settings import GatewaySettings
from .webhooks.webhooks import Webhooks

__all__ = ["Service", "listen"]

_log = logging.getLogger(__name__)
_HOUR = 3600.0
_PORTS = 64
"""How many ports there are for metrics, from the first on: one a process."""
_KEPT = timedelta(days=30)
"""How long it is known what became of a message to a receiver."""
_GRACE_SECONDS = 4.0
"""How long what runs beside the server may take to end, once that has."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """All of one process of the service; `open` makes one.

    Attributes:
        settings: What the operator decided.
        database: Where everything is kept that is not a run.
        identity: Who may use it.
        webhooks: Who is told.
        jobs: What is done.
        services: What all routes work with.
        metrics: What is counted.
        app: The application.
    """

    settings: GatewaySettings
    database: Database
    identity: Identity
    webhooks: Webhooks
    jobs: Jobs
    services: Services
    metrics: Metrics
    app: FastAPI

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: GatewaySettings,
        engine: zg.Engine,
        *,
        clock: Clock | None = None,
    ) -> AsyncGenerator[Service, None]:
        """Open everything, the database first; it closes in the other order.

        Args:
            settings: What the operator decided.
            engine: Does the runs; it stays open.
            clock: Tells the time.

        Raises:
            ConfigError: If something cannot be had as it was decided.
        """
        async with AsyncExitStack() as opened:
            _make_folder(settings.folder)
            database = await Database.open(settings.database_url)
            opened.push_async_callback(_close, database)
            metrics = make_metrics(engine)
            ground = Ground(
                settings=settings,
                database=database,
                engine=engine,
                clock=clock or SystemClock(),
                metrics=metrics,
            )
            seal, egress = seal_of(settings.folder), Egress(settings.egress)
            identity = await make_identity(ground, seal)
            opened.callback(identity.close)
            webhooks = make_webhooks(ground, egress, seal)
            jobs = make_jobs(ground, egress, _GRACE_SECONDS - 1)
            services = make_services(ground, identity)
            metrics.watch(database, jobs, services)
            sections = sections_of(
                identity=identity,
                oauth=make_oauth(ground, identity, egress),
                webhooks=webhooks,
                jobs=jobs,
            )
            yield cls(
                settings=settings,
                database=database,
                identity=identity,
                webhooks=webhooks,
                jobs=jobs,
                services=services,
                metrics=metrics,
                app=create_app(services, sections),
            )

    async def serve(self, listening: socket.socket) -> None:
        """Answer requests, and do what runs beside that, until SIGTERM or SIGINT.

        First the streams are told, and nothing new is begun; then what is being
        answered ends, and last what runs beside it: all of it within 20 s.

        Args:
            listening: The socket that requests come from.

        Raises:
            ConfigError: If the certificate cannot be used.
        """
        server = Server(self.app, self.services, self.settings.server)
        _load(server)
        ended, rested = anyio.Event(), anyio.Event()
        async with self._fetched(), anyio.create_task_group() as tasks:
            tasks.start_soon(self._deliver, ended)
            tasks.start_soon(self._stop_delivering)
            tasks.start_soon(self._do_jobs, rested)
            tasks.start_soon(self._maintain)
            tasks.start_soon(self.identity.letters.run)
            tasks.start_soon(keep_erasing, self.database, self.jobs)
            await server.serve(sockets=[listening])
            self.services.stopping.begin()
            with anyio.move_on_after(_GRACE_SECONDS):
                await ended.wait()
                await rested.wait()
            tasks.cancel_scope.cancel()

    @asynccontextmanager
    async def _fetched(self) -> AsyncGenerator[None, None]:
        """Have the metrics served, if the operator wants them."""
        port, clock = self.settings.metrics_port, self.services.clock
        if port is None:
            yield
            return
        with self.metrics.served(port, max(self.settings.workers, _PORTS)):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.metrics.keep, self.database, clock)
                yield
                tasks.cancel_scope.cancel()

    async def _deliver(self, ended: anyio.Event) -> None:
        await self.webhooks.courier.run()
        ended.set()

    async def _stop_delivering(self) -> None:
        await self.services.stopping.wait()
        self.webhooks.courier.stop()

    async def _do_jobs(self, rested: anyio.Event) -> None:
        """Do jobs until the service ends; what is under way the next takes up."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._stop_jobs, tasks.cancel_scope)
            await self.jobs.run()
            tasks.cancel_scope.cancel()
        rested.set()

    async def _stop_jobs(self, doing: anyio.CancelScope) -> None:
        await self.services.stopping.wait()
        if not self.settings.shared:
            doing.cancel()
        self.jobs.stop()

    async def _maintain(self) -> None:
        """Do every hour what has to be done from time to time."""
        while True:
            try:
                await self.identity.maintain()
                before = self.services.clock.now() - _KEPT
                await self.webhooks.leases.forget(before)
            except (UnavailableError, zg.ConfigError) as error:
                _log.warning("service.not_maintained", exc_info=error)
            await anyio.sleep(_HOUR)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: The address, or a name of this machine.
        port: The port; 0 is any that is free.

    Raises:
        ConfigError: If it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or error
        raise zg.ConfigError(
            f"nobody can listen on {host} port {port}: {why}",
            "choose another with --port; 0 is any that is free",
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise zg.ConfigError(
            f"the service's folder {str(folder)!r} cannot be made: {error.strerror}",
            "choose another: folder in [plugins.config.builtin.gateway]",
        ) from error


async def _close(database: Database) -> None:
    """Close the database, whoever is in a hurry."""
    with anyio.CancelScope(shield=True):
        await database.close()


def _load(server: Server) -> None:
    try:
        server.config.load()
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "strerror", None) or error
        raise zg.ConfigError(
            f"the certificate or its private key cannot be used: {why}",
            "check both files",
        ) from error
