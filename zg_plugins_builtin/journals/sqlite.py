"""A journal in a SQLite file, for one machine: the default."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from zg_core import (
    ENDED,
    ConfigError,
    Event,
    JournalError,
    Pending,
    Requested,
    RunAccepted,
    RunStatus,
    RunSummary,
    data_dir,
    decode_event,
    encode_event,
    status_after,
)

from . import _sqlite_rows as rows
from ._following import DONE, PAGE, ended_by, status_by
from ._owner import Owner
from ._sqlite_reader import Reader
from ._sqlite_writer import Writer

__all__ = ["SqliteJournal", "open_journal"]


def open_journal(address: str) -> SqliteJournal:
    """Make a journal of what follows ``sqlite:`` in its address.

    Args:
        address: Nothing for the file in the user's data folder, or ``///`` and a
            path: ``sqlite:///runs.db`` is relative, ``sqlite:////var/runs.db``
            absolute, as SQLAlchemy has it.

    Raises:
        ConfigError: If it is neither.
    """
    if not address:
        folder = data_dir()
        with suppress(OSError):  # what is wrong with it shows when it is used
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SqliteJournal(folder / "runs.db")
    start, path = address[:3], address[3:]
    if start != "///" or not path.strip("/"):
        raise ConfigError(
            f"{'sqlite:' + address!r} is no address of a journal",
            "write sqlite, or sqlite:///path/to/runs.db",
        )
    return SqliteJournal(Path(path).expanduser())


class SqliteJournal:
    """A `Journal` in a SQLite file.

    The file is opened when it is first used; what only reads makes none.

    Args:
        path: The file.
        lease_seconds: How long an owner is believed to live without saying so. It
            does three times in that time.
        busy_seconds: How long to wait for another process that writes.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        lease_seconds: float = 15.0,
        busy_seconds: float = 5.0,
    ) -> None:
        self._path = Path(path)
        self._lease_seconds = lease_seconds
        self._busy_seconds = busy_seconds
        self._pid = os.getpid()
        self._open_writer: Writer | None = None
        self._open_reader: Reader | None = None
        self._let_go: set[str] = set()

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self._path)!r})"

    async def create(self, accepted: RunAccepted) -> None:
        """Begin a run; see `Journal.create`."""
        accepted = replace(accepted, seq=1)
        body = encode_event(accepted).decode()
        await self._writer.do(partial(rows.create, accepted=accepted, body=body))

    async def claim(self, run_id: str) -> int:
        """Become a run's owner; see `Journal.claim`."""
        self._let_go.discard(run_id)
        writer = self._writer
        owner, epochs = writer.owner, list[int]()

        def work(file: sqlite3.Connection) -> int:
            epochs.append(rows.claim(file, run_id, owner, writer.lease))
            writer.owning = True
            return epochs[-1]

        def disclaim(file: sqlite3.Connection) -> None:
            for epoch in epochs:
                rows.release(file, run_id, epoch, owner)

        try:
            # An owner does not outlive a crash of the machine, and need not be known
            # then.
            epoch: int = await writer.do(work, synced=False)
        except asyncio.CancelledError:
            # Nobody else would ever let it go.
            writer.ride(disclaim, ("requests", run_id))
            raise
        return epoch

    async def release(self, run_id: str, epoch: int) -> None:
        """Stop being a run's owner; see `Journal.release`."""
        if run_id in self._let_go:
            self._let_go.discard(run_id)
            return
        writer = self._writer
        await writer.do(
            lambda file: rows.release(file, run_id, epoch, writer.owner), synced=False
        )

    async def append(
        self, run_id: str, epoch: int, events: Sequence[Event], *, durable: bool = True
    ) -> None:
        """Add events to a run; see `Journal.append`."""
        if not events:
            return
        writer = self._writer
        entry = _entry(run_id, epoch, events, writer.owner)
        work = partial(rows.append, entry=entry)
        if durable:
            await writer.do(work, ("events", run_id), events=events)
            if entry.status in DONE:
                self._let_go.add(run_id)
        else:
            writer.ride(work, ("events", run_id), events)

    async def read(self, run_id: str, after: int = 0) -> list[Event]:
        """Return a run's events; see `Journal.read`."""
        _, events = await self._look(run_id, after)
        return [*events]

    async def subscribe(
        self, run_id: str, after: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Yield a run's events as they come; see `Journal.subscribe`."""
        status: RunStatus | None = None
        with self._writer.listening(("events", run_id)) as ear:
            while True:
                ear.news.clear()
                events: Sequence[Event] | None = ear.take(after) if status else None
                if events is None:
                    status, events = await self._look(run_id, after, PAGE)
                for event in events:
                    after = event.seq
                    status = status_after(event) or status
                    yield event
                if len(events) == PAGE:
                    status = None
                elif status in ENDED:
                    return
                else:
                    await ear.news.wait()

    async def list(
        self, *, limit: int = 100, status: RunStatus | None = None
    ) -> list[RunSummary]:
        """Return the latest runs; see `Journal.list`."""
        return await self._reader.look(lambda file: rows.latest(file, limit, status))

    async def delete(self, run_id: str) -> None:
        """Forget a run; see `Journal.delete`."""
        await self._writer.do(
            lambda file: rows.delete(file, run_id), ("events", run_id)
        )

    async def request(self, run_id: str, event: Requested) -> str:
        """Ask a run's owner for something; see `Journal.request`."""
        request_id = uuid.uuid4().hex
        body = encode_event(replace(event, request_id=request_id)).decode()
        await self._writer.do(
            lambda file: rows.ask(file, run_id, request_id, body),
            ("requests", run_id),
        )
        return request_id

    async def requests(self, run_id: str) -> AsyncGenerator[Pending, None]:
        """Yield a run's requests as they come; see `Journal.requests`."""
        seen = 0
        with self._writer.listening(("requests", run_id)) as ear:
            while True:
                ear.news.clear()
                query = partial(rows.read_requests, run_id=run_id, after=seen)
                for number, body in await self._reader.look(query):
                    seen = number
                    event = decode_event(body)
                    # What a newer version asks for waits for an owner of its kind.
                    if isinstance(event, Requested) and event.request_id:
                        yield Pending(request_id=event.request_id, event=event)
                await ear.news.wait()

    async def close(self) -> None:
        """Write what is waiting and let the file go; using it again opens it again."""
        reader, self._open_reader = self._open_reader, None
        writer, self._open_writer = self._open_writer, None
        if reader is not None:
            await reader.close()
        if writer is not None:
            await writer.close()

    # -- Inside ------------------------------------------------------------------------

    async def _look(
        self, run_id: str, after: int, most: int = -1
    ) -> tuple[RunStatus, Sequence[Event]]:
        """Return a run's status and its events after a ``seq``, of one moment."""
        if self._open_writer is not None:
            await self._open_writer.settle()

        def query(file: sqlite3.Connection) -> tuple[RunStatus, Sequence[Event]]:
            status, bodies = rows.read_events(file, run_id, after, most)
            return status, [decode_event(body) for body in bodies]

        return await self._reader.look(query)

    @property
    def _writer(self) -> Writer:
        self._refuse_fork()
        if self._open_writer is None or not self._open_writer.alive:
            self._open_writer = Writer(
                self._path,
                Owner.here().encode(),  # what the last one has it lets go by itself
                lease_seconds=self._lease_seconds,
                busy_seconds=self._busy_seconds,
            )
        return self._open_writer

    @property
    def _reader(self) -> Reader:
        self._refuse_fork()
        if self._open_reader is None:
            self._open_reader = Reader(self._path, busy_seconds=self._busy_seconds)
        return self._open_reader

    def _refuse_fork(self) -> None:
        """Refuse a child of the process: its copy has no threads and no locks."""
        if os.getpid() != self._pid:
            raise JournalError(
                f"the journal {str(self._path)!r} was opened by the parent process",
                "make a new one in the child",
            )


def _entry(run_id: str, epoch: int, events: Sequence[Event], owner: str) -> rows.Entry:
    return rows.Entry(
        run_id=run_id,
        epoch=epoch,
        owner=owner,
        status=status_by(run_id, events),
        rows=[(run_id, event.seq, encode_event(event).decode()) for event in events],
        at=events[-1].at,
        ended=ended_by(events),
    )
