"""The parts of the service, each made as the operator decided."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import text

import zg_core as zg

from ..exporters.prometheus import PrometheusExporter
from .clock import Clock
from .database import Database
from .egress.sending import Egress
from .http.cursors import Cursors
from .http.services import Services
from .identity import Identity, OAuthLogins
from .jobs import Jobs
from .jobs.sharing import QueueRuntime, Sharing
from .limits import Spending
from .mail import MailServer
from .metrics import Metrics
from .settings import GatewaySettings
from .webhooks.sealing import Seal
from .webhooks.webhooks import Webhooks

__all__ = [
    "Ground",
    "make_identity",
    "make_jobs",
    "make_metrics",
    "make_oauth",
    "make_services",
    "make_webhooks",
    "seal_of",
    "sharing_of",
]

_SEAL = "seal.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all parts stand on.

    Args:
        settings: What the operator decided.
        database: Where everything is kept that is not a run.
        engine: Does the runs.
        clock: Tells the time.
        metrics: What is counted.
    """

    settings: GatewaySettings
    database: Database
    engine: zg.Engine
    clock: Clock
    metrics: Metrics


def seal_of(folder: Path) -> Seal:
    """Return what seals secrets, with the key in the service's folder."""
    return Seal.at(folder / _SEAL)


async def make_identity(ground: Ground, seal: Seal) -> Identity:
    """Return who may use the service; it has to be closed."""
    settings = ground.settings
    return await Identity.open(
        ground.database,
        settings.folder,
        issuer=settings.address,
        audience=settings.address,
        clock=ground.clock,
        seal=seal,
        mail=MailServer(settings.mail) if settings.mail else None,
        registration=settings.registration,
        environment="test" if settings.dev else "live",
    )


def make_oauth(ground: Ground, identity: Identity, egress: Egress) -> OAuthLogins:
    """Return what lets people log in by other services."""
    callbacks = f"{ground.settings.address}/api/v1/auth/oauth"
    return identity.oauth(ground.settings.providers, egress, callbacks=callbacks)


def make_webhooks(ground: Ground, egress: Egress, seal: Seal) -> Webhooks:
    """Return who is told."""
    return Webhooks(
        ground.database,
        egress=egress,
        seal=seal,
        clock=ground.clock,
        on_sent=ground.metrics.numbers.sent,
    )


def make_jobs(ground: Ground, egress: Egress, grace: float) -> Jobs:
    """Return what is done.

    Args:
        ground: What all parts stand on.
        egress: Sends requests.
        grace: Seconds for what runs to come to rest when the process stops.

    Raises:
        ConfigError: If what sharing them takes is not installed.
    """
    settings, engine, clock = ground.settings, ground.engine, ground.clock
    spending = Spending(
        ground.database,
        clock=clock,
        settings=settings.spending,
        on_refused=ground.metrics.numbers.refused,
    )
    return Jobs.open(
        ground.database,
        engine,
        egress=egress,
        clock=clock,
        settings=settings.jobs,
        spending=spending,
        sharing=sharing_of(settings, engine, settings.slots, grace),
    )


def sharing_of(
    settings: GatewaySettings, engine: zg.Engine, slots: int, grace: float
) -> Sharing | None:
    """Return how a process shares jobs with others; `None` if it alone does them.

    Args:
        settings: What the operator decided.
        engine: Knows the runtimes.
        slots: How many jobs the process does at once.
        grace: Seconds for what runs to come to rest when it stops.

    Raises:
        ConfigError: If what that takes is not installed.
    """
    journal = settings.journal_address
    if journal is None:
        return None
    runtime = engine.host.make(engine.host.find("runtime", "builtin:queue"))
    assert isinstance(runtime, QueueRuntime)
    return Sharing(runtime=runtime, journal=journal, slots=slots, grace=grace)


def make_services(ground: Ground, identity: Identity) -> Services:
    """Return what all routes work with."""
    settings, numbers = ground.settings, ground.metrics.numbers
    return Services(
        settings=settings.http,
        authenticator=ground.metrics.counted(identity),
        served=numbers.served,
        serving=numbers.serving,
        cursors=Cursors(_cursor_key(settings.folder / _SEAL)),
        checks={
            "database": _writes(ground.database),
            "journal": _reads(ground.engine),
        },
        clock=ground.clock,
    )


def make_metrics(engine: zg.Engine) -> Metrics:
    """Return what is counted, with what the engine counts if that is enabled."""
    for exporter in map(engine.exporter, engine.config.exporters_enabled):
        if isinstance(exporter, PrometheusExporter):
            return Metrics(exporter.registry)
    return Metrics()


def _cursor_key(path: Path) -> bytes:
    """Return what signs cursors: it says nothing of what seals."""
    return hmac.digest(path.read_bytes(), b"zerogravity cursors", sha256)


def _writes(database: Database) -> Callable[[], Awaitable[None]]:
    """Return a check that the database takes something."""

    async def check() -> None:
        await database.write(lambda connection: connection.execute(text("SELECT 1")))

    return check


def _reads(engine: zg.Engine) -> Callable[[], Awaitable[None]]:
    """Return a check that the journal can be read."""

    async def check() -> None:
        await engine.journal.list(limit=1)

    return check
