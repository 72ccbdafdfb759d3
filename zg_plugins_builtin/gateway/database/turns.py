"""Whose turn it is to do what only one at a time may do, in all processes."""

from __future__ import annotations

from sqlalchemy import Connection, text

__all__ = ["one_at_a_time"]

_CLASS = 0x5A475F54
"""What PostgreSQL's advisory locks of this kind are called: "ZG_T"."""
_LOCKED = text("SELECT pg_advisory_xact_lock(:class, hashtext(:what))")


def one_at_a_time(connection: Connection, what: str) -> None:
    """Wait until nobody else does the same; they do until this transaction ends.

    Who counts what is there, and adds to it if there is room, does both in one turn.
    Two names may be one turn by chance, which costs time and nothing else.

    Args:
        connection: The transaction; it must see what others have committed.
        what: What is done, and for whom.
    """
    if connection.dialect.name == "postgresql":  # SQLite lets one write at a time
        connection.execute(_LOCKED, {"class": _CLASS, "what": what})
