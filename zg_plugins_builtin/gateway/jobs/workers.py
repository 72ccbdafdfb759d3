"""The workers that live, as they say themselves, and how much they do at once."""

from __future__ import annotations

from sqlalchemy import BigInteger, Connection, Select, func, literal_column, select
from sqlalchemy import delete as deleted
from sqlalchemy.dialects.postgresql import insert

from . import tables

__all__ = ["BEAT", "beat", "gone", "living", "room"]

WORKERS = tables.workers
BEAT = 1.0
"""Seconds between two signs of life."""
_DEAD = 5_000
_BURIED = 3_600_000
_NOW = literal_column(
    "(extract(epoch FROM clock_timestamp()) * 1000)::bigint", BigInteger
)
"""The time of the database, in milliseconds: that of machines may differ."""


def beat(connection: Connection, worker: str, slots: int) -> None:
    """Say that a worker lives.

    Args:
        connection: The transaction.
        worker: Which one.
        slots: How many jobs it does at once.
    """
    values = {"id": worker, "slots": slots, "seen_at": _NOW}
    said = insert(WORKERS).values(**values)
    again = {"slots": said.excluded.slots, "seen_at": said.excluded.seen_at}
    connection.execute(
        said.on_conflict_do_update(index_elements=[WORKERS.c.id], set_=again)
    )
    connection.execute(deleted(WORKERS).where(WORKERS.c.seen_at < _NOW - _BURIED))


def gone(connection: Connection, worker: str) -> None:
    """Say that a worker lives no more."""
    connection.execute(deleted(WORKERS).where(WORKERS.c.id == worker))


def living() -> Select[tuple[str]]:
    """Return what selects the workers that live."""
    return select(WORKERS.c.id).where(WORKERS.c.seen_at > _NOW - _DEAD)


def room(connection: Connection) -> int:
    """Return how many jobs all workers that live do at once."""
    slots = select(func.coalesce(func.sum(WORKERS.c.slots), 0)).where(
        WORKERS.c.seen_at > _NOW - _DEAD
    )
    return int(connection.execute(slots).scalar_one())
