"""The database, whatever it is, behind one door."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, exc, make_url

from zg_core.plugin_api import ConfigError

from ..errors import DatabaseError
from ._postgres import PostgreSQL
from ._sqlite import SQLite
from .lookup import Lookup
from .migrating import upgrade

__all__ = ["Database"]

T = TypeVar("T")


class Database:
    """The service's database; `open` makes one.

    Functions over a connection do the work. They are called in a thread, and may be
    called a second time if the first lost to another transaction: what they do
    besides the database they must be able to do twice.

    Attributes:
        told: Is told how many seconds each writing took, for the metrics.
    """

    def __init__(self, backend: SQLite | PostgreSQL) -> None:
        self.told: Callable[[float], None] = lambda _seconds: None
        self._backend = backend

    def __repr__(self) -> str:
        return f"Database({self._backend.place})"

    @classmethod
    async def open(cls, url: str | Path) -> Database:
        """Open a database, and bring its tables to this version.

        Args:
            url: ``postgresql://user@host/name``, ``sqlite:///path``, or the path of
                a file.

        Raises:
            ConfigError: If it is none of these, cannot be reached, or was made by a
                newer version.
        """
        database = cls.at(url)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            try:
                await database.write(upgrade)
            except DatabaseError as error:
                raise ConfigError(
                    error.reason, "see that it runs, has room, and is reached from here"
                ) from error
            stack.pop_all()
        return database

    @classmethod
    def at(cls, url: str | Path) -> Database:
        """Return a database as it is, without looking at its tables.

        Args:
            url: As `open` takes it.

        Raises:
            ConfigError: If it is no database that we know.
        """
        if isinstance(url, Path):
            return cls(SQLite(url))
        try:
            parsed = make_url(url)
        except exc.ArgumentError as error:
            raise ConfigError("the address of the database is none", _FORMS) from error
        kind = parsed.drivername.partition("+")[0]
        if kind in ("postgresql", "postgres"):
            return cls(PostgreSQL(parsed))
        if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
            return cls(SQLite(Path(parsed.database or "")))
        raise ConfigError(f"{kind!r} is no database that can be used", _FORMS)

    async def read(self, function: Callable[[Connection], T]) -> T:
        """Return what a function reads; it sees one state of the database.

        Raises:
            DatabaseError: If the database cannot be reached.
            Exception: What the function raises.
        """
        return await self._backend.read(function)

    async def glance(self, function: Callable[[Connection], T]) -> T:
        """Return what a function finds by a key: one short statement, often asked.

        Raises:
            DatabaseError: If the database cannot be reached.
            Exception: What the function raises.
        """
        return await self._backend.glance(function)

    async def find(
        self, lookup: Lookup, values: Mapping[str, Any]
    ) -> Sequence[Any] | None:
        """Return the row that a lookup finds; `None` if there is none.

        Args:
            lookup: What is asked so often that it is made ready once.
            values: The values of its parameters.

        Raises:
            DatabaseError: If the database cannot be reached.
        """
        return await self._backend.find(lookup, values)

    async def write(self, function: Callable[[Connection], T]) -> T:
        """Return what a function returns, when all that it wrote is on the disk.

        Nothing of it is written if the function raises. Whoever is cancelled here
        does not know whether it was written.

        Raises:
            DatabaseError: If the database cannot be reached, or did not take it.
            Exception: What the function raises.
        """
        begun = time.monotonic()
        written = await self._backend.write(function)
        self.told(time.monotonic() - begun)
        return written

    async def notices(self, channel: str) -> AsyncGenerator[str, None]:
        """Yield what other processes notify of, until the connection is lost.

        A file has no news: what reads it looks.

        Args:
            channel: What about.

        Raises:
            DatabaseError: If the database cannot be reached any more.
        """
        if isinstance(self._backend, PostgreSQL):
            async with aclosing(self._backend.notices(channel)) as notices:
                async for notice in notices:
                    yield notice

    async def close(self) -> None:
        """Let the database go, when what is being done is done."""
        await self._backend.close()


_FORMS = "use postgresql://user@host/name, sqlite:///path, or the path of a file"
