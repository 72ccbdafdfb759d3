"""A database on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from sqlalchemy import URL, Connection, create_engine, exc

from zg_core.plugin_api import ConfigError

from ..errors import DatabaseError
from .faults import faults
from .lookup import Lookup

__all__ = ["PostgreSQL"]

T = TypeVar("T")

CONNECTIONS = 10
"""How many may read or write at once, from one process."""
ATTEMPTS = 4
"""How often a transaction is tried that lost to another."""
_LOST = ("40001", "40P01")
"""The states of who lost: serialization_failure, deadlock_detected."""
_OPTIONS = (
    "-c statement_timeout=30s -c lock_timeout=10s -c timezone=UTC "
    # Whoever is frozen within a transaction must not hold its rows for ever.
    "-c idle_in_transaction_session_timeout=10s"
)


class PostgreSQL:
    """A database on a server.

    Args:
        url: Where it is, as SQLAlchemy writes it.

    Raises:
        ConfigError: If the driver is not installed.
    """

    def __init__(self, url: URL) -> None:
        self.place = repr(url.render_as_string(hide_password=True))
        plain = url.set(drivername="postgresql")
        self._address = plain.render_as_string(hide_password=False)
        self._limiter = anyio.CapacityLimiter(CONNECTIONS)
        try:
            self._engine = create_engine(
                url.set(drivername="postgresql+psycopg"),
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={
                    "application_name": "zerogravity",
                    "connect_timeout": 5,
                    "options": _OPTIONS,
                },
            )
        except ImportError as error:
            raise ConfigError(
                "PostgreSQL takes a driver that is not installed",
                'install it with: pip install "zerogravity[postgres]"',
            ) from error
        self._reading = self._engine.execution_options(
            postgresql_readonly=True, isolation_level="REPEATABLE READ"
        )
        self._glancing = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Return what a function reads; it sees one state of the database."""

        def work() -> T:
            with self._reading.begin() as connection:
                return function(connection)

        with faults(self.place):
            return await to_thread.run_sync(work, limiter=self._limiter)

    async def glance(self, function: Callable[[Connection], T]) -> T:
        """Return what one statement finds by a key."""

        def work() -> T:
            with self._glancing.connect() as connection:
                return function(connection)

        with faults(self.place):
            return await to_thread.run_sync(work, limiter=self._limiter)

    async def find(
        self, lookup: Lookup, values: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """Return the row that a lookup finds."""
        return await self.glance(lambda connection: lookup.by(connection, values))

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Return what a function returns, when what it wrote is on the disk."""

        def work() -> T:
            with self._engine.begin() as connection:
                return function(connection)

        with faults(self.place):
            for _ in range(ATTEMPTS - 1):
                try:
                    return await to_thread.run_sync(work, limiter=self._limiter)
                except exc.DBAPIError as error:
                    if getattr(error.orig, "sqlstate", "") not in _LOST:
                        raise
            return await to_thread.run_sync(work, limiter=self._limiter)

    async def notices(self, channel: str) -> AsyncGenerator[str, None]:
        """Yield what is notified on a channel, until the connection is lost."""
        from psycopg import AsyncConnection, Error
        from psycopg.sql import SQL, Identifier

        try:
            opened = await AsyncConnection.connect(
                self._address, autocommit=True, connect_timeout=5
            )
            try:
                await opened.execute(SQL("LISTEN {}").format(Identifier(channel)))
                async with aclosing(opened.notifies()) as notices:
                    async for notice in notices:
                        yield notice.payload
            finally:
                # Which waits for nothing; leaving its block would, and whoever is
                # cancelled would leave it open.
                await opened.close()
        except Error as error:
            raise DatabaseError(
                "the database tells no news for now", "try again in a moment"
            ) from error

    async def close(self) -> None:
        """Let the connections go."""
        await to_thread.run_sync(self._engine.dispose)
