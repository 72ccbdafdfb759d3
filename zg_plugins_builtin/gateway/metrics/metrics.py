"""The door to metrics: what is told of everything, and where it is fetched."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from prometheus_client import CollectorRegistry, Metric, start_http_server

import zg_core as zg

from ..clock import Clock
from ..database import Database
from ..errors import DatabaseError, GatewayError
from ..http.requirements import Authenticator
from ..http.services import Services
from ..identity import Principal
from ..jobs import Jobs
from .looking import look
from .numbers import Numbers

__all__ = ["Metrics"]

_log = logging.getLogger(__name__)
_LOOK_EVERY = 5.0
_LOOPBACK = "127.0.0.1"


class Metrics:
    """What one process of the service counts, and looks up.

    Args:
        more: Other numbers of the process, which are served with these.

    Attributes:
        numbers: What is counted.
    """

    def __init__(self, *more: CollectorRegistry) -> None:
        self.numbers = Numbers()
        self._all = CollectorRegistry()
        for registry in (self.numbers.registry, *more):
            self._all.register(_Plain(registry))

    def counted(self, authenticator: Authenticator) -> Authenticator:
        """Return who finds out who asks, and has it counted."""
        return _Counted(authenticator, self.numbers)

    def watch(
        self, database: Database, jobs: Jobs, services: Services | None = None
    ) -> None:
        """Count what is written, which jobs end, and what is asked too often."""
        database.told = self.numbers.committed
        jobs.observe(self.numbers.ended, self.numbers.decided)
        if services is not None:
            services.limits.told = self.numbers.rated
            self.numbers.streams.set_function(lambda: services.streams.open)

    async def keep(self, database: Database, clock: Clock) -> None:
        """Look up every few seconds what is in the database; for ever."""
        while True:
            now = clock.now()
            try:
                await database.read(lambda c: look(c, self.numbers, now))  # noqa: B023
            except DatabaseError as error:
                _log.warning("metrics.not_looked_up", exc_info=error)
            await anyio.sleep(_LOOK_EVERY)

    @contextmanager
    def served(self, port: int, tries: int = 1) -> Iterator[int]:
        """Serve them on this machine only, and yield the port.

        Args:
            port: The port; 0 is any that is free.
            tries: How many ports there are from that one on, of which the first is
                taken that is free: each process of the service has one.

        Raises:
            ConfigError: If none is.
        """
        why: object = "nobody tried"
        for number in range(port, port + tries):
            try:
                server, thread = start_http_server(number, _LOOPBACK, self._all)
            except (OSError, OverflowError) as error:
                why = getattr(error, "strerror", None) or error
                continue
            try:
                yield server.server_port
            finally:
                server.shutdown()
                server.server_close()
                thread.join()
            return
        raise zg.ConfigError(
            f"the metrics cannot be served on port {port}: {why}",
            "choose another metrics_port; 0 is any that is free",
        )


class _Plain:
    """The numbers of a registry, without the times at which they were made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            kept.samples = [
                sample
                for sample in metric.samples
                if not sample.name.endswith("_created")
            ]
            yield kept


class _Counted:
    def __init__(self, authenticator: Authenticator, numbers: Numbers) -> None:
        self._authenticator = authenticator
        self._numbers = numbers

    async def authenticate(self, credential: str, address: str | None) -> Principal:
        method = "api_key" if credential.startswith("zgk_") else "jwt"
        try:
            who = await self._authenticator.authenticate(credential, address)
        except GatewayError as error:
            self._numbers.authenticated(method, error)
            raise
        self._numbers.authenticated(method, None)
        return who
