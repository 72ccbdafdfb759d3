"""Have runs done by the workers behind a queue on PostgreSQL: procrastinate's."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

import zg_core as zg

try:
    from procrastinate import App, exceptions
    from procrastinate.psycopg_connector import PsycopgConnector
    from psycopg import AsyncConnection
    from psycopg import Error as DriverError
    from psycopg_pool import PoolClosed, PoolTimeout

    from ._queue_tables import conninfo, make_tables
    from ._queue_worker import QUEUE, Again, LetGoError, work
except ImportError as error:
    raise zg.ConfigError(
        "the queue takes packages that are not installed",
        'install them with: pip install "zerogravity[postgres]"',
    ) from error

__all__ = ["Queue", "QueueRuntime", "open_runtime"]

_log = logging.getLogger(__name__)
TASK = "zerogravity.run"
_FAULTS = (exceptions.ConnectorException, DriverError, PoolTimeout, PoolClosed, OSError)
_OPTIONS = (
    "-c statement_timeout=30s -c lock_timeout=10s "
    "-c idle_in_transaction_session_timeout=10s"
)
Do = Callable[[str], Awaitable[bool]]


_TABLE = "plugins.config.builtin.queue"
_KNOWN = ("heartbeat_seconds", "dead_seconds")


def open_runtime(settings: zg.Settings) -> QueueRuntime:
    """Return the runtime, as it is configured.

    Args:
        settings: Those of the plugin; the table ``queue`` is ours.

    Raises:
        ConfigError: If something in it is unknown, or cannot be so.
    """
    given = settings.section("queue")
    for name, value in given.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in _KNOWN or not number or not 0 < value < 3600:
            raise zg.ConfigError(
                f"{name} in [{_TABLE}] cannot be {value!r}",
                f"there are {' and '.join(_KNOWN)}: numbers above 0",
            )
    heartbeat = float(given.get("heartbeat_seconds", 1.0))
    dead = float(given.get("dead_seconds", 5.0))
    if dead < 2 * heartbeat:
        raise zg.ConfigError(
            f"dead_seconds in [{_TABLE}] leave no time for a sign of life",
            "make them twice heartbeat_seconds at least",
        )
    return QueueRuntime(heartbeat=heartbeat, dead=dead)


class QueueRuntime:
    """Puts runs into a queue in the database of their journal.

    Args:
        heartbeat: Seconds between two signs of life of a worker.
        dead: After how many seconds without one it is dead, and its runs go to others.
    """

    def __init__(self, *, heartbeat: float = 1.0, dead: float = 5.0) -> None:
        self._heartbeat = heartbeat
        self._dead = dead
        self._open: dict[str, Queue] = {}

    async def submit(self, run_id: str, journal: str) -> str:
        """Return once the run is in the queue; as often as wanted.

        Args:
            run_id: A run that was accepted and that nobody owns.
            journal: The address of the journal it is in, on PostgreSQL.

        Returns:
            Which queue that is, for people.

        Raises:
            RunError: If it cannot be put there.
        """
        known = self._open.get(journal)
        if known is not None:
            return await known.submit(run_id)
        async with self.opened(journal) as queue:
            return await queue.submit(run_id)

    @asynccontextmanager
    async def opened(self, journal: str) -> AsyncGenerator[Queue, None]:
        """Keep connections to the queue of a journal open.

        Args:
            journal: The address of the journal, on PostgreSQL.

        Raises:
            RunError: If it is on no PostgreSQL, or cannot be reached.
        """
        address = conninfo(journal)
        if address is None:
            raise zg.RunError(
                "the queue is in the database of the journal, and this one is in none",
                "use a journal on PostgreSQL: --journal postgresql://user@host/name",
            )
        app = App(
            connector=PsycopgConnector(
                conninfo=address,
                min_size=1,
                max_size=4,
                timeout=10.0,
                kwargs={"options": _OPTIONS, "connect_timeout": 5},
            )
        )
        try:
            async with await AsyncConnection.connect(address, autocommit=True) as made:
                await make_tables(made)
            await app.open_async()
        except _FAULTS as error:
            raise _unreachable(error) from error
        queue = Queue(app, heartbeat=self._heartbeat, dead=self._dead)
        self._open[journal] = queue
        try:
            yield queue
        finally:
            self._open.pop(journal, None)
            with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                await app.close_async()


class Queue:
    """A queue that is open; `QueueRuntime.opened` makes it."""

    def __init__(self, app: App, *, heartbeat: float, dead: float) -> None:
        self._app = app
        self._heartbeat = heartbeat
        self._dead = dead

    async def submit(self, run_id: str) -> str:
        """Put a run into the queue; see `QueueRuntime.submit`."""
        deferrer = self._app.configure_task(
            TASK, queue=QUEUE, lock=run_id, queueing_lock=run_id
        )
        try:
            await deferrer.defer_async(run_id=run_id)
        except exceptions.AlreadyEnqueued:
            pass  # it waits there already
        except _FAULTS as error:
            raise _unreachable(error) from error
        return f"the queue {QUEUE!r}, for any worker"

    async def work(
        self, do: Do, *, slots: int, stopping: anyio.Event, grace: float
    ) -> None:
        """Have runs done from the queue, until told to stop.

        Args:
            do: Does a run, and tells whether it is done with; if not, another worker
                gets it at once, and if it raises, later.
            slots: How many at once.
            stopping: Tells it to take nothing more.
            grace: Seconds for what runs to come to rest; then it is cancelled.

        Raises:
            RunError: If the database is gone.
        """

        @self._app.task(name=TASK, queue=QUEUE, retry=Again())
        async def run(run_id: str) -> None:
            if not await do(run_id):
                raise LetGoError

        try:
            await work(
                self._app,
                slots=slots,
                heartbeat=self._heartbeat,
                dead=self._dead,
                grace=grace,
                stopping=stopping,
            )
        except _FAULTS as error:
            raise _unreachable(error) from error


def _unreachable(error: BaseException) -> zg.RunError:
    # What the driver says may hold a part of the address, and so of a password.
    _log.info("queue.unreachable", extra={"why": type(error).__name__})
    return zg.RunError(
        "the queue's database cannot be used for now",
        "see that it runs, has room for connections, and is reached from here",
    )
