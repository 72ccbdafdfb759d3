"""All that is kept of a tenant, in whichever table: to be taken along, or erased.

The tables say themselves whose their rows are, by what they refer to; so one that is
added later is neither forgotten here nor left behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    delete,
    or_,
    select,
)

from ..database import Database, metadata
from . import tables

__all__ = ["erase_rows", "exported", "of_tenant"]

_SECRETS = frozenset({"password_hash", "sealed", "key_sha256", "request_sha256"})
"""Columns that are nobody's to read, beside those that hold bytes: digests."""
_INTERNAL = frozenset(
    {"job_queue", "refresh_tokens", "tickets", "recovery_codes", "oauth_states"}
)
_AT_ONCE = 500


def of_tenant(tenant: str) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield each table with rows of tenants, and which of its rows are one's.

    A table comes before those that its rows refer to.
    """
    mine = select(tables.users.c.id).where(tables.users.c.tenant_id == tenant)
    for table in reversed(metadata.sorted_tables):
        conditions: list[ColumnElement[bool]] = []
        if table is tables.tenants:
            conditions.append(table.c.id == tenant)
        for column in table.c:
            owners = {key.column.table.name for key in column.foreign_keys}
            if tables.tenants.name in owners or column.name == "tenant_id":
                conditions.append(column == tenant)
            elif tables.users.name in owners:
                conditions.append(column.in_(mine))
        if conditions:
            yield table, or_(*conditions)


def erase_rows(connection: Connection, tenant: str) -> None:
    """Delete every row of a tenant, and the tenant last."""
    for table, which in of_tenant(tenant):
        connection.execute(delete(table).where(which))


async def exported(
    database: Database, tenant: str
) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield every row of a tenant, with the name of its table, and without secrets.

    Args:
        database: The database.
        tenant: The tenant.
    """
    for table, which in reversed(list(of_tenant(tenant))):
        if table.name in _INTERNAL:
            continue
        shown = [
            column
            for column in table.c
            if column.name not in _SECRETS and not isinstance(column.type, LargeBinary)
        ]
        ordered = select(*shown).where(which).order_by(*table.primary_key)
        start = 0
        while True:
            query = ordered.limit(_AT_ONCE).offset(start)
            rows = await database.read(
                lambda c, query=query: c.execute(query).mappings().all()  # type: ignore[misc]
            )
            for row in rows:
                yield table.name, dict(row)
            if len(rows) < _AT_ONCE:
                break
            start += _AT_ONCE
