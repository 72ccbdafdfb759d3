"""The tables of a PostgreSQL journal, and how they are made."""

from __future__ import annotations

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from zg_core import JournalError

__all__ = ["CHANNEL", "make_tables"]

CHANNEL = "zg_journal"
"""Where the server says what was written."""

_LOCK = 0x5A475F4A
"""The number of the lock under which tables are made: "ZG_J"."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # One row for each open journal. What it owns lives as long as its lease, in
        # the server's time: one row to renew, however many runs.
        """CREATE TABLE zg_journal_owners (
            owner TEXT PRIMARY KEY,
            process TEXT NOT NULL,
            lease TIMESTAMPTZ NOT NULL
        )""",
        # `updated_at` and `seq` are those of the latest event. `objective` is JSON:
        # a text of PostgreSQL cannot have every character. There is room left in
        # pages, so that a row that changes stays where it is.
        """CREATE TABLE zg_journal_runs (
            number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            run_id TEXT NOT NULL UNIQUE,
            status TEXT NOT NULL,
            seq BIGINT NOT NULL,
            epoch BIGINT NOT NULL,
            owner TEXT,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            workflow TEXT NOT NULL,
            objective TEXT NOT NULL
        ) WITH (fillfactor = 70)""",
        "CREATE INDEX zg_journal_runs_by_status ON zg_journal_runs (status, number)",
        """CREATE INDEX zg_journal_runs_by_owner ON zg_journal_runs (owner)
            WHERE owner IS NOT NULL""",
        # JSON as text: it must come back as it was written.
        """CREATE TABLE zg_journal_events (
            run_id TEXT NOT NULL,
            seq BIGINT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (run_id, seq)
        )""",
        # Those that ended stay until their run is forgotten, so that one that is sent
        # a second time, since nobody knows whether it had arrived, is recognised.
        """CREATE TABLE zg_journal_requests (
            number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            request_id TEXT NOT NULL UNIQUE,
            run_id TEXT NOT NULL,
            body TEXT NOT NULL,
            ended BOOLEAN NOT NULL DEFAULT false
        )""",
        "CREATE INDEX zg_journal_requests_by_run ON zg_journal_requests (run_id)",
        """CREATE INDEX zg_journal_requests_open ON zg_journal_requests (run_id, number)
            WHERE NOT ended""",
        "CREATE TABLE zg_journal_versions (version INTEGER PRIMARY KEY)",
    ),
)
"""What brings the tables of each version to the next; their version is their number."""


async def make_tables(connection: AsyncConnection[TupleRow], place: str) -> None:
    """Bring a database to this version of the tables; several may do so at once.

    Args:
        connection: A connection that commits each statement by itself.
        place: What to call the database in errors.

    Raises:
        JournalError: If they are of a newer version, or the database cannot hold them.
    """
    if await _version(connection, place) == len(MIGRATIONS):
        return
    await _refuse_encoding(connection, place)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        # Another process may have done it while this one waited for its turn.
        version = await _version(connection, place)
        for number, migration in enumerate(MIGRATIONS[version:], version + 1):
            for statement in migration:
                await connection.execute(statement)
            await connection.execute(
                "INSERT INTO zg_journal_versions VALUES (%s)", (number,)
            )


async def _version(connection: AsyncConnection[TupleRow], place: str) -> int:
    """Return the version of a database's tables: 0 if there are none."""
    # Not by to_regclass: within a transaction it may not know yet what others made.
    found = await connection.execute(
        "SELECT FROM pg_catalog.pg_class WHERE relname = 'zg_journal_versions'"
        " AND pg_catalog.pg_table_is_visible(oid)"
    )
    if await found.fetchone() is None:
        return 0
    found = await connection.execute("SELECT max(version) FROM zg_journal_versions")
    row = await found.fetchone()
    version = int(row[0] or 0) if row else 0
    if version > len(MIGRATIONS):
        raise JournalError(
            f"the journal {place!r} was written by a newer ZeroGravity (version "
            f"{version} of its tables, and this one knows {len(MIGRATIONS)})",
            "update ZeroGravity, or name another with ZG_JOURNAL",
        )
    return version


async def _refuse_encoding(connection: AsyncConnection[TupleRow], place: str) -> None:
    found = await connection.execute("SHOW server_encoding")
    row = await found.fetchone()
    if row is not None and row[0] != "UTF8":
        raise JournalError(
            f"the database of the journal {place!r} has the encoding {row[0]}, which "
            "lacks most characters",
            "make one with: createdb --encoding=UTF8 --template=template0 NAME",
        )
