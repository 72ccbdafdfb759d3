"""What reads a PostgreSQL journal: few connections, many questions in each query."""

from __future__ import annotations

import asyncio
import copy
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from zg_core import (
    JournalError,
    Pending,
    Requested,
    RunStatus,
    RunSummary,
    ZeroGravityError,
    decode_event,
)

from ._owner import Owner
from ._postgres_asked import Asked, Inbox, answer
from ._postgres_batch import not_found
from ._postgres_server import Server, backing_off, fault, passing

__all__ = ["Latest", "Look", "Reader"]

Connection = AsyncConnection[TupleRow]

_MOST = 64
"""How many questions go into one query; the other readers take the next."""


@dataclass(slots=True, eq=False, kw_only=True)
class Look(Asked):
    """What is there of a run after a number.

    Its result is the run's status and its events, or a list of numbers and requests;
    of events there are no more than *most*.
    """

    what: Literal["events", "requests"]
    run_id: str
    after: int
    most: int | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Latest(Asked):
    """The latest runs."""

    limit: int
    status: RunStatus | None


# OFFSET 0 keeps the inner query one for each run, by its index, however the server
# guesses the number of runs.
_EVENTS = """SELECT n, status, body
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[])
        WITH ORDINALITY AS wanted (id, after, most, n)
    JOIN zg_journal_runs ON run_id = id
    LEFT JOIN LATERAL (SELECT seq, body FROM zg_journal_events AS event
        WHERE event.run_id = id AND seq > after ORDER BY seq LIMIT most OFFSET 0
        ) AS found ON true
    ORDER BY n, found.seq"""
_REQUESTS = """SELECT n, found.number, body
    FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY AS wanted (id, after, n)
    JOIN zg_journal_runs AS run ON run_id = id
    LEFT JOIN LATERAL (SELECT asked.number AS number, body
        FROM zg_journal_requests AS asked
        WHERE asked.run_id = id AND asked.number > after AND NOT ended
        ORDER BY asked.number OFFSET 0) AS found ON true
    ORDER BY n, found.number"""
_LATEST = """SELECT run_id, objective, workflow, status, created_at, updated_at,
        CASE WHEN lease > clock_timestamp() THEN process END
    FROM zg_journal_runs LEFT JOIN zg_journal_owners USING (owner)
    WHERE %s::text IS NULL OR status = %s ORDER BY number DESC LIMIT %s"""


class Reader:
    """Answers what is asked, over a connection of its own that is opened when needed.

    Args:
        server: Where from.
        asked: What to answer, with other readers.
        patience_seconds: How long a server that cannot be reached is waited for.
    """

    def __init__(
        self, server: Server, asked: Inbox[Look | Latest], *, patience_seconds: float
    ) -> None:
        self._server = server
        self._asked = asked
        self._patience_seconds = patience_seconds
        self._connection: Connection | None = None
        self._tried = 0

    async def run(self) -> None:
        """Answer until it is cancelled."""
        try:
            while True:
                await self._asked.wait()
                asked = self._asked.take(_MOST)
                try:
                    await self._attempt(asked)
                finally:  # also when the journal is closed: they are told then
                    if left := [item for item in asked if not item.done]:
                        self._asked.put_back(left)
        finally:
            await self._disconnect()

    async def _attempt(self, asked: list[Look | Latest]) -> None:
        """Answer; those that could not be answered yet are left."""
        if not asked:
            return
        try:
            if self._connection is None:
                self._connection = await self._server.connect(autocommit=True)
            await _read(self._connection, asked)
        except (psycopg.Error, OSError, JournalError) as error:
            await self._disconnect()
            await self._note(asked, error)
        else:
            self._tried = 0
            answer(asked)

    async def _note(self, asked: list[Look | Latest], error: BaseException) -> None:
        late = time.monotonic() - self._patience_seconds
        waiting = self._server.reached and passing(error)
        failed = [item for item in asked if not waiting or item.since < late]
        made = fault(self._server.place, error)
        for item in failed:
            item.error = copy.copy(made)
            item.error.__cause__ = made.__cause__
        answer(failed)
        if len(failed) < len(asked):
            await asyncio.sleep(backing_off(self._tried))
            self._tried += 1

    async def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


async def _read(connection: Connection, asked: Sequence[Look | Latest]) -> None:
    events = [a for a in asked if isinstance(a, Look) and a.what == "events"]
    requests = [a for a in asked if isinstance(a, Look) and a.what == "requests"]
    if events:
        await _look(connection, _EVENTS, events, [look.most for look in events])
    if requests:
        await _look(connection, _REQUESTS, requests)
    for item in asked:
        if isinstance(item, Latest):
            await _latest(connection, item)


async def _look(
    connection: Connection, query: str, looks: Sequence[Look], *more: list[int | None]
) -> None:
    wanted = [look.run_id for look in looks], [look.after for look in looks], *more
    cursor = await connection.execute(query, wanted)
    rows: list[list[tuple[object, str | None]]] = [[] for _ in looks]
    for number, told, body in await cursor.fetchall():
        rows[number - 1].append((told, body))
    for look, found in zip(looks, rows, strict=True):
        try:
            look.result, look.error = _found(look, found), None
        except ZeroGravityError as error:
            look.error = error


def _found(look: Look, rows: Sequence[tuple[object, str | None]]) -> object:
    if not rows:
        raise not_found(look.run_id)
    decoded = [(told, decode_event(body)) for told, body in rows if body is not None]
    if look.what == "events":
        return rows[0][0], [event for _, event in decoded]
    # What a newer version asks for waits for an owner of its kind.
    return [
        (number, Pending(request_id=event.request_id, event=event))
        for number, event in decoded
        if isinstance(event, Requested) and event.request_id
    ]


async def _latest(connection: Connection, asked: Latest) -> None:
    wanted = (asked.status, asked.status, asked.limit)
    cursor = await connection.execute(_LATEST, wanted)
    asked.result = [
        RunSummary(
            run_id=run_id,
            objective=json.loads(objective),
            workflow=workflow,
            status=status,
            created_at=created_at,
            updated_at=updated_at,
            owned=process is not None and not Owner.decode(process).gone,
        )
        for (
            run_id,
            objective,
            workflow,
            status,
            created_at,
            updated_at,
            process,
        ) in await cursor.fetchall()
    ]
    asked.error = None
