"""A database in a file: any number who read, one who writes.

A commit waits for the disk, and that is what writing costs. So what is asked for
while the one thread that writes is busy goes into the same transaction, each in a
savepoint of its own, and is on the disk before anybody is told.
"""

from __future__ import annotations

import sqlite3
from asyncio import shield, wrap_future
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    RootTransaction,
    create_engine,
    event,
    exc,
    pool,
)

from zg_core.plugin_api import ConfigError

from ..errors import DatabaseError
from .faults import faults
from .lookup import Lookup

__all__ = ["SQLite"]

T = TypeVar("T")

READERS = 8
"""How many may read at once."""
MOST = 256
"""How many writings go into one commit at most."""


class SQLite:
    """A database in a file.

    Args:
        path: The file; it is made if there is none, for its user's eyes only.
        busy_seconds: How long to wait for another process that writes.

    Raises:
        ConfigError: If the file cannot be made.
    """

    def __init__(self, path: Path, *, busy_seconds: float = 10.0) -> None:
        _make(path)
        self.place = repr(str(path))
        self._limiter = anyio.CapacityLimiter(READERS)
        self._readers = _engine(path, busy_seconds, readers=READERS)
        self._glancer = _Glancer(_engine(path, 0.0, readers=1))
        self._writer = _Writer(_engine(path, busy_seconds))

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Return what a function reads; it sees one state of the database."""

        def work() -> T:
            with self._readers.begin() as connection:
                return function(connection)

        with faults(self.place):
            return await to_thread.run_sync(work, limiter=self._limiter)

    async def glance(self, function: Callable[[Connection], T]) -> T:
        """Return what one statement finds by a key, without asking a thread.

        It takes less time than a thread would to begin. Who writes keeps nobody from
        reading; where something else does, a thread waits for that.
        """
        try:
            with faults(self.place):
                return self._glancer.do(function)
        except DatabaseError:
            return await self.read(function)

    async def find(
        self, lookup: Lookup, values: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """Return the row that a lookup finds, as `glance` does, by the driver alone."""
        try:
            return self._glancer.find(lookup, values)
        except (sqlite3.Error, exc.SQLAlchemyError):
            return await self.read(lambda connection: lookup.by(connection, values))

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Return what a function returns, when what it wrote is on the disk."""
        with faults(self.place):
            return await self._writer.do(function)

    async def close(self) -> None:
        """Wait for what is being written, and let the file go."""
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._writer.close)
        self._glancer.close()
        self._readers.dispose()


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise ConfigError(
            f"the database {str(path)!r} cannot be made: {error.strerror}",
            "check the folder, or name another place",
        ) from error


def _engine(path: Path, busy_seconds: float, *, readers: int = 0) -> Engine:
    """Return connections to read by, or the one to write by.

    One that reads alone begins no transaction: each statement is one.
    """
    begin = "BEGIN" if readers else "BEGIN IMMEDIATE"
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=pool.QueuePool,
        pool_size=readers or 1,
        max_overflow=0,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say ourselves where things begin
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA query_only = {readers > 0}")

    if readers != 1:

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

    return engine


class _Glancer:
    """Reads by one connection that stays open, a statement each."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._driver: Any = None

    def do(self, function: Callable[[Connection], T]) -> T:
        try:
            return function(self._connection or self._connect())
        except BaseException:
            self.close()
            raise

    def find(self, lookup: Lookup, values: Mapping[str, Any]) -> Sequence[Any] | None:
        prepared = lookup.prepared
        try:
            if self._connection is None:
                self._connect()
            found = self._driver.execute(prepared.sql, prepared.given(values))
            # All of it, since a statement that has not ended keeps its snapshot.
            rows = found.fetchall()
        except BaseException:
            self.close()
            raise
        return prepared.read(rows[0]) if rows else None

    def _connect(self) -> Connection:
        connection = self._connection = self._engine.connect()
        self._driver = connection.connection.driver_connection
        return connection

    def close(self) -> None:
        self._driver = None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
        self._engine.dispose()


@dataclass(slots=True, eq=False)
class _Batch:
    """What goes into one commit."""

    connection: Connection
    transaction: RootTransaction
    committed: Future[None] = field(default_factory=Future)
    size: int = 0

    @property
    def dead(self) -> bool:
        """Whether SQLite took everything back of its own accord."""
        return not self.connection.connection.in_transaction


class _Writer:
    """Calls functions one after the other in a thread, many to a commit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zg-database")
        self._waiting = 0
        self._lock = Lock()
        self._batch: _Batch | None = None

    async def do(self, function: Callable[[Connection], T]) -> T:
        """Return what a function returns, when it is on the disk.

        Whoever stops waiting does not take back what was asked for.
        """
        with self._lock:
            attempt = self._thread.submit(self._attempt, function)
            self._waiting += 1
        result, committed = await shield(wrap_future(attempt))
        await shield(wrap_future(committed))
        return result

    def close(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()

    def _attempt(self, function: Callable[[Connection], T]) -> tuple[T, Future[None]]:
        try:
            batch = self._batch = self._batch or self._begun()
            batch.size += 1
            with batch.connection.begin_nested():
                result = function(batch.connection)
            return result, batch.committed
        finally:
            self._settle()

    def _begun(self) -> _Batch:
        connection = self._engine.connect()
        try:
            return _Batch(connection, connection.begin())
        except exc.SQLAlchemyError:
            connection.close()
            raise

    def _settle(self) -> None:
        """Commit, if nobody else waits to be in it, or it became large."""
        with self._lock:
            self._waiting -= 1
            last = self._waiting == 0
        batch = self._batch
        if batch is None or not (last or batch.size >= MOST or batch.dead):
            return
        self._batch = None
        try:
            if batch.dead:
                raise exc.OperationalError(
                    "COMMIT", None, RuntimeError("SQLite undid the transaction")
                )
            batch.transaction.commit()
        except exc.SQLAlchemyError as error:
            batch.connection.invalidate()
            batch.committed.set_exception(error)
        else:
            batch.committed.set_result(None)
        finally:
            batch.connection.close()
