"""The queue's tables, which are procrastinate's: made once, however many start."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

__all__ = ["conninfo", "make_tables"]

LOCK = 0x5A475F51
"""What the advisory lock is called: "ZG_Q"."""
_OURS = frozenset({"lease_seconds"})
"""The parameters of a journal's address that libpq does not know."""


def conninfo(journal: str) -> str | None:
    """Return what libpq takes for the database of a journal; `None` if it is in none.

    Args:
        journal: The journal's address.
    """
    scheme, colon, rest = journal.partition(":")
    if scheme not in ("postgresql", "postgres") or not rest.startswith("//"):
        return None
    start, mark, query = rest.partition("?")
    pairs = [p for p in parse_qsl(query, keep_blank_values=True) if p[0] not in _OURS]
    kept = urlencode(pairs, quote_via=quote)
    return f"postgresql{colon}{start}{mark}{kept}" if kept else f"postgresql:{start}"


async def make_tables(connection: AsyncConnection[TupleRow]) -> None:
    """Make the tables, if there are none; the others wait meanwhile.

    Args:
        connection: A connection that commits each statement.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        known = await connection.execute("SELECT to_regclass('procrastinate_jobs')")
        row = await known.fetchone()
        if row is not None and row[0] is None:
            await connection.execute(SchemaManager.get_schema())
