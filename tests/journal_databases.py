"""Databases on a PostgreSQL server for tests of the journal, and a wire to cut."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from gateway.postgres import programs, serving

__all__ = ["Wire", "created", "server", "wired"]


@contextmanager
def server() -> Iterator[str]:
    """Yield the address of a server, with ``{}`` for the database."""
    place = programs()
    if place is None:
        pytest.skip("the programs of a PostgreSQL server are not installed")
    with serving(place) as address:
        yield address


def created(server: str, options: str = "") -> str:
    """Return the address of a new database."""
    name = f"journal_{uuid4().hex}"
    with psycopg.connect(server.format("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}")
    return server.format(name)


class Wire:
    """What carries bytes between clients and a server.

    Attributes:
        address: The address of the database at this end.
        losing: The bytes at which a connection is lost: what has them arrives, and
            the answer does not.
        lost: How often that happened.
        cut: Whether nobody gets through.
    """

    def __init__(self, address: str, folder: Path) -> None:
        base, _, host = address.partition("?host=")
        self.address = f"{base}?host={folder}"
        self.losing: bytes | None = None
        self.lost = 0
        self.cut = False
        self._there = f"{host}/.s.PGSQL.5432"
        self._open: set[asyncio.StreamWriter] = set()

    def cut_off(self) -> None:
        """Let nobody through, and end what is open."""
        self.cut = True
        for end in self._open:
            end.close()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve a client."""
        if self.cut:
            writer.close()
            return
        there, back = await asyncio.open_unix_connection(self._there)
        ends = {writer, back}
        self._open |= ends
        losing = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask(reader, back, losing))
                tasks.create_task(self._answer(there, writer, losing))
        except* (OSError, _LostError):
            pass
        finally:
            self._open -= ends
            for end in ends:
                end.close()

    async def _ask(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        losing: asyncio.Event,
    ) -> None:
        while data := await reader.read(1 << 16):
            if self.losing is not None and self.losing in data:
                self.losing = None
                losing.set()
            writer.write(data)
            await writer.drain()
        raise _LostError

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        losing: asyncio.Event,
    ) -> None:
        while data := await reader.read(1 << 16):
            if losing.is_set():  # the server has done it, and nobody hears of it
                self.lost += 1
                break
            writer.write(data)
            await writer.drain()
        raise _LostError


class _LostError(Exception):
    pass


@asynccontextmanager
async def wired(address: str) -> AsyncIterator[Wire]:
    """Yield a wire to a database."""
    with tempfile.TemporaryDirectory(prefix="zgw", dir="/tmp") as folder:
        wire = Wire(address, Path(folder))
        path = Path(folder) / ".s.PGSQL.5432"
        async with await asyncio.start_unix_server(wire.carry, path):
            yield wire
            wire.cut_off()
