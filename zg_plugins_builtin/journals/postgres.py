"""A journal on a PostgreSQL server, for many machines."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace

from zg_core import (
    ENDED,
    ConfigError,
    Event,
    InputError,
    JournalError,
    Pending,
    Requested,
    RunAccepted,
    RunBusyError,
    RunStatus,
    RunSummary,
    encode_event,
    status_after,
)

from ._following import PAGE, ended_by, status_by
from ._owner import Owner

try:
    from . import _postgres_jobs as jobs
    from ._postgres_asked import Topic
    from ._postgres_batch import not_found
    from ._postgres_reader import Latest, Look
    from ._postgres_server import Server, lease_of
    from ._postgres_thread import Backstage
except ImportError as error:
    raise ConfigError(
        "a journal on PostgreSQL takes a driver that is not installed",
        'install it with: pip install "zerogravity[postgres]"',
    ) from error

__all__ = ["PostgresJournal", "open_journal"]

_LAST = 2**63 - 1
"""The largest number that the server knows: one that is larger spoils a query."""


def open_journal(address: str) -> PostgresJournal:
    """Make a journal of what follows ``postgresql:`` or ``postgres:`` in its address.

    Args:
        address: ``//``, and what libpq takes for the address of a database. The
            parameter ``lease_seconds`` is ours.

    Raises:
        ConfigError: If it is none.
    """
    return PostgresJournal(f"postgresql:{address}")


class PostgresJournal:
    """A `Journal` in a PostgreSQL database.

    It connects when it is first used, and then makes its tables if there are none.

    Args:
        address: The address of the database, ``postgresql://…``.
        lease_seconds: How long an owner is believed to live without saying so, if
            the address does not say. It does three times in that time.
        patience_seconds: How long to wait for a server that can be reached no more.
    """

    def __init__(
        self,
        address: str,
        *,
        lease_seconds: float = 15.0,
        patience_seconds: float = 10.0,
    ) -> None:
        address, self._lease_seconds = lease_of(address, lease_seconds)
        if not address.startswith("postgresql://"):
            raise ConfigError(
                "the address of the journal is none of a PostgreSQL database",
                "write postgresql://USER@HOST/DATABASE",
            )
        self._server = Server(address, lease_seconds=self._lease_seconds)
        self._patience_seconds = patience_seconds
        self._pid = os.getpid()
        self._open: Backstage | None = None

    def __repr__(self) -> str:
        return f"PostgresJournal({self._server.place!r})"

    async def create(self, accepted: RunAccepted) -> None:
        """Begin a run; see `Journal.create`."""
        if not _sayable(accepted.run_id):
            raise InputError(
                f"{accepted.run_id!r} cannot name a run", "choose another id"
            )
        accepted = replace(accepted, seq=1)
        body = encode_event(accepted).decode()
        job = jobs.Create(
            run_id=accepted.run_id,
            size=len(body),
            at=accepted.at,
            workflow=accepted.workflow.name,
            objective=accepted.objective,
            body=body,
        )
        await self._backstage.write(job)

    async def claim(self, run_id: str) -> int:
        """Become a run's owner; see `Journal.claim`."""
        backstage, job = self._backstage, jobs.Claim(run_id=_known(run_id))
        try:
            epoch: int = await backstage.write(job)
        except RunBusyError:
            raise
        except (asyncio.CancelledError, JournalError):
            # It may be ours all the same, and nobody would ever let it go.
            with suppress(JournalError):  # it was closed, which lets all go
                backstage.ride(jobs.Disclaim(run_id=run_id, claim=job))
            raise
        return epoch

    async def release(self, run_id: str, epoch: int) -> None:
        """Stop being a run's owner; see `Journal.release`."""
        if _sayable(run_id):
            await self._backstage.write(jobs.Release(run_id=run_id, epoch=epoch))

    async def append(
        self, run_id: str, epoch: int, events: Sequence[Event], *, durable: bool = True
    ) -> None:
        """Add events to a run; see `Journal.append`."""
        if not events:
            return
        job = _append(_known(run_id), epoch, events)
        if durable:
            await self._backstage.write(job)
        else:
            self._backstage.ride(job)

    async def read(self, run_id: str, after: int = 0) -> list[Event]:
        """Return a run's events; see `Journal.read`."""
        look = Look(what="events", run_id=_known(run_id), after=min(after, _LAST))
        _, events = await self._backstage.read(look)
        return [*events]

    async def subscribe(
        self, run_id: str, after: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Yield a run's events as they come; see `Journal.subscribe`."""
        topic: Topic = ("events", _known(run_id))
        after = min(after, _LAST)
        backstage = self._backstage
        status: RunStatus | None = None
        with backstage.listening(topic) as ear:
            while True:
                ear.news.clear()
                events: Sequence[Event] | None = ear.take(after) if status else None
                if events is None:
                    look = Look(what="events", run_id=run_id, after=after, most=PAGE)
                    status, events = await backstage.read(look)
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
        runs: list[RunSummary] = await self._backstage.read(
            Latest(limit=max(0, min(limit, _LAST)), status=status)
        )
        return runs

    async def delete(self, run_id: str) -> None:
        """Forget a run; see `Journal.delete`."""
        await self._backstage.write(jobs.Delete(run_id=_known(run_id)))

    async def request(self, run_id: str, event: Requested) -> str:
        """Ask a run's owner for something; see `Journal.request`."""
        request_id = uuid.uuid4().hex
        body = encode_event(replace(event, request_id=request_id)).decode()
        job = jobs.Ask(
            run_id=_known(run_id), size=len(body), request_id=request_id, body=body
        )
        await self._backstage.write(job)
        return request_id

    async def requests(self, run_id: str) -> AsyncGenerator[Pending, None]:
        """Yield a run's requests as they come; see `Journal.requests`."""
        seen = 0
        backstage = self._backstage
        with backstage.listening(("requests", _known(run_id))) as ear:
            while True:
                ear.news.clear()
                look = Look(what="requests", run_id=run_id, after=seen)
                for number, pending in await backstage.read(look):
                    seen = number
                    yield pending
                await ear.news.wait()

    async def close(self) -> None:
        """Write what is waiting and let the connections go; using it opens it again."""
        backstage, self._open = self._open, None
        if backstage is not None:
            await backstage.close()

    # -- Inside ------------------------------------------------------------------------

    @property
    def _backstage(self) -> Backstage:
        if os.getpid() != self._pid:
            # A child's copy has no thread, and shares the connections.
            raise JournalError(
                f"the journal {self._server.place!r} was opened by the parent process",
                "make a new one in the child",
            )
        if self._open is None or not self._open.alive:
            owner = Owner.here()  # what the last one has it lets go by itself
            self._open = Backstage(
                self._server,
                owner.journal,
                owner.encode(),
                lease_seconds=self._lease_seconds,
                patience_seconds=self._patience_seconds,
            )
        return self._open


def _append(run_id: str, epoch: int, events: Sequence[Event]) -> jobs.Append:
    status = status_by(run_id, events)
    bodies = [encode_event(event).decode() for event in events]
    return jobs.Append(
        run_id=run_id,
        size=sum(map(len, bodies)),
        epoch=epoch,
        first=events[0].seq,
        bodies=bodies,
        at=events[-1].at,
        status=status,
        ended=ended_by(events),
        events=events,
    )


def _known(run_id: str) -> str:
    """Return the id of a run; one that the server cannot even be asked for is none."""
    if not _sayable(run_id):
        raise not_found(run_id)
    return run_id


def _sayable(run_id: str) -> bool:
    """Tell whether the server has all characters of a text, and it is in one piece."""
    plain = run_id.encode("utf-8", "replace").decode() == run_id
    return plain and "\x00" not in run_id and run_id.split() == [run_id]
