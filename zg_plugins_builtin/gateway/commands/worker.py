"""``zg worker``: do jobs of a service that many machines share."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import click
from anyio.abc import TaskStatus

import zg_core as zg
from zg_core import current_invocation, json_option

from ._extra import needing_extra
from ._opening import database_option, settings_of

if TYPE_CHECKING:
    from ..jobs import Jobs
    from ..metrics import Metrics
    from ..settings import GatewaySettings

__all__ = ["worker"]

_GRACE_SECONDS = 15.0
"""What runs has as long to come to rest; the rest of 20 s is for letting it go."""
_END_SECONDS = 19.0
_METRICS_PORTS = 64
"""How many ports there are for metrics, from the first on."""
_LOOP: dict[str, Any] = {
    "backend_options": {"use_uvloop": sys.platform != "win32"},
}
_EPILOG = "Example: zg worker --database postgresql://zg@db.example.com/zg"


@click.command(epilog=_EPILOG)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 10_000),
    default=200,
    show_default=True,
    help="How many jobs it does at once.",
)
@database_option
@json_option
def worker(concurrency: int, database: str | None) -> None:
    """Do jobs that others accept: those of zg serve, on the same PostgreSQL.

    Any number of workers may run, on any machines. The jobs of one that died are
    taken up by others within seconds. Ctrl-C or SIGTERM ends a worker within 20 s,
    and others go on with its jobs.
    """
    settings = settings_of(database=database)
    if not settings.shared:
        raise zg.ConfigError(
            "workers share a database on PostgreSQL, and this one is a file: "
            "zg serve does the jobs itself",
            "use one: --database postgresql://user@host/name",
        )
    anyio.run(partial(_work, settings, concurrency), **_LOOP)


async def _work(settings: GatewaySettings, concurrency: int) -> None:
    """Do jobs until a signal comes; while the database is gone it tries again."""
    output = current_invocation().output
    ending = anyio.Event()
    async with _opened(settings, concurrency) as jobs, _heard(ending):
        output.line({"ready": True, "concurrency": concurrency})
        output.say(f"doing up to {concurrency} jobs at once")
        await _until(ending, jobs)


@asynccontextmanager
async def _heard(ending: anyio.Event) -> AsyncGenerator[None, None]:
    """Have an event set by the first signal to end, until the block ends."""
    async with anyio.create_task_group() as group:
        await group.start(_hear_signals, ending)
        yield
        group.cancel_scope.cancel()


async def _hear_signals(ending: anyio.Event, *, task_status: TaskStatus[None]) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for _ in signals:
            ending.set()


async def _until(ending: anyio.Event, jobs: Jobs) -> None:
    """Do jobs until told to end, and let what runs come to rest."""
    async with anyio.create_task_group() as group:
        group.start_soon(jobs.run)
        await ending.wait()
        jobs.stop()
        group.cancel_scope.deadline = anyio.current_time() + _END_SECONDS


def _fetched(
    settings: GatewaySettings, metrics: Metrics
) -> AbstractContextManager[object]:
    """Have what this process counts served, if the operator wants it."""
    port = settings.metrics_port
    return nullcontext() if port is None else metrics.served(port, _METRICS_PORTS)


@asynccontextmanager
async def _opened(
    settings: GatewaySettings, concurrency: int
) -> AsyncGenerator[Jobs, None]:
    with needing_extra():
        from ..database import Database
        from ..egress.sending import Egress
        from ..jobs import Jobs
        from ..limits import Spending
        from ..metrics import Metrics
        from ..parts import sharing_of
    invocation = current_invocation()
    config = invocation.config()
    async with invocation.engine(config, journal=settings.journal_address) as engine:
        database = await Database.open(settings.database_url)
        try:
            metrics = Metrics()
            jobs = Jobs.open(
                database,
                engine,
                egress=Egress(settings.egress),
                settings=settings.jobs,
                spending=Spending(
                    database,
                    settings=settings.spending,
                    on_refused=metrics.numbers.refused,
                ),
                sharing=sharing_of(settings, engine, concurrency, _GRACE_SECONDS),
            )
            metrics.watch(database, jobs)
            with _fetched(settings, metrics):
                yield jobs
        finally:
            with anyio.CancelScope(shield=True):
                await database.close()
